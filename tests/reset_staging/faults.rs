//! Tests failures of `reset-staging`: each has its exit code and a next command, leaves staging
//! unchanged or closed, never shows an unverified row, and can be rolled back. Once its cause is
//! fixed, the same run can be resumed.

use crate::reset_staging::fault_cases::{CHOSEN, HEROKU, Left, all, case, reset};
use crate::reset_staging::world::{Trouble, World};
use crate::standins::heroku::{Deploy, Fault, Outcome, Rendezvous, Rule, StoreFault};
use crate::whole_site::{PRODUCTION, history};

#[test]
fn failures_of_backups() {
    use Left::AsBefore;
    all(vec![
        case("the capture fails", 8, AsBefore, &["the step backup failed"], |world| {
            world.make(Trouble::CaptureEnds(Outcome::Failed));
        })
        .mended_by(|world| world.make(Trouble::CaptureEnds(Outcome::Completed { warnings: 0 }))),
        case("the capture is cancelled", 8, AsBefore, &["cancel"], |world| {
            world.make(Trouble::CaptureEnds(Outcome::Canceled));
        }),
        case("no backup can be listed", 3, AsBefore, &["bcops doctor"], |world| {
            let path = format!("/apps/{PRODUCTION}/transfers");
            world.whole.heroku.misbehave(Rule::always(&path, Fault::NotFound));
        }),
    ]);
}

#[test]
fn failures_of_git() {
    use Left::AsBefore;
    all(vec![
        case("a branch in conflict", 11, AsBefore, &["header.html", "--on-conflict"], |_| {})
            .flags(&["--branches", history::CLASH]),
        case("two leaf migrations", 4, AsBefore, &["feedback"], |_| {})
            .flags(&["--branches", history::SECOND_LEAF]),
        case(
            "a protected branch",
            4,
            AsBefore,
            &["the step push failed", "allow force push"],
            |world| {
                world.make(Trouble::ProtectedBranch);
            },
        )
        .mended_by(|world| world.whole.code.protect(&[])),
        case("a closed branch", 4, AsBefore, &["the step push failed"], |world| {
            world.make(Trouble::ClosedBranch);
        }),
        case("the origin is gone", 3, AsBefore, &["origin"], |world| {
            let clone = world.bcops.directory().join("work");
            world.whole.code.git(&clone, &["remote", "set-url", "origin", "/nowhere/bc.git"]);
        }),
    ]);
}

#[test]
fn a_concurrent_push_is_not_overwritten() {
    let mut world = World::new();
    let before = world.staging();
    world.make(Trouble::BranchMovedDuringPush);
    // The first push to the origin is for the lock. Before the push of the branch, the tip has
    // moved.
    let run = reset(&world, CHOSEN);
    let printed = run.printed();
    let tip = world.whole.code.origin_tip("refs/heads/staging").expect("staging");
    run.fails(4, &["the step branches failed", "when this was decided"]);
    assert_ne!(tip, world.whole.code.tips["staging"], "{printed}");
    let after = world.staging();
    assert_eq!((after.rows, after.app_branch), (before.rows, before.app_branch));
    assert_eq!((after.maintenance, after.formation), (before.maintenance, before.formation));
    assert_eq!(world.whole.code.origin_tip("refs/heads/staging"), Some(tip));
    world.assert_production_untouched();
    world.reset();
}

#[test]
fn failures_of_deploys() {
    use Left::Moved;
    let mend = |world: &World| world.whole.heroku.plan_deploys(world.whole.deploy());
    all(vec![
        case("the build fails", 8, Moved, &["the step deploy failed"], |world| {
            world.make(Trouble::BuildFails);
        })
        .mended_by(mend),
        case("the release fails", 8, Moved, &["bcops runs resume"], |world| {
            world.make(Trouble::ReleaseFails);
        })
        .mended_by(mend),
        case("the release expires", 8, Moved, &["the step release failed"], |world| {
            world.make(Trouble::ReleaseExpires);
        })
        .mended_by(mend),
    ]);
}

#[test]
fn failures_of_loads() {
    use Left::{AsBefore, Quarantine};
    all(vec![
        case("the backup is damaged", 1, Quarantine, &["the step load failed"], |world| {
            let fault = StoreFault::Shorter(20_000);
            world.whole.heroku.misbehave(Rule::always("/store/", fault));
        }),
        case("a table is not classified", 9, AsBefore, &["not classified"], |world| {
            world.whole.databases.production(
                "CREATE TABLE newcomers (id int, name text); \
                 ALTER TABLE newcomers OWNER TO bc_production",
            );
        }),
        case("migrate fails", 8, Quarantine, &["`python manage.py migrate"], |world| {
            // The release phase runs it too, but this test is about the step.
            let release_command = Some("true".to_owned());
            let deploy = world.whole.deploy();
            world.whole.heroku.plan_deploys(Deploy { release_command, ..deploy });
            world.make(Trouble::CommandFails("migrate"));
        })
        .mended_by(|world| world.whole.code.control("migrate", None)),
    ]);
}

#[test]
fn failures_of_restores_at_heroku() {
    use Left::Quarantine;
    all(vec![
        case("the restore fails", 8, Quarantine, &["the step restore failed"], |world| {
            world.make(Trouble::RestoreEnds(Outcome::Failed));
        })
        .flags(HEROKU)
        .mended_by(|world| world.whole.heroku.plan_restores(Default::default())),
        case("the restore is cancelled", 8, Quarantine, &["the step restore failed"], |world| {
            world.make(Trouble::RestoreEnds(Outcome::Canceled));
        })
        .flags(HEROKU),
    ]);
}

#[test]
fn failures_at_the_end() {
    use Left::Quarantine;
    all(vec![
        case("the rendezvous closes", 8, Quarantine, &["the step migrate failed"], |world| {
            world.make(Trouble::Rendezvous(Rendezvous::ClosedEarly));
        })
        .mended_by(|world| world.make(Trouble::Rendezvous(Rendezvous::Orderly))),
    ]);
}

#[test]
fn failures_of_heroku() {
    use Left::{AsBefore, Moved, Quarantine};
    all(vec![
        case("the token is refused", 3, AsBefore, &["heroku login"], |world| {
            world.whole.heroku.misbehave(Rule::always("/apps/", Fault::Unauthorized));
        }),
        case("production may not be read", 4, AsBefore, &["could not be compared"], |world| {
            let path = format!("/apps/{PRODUCTION}/config-vars");
            world.whole.heroku.misbehave(Rule::once(&path, Fault::Forbidden));
        }),
        case("maintenance is forbidden", 3, Moved, &["the step maintenance failed"], |world| {
            world.whole.heroku.misbehave(Rule::once("/apps/", Fault::Forbidden).on("PATCH"));
        })
        .mended_by(|_| ()),
        case("scaling answers HTML", 8, Quarantine, &["the step dynos failed"], |world| {
            world.whole.heroku.misbehave(Rule::once("/formation", Fault::HtmlPage).on("PATCH"));
        })
        .mended_by(|_| ()),
        case("the reset is forbidden", 3, Quarantine, &["the step load failed"], |world| {
            world.whole.heroku.misbehave(Rule::once("/reset", Fault::Forbidden).on("PUT"));
        })
        .mended_by(|_| ()),
    ]);
}
