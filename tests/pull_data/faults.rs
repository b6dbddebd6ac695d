//! Tests `bcops pull-data` with faults of the network, the backup or the user: it succeeds, or
//! reports the failure and leaves the local database unchanged.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::command::Run;
use crate::heroku::world::{PRODUCTION, count};
use crate::pull_data::world::{COMPLETED, HOUR, World, digest, sample};
use crate::scrub_pii::world::set_manifest;
use crate::standins::heroku::{Fault, Options, Rule, StoreFault};
use crate::support::postgres::{Cluster, Options as ClusterOptions};
use crate::support::site;
use crate::support::wait;

/// The result of an undisturbed pull of the small backup.
fn right_rows() -> &'static [String] {
    static ROWS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let world = World::small();
        world.pull(&[]).exits(0);
        digest(world.cluster, &world.target)
    });
    &ROWS
}

fn length() -> u64 {
    fs::metadata(&sample().small).expect("the backup").len()
}

#[track_caller]
fn assert_right(world: &World, run: Run) {
    run.exits(0);
    assert_eq!(digest(world.cluster, &world.target), right_rows());
    assert_eq!(world.database_names(), [world.target.clone(), world.previous()]);
}

#[test]
fn a_connection_that_breaks_repeatedly_changes_nothing() {
    let world = World::small().with_target();
    let parts = [1, 4, 60, 1000, 5000, 9000, length() / 4, length() / 3, length() / 4];
    for part in parts {
        world.standin.misbehave(Rule::once("/store/", StoreFault::CutAfter(part)));
    }
    world.standin.misbehave(Rule::once("/store/", Fault::CloseBefore));
    assert_right(&world, world.pull(&["--yes"]));
    assert!(count(&world.standin, "GET", "/store/") >= parts.len());
}

#[test]
fn a_signed_url_that_expires_half_way_is_replaced() {
    let world = World::small().with_target();
    world.standin.misbehave(Rule::once("/store/", StoreFault::CutAfter(length() / 2)));
    world.standin.misbehave(Rule::once("/store/", StoreFault::Expired));
    assert_right(&world, world.pull(&["--yes"]));
    assert_eq!(count(&world.standin, "POST", "/public-url"), 2);
}

#[test]
fn a_failing_server_gets_time() {
    let world = World::small().with_target();
    for fault in [
        Fault::ServerError,
        Fault::HtmlUnavailable,
        Fault::RateLimited(1),
        Fault::Slow(Duration::from_secs(1)),
    ] {
        world.standin.misbehave(Rule::once("/store/", fault));
    }
    world.standin.misbehave(Rule::once("/config-vars", Fault::ServerError));
    world.standin.misbehave(Rule::once("/transfers", Fault::RateLimited(1)).on("GET"));
    world.standin.misbehave(Rule::once("/public-url", Fault::HtmlUnavailable));
    assert_right(&world, world.pull(&["--yes"]));
}

#[test]
fn a_dishonest_store_is_recognized() {
    let world = World::small().with_target();
    let half = length() / 2;
    let cut = || Rule::once("/store/", StoreFault::CutAfter(half));
    let cases: [(Vec<Rule>, &str); 7] = [
        (vec![Rule::times(2, "/store/", StoreFault::Expired)], "signed URL"),
        (vec![Rule::once("/store/", StoreFault::Shorter(half))], "end"),
        (vec![Rule::once("/store/", StoreFault::Shorter(100))], "end"),
        (vec![Rule::once("/store/", StoreFault::NoLength)], "does not announce its length"),
        (vec![Rule::once("/store/", Fault::NotFound)], "404"),
        (vec![cut(), Rule::once("/store/", StoreFault::OtherTag)], "changed during"),
        (vec![cut(), Rule::once("/store/", StoreFault::WrongTotal(7))], "changed during"),
    ];
    for (rules, words) in cases {
        for rule in rules {
            world.standin.misbehave(rule);
        }
        world.pull(&["--yes"]).fails(1, &[words]);
        world.assert_untouched();
    }
    assert_right(&world, world.pull(&["--yes"]));
}

#[test]
fn a_truncated_backup_is_never_accepted() {
    let world = World::small().with_target();
    let bytes = fs::read(&sample().small).expect("the backup");
    let path = world.bcops.write("cut.dump", "");
    for part in [0.0003, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999] {
        let end = (bytes.len() as f64 * part) as usize;
        fs::write(&path, &bytes[..end]).expect("a file");
        let run = world.bcops.run(&["pull-data", "--file", "cut.dump", "--yes"]);
        run.fails(1, &["cut.dump", "end"]);
        world.assert_untouched();
    }
    fs::write(&path, &bytes[..bytes.len() - 1]).expect("a file");
    world.bcops.run(&["pull-data", "--file", "cut.dump", "--yes"]).fails(1, &["end"]);
    world.assert_untouched();
}

#[test]
fn a_flipped_byte_is_noticed_or_does_no_harm() {
    let world = World::small();
    let mut noticed = 0;
    for step in 0..16 {
        let offset = 5 + step * (length() - 10) / 15;
        world.standin.misbehave(Rule::once("/store/", StoreFault::FlippedByte(offset)));
        let run = world.pull(&["--yes"]);
        if run.code == Some(0) {
            assert_eq!(digest(world.cluster, &world.target), right_rows(), "byte {offset}");
        } else {
            // Some of the bytes make a statement that the server refuses, or a column unknown.
            let code = run.code.unwrap_or(-1);
            assert!([1, 3, 4, 9].contains(&code), "byte {offset}: {}", run.printed());
            let run = run.fails(code, &[]);
            let plain = !run.stderr.contains("a part of the loader ended");
            assert!(plain, "byte {offset}: {}", run.printed());
            noticed += 1;
        }
        let left = world.database_names().iter().any(|name| name.contains("_bcops_"));
        assert!(!left, "byte {offset}: {}", world.databases());
    }
    assert!(noticed >= 12, "only {noticed} of 16 were noticed");
}

#[test]
fn ctrl_c_cleans_up_everything() {
    let world = World::small().with_target();
    world.standin.misbehave(Rule::always("/store/", StoreFault::StallAfter(length() - 500)));
    for moment in ["from  production", "Loading rows"] {
        let mut run = world.bcops.start(&["pull-data", "production", "--yes"]);
        assert!(run.wait_for(moment));
        // Just after the work has begun.
        sleep(Duration::from_millis(200));
        run.interrupt();
        let run = run.finish().fails(130, &["interrupted"]);
        assert!(!run.stderr.contains("panicked"), "{}", run.printed());
        world.assert_untouched();
    }
}

#[test]
fn a_local_server_that_dies_is_reported() {
    let cluster = Cluster::start(&ClusterOptions::for_tests()).expect("a server");
    // The backup takes several seconds.
    let throttle = Some(400_000);
    let mut world = World::empty(Options { throttle, ..Options::default() });
    world.standin.add_backup(PRODUCTION, &sample().archive, HOUR, COMPLETED);
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &cluster.url("bc"));
    let mut run = world.bcops.start(&["pull-data", "production"]);
    assert!(run.wait_for("Loading rows"));
    // In the middle of these seconds.
    sleep(Duration::from_millis(300));
    drop(cluster);
    let started = Instant::now();
    let run = run.finish().says(&["cannot drop the half-filled database"]);
    assert!([Some(1), Some(3)].contains(&run.code), "{}", run.printed());
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn a_server_with_few_sessions_is_reported() {
    let settings = vec![("max_connections".to_owned(), "12".to_owned())];
    let cluster = Cluster::start(&ClusterOptions { settings, ..ClusterOptions::for_tests() });
    let cluster = cluster.expect("a server");
    let mut world = World::site();
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &cluster.url("bc"));
    world.pull(&["--jobs", "32"]).fails(3, &["too many clients", "--jobs"]);
    let names = "SELECT count(*) FROM pg_database WHERE datname LIKE 'bc%'";
    assert_eq!(cluster.psql("postgres", names), "0");
    world.pull(&["--jobs", "2"]).exits(0);
}

#[test]
fn a_long_wait_shows_signs_of_life() {
    let world = World::small();
    world.standin.misbehave(Rule::always("/store/", StoreFault::StallAfter(length() - 500)));
    let mut run = world.bcops.start(&["pull-data", "production"]);
    assert!(run.wait_for("Loading rows"));
    let started = Instant::now();
    assert!(run.wait_for("… "), "a line that tells how far it is");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    run.interrupt();
    run.finish().exits(130).says(&[" of "]);
    assert_eq!(world.databases(), "");
}

/// Runs a pull and kills it after a while, or some time after a line was printed.
fn kill(world: &World, line: Option<&str>, wait: Duration) -> Run {
    let mut run = world.bcops.start(&["pull-data", "production", "--yes"]);
    if let Some(line) = line {
        run.wait_for(line);
    }
    sleep(wait);
    let run = run.kill();
    settle(world);
    run
}

/// Waits until the server has finished the statements of the killed program.
fn settle(world: &World) {
    let at_work = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bcops' \
         AND (datname LIKE '{0}%' OR query LIKE '%{0}%')",
        world.target
    );
    let is_done = || world.cluster.psql("postgres", &at_work) == "0";
    wait::until("the server ends its work", is_done);
}

#[test]
fn killed_at_any_moment_the_database_is_the_old_one_or_the_new_one() {
    let world = World::site().with_target();
    let started = Instant::now();
    world.pull(&["--yes"]).exits(0);
    let whole = started.elapsed();
    let new = world.psql("SELECT count(*) FROM wagtailcore_page");
    world.bcops.run(&["pull-data", "--undo", "--yes"]).exits(0);

    let in_time = (1..=8).map(|part| (None, whole * part / 10));
    let swap = Some("Putting the new database in place");
    let in_swap = [0, 3, 8, 15, 25, 60].map(|wait| (swap, Duration::from_millis(wait)));
    let mut swapped = 0;
    for (line, wait) in in_time.chain(in_swap) {
        let run = kill(&world, line, wait);
        let killed = run.code.is_none();
        assert!(killed || run.code == Some(0), "it must be able to begin: {}", run.printed());
        if world.psql("SELECT to_regclass('wagtailcore_page') IS NOT NULL") == "t" {
            // The swap was reached, so the new database must be complete, and the old one kept.
            assert_eq!(world.psql("SELECT count(*) FROM wagtailcore_page"), new);
            let invalid = "SELECT count(*) FROM pg_constraint WHERE NOT convalidated";
            assert_eq!(world.psql(invalid), "0");
            swapped += 1;
            world.bcops.run(&["pull-data", "--undo", "--yes"]).exits(0);
        } else {
            assert!(killed, "it says that it is done: {}", run.printed());
        }
        let note = world.psql("SELECT text FROM note");
        assert_eq!(note, "from before", "killed after {wait:?}, {line:?}");
    }
    eprintln!("killed 14 times, {swapped} of them after the swap");
    world.pull(&["--yes"]).exits(0);
    assert_eq!(world.psql("SELECT count(*) FROM wagtailcore_page"), new);
    assert_eq!(world.cluster.psql(&world.previous(), "SELECT text FROM note"), "from before");
    assert_eq!(world.database_names(), [world.target.clone(), world.previous()]);
}

#[test]
fn a_missing_extension_is_found_before_the_rows_are_fetched() {
    let mut world = World::empty(Options::default()).with_target();
    let available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'dblink'";
    if world.psql(available) == "0" {
        eprintln!("skipped: this server has no contrib extensions");
        return;
    }
    let source = world.cluster.create_database("with_extension");
    let rows = "CREATE EXTENSION dblink; CREATE TABLE auth_group AS SELECT n AS id, \
                translate(md5(n::text), '0123456789', 'ghijklmnop') AS name FROM generate_series(1, 50000) n; \
                CREATE TABLE linked (result dblink_pkey_results)";
    world.cluster.psql(&source, rows);
    set_manifest(
        &world,
        "extends = \"built-in\"\n[tables.linked]\nclass = \"operational\"\noperational = [\"result\"]\n",
    );
    let archive = world.bcops.directory().join("extension.dump");
    site::back_up(world.cluster, &source, &archive).expect("a backup");
    world.standin.add_backup(PRODUCTION, &archive, HOUR, COMPLETED);
    // Only a superuser may create this extension, so it counts as missing.
    let role = format!("role_of_{}", world.target);
    world.cluster.psql("postgres", &format!("CREATE ROLE {role} LOGIN CREATEDB"));
    world.cluster.psql("postgres", &format!("ALTER DATABASE {} OWNER TO {role}", world.target));
    let url = world.cluster.url(&world.target).replace("postgres@", &format!("{role}@"));
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &url);
    world.standin.misbehave(Rule::once("/store/", StoreFault::StallAfter(100_000)));
    let started = Instant::now();
    world.pull(&["--yes"]).fails(3, &["lacks the extension dblink"]);
    assert!(started.elapsed() < Duration::from_secs(20), "it waited for the rows");
    world.assert_untouched();

    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &world.cluster.url(&world.target));
    world.pull(&["--yes"]).exits(0);
    let extensions = "SELECT count(*) FROM pg_extension WHERE extname = 'dblink'";
    assert_eq!(world.psql(extensions), "1");
}

#[test]
fn a_download_that_sends_nothing_is_resumed_after_the_networks_timeout() {
    let mut world = World::small();
    world.bcops.set("BCOPS_NETWORK_TIMEOUT", "1s");
    let stall = StoreFault::StallAfter(20_000);
    world.standin.misbehave(Rule::once("/store/", stall));
    let started = Instant::now();
    world.pull(&["--yes"]).exits(0);
    assert!(started.elapsed() < Duration::from_secs(20), "not after 30 s");
    let requests = world.standin.requests();
    let ranges = requests.iter().filter(|one| one.path.contains("/store/"));
    let ranges: Vec<_> = ranges.filter_map(|one| one.header("range")).collect();
    assert_eq!(ranges, ["bytes=20000-"]);
}

/// Standard input may wait forever, and the lines report it.
#[test]
fn waiting_for_standard_input_is_reported() {
    let world = World::empty(Options::default());
    let pipe = world.bcops.directory().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let feeding = {
        let (pipe, archive) = (pipe.clone(), sample().small.clone());
        std::thread::spawn(move || {
            let bytes = fs::read(archive).expect("the backup");
            let mut pipe = fs::File::options().write(true).open(pipe).expect("a pipe");
            // Longer than the interval between lines.
            sleep(Duration::from_secs(17));
            pipe.write_all(&bytes).expect("fed");
        })
    };
    let run = world.bcops.run_reading(&["pull-data", "--file", "-", "--yes"], &pipe);
    run.exits(0).says(&["note: still reading standard input after 1"]);
    feeding.join().expect("fed");
}
