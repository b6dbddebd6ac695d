//! Tests the options of `reset-staging`: what is copied, merged, restored, used and skipped, and
//! where it runs.

use std::fs;
use std::time::Duration;

use crate::command::Run;
use crate::reset_staging::run::arguments;
use crate::reset_staging::world::{BranchParent, World};
use crate::standins::heroku::Outcome;
use crate::support::git::text;
use crate::whole_site::{PRODUCTION, STAGING, databases::Templates, history};

/// The usual flags, some with other values, and additional flags.
fn with<'a>(changed: &[(&str, &'a str)], more: &[&'a str]) -> Vec<&'a str> {
    let mut all = arguments(&[]);
    for (flag, value) in changed {
        let at = all.iter().position(|word| word == flag);
        let at = at.unwrap_or_else(|| panic!("{flag} is not among the usual flags"));
        all[at + 1] = value;
    }
    all.extend(more);
    all
}

fn folder(objects: &[String], name: &str) -> Vec<String> {
    objects.iter().filter(|line| line.starts_with(name)).cloned().collect()
}

#[test]
fn all_media_are_copied_and_the_renditions_stay() {
    let world = World::new();
    world.bcops(&with(&[], &["--media", "all"])).exits(0);
    let (staging, production) = (world.staging().objects, world.production().objects);
    for name in ["original_images/", "images/", "documents/"] {
        assert!(!folder(&production, name).is_empty(), "{name}");
        assert_eq!(folder(&staging, name), folder(&production, name));
    }
    assert_ne!(folder(&staging, "elsewhere/"), folder(&production, "elsewhere/"));
    let rows = "SELECT count(*) FROM images_rendition";
    let databases = &world.whole.databases;
    assert_eq!(databases.staging(rows), databases.production(rows));
    assert_eq!(world.outcome("renditions"), "skipped");
    world.assert_production_untouched();
}

#[test]
fn without_media_the_bucket_stays() {
    let world = World::new();
    let before = world.staging().objects;
    world.bcops(&with(&[], &["--media", "none"])).exits(0);
    assert_eq!(world.staging().objects, before);
    let s3 = world.whole.s3.requests();
    assert!(!s3.iter().any(|request| request.writes()), "{s3:?}");
    let run = world.bcops(&["runs", "show", "--markdown"]).exits(0);
    assert!(!run.stdout.contains("images come from the live site"), "{}", run.stdout);
}

/// The branches that were merged into a tip, last one first, and the tip below them.
fn merged(world: &World) -> (Vec<String>, String) {
    let tips = &world.whole.code.tips;
    let name = |commit: &str| tips.iter().find(|(_, tip)| tip.to_string() == commit);
    let mut branches = Vec::new();
    let mut at = BranchParent::New(Box::new(world.staging().branch));
    loop {
        match at {
            BranchParent::Known(commit) => {
                return (branches, name(&commit).expect("a tip").0.clone());
            }
            BranchParent::New(commit) => {
                let BranchParent::Known(side) = &commit.parents[1] else { panic!("{commit:?}") };
                branches.push(name(side).expect("a tip").0.clone());
                at = commit.parents[0].clone();
            }
        }
    }
}

#[test]
fn all_branches_are_those_that_master_lacks() {
    let world = World::new();
    // Two of them conflict with master.
    let stopped = world.bcops(&with(&[("--branches", "all")], &[]));
    stopped.fails(11, &[history::CLASH, "bc/templates/header.html", "--on-conflict skip"]);
    let run = world.newest_run();
    let resumed = world.bcops(&["runs", "resume", &run, "--on-conflict", "skip"]);
    // The rest has two leaf nodes, which is noticed before any push.
    resumed.fails(4, &["merge migration", history::SECOND_LEAF]);
    let tips = &world.whole.code.tips;
    let now = world.whole.code.origin_tip("refs/heads/staging");
    assert_eq!(now, Some(tips["staging"]));
    world.assert_production_untouched();
}

#[test]
fn a_branch_in_conflict_is_skipped_with_a_warning() {
    let world = World::new();
    let branches = "feature/footer,feature/clashing-header,feature/old-map";
    let flags = with(&[("--branches", branches)], &["--on-conflict", "skip", "--json"]);
    let run = world.bcops(&flags).exits(0);
    let document = run.json();
    let warnings = document["warnings"].to_string();
    assert!(warnings.contains("feature/clashing-header"), "{document:#}");
    assert!(warnings.contains("bc/templates/header.html"), "{document:#}");
    let (branches, base) = merged(&world);
    assert_eq!(branches, [history::OLD_MAP, history::FOOTER]);
    assert_eq!(base, "master");
    assert_eq!(world.report()["status"], "done, with warnings");
    let told = world.bcops(&["runs", "show", "--markdown"]).exits(0).stdout;
    assert!(told.contains("skipped because of conflicts: feature/clashing-header"), "{told}");
}

#[test]
fn a_branch_that_was_never_on_staging_can_be_chosen() {
    let world = World::new();
    let both = format!("{}, {}", history::NOT_ON_STAGING, history::ALREADY_MERGED);
    world.bcops(&with(&[("--branches", &both)], &[])).exits(0);
    let (branches, base) = merged(&world);
    assert_eq!((branches, base), (vec![history::NOT_ON_STAGING.to_owned()], "master".to_owned()));
}

#[test]
fn without_branches_staging_equals_master() {
    let world = World::new();
    let flags = with(&[("--branches", "none"), ("--recreate-users", "none")], &[]);
    world.bcops(&flags).exits(0);
    let master = world.whole.code.origin_tip("refs/heads/master");
    assert_eq!(world.whole.code.origin_tip("refs/heads/staging"), master);
    assert_eq!(world.whole.code.app_tip(STAGING), master);
    let users = world.staging().users;
    assert!(!users.iter().any(|user| user.contains("staging.tester")), "{users:?}");
}

#[test]
fn one_account_is_restored_by_its_address() {
    let world = World::new();
    let address = "trainee@council.example";
    world.bcops(&with(&[("--recreate-users", address)], &[])).exits(0);
    let users = world.staging().users;
    assert!(users.iter().any(|user| user.starts_with("trainee|")), "{users:?}");
    assert!(!users.iter().any(|user| user.contains("staging.tester")), "{users:?}");
    let unknown = with(&[("--recreate-users", "nobody@council.example")], &[]);
    world.bcops(&unknown).fails(2, &["nobody@council.example"]);
}

#[test]
fn the_named_backup_is_used() {
    let world = World::new();
    // This backup is older: production had no redirects then.
    let databases = &world.whole.databases;
    let cluster = databases.cluster();
    let old = format!("{}_old", databases.staging);
    let create = format!("CREATE DATABASE {old} TEMPLATE {}", databases.production);
    cluster.psql("postgres", &create);
    cluster.psql(&old, "DELETE FROM wagtailredirects_redirect");
    let dump = world.bcops.directory().join("old.dump");
    crate::support::site::back_up(cluster, &old, &dump).expect("a backup");
    cluster.psql("postgres", &format!("DROP DATABASE {old}"));
    let completed = Outcome::Completed { warnings: 0 };
    let age = Duration::from_secs(100 * 3600);
    let number = world.whole.heroku.add_backup(PRODUCTION, &dump, age, completed);
    let name = format!("b{number:03}");
    let count = "SELECT count(*) FROM wagtailredirects_redirect";
    assert_ne!(databases.production(count), "0");
    for way in ["stream", "heroku"] {
        let run = world.bcops(&with(&[], &["--backup", &name, "--restore-via", way])).exits(0);
        assert_eq!(databases.staging(count), "0", "{way}");
        // Its age is still printed, although the user named it.
        assert!(run.says(&[&name, "old"]).stdout.contains(&name));
        world.bcops(&with(&[], &["--restore-via", way, "--backup", "newest"])).exits(0);
        assert_ne!(databases.staging(count), "0", "{way}");
    }
}

#[test]
fn an_old_backup_must_be_named() {
    let world = World::new();
    let limit = format!("backup_max_age = \"2h\"\n{}", world.config());
    world.configure(&limit);
    let before = world.staging();
    world.bcops(&arguments(&[])).fails(5, &["--backup b003"]);
    world.bcops(&arguments(&["--backup", "newest"])).fails(5, &["is 5 h", "--backup b003"]);
    assert_eq!(world.staging(), before);
    assert!(!world.bcops.state_directory().join("runs").exists());
    world.bcops(&arguments(&["--backup", "b003"])).exits(0).says(&["b003", "is 5 h"]);
}

#[test]
fn without_the_clean_up_staging_opens_with_its_own_hosts() {
    let world = World::new();
    let sites = world.staging().sites;
    let visitors = world.send_visitors();
    world.bcops(&arguments(&["--skip", "cleanup", "--skip", "comms"])).exits(0);
    assert!(visitors.exposed().is_empty());
    let state = world.staging();
    assert!(!state.maintenance && state.is_deployed);
    assert_eq!(state.sites, sites);
    assert_eq!(
        (world.outcome("sites"), world.outcome("search")),
        ("done".into(), "left out".into())
    );
    let told = world.bcops(&["runs", "show", "--markdown"]).exits(0).stdout;
    assert!(told.contains("skipped with --skip cleanup"), "{told}");
    world.assert_production_untouched();
}

#[test]
fn a_plan_is_stale_after_a_move_of_master_or_a_newer_backup() {
    let world = World::new();
    let plan = world.bcops.directory().join("plan.json");
    let plan = text(&plan);
    let make = || {
        let flags = ["reset-staging", "--branches", "feature/footer", "--recreate-users", "all"];
        world.bcops(&[&flags[..], &["--plan-out", &plan]].concat()).exits(0)
    };
    let follow = || {
        let flags = ["reset-staging", "--plan", &plan, "--attest", "agreed", "--confirm", STAGING];
        world.bcops(&flags)
    };
    let begun = || world.bcops.state_directory().join("runs").exists();
    make();
    world.whole.code.somebody_pushes("master");
    follow().fails(6, &["stale", "the tip of master"]);
    make();
    world.whole.code.somebody_pushes(history::FOOTER);
    follow().fails(6, &["stale", "the tip of feature/footer was"]);
    make();
    let dump = &Templates::of(world.whole.databases.cluster()).backup;
    let completed = Outcome::Completed { warnings: 0 };
    world.whole.heroku.add_backup(PRODUCTION, dump, Duration::from_secs(60), completed);
    follow().fails(6, &["stale", "the newest backup of production was b003 and is a newer one"]);
    assert!(!begun() && world.whole.heroku.writes(STAGING).is_empty());
    // A named older backup stays valid if a newer one appears.
    let named = ["reset-staging", "--branches", "none", "--recreate-users", "all"];
    world.bcops(&[&named[..], &["--backup", "b003", "--plan-out", &plan]].concat()).exits(0);
    world.whole.heroku.add_backup(PRODUCTION, dump, Duration::from_secs(10), completed);
    follow().exits(0);
    assert!(world.bcops(&["runs", "show", "--markdown"]).exits(0).stdout.contains("b003"));
}

/// Runs it without a complete clone of the operator, and checks that everything was done.
#[track_caller]
fn check_reset(world: &World) -> Run {
    let run = world.bcops(&arguments(&[])).exits(0);
    let (branches, base) = merged(world);
    assert_eq!(branches, [history::SEARCH_PAGE, history::FOOTER]);
    assert_eq!(base, "master");
    assert!(world.staging().is_deployed && !world.staging().maintenance);
    world.assert_production_untouched();
    run
}

#[test]
fn it_runs_where_there_is_no_clone() {
    let mut world = World::new();
    fs::remove_dir_all(world.clone_folder()).expect("removed");
    fs::create_dir(world.clone_folder()).expect("a folder");
    world.bcops(&arguments(&[])).fails(3, &["git.url"]);
    let url = format!("file://{}", text(&world.whole.code.origin()));
    world.bcops.set("BCOPS_GIT_URL", &url);
    check_reset(&world);
    let left: Vec<_> = fs::read_dir(world.clone_folder()).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
    let temporary = world.bcops.directory().join("temporary");
    let left: Vec<_> = fs::read_dir(temporary).expect("a folder").collect();
    assert!(left.is_empty(), "a temporary clone stays behind: {left:?}");
    world.bcops(&["runs", "rollback", &world.newest_run(), "--confirm", STAGING]).exits(0);
    let staging = world.whole.code.tips["staging"];
    assert_eq!(world.whole.code.origin_tip("refs/heads/staging"), Some(staging));
}

/// Replaces the operator's clone.
fn clone_again(world: &World, arguments: &[&str]) {
    fs::remove_dir_all(world.clone_folder()).expect("removed");
    let url = format!("file://{}", text(&world.whole.code.origin()));
    let folder = text(&world.clone_folder());
    let top = world.bcops.directory();
    world.whole.code.git(top, &[&["clone", "-q"], arguments, &[&url, &folder]].concat());
}

#[test]
fn it_runs_in_a_bare_clone() {
    let world = World::new();
    clone_again(&world, &["--bare"]);
    let before = world.clone_state();
    check_reset(&world);
    assert_eq!(world.clone_state(), before);
}

#[test]
fn it_runs_in_a_shallow_clone() {
    let world = World::new();
    clone_again(&world, &["--depth=1"]);
    let before = world.clone_state();
    check_reset(&world);
    assert_eq!(world.clone_state(), before);
}

#[test]
fn it_runs_in_a_linked_work_tree() {
    let world = World::new();
    let main = world.bcops.directory().join("main-clone");
    fs::rename(world.clone_folder(), &main).expect("moved");
    let folder = text(&world.clone_folder());
    world.whole.code.git(&main, &["worktree", "add", "-q", "--detach", &folder, "origin/staging"]);
    let before = world.clone_state();
    check_reset(&world);
    assert_eq!(world.clone_state(), before);
}
