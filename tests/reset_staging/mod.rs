//! Tests successful resets: every part of staging afterwards, for both ways of the backup, and the
//! run's remains on the operator's machine and on the origin.

pub mod calm;
mod choices;
mod ci;
mod code;
mod content;
mod earlier_journals;
mod endless;
pub mod fault_cases;
mod faults;
pub mod faults_around;
mod faults_within;
mod games;
mod interrupts;
pub mod kills;
mod kills_rollback;
mod media_left;
mod misconfigured;
mod openness;
mod operators;
mod records;
pub mod records_world;
mod rollback_looks;
pub mod run;
mod secrets;
mod service_table;
mod services;
mod sites;
mod takeover;
mod terminal;
mod ways;
pub mod world;
mod world_jobs;
mod world_selftest;
mod world_visitors;

use serde_json::Value;

use crate::command::Run;
use crate::reset_staging::run::arguments;
use crate::reset_staging::world::{Branch, BranchParent, World};
use crate::screens::assert_report;
use crate::whole_site::{STAGING, history, media};

const WAYS: [&str; 2] = ["stream", "heroku"];

/// The operator has unfinished work, which a reset must not read.
fn half_done_work(world: &World) {
    let clone = world.clone_folder();
    let git = |arguments: &[&str]| _ = world.whole.code.git(&clone, arguments);
    git(&["checkout", "-q", "-b", "mine", "origin/feature/footer"]);
    std::fs::write(clone.join("README.md"), "# Half a thought\n").expect("written");
    git(&["stash"]);
    std::fs::write(clone.join("README.md"), "# Another\n").expect("written");
    std::fs::write(clone.join("staged.txt"), "staged\n").expect("written");
    git(&["add", "staged.txt"]);
    std::fs::write(clone.join("untracked.txt"), "untracked\n").expect("written");
    let hook = clone.join(".git/hooks/pre-push");
    std::fs::create_dir_all(hook.parent().expect("a folder")).expect("a folder");
    std::fs::write(&hook, "#!/bin/sh\nexit 1\n").expect("written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(hook, executable).expect("executable");
}

/// The result of the runbook's own git commands, in a separate clone.
fn merged_by_git(world: &World, branches: &[&str]) -> Branch {
    let code = &world.whole.code;
    let clone = world.bcops.directory().join("by-git");
    code.clone_into(&clone);
    let git = |arguments: &[&str]| code.git(&clone, arguments);
    git(&["config", "user.name", "Git"]);
    git(&["config", "user.email", "git@example.test"]);
    git(&["checkout", "-q", "-B", "staging", "origin/master"]);
    for branch in branches {
        git(&["merge", "-q", "--no-ff", "--no-edit", &format!("origin/{branch}")]);
    }
    Branch::of(&clone, "refs/heads/staging", &code.tips)
}

/// The objects of a bucket below one folder, with their sums.
fn below(objects: &[String], folder: &str) -> Vec<String> {
    objects.iter().filter(|line| line.starts_with(folder)).cloned().collect()
}

/// Every part of staging after a run with two branches, originals and all accounts.
fn check_staging(world: &World, way: &str) {
    let state = world.staging();
    let wanted = merged_by_git(world, &[history::FOOTER, history::SEARCH_PAGE]);
    assert_eq!(state.branch, wanted);
    assert_eq!(state.app_branch, wanted);
    let master = world.whole.code.tips["master"].to_string();
    let BranchParent::New(first) = &wanted.parents[0] else { panic!("{wanted:?}") };
    assert_eq!(first.parents[0], BranchParent::Known(master));
    assert!(state.is_deployed);

    let new = &world.whole.code.new_migrations;
    let has = |(app, name): &(String, String)| state.migrations.contains(&format!("{app}|{name}"));
    assert!(has(&new.master) && has(&new.search_page), "{:?}", state.migrations);
    assert!(!has(&new.second_leaf) && !has(&new.merge), "{:?}", state.migrations);

    let production = world.production();
    let originals = below(&production.objects, "original_images/");
    assert!(!originals.is_empty());
    assert_eq!(below(&state.objects, "original_images/"), originals);
    assert!(state.objects.iter().any(|line| line.starts_with("elsewhere/keep.txt")));
    let databases = &world.whole.databases;
    assert_eq!(databases.staging("SELECT count(*) FROM images_rendition"), "0");
    assert_ne!(databases.production("SELECT count(*) FROM images_rendition"), "0");

    let hosts = world.whole.hosts().len();
    assert_eq!(state.sites.len(), hosts);
    for (number, site) in state.sites.iter().enumerate() {
        assert!(site.ends_with(&format!("|127.0.0.1|staging-{}", number + 1)), "{site}");
    }
    assert_eq!(state.formation, [("web".to_owned(), 1, "Standard-1X".to_owned())]);
    assert!(!state.maintenance);
    assert!(!world.holds_unscrubbed_rows());
    assert_eq!(state.scrub_marks, 1);
    assert!(state.one_off_commands.is_empty(), "{:?}", state.one_off_commands);
    assert_eq!(state.restores.len(), usize::from(way == "heroku"));
}

/// Accounts for comparison, without ids.
const ACCOUNTS: &str = "SELECT username, email, password, is_superuser, is_staff, first_name, \
            (SELECT string_agg(g.name, ', ' ORDER BY g.name) FROM users_user_groups ug \
               JOIN auth_group g ON g.id = ug.group_id WHERE ug.user_id = u.id) \
     FROM users_user u WHERE username IN ('staging.tester', 'trainee') ORDER BY username";

/// The trainee belongs to two groups.
const GROUPS: &str = "INSERT INTO users_user_groups (id, user_id, group_id) \
     SELECT 90000 + id, 90002, id FROM auth_group ORDER BY id LIMIT 2";

fn run_in_all_parts(way: &str) {
    let world = World::new();
    half_done_work(&world);
    let clone = world.clone_state();
    let references = world.whole.code.references(&world.whole.code.origin());
    let staging = world.whole.code.tips["staging"];
    world.whole.databases.staging(GROUPS);
    let accounts = world.whole.databases.staging(ACCOUNTS);
    assert_eq!(accounts.lines().count(), 2);
    assert!(accounts.contains(", "), "no groups: {accounts}");
    let visitors = world.send_visitors();
    let run = world.bcops(&arguments(&["--restore-via", way, "--json"])).exits(0);
    let exposed = visitors.exposed();
    assert!(exposed.is_empty(), "{exposed:?}");
    world.assert_production_untouched();

    check_staging(&world, way);
    assert_eq!(world.whole.databases.staging(ACCOUNTS), accounts);
    assert_eq!(world.clone_state(), clone);
    check_origin(&world, &references, &staging.to_string());
    check_document(&world, &run, way);
    check_report(&world, way);
}

#[test]
fn every_part_of_staging_is_new_after_a_streamed_backup() {
    run_in_all_parts(WAYS[0]);
}

#[test]
fn every_part_of_staging_is_new_after_a_restore_by_heroku() {
    run_in_all_parts(WAYS[1]);
}

/// One branch has moved, the old tip is kept, and nothing else has changed.
#[track_caller]
fn check_origin(world: &World, before: &[String], staging: &str) {
    let now = world.whole.code.references(&world.whole.code.origin());
    let new: Vec<&String> = now.iter().filter(|line| !before.contains(line)).collect();
    let gone: Vec<&String> = before.iter().filter(|line| !now.contains(line)).collect();
    let run = world.newest_run();
    assert_eq!(gone, [&format!("refs/heads/staging {staging}")]);
    assert_eq!(new.len(), 2, "{new:?}");
    assert!(new.contains(&&format!("refs/bcops/backup/{run} {staging}")), "{new:?}");
    assert!(new.iter().any(|line| line.starts_with("refs/heads/staging ")), "{new:?}");
}

fn check_document(world: &World, run: &Run, way: &str) {
    let document = run.json();
    assert_eq!(document["command"], "reset-staging");
    assert_eq!(document["status"], "ok");
    assert!(document["error"].is_null(), "{document:#}");
    assert_eq!(document["result"]["run"], world.newest_run());
    let report = &document["result"]["report"];
    assert_eq!(report["target"], STAGING);
    let steps = report["steps"].as_array().expect("steps");
    let outcome = |id: &str| steps.iter().find(|step| step["id"] == id).map(|one| &one["outcome"]);
    let filled = if way == "heroku" { "scrub" } else { "load" };
    for id in
        ["agreement", "backup", "push", "deploy", filled, "verify", "sites", "open", "messages"]
    {
        assert_eq!(outcome(id), Some(&Value::from("done")), "{id}: {report:#}");
    }
    // Steps without a server on staging are skipped, and reported as skipped.
    for id in ["search", "front-end-cache", "pipeline"] {
        assert_eq!(outcome(id), Some(&Value::from("skipped")), "{id}");
    }
    let shown = world.report();
    assert_eq!(shown["run"], report["run"]);
    assert_eq!(shown["steps"], report["steps"]);
}

fn check_report(world: &World, way: &str) {
    let run = world.newest_run();
    let listed = world.bcops(&["runs", "list"]).exits(0);
    assert!(listed.stdout.contains(&run) && listed.stdout.contains("done"), "{}", listed.printed());
    assert_eq!(listed.stdout.lines().count(), 2, "a header and a run: {}", listed.printed());
    let report = world.bcops(&["runs", "show", &run, "--markdown"]).exits(0).stdout;
    let how =
        if way == "heroku" { "scrubbed after it was restored" } else { "scrubbed on its way" };
    for told in [
        "reset-staging of buckinghamshire-staging: done",
        "b003",
        how,
        "content on staging only: 4",
        history::OLD_MAP,
        history::SEARCH_PAGE,
        "runs rollback",
        "hello",
    ] {
        let told = told.to_lowercase();
        assert!(report.to_lowercase().contains(&told), "`{told}` is not in the report:\n{report}");
    }
    assert!(!report.contains("staging.tester@torchbox.example"), "an address is in the report");
    assert_report(&format!("runs show by {way}"), &report);
    let messages = world.bcops.state_directory().join("runs").join(&run).join("messages.md");
    let messages = std::fs::read_to_string(messages).expect("the messages");
    for told in ["git reset --hard origin/staging", "feature/footer, feature/search-page", how] {
        assert!(messages.contains(told), "`{told}` is not in the messages:\n{messages}");
    }
    for secret in ["HRKU-", "db-password", "s3-secret-key", "X-Amz-Signature", "pbkdf2_sha256"] {
        world.assert_not_in_files(secret);
    }
}

/// A plain copy of production's database, scrubbed in place by `scrub-pii`.
fn scrubbed_in_place() -> Vec<String> {
    let world = World::new();
    world.whole.databases.restore_production_into_staging();
    world.bcops(&["scrub-pii", "staging", "--confirm", STAGING]).exits(0);
    world.staging().rows
}

#[test]
fn the_rows_equal_those_of_a_scrub_in_place() {
    let wanted = scrubbed_in_place();
    assert!(wanted.len() > 50, "{wanted:?}");
    for way in WAYS {
        let world = World::new();
        let mut plain = arguments(&["--restore-via", way, "--media", "none"]);
        for (flag, value) in [("--branches", "none"), ("--recreate-users", "none")] {
            let at = plain.iter().position(|word| *word == flag).expect("a flag");
            plain[at + 1] = value;
        }
        world.bcops(&plain).exits(0);
        let mut rows = world.staging().rows;
        let mut wanted = wanted.clone();
        // These rows name files that staging's bucket does not have.
        for lines in [&mut rows, &mut wanted] {
            lines.retain(|line| !line.contains("images_rendition|"));
        }
        assert_eq!(rows, wanted, "{way}");
        assert!(!world.staging().users.iter().any(|user| user.starts_with("trainee|")));
        assert_eq!(world.staging().branch, merged_by_git(&world, &[]));
    }
}

#[test]
fn a_second_reset_ends_in_the_same_place() {
    let world = World::new();
    world.bcops(&arguments(&[])).exits(0);
    let first = world.staging().without_history();
    let puts = || {
        let s3 = world.whole.s3.requests();
        s3.iter().filter(|one| one.writes() && one.bucket == media::STAGING).count()
    };
    let before = puts();
    // No account is only on staging now, so there is no question.
    let again = ["reset-staging", "--attest", "agreed", "--branches", "all", "--confirm", STAGING];
    let after = world.bcops(&[&again[..], &["--recreate-users", "all"]].concat());
    after.exits(0);
    let second = world.staging().without_history();
    assert_eq!((second.sites, second.objects), (first.sites, first.objects));
    assert_eq!((second.branch, second.formation), (first.branch, first.formation));
    assert_eq!(puts(), before, "media that were there were copied again");
    let listed = world.bcops(&["runs", "list", "--json"]).exits(0).json();
    let runs = listed["result"]["runs"].as_array().expect("runs").clone();
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| run["can_be_resumed"] == false), "{runs:?}");
    world.assert_production_untouched();
}
