//! Whatever goes wrong during `reset-staging` has its exit code, says what to type next, leaves
//! staging as it was or closed, never shows anybody an unverified row, and can be put back; where
//! its cause is mended, the same run goes on.

use std::fs;
use std::time::{Duration, Instant};

use crate::command::Run;
use crate::reset_world::{StagingState, Trouble, World};
use crate::standins::heroku::{Deploy, Fault, Outcome, Rendezvous, Rule, StoreFault};
use crate::standins::s3;
use crate::whole_site::{PRODUCTION, STAGING, history};

/// What a failure leaves of staging.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    /// Nothing was changed.
    AsBefore,
    /// The branch has moved, and perhaps the code; the site is as open as it was.
    Moved,
    /// Maintenance is on.
    Quarantine,
}

type Act = fn(&World);

struct Case {
    name: &'static str,
    fault: Act,
    flags: &'static [&'static str],
    exit: i32,
    says: &'static [&'static str],
    left: Left,
    /// Mends the cause, after which the run goes on to its end.
    mend: Option<Act>,
}

pub const CHOSEN: &[&str] = &["--branches", "feature/footer,feature/search-page"];
pub const HEROKU: &[&str] =
    &["--branches", "feature/footer,feature/search-page", "--restore-via", "heroku"];

fn case(
    name: &'static str,
    exit: i32,
    left: Left,
    says: &'static [&'static str],
    fault: Act,
) -> Case {
    Case { name, fault, flags: CHOSEN, exit, says, left, mend: None }
}

impl Case {
    fn flags(self, flags: &'static [&'static str]) -> Case {
        Case { flags, ..self }
    }

    fn mended_by(self, mend: Act) -> Case {
        Case { mend: Some(mend), ..self }
    }
}

/// The runs that have begun.
pub fn runs(world: &World) -> Vec<String> {
    let Ok(folders) = fs::read_dir(world.bcops.state_directory().join("runs")) else {
        return Vec::new();
    };
    let names = folders.flatten().filter(|one| one.path().is_dir());
    names.map(|one| one.file_name().to_string_lossy().into_owned()).collect()
}

/// What a rollback has to bring back. It makes a release of its own and leaves Heroku's repository
/// and the media alone.
pub fn as_it_was(state: StagingState, world: &World) -> StagingState {
    let mut state = state.without_history();
    state.app_branch = state.branch.clone();
    state.is_deployed = world.whole.heroku.glance(STAGING).deployed_commit
        == Some(world.whole.code.tips["staging"].to_string());
    state.objects.clear();
    state
}

fn check_left(case: &Case, world: &World, before: &StagingState) -> Result<(), String> {
    let now = world.staging().without_history();
    let before = before.clone().without_history();
    let is_closed = now.maintenance;
    let is_open = now.maintenance == before.maintenance && now.formation == before.formation;
    let fits = match case.left {
        Left::AsBefore => now == before,
        Left::Moved => is_open && now.rows == before.rows && now.users == before.users,
        Left::Quarantine => is_closed,
    };
    let told =
        || format!("not {:?}: maintenance {}, {:?}", case.left, now.maintenance, now.formation);
    if fits { Ok(()) } else { Err(told()) }
}

pub fn reset(world: &World, flags: &[&str]) -> Run {
    let first =
        ["reset-staging", "--attest", "agreed", "--recreate-users", "all", "--confirm", STAGING];
    world.bcops(&[&first, flags].concat())
}

/// Everything that has to hold. Gives what does not.
fn check(case: &Case, world: &World) -> Result<(), String> {
    let before = world.staging();
    let was = as_it_was(before.clone(), world);
    (case.fault)(world);
    let visitors = world.send_visitors();
    let run = reset(world, case.flags);
    let printed = run.printed();
    let wrong = |what: &str| Err(format!("{what}\n{printed}"));
    if run.code != Some(case.exit) {
        return wrong("another exit code");
    }
    if let Some(text) = case.says.iter().find(|text| !run.stderr.contains(*text)) {
        return wrong(&format!("`{text}` is not said"));
    }
    let run = run.exits(case.exit);
    if !run.stderr.lines().any(|line| line.starts_with("error: ")) {
        return wrong("no error is told");
    }
    check_left(case, world, &before).or_else(|what| wrong(&what))?;
    let begun = runs(world);
    if let Some(id) = begun.first() {
        if !printed.contains(&format!("bcops runs resume {id}")) {
            return wrong("what to type next is not said");
        }
        if let Some(mend) = case.mend {
            mend(world);
            let resumed = world.bcops(&["runs", "resume", id]);
            if resumed.code != Some(0) {
                return wrong(&format!("not resumed: {}", resumed.printed()));
            }
            let after = world.staging();
            if after.maintenance || !after.is_deployed || after.branch != after.app_branch {
                return wrong("the resumed run left something out");
            }
        }
        // Whatever was told to go wrong is over by then.
        world.whole.site.mend_hosts();
        world.whole.code.protect(&[]);
        world.whole.code.close(&[]);
        world.whole.heroku.plan_restores(Default::default());
        let back = world.bcops(&["runs", "rollback", id, "--confirm", STAGING]);
        if back.code != Some(0) {
            return wrong(&format!("not rolled back: {}", back.printed()));
        }
        let now = as_it_was(world.staging(), world);
        if now != was {
            return wrong(&format!("not as it was, but {}", differences(&now, &was)));
        }
    }
    let exposed = visitors.exposed();
    if !exposed.is_empty() {
        return wrong(&format!("exposed: {exposed:?}"));
    }
    world.whole.databases.production("DROP TABLE IF EXISTS newcomers");
    if !world.production_untouched() {
        return wrong("production was touched");
    }
    Ok(())
}

fn differences(now: &StagingState, was: &StagingState) -> String {
    let (now, was) = (format!("{now:#?}"), format!("{was:#?}"));
    let changed = now.lines().filter(|line| !was.contains(*line)).take(12);
    changed.collect::<Vec<_>>().join("\n")
}

/// Waits until the journal tells that a step has begun.
#[track_caller]
pub fn wait_for_step(world: &World, step: &str) {
    let began = Instant::now();
    let step = format!("\"{step}\"");
    loop {
        let journal = runs(world)
            .first()
            .map(|run| world.bcops.state_directory().join("runs").join(run).join("journal.jsonl"));
        let text = journal.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        if text.lines().any(|line| line.contains("step_started") && line.contains(&step)) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{step} does not begin:\n{text}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Goes through a table, and tells of everything that failed at once.
#[track_caller]
fn all(cases: Vec<Case>) {
    let mut world = World::new();
    let mut failed = Vec::new();
    for one in cases {
        if let Err(what) = check(&one, &world) {
            failed.push(format!("=== {}: {what}", one.name));
        }
        world.reset();
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn backups_that_go_wrong() {
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
fn git_that_goes_wrong() {
    use Left::AsBefore;
    all(vec![
        case("a branch in conflict", 11, AsBefore, &["header.html", "--on-conflict"], |_| {})
            .flags(&["--branches", history::CLASH]),
        case("two leaf migrations", 4, AsBefore, &["feedback"], |_| {})
            .flags(&["--branches", history::SECOND_LEAF]),
        case("a protected branch", 11, AsBefore, &["the step push failed"], |world| {
            world.make(Trouble::ProtectedBranch);
        })
        .mended_by(|world| world.whole.code.protect(&[])),
        case("a closed branch", 11, AsBefore, &["the step push failed"], |world| {
            world.make(Trouble::ClosedBranch);
        }),
        case("the origin is gone", 3, AsBefore, &["origin"], |world| {
            let clone = world.bcops.directory().join("work");
            world.whole.code.git(&clone, &["remote", "set-url", "origin", "/nowhere/bc.git"]);
        }),
    ]);
}

#[test]
fn somebody_who_pushes_meanwhile_is_not_overwritten() {
    let mut world = World::new();
    let before = world.staging();
    world.make(Trouble::BranchMovedDuringPush);
    // The first push to the origin is the lock's; by the time of the branch's the tip has moved.
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
fn deploys_that_go_wrong() {
    use Left::Moved;
    let mend: Act = |world| world.whole.heroku.plan_deploys(world.whole.deploy());
    all(vec![
        case("the build fails", 8, Moved, &["the step deploy failed"], |world| {
            world.make(Trouble::BuildFails);
        })
        .mended_by(mend),
        case("the release fails", 8, Moved, &["releases:retry"], |world| {
            world.make(Trouble::ReleaseFails);
        }),
        case("the release expires", 8, Moved, &["the step release failed"], |world| {
            world.make(Trouble::ReleaseExpires);
        }),
    ]);
}

#[test]
fn loads_that_go_wrong() {
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
            // The release phase runs it as well, which is not what is meant here.
            let release_command = Some("true".to_owned());
            let deploy = world.whole.deploy();
            world.whole.heroku.plan_deploys(Deploy { release_command, ..deploy });
            world.make(Trouble::CommandFails("migrate"));
        })
        .mended_by(|world| world.whole.code.control("migrate", None)),
    ]);
}

#[test]
fn restores_at_heroku_that_go_wrong() {
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
fn an_end_that_goes_wrong() {
    use Left::Quarantine;
    all(vec![
        case("the rendezvous is refused", 8, Quarantine, &["the step migrate failed"], |world| {
            world.make(Trouble::Rendezvous(Rendezvous::Refused));
        })
        .mended_by(|world| world.make(Trouble::Rendezvous(Rendezvous::Orderly))),
        case("S3 refuses", 8, Quarantine, &["the step copy-media failed"], |world| {
            let denied = s3::Fault::AccessDenied;
            world.whole.s3.misbehave(s3::Rule::always("CopyObject", denied.clone()));
            world.whole.s3.misbehave(s3::Rule::always("PutObject", denied));
        }),
    ]);
}

#[test]
fn heroku_that_goes_wrong() {
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
