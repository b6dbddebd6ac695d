//! Tests the choices of `reset-staging` by flags, by a plan and at a terminal, and its refusals
//! before any effect.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::command::Run;
use crate::reset_staging::run::arguments;
use crate::reset_staging::world::{Trouble, World};
use crate::standins::heroku::{Fault, Rule};
use crate::support::wait;
use crate::whole_site::STAGING;

/// Everything that a refused run must not change.
fn assert_untouched(world: &World, before: &crate::reset_staging::world::StagingState) {
    assert_eq!(&world.staging(), before);
    world.assert_production_untouched();
    let writes = world.whole.heroku.writes(STAGING);
    assert!(writes.is_empty(), "{writes:?}");
    let runs = world.bcops.state_directory().join("runs");
    assert!(!runs.exists(), "a run was begun");
    assert_eq!(clone_refs(world), "", "refs stayed in the clone");
}

fn clone_refs(world: &World) -> String {
    let clone = world.bcops.directory().join("work");
    let mut git = std::process::Command::new("git");
    let output = git.current_dir(clone).args(["for-each-ref", "refs/bcops"]).output();
    String::from_utf8(output.expect("git").stdout).expect("text")
}

/// The clone of the operator: HEAD, branches, remote branches, index and work tree.
fn clone(world: &World) -> String {
    let clone = world.bcops.directory().join("work");
    let ask = |arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        let output = git.current_dir(&clone).args(arguments).output().expect("git");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    [
        ask(&["rev-parse", "--symbolic-full-name", "HEAD"]),
        ask(&["for-each-ref", "refs/heads", "refs/remotes", "refs/tags"]),
        ask(&["status", "--porcelain", "--ignored"]),
        ask(&["config", "--local", "--list"]),
        ask(&["stash", "list"]),
    ]
    .concat()
}

fn without(flags: &[&str]) -> Vec<&'static str> {
    let all = arguments(&[]);
    let mut left = Vec::new();
    let mut words = all.into_iter();
    while let Some(word) = words.next() {
        if flags.contains(&word) {
            words.next();
        } else {
            left.push(word);
        }
    }
    left
}

#[test]
fn a_dry_run_changes_nothing() {
    let world = World::new();
    let (before, checkout) = (world.staging(), clone(&world));
    let run = world.bcops(&["reset-staging", "--dry-run"]).exits(0);
    for text in ["feature/old-map", "stale", "accounts that only staging has", "choose-backup"] {
        assert!(run.stdout.contains(text), "{text}: {}", run.printed());
    }
    let document = world.bcops(&["reset-staging", "--dry-run", "--json"]).exits(0).json();
    assert_eq!(document["result"]["dry_run"], true);
    assert!(document["result"]["plan"]["steps"].as_array().is_some_and(|steps| steps.len() > 20));
    let preview = &document["result"]["preview"];
    assert_eq!(preview["conflicts"], serde_json::json!([]));
    assert_eq!(preview["superusers_on_staging_only"], 1);
    assert!(run.stdout.contains("1 superuser among them"), "{}", run.printed());
    assert_eq!(preview["maintenance"], false);
    assert_eq!(preview["estimate"], Value::Null, "no run has been here");
    assert!(preview["not_copied"].as_array().is_some_and(|all| !all.is_empty()), "{preview}");
    let subject = preview["in_no_branch"][0]["subject"].as_str().expect("a commit");
    assert_eq!(subject, "Try out a colour on staging");
    assert!(run.stdout.contains("in no branch: "), "{}", run.printed());
    assert!(run.stdout.contains("not copied  documents/"), "{}", run.printed());
    assert_untouched(&world, &before);
    assert_eq!(clone(&world), checkout);
}

/// Merges and migrations are checked in memory, before any decision.
#[test]
fn a_dry_run_shows_conflicts_and_missing_merges() {
    let world = World::new();
    let (before, checkout) = (world.staging(), clone(&world));
    let branches = "feature/clashing-header,feature/longer-issue,feature/opening-hours";
    let dry = ["reset-staging", "--dry-run", "--branches", branches];
    let run = world.bcops(&dry).exits(0);
    for text in [
        "bc/templates/header.html",
        "to merge without feature/clashing-header: --on-conflict skip",
        "(from feature/longer-issue)",
        "makemigrations --merge",
        "merge       already on master: feature/opening-hours",
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.printed());
    }
    let document = world.bcops(&[&dry[..], &["--json"]].concat()).exits(0).json();
    let preview = &document["result"]["preview"];
    assert_eq!(preview["merged"], serde_json::json!(["feature/longer-issue"]));
    assert_eq!(preview["conflicts"][0]["branch"], "feature/clashing-header");
    assert_eq!(preview["migrations"]["sound"], false);
    assert_untouched(&world, &before);
    assert_eq!(clone(&world), checkout);
}

/// The second plan knows the duration of the first run, and each line shows the number of its step.
#[test]
fn a_plan_estimates_its_duration() {
    let world = World::new();
    let run = world.bcops(&arguments(&[])).exits(0);
    let steps = run.stderr.lines().filter_map(|line| line.strip_prefix("[1/")).count();
    assert_eq!(steps, 2, "begun and ended: {}", run.stderr);
    let dry = ["reset-staging", "--dry-run", "--branches", "none"];
    let planned = world.bcops(&dry).exits(0);
    assert!(planned.stdout.contains("; the last run took "), "{}", planned.printed());
    let document = world.bcops(&[&dry[..], &["--json"]].concat()).exits(0).json();
    let estimate = &document["result"]["preview"]["estimate"];
    assert!(estimate["last_run"]["seconds"].as_f64().is_some_and(|took| took > 0.0), "{estimate}");
    // Another way of restoring has steps without known durations.
    let document =
        world.bcops(&[&dry[..], &["--restore-via", "heroku", "--json"]].concat()).exits(0).json();
    let estimate = &document["result"]["preview"]["estimate"];
    assert_eq!(estimate["unknown_steps"][0], "restore", "{estimate}");
}

#[test]
fn without_a_terminal_there_is_no_question() {
    let world = World::new();
    let before = world.staging();
    let named = ["--attest agreed", "--confirm buckinghamshire-staging"];
    world.bcops(&["reset-staging"]).fails(5, &named);
    let named = ["--branches all|none|NAMES", "--recreate-users all|none|EMAILS"];
    world.bcops(&without(&["--branches", "--recreate-users"])).fails(5, &named);
    let wrong = ["reset-staging", "--attest", "agreed", "--confirm", "buckinghamshire-production"];
    world.bcops(&wrong).fails(5, &["does not match"]);
    world.bcops(&["reset-content-prep", "--dry-run"]).fails(4, &["is protected"]);
    world.bcops(&arguments(&["--skip", "quarantine"])).fails(4, &["database"]);
    world.bcops(&arguments(&["--skip", "preflight"])).fails(4, &["backup"]);
    world.bcops(&arguments(&["--skip", "nothing"])).fails(2, &["there is no stage nothing"]);
    world.bcops(&arguments(&["--backup", "b004"])).fails(4, &["b004", "not complete"]);
    world.bcops(&arguments(&["--backup", "b999"])).fails(2, &["no backup b999"]);
    let mut unknown = without(&["--branches"]);
    unknown.extend(["--branches", "feature/none"]);
    world.bcops(&unknown).fails(2, &["no branch feature/none"]);
    assert_untouched(&world, &before);
}

#[test]
fn a_plan_is_run_as_it_was_seen_or_not_at_all() {
    let world = World::new();
    let before = world.staging();
    let plan = world.bcops.directory().join("plan.json");
    let plan = plan.to_str().expect("a path");
    let out = ["--branches", "feature/footer", "--recreate-users", "none", "--plan-out", plan];
    let make = || world.bcops(&[&["reset-staging"], out.as_slice()].concat()).exits(0);
    make();
    assert_eq!(fs::metadata(plan).expect("a plan").permissions().mode() & 0o777, 0o600);
    let run: &[&str] =
        &["reset-staging", "--plan", plan, "--attest", "agreed", "--confirm", STAGING];
    // A person has changed it.
    let text = fs::read_to_string(plan).expect("a plan");
    fs::write(plan, text.replace("feature/footer", "feature/search-page")).expect("written");
    world.bcops(run).fails(3, &["was changed after it was written"]);
    // The state that the plan depends on has changed.
    make();
    let configuration = world.config();
    world.configure(&format!("{configuration}\n[reset]\nhosts = [\"a.example=b.example\"]\n"));
    world.bcops(run).fails(6, &["stale", "the setting reset.hosts was", "b.example"]);
    let manifest =
        "extends = \"built-in\"\nschema_version = 1\n[tables.django_site]\nclass = \"content\"\n";
    fs::write(world.clone_folder().join("scrub.toml"), manifest).expect("written");
    let named = world.clone_folder().join("scrub.toml").display().to_string();
    world.configure(&format!("{configuration}\n[scrub]\nmanifest = \"{named}\"\n"));
    let stale = world.bcops(run);
    let stale =
        stale.fails(6, &["the manifest's tables.django_site.class was not there and is content"]);
    assert!(!stale.stderr.contains("compare the manifest"), "{}", stale.printed());
    world.configure(&configuration);
    fs::remove_file(named).expect("removed");
    assert_untouched(&world, &before);
    // A person has pushed.
    world.make(Trouble::BranchMoved);
    let moved = world.staging();
    world.bcops(run).fails(6, &["the tip of staging"]);
    assert_untouched(&world, &moved);
    make();
    // It is run on another machine: other paths, other times, another person.
    let mut elsewhere = world.another_operator();
    elsewhere.set("BCOPS_NETWORK_TIMEOUT", "77s");
    let document: Value = elsewhere.run(&[run, &["--json"]].concat()).exits(0).json();
    assert_eq!(document["status"], "ok");
    assert!(document["result"]["report"]["plan_digest"].is_string());
    assert!(world.staging().is_deployed);
}

#[test]
fn a_branch_in_conflict_stops_the_run_or_is_skipped() {
    let world = World::new();
    let mut all = without(&["--branches"]);
    all.extend(["--branches", "feature/footer,feature/clashing-header,feature/search-page"]);
    let before = world.staging();
    let stopped = world.bcops(&all);
    let stopped = stopped.fails(11, &["feature/clashing-header", "--on-conflict skip"]);
    assert!(stopped.stderr.contains("runs resume"), "{}", stopped.printed());
    assert_eq!(world.staging().branch, before.branch);
    let run = the_run(&world);
    let listed = world.bcops(&["runs", "list"]).exits(0);
    assert!(listed.stdout.contains("waiting"), "{}", listed.printed());
    world.bcops(&["runs", "resume", &run, "--on-conflict", "skip"]).exits(0);
    let report = world.bcops(&["runs", "show", &run, "--markdown"]).exits(0);
    assert!(report.stdout.contains("skipped because of conflicts"), "{}", report.printed());
}

#[test]
fn a_missing_merge_migration_stops_it_before_anything_is_pushed() {
    let world = World::new();
    let before = world.staging();
    let mut all = without(&["--branches"]);
    all.extend(["--branches", "feature/longer-issue"]);
    let run = world.bcops(&all);
    run.fails(
        4,
        &["merge migration", "feedback", "feature/longer-issue", "makemigrations --merge"],
    );
    let after = world.staging();
    assert_eq!((&after.branch, &after.rows), (&before.branch, &before.rows));
    assert!(!after.maintenance);
    // The run has changed nothing, and holds no lock.
    world.bcops(&arguments(&["--dry-run"])[..1]).fails(5, &["--attest"]);
    world.bcops(&arguments(&[])).exits(0);
}

#[test]
fn stages_are_skipped_and_the_clone_does_not_change() {
    let world = World::new();
    let (before, checkout) = (world.staging(), clone(&world));
    world.bcops(&arguments(&["--skip", "git", "--skip", "media", "--media", "none"])).exits(0);
    let after = world.staging();
    assert_eq!(after.branch, before.branch);
    assert_eq!(after.objects, before.objects);
    assert_ne!(after.rows, before.rows);
    assert!(!after.maintenance);
    assert_eq!(clone(&world), checkout);
    assert_eq!(clone_refs(&world), "");
    let report = world.bcops(&["runs", "show", "--markdown"]).exits(0);
    assert!(report.stdout.contains("skipped with --skip git"), "{}", report.printed());
}

#[test]
fn one_operator_at_a_time() {
    let world = World::new();
    // The first run stops before it changes the database.
    let slow = Rule::once("/apps/", Fault::Slow(std::time::Duration::from_secs(60))).on("PATCH");
    world.whole.heroku.misbehave(slow);
    let running = world.start(&arguments(&[]));
    let runs = world.bcops.state_directory().join("runs");
    let is_there = || {
        let requests = world.whole.heroku.requests();
        runs.is_dir() && requests.iter().any(|one| one.method == "PATCH")
    };
    wait::until("the first run has come to its slow request", is_there);
    let run = the_run(&world);
    world.bcops(&arguments(&[])).fails(7, &["Op Erator", &run]);
    world.bcops(&["runs", "resume", &run]).fails(7, &[&run]);
    let unlock = ["runs", "unlock", &run, "--confirm", &run];
    world.bcops(&unlock).fails(4, &[&run, "still runs"]);
    world.bcops(&["runs", "unlock", &run[..12]]).fails(2, &["whole name"]);
    running.kill();
    world.bcops(&arguments(&[])).fails(7, &[&run, "runs resume", "runs rollback"]);
    world.bcops(&["runs", "unlock", "r20260101-000000-0000"]).fails(7, &[&run]);
    let unlock = [&unlock[..], &["--force"]].concat();
    world.bcops(&unlock).exits(0).printed();
    world.bcops(&unlock).fails(2, &[&run]);
    // The killed run can still be completed.
    world.bcops(&["runs", "resume", &run]).exits(0);
}

fn the_run(world: &World) -> String {
    let listed: Run = world.bcops(&["runs", "list", "--json"]).exits(0);
    listed.json()["result"]["runs"][0]["run"].as_str().expect("a run").to_owned()
}

/// A kill during planning leaves refs. The next planning removes refs of ended processes of this
/// machine.
#[test]
fn the_next_planning_cleans_up_after_a_killed_one() {
    let world = World::new();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let fits = |one: char| one.is_ascii_alphanumeric() || one == '-';
    let host: String = host.trim().chars().map(|one| if fits(one) { one } else { '-' }).collect();
    let mut ended = std::process::Command::new("true").spawn().expect("a process");
    ended.wait().expect("an end");
    let mine = std::process::id();
    let refs = [
        (format!("refs/bcops/plan-{host}-{}/branches/master", ended.id()), false),
        (format!("refs/bcops/plan-{host}-{mine}/branches/master"), true),
        (format!("refs/bcops/plan-another-{host}-{}/branches/master", ended.id()), true),
        (format!("refs/bcops/r20260101-000000-0000/{}", ended.id()), true),
    ];
    for (name, _) in &refs {
        let mut git = std::process::Command::new("git");
        git.current_dir(world.bcops.directory().join("work")).args(["update-ref", name, "HEAD"]);
        assert!(git.status().expect("git").success());
    }
    world.bcops(&[&without(&["--confirm"])[..], &["--dry-run"]].concat()).exits(0);
    let left = clone_refs(&world);
    for (name, stays) in &refs {
        assert_eq!(left.contains(name), *stays, "{name}: {left}");
    }
    assert_eq!(left.lines().count(), 3, "{left}");
}
