//! Tests what stays of a revision, by its model.

use crate::schema::{Column, ForeignKey, Schema, Table, TableName, UniqueKey};
use crate::scrub::{DroppedMember, KeySets, Manifest, RowPipeline, ScrubPlan, TableAction};

fn table(columns: &[(&str, &str)], key: &str) -> Table {
    let column = |(name, type_name): &(&str, &str)| Column {
        name: (*name).into(),
        type_name: (*type_name).into(),
        not_null: *name == key,
        generated: false,
    };
    let key =
        UniqueKey { name: "pk".into(), columns: vec![key.into()], partial: false, primary: true };
    let columns = columns.iter().map(column).collect();
    Table { columns, unique_keys: vec![key], ..Table::default() }
}

fn inherits(mut table: Table, column: &str, parent: &str) -> Table {
    table.foreign_keys.push(ForeignKey {
        name: "parent".into(),
        columns: vec![column.into()],
        references: TableName::public(parent),
        referenced_columns: vec!["id".into()],
    });
    table
}

fn schema() -> Schema {
    let page = table(
        &[("id", "integer"), ("title", "text"), ("owner_id", "integer"), ("live", "boolean")],
        "id",
    );
    let home =
        table(&[("page_ptr_id", "integer"), ("body", "jsonb"), ("mail", "text")], "page_ptr_id");
    let snippet = table(&[("id", "integer"), ("name", "text"), ("words", "text")], "id");
    let types = table(&[("id", "integer"), ("app_label", "text"), ("model", "text")], "id");
    let revision =
        table(&[("id", "integer"), ("content", "jsonb"), ("content_type_id", "integer")], "id");
    let tables = [
        ("wagtailcore_page", page),
        ("home_homepage", inherits(home, "page_ptr_id", "wagtailcore_page")),
        ("shop_snippet", snippet),
        ("django_content_type", types),
        ("wagtailcore_revision", revision),
    ];
    let tables = tables.map(|(name, table)| (TableName::public(name), table));
    Schema { tables: tables.into(), has_large_objects: false, ..Schema::default() }
}

const MANIFEST: &str = r#"
schema_version = 1
[revisions]
keep_members = ["HomePage.items.*.title", "shop.Snippet.tags.*", "blog.HomePage.secret", "*.latest"]
[revisions.tables]
"old.Thing" = "shop_snippet"
[tables.wagtailcore_page]
class = "content"
operational = ["owner_id"]
content = ["title"]
[tables.home_homepage]
class = "content"
personal = ["mail"]
content = ["body"]
[tables.home_homepage.policy.any]
set = { mail = "" }
[tables.shop_snippet]
class = "operational"
operational = ["name", "words"]
[tables.shop_snippet.policy.any]
redact = { words = ["email"] }
[tables.django_content_type]
class = "operational"
operational = ["app_label", "model"]
[tables.wagtailcore_revision]
class = "content"
content = ["content"]
"#;

fn plan(more: &str, order: &[&str]) -> ScrubPlan {
    let text = format!("{MANIFEST}{more}");
    let manifest = Manifest::parse("test.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let order: Vec<TableName> = order.iter().map(|name| TableName::public(*name)).collect();
    ScrubPlan::new(&manifest, "local", &schema(), &order).unwrap_or_else(|error| panic!("{error}"))
}

fn pass(
    plan: &ScrubPlan,
    table: &str,
    rows: &str,
    keys: &mut KeySets,
) -> (String, Vec<DroppedMember>) {
    let name = TableName::public(table);
    let columns: Vec<String> =
        schema().tables[&name].columns.iter().map(|column| column.name.clone()).collect();
    let action = plan.table(&name).unwrap().action;
    let mut pipeline = RowPipeline::new(Some(plan), &name, &columns, action, keys).unwrap();
    let out = pipeline.process(rows.as_bytes().to_vec()).unwrap();
    let passed = pipeline.finish(keys);
    (String::from_utf8(out).unwrap(), passed.dropped_members)
}

/// What is left of a revision of the model with this content type.
fn kept(plan: &ScrubPlan, content_type: &str, content: &str) -> (String, Vec<String>) {
    let mut keys = KeySets::default();
    let types = "1\thome\thomepage\n2\tshop\tsnippet\n3\told\tthing\n4\tgone\tthing\n";
    pass(plan, "django_content_type", types, &mut keys);
    let row = format!("7\t{content}\t{content_type}\n");
    let (out, dropped) = pass(plan, "wagtailcore_revision", &row, &mut keys);
    let left = out.split('\t').nth(1).unwrap().to_owned();
    let again =
        pass(plan, "wagtailcore_revision", &format!("7\t{left}\t{content_type}\n"), &mut keys);
    assert_eq!(again, (format!("7\t{left}\t{content_type}\n"), Vec::new()), "a second time");
    let dropped = dropped.iter().map(|one| format!("{} {} {}", one.of, one.member, one.count));
    (left, dropped.collect())
}

#[test]
fn columns_of_the_model_and_its_parents_stay_and_children_stay_by_name() {
    let plan = plan("", &[]);
    let content = r#"{"pk": 1, "title": "Home", "owner": 3, "live": true, "body": [{"value": "x"}], "mail": "a@b.uk", "notes": "of Ann", "items": [{"title": "t", "phone": "x"}], "latest": null, "secret": 1}"#;
    let (left, dropped) = kept(&plan, "1", content);
    assert_eq!(
        left,
        r#"{"pk": 1, "title": "Home", "owner": 3, "live": true, "body": [{"value": "x"}], "items": [{"title": "t"}], "latest": null}"#
    );
    assert_eq!(
        dropped,
        ["home.homepage items.*.phone 1", "home.homepage notes 1", "home.homepage secret 1"],
        "the loss of a personal column is not reported"
    );
}

#[test]
fn snippets_mapped_models_and_missing_models_are_filtered() {
    let plan = plan("", &[]);
    let content =
        r#"{"pk": 1, "name": "n", "words": "w", "tags": ["a"], "title": "t", "latest": {"x": 1}}"#;
    // A column that a rule rewrites does not return through a revision.
    let expected = r#"{"pk": 1, "name": "n", "tags": ["a"], "latest": {"x": 1}}"#;
    assert_eq!(kept(&plan, "2", content).0, expected);
    let (left, dropped) = kept(&plan, "3", content);
    assert_eq!(left, r#"{"pk": 1, "name": "n", "latest": {"x": 1}}"#);
    assert_eq!(dropped, ["old.thing tags 1", "old.thing title 1"]);
    for unknown in ["4", "99", "\\N", ""] {
        let (left, dropped) = kept(&plan, unknown, content);
        assert_eq!(left, r#"{"latest": {"x": 1}}"#, "{unknown}");
        assert_eq!(dropped.len(), 5, "{dropped:?}");
    }
}

#[test]
fn a_rule_may_name_members_by_model_as_well_and_remove_others() {
    let rule = "[tables.wagtailcore_revision.policy.any]\n\
                keep_members = { content = [\"HomePage.notes\", \"Snippet.*\"] }\n\
                remove_members = { content = [\"body\"] }\n";
    let plan = plan(rule, &[]);
    let (left, dropped) = kept(&plan, "1", r#"{"body": 1, "notes": {"a": 1}, "more": 2}"#);
    assert_eq!(
        (left.as_str(), dropped),
        (r#"{"notes": {"a": 1}}"#, vec!["home.homepage more 1".into()])
    );
    assert_eq!(kept(&plan, "2", r#"{"any": [1]}"#).0, r#"{"any": [1]}"#);
}

#[test]
fn revisions_wait_for_models_that_come_later() {
    let revisions = TableName::public("wagtailcore_revision");
    let early = plan("", &["django_content_type", "wagtailcore_revision"]);
    assert_eq!(early.table(&revisions).unwrap().action, TableAction::Rewrite);
    let late = plan("", &["wagtailcore_revision", "django_content_type"]);
    assert_eq!(late.table(&revisions).unwrap().action, TableAction::Held);
    assert_eq!(late.held_tables(), std::slice::from_ref(&revisions));
    assert_eq!(late.tables_sought_by_held(), [TableName::public("django_content_type")]);
}

#[test]
fn without_content_types_only_members_of_every_model_stay() {
    let plan = plan("", &[]);
    let mut keys = KeySets::default();
    let row = "7\t{\"title\": \"t\", \"latest\": 1}\t1\n";
    let (out, _) = pass(&plan, "wagtailcore_revision", row, &mut keys);
    assert_eq!(out, "7\t{\"latest\": 1}\t1\n");
}

#[test]
fn names_without_a_member_are_refused() {
    for name in ["HomePage", "home.HomePage", "*", ""] {
        let text = format!("schema_version = 1\n[revisions]\nkeep_members = [\"{name}\"]\n");
        assert!(Manifest::parse("test.toml", &text).is_err(), "{name}");
    }
    let text = "schema_version = 1\n[revisions.tables]\nHomePage = \"x\"\n";
    assert!(Manifest::parse("test.toml", text).unwrap_err().to_string().contains("home.HomePage"));
}
