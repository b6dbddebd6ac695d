//! Tests data that a scrub could leave outside the changed rows: statistics, undone edits, old
//! files, materialized views, and unreachable tables.

use crate::command::Run;
use crate::pull_data::world::World;
use crate::scrub_pii::world::{
    Holder, PEOPLE_MANIFEST, local_site, local_with, people, scrub, set_manifest,
};
use crate::support::site;

/// The planner's statistics about the values of these tables.
fn remembered(world: &World, tables: &str) -> String {
    world.psql(&format!(
        "SELECT coalesce(string_agg(concat_ws(' ', tablename, attname, most_common_vals::text, \
           histogram_bounds::text), E'\\n'), '') FROM pg_stats WHERE tablename ~ '{tables}'"
    ))
}

/// The world's database belongs to a user who is not a superuser and who scrubs it.
fn as_owner(world: &mut World) -> String {
    let role = format!("owner_of_{}", world.target);
    world.psql(&format!(
        "CREATE ROLE {role} LOGIN CREATEDB; ALTER TABLE person OWNER TO {role}; \
         ALTER TABLE letter OWNER TO {role}; GRANT CREATE ON SCHEMA public TO {role}"
    ));
    let url = world.cluster.url(&world.target);
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &url.replace("postgres@", &format!("{role}@")));
    role
}

#[test]
fn the_planner_forgets_deleted_values() {
    let world = local_site();
    world.psql("ANALYZE");
    let tables = "recruitment_jobalertsubscription|users_user";
    assert!(remembered(&world, tables).contains('@'));
    scrub(&world, &["--yes"]).exits(0);
    assert_eq!(remembered(&world, "recruitment_jobalertsubscription"), "");
    assert!(!remembered(&world, "users_user").is_empty(), "rows stay, and so do statistics");
    let everything = remembered(&world, ".");
    assert_eq!(site::marked_columns(world.cluster, &world.target), Vec::<String>::new());
    let needles = crate::pull_data::world::Needles::of_sample(|_| true);
    assert_eq!(needles.find(everything.as_bytes()), Vec::<String>::new());
}

#[test]
fn the_planner_forgets_for_an_owner_too() {
    let mut world = people();
    world.psql(
        "INSERT INTO letter (body) SELECT 'Canary letter ' || n FROM generate_series(1, 50) n; \
         CREATE INDEX lower_name ON person (lower(name)); CREATE INDEX lower_body ON letter (lower(body)); \
         CREATE STATISTICS names (mcv) ON name, note FROM person; ANALYZE",
    );
    assert!(remembered(&world, "letter").contains("Canary"));
    let role = as_owner(&mut world);
    world.psql(&format!("ALTER STATISTICS names OWNER TO {role}"));
    let document = scrub(&world, &["--yes", "--json"]).exits(0).json();
    assert_eq!(document["result"]["warnings"], serde_json::json!([]));
    assert_eq!(remembered(&world, "body|letter_"), "");
    assert!(!remembered(&world, ".").contains("anary"), "{}", remembered(&world, "."));
    world.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));

    // A view forbids the change that removes them.
    let mut world = people();
    world.psql("CREATE VIEW letters AS SELECT body FROM letter; ANALYZE letter");
    world.psql("INSERT INTO letter (body) SELECT 'Canary' || n FROM generate_series(1, 9) n; ANALYZE letter");
    let role = as_owner(&mut world);
    let run = scrub(&world, &["--yes"]).exits(0);
    assert!(run.printed().contains("statistics of letter still hold"), "{}", run.printed());
    world.psql("DROP VIEW letters");
    world.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

const VERSIONS: &str = "CREATE TABLE version (id int PRIMARY KEY, content jsonb NOT NULL); \
     INSERT INTO version VALUES (1, '{\"a\": 1, \"by\": \"Ann Canary\"}'), (2, '{\"a\": 1}')";
const VERSIONS_MANIFEST: &str = "[tables.version]\nclass = \"content\"\ncontent = [\"content\"]\n\
     [tables.version.policy.any]\nremove_members = { content = [\"by\"] }\n";

#[test]
fn a_check_finds_what_an_edit_would_remove() {
    let world = local_with(VERSIONS, VERSIONS_MANIFEST);
    let run = scrub(&world, &["--check", "--json"]).fails(9, &["version: 1 row"]);
    assert_eq!(run.json()["result"]["pending"][0]["to_edit"], 1);
    scrub(&world, &["--yes"]).exits(0);
    scrub(&world, &["--check"]).exits(0);
    // A statement of the manifest restores the member, so the proof fails.
    let back = r#"UPDATE version SET content = content || jsonb_build_object('by', 'Ann')"#;
    let after = format!("[[after]]\npolicies = [\"local\"]\nsql = \"{back}\"\n");
    set_manifest(&world, &format!("{VERSIONS_MANIFEST}{after}"));
    scrub(&world, &["--yes"]).fails(9, &["2 rows of version"]);
}

#[test]
fn text_that_hides_an_address_is_redacted_too() {
    let sql = "CREATE TABLE page (id int PRIMARY KEY, title text, body jsonb); INSERT INTO page VALUES \
         (1, 'write to jo%40canary.example', '{\"t\": \"am9AZXhhbXBsZS5vcmcsIGNhbGw=\", \"n\": 1}'), \
         (2, 'amoAZXhhbXBsZSBvcmcgY2FsbA', '{\"t\": \"[{\\\"by\\\": \\\"jo\\\\u0040canary.example\\\"}]\"}')";
    let manifest = "[tables.page]\nclass = \"operational\"\noperational = [\"title\", \"body\"]\n\
         [tables.page.policy.any]\nredact = { title = [\"email\"], body = [\"email\"] }\n";
    let world = local_with(sql, manifest);
    scrub(&world, &["--check"]).fails(9, &["page"]);
    scrub(&world, &["--yes"]).exits(0);
    assert_eq!(
        world.psql("SELECT title, body FROM page ORDER BY id"),
        "[email removed]|{\"n\": 1, \"t\": \"[email removed]\"}\n\
         amoAZXhhbXBsZSBvcmcgY2FsbA|{\"t\": \"[{\\\"by\\\": \\\"[email removed]\\\"}]\"}"
    );
    let again = scrub(&world, &["--yes", "--json"]).exits(0).json();
    assert_eq!(again["result"]["edited"], 0);
}

#[test]
fn a_file_that_remains_is_reported() {
    let mut world = people();
    let role = as_owner(&mut world);
    scrub(&world, &["--yes", "--vacuum"]).exits(0);
    world.psql(&format!(
        "ALTER TABLE person OWNER TO postgres; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    let run = scrub(&world, &["--yes", "--vacuum", "--json"]);
    let run = run.fails(1, &["cannot rewrite the files of 1 table", "VACUUM FULL"]);
    assert_eq!(run.json()["result"]["deleted"], 0, "the scrub itself is told in full");
    world.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// The bytes of the table's file, after everything is written.
fn file_of(world: &World, table: &str) -> Vec<u8> {
    world.psql("CHECKPOINT");
    let path = world.psql(&format!("SELECT pg_relation_filepath('{table}')"));
    std::fs::read(world.cluster.data_dir().join(path)).expect("the table's file")
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Scrubs until the named session is one of this database, because other tests on the same server
/// may hold an older transaction for a while.
fn scrub_beside(world: &World, database: &str) -> Run {
    let mut run = scrub(world, &["--yes", "--vacuum", "--statement-timeout", "1s"]);
    for _ in 0..60 {
        let waits_for_another =
            run.stderr.contains("may still see the old rows") && !run.stderr.contains(database);
        if !waits_for_another {
            break;
        }
        run = scrub(world, &["--yes", "--vacuum", "--statement-timeout", "1s"]);
    }
    run
}

/// When the server rewrites a file, it silently keeps rows that a transaction may still see.
#[test]
fn rows_that_another_transaction_may_see_are_waited_for() {
    let mut world = people();
    // A user who is not a superuser also sees the session to wait for.
    let role = as_owner(&mut world);
    let elsewhere = people();
    let written = "UPDATE person SET note = 'y'";
    let reads = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1";
    for (whose, sql) in [(&elsewhere, written), (&world, reads)] {
        let holder = Holder::hold(whose, sql);
        world.psql("UPDATE person SET name = 'Ann Canary ' || id");
        let run = scrub_beside(&world, &whose.target);
        let told = ["the database is scrubbed", "may still see the old rows", &whose.target];
        run.fails(1, &told).says(&["pg_terminate_backend", "run the same command again"]);
        assert!(!world.psql("SELECT string_agg(name, ' ') FROM person").contains("Canary"));
        assert!(holds(&file_of(&world, "person"), "Ann Canary"), "there is nothing to wait for");
        holder.commit();
        scrub(&world, &["--yes", "--vacuum"]).exits(0);
        assert!(!holds(&file_of(&world, "person"), "Ann Canary"));
    }
    world.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn the_reason_why_a_file_remains_holds_no_value() {
    let world = people();
    world.psql(
        "UPDATE person SET note = 'of-somebody'; \
         CREATE FUNCTION sized(text) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT length($1)'; \
         CREATE INDEX ON person (sized(note))",
    );
    scrub(&world, &["--yes"]).exits(0);
    // From now on the index cannot be built, and the server's message names the value.
    world.psql(
        "CREATE OR REPLACE FUNCTION sized(text) RETURNS int IMMUTABLE LANGUAGE sql \
         AS 'SELECT $1::int'",
    );
    let run = scrub(&world, &["--yes", "--vacuum"]);
    let run = run.fails(1, &["cannot rewrite the files of person: invalid input syntax", "22P02"]);
    assert!(!run.printed().contains("of-somebody"), "{}", run.printed());
}

#[test]
fn materialized_views_are_audited() {
    let view = "CREATE TABLE person (id int PRIMARY KEY, phone_book text); \
         INSERT INTO person VALUES (1, 'x'); \
         CREATE MATERIALIZED VIEW book AS SELECT 'jo@' || 'canary.example' AS line FROM person";
    let manifest = "[tables.person]\nclass = \"operational\"\noperational = [\"phone_book\"]\n";
    let world = local_with(view, manifest);
    for arguments in [&["--yes"][..], &["--check"]] {
        scrub(&world, arguments).fails(9, &["book.line"]);
    }
    let class = "[tables.book]\nclass = \"content\"\ncontent = [\"line\"]\n";
    set_manifest(&world, &format!("{manifest}{class}"));
    scrub(&world, &["--yes"]).exits(0);
    scrub(&world, &["--check"]).exits(0);
    let rule = "[tables.book.policy.any]\ndelete = true\n";
    set_manifest(&world, &format!("{manifest}{class}{rule}"));
    scrub(&world, &["--check"]).fails(9, &["book: no rule can change rows of a materialized view"]);
}

#[test]
fn unreachable_tables_are_reported() {
    let world = people();
    world.psql(
        "CREATE EXTENSION citext; CREATE TABLE of_extension (a text); \
         ALTER EXTENSION citext ADD TABLE of_extension",
    );
    set_manifest(&world, PEOPLE_MANIFEST);
    scrub(&world, &["--yes"]).exits(0);
    let run = scrub(&world, &["--check", "--json"]).exits(0);
    assert_eq!(run.json()["result"]["not_looked_at"][0]["table"], "of_extension");
    assert!(run.stderr.contains("of_extension belongs to an extension"), "{}", run.printed());
}
