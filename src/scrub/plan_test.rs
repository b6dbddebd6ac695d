//! Tests what a manifest may require of a schema, and what it may not.

use super::*;
use crate::schema::{Column, ForeignKey, Schema, Table, TableName, UniqueKey};

/// A table from lines such as `id integer not null`.
fn table(columns: &[&str]) -> Table {
    let columns = columns.iter().map(|line| {
        let (name, type_name) = line.split_once(' ').unwrap();
        let plain = type_name.trim_end_matches(" not null").trim_end_matches(" generated");
        Column {
            name: name.into(),
            type_name: plain.into(),
            not_null: type_name.ends_with("not null"),
            generated: type_name.ends_with("generated"),
        }
    });
    let primary = UniqueKey {
        name: "pkey".into(),
        columns: vec!["id".into()],
        partial: false,
        primary: true,
    };
    Table { columns: columns.collect(), unique_keys: vec![primary], ..Table::default() }
}

fn unique(mut table: Table, columns: &[&str]) -> Table {
    table.unique_keys.push(UniqueKey {
        name: "unique".into(),
        columns: columns.iter().map(|column| column.to_string()).collect(),
        partial: false,
        primary: false,
    });
    table
}

fn refers(mut table: Table, column: &str, parent: &str) -> Table {
    table.foreign_keys.push(ForeignKey {
        name: format!("{column}_fk"),
        columns: vec![column.into()],
        references: TableName::public(parent),
        referenced_columns: vec!["id".into()],
    });
    table
}

fn schema(tables: &[(&str, &Table)]) -> Schema {
    let tables = tables.iter().map(|(name, table)| (TableName::public(*name), (*table).clone()));
    Schema { tables: tables.collect(), has_large_objects: false, ..Schema::default() }
}

fn plan_in_order(text: &str, schema: &Schema, order: &[&str]) -> Result<ScrubPlan, PlanError> {
    let manifest = Manifest::parse("test.toml", &format!("schema_version = 1\n{text}"))
        .unwrap_or_else(|error| panic!("{error}"));
    let order: Vec<TableName> = order.iter().map(|name| TableName::public(*name)).collect();
    ScrubPlan::new(&manifest, "local", schema, &order)
}

/// The message of the one finding.
fn finding(text: &str, schema: &Schema) -> String {
    let error = plan_in_order(text, schema, &[]).unwrap_err();
    assert_eq!(error.findings.len(), 1, "{error}");
    error.findings[0].to_string()
}

fn accepts(text: &str, schema: &Schema) {
    plan_in_order(text, schema, &[]).unwrap_or_else(|error| panic!("{error}"));
}

const PERSON: &str = "[tables.person]\nclass = \"personal\"\npersonal = [\"email\"]\n\
                      operational = [\"id\", \"size\", \"number\"]\n\
                      [tables.person.policy.local]\n";

fn person() -> Table {
    table(&["id integer not null", "email character varying(20) not null", "size integer"])
}

#[test]
fn an_unclassified_table_stops_the_plan_and_shows_the_fix() {
    let schema = schema(&[("person", &person())]);
    let message = finding("", &schema);
    assert!(message.contains("person: the table is not classified"), "{message}");
    assert!(
        message.contains("[tables.person]")
            && message.contains("personal = [\"id\", \"email\", \"size\"]")
    );
    let fixed: String = message.lines().skip(1).map(|line| format!("{}\n", line.trim())).collect();
    let plan = plan_in_order(&fixed, &schema, &[]).unwrap();
    assert_eq!(plan.table(&TableName::public("person")).unwrap().action, TableAction::Delete);
}

#[test]
fn a_table_without_a_class_stops_the_plan_whatever_its_columns() {
    for columns in [
        &["id integer not null"][..],
        &[
            "id integer not null",
            "page_id integer",
            "made timestamp with time zone",
            "live boolean",
        ],
        &["nhs_number bigint", "date_of_birth date", "diagnosis integer"],
        &[],
    ] {
        let schema = schema(&[("strange", &table(columns))]);
        assert!(finding("", &schema).contains("strange: the table is not classified"));
    }
}

#[test]
fn in_a_personal_table_every_column_must_be_listed() {
    for type_name in ["integer", "boolean", "date", "uuid", "timestamp with time zone", "point"] {
        let line = format!("new {type_name}");
        let columns = ["id integer not null", "email text", line.as_str()];
        let schema = schema(&[("person", &table(&columns))]);
        let message = finding(&format!("{PERSON}delete = true"), &schema);
        assert!(message.starts_with(&format!("person.new: the column ({type_name})")), "{message}");
    }
}

#[test]
fn elsewhere_a_plain_value_passes_unless_its_name_or_comment_suggests_a_person() {
    let entry = "[tables.page]\nclass = \"content\"\n";
    let columns = ["id integer not null", "sort_order integer", "code smallint", "day date"];
    let page = table(&columns);
    accepts(entry, &schema(&[("page", &page)]));
    let mut commented = page.clone();
    commented.comments.insert("code".into(), "the visitor's diagnosis".into());
    assert!(finding(entry, &schema(&[("page", &commented)])).contains("page.code: the column"));
    for line in ["birthdate date", "msisdn bigint", "easting integer", "tags integer[]", "at point"]
    {
        let columns = ["id integer not null", line];
        let message = finding(entry, &schema(&[("page", &table(&columns))]));
        assert!(message.contains("is not classified (test.toml:2)"), "{message}");
    }
}

#[test]
fn the_lines_for_several_columns_of_one_table_are_together() {
    let columns = ["id integer not null", "email text", "notes text", "at date"];
    let schema = schema(&[("person", &table(&columns))]);
    let text = "[tables.person]\nclass = \"personal\"\n[tables.person.policy.any]\ndelete = true";
    let message = plan_in_order(text, &schema, &[]).unwrap_err().to_string();
    assert!(message.contains("personal = [\"email\", \"notes\"] # or"), "{message}");
    assert!(message.contains("operational = [\"id\", \"at\"] # or"), "{message}");
    assert_eq!(message.matches(" = [").count(), 2, "{message}");
}

#[test]
fn a_new_text_column_is_named_with_its_type_and_the_manifest_s_line() {
    let schema =
        schema(&[("person", &table(&["id integer not null", "email text", "notes text[]"]))]);
    let message = finding(&format!("{PERSON}delete = true"), &schema);
    assert!(
        message.starts_with("person.notes: the column (text[]) is not classified (test.toml:2)")
    );
    assert!(message.contains("personal = [\"notes\"]"), "{message}");
}

#[test]
fn generated_columns_need_no_class_and_take_no_rule() {
    let table = table(&["id integer not null", "email text", "lower text generated"]);
    let schema = schema(&[("person", &table)]);
    accepts(&format!("{PERSON}set = {{ email = \"\" }}"), &schema);
    let message = finding(&format!("{PERSON}set = {{ email = \"\", lower = \"\" }}"), &schema);
    assert!(message.contains("cannot change a generated column"), "{message}");
}

#[test]
fn personal_data_needs_a_rule_or_a_reason() {
    let schema = schema(&[("person", &person())]);
    let entry = PERSON.split("[tables.person.policy").next().unwrap();
    assert!(finding(entry, &schema).contains("has no rule for the policy `local`"));
    let message = finding(&format!("{PERSON}null = [\"size\"]"), &schema);
    assert!(message.contains("person.email: the column is personal"), "{message}");
    accepts(&format!("{PERSON}null = [\"size\"]\nreason = \"made up\""), &schema);
    accepts(&format!("{PERSON}keep = true\nreason = \"made up\""), &schema);
    assert!(plan_in_order(&format!("{PERSON}keep = true"), &schema, &[]).is_err());
}

#[test]
fn rules_name_columns_that_exist() {
    let schema = schema(&[("person", &person())]);
    let message = finding(&format!("{PERSON}set = {{ email = \"\", e_mail = \"\" }}"), &schema);
    assert!(message.contains("person.e_mail: the rule names a column that the table lacks"));
    let condition = "keep_where = [{ column = \"ag\", not_null = true }]\nset = { email = \"\" }";
    assert!(finding(&format!("{PERSON}{condition}"), &schema).contains("person.ag"));
}

#[test]
fn values_must_fit_their_columns() {
    let schema = schema(&[("person", &person())]);
    for (rule, expected) in [
        (
            "set = { email = \"u.{id}@example.invalid\" }",
            "can give 29 characters, but the column allows only 20",
        ),
        ("set = { email = \"{size}\" }", "cannot use size"),
        ("set = { email = \"{nobody}\" }", "names the column nobody, which the table lacks"),
        ("set = { email = \"\", size = \"old\" }", "is not a value of the column's type"),
        ("set = { email = \"\", size = \"{id}\" }", "only text columns"),
        ("null = [\"email\"]", "NOT NULL"),
        ("unusable_password = [\"email\"]", "cannot hold an unusable password"),
        ("remove_members = { email = [\"a\"] }", "can remove members only from jsonb"),
        ("redact = { size = [\"email\"] }\nreason = \"x\"", "cannot redact a "),
        ("set = { email = \"\", id = \"1\" }", "the column is a key"),
    ] {
        let error = plan_in_order(&format!("{PERSON}{rule}"), &schema, &[]).unwrap_err();
        assert!(error.to_string().contains(expected), "{rule}: {error}");
    }
}

#[test]
fn a_rule_does_not_rewrite_the_column_that_decides() {
    let lines = ["id integer not null", "email text", "size integer", "number integer not null"];
    let schema = schema(&[("person", &table(&lines))]);
    let rest = "keep_where = [{ column = \"email\", ";
    for (test, action) in [
        ("equals = \"x\"", "set = { email = \"y\" }"),
        ("one_of = [\"x\"]", "redact = { email = [\"email\"] }"),
        ("not_null = true", "null = [\"email\"]"),
    ] {
        let message = finding(&format!("{PERSON}{rest}{test} }}]\n{action}\n"), &schema);
        assert!(message.contains("a second run would drop them"), "{message}");
    }
    for (test, action) in [
        ("is_null = true", "null = [\"email\"]"),
        ("not_null = true", "set = { email = \"\" }"),
        ("equals = \"x\"", "set = { size = \"1\" }\nreason = \"x\""),
    ] {
        accepts(&format!("{PERSON}{rest}{test} }}]\n{action}\n"), &schema);
    }
    let text = format!("{PERSON}set = {{ email = \"{{number}}\", number = \"1\" }}\n");
    assert!(finding(&text, &schema).contains("which the same rule rewrites"));
}

#[test]
fn unique_keys_stay_unique() {
    let lone = schema(&[("person", &unique(person(), &["email"]))]);
    assert!(
        finding(&format!("{PERSON}set = {{ email = \"x\" }}"), &lone).contains("not be unique")
    );
    accepts(&format!("{PERSON}set = {{ email = \"u{{id}}@x.uk\" }}"), &lone);
    let pair = schema(&[("person", &unique(person(), &["email", "size"]))]);
    assert!(
        finding(&format!("{PERSON}set = {{ email = \"x\" }}"), &pair).contains("not be unique")
    );
    let with_id = schema(&[("person", &unique(person(), &["email", "id"]))]);
    accepts(&format!("{PERSON}set = {{ email = \"x\" }}"), &with_id);
}

fn family(rule_of_child: &str, rule_of_person: &str) -> (String, Schema) {
    let child = table(&["id integer not null", "parent_id integer"]);
    let child = refers(child, "parent_id", "person");
    let schema = schema(&[("person", &person()), ("child", &child)]);
    let mut text = format!("{PERSON}{rule_of_person}\n");
    text.push_str("[tables.child]\nclass = \"operational\"\n");
    if !rule_of_child.is_empty() {
        text.push_str(&format!("[tables.child.policy.any]\n{rule_of_child}\n"));
    }
    (text, schema)
}

#[test]
fn foreign_keys_keep_pointing_somewhere() {
    let (text, schema) = family("", "delete = true");
    let message = finding(&text, &schema);
    assert!(
        message.contains("child.parent_id may point to (foreign key parent_id_fk)"),
        "{message}"
    );
    for follows in [
        "delete = true",
        "null = [\"parent_id\"]",
        "null_unless = { parent_id = { in = \"person.id\" } }",
        "keep_where = [{ column = \"parent_id\", in = \"person.id\" }]",
        "keep_where = [{ column = \"parent_id\", is_null = true }]",
    ] {
        let (text, schema) = family(follows, "delete = true");
        accepts(&text, &schema);
    }
    let leads = "keep_where = [{ column = \"id\", in = [\"child.parent_id\", \"other.id\"] }]\nreason = \"x\"";
    let (text, mut schema) = family("", leads);
    let text = format!("{text}[tables.other]\nclass = \"operational\"\n");
    schema.tables.insert(TableName::public("other"), table(&["id integer not null"]));
    accepts(&text, &schema);
    let more = leads.replace("] }]", "] }, { column = \"size\", not_null = true }]");
    let (text, _) = family("", &more);
    let text = format!("{text}[tables.other]\nclass = \"operational\"\n");
    assert!(finding(&text, &schema).contains("the rule drops rows"));
}

#[test]
fn lookups_decide_the_order_and_circles_are_refused() {
    let leads = "keep_where = [{ column = \"id\", in = \"child.parent_id\" }]\nreason = \"x\"";
    let (text, schema) = family("", leads);
    let (person, child) = (TableName::public("person"), TableName::public("child"));
    let plan = plan_in_order(&text, &schema, &["person", "child"]).unwrap();
    assert_eq!(plan.table(&person).unwrap().action, TableAction::Held);
    assert_eq!(plan.table(&child).unwrap().action, TableAction::Rewrite);
    assert_eq!(
        plan.table(&person).unwrap().description,
        "rows kept where id is in child.parent_id"
    );
    assert_eq!(plan.held_tables(), std::slice::from_ref(&person));
    let plan = plan_in_order(&text, &schema, &["child", "person"]).unwrap();
    assert_eq!(plan.table(&person).unwrap().action, TableAction::Rewrite);
    let (text, schema) = family("null_unless = { parent_id = { in = \"person.id\" } }", leads);
    assert!(finding(&text, &schema).contains("depend on each other in a circle"));
}

#[test]
fn partitions_follow_their_parents() {
    let mut part = person();
    part.partition_of = Some(TableName::public("person"));
    let schema = schema(&[("person", &person()), ("person_2024", &part)]);
    let plan = plan_in_order(&format!("{PERSON}delete = true"), &schema, &[]).unwrap();
    let part = plan.table(&TableName::public("person_2024")).unwrap();
    assert_eq!((part.action, part.class), (TableAction::Delete, Class::Personal));
}

#[test]
fn large_objects_and_unknown_policies_are_refused() {
    let mut with_objects = schema(&[]);
    with_objects.has_large_objects = true;
    assert!(finding("", &with_objects).contains("large objects"));
    accepts("large_objects = \"delete\"", &with_objects);
    let manifest = Manifest::parse("test.toml", "schema_version = 1").unwrap();
    let error = ScrubPlan::new(&manifest, "locla", &schema(&[]), &[]).unwrap_err();
    assert!(error.to_string().contains("no policy `locla`"));
}

#[test]
fn a_manifest_s_mistakes_are_reported_together_with_their_lines() {
    let text = "schema_version = 1\n[tables.a]\nclass = \"personal\"\npersonal = [\"x\"]\n\
                content = [\"x\"]\n[tables.a.policy.locla]\ndelete = true\n\
                [tables.a.policy.local]\ndelete = true\nset = { x = \"{\" }\n\
                [tables.a.policy.staging]\nkeep_where = [{ column = \"x\" }]\n";
    let error = Manifest::parse("mine.toml", text).unwrap_err();
    let lines: Vec<usize> = error.problems.iter().map(|problem| problem.place.line).collect();
    assert_eq!(lines, [5, 10, 6, 12], "{error}");
    let error =
        Manifest::parse("mine.toml", "schema_version = 1\n\n[tables.a]\nclas = 1").unwrap_err();
    assert_eq!(error.problems[0].place.line, 4, "{error}");
    assert!(Manifest::parse("mine.toml", "schema_version = 2").is_err());
}

#[test]
fn a_manifest_can_extend_the_built_in_one() {
    let built_in = Manifest::built_in().unwrap();
    let text = "schema_version = 1\nextends = \"built-in\"\n[audit]\nallow = { phone = [\"0300*\"] }\n\
                [tables.users_user]\nclass = \"operational\"\n[tables.mine]\nclass = \"content\"\n";
    let manifest = Manifest::parse("mine.toml", text).unwrap();
    assert_eq!(manifest.tables.len(), built_in.tables.len() + 1);
    let users = &manifest.tables[&TableName::public("users_user")];
    assert_eq!((users.class, users.columns.len()), (Class::Operational, 0));
    assert_eq!(users.place.to_string(), "mine.toml:5");
    assert_eq!(manifest.allow.len(), built_in.allow.len() + 1);
    assert_eq!(manifest.after.len(), built_in.after.len());
}

#[test]
fn every_revision_can_be_kept_as_the_built_in_manifest_says() {
    let example: String = include_str!("packs/wagtail.toml")
        .lines()
        .filter_map(|line| line.strip_prefix("#   "))
        .skip_while(|line| !line.starts_with("schema_version"))
        .map(|line| format!("{line}\n"))
        .collect();
    let manifest =
        Manifest::parse("example.toml", &example).unwrap_or_else(|error| panic!("{error}"));
    let revisions = &manifest.tables[&TableName::public("wagtailcore_revision")];
    assert_eq!(revisions.rule("local").unwrap().rows, rules::RowRule::Keep);
}
