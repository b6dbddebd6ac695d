//! Tests the packs from outside: tables as each release makes them (tests/schemas), filled with a mark in
//! every column that can hold one, scrubbed, and searched for what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::scrub_pii::world::{local_with, scrub};

/// In every text, JSON, binary and search column. No pattern of the audit matches it.
const MARK: &str = "zqmark";

const PACKS: &str = "[\"wagtail\", \"wagtail-forms\", \"allauth\", \"auditlog\", \"axes\", \"birdbath\", \
     \"celery-beat\", \"celery-results\", \"drf-authtoken\", \"otp\", \"reversion\", \"simple-history\", \
     \"wagtail-localize\", \"wagtail-transfer\"]";

/// The site's own tables on which the schemas were made.
const OWN: &str = "[tables.home_homepage]\nclass = \"content\"\n\
     [tables.sample_person]\nclass = \"personal\"\npersonal = [\"id\", \"name\", \"email\"]\n\
     [tables.sample_person.policy.any]\ndelete = true\n\
     [tables.sample_thing]\nclass = \"content\"\ncontent = [\"name\"]\n\
     [tables.sample_taggedthing]\nclass = \"content\"\n[tables.other]\nclass = \"operational\"\n";

/// One release after another, by every policy. What stays of the marks is a list that was read.
#[test]
fn a_mark_stays_only_in_content_and_in_columns_that_a_pack_keeps() {
    let mut kept = BTreeSet::new();
    for (release, tables) in releases() {
        // Under the other policy only users differ.
        let policies: &[&str] = match release.starts_with("django-") {
            true => &["local", "staging"],
            false => &["local"],
        };
        for policy in policies {
            let manifest = format!("extends = {PACKS}\n{OWN}");
            let world = local_with(&filled(&tables), &manifest);
            let run = scrub(&world, &["--policy", policy, "--yes"]);
            assert_eq!(run.code, Some(0), "{release}: {}", run.printed());
            for (table, columns) in &tables {
                for column in columns.keys() {
                    let sql = format!(
                        "SELECT count(*) FROM \"{table}\" WHERE \"{column}\"::text LIKE '%{MARK}%' \
                         OR \"{column}\"::text LIKE '%7a716d61726b%'"
                    );
                    if world.psql(&sql) != "0" {
                        kept.insert(format!("{table}.{column} ({policy})"));
                    }
                }
            }
        }
    }
    let kept: Vec<String> = kept.into_iter().collect();
    insta::assert_snapshot!("packs_keep", kept.join("\n"));
}

type Columns = BTreeMap<String, String>;

fn releases() -> Vec<(String, BTreeMap<String, Columns>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas");
    let mut releases = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|one| one != "txt") {
            continue;
        }
        let mut tables: BTreeMap<String, Columns> = BTreeMap::new();
        for line in fs::read_to_string(&path).expect("a schema").lines() {
            if let [table, column, type_name, _] = line.split('\t').collect::<Vec<_>>()[..] {
                tables.entry(table.into()).or_default().insert(column.into(), type_name.into());
            }
        }
        releases.push((path.file_stem().expect("a name").to_string_lossy().into_owned(), tables));
    }
    assert!(releases.len() > 20);
    releases.sort();
    releases
}

/// The tables with two rows each, whose keys point to each other.
fn filled(tables: &BTreeMap<String, Columns>) -> String {
    // The files have no keys. Django calls the column of a key by the name of its model.
    let mut sql =
        "CREATE TABLE other (id bigint PRIMARY KEY); INSERT INTO other VALUES (1), (2);\n"
            .to_owned();
    for (table, columns) in tables {
        let definitions: Vec<String> =
            columns.iter().map(|(name, type_name)| format!("\"{name}\" {type_name}")).collect();
        sql.push_str(&format!("CREATE TABLE \"{table}\" ({});\n", definitions.join(", ")));
        for row in [1, 2] {
            let values: Vec<String> =
                columns.iter().map(|(name, type_name)| value(name, type_name, row)).collect();
            let names: Vec<String> = columns.keys().map(|name| format!("\"{name}\"")).collect();
            let (names, values) = (names.join(", "), values.join(", "));
            sql.push_str(&format!("INSERT INTO \"{table}\" ({names}) VALUES ({values});\n"));
        }
        let is_key = |(name, type_name): &(&String, &String)| {
            name.ends_with("_id") && *type_name == "integer" && !name.ends_with("revision_id")
        };
        for (name, _) in columns.iter().filter(is_key) {
            sql.push_str(&format!(
                "ALTER TABLE \"{table}\" ADD FOREIGN KEY (\"{name}\") REFERENCES other;\n"
            ));
        }
        if columns.contains_key("id") {
            sql.push_str(&format!("ALTER TABLE \"{table}\" ADD PRIMARY KEY (id);\n"));
        }
    }
    if tables.contains_key("wagtailcore_revision") {
        for column in ["latest_revision_id", "live_revision_id"] {
            sql.push_str(&format!(
                "ALTER TABLE wagtailcore_page ADD FOREIGN KEY ({column}) \
                 REFERENCES wagtailcore_revision;\n"
            ));
        }
    }
    sql
}

fn value(column: &str, type_name: &str, row: usize) -> String {
    let base = type_name.split('(').next().unwrap_or(type_name).trim();
    let length = type_name.split_once('(').and_then(|(_, rest)| rest.split([')', ',']).next());
    match base {
        "boolean" => "true".into(),
        "smallint" | "integer" | "bigint" | "numeric" | "double precision" => row.to_string(),
        "uuid" => "gen_random_uuid()".into(),
        "inet" => "'192.0.2.1'".into(),
        "interval" => "'1 day'".into(),
        "json" | "jsonb" => {
            format!(
                "'{{\"{MARK}{row}\": \"{MARK}\", \"list\": [\"{MARK}\", {{\"a\": \"{MARK}\"}}]}}'"
            )
        }
        "tsvector" => format!("to_tsvector('simple', '{MARK}{row}')"),
        "bytea" => format!("'{MARK}'"),
        "text" | "character varying" | "character" => {
            let length = length.and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
            let text = format!("{MARK}{row}{column}");
            format!("'{}'", text.chars().take(length).collect::<String>())
        }
        _ if base.starts_with("timestamp") => "now()".into(),
        "date" => "now()".into(),
        other => panic!("{column} is {other}: say what it may hold"),
    }
}

const SITE: &str = "CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, \
     session_data text NOT NULL, expire_date timestamptz NOT NULL); \
     CREATE TABLE booking (id int PRIMARY KEY, name text, email text); \
     INSERT INTO booking SELECT n, 'Ann Canary', 'ann' || n || '@canary.example' FROM generate_series(1, 40) n; \
     CREATE TABLE django_site (id int PRIMARY KEY, nino text); \
     INSERT INTO django_site VALUES (1, 'AB 22 33 44 C')";

#[test]
fn a_draft_is_written_into_the_manifest_of_the_site() {
    let world = local_with(SITE, "extends = \"django\"\n");
    let path = world.bcops.directory().join("work/manifest.toml");
    let before = fs::read_to_string(&path).expect("the manifest");
    // A table of the same name as Django's, and one of the site.
    let stopped =
        scrub(&world, &["--yes"]).fails(9, &["booking", "the pack django, but it has no column"]);
    assert!(!stopped.printed().contains("canary.example"), "{}", stopped.printed());
    let written = world.bcops.run(&["manifest", "suggest", "--write", "--json"]).exits(0).json();
    assert!(
        written["result"]["written"].as_str().is_some_and(|path| path.ends_with("manifest.toml"))
    );
    let after = fs::read_to_string(&path).expect("the manifest");
    assert!(after.starts_with(before.trim_end()), "{after}");
    for table in ["[tables.booking]", "[tables.django_site]"] {
        assert!(after.contains(table), "{after}");
    }
    assert!(!after.contains("django_session"), "{after}");
    world.bcops.run(&["manifest", "validate"]).exits(0);
    scrub(&world, &["--yes"]).exits(0);
    assert_eq!(world.psql("SELECT count(*) FROM django_session"), "0");
    assert_eq!(world.psql("SELECT count(*) FROM booking WHERE email LIKE '%canary%'"), "0");
    // Nothing lacks a class any more, so nothing is written.
    world.bcops.run(&["manifest", "suggest", "--write"]).exits(0);
    assert_eq!(fs::read_to_string(&path).expect("the manifest"), after);
}

#[test]
fn a_draft_is_not_written_where_it_does_not_fit() {
    let world =
        local_with(SITE, "extends = \"django\"\n[tables.booking]\nclass = \"operational\"\n");
    let path = world.bcops.directory().join("work/manifest.toml");
    let before = fs::read_to_string(&path).expect("the manifest");
    let run = world.bcops.run(&["manifest", "suggest", "--write"]);
    run.fails(3, &["has entries for the same tables already"]);
    assert_eq!(fs::read_to_string(&path).expect("the manifest"), before);
    world.bcops.write("bcops.toml", "");
    let run = world.bcops.run(&["manifest", "suggest", "--write"]);
    run.fails(3, &["name no manifest", "bcops config init"]);
}

#[test]
fn packs_are_listed() {
    let world = local_with("", "extends = \"allauth\"\n");
    let packs = world.bcops.run(&["manifest", "packs", "--json"]).exits(0).json();
    let in_force = |name: &str| {
        let list = packs["result"]["packs"].as_array().expect("a list").clone();
        list.iter().find(|pack| pack["name"] == name).expect(name)["in_force"].clone()
    };
    assert_eq!(["allauth", "django", "postgres"].map(in_force), [true, true, true]);
    assert_eq!(in_force("wagtail"), false);
}
