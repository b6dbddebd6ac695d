//! Defines a case of the fault tables of `reset-staging`, and every rule that it must keep.

use std::fs;

use crate::command::{Run, Running};
use crate::reset_staging::world::{StagingState, World};
use crate::support::wait;
use crate::whole_site::STAGING;

/// The state of staging after a failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Left {
    /// Nothing was changed.
    AsBefore,
    /// The branch has moved, and perhaps the code. The site is as open as before.
    Moved,
    /// Maintenance is on.
    Quarantine,
}

type Act<'a> = Box<dyn Fn(&World) + 'a>;

pub struct Case<'a> {
    name: &'static str,
    fault: Act<'a>,
    /// The step that must have begun before the fault comes.
    during: Option<&'static str>,
    flags: &'static [&'static str],
    exit: i32,
    says: &'static [&'static str],
    left: Left,
    /// Fixes the cause, so that the run can be completed.
    mend: Option<Act<'a>>,
}

pub const CHOSEN: &[&str] = &["--branches", "feature/footer,feature/search-page"];
pub const HEROKU: &[&str] =
    &["--branches", "feature/footer,feature/search-page", "--restore-via", "heroku"];

pub fn case<'a>(
    name: &'static str,
    exit: i32,
    left: Left,
    says: &'static [&'static str],
    fault: impl Fn(&World) + 'a,
) -> Case<'a> {
    let (fault, flags) = (Box::new(fault), CHOSEN);
    Case { name, fault, during: None, flags, exit, says, left, mend: None }
}

impl<'a> Case<'a> {
    pub fn flags(self, flags: &'static [&'static str]) -> Case<'a> {
        Case { flags, ..self }
    }

    /// The fault comes as soon as this step has begun.
    pub fn during(self, step: &'static str) -> Case<'a> {
        Case { during: Some(step), ..self }
    }

    pub fn mended_by(self, mend: impl Fn(&World) + 'a) -> Case<'a> {
        Case { mend: Some(Box::new(mend)), ..self }
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

/// What a rollback must restore. It makes its own release, and does not change Heroku's repository
/// and the media.
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

const BEGINNING: [&str; 7] =
    ["reset-staging", "--attest", "agreed", "--recreate-users", "all", "--confirm", STAGING];

pub fn reset(world: &World, flags: &[&str]) -> Run {
    start(world, flags).finish()
}

pub fn start(world: &World, flags: &[&str]) -> Running {
    world.start(&[&BEGINNING, flags].concat())
}

fn run(case: &Case, world: &World) -> Run {
    let Some(step) = case.during else {
        (case.fault)(world);
        return reset(world, case.flags);
    };
    let running = start(world, case.flags);
    wait_for_step(world, step);
    (case.fault)(world);
    running.finish()
}

/// Checks every rule, and returns the broken ones.
fn check(case: &Case, world: &World) -> Result<(), String> {
    let before = world.staging();
    let was = as_it_was(before.clone(), world);
    let visitors = world.send_visitors();
    let run = run(case, world);
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
        if let Some(mend) = &case.mend {
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
        // All faults are over by then.
        world.whole.heroku.behave();
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

/// Waits until the journal shows that a step has begun.
#[track_caller]
pub fn wait_for_step(world: &World, step: &str) {
    let step = format!("\"{step}\"");
    let has_begun = || {
        let journal = runs(world)
            .first()
            .map(|run| world.bcops.state_directory().join("runs").join(run).join("journal.jsonl"));
        let text = journal.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        text.lines().any(|line| line.contains("step_started") && line.contains(&step))
    };
    wait::until(&format!("the step {step} begins"), has_begun);
}

/// Runs a table of cases, and reports all failures together.
#[track_caller]
pub fn all(cases: Vec<Case>) {
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

/// The same for one case in its own world.
#[track_caller]
pub fn check_in(world: &World, case: Case) {
    if let Err(what) = check(&case, world) {
        panic!("{}: {what}", case.name);
    }
}
