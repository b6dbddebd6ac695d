//! Tests faults during a reset: Heroku unreachable or over its limit, a dyno that hangs, a backup
//! that disappears, an incomplete restore, a concurrent push.

use std::process::Command;
use std::time::Duration;

use crate::heroku::world::count;
use crate::reset_staging::fault_cases::{
    CHOSEN, HEROKU, Left, as_it_was, case, check_in, reset, runs,
};
use crate::reset_staging::fault_cases::{start, wait_for_step};
use crate::reset_staging::world::{Trouble, World};
use crate::standins::heroku::{CapturePlan, Deploy, Fault, Outcome, Rule};
use crate::support::wait;
use crate::whole_site::{PRODUCTION, STAGING};

/// Waits until Heroku was asked for something.
fn wait_for_request(world: &World, method: &str, part: &str) {
    let is_asked = || count(&world.whole.heroku, method, part) > 0;
    wait::until(&format!("{method} {part} is asked for"), is_asked);
}

/// Ends, whatever was set before.
fn assert_reset(world: &World) {
    reset(world, CHOSEN).exits(0);
    let state = world.staging();
    assert_eq!(state.backups, ["completed", "completed"]);
    assert!(state.is_deployed && !state.maintenance);
    world.assert_production_untouched();
}

/// A transfer that lasts long enough to be watched.
fn watched() -> CapturePlan {
    CapturePlan { running: Duration::from_secs(3), ..CapturePlan::default() }
}

#[test]
fn twenty_one_lost_polls_are_survived() {
    let world = World::new();
    world.whole.heroku.plan_captures(watched());
    world.make(Trouble::LostPolls(21));
    assert_reset(&world);
}

/// The backup continues by itself, and the resumed run uses it.
#[test]
fn a_lost_backup_is_found_again() {
    let world = World::new();
    let says = &["cannot follow transfer b", "may still be running"];
    let lost = case("no poll is answered", 8, Left::AsBefore, says, |world| {
        world.whole.heroku.plan_captures(watched());
        let fault = Rule::always("/transfers/", Fault::ServerError).on("GET");
        world.whole.heroku.misbehave(fault);
    });
    check_in(&world, lost.mended_by(|world| world.whole.heroku.behave()));
    // The earlier one, the run's own, and the rollback's own.
    assert_eq!(world.staging().backups, ["completed"; 3]);
}

#[test]
fn a_lost_restore_is_not_repeated() {
    let world = World::new();
    world.whole.heroku.plan_restores(watched());
    let says = &["cannot follow transfer r", "may still be running", "runs rollback"];
    let lost = case("no poll is answered", 8, Left::Quarantine, says, |world| {
        wait_for_request(world, "POST", "/restores");
        let fault = Rule::always("/transfers/", Fault::CloseBefore).on("GET");
        world.whole.heroku.misbehave(fault);
    });
    let lost = lost.during("restore").flags(HEROKU);
    check_in(&world, lost.mended_by(|world| world.whole.heroku.behave()));
    // The run's own, and the one of its rollback.
    assert_eq!(world.staging().restores, ["completed", "completed"]);
}

#[test]
fn a_migrate_that_hangs_is_stopped() {
    let world = World::new();
    world.configure(&format!("{}\n[commands]\nsilence = \"8s\"\n", world.config()));
    let says = &["the step migrate failed", "silent for too long", "runs rollback"];
    let hangs = case("migrate hangs", 8, Left::Quarantine, says, |world| {
        // The release phase runs it as well, which is not what is meant here.
        let release_command = Some("true".to_owned());
        let deploy = world.whole.deploy();
        world.whole.heroku.plan_deploys(Deploy { release_command, ..deploy });
        world.make(Trouble::CommandHangs("migrate"));
    });
    check_in(&world, hangs.mended_by(|world| world.whole.code.control("migrate", None)));
    assert!(world.whole.heroku.glance(STAGING).one_off_commands.is_empty());
}

#[test]
fn a_full_rate_limit_is_waited_for() {
    let world = World::new();
    let misbehave = |rule| world.whole.heroku.misbehave(rule);
    misbehave(Rule::once("/backups", Fault::RateLimited(1)).on("POST"));
    misbehave(Rule::times(2, "/transfers", Fault::RateLimitedForNow).on("GET"));
    misbehave(Rule::times(2, "/apps/", Fault::RateLimitedForNow).on("PATCH"));
    misbehave(Rule::once("/formation", Fault::RateLimited(1)).on("PATCH"));
    misbehave(Rule::once("/reset", Fault::RateLimited(1)).on("PUT"));
    misbehave(Rule::once("/dynos", Fault::RateLimitedForNow).on("POST"));
    assert_reset(&world);
}

#[test]
fn a_rate_limit_that_stays_full_ends_the_run() {
    let mut world = World::new();
    let faults = [
        (
            Fault::RateLimited(3600),
            &["request limit is used up", "wait 3600 seconds"] as &'static _,
        ),
        (Fault::RateLimitedForNow, &["request limit is used up", "a few minutes"]),
    ];
    for (fault, says) in faults {
        let full = case("the limit is reached", 1, Left::Quarantine, says, |world| {
            let rule = Rule::always("/formation", fault.clone()).on("PATCH");
            world.whole.heroku.misbehave(rule);
        });
        check_in(&world, full.mended_by(|world| world.whole.heroku.behave()));
        world.reset();
    }
}

#[test]
fn a_backup_that_vanishes_stops_the_run_before_the_load() {
    for flags in [CHOSEN, HEROKU] {
        let world = World::new();
        let was = as_it_was(world.staging(), &world);
        let running = start(&world, flags);
        wait_for_step(&world, "maintenance");
        world.whole.heroku.lose_backup(PRODUCTION, 3);
        let run = running.finish();
        run.fails(11, &["backup b003 of", "no longer exists", "bcops backups list production"])
            .says(&["a new run", "bcops runs rollback"]);
        let now = world.staging();
        assert!(now.maintenance);
        assert_eq!((now.rows, now.users), (was.rows.clone(), was.users.clone()));
        world.bcops(&["runs", "rollback", &runs(&world)[0], "--confirm", STAGING]).exits(0);
        assert_eq!(as_it_was(world.staging(), &world), was);
        assert!(world.whole.heroku.writes(PRODUCTION).is_empty());
    }
}

#[test]
fn an_object_that_vanishes_stops_the_run_before_the_load() {
    let world = World::new();
    let says = &["the step load failed", "runs rollback"];
    let gone = case("the store has nothing", 1, Left::Quarantine, says, |world| {
        world.whole.heroku.misbehave(Rule::always("/store/", Fault::NotFound));
    });
    check_in(&world, gone.mended_by(|world| world.whole.heroku.behave()));
}

/// Production without a table that others refer to.
fn damaged(world: &World) -> CapturePlan {
    let dump = world.bcops.directory().join("damaged.dump");
    let databases = &world.whole.databases;
    let mut pg_dump: Command = databases.cluster().tool("pg_dump");
    pg_dump.args(["--format=custom", "--no-owner", "--no-privileges"]);
    pg_dump.args(["--exclude-schema=heroku_ext", "--exclude-table=wagtailredirects_redirect"]);
    let made = pg_dump.arg("--file").arg(&dump).arg(&databases.production).status();
    assert!(made.expect("pg_dump runs").success());
    let outcome = Outcome::Completed { warnings: 3 };
    CapturePlan { dump: Some(dump), outcome, ..CapturePlan::default() }
}

#[test]
fn an_incomplete_restore_is_a_failure() {
    let world = World::new();
    let says = &[
        "the step restore failed",
        "table public.wagtailredirects_redirect",
        "is incomplete, although Heroku calls it completed",
        "runs rollback",
    ];
    let half = case("a table is not there", 8, Left::Quarantine, says, |world| {
        world.whole.heroku.plan_restores(damaged(world));
    });
    let half = half.flags(HEROKU);
    check_in(&world, half.mended_by(|world| world.whole.heroku.plan_restores(Default::default())));
}

#[test]
fn a_push_at_the_same_time_is_not_overwritten() {
    let world = World::new();
    let before = world.staging();
    world.make(Trouble::BranchMovedDuringItsPush);
    let run = reset(&world, CHOSEN);
    let tip = world.whole.code.origin_tip("refs/heads/staging").expect("staging");
    assert_ne!(tip, world.whole.code.tips["staging"], "{}", run.printed());
    run.fails(4, &["the step push failed", "someone else pushed", "begin a new run"]);
    let after = world.staging();
    assert_eq!((after.rows, after.app_branch), (before.rows, before.app_branch));
    assert_eq!((after.maintenance, after.formation), (before.maintenance, before.formation));
    // It holds no lock, because it has changed nothing: the next run may begin at once.
    let again = reset(&world, CHOSEN);
    assert_eq!(again.code, Some(0), "{}", again.printed());
    world.assert_production_untouched();
}
