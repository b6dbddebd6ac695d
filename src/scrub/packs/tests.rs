//! Tests the packs against the schemas that Django and the apps made themselves (tests/schemas).

use std::fs;
use std::path::Path;

use super::*;
use crate::schema::{Column, ForeignKey, Schema, Table};
use crate::scrub::{BuiltIn, FindingKind, ScrubPlan};

/// The tables of the sites on which the schemas were made.
const OF_THE_SITES: [&str; 4] =
    ["home_homepage", "sample_person", "sample_taggedthing", "sample_thing"];

#[test]
fn every_pack_can_be_read() {
    for pack in all().unwrap_or_else(|error| panic!("{error}")) {
        assert!(!pack.knows.is_empty() && !pack.tables.is_empty(), "{}", pack.name);
        assert!(pack.checked.starts_with("20"), "{}", pack.checked);
        for name in &pack.extends {
            assert!(names().any(|one| one == name), "{}", pack.name);
        }
    }
}

#[test]
fn every_table_of_every_release_is_known() {
    for (release, schema) in releases() {
        assert_eq!(unknown(&schema), Vec::<String>::new(), "{release}");
    }
}

#[test]
fn a_pack_alone_is_enough_for_its_product() {
    for (release, pack) in [
        ("wagtail-7.0.10", r#"["wagtail", "wagtail-forms"]"#),
        ("wagtail-8.0.1", r#"["wagtail", "wagtail-forms"]"#),
        ("allauth-65.22.1", r#""allauth""#),
        ("wagtail-localize-1.14.5", r#"["wagtail-localize", "wagtail-forms"]"#),
        ("simple-history-3.13.0", r#""simple-history""#),
    ] {
        let (_, schema) = releases().into_iter().find(|(name, _)| name == release).unwrap();
        let text = format!("schema_version = 1\nextends = {pack}");
        let manifest = Manifest::parse("test.toml", &text).unwrap();
        assert_eq!(findings(&manifest, &schema), Vec::<String>::new(), "{release}");
    }
}

/// An added column is judged for itself, as in every other table.
#[test]
fn an_added_column_stops_by_its_name() {
    for (release, table, schema) in known_tables() {
        let mut schema = schema.clone();
        let is_of_history = table.name.contains("historical");
        add(&mut schema, &table, "nickname", "text");
        let found = unknown(&schema);
        let expected = match is_of_history {
            // Every column of such a table is personal, and no row stays.
            true => Vec::new(),
            // A table without columns to know it by has nothing but a key.
            false if schema.tables[&table].columns.len() == 2 && needs_nothing(&table) => {
                vec![table.short()]
            }
            false => vec![format!("{}.nickname", table.short())],
        };
        assert_eq!(found, expected, "{release}");
    }
}

/// A column that identifies the table is needed, and any other is not.
#[test]
fn a_missing_column_matters_only_if_it_identifies_the_table() {
    for (release, table, schema) in known_tables() {
        let columns: Vec<String> =
            schema.tables[&table].columns.iter().map(|column| column.name.clone()).collect();
        // A table is never without its primary key, which the rules name.
        for column in columns.into_iter().filter(|column| column != "id") {
            let mut schema = schema.clone();
            schema.tables.get_mut(&table).unwrap().columns.retain(|one| one.name != column);
            let found = unknown(&schema);
            let is_known = found.is_empty() || found == [table.short()];
            assert!(is_known, "{release}: without {table}.{column}: {found:?}");
            let needed = needs(&table, &column);
            if let Some(needed) = needed {
                assert_eq!(found.is_empty(), !needed, "{release}: without {table}.{column}");
            }
        }
    }
}

#[test]
fn a_stranger_of_the_same_name_is_not_taken_for_the_table() {
    for (release, table, schema) in known_tables() {
        let mut schema = schema.clone();
        let columns = [("id", "bigint"), ("nino", "text"), ("answer", "text")];
        let columns = columns.map(|(name, type_name)| column(name, type_name)).to_vec();
        let stranger = schema.tables.get_mut(&table).unwrap();
        let known = std::mem::replace(stranger, Table { columns, ..Table::default() });
        assert_eq!(unknown(&schema), [table.short()], "{release}");
        // And one whose columns have the names, but other types.
        let retyped = schema.tables.get_mut(&table).unwrap();
        *retyped = Table { foreign_keys: Vec::new(), ..known };
        retyped.columns.iter_mut().for_each(|column| column.type_name = "bytea".into());
        assert_eq!(unknown(&schema), [table.short()], "{release}");
    }
}

#[test]
fn the_reason_names_the_product_and_the_column() {
    let mut schema = known_schema("django-6.0.10");
    let table = TableName::public("django_session");
    schema.tables.get_mut(&table).unwrap().columns.remove(0);
    let manifest = Manifest::of_every_pack().unwrap();
    let error = ScrubPlan::new(&manifest, "local", &schema, &[]).unwrap_err().to_string();
    assert!(error.contains("it has the name of a table of the pack django"), "{error}");
    assert!(error.contains("it has no column"), "{error}");
}

/// The site decides the name of its users, images, documents, forms, pages and history.
#[test]
fn tables_are_known_under_the_names_that_a_site_gives_them() {
    let mut schema = known_schema("wagtail-7.4.4");
    schema.tables.extend(known_schema("django-6.0.10").tables);
    for (name, other) in [
        ("auth_user", "people_member"),
        ("auth_user_groups", "people_member_groups"),
        ("auth_user_user_permissions", "people_member_user_permissions"),
        ("wagtailimages_image", "media_picture"),
        ("wagtailimages_rendition", "media_picturesize"),
        ("wagtaildocs_document", "media_file"),
        ("wagtailcore_page", "content_page"),
    ] {
        let mut table = schema.tables.remove(&TableName::public(name)).expect(name);
        for column in &mut table.columns {
            if column.name == "user_id" && name.starts_with("auth_user") {
                column.name = "member_id".into();
                table.foreign_keys.push(key("member_id", "people_member"));
            }
        }
        schema.tables.insert(TableName::public(other), table);
    }
    for column in ["latest_revision_id", "live_revision_id"] {
        for table in ["content_page", "home_homepage"] {
            let table = schema.tables.get_mut(&TableName::public(table)).unwrap();
            if table.column(column).is_none() {
                table.columns.push(self::column(column, "integer"));
            }
            table.foreign_keys.retain(|one| one.columns != [column]);
            table.foreign_keys.push(key(column, "wagtailcore_revision"));
        }
    }
    let text =
        "schema_version = 1\nextends = \"built-in\"\n[tables.home_homepage]\nclass = \"content\"";
    let manifest = Manifest::parse_over("test.toml", text, BuiltIn::Packs).unwrap();
    let plan = ScrubPlan::new(&manifest, "local", &schema, &[]).unwrap();
    let described = |table| plan.table(&TableName::public(table)).unwrap().description.clone();
    assert!(described("people_member").contains("user.{id}@example.invalid"));
    // Snippets have revisions as pages do.
    for reference in ["content_page.latest_revision_id", "home_homepage.live_revision_id"] {
        assert!(described("wagtailcore_revision").contains(reference), "{reference}");
    }
}

#[test]
fn a_site_says_more_about_a_table_than_a_pack() {
    let text = "schema_version = 1\nextends = \"django\"\n[tables.auth_user]\nclass = \"content\"\n\
        content = [\"password\", \"username\", \"first_name\", \"last_name\", \"email\"]";
    let manifest = Manifest::parse("test.toml", text).unwrap();
    let schema = known_schema("django-5.2.19");
    let fitted = manifest.fitted(&schema);
    assert_eq!(fitted.tables[&TableName::public("auth_user")].class, Class::Content);
}

#[test]
fn an_unknown_pack_is_named_with_the_nearest() {
    let text = "schema_version = 1\nextends = [\"wagtial\"]";
    let error = Manifest::parse("test.toml", text).unwrap_err().to_string();
    assert!(error.contains("`wagtial`") && error.contains("did you mean wagtail"), "{error}");
    let text = "schema_version = 1\n[tables.a]\nclass = \"content\"\nidentify = [\"id:int\"]";
    let error = Manifest::parse("test.toml", text).unwrap_err().to_string();
    assert!(error.contains("bcops' own packs"), "{error}");
}

/// Whether the pack says that the column identifies the table. Unknown for tables without any.
fn needs(table: &TableName, column: &str) -> Option<bool> {
    let known = all().unwrap().iter().find_map(|pack| pack.tables.get(table))?;
    let needs = &known.identity.needs;
    (!needs.is_empty()).then(|| needs.iter().any(|needed| needed.name == column))
}

fn needs_nothing(table: &TableName) -> bool {
    let known = all().unwrap().iter().find_map(|pack| pack.tables.get(table));
    known.is_some_and(|known| known.identity.needs.is_empty())
}

/// Tables and columns without a class, under both policies.
fn unknown(schema: &Schema) -> Vec<String> {
    findings(&Manifest::of_every_pack().unwrap(), schema)
}

fn findings(manifest: &Manifest, schema: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    for policy in ["local", "staging"] {
        let mut schema = schema.clone();
        schema.tables.retain(|name, _| !OF_THE_SITES.contains(&name.name.as_str()));
        if let Err(error) = ScrubPlan::new(manifest, policy, &schema, &[]) {
            for finding in error.findings {
                assert_eq!(finding.kind, FindingKind::Unclassified, "{finding:?}");
                let table = finding.table.expect("a table").short();
                found.push(match finding.column {
                    Some(column) => format!("{table}.{column}"),
                    None => table,
                });
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Each table that a pack knows, once, in the newest release that has it.
fn known_tables() -> Vec<(String, TableName, Schema)> {
    let mut known = BTreeMap::new();
    for (release, schema) in releases() {
        for name in schema.tables.keys() {
            if !OF_THE_SITES.contains(&name.name.as_str()) {
                let mut one = Schema::default();
                one.tables.insert(name.clone(), schema.tables[name].clone());
                known.insert(name.clone(), (release.clone(), one));
            }
        }
    }
    known.into_iter().map(|(name, (release, schema))| (release, name, schema)).collect()
}

fn known_schema(release: &str) -> Schema {
    releases().into_iter().find(|(name, _)| name == release).map(|(_, schema)| schema).unwrap()
}

fn add(schema: &mut Schema, table: &TableName, name: &str, type_name: &str) {
    schema.tables.get_mut(table).unwrap().columns.push(column(name, type_name));
}

fn column(name: &str, type_name: &str) -> Column {
    Column { name: name.into(), type_name: type_name.into(), not_null: false, generated: false }
}

fn releases() -> Vec<(String, Schema)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas");
    let mut releases = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|one| one == "txt") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            releases.push((name, read(&fs::read_to_string(&path).unwrap())));
        }
    }
    releases.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(releases.len() > 20);
    releases
}

fn read(text: &str) -> Schema {
    let mut schema = Schema::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = line.split('\t').collect();
        let [table, name, type_name, null] = parts[..] else { panic!("{line}") };
        let table = schema.tables.entry(TableName::public(table)).or_default();
        table.columns.push(Column { not_null: null == "not null", ..column(name, type_name) });
        // The files have no keys. Django calls the column of a key by the name of its model.
        if name.ends_with("_id") && type_name == "integer" {
            table.foreign_keys.push(key(name, "elsewhere"));
        }
    }
    schema
}

fn key(column: &str, table: &str) -> ForeignKey {
    ForeignKey {
        name: column.into(),
        columns: vec![column.into()],
        references: TableName::public(table),
        referenced_columns: vec!["id".into()],
    }
}
