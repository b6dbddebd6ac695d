//! Decides whether a manifest only takes away more than the built-in one.
//!
//! A manifest from a clone that no one has trusted may delete rows, and empty or null columns, that
//! the built-in manifest keeps. This file lists the statements known to do only that. Every other
//! statement needs trust, including keys that this version does not know. So the text is compared
//! as TOML with the text of the built-in manifest.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::built_in;
use super::manifest::{ANY_POLICY, Manifest};
use super::replacements::REPLACEMENTS;

/// The keys of a policy that are understood here, besides the replacements. Every other key must be
/// unchanged.
const KNOWN_RULES: [&str; 10] = [
    "delete",
    "keep",
    "reason",
    "keep_where",
    "set",
    "null",
    "null_unless",
    "remove_members",
    "redact",
    "audit_allow",
];

/// The keys of a pack's table that a manifest cannot have.
const PACK_KEYS: [&str; 4] = ["identify", "any_name", "extension", "others"];

const CLASSES: [&str; 3] = ["personal", "operational", "content"];

/// The statements that need trust, as dotted names. Empty if the manifest only takes away.
pub fn needs_trust(text: &str) -> Vec<String> {
    let (Ok(given), Some(known)) = (text.parse::<Table>(), built_in()) else {
        return vec!["the whole manifest".to_owned()];
    };
    let mut wanting = Vec::new();
    if given.get("extends").and_then(Value::as_str) != Some("built-in") {
        wanting.push("extends".to_owned());
    }
    for (name, value) in &given {
        let fits = match name.as_str() {
            "schema_version" | "extends" => true,
            "tables" => continue,
            // Every other key adds to the built-in manifest or replaces a part of it.
            _ => is_empty(value) || (name != "after" && Some(value) == known.get(name)),
        };
        if !fits && !wanting.contains(name) {
            wanting.push(name.clone());
        }
    }
    let policies: Vec<&str> = texts(known.get("policies"));
    let known_tables = known.get("tables").and_then(Value::as_table);
    match given.get("tables") {
        None => {}
        Some(Value::Table(tables)) => {
            for (name, table) in tables {
                let known =
                    known_tables.and_then(|known| known.get(name)).and_then(Value::as_table);
                let (Some(known), Some(table)) = (known, table.as_table()) else {
                    wanting.push(format!("tables.{name}"));
                    continue;
                };
                let found = table_needs_trust(table, known, &policies);
                wanting.extend(found.into_iter().map(|key| format!("tables.{name}.{key}")));
            }
        }
        Some(_) => wanting.push("tables".to_owned()),
    }
    wanting
}

/// The built-in manifest with the entries of its packs.
fn built_in() -> Option<Table> {
    let mut whole = built_in::TEXT.parse::<Table>().ok()?;
    let tables = whole.get_mut("tables")?.as_table_mut()?;
    for pack in Manifest::built_in().ok()?.packs {
        let of_pack = pack.text.parse::<Table>().ok()?;
        for (name, table) in of_pack.get("tables").and_then(Value::as_table).into_iter().flatten() {
            let mut table = table.as_table()?.clone();
            PACK_KEYS.iter().for_each(|key| drop(table.remove(*key)));
            tables.entry(name.clone()).or_insert(Value::Table(table));
        }
    }
    Some(whole)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Table(table) => table.values().all(is_empty),
        _ => false,
    }
}

fn table_needs_trust(given: &Table, known: &Table, policies: &[&str]) -> Vec<String> {
    let mut wanting = Vec::new();
    let class = given.get("class");
    if class != known.get("class") && class.and_then(Value::as_str) != Some("personal") {
        wanting.push("class".to_owned());
    }
    for class in CLASSES {
        // Removing a column from a list, or listing a new one, would decide its class here. A more
        // private class is fine.
        let listed = texts(given.get(class));
        let is_known = |column: &&str| {
            let was = class_of(known, column);
            was == Some(class) || (was.is_some() && class == "personal")
        };
        if !listed.iter().all(is_known) {
            wanting.push(class.to_owned());
        }
        let is_listed = |column: &str| class_of(given, column).is_some();
        if !texts(known.get(class)).into_iter().all(is_listed)
            && !wanting.contains(&class.to_owned())
        {
            wanting.push(class.to_owned());
        }
    }
    for name in given.keys().chain(known.keys()) {
        let is_understood =
            matches!(name.as_str(), "class" | "policy") || CLASSES.contains(&name.as_str());
        if !is_understood && given.get(name) != known.get(name) && !wanting.contains(name) {
            wanting.push(name.clone());
        }
    }
    let (given, known) = (rules(given), rules(known));
    for name in given.keys() {
        if name != ANY_POLICY && !policies.contains(&name.as_str()) {
            wanting.push(format!("policy.{name}"));
        }
    }
    for policy in policies {
        let rule =
            |of: &BTreeMap<String, Table>| of.get(*policy).or_else(|| of.get(ANY_POLICY)).cloned();
        let (given_rule, known_rule) = (rule(&given), rule(&known));
        let only_takes_away = match (&given_rule, &known_rule) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(given), known) => takes_away(given, known.as_ref().unwrap_or(&Table::new())),
        };
        if !only_takes_away {
            let name = if given.contains_key(*policy) { policy } else { ANY_POLICY };
            let key = format!("policy.{name}");
            if !wanting.contains(&key) {
                wanting.push(key);
            }
        }
    }
    wanting
}

fn class_of<'a>(table: &Table, column: &str) -> Option<&'a str> {
    CLASSES.into_iter().find(|class| texts(table.get(*class)).contains(&column))
}

fn rules(table: &Table) -> BTreeMap<String, Table> {
    let policies = table.get("policy").and_then(Value::as_table).into_iter().flatten();
    policies
        .map(|(name, rule)| (name.clone(), rule.as_table().cloned().unwrap_or_default()))
        .collect()
}

/// Whether one rule leaves no more data than another.
fn takes_away(given: &Table, known: &Table) -> bool {
    // If every row is deleted, the rest of the rule does not matter.
    let says_only = |names: &[&str]| given.keys().all(|name| names.contains(&name.as_str()));
    if given.get("delete") == Some(&Value::Boolean(true)) && says_only(&["delete", "reason"]) {
        return true;
    }
    let is_unchanged = |name: &str| given.get(name) == known.get(name);
    let others = given.keys().chain(known.keys());
    let others_are_unchanged =
        others.filter(|name| !is_known_rule(name)).all(|name| is_unchanged(name));
    // The rows that stay are unchanged.
    let rows_are_unchanged = ["delete", "keep_where"].into_iter().all(is_unchanged);
    let says_keep = given.get("keep") == Some(&Value::Boolean(true));
    let keep_is_unchanged = !says_keep || is_unchanged("keep");
    let allowed = texts(known.get("audit_allow"));
    let audit_sees_as_much =
        texts(given.get("audit_allow")).iter().all(|column| allowed.contains(column));

    let (given, known) = (actions(given), actions(known));
    let is_empty_or_null = |actions: &Vec<(&str, Value)>| {
        matches!(actions.as_slice(), [("null", _)])
            || matches!(actions.as_slice(), [("set", Value::String(text))] if text.is_empty())
    };
    let columns_take_away = given
        .iter()
        .all(|(column, does)| known.get(column) == Some(does) || is_empty_or_null(does))
        && known.keys().all(|column| given.contains_key(column));
    others_are_unchanged
        && rows_are_unchanged
        && keep_is_unchanged
        && audit_sees_as_much
        && columns_take_away
}

fn is_known_rule(name: &str) -> bool {
    KNOWN_RULES.contains(&name) || REPLACEMENTS.iter().any(|replacement| replacement.word == name)
}

/// What happens to each column.
fn actions(rule: &Table) -> BTreeMap<&str, Vec<(&'static str, Value)>> {
    let mut all: BTreeMap<&str, Vec<(&'static str, Value)>> = BTreeMap::new();
    for kind in ["set", "null_unless", "remove_members", "redact"] {
        for (column, value) in rule.get(kind).and_then(Value::as_table).into_iter().flatten() {
            all.entry(column).or_default().push((kind, value.clone()));
        }
    }
    let words = REPLACEMENTS.iter().map(|replacement| replacement.word);
    for kind in words.chain(["null"]) {
        for column in texts(rule.get(kind)) {
            all.entry(column).or_default().push((kind, Value::Boolean(true)));
        }
    }
    all
}

/// The strings of a list.
fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrub::Manifest;

    const HEAD: &str = "schema_version = 1\nextends = \"built-in\"\n";

    #[track_caller]
    fn wanting(rest: &str) -> Vec<String> {
        let text = format!("{HEAD}{rest}");
        Manifest::parse("test", &text).unwrap_or_else(|error| panic!("{error}"));
        needs_trust(&text)
    }

    #[track_caller]
    fn assert_wants(rest: &str, key: &str) {
        let found = wanting(rest);
        assert!(found.iter().any(|one| one == key), "{key} is not in {found:?}");
    }

    const USERS: &str = "[tables.users_user]\nclass = \"personal\"\n\
        personal = [\"password\", \"username\", \"first_name\", \"last_name\", \"email\", \"last_login\"]\n\
        operational = [\"date_joined\", \"id\", \"is_active\", \"is_staff\", \"is_superuser\"]\n";

    #[test]
    fn deleting_emptying_and_nulling_need_no_trust() {
        assert_eq!(wanting(""), [""; 0]);
        assert_eq!(
            wanting(&format!("{USERS}[tables.users_user.policy.any]\ndelete = true\n")),
            [""; 0]
        );
        let staging = "[tables.users_user.policy.staging]\ndelete = true\n";
        let local = "[tables.users_user.policy.local]\n\
            set = { username = \"user.{id}\", first_name = \"\", last_name = \"{id}\", email = \"\" }\n\
            unusable_password = [\"password\"]\nnull = [\"last_login\", \"date_joined\"]\n";
        assert_eq!(wanting(&format!("{USERS}{staging}{local}")), [""; 0]);
    }

    #[test]
    fn keeping_needs_trust() {
        let keep = "[tables.users_user.policy.any]\nkeep = true\nreason = \"x\"\n";
        assert_wants(&format!("{USERS}{keep}"), "tables.users_user.policy.any");
        let sessions = "[tables.django_session]\nclass = \"personal\"\n\
            personal = [\"session_data\", \"session_key\"]\n[tables.django_session.policy.any]\n";
        for rule in [
            "keep = true\nreason = \"x\"",
            "keep_where = [{ column = \"session_key\", not_null = true }]",
            "null = [\"session_data\"]",
        ] {
            assert_wants(&format!("{sessions}{rule}\n"), "tables.django_session.policy.any");
        }
        // Rewrites less than before.
        let weaker = "[tables.users_user.policy.staging]\ndelete = true\n\
            [tables.users_user.policy.local]\nset = { username = \"user.{id}\" }\n";
        assert_wants(&format!("{USERS}{weaker}"), "tables.users_user.policy.local");
        let other = "[tables.users_user.policy.staging]\ndelete = true\n\
            [tables.users_user.policy.local]\nset = { username = \"user.{id}\", first_name = \"User\", \
            last_name = \"{email}\", email = \"\" }\nunusable_password = [\"password\"]\nnull = [\"last_login\"]\n";
        let text = format!("{HEAD}{USERS}{other}");
        assert!(!needs_trust(&text).is_empty());
    }

    #[test]
    fn classes_allow_lists_and_sql_need_trust() {
        assert_wants("[tables.new_table]\nclass = \"content\"\n", "tables.new_table");
        let less = "[tables.users_user]\nclass = \"content\"\n\
            personal = [\"password\", \"username\", \"first_name\", \"last_name\"]\ncontent = [\"email\"]\n\
            [tables.users_user.policy.any]\ndelete = true\n";
        assert_wants(less, "tables.users_user.class");
        assert_wants(less, "tables.users_user.content");
        let fewer = "[tables.users_user]\nclass = \"personal\"\npersonal = [\"password\"]\n\
            [tables.users_user.policy.any]\ndelete = true\n";
        assert_wants(fewer, "tables.users_user.personal");
        let allow = "[tables.users_user.policy.local]\ndelete = true\n\
            [tables.users_user.policy.staging]\nkeep = true\nreason = \"x\"\naudit_allow = [\"about\"]\n";
        assert_wants(&format!("{USERS}{allow}"), "tables.users_user.policy.staging");
        assert_wants("[audit]\nallow = { email = [\"*\"] }\n", "audit");
        assert_wants("[[after]]\npolicies = [\"local\"]\nsql = \"SELECT 1\"\n", "after");
        // The built-in statement would be appended a second time.
        let again = "[[after]]\npolicies = [\"local\", \"staging\"]\nif_table = \"birdbath_execution\"\n\
            sql = \"SELECT 1\"\n";
        assert_wants(again, "after");
        assert_wants("policies = [\"local\"]\n", "policies");
        assert_wants("large_objects = \"content\"\n", "large_objects");
        assert_eq!(wanting("large_objects = \"refuse\"\n"), [""; 0]);
        assert_eq!(needs_trust("schema_version = 1\n"), ["extends"]);
        assert_eq!(needs_trust("not toml"), ["the whole manifest"]);
        // A key that only another version knows.
        assert_eq!(needs_trust(&format!("{HEAD}keep_all = true\n")), ["keep_all"]);
        let new = format!(
            "{HEAD}{USERS}keep_members = {{ x = [\"y\"] }}\n[tables.users_user.policy.any]\ndelete = true\n"
        );
        assert_eq!(needs_trust(&new), ["tables.users_user.keep_members"]);
    }
}
