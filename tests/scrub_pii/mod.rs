//! Tests `bcops scrub-pii` on the local database from end to end: what it removes, keeps and
//! prints.

mod archives;
mod arguments;
mod backup_file;
mod catalog;
mod equality;
mod faults;
mod files;
mod guards;
mod residue;
mod schemas;
mod values;
pub mod world;

use serde_json::Value;

use crate::pull_data::world::{Needles, World, sample, sequences};
use crate::scrub_pii::world::{local_site, of_table, rows, schema, scrub, set_manifest, versions};
use crate::support::site;

/// A number in a document, which must exist.
#[track_caller]
fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not a number: {value}"))
}

#[track_caller]
fn assert_no_value_is_printed(text: &str) {
    assert_eq!(Needles::of_sample(|_| true).find(text.as_bytes()), Vec::<String>::new());
}

#[test]
fn the_local_policy_equals_a_pull() {
    let world = local_site();
    let (cluster, target) = (world.cluster, world.target.as_str());
    let before = (schema(cluster, target), sequences(cluster, target));
    let found = scrub(&world, &["--check", "--json"]).exits(9);
    assert_no_value_is_printed(&found.printed());
    let document = found.json();
    assert_eq!(
        (&document["command"], &document["status"], &document["error"]["kind"]),
        (&"scrub-pii".into(), &"failed".into(), &"personal-data".into())
    );
    let findings = document["result"]["findings"].as_array().expect("findings");
    let users = |one: &&Value| one["table"] == "users_user" && one["column"] == "email";
    let users = findings.iter().find(users).expect("the users' addresses");
    assert_eq!((&users["kind"], &users["verdict"]), (&"e-mail address".into(), &"finding".into()));
    assert!(number(&users["count"]) >= 50, "{users}");

    let run = scrub(&world, &["--yes"]).exits(0);
    assert_no_value_is_printed(&run.printed());
    assert!(run.stdout.contains(&format!("scrubbed {target} in ")), "{}", run.printed());
    assert_eq!(site::marked_columns(cluster, target), Vec::<String>::new());
    let everything = cluster.run_tool("pg_dump", &["-d", target]);
    assert_no_value_is_printed(&everything);
    assert_eq!(world.psql("SELECT count(*) FROM birdbath_execution"), "1");
    assert_eq!((schema(cluster, target), sequences(cluster, target)), before);

    let pulled = World::site();
    pulled.pull(&[]).exits(0);
    assert_eq!(rows(cluster, target), rows(cluster, &pulled.target));

    let passed = scrub(&world, &["--check", "--json"]).exits(0).json();
    assert_eq!(passed["result"]["findings"], Value::Array(Vec::new()));
    assert_eq!(passed["result"]["pending"], Value::Array(Vec::new()));
    assert!(passed["result"]["audit"].as_array().is_some_and(|audit| !audit.is_empty()));

    let versions_before = versions(cluster, target);
    let again = scrub(&world, &["--yes", "--json"]).exits(0).json();
    for what in ["deleted", "set", "edited"] {
        assert_eq!(again["result"][what], 0, "{again}");
    }
    assert_eq!(versions(cluster, target), versions_before);
}

#[test]
fn the_staging_policy_keeps_staff_and_removes_the_public() {
    let world = local_site();
    let (cluster, target) = (world.cluster, world.target.as_str());
    let staff = "SELECT md5(string_agg(u::text, ',' ORDER BY id)) FROM users_user u";
    let groups = "SELECT md5(string_agg(g::text, ',' ORDER BY g::text)) FROM users_user_groups g";
    let promoted = "SELECT md5(string_agg(q.query_string || p.page_id, ',' ORDER BY p.id)) \
                    FROM wagtailsearchpromotions_searchpromotion p \
                    JOIN wagtailsearchpromotions_query q ON q.id = p.query_id";
    let read = |database: &str| [staff, groups, promoted].map(|sql| cluster.psql(database, sql));
    assert!(read(target).iter().all(|digest| digest.len() == 32), "{:?}", read(target));
    scrub(&world, &["--yes", "--policy", "staging"]).exits(0);
    assert_eq!(read(target), read(&sample().database));
    let sent = [
        "wagtailforms_formsubmission",
        "recruitment_jobalertsubscription",
        "blogs_blogalertsubscription",
        "feedback_feedbackcomment",
        "wagtailsearchpromotions_querydailyhits",
        "django_session",
        "database_cache",
    ];
    for table in sent {
        assert_eq!(world.psql(&format!("SELECT count(*) FROM {table}")), "0", "{table}");
    }
    let everything = cluster.run_tool("pg_dump", &["-d", target]);
    let public = |place: &str| {
        ["forms_formsubmission", "alertsubscription", "feedback_", "django_session", "cache"]
            .iter()
            .any(|part| place.contains(part))
    };
    let staff_values = world.psql(
        "SELECT string_agg(lower(concat_ws(' ', username, first_name, last_name, email)), ' ') \
         FROM users_user",
    );
    let needles = Needles::of_sample(|canary| {
        public(&canary.place) && !staff_values.contains(&canary.value.trim().to_lowercase())
    });
    assert_eq!(needles.find(everything.as_bytes()), Vec::<String>::new());
    assert_eq!(world.psql("SELECT count(*) FROM birdbath_execution"), "1");
    let versions_before = versions(cluster, target);
    scrub(&world, &["--yes", "--policy", "staging"]).exits(0);
    assert_eq!(versions(cluster, target), versions_before);
    scrub(&world, &["--check", "--policy", "staging"]).exits(0);
    // A developer may not have everything that staging keeps.
    scrub(&world, &["--check", "--policy", "local"]).fails(9, &["users_user.email"]);
}

#[test]
fn a_dry_run_changes_nothing_and_predicts_the_scrub() {
    let world = local_site();
    let before = versions(world.cluster, &world.target);
    let planned = scrub(&world, &["--dry-run", "--json"]).exits(0).json();
    assert_eq!(planned["result"]["dry_run"], true);
    assert_eq!(versions(world.cluster, &world.target), before);
    assert!(!world.bcops.state_directory().join("journal.jsonl").exists());
    let done = scrub(&world, &["--yes", "--json"]).exits(0).json();
    assert_eq!(done["status"], "ok");
    let mut compared = 0;
    for table in done["result"]["tables"].as_array().expect("tables") {
        let (deleted, set, edited) =
            (number(&table["deleted"]), number(&table["set"]), number(&table["edited"]));
        if deleted + set + edited == 0 {
            continue;
        }
        compared += 1;
        let plan = of_table(&planned, table["table"].as_str().expect("a name"));
        assert_eq!(number(&plan["to_delete"]), deleted, "{table}");
        assert_eq!((number(&plan["to_set"]), number(&plan["to_edit"])), (set, edited), "{table}");
        assert_eq!(plan["rule"], table["rule"]);
    }
    assert!(compared > 15, "{compared}");
    assert_eq!(planned["result"]["tables"].as_array().map(Vec::len), Some(compared));
}

#[test]
fn without_a_confirmation_nothing_happens() {
    let world = local_site();
    let before = versions(world.cluster, &world.target);
    let confirm = format!("--confirm {}", world.target);
    scrub(&world, &[]).fails(5, &["no terminal", &confirm, "--yes"]);
    let refused = scrub(&world, &["--json"]).exits(5).json();
    assert_eq!(refused["error"]["kind"], "not-confirmed");
    scrub(&world, &["--no-input"]).fails(5, &[&confirm]);
    for wrong in ["yes", "bc", &world.target.to_uppercase(), "buckinghamshire-staging"] {
        scrub(&world, &["--confirm", wrong]).fails(5, &["does not match", &world.target]);
    }
    scrub(&world, &["staging", "--yes"]).exits(2);
    scrub(&world, &["--check", "--yes"]).exits(2);
    scrub(&world, &["nowhere", "--confirm", "nowhere"]).exits(2);
    assert_eq!(versions(world.cluster, &world.target), before);
    scrub(&world, &["--confirm", &world.target]).exits(0);
    assert_ne!(versions(world.cluster, &world.target), before);
}

#[test]
fn typing_the_name_scrubs_the_database() {
    let world = local_site();
    let before = versions(world.cluster, &world.target);
    let question = format!("Type {} to continue: ", world.target);
    for wrong in ["y", "yes", ""] {
        let mut terminal = world.bcops.start_on_terminal(&["scrub-pii"]);
        terminal.wait_for(&question);
        let screen = terminal.text();
        for told in ["scrub  the database", "policy `local`", "deleted", "set", "edited", "tables"]
        {
            assert!(screen.contains(told), "`{told}` is not told before the question:\n{screen}");
        }
        terminal.type_line(wrong);
        let (code, screen) = terminal.finish();
        assert_eq!(code, Some(5), "{screen}");
    }
    let terminal = world.bcops.start_on_terminal(&["scrub-pii"]);
    terminal.wait_for(&question);
    terminal.interrupt();
    assert_eq!(terminal.finish().0, Some(130));
    assert_eq!(versions(world.cluster, &world.target), before);
    // A name with an extra blank is refused and asked again.
    let mut terminal = world.bcops.start_on_terminal(&["scrub-pii"]);
    terminal.wait_for(&question);
    terminal.type_line(&format!("{} ", world.target));
    terminal.wait_for(&format!("that is not exactly {}; try again", world.target));
    assert_eq!(versions(world.cluster, &world.target), before);
    terminal.type_line(&world.target);
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains(&format!("scrubbed {} in ", world.target)), "{screen}");
    assert_eq!(site::marked_columns(world.cluster, &world.target), Vec::<String>::new());
}

#[test]
fn old_rows_are_removed_from_the_disk_on_request() {
    let world = local_site();
    scrub(&world, &["--yes", "--vacuum"]).exits(0);
    world.psql("CHECKPOINT");
    let folder = world.psql("SELECT pg_relation_filepath('users_user')");
    let bytes = std::fs::read(world.cluster.data_dir().join(folder)).expect("the table's file");
    let users = Needles::of_sample(|canary| canary.place.starts_with("users_user"));
    assert_eq!(users.find(&bytes), Vec::<String>::new());
}

#[test]
fn unclassified_data_stops_the_scrub_with_the_lines_to_add() {
    let world = local_site();
    world.psql("ALTER TABLE auth_group ADD COLUMN nickname text");
    world.psql("CREATE TABLE people_person (id serial PRIMARY KEY, full_name text)");
    let before = versions(world.cluster, &world.target);
    let lines = [
        "auth_group.nickname",
        "[tables.people_person]",
        "personal = [\"id\", \"full_name\"]",
        "delete = true",
    ];
    for arguments in [&["--yes"][..], &["--dry-run"], &["--check"]] {
        scrub(&world, arguments).fails(9, &lines);
    }
    assert_eq!(versions(world.cluster, &world.target), before);
    let mend = "extends = \"built-in\"\n[tables.people_person]\nclass = \"personal\"\n\
                personal = [\"id\", \"full_name\"]\n[tables.people_person.policy.any]\ndelete = true\n\
                [tables.auth_group]\nclass = \"operational\"\noperational = [\"name\", \"nickname\"]\n";
    set_manifest(&world, mend);
    scrub(&world, &["--yes"]).exits(0);
}
