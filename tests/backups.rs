//! `bcops backups`: what Heroku has, a fresh one, and one as a file.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::heroku_world::PRODUCTION;
use crate::pull_world::{HOUR, Needles, World, sample};
use crate::standins::heroku::{CapturePlan, Outcome};
use crate::support::postgres::Cluster;

#[test]
fn they_are_listed_and_looked_at() {
    let world = World::site();
    world.standin.add_backup(PRODUCTION, &sample().archive, HOUR, Outcome::Failed);
    let run = world.bcops.run(&["backups", "list", "production"]).exits(0);
    assert!(run.stdout.contains("completed") && run.stdout.contains("failed"), "{}", run.stdout);
    let listed = world.bcops.run(&["backups", "list", "production", "--json"]).exits(0).json();
    let transfers = listed["result"]["transfers"].as_array().expect("a list").clone();
    assert_eq!(transfers.len(), 2);
    assert!(transfers[0]["number"].as_u64() > transfers[1]["number"].as_u64(), "newest first");
    let good = transfers[1]["name"].as_str().expect("a name").to_owned();
    let seen = world.bcops.run(&["backups", "info", "production", &good, "--json"]).exits(0).json();
    assert_eq!(
        (&seen["result"]["name"], &seen["result"]["state"]),
        (&good.clone().into(), &"completed".into())
    );
    world
        .bcops
        .run(&["backups", "info", "production", "b999"])
        .fails(2, &["no backup b999", &good]);

    // The URL is what was asked for, so that it is the one thing that prints a signature.
    let run = world.bcops.run(&["backups", "url", "production"]);
    assert_eq!(run.code, Some(0), "{}", run.printed());
    assert!(run.stdout.starts_with("http") && run.stdout.lines().count() == 1, "{}", run.stdout);
    let bad = transfers[0]["name"].as_str().expect("a name");
    world.bcops.run(&["backups", "url", "production", bad]).fails(4, &["not a completed backup"]);
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
fn a_download_is_scrubbed_unless_somebody_says_why_not() {
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
