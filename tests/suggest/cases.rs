//! Tests drafts for small databases, each after an earlier fault.

use super::{case, configure, contents, line, pull, suggest, world};
use crate::pull_data::world::World;

#[track_caller]
fn nothing_of(world: &World, values: &[&str]) {
    let contents = contents(world).to_lowercase();
    for value in values {
        assert!(!contents.contains(&value.to_lowercase()), "{value} is in the new database");
    }
}

#[test]
fn rare_values_among_empty_ones_are_found() {
    let Some(sql) = case("s_sample") else { return };
    let world = world(&sql);
    let draft = suggest(&world, "site.dump");
    assert!(line(&draft, "display").contains("5 of 5 values hold an e-mail address"), "{draft}");
    assert!(line(&draft, "alias").contains("by its name"), "{draft}");
    assert!(line(&draft, "ref").contains("no sign of personal data in 305 values"), "{draft}");
    pull(&world, &draft).exits(0);
    nothing_of(&world, &["zebedia"]);
}

#[test]
fn rare_values_are_found_in_a_live_database_too() {
    let sql = "CREATE TABLE log (id int PRIMARY KEY, code varchar(60), odd varchar(60)); \
               INSERT INTO log SELECT i, 'C-' || i, '' FROM generate_series(1, 30000) i; \
               INSERT INTO log SELECT i, 'C-' || i, 'Zebedia <z' || i || '@private.org>' \
               FROM generate_series(30001, 30040) i;";
    let world = world(sql);
    world.cluster.psql("postgres", &format!("CREATE DATABASE {}", world.target));
    let script = world.bcops.write("setup.sql", sql);
    world.cluster.run_script(&world.target, &script).expect("the schema");
    let run = world.bcops.run(&["scrub-pii", "--manifest", "suggest", "--json"]).exits(0).json();
    let draft = run["result"]["manifest"].as_str().expect("a draft");
    assert!(line(draft, "odd").contains("hold an e-mail address"), "{draft}");
    assert!(line(draft, "code").contains("no sign of personal data"), "{draft}");
}

#[test]
fn a_draft_passes_its_own_audit() {
    let Some(sql) = case("s_draft") else { return };
    let world = world(&sql);
    let draft = suggest(&world, "site.dump");
    assert!(!draft.contains("Decide these before"), "{draft}");
    pull(&world, &draft).exits(0);
    nothing_of(&world, &["zebedia", "private.org"]);
    assert_eq!(world.psql("SELECT count(*) FROM people"), "30");
    // With the draft in use, nothing is left to draft.
    assert!(suggest(&world, "site.dump").contains("Everything that needs a class has one."));
}

#[test]
fn secrets_are_recognized_by_the_names_of_columns_and_tables() {
    let hex = "substr(md5(i::text) || md5(i::text || 'x'), 1, 40)";
    let sql = format!(
        "CREATE TABLE authtoken_token (key varchar(40) PRIMARY KEY, created timestamptz, user_id int); \
         INSERT INTO authtoken_token SELECT {hex}, now(), i FROM generate_series(1, 50) i; \
         CREATE TABLE otp_totp_totpdevice (id int PRIMARY KEY, name varchar(64), key varchar(80), drift int); \
         INSERT INTO otp_totp_totpdevice SELECT i, 'default', 'aa' || i, 0 FROM generate_series(1, 50) i; \
         CREATE TABLE integration (id int PRIMARY KEY, label varchar(20), endpoint varchar(90), \
           api_key varchar(40), blob varchar(64), signing_salt varchar(8), file_hash varchar(40)); \
         INSERT INTO integration SELECT i, 'live', '/v1/x' || i, 'k' || i, {hex}, 's' || i, 'abc' || i \
           FROM generate_series(1, 50) i; \
         CREATE TABLE two_factor_phonedevice (id int PRIMARY KEY, number varchar(16)); \
         INSERT INTO two_factor_phonedevice SELECT i, '+00' || i FROM generate_series(1, 30) i;"
    );
    let world = world(&sql);
    let draft = suggest(&world, "site.dump");
    let personal = |column: &str, table: &str| {
        let section = draft.split(&format!("[tables.{table}]")).nth(1).unwrap_or_default();
        let list = section.split("personal = [").nth(1).and_then(|rest| rest.split(']').next());
        list.is_some_and(|list| list.contains(&format!("\"{column}\"")))
    };
    for (table, column) in [
        ("authtoken_token", "key"),
        ("otp_totp_totpdevice", "key"),
        ("otp_totp_totpdevice", "name"),
        ("integration", "api_key"),
        ("integration", "blob"),
        ("integration", "signing_salt"),
        ("two_factor_phonedevice", "number"),
    ] {
        assert!(personal(column, table), "{table}.{column}\n{draft}");
    }
    for column in ["label", "endpoint", "file_hash"] {
        assert!(!personal(column, "integration"), "{column}\n{draft}");
    }
    pull(&world, &draft).exits(0);
    assert_eq!(world.psql("SELECT count(*) FROM authtoken_token"), "0");
}

#[test]
fn nothing_is_content_or_operational_without_values() {
    let world = world(
        "CREATE TABLE entry (id int PRIMARY KEY, title varchar(90), status varchar(9), slug varchar(50)); \
         INSERT INTO entry SELECT i, NULL, '', ' ' FROM generate_series(1, 400) i; \
         CREATE TABLE empty (id int PRIMARY KEY, body text, kind varchar(9));",
    );
    let draft = suggest(&world, "site.dump");
    for column in ["title", "status", "slug", "body", "kind"] {
        assert!(line(&draft, column).contains("to decide: no value was seen"), "{draft}");
    }
    for class in ["content = [", "operational = [\n    \"title", "operational = [\n    \"body"] {
        assert!(!draft.contains(class), "{draft}");
    }
    pull(&world, &draft).exits(0);
}

#[test]
fn every_name_can_be_written_in_a_manifest_and_on_the_command_line() {
    let names = [
        ("we.ird", "ta.ble"),
        ("qu\"ote", "ta\"b'le"),
        ("line\nfeed", "ta\tb"),
        ("public", "Odd Name"),
        ("Ünïcode", "tàble"),
        ("public", "dot.ted"),
        ("{brace}", "[x]#"),
    ];
    let mut sql = String::new();
    for (schema, table) in names {
        let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let (schema, table) = (quote(schema), quote(table));
        sql.push_str(&format!(
            "CREATE SCHEMA IF NOT EXISTS {schema}; \
             CREATE TABLE {schema}.{table} (id int PRIMARY KEY, \"ema.il\"\"x\" text, n int); \
             INSERT INTO {schema}.{table} SELECT i, 'zebedia' || i || '@private.org', i \
             FROM generate_series(1, 30) i;\n"
        ));
    }
    let world = world(&sql);
    let stopped = world.bcops.run(&["pull-data", "--file", "site.dump", "--yes"]);
    assert_eq!(stopped.code, Some(9), "{}", stopped.printed());
    let draft = suggest(&world, "site.dump");
    pull(&world, &draft).exits(0);
    nothing_of(&world, &["zebedia"]);
    let valid = ["scrub-pii", "--manifest", "validate", "--file", "site.dump"];
    let said = world.bcops.run(&valid).exits(0).printed();
    assert!(said.contains("fits the 7 tables"), "{said}");
    let written = "\"we.ird\".\"ta.ble\"";
    let said = world.bcops.run(&["scrub-pii", "--manifest", "explain", written]).exits(0).printed();
    assert!(said.contains(written), "{said}");
    let run = world.bcops.run(&[
        "pull-data",
        "--file",
        "site.dump",
        "--yes",
        "--exclude-data",
        written,
        "--exclude-data",
        "public.dot.ted",
        "--exclude-data",
        "\"Odd Name\"",
        "--json",
    ]);
    let document = run.exits(0).json();
    assert!(document["result"].to_string().contains("ta.ble"), "{document}");
    // A rule can read such a column.
    let rule = "[tables.\"public.dot.ted\".policy.any]\ndelete = true";
    assert!(draft.contains(rule), "{draft}");
    let condition = r#"{ column = "id", in = "\"we.ird\".\"ta.ble\".\"id\"" }"#;
    let keeps = format!(
        "[tables.\"public.dot.ted\".policy.any]\nkeep_where = [{condition}]\nset = {{ \"ema.il\\\"x\" = \"\" }}"
    );
    pull(&world, &draft.replacen(rule, &keeps, 1)).exits(0);
    nothing_of(&world, &["zebedia"]);
}

#[test]
fn another_site_gets_nothing_about_the_councils_tables() {
    let world = world("CREATE TABLE page (id int PRIMARY KEY, slug varchar(50));");
    let valid = ["scrub-pii", "--manifest", "validate", "--file", "site.dump"];
    for manifest in [
        "schema_version = 1\n[tables.page]\nclass = \"content\"\ncontent = [\"slug\"]\n",
        "schema_version = 1\nextends = \"built-in\"\n[tables.page]\nclass = \"content\"\ncontent = [\"slug\"]\n",
    ] {
        configure(&world, manifest);
        let said = world.bcops.run(&valid).exits(0).printed();
        for word in ["built-in", "users_user", "recruitment", "birdbath", "warning"] {
            assert!(!said.contains(word), "{word}: {said}");
        }
    }
    // Useless lines of the site's own are reported.
    configure(
        &world,
        "schema_version = 1\nextends = \"built-in\"\n[tables.pag]\nclass = \"content\"\n",
    );
    let said = world.bcops.run(&valid).exits(9).printed();
    assert!(said.contains("did you mean page"), "{said}");
}
