//! Generates manifests with every kind of rule, for the tables of a generated database. Some do not
//! fit, which both executions must report equally.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::generator::{Column, KNOWN_TEXTS, REFERENCE, Table, Type};

fn string(text: &str) -> String {
    serde_json::to_string(text).expect("a string")
}

fn list(names: &[String]) -> String {
    format!("[{}]", names.join(", "))
}

/// The rule for one column: its key, and the column's part of its value.
type Action = (&'static str, String);

fn template(limit: usize) -> BoxedStrategy<String> {
    let mut all = vec!["", "x", "{{}}", "user.{id}", "it's \\ {id}", "{id}", "\t{id}\n", "$$ü{id}"];
    // The longest possible id has eleven digits.
    all.retain(|one| one.replace("{id}", "12345678901").chars().count() <= limit);
    select(all).prop_map(str::to_owned).boxed()
}

fn action(column: &Column) -> BoxedStrategy<Vec<Action>> {
    let name = string(&column.name);
    let pair = |key: &'static str, value: String| (key, value);
    let mut choices: Vec<BoxedStrategy<Vec<Action>>> = vec![Just(Vec::new()).boxed()];
    if column.nullable {
        choices.push(Just(vec![pair("null", name.clone())]).boxed());
    }
    let set = |values: BoxedStrategy<String>| {
        let name = name.clone();
        values.prop_map(move |value| vec![("set", format!("{name} = {}", string(&value)))]).boxed()
    };
    let kinds = vec!["email", "phone", "nino", "postcode"];
    let redact = {
        let name = name.clone();
        subsequence(kinds, 1..=4).prop_map(move |kinds| {
            let kinds: Vec<String> = kinds.into_iter().map(string).collect();
            vec![("redact", format!("{name} = {}", list(&kinds)))]
        })
    };
    match column.kind {
        Type::Text | Type::Varchar(_) => {
            let limit = if let Type::Varchar(length) = column.kind { length } else { 1000 };
            if column.unique {
                choices.push(set(Just("user.{id}".to_owned()).boxed()));
                choices.push(set(Just("user.{id}".to_owned()).boxed()));
            } else {
                choices.push(set(template(limit)));
                choices.push(redact.boxed());
                if limit >= 30 {
                    choices.push(Just(vec![pair("unusable_password", name.clone())]).boxed());
                }
            }
        }
        Type::Jsonb => {
            let paths = vec!["mail", "*", "user.name", "*.mail", "list.*.name", "*.*", "ü \"x\\"];
            let members = {
                let name = name.clone();
                subsequence(paths, 1..=3).prop_map(move |paths| {
                    let paths: Vec<String> = paths.into_iter().map(string).collect();
                    vec![("remove_members", format!("{name} = {}", list(&paths)))]
                })
            };
            // Members of personal JSON that stay must be named.
            let with_kept = |edits: BoxedStrategy<Vec<Action>>| {
                let name = name.clone();
                let paths = vec!["mail", "user", "*.name", "list.*", "user.*.mail", "ü \"x\\", "*"];
                (edits, subsequence(paths, 0..=4)).prop_map(move |(mut edits, paths)| {
                    let paths: Vec<String> = paths.into_iter().map(string).collect();
                    edits.push(("keep_members", format!("{name} = {}", list(&paths))));
                    edits
                })
            };
            choices.push(set(select(vec!["{{}}".to_owned(), "[1]".into(), "null".into()]).boxed()));
            choices.push(with_kept(members.boxed()).boxed());
            choices.push(with_kept(redact.boxed()).boxed());
            choices.push(with_kept(Just(Vec::new()).boxed()).boxed());
        }
        Type::Integer => choices.push(set(Just("7".to_owned()).boxed())),
        Type::Boolean => choices.push(set(select(vec!["t".to_owned(), "f".into()]).boxed())),
        Type::Uuid | Type::Moment => {}
    }
    proptest::strategy::Union::new(choices).boxed()
}

/// A condition on one of the columns.
fn condition(tables: &[Table], number: usize) -> BoxedStrategy<String> {
    let mut choices: Vec<BoxedStrategy<String>> = Vec::new();
    let table = &tables[number];
    for column in &table.columns {
        let name = string(&column.name);
        let with = move |test: String| format!("{{ column = {name}, {test} }}");
        let mut tests = vec!["is_null = true".to_owned(), "not_null = true".to_owned()];
        match column.kind {
            Type::Integer => tests.extend(["equals = 1".into(), "one_of = [-1, 0, 2, 3]".into()]),
            Type::Boolean => tests.extend(["equals = true".into(), "one_of = [false]".into()]),
            Type::Uuid => {
                tests.push("equals = \"6f9619ff-8b86-d011-b42d-00c04fc964f1\"".into());
            }
            Type::Text | Type::Varchar(_) => {
                let texts: Vec<String> = KNOWN_TEXTS.into_iter().map(string).collect();
                tests.push(format!("equals = {}", texts[0]));
                tests.push(format!("one_of = {}", list(&texts)));
            }
            Type::Jsonb | Type::Moment => {}
        }
        // Columns of the same kind elsewhere.
        for other in tables.iter().enumerate().filter(|(other, _)| *other != number) {
            for there in other.1.columns.iter().filter(|there| {
                (there.kind == column.kind
                    && there.kind != Type::Jsonb
                    && there.kind != Type::Moment)
                    || (there.kind.is_text() && column.kind.is_text())
            }) {
                let reference = string(&format!("{}.{}", other.1.name, there.name));
                if !there.name.contains('.') && there.kind != Type::Boolean {
                    tests.push(format!("in = {reference}"));
                }
            }
        }
        choices.push(select(tests).prop_map(with).boxed());
    }
    choices.push(Just("{ column = \"id\", one_of = [1, 3, 4, 6, 9] }".to_owned()).boxed());
    proptest::strategy::Union::new(choices).boxed()
}

/// How the rule of a table treats its key to another table.
#[derive(Debug, Clone, Copy)]
enum Key {
    Left,
    Kept,
    Nulled,
    NulledUnless,
}

fn rule(tables: &[Table], number: usize) -> impl Strategy<Value = String> + use<> {
    let table = tables[number].clone();
    let other = table.reference.as_ref().map(|one| tables[one.table].name.clone());
    let nullable = table.reference.as_ref().is_some_and(|one| one.nullable);
    let mut keys = vec![Key::Kept, Key::Kept, Key::Left];
    if nullable {
        keys.extend([Key::Nulled, Key::NulledUnless, Key::NulledUnless]);
    }
    let actions: Vec<_> = table.columns.iter().map(action).collect();
    let conditions = prop::collection::vec(condition(tables, number), 0..3);
    let deleted = prop::bool::weighted(0.15);
    let allowed = prop::bool::weighted(0.9);
    (actions, conditions, select(keys), deleted, prop::bool::weighted(0.6), allowed).prop_map(
        move |(actions, mut conditions, key, deleted, filtered, allowed)| {
            let classified = table.columns.iter().filter(|column| column.kind.is_classified());
            let allow: Vec<String> = classified.map(|column| string(&column.name)).collect();
            let mut text = String::from("reason = \"generated\"\n");
            if allowed {
                text.push_str(&format!("audit_allow = {}\n", list(&allow)));
            }
            if deleted {
                text.push_str("delete = true\n");
                return text;
            }
            if !filtered {
                conditions.clear();
            }
            let mut actions: Vec<Action> = actions.into_iter().flatten().collect();
            if let Some(other) = &other {
                let reference = string(&format!("{other}.id"));
                match key {
                    Key::Left => {}
                    Key::Kept => {
                        let condition = format!("{{ column = \"{REFERENCE}\", in = {reference} }}");
                        conditions.push(condition);
                    }
                    Key::Nulled => actions.push(("null", string(REFERENCE))),
                    Key::NulledUnless => {
                        actions
                            .push(("null_unless", format!("{REFERENCE} = {{ in = {reference} }}")));
                    }
                }
            }
            if conditions.is_empty() && actions.is_empty() {
                text.push_str("keep = true\n");
            }
            if !conditions.is_empty() {
                text.push_str(&format!("keep_where = {}\n", list(&conditions)));
            }
            for (key, is_table) in [
                ("set", true),
                ("null", false),
                ("null_unless", true),
                ("unusable_password", false),
                ("keep_members", true),
                ("remove_members", true),
                ("redact", true),
            ] {
                let parts: Vec<&str> =
                    actions.iter().filter(|one| one.0 == key).map(|one| one.1.as_str()).collect();
                let parts = parts.join(", ");
                if !parts.is_empty() {
                    let (open, close) = if is_table { ('{', '}') } else { ('[', ']') };
                    text.push_str(&format!("{key} = {open} {parts} {close}\n"));
                }
            }
            text
        },
    )
}

/// A manifest with two policies for these tables.
pub fn manifest(tables: &[Table]) -> impl Strategy<Value = String> + use<> {
    let rules: Vec<_> =
        (0..tables.len()).map(|number| (rule(tables, number), rule(tables, number))).collect();
    let tables = tables.to_vec();
    rules.prop_map(move |rules| {
        let mut text = String::from("schema_version = 1\n");
        for (table, (local, staging)) in tables.iter().zip(rules) {
            let name = &table.name;
            let columns = table.columns.iter().filter(|column| column.kind.is_classified());
            let columns: Vec<String> = columns.map(|column| string(&column.name)).collect();
            let plain = table.columns.iter().filter(|column| !column.kind.is_classified());
            let plain = plain.map(|column| string(&column.name));
            let keys = ["id", REFERENCE].into_iter().map(string);
            let operational: Vec<String> = keys.chain(plain).collect();
            text.push_str(&format!(
                "[tables.{name}]\nclass = \"personal\"\noperational = {}\npersonal = {}\n\
                 [tables.{name}.policy.local]\n{local}[tables.{name}.policy.staging]\n{staging}",
                list(&operational),
                list(&columns)
            ));
        }
        text
    })
}
