//! Tests `bcops pull-data` from end to end: what it loads, and what it prints.

pub mod archives;
mod choices;
mod download;
mod equal;
mod everyday_writings;
mod extension_rows;
mod faults;
mod formats;
mod guards;
mod large_rows;
mod late;
mod many_tables;
mod password;
mod privacy;
mod properties;
mod skipped;
mod terminal;
mod unclassified;
mod unscrubbed;
pub mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::pull_data::world::{Needles, World, digest, sample, sequences};
use crate::screens::assert_screen;
use crate::support::site;

#[test]
fn a_pull_brings_the_site_without_its_people() {
    let world = World::site().with_target();
    let run = world.pull(&["--yes"]).exits(0);
    let (cluster, target) = (world.cluster, world.target.as_str());

    // The site's content, row by row.
    for table in [
        "wagtailcore_page",
        "standardpages_informationpage",
        "location_locationpage",
        "images_customimage",
        "documents_customdocument",
        "wagtailsearchpromotions_searchpromotion",
        "auth_group_permissions",
    ] {
        let sql = format!(
            "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {table} t HAVING count(*) > 0"
        );
        let original = cluster.psql(&sample().database, &sql);
        assert_eq!(world.psql(&sql), original, "{table}");
    }
    // No personal data, wherever it was before.
    assert_eq!(site::marked_columns(cluster, target), Vec::<String>::new());
    let everything = cluster.run_tool("pg_dump", &["-d", target]);
    assert_eq!(Needles::of_sample(|_| true).find(everything.as_bytes()), Vec::<String>::new());

    // Users are distinguishable and cannot log in.
    let users = "SELECT count(*), count(DISTINCT username), count(DISTINCT email), \
                 count(*) FILTER (WHERE password LIKE '!%') FROM users_user";
    assert_eq!(world.psql(users), "60|60|60|60");
    assert_eq!(world.psql("SELECT count(*) FROM birdbath_execution"), "1");
    assert_eq!(world.psql("SELECT count(*) FROM wagtailforms_formsubmission"), "0");

    // Everything that was built equals the original.
    let built = "SELECT (SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'), \
                 (SELECT count(*) FROM pg_constraint WHERE contype IN ('p', 'u', 'f', 'c')), \
                 (SELECT count(*) FROM pg_constraint WHERE NOT convalidated), \
                 (SELECT count(*) FROM pg_index WHERE NOT indisvalid)";
    assert_eq!(world.psql(built), cluster.psql(&sample().database, built));
    assert_eq!(sequences(cluster, target), sequences(cluster, &sample().database));

    // The old database is kept, and the output names it and the way back.
    assert_eq!(world.database_names(), [target, &world.previous()]);
    assert_eq!(cluster.psql(&world.previous(), "SELECT text FROM note"), "from before");
    for told in [
        "REWRITTEN",
        "DROPPED",
        "foreign keys",
        "audit: no e-mail address, telephone number, National Insurance number or postcode",
        &world.previous(),
        "bcops pull-data --undo",
    ] {
        assert!(run.stdout.contains(told), "`{told}` is not told:\n{}", run.printed());
    }
    run.says(&["from  production (buckinghamshire-production), backup b001", "is replaced"]);
}

#[test]
fn undo_restores_the_old_database_and_undo_again_the_new_one() {
    let world = World::small().with_target();
    world.pull(&["--yes"]).exits(0);
    let pulled = world.databases();
    let users = "SELECT count(*) FROM users_user";
    assert_eq!(world.psql(users), "60");

    let undo = ["pull-data", "--undo"];
    world.bcops.run(&undo).fails(5, &["no terminal", "--yes"]);
    assert_eq!(world.databases(), pulled, "nothing happens without a yes");
    world.bcops.run(&[&undo[..], &["--yes", "--dry-run"]].concat()).exits(0);
    assert_eq!(world.databases(), pulled, "a dry run changes nothing");

    world.bcops.run(&[&undo[..], &["--confirm", &world.target]].concat()).exits(0);
    assert_eq!(world.psql("SELECT text FROM note"), "from before");
    assert_eq!(world.cluster.psql(&world.previous(), users), "60");
    world.bcops.run(&[&undo[..], &["--yes"]].concat()).exits(0);
    assert_eq!(world.psql(users), "60");
    assert_eq!(world.databases(), pulled);
}

#[test]
fn undo_without_an_old_database_is_refused() {
    let world = World::small().with_target();
    world.bcops.run(&["pull-data", "--undo", "--yes"]).fails(4, &["there is no database"]);
    world.assert_untouched();
}

#[test]
fn json_is_always_one_document_of_the_same_form() {
    let world = World::small();
    let done = world.pull(&["--json"]).exits(0).json();
    assert_eq!((&done["command"], &done["status"]), (&"pull-data".into(), &"ok".into()));
    assert_eq!(done["error"], Value::Null);
    let result = &done["result"];
    assert_eq!(result["database"], world.target.as_str());
    assert_eq!((&result["previous"], &result["scrubbed"]), (&Value::Null, &true.into()));
    let table = |name: &str| {
        let tables = result["tables"].as_array().expect("tables");
        tables.iter().find(|one| one["table"] == name).expect("the table").clone()
    };
    let users = table("users_user");
    assert_eq!(users["rows"], 60);
    assert_eq!(
        (&users["kept"], &users["changed"], &users["dropped"]),
        (&60.into(), &60.into(), &0.into())
    );
    let sessions = table("django_session");
    assert!(sessions["rows"].as_u64() > Some(0));
    assert_eq!((&sessions["kept"], &sessions["dropped"]), (&0.into(), &sessions["rows"]));
    assert!(
        result["audit"]
            .as_array()
            .is_some_and(|counts| counts.iter().all(|count| count["verdict"] != "finding"))
    );
    let size = fs::metadata(&sample().small).expect("the backup").len();
    assert_eq!(result["archive_bytes"], size);

    let refused = world.pull(&["--json"]).exits(5).json();
    assert_eq!((&refused["status"], &refused["result"]), (&"refused".into(), &Value::Null));
    assert_eq!(refused["error"]["kind"], "not-confirmed");
    assert!(refused["error"]["hints"].to_string().contains("--yes"), "{refused}");
    let usage = world.bcops.run(&["pull-data", "--json", "--backup", "b001"]).exits(2).json();
    assert_eq!((&usage["command"], &usage["status"]), (&"pull-data".into(), &"failed".into()));
    assert_eq!(usage["error"]["kind"], "usage");
    assert!(usage["error"]["message"].to_string().contains("required"), "{usage}");
    // A misspelt command has no help to hint at.
    let misspelt = world.bcops.run(&["pul-data", "production", "--json"]).exits(2).json();
    assert_eq!(misspelt["error"]["hints"], serde_json::json!(["bcops --help"]));
    let failed = world.bcops.run(&["pull-data", "nowhere", "--json"]).exits(2).json();
    assert_eq!((&failed["status"], &failed["error"]["kind"]), (&"failed".into(), &"usage".into()));
    assert!(failed["error"]["message"].to_string().contains("nowhere"), "{failed}");
}

#[test]
fn a_dry_run_prints_the_plan_and_changes_nothing() {
    let world = World::site().with_target();
    let run = world.pull(&["--dry-run"]).exits(0);
    world.assert_untouched();
    assert!(!world.bcops.state_directory().exists(), "a dry run leaves no entry in the journal");
    for (table, class, rule) in [
        ("users_user", "personal", "email set to `user.{id}@example.invalid`"),
        ("users_user", "personal", "password made unusable"),
        ("wagtailforms_formsubmission", "personal", "every row deleted"),
        ("wagtailcore_revision", "content", "rows kept where"),
        ("wagtailcore_page", "content", "kept"),
        ("auth_group", "operational", "kept"),
    ] {
        let line = run.stdout.lines().find(|line| line.split_whitespace().next() == Some(table));
        let line = line.unwrap_or_else(|| panic!("no line for {table}:\n{}", run.printed()));
        assert!(line.contains(class) && line.contains(rule), "{line}");
    }
    assert!(run.stdout.contains("nothing was changed"), "{}", run.printed());
    run.says(&["backup b001", "5 h"]);

    let document = world.pull(&["--dry-run", "--json"]).exits(0).json();
    let result = &document["result"];
    assert_eq!((&result["dry_run"], &result["source"]["backup"]), (&true.into(), &"b001".into()));
    assert!(result["source"]["age_seconds"].as_u64().is_some_and(|age| age >= 5 * 3600));
    assert_eq!(result["target"]["database"], world.target.as_str());
    let tables = result["tables"].as_array().expect("tables");
    assert!(tables.iter().all(|table| table["class"].is_string() && table["rule"].is_string()));
    world.assert_untouched();
}

#[test]
fn quiet_prints_only_the_result() {
    let world = World::small();
    let run = world.pull(&["--quiet"]).exits(0);
    assert_eq!(run.stderr, "");
    assert!(run.stdout.contains("is ready"), "{}", run.printed());
}

#[test]
fn without_a_terminal_there_are_plain_lines() {
    let world = World::small();
    let run = world.pull(&[]).exits(0);
    assert!(!run.printed().contains('\u{1b}'), "{:?}", run.stderr);
    assert!(!run.printed().contains('\r'), "{:?}", run.stderr);
    run.says(&["Creating", "Loading rows", "Putting the new database in place"]);
}

#[test]
fn the_fab_name_does_the_same() {
    let world = World::small().with_target();
    let done = world.bcops.run(&["pull-production-data", "--yes", "--json"]).exits(0).json();
    assert_eq!(done["command"], "pull-data");
    assert_eq!(world.psql("SELECT count(*) FROM users_user"), "60");
    assert_screen("help", &world.bcops.run(&["--help"]).exits(0).stdout);
    world.bcops.run(&["pull-production-data", "staging"]).exits(2);
}

#[test]
fn unscrubbed_data_needs_a_reason_that_is_kept() {
    let mut world = World::small().with_target();
    let usage: [&[&str]; 3] = [
        &["--no-scrub", "--yes"],
        &["--no-scrub", "--i-need-personal-data", "", "--yes"],
        &["--i-need-personal-data", "a bug in the users' list", "--yes"],
    ];
    for arguments in usage {
        world.pull(arguments).exits(2);
        world.assert_untouched();
    }
    assert!(!world.fetched());

    let url = world.cluster.url(&world.target).replace("postgres@", "postgres:db-password@");
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &url);
    let reason = "a bug in the users' list, ticket 4711";
    let run = world.pull(&["--no-scrub", "--i-need-personal-data", reason, "--yes"]).exits(0);
    assert!(run.stdout.contains("this database holds personal data"), "{}", run.printed());
    run.says(&["WITH THE PERSONAL DATA OF REAL PEOPLE"]);
    for table in ["users_user", "django_session", "wagtailcore_modellogentry"] {
        let sql = format!("SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {table} t");
        assert_eq!(world.psql(&sql), world.cluster.psql(&sample().database, &sql), "{table}");
    }
    let journal = world.bcops.state_directory().join("journal.jsonl");
    let mode = fs::metadata(&journal).expect("the journal").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(&journal).expect("the journal");
    for secret in ["db-password", "HRKU", "X-Amz"] {
        assert!(!text.contains(secret), "{text}");
    }
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let [entry, end] = lines.as_slice() else { panic!("{text}") };
    assert_eq!((&entry["event"], &end["event"]), (&"begun".into(), &"done".into()));
    assert_eq!((&entry["reason"], &entry["scrubbed"]), (&reason.into(), &false.into()));
    assert_eq!(entry["database"], world.target.as_str());
}

#[test]
fn a_password_lets_only_superusers_log_in() {
    let mut world = World::small();
    world.pull(&["--set-password"]).fails(5, &["BCOPS_LOCAL_PASSWORD", "no terminal"]);
    assert!(!world.fetched(), "the question comes before the work");
    world.bcops.set("BCOPS_LOCAL_PASSWORD", "let-me-in-please");
    let run = world.pull(&["--set-password"]).exits(0);
    assert!(!run.printed().contains("let-me-in-please"), "{}", run.printed());
    let superusers = world.psql(
        "SELECT string_agg(username, ', ' ORDER BY username COLLATE \"C\") FROM users_user \
         WHERE is_superuser",
    );
    let line = format!("set the password of: {superusers}");
    assert!(run.stdout.contains(&line), "`{line}`:\n{}", run.printed());
    let first = superusers.split(',').next().expect("a name");
    let next = format!("next: log in as {first}, with the password that you set");
    assert!(run.stdout.contains(&next), "`{next}`:\n{}", run.printed());
    let form = r"^pbkdf2_sha256\$[0-9]+\$[0-9a-f]{32}\$[A-Za-z0-9+/]{43}=$";
    let sql = format!(
        "SELECT count(*) FILTER (WHERE is_superuser AND password ~ '{form}'), \
         count(*) FILTER (WHERE NOT is_superuser AND password LIKE '!%'), count(*) FROM users_user"
    );
    assert_eq!(world.psql(&sql), "5|55|60");
}

#[test]
fn two_pulls_of_one_backup_give_the_same_rows() {
    let world = World::small();
    world.pull(&["--jobs", "1"]).exits(0);
    let first = digest(world.cluster, &world.target);
    world.pull(&["--jobs", "4", "--yes"]).exits(0);
    assert_eq!(digest(world.cluster, &world.target), first);
}
