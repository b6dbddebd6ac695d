//! Tests the world of `reset-staging` itself: pushes build, commands use the database, hooks
//! refuse, and a change of one row is noticed.

use std::future::pending;
use std::time::{Duration, Instant};

use bcops::adapters::heroku::{Limits, OneOff};

use crate::heroku::world::{client, quick, staging_destination};
use crate::reset_staging::world::{Trouble, World};
use crate::support::wait;
use crate::whole_site::{PRODUCTION, STAGING, history};

/// Runs a command on a one-off dyno of staging, through the real client.
fn on_staging(world: &World, command: &str) -> (u8, String) {
    let heroku = client(&world.whole.heroku, quick());
    world.runtime().block_on(async {
        let app = heroku.destination_app(&staging_destination()).await.expect("staging");
        let limits = Limits::default();
        let run =
            heroku.run_captured(&app, &OneOff::new(command), &limits, pending(), |_| {}).await;
        let run = run.expect("run");
        (run.exit_status, String::from_utf8(run.output).expect("text").replace('\r', ""))
    })
}

#[test]
fn a_change_is_noticed_and_a_reset_undoes_it() {
    let mut world = World::new();
    let (staging, production) = (world.staging(), world.production());
    assert!(!staging.rows.is_empty() && !staging.sequences.is_empty());
    assert!(!staging.objects.is_empty() && !production.objects.is_empty());
    assert!(staging.is_deployed);
    world.assert_production_untouched();
    assert!(!world.holds_unscrubbed_rows());

    world.whole.databases.staging("UPDATE users_user SET first_name = 'X' WHERE id = 90001");
    assert_ne!(world.staging().rows, staging.rows);
    world.whole.databases.production("DELETE FROM wagtailredirects_redirect WHERE id = 1");
    assert!(!world.production_untouched());
    world.whole.s3.put("bc-staging", "documents/new.pdf", "new");
    world.whole.code.somebody_pushes("staging");
    world.whole.heroku.set_formation(STAGING, &[("web", 0, "Standard-1X")]);
    let changed = world.staging();
    assert_ne!(changed.objects, staging.objects);
    assert_ne!(changed.branch, staging.branch);
    assert_ne!(changed.formation, staging.formation);

    let begun = Instant::now();
    world.reset();
    let took = begun.elapsed();
    assert_eq!(world.staging(), staging);
    assert_eq!(world.production().rows, production.rows);
    world.assert_production_untouched();
    // Generous, for a busy machine.
    assert!(took < Duration::from_secs(20), "{took:?}");
    eprintln!("a reset of the world took {took:?}");
}

#[test]
fn staging_differs_from_production_as_described() {
    let world = World::new();
    let databases = &world.whole.databases;
    let own = "SELECT count(*) FROM users_user WHERE id > 90000";
    assert_eq!((databases.staging(own), databases.production(own)), ("2".into(), "0".into()));
    let hosts = "SELECT count(*) FROM wagtailcore_site WHERE hostname = '127.0.0.1'";
    let expected = world.whole.hosts().len().to_string();
    assert_eq!((databases.staging(hosts), databases.production(hosts)), (expected, "0".into()));
    // The roles can do no more than Heroku's.
    let cluster = databases.cluster();
    let as_role = |environment: &str, sql: &str| {
        let url = databases.url(environment);
        let mut psql = cluster.tool("psql");
        psql.args(["-AtX", "-c", sql, &url]).output().expect("psql runs")
    };
    assert!(as_role("staging", "SELECT 1 FROM users_user LIMIT 1").status.success());
    assert!(!as_role("staging", "CREATE DATABASE more").status.success());
    assert!(!as_role("staging", "CREATE ROLE more").status.success());
    let there = databases.url("production").replace("bc_production:", "bc_staging:");
    let output = cluster.tool("psql").args(["-c", "SELECT 1", &there]).output().expect("psql runs");
    assert!(!output.status.success(), "staging's role gets into production's database");
    let tool = world.bcops(&["backups", "list", "production"]).exits(0);
    assert!(tool.stdout.contains("b003"), "{}", tool.printed());
}

#[test]
fn a_push_builds_migrates_and_releases() {
    let world = World::new();
    let code = &world.whole.code;
    let before = world.staging();
    let clone = world.bcops.directory().join("work");
    let heroku = format!("{}/{STAGING}.git", code.heroku_host());
    // Without force the push is refused. Another branch is not built.
    let (pushed, said) = code.try_git(&clone, &["push", &heroku, "origin/master:master"]);
    assert!(!pushed && said.contains("rejected"), "{said}");
    code.git(&clone, &["push", &heroku, "origin/master:refs/heads/other"]);
    assert_eq!(world.staging().builds, before.builds);

    let search = format!("origin/{}", history::SEARCH_PAGE);
    let migration = &code.new_migrations.search_page;
    let forget = format!("DELETE FROM django_migrations WHERE name = '{}'", migration.1);
    world.whole.databases.staging(&forget);
    let table = format!("migrated_{}_{}", migration.0, migration.1);
    world.whole.databases.staging(&format!("DROP VIEW {table}"));
    let (pushed, said) = code
        .try_git(&clone, &["push", "--progress", "--force", &heroku, &format!("{search}:master")]);
    assert!(pushed, "{said}");
    let after = world.staging();
    assert_eq!(after.builds.len(), before.builds.len() + 1);
    assert_eq!(after.releases.last(), Some(&"succeeded"));
    assert!(after.is_deployed);
    assert!(after.migrations.contains(&format!("{}|{}", migration.0, migration.1)));
    assert_eq!(world.whole.databases.staging(&format!("SELECT count(*) FROM {table}")), "0");
    let tip = code.tips[history::SEARCH_PAGE];
    assert_eq!(code.app_tip(STAGING), Some(tip));
    world.assert_production_untouched();

    // A repeat builds nothing.
    code.git(&clone, &["push", &heroku, &format!("{search}:master")]);
    assert_eq!(world.staging().builds, after.builds);
}

#[test]
fn builds_and_releases_fail_as_set() {
    let world = World::new();
    let code = &world.whole.code;
    let clone = world.bcops.directory().join("work");
    let heroku = format!("{}/{STAGING}.git", code.heroku_host());
    let push = ["push", "--force", &heroku, "origin/master:master"];
    let before = world.staging();

    world.make(Trouble::BuildFails);
    let (pushed, said) = code.try_git(&clone, &push);
    assert!(!pushed && said.contains("Push rejected, failed to compile"), "{said}");
    assert_eq!(world.staging().builds.last(), Some(&"failed"));
    assert_eq!(world.staging().app_branch, before.app_branch);

    world.make(Trouble::ReleaseFails);
    let (pushed, said) = code.try_git(&clone, &push);
    assert!(pushed, "{said}");
    let after = world.staging();
    assert_eq!((after.builds.last(), after.releases.last()), (Some(&"succeeded"), Some(&"failed")));
    assert!(!after.is_deployed, "the old release goes on");
    assert_eq!(after.rows, before.rows);
}

#[test]
fn pushing_to_production_is_noticed() {
    let world = World::new();
    let code = &world.whole.code;
    let clone = world.bcops.directory().join("work");
    let heroku = format!("{}/{PRODUCTION}.git", code.heroku_host());
    code.git(&clone, &["push", &heroku, &format!("origin/{}:master", history::SEARCH_PAGE)]);
    assert!(!world.production_untouched());
    let writes = world.whole.heroku.writes(PRODUCTION);
    assert!(writes.iter().any(|one| one.path.starts_with("/pushes/")), "{writes:?}");
}

#[test]
fn the_origin_refuses_in_gitlabs_words() {
    let world = World::new();
    let code = &world.whole.code;
    let clone = world.bcops.directory().join("work");
    let force = ["push", "--force", "origin", "origin/master:staging"];
    world.make(Trouble::ProtectedBranch);
    let (pushed, said) = code.try_git(&clone, &force);
    assert!(!pushed && said.contains("not allowed to force push code to a protected"), "{said}");
    world.make(Trouble::ClosedBranch);
    let (pushed, said) = code.try_git(&clone, &force);
    assert!(!pushed && said.contains("not allowed to push code to protected branches"), "{said}");
    code.close(&[]);
    code.protect(&[]);

    world.make(Trouble::BranchMovedDuringPush);
    let moved_by_another = "refs/heads/staging";
    let lease = format!("--force-with-lease=staging:{}", code.tips["staging"]);
    let push = ["push", &lease, "origin", "origin/master:staging"];
    let (pushed, said) = code.try_git(&clone, &push);
    assert!(!pushed, "{said}");
    let tip = code.origin_tip(moved_by_another).expect("staging");
    assert_ne!(tip, code.tips["staging"]);
    assert_ne!(tip, code.tips["master"]);
    let (pushed, said) = code.try_git(&clone, &push);
    assert!(!pushed && said.contains("stale info"), "{said}");
    code.git(&clone, &force);
    assert_eq!(code.origin_tip(moved_by_another), Some(code.tips["master"]));
}

#[test]
fn commands_on_dynos_work_on_the_database() {
    let world = World::new();
    let code = &world.whole.code;
    let (status, said) = on_staging(&world, "python manage.py migrate --check");
    assert_eq!((status, said.as_str()), (0, ""));
    let (name, forget) = (&code.new_migrations.merge.1, "DELETE FROM django_migrations WHERE name");
    world.whole.databases.staging(&format!("{forget} = '{name}'"));
    world.whole.databases.staging(&format!("DROP VIEW migrated_feedback_{name}"));
    assert_eq!(on_staging(&world, "python manage.py migrate --check").0, 1);
    let (status, said) = on_staging(&world, "python manage.py migrate");
    assert_eq!(status, 0, "{said}");
    assert!(said.contains(&format!("Applying feedback.{name}... OK")), "{said}");
    let (status, said) = on_staging(&world, "python manage.py migrate");
    assert!(status == 0 && said.contains("No migrations to apply."), "{said}");
}

#[test]
fn makemigrations_distinguishes_three_failures() {
    let world = World::new();
    let check = "python manage.py makemigrations --check";
    // The database was never scrubbed, and staging requires that.
    world.whole.databases.staging("DELETE FROM birdbath_execution");
    let (status, said) = on_staging(&world, check);
    assert!(status == 1 && said.contains("birdbath.E001"), "{said}");
    assert_eq!(on_staging(&world, "python manage.py update_index").0, 1);
    world.whole.databases.staging("INSERT INTO birdbath_execution (date_executed) VALUES (now())");
    let (status, said) = on_staging(&world, check);
    assert_eq!((status, said.trim()), (0, "No changes detected"));
    world.make(Trouble::MissingMigration);
    let (status, said) = on_staging(&world, check);
    assert!(status == 1 && said.contains("Migrations for 'feedback':"), "{said}");
    world.make(Trouble::MigrationConflict);
    let (status, said) = on_staging(&world, check);
    let expected = "CommandError: Conflicting migrations detected; multiple leaf nodes in the \
                    migration graph: (0007_longer_action, 0007_longer_issue in feedback).";
    assert!(status == 1 && said.contains(expected), "{said}");
    assert_eq!(on_staging(&world, "python manage.py migrate").0, 1);
    world.make(Trouble::CommandFails("rebuild_references_index"));
    assert_eq!(on_staging(&world, "python manage.py rebuild_references_index").0, 1);
}

#[test]
fn two_leaf_nodes_in_the_tree_stop_a_release() {
    let world = World::new();
    let code = &world.whole.code;
    let clone = world.bcops.directory().join("work");
    // A careless merge of master and the branch.
    code.git(&clone, &["checkout", "-q", "-b", "careless", "origin/master"]);
    let leaf = format!("origin/{}", history::SECOND_LEAF);
    code.git(&clone, &["merge", "-q", "--no-edit", &leaf]);
    let heroku = format!("{}/{STAGING}.git", code.heroku_host());
    let (pushed, said) = code.try_git(&clone, &["push", "--force", &heroku, "careless:master"]);
    assert!(pushed, "{said}");
    assert_eq!(world.staging().releases.last(), Some(&"failed"));
    // Master and the clashing branch conflict.
    code.git(&clone, &["checkout", "-q", "-b", "clash", "origin/master"]);
    let clash = format!("origin/{}", history::CLASH);
    let (merged, said) = code.try_git(&clone, &["merge", "-q", "--no-edit", &clash]);
    assert!(!merged && said.contains("header.html"), "{said}");
}

#[test]
fn a_reset_ends_what_hangs() {
    let mut world = World::new();
    let begin = world.staging();
    world.make(Trouble::CommandHangs("migrate"));
    let code = &world.whole.code;
    let heroku = format!("{}/{STAGING}.git", code.heroku_host());
    // The release phase of an abandoned push.
    let mut push = std::process::Command::new("git")
        .current_dir(world.bcops.directory().join("work"))
        .args(["push", "--quiet", "--force", &heroku, "origin/master:master"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("git runs");
    let is_pending = || world.staging().releases.last() == Some(&"pending");
    wait::until("a release begins", is_pending);
    // And a dyno without a client.
    let real = client(&world.whole.heroku, quick());
    world.runtime().block_on(async {
        let app = real.destination_app(&staging_destination()).await.expect("staging");
        let command = OneOff::new("python manage.py migrate");
        real.start_detached(&app, &command).await.expect("started");
    });
    let begun = Instant::now();
    world.reset();
    assert!(!push.wait().expect("its status").success());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(world.staging(), begin);
}
