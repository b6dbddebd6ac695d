//! Tests `bcops backups`: listing, capturing and downloading.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::Duration;

use crate::heroku::world::{PRODUCTION, STAGING};
use crate::pull_data::world::{COMPLETED, HOUR, Needles, World, sample};
use crate::screens::assert_screen;
use crate::standins::heroku::{CapturePlan, Options, Outcome, Rule, StoreFault};
use crate::support::postgres::Cluster;
use crate::support::wait;

#[test]
fn backups_are_listed_and_shown() {
    let world = World::site();
    world.standin.add_backup(PRODUCTION, &sample().archive, HOUR, Outcome::Failed);
    let run = world.bcops.run(&["backups", "list", "production"]).exits(0);
    assert!(run.stdout.contains("completed") && run.stdout.contains("failed"), "{}", run.stdout);
    let listed = world.bcops.run(&["backups", "list", "production", "--json"]).exits(0).json();
    let transfers = listed["result"]["transfers"].as_array().expect("a list").clone();
    assert_eq!(transfers.len(), 2);
    assert!(transfers[0]["number"].as_u64() > transfers[1]["number"].as_u64(), "newest first");
    let good = transfers[1]["name"].as_str().expect("a name").to_owned();
    // Completion offers this backup from now on, and not the failed one.
    let known = fs::read(world.bcops.state_directory().join("backups/production.json"));
    let known: serde_json::Value = serde_json::from_slice(&known.expect("a file")).expect("JSON");
    assert_eq!((known[0]["name"].as_str(), &known[1]), (Some(&*good), &serde_json::Value::Null));
    let seen = world.bcops.run(&["backups", "info", "production", &good, "--json"]).exits(0).json();
    assert_eq!(
        (&seen["result"]["name"], &seen["result"]["state"]),
        (&good.clone().into(), &"completed".into())
    );
    world
        .bcops
        .run(&["backups", "info", "production", "b999"])
        .fails(2, &["no backup b999", &good]);

    // Only this command prints a signature, because the user asked for the URL.
    let url = ["backups", "url", "production", "--i-need-personal-data", "a form is broken"];
    let run = world.bcops.run(&url);
    assert_eq!(run.code, Some(0), "{}", run.printed());
    assert!(run.stdout.starts_with("http") && run.stdout.lines().count() == 1, "{}", run.stdout);
    let bad = transfers[0]["name"].as_str().expect("a name");
    let words = [&url[..], &[bad]].concat();
    world.bcops.run(&words).fails(4, &["not a completed backup"]);
}

/// An app may own two databases, whose backups share numbers.
#[test]
fn a_backup_of_another_database_is_never_taken() {
    let world = World::small();
    let blue = "postgres://u:db-password@elsewhere.test:5432/blue";
    world.standin.add_database(PRODUCTION, "HEROKU_POSTGRESQL_BLUE", blue);
    let add = |age: u64| {
        world.standin.add_backup(PRODUCTION, &sample().small, HOUR * age as u32 / 10, COMPLETED)
    };
    let (of_blue, of_nobody, deleted) = (add(9), add(8), add(7));
    world.standin.backup_is_of(PRODUCTION, of_blue, "HEROKU_POSTGRESQL_BLUE", blue);
    world.standin.backup_is_of(PRODUCTION, of_nobody, "HEROKU_POSTGRESQL_GONE", "");
    world.standin.delete_backup(PRODUCTION, deleted);

    let run = world.bcops.run(&["backups", "list", "production"]).exits(0);
    assert_screen("backups list", &run.stdout);
    let listed = world.bcops.run(&["backups", "list", "production", "--json"]).exits(0).json();
    let transfers = listed["result"]["transfers"].as_array().expect("a list").clone();
    let own = |number: u64| {
        let found = transfers.iter().find(|one| one["number"] == number).expect("a backup");
        found["of_this_database"].clone()
    };
    assert_eq!((own(1), own(of_blue)), (true.into(), false.into()));
    assert_eq!(own(of_nobody), serde_json::Value::Null);

    let newest = world.bcops.run(&["backups", "info", "production", "--json"]).exits(0).json();
    assert_eq!(newest["result"]["number"], deleted, "it is looked at, whatever became of it");
    let pulled = world.pull(&["--yes", "--dry-run", "--json"]).exits(0).json();
    assert!(pulled.to_string().contains("b001"), "{pulled}");
    let [blue, nobody, gone] = [of_blue, of_nobody, deleted].map(|num| format!("b{num:03}"));
    world.pull(&["--yes", "--backup", &blue]).fails(4, &["postgresql", "not to", "backups list"]);
    world.pull(&["--yes", "--backup", &gone]).fails(4, &["was deleted", "backups list"]);
    let reason = ["--i-need-personal-data", "a form is broken"];
    for name in [&blue, &gone] {
        let url = [&["backups", "url", "production", name][..], &reason].concat();
        world.bcops.run(&url).fails(4, &["nothing was changed"]);
        let file = ["backups", "download", "production", "out.dump", "--backup", name];
        world.bcops.run(&file).fails(4, &[name]);
    }
    let word = world.pull(&["--yes", "--dry-run", "--backup", &nobody]).exits(0);
    assert!(word.stderr.contains("does not say that backup"), "{}", word.printed());
}

#[test]
fn a_url_of_a_protected_environment_needs_a_reason() {
    let world = World::site();
    let words = ["backups", "url", "production"];
    let journal = || {
        let path = world.bcops.state_directory().join("journal.jsonl");
        fs::read_to_string(path).unwrap_or_default()
    };
    world.bcops.run(&words).fails(5, &["needs a reason", "--i-need-personal-data REASON"]);
    assert!(world.standin.requests().is_empty(), "nothing was asked for");
    assert_eq!(journal(), "");
    // (`exits` would object to the signature on standard output.)
    let run = world.bcops.run(&[&words[..], &["--i-need-personal-data", "form 7"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.printed());
    assert!(journal().contains("form 7") && !journal().contains("http"), "{}", journal());

    for (reason, code) in [(" ", 5), ("form 8", 0)] {
        let mut terminal = world.bcops.start_on_terminal(&words);
        terminal.wait_for("Why do you need personal data: ");
        terminal.type_line(reason);
        let (ended, screen) = terminal.finish();
        assert_eq!(ended, Some(code), "{screen}");
    }
    assert!(journal().contains("form 8"));

    // Staging is not protected, so its backups may be read.
    world.standin.add_backup(STAGING, &sample().small, HOUR, COMPLETED);
    let run = world.bcops.run(&["backups", "url", "staging"]);
    assert_eq!(run.code, Some(0), "{}", run.printed());
}

#[test]
fn a_capture_needs_the_apps_name() {
    let world = World::site();
    let small = Some(sample().small.clone());
    world.standin.plan_captures(CapturePlan { dump: small, ..CapturePlan::default() });
    let count = |world: &World| {
        let listed = world.bcops.run(&["backups", "list", "production", "--json"]).exits(0).json();
        listed["result"]["transfers"].as_array().expect("a list").len()
    };
    let before = count(&world);
    world.bcops.run(&["backups", "capture", "production"]).fails(5, &[PRODUCTION, "no terminal"]);
    world
        .bcops
        .run(&["backups", "capture", "production", "--confirm", "production"])
        .fails(5, &["does not match"]);
    world.bcops.run(&["backups", "capture", "production", "--dry-run"]).exits(0);
    assert_eq!(count(&world), before);
    let run = ["backups", "capture", "production", "--confirm", PRODUCTION, "--json"];
    let done = world.bcops.run(&run).exits(0).json();
    assert_eq!(done["result"]["state"], "completed");
    assert_eq!(count(&world), before + 1);
}

#[test]
fn a_download_is_scrubbed_unless_a_reason_is_given() {
    let world = World::site();
    let out = world.bcops.directory().join("work/out.dump");
    let download = ["backups", "download", "production", "out.dump"];
    world.bcops.run(&download).exits(0).says(&[PRODUCTION]);
    assert_eq!(fs::metadata(&out).expect("the file").permissions().mode() & 0o777, 0o600);
    let sql = Cluster::shared().run_tool("pg_restore", &["-f", "-", out.to_str().expect("a path")]);
    assert_eq!(Needles::of_sample(|_| true).find(sql.as_bytes()), Vec::<String>::new());
    world.bcops.run(&download).fails(4, &["--force"]);

    world.bcops.run(&[&download[..], &["--no-scrub"]].concat()).exits(2);
    let reason = ["--force", "--no-scrub", "--i-need-personal-data", "a test"];
    world.bcops.run(&[&download[..], &reason].concat()).exits(0);
    assert!(fs::read(&out).expect("the file") == fs::read(&sample().archive).expect("the archive"));
    let journal =
        fs::read_to_string(world.bcops.state_directory().join("journal.jsonl")).expect("it");
    assert!(journal.contains("a test"));
    let names = fs::read_dir(world.bcops.directory().join("work")).expect("a folder");
    assert_eq!(names.count(), 1, "nothing half-done is left");
}

const RAW: [&str; 3] = ["--no-scrub", "--i-need-personal-data", "a test"];

fn download(more: &[&str]) -> Vec<String> {
    let words = ["backups", "download", "production", "out.dump"];
    [&words[..], more].concat().into_iter().map(str::to_owned).collect()
}

fn files_in_work(world: &World) -> Vec<String> {
    let found = fs::read_dir(world.bcops.directory().join("work")).expect("a folder");
    let name = |one: std::io::Result<fs::DirEntry>| one.expect("an entry").file_name();
    found.map(|one| name(one).into_string().expect("a name in UTF-8")).collect()
}

/// Starts a download and presses Ctrl-C so many times once a file is being written.
#[track_caller]
fn assert_interrupt_leaves_nothing(world: &World, more: &[&str], times: u32) {
    let words = download(more);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut run = world.bcops.start(&words);
    assert!(run.wait_for("to    "));
    wait::until("a file is begun", || !files_in_work(world).is_empty());
    for _ in 0..times {
        // As a person does who sees that nothing happens.
        sleep(Duration::from_millis(300));
        run.interrupt();
    }
    run.finish().exits(130);
    assert_eq!(files_in_work(world), Vec::<String>::new(), "{more:?}, pressed {times} times");
}

#[test]
fn ctrl_c_during_a_download_leaves_nothing() {
    let world = World::empty(Options { throttle: Some(50_000), ..Options::default() });
    world.standin.add_backup(PRODUCTION, &sample().archive, HOUR, COMPLETED);
    assert_interrupt_leaves_nothing(&world, &RAW, 1);
}

#[test]
fn ctrl_c_leaves_nothing_on_a_dead_connection() {
    let world = World::small();
    let length = fs::metadata(&sample().small).expect("the backup").len();
    world.standin.misbehave(Rule::always("/store/", StoreFault::StallAfter(length - 500)));
    for more in [&RAW[..], &[]] {
        for times in [1, 2] {
            assert_interrupt_leaves_nothing(&world, more, times);
        }
    }
}

#[test]
fn files_with_the_names_of_unfinished_ones_are_kept_or_removed() {
    let world = World::small();
    let victim = world.bcops.write("victim", "untouched");
    let work = world.bcops.directory().join("work");
    std::os::unix::fs::symlink(&victim, work.join("out.dump.bcops-partial")).expect("a link");
    std::os::unix::fs::symlink(&victim, work.join("out.dump.bcops-partial-1")).expect("a link");
    let stale = world.bcops.write("out.dump.bcops-partial-2", "of a killed run");
    let words = download(&RAW);
    world.bcops.run(&words.iter().map(String::as_str).collect::<Vec<_>>()).exits(0);
    assert_eq!(fs::read(&victim).expect("the file"), b"untouched");
    assert!(!stale.exists());
    let mode = fs::symlink_metadata(work.join("out.dump")).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_dry_run_of_a_download_writes_nothing() {
    let world = World::small();
    for more in [&RAW[..], &[]] {
        let words = download(&[more, &["--dry-run"]].concat());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let run = world.bcops.run(&words).exits(0).says(&["from", "out.dump"]);
        assert!(run.stdout.contains("dry run: nothing was written"), "{}", run.printed());
        let document = world.bcops.run(&[&words[..], &["--json"]].concat()).exits(0).json();
        assert_eq!(document["result"]["dry_run"], true);
        assert!(document["result"]["bytes_written"].as_u64() > Some(0), "{document}");
    }
    assert_eq!(files_in_work(&world), Vec::<String>::new());
    assert!(!world.bcops.state_directory().exists(), "no line in the journal");
}

#[test]
fn a_download_is_checked_before_any_request() {
    let world = World::small();
    let run = |more: &[&str]| {
        let words = download(more);
        world.bcops.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    run(&["--policy", "nowhere"]).fails(2, &["no policy `nowhere`", "staging"]);
    run(&[&RAW[..], &["--policy", "local"]].concat()).exits(2);
    world.bcops.write("out.dump", "before");
    run(&[]).fails(4, &["exists already", "--force"]);
    assert!(world.standin.requests().is_empty());
}
