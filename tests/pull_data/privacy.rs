//! Tests that `bcops pull-data` stores no personal data on this machine, neither in files nor in
//! messages, and that unclassified data stops the pull.

use std::fs;
use std::path::Path;

use crate::pull_data::world::{Needles, World, sample};
use crate::standins::heroku::{Rule, StoreFault};
use crate::support::postgres::{Cluster, Options};
use crate::support::site::{self, Canary};
use crate::support::wait;

/// A world whose target is on a separate server that never had production's rows.
fn fresh(archive: &Path) -> (World, Cluster) {
    let cluster = Cluster::start(&Options::for_tests()).expect("a server");
    let mut world = World::with_backup(archive);
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &cluster.url("bc"));
    (world, cluster)
}

/// Makes the server write its memory to disk.
fn checkpoint(cluster: &Cluster) {
    cluster.psql("postgres", "CHECKPOINT");
}

/// Values that the audit can recognize.
fn has_a_pattern(canary: &Canary) -> bool {
    ["email", "phone", "nino", "postcode"].contains(&canary.kind.as_str())
}

#[test]
fn no_file_holds_data_of_a_dropped_or_rewritten_row() {
    let (world, cluster) = fresh(&sample().archive);
    let run = world.pull(&[]).exits(0);
    checkpoint(&cluster);
    let needles = Needles::of_sample(|_| true);
    // Data, WAL, temporary files and the server's log are in one folder. Home, state and temporary
    // files of the program are in another.
    let places = [cluster.socket_dir(), world.bcops.directory()];
    for place in places {
        assert_eq!(needles.find_in_files(place), Vec::new());
    }
    assert_eq!(needles.find(run.printed().as_bytes()), Vec::<String>::new());

    // Proves the search: without the scrub, it finds the values.
    let unscrubbed = ["--yes", "--no-scrub", "--i-need-personal-data", "proof of the search"];
    let run = world.pull(&unscrubbed).exits(0);
    checkpoint(&cluster);
    let found = needles.find_in_files(cluster.socket_dir());
    let is_in = |part: &str| found.iter().any(|(path, _)| path.to_string_lossy().contains(part));
    assert!(is_in("pg_wal") && is_in("base"), "{found:?}");
    assert!(found.len() > 10, "{found:?}");
    assert_eq!(needles.find(run.printed().as_bytes()), Vec::<String>::new());
    assert_eq!(needles.find_in_files(world.bcops.directory()), Vec::new());
}

#[test]
fn no_file_holds_personal_data_during_a_pull() {
    let (world, cluster) = fresh(&sample().archive);
    let length = fs::metadata(&sample().archive).expect("the backup").len();
    world.standin.misbehave(Rule::always("/store/", StoreFault::StallAfter(length * 9 / 10)));
    let mut run = world.bcops.start(&["pull-data", "production"]);
    assert!(run.wait_for("Loading rows"));
    let loaded = "SELECT count(*) FROM users_user";
    let is_loaded =
        || !cluster.try_psql("bc_bcops_incoming", loaded).is_ok_and(|rows| rows != "60");
    wait::until("the rows come", is_loaded);
    let needles = Needles::of_sample(|_| true);
    let places = [cluster.socket_dir(), world.bcops.directory()];
    let assert_clean = || {
        checkpoint(&cluster);
        for place in places {
            assert_eq!(needles.find_in_files(place), Vec::new());
        }
    };
    assert_clean();
    run.interrupt();
    run.finish().exits(130);
    assert_clean();
}

#[test]
fn a_wrong_classification_is_found_before_anything_is_written() {
    let (world, cluster) = fresh(&sample().archive);
    cluster.psql("postgres", "CREATE DATABASE bc");
    cluster.psql("bc", "CREATE TABLE note AS SELECT 'from before' AS text");
    world.bcops.write(
        "manifest.toml",
        "schema_version = 1\nextends = \"built-in\"\n[tables.feedback_feedbackcomment]\n\
         class = \"operational\"\noperational = [\"action\", \"issue\"]\n\
         content = [\"original_url\"]\n",
    );
    world.bcops.write("bcops.toml", "[scrub]\nmanifest = \"manifest.toml\"\n");
    let run = world.pull(&["--yes"]).fails(9, &["personal data would remain"]);
    let finding =
        |line: &&str| line.contains("feedback_feedbackcomment.action: ") && line.contains("e-mail");
    let line = run.stderr.lines().find(finding);
    let line = line.unwrap_or_else(|| panic!("no finding with its kind:\n{}", run.printed()));
    assert!(line.split(' ').any(|word| word.replace(',', "").parse::<u64>().is_ok()), "{line}");
    let all = Needles::of_sample(|_| true);
    assert_eq!(all.find(run.printed().as_bytes()), Vec::<String>::new());

    checkpoint(&cluster);
    let patterns = Needles::of_sample(has_a_pattern);
    assert_eq!(patterns.find_in_files(cluster.socket_dir()), Vec::new());
    assert_eq!(patterns.find_in_files(world.bcops.directory()), Vec::new());
    let names = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database \
                 WHERE datname LIKE 'bc%'";
    assert_eq!(cluster.psql("postgres", names), "bc");
    assert_eq!(cluster.psql("bc", "SELECT text FROM note"), "from before");

    let failed = world.pull(&["--yes", "--json"]).exits(9).json();
    assert_eq!(
        (&failed["status"], &failed["error"]["kind"]),
        (&"failed".into(), &"personal-data".into())
    );

    // The finding is reported even if the rest of the backup cannot be read.
    let mut bytes = fs::read(&sample().archive).expect("the backup");
    bytes.truncate(bytes.len() - 100);
    fs::write(world.bcops.directory().join("work/cut.dump"), bytes).expect("a cut backup");
    let cut = world.bcops.run(&["pull-data", "--file", "cut.dump", "--yes", "--json"]);
    assert_eq!(cut.exits(9).json()["error"]["kind"], "personal-data");
}

#[test]
fn unclassified_data_stops_the_pull_with_the_lines_to_add() {
    let world = World::small().with_target();
    let source = world.cluster.create_database("unclassified");
    world.cluster.psql(
        &source,
        "CREATE TABLE auth_group (id serial PRIMARY KEY, name text, nickname text); \
         CREATE TABLE people_person (id serial PRIMARY KEY, full_name text, height integer); \
         CREATE TABLE people_count (id serial PRIMARY KEY, counted_at timestamptz)",
    );
    let archive = world.bcops.directory().join("work/new.dump");
    site::back_up(world.cluster, &source, &archive).expect("a backup");
    let pull = ["pull-data", "--file", "new.dump", "--yes"];
    let lines = [
        "auth_group.nickname",
        "people_person: the table is not classified",
        "[tables.people_person]",
        "personal = [\"id\", \"full_name\", \"height\"]",
        "people_count: the table is not classified",
        "personal = [\"id\", \"counted_at\"]",
        "[tables.people_person.policy.local]",
        "delete = true",
        "scrub.manifest",
    ];
    world.bcops.run(&pull).fails(9, &lines);
    world.assert_untouched();

    // The printed lines fix the problem.
    let mend = "schema_version = 1\nextends = \"built-in\"\n[tables.people_person]\n\
                class = \"personal\"\npersonal = [\"id\", \"full_name\", \"height\"]\n\
                [tables.people_person.policy.any]\ndelete = true\n[tables.auth_group]\n\
                class = \"operational\"\noperational = [\"name\", \"nickname\"]\n\
                [tables.people_count]\nclass = \"operational\"\n";
    world.bcops.write("manifest.toml", mend);
    world.bcops.write("bcops.toml", "[scrub]\nmanifest = \"manifest.toml\"\n");
    world.bcops.run(&pull).exits(0);
    assert_eq!(world.psql("SELECT count(*) FROM people_person"), "0");
}

#[test]
fn large_objects_are_taken_only_when_they_are_known_to_be_content() {
    let world = World::small().with_target();
    let source = world.cluster.create_database("large_objects");
    let rows = "CREATE TABLE auth_group (id serial PRIMARY KEY, name text); \
                SELECT lo_from_bytea(70001, decode(repeat('deadbeef', 20000), 'hex'))";
    world.cluster.psql(&source, rows);
    let archive = world.bcops.directory().join("work/large.dump");
    site::back_up(world.cluster, &source, &archive).expect("a backup");
    let pull = ["pull-data", "--file", "large.dump", "--yes"];
    world.bcops.run(&pull).fails(9, &["large objects", "large_objects = \"delete\""]);
    world.assert_untouched();
    world.bcops.write("bcops.toml", "[scrub]\nmanifest = \"manifest.toml\"\n");
    for (word, objects) in [("delete", "0|"), ("content", "1|80000")] {
        let manifest =
            format!("schema_version = 1\nextends = \"built-in\"\nlarge_objects = \"{word}\"\n");
        world.bcops.write("manifest.toml", &manifest);
        world.bcops.run(&pull).exits(0);
        let sql = "SELECT count(*), sum(length(lo_get(oid))) FROM pg_largeobject_metadata";
        assert_eq!(world.psql(sql), objects, "{word}");
    }
}

#[test]
fn a_manifest_that_cannot_work_is_refused_before_the_rows() {
    let world = World::site().with_target();
    world.bcops.write("bcops.toml", "[scrub]\nmanifest = \"manifest.toml\"\n");
    world.pull(&["--yes"]).fails(3, &["cannot read the manifest", "manifest.toml"]);
    let head = "schema_version = 1\nextends = \"built-in\"\n";
    let page = "class = \"content\"\ncontent = [\"path\", \"title\", \"slug\", \"url_path\", \
                \"seo_title\", \"search_description\", \"draft_title\"]\n";
    let user = "class = \"personal\"\npersonal = [\"password\", \"username\", \"first_name\", \
                \"last_name\", \"email\", \"last_login\"]\noperational = [\"id\", \"is_superuser\", \
                \"is_staff\", \"is_active\", \"date_joined\"]\n";
    let rest = "null = [\"last_login\"]\nunusable_password = [\"password\"]\n";
    let cases = [
        ("[tables\n".to_owned(), 3, "manifest.toml"),
        ("[tables.x]\nclass = \"private\"\n".to_owned(), 3, "manifest.toml"),
        (
            format!(
                "[tables.wagtailcore_page]\n{page}\
                 [tables.wagtailcore_page.policy.any]\ndelete = true\n"
            ),
            9,
            "wagtailcore_page",
        ),
        (
            format!(
                "[tables.users_user]\n{user}[tables.users_user.policy.local]\n{rest}\
                 set = {{ username = \"user\", first_name = \"\", last_name = \"\", email = \"\" }}\n"
            ),
            9,
            "users_user",
        ),
        (
            format!(
                "[tables.users_user]\n{user}[tables.users_user.policy.local]\n{rest}\
                 set = {{ username = \"user.{{id}}\", first_name = \"{}\", last_name = \"\", \
                 email = \"\" }}\n",
                "x".repeat(151)
            ),
            9,
            "first_name",
        ),
    ];
    for (text, code, words) in cases {
        world.bcops.write("manifest.toml", &format!("{head}{text}"));
        world.pull(&["--yes"]).fails(code, &[words]);
        world.assert_untouched();
    }
}
