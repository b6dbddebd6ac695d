//! Describes an unfinished run and the state in which it left staging, from its journal on this
//! machine or its lock on the origin.

use std::time::Duration;

use jiff::Timestamp;

use crate::adapters::git::Repository;
use crate::adapters::heroku::Formation;
use crate::failure::{CommandError, FailureKind};
use crate::runbook::history::Phase;
use crate::runbook::{
    Essence, History, Holder, LockError, Operator, RunId, Runbook, Runs, Standing,
};
use crate::words;

use super::lock::{OriginLock, SeenLock};
use super::sites::SiteRecord;
use super::values::{
    BACKUP, BackupTaken, FORMATION_BEFORE, MAINTENANCE_BEFORE, SITES_BEFORE, TAKEN_OVER, TakenOver,
};
use super::world::Reset;

/// The place from which the run can be resumed or rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The journal is on this machine.
    Here,
    /// The journal is elsewhere, and the lock has what a rollback needs.
    Lock,
    /// The journal is elsewhere, and the lock has too little for a rollback.
    Nowhere,
}

/// An unfinished run of one staging.
#[derive(Debug, Clone)]
pub struct Unfinished {
    pub run: RunId,
    pub operator: Operator,
    pub place: Place,
    /// The lock that keeps others out. `None` if it was broken.
    pub lock: Option<SeenLock>,
    /// The lock as it is, or as it was before it was broken.
    seen: SeenLock,
    /// When the run last wrote its journal or refreshed its lock.
    pub heard: Timestamp,
    pub history: History,
}

/// The run that holds the lock of a branch, or the run whose lock was broken before its end.
///
/// # Errors
/// If the origin cannot be asked, or the lock cannot be read.
pub async fn unfinished(
    repository: &Repository,
    branch: &str,
    runs: &Runs,
) -> Result<Option<Unfinished>, LockError> {
    let lock = OriginLock::new(repository.clone(), branch);
    if let Some(seen) = lock.look().await? {
        return Ok(Some(Unfinished::of(&seen, runs, true)));
    }
    let broken = lock.look_at_broken().await?;
    let found = broken.map(|seen| Unfinished::of(&seen, runs, false));
    // A run may have been completed or rolled back after its lock was broken.
    Ok(found.filter(|found| !found.is_over()))
}

/// Refuses to continue an unfinished run with a journal that may be out of date. Until someone else
/// completes the run, the origin has its lock, or keeps the broken lock.
///
/// # Errors
/// The refusal, or if the origin cannot be asked.
pub async fn refuse_stale(
    world: &Reset,
    runbook: &Runbook<Reset>,
    run: &RunId,
    history: &History,
) -> Result<(), CommandError> {
    let is_over = matches!(history.standing, Standing::Done { .. } | Standing::RolledBack);
    if is_over || !runbook.leaves_changes(history) {
        return Ok(());
    }
    let lock = OriginLock::new(world.repository.clone(), &world.branches.staging);
    let is_its = |seen: &SeenLock| seen.holder.run == *run;
    let seen = match lock.look().await?.filter(is_its) {
        Some(seen) => Some(seen),
        None => lock.look_at_broken().await?.filter(is_its),
    };
    let environment = &world.destination.name;
    let refused = |why: String| {
        let text = format!("cannot continue run {run} with the journal on this machine: {why}");
        CommandError::new(FailureKind::Refused, format!("{text}; nothing was changed"))
    };
    let Some(seen) = seen else {
        let why = format!(
            "its lock is gone from the origin, so someone else ended it; {environment} may have \
             newer work"
        );
        return Err(refused(why)
            .hint("bcops runs list   # shows what is known here")
            .hint(format!("to start again: bcops reset-{environment}")));
    };
    let Holder { operator, essence, .. } = &seen.holder;
    let there = essence.as_ref().map(|essence| History::of(essence.records()));
    let goes_back = there.is_some_and(|there| there.rollback_has_begun());
    if goes_back && !history.rollback_has_begun() {
        let (back, unlock) = (run.rollback_command(), run.unlock_command());
        return Err(refused(format!("{} is rolling the run back", operator.host))
            .hint(format!("to continue there: {back}"))
            .hint(format!("to take over: {unlock}, then bcops reset-{environment}")));
    }
    Ok(())
}

impl Unfinished {
    fn of(seen: &SeenLock, runs: &Runs, is_locked: bool) -> Self {
        let Holder { run, operator, at, essence, .. } = &seen.holder;
        let here = runs.journal(run).ok().filter(|journal| journal.beginning().is_ok());
        let (place, history) = match (here, essence) {
            (Some(journal), _) => (Place::Here, History::of(journal.records())),
            (None, Some(essence)) => (Place::Lock, History::of(essence.records())),
            (None, None) => (Place::Nowhere, History::default()),
        };
        Unfinished {
            run: run.clone(),
            operator: operator.clone(),
            place,
            lock: is_locked.then(|| seen.clone()),
            seen: seen.clone(),
            heard: history.last_at.map_or(*at, |last| last.max(*at)),
            history,
        }
    }

    /// The essence that the lock carries for other machines.
    pub fn essence(&self) -> Option<Essence> {
        self.seen.holder.essence.clone()
    }

    /// Whether the run is done or rolled back, and was killed before it released its lock.
    pub fn is_over(&self) -> bool {
        matches!(self.history.standing, Standing::Done { .. } | Standing::RolledBack)
    }

    pub fn is_going_back(&self) -> bool {
        self.history.standing == Standing::RollingBack
    }

    /// Whether a process may be at work on the run now.
    pub fn may_be_at_work(&self, now: Timestamp) -> bool {
        let is_recent = || self.age(now) < Duration::from_secs(10 * 60);
        self.lock.is_some() && self.operator.lives().unwrap_or_else(is_recent)
    }

    pub fn age(&self, now: Timestamp) -> Duration {
        now.duration_since(self.heard).try_into().unwrap_or_default()
    }

    /// The state of staging before the run, and what still has to be put back.
    pub fn before(&self) -> Before {
        let open = self.history.step("open");
        let is_open = open.is_finished() && !open.is_undone();
        // The state that it took over from an earlier run counts until it has opened staging
        // itself.
        let inherited = self.history.get(&TAKEN_OVER).filter(|_| !is_open);
        let is_closed = inherited.as_ref().is_some_and(|taken| taken.closed);
        let keeps_backup = inherited.as_ref().is_some_and(|taken| taken.keeps_backup);
        let stands = |id: &str| {
            let own = self.history.step(id);
            is_closed || (own.may_have_acted && !own.is_undone() && !is_open)
        };
        let filled = ["load", "restore", "scrub"].map(|id| self.history.step(id));
        let has_filled = filled.iter().any(|step| step.may_have_acted && !step.is_undone());
        Before {
            maintenance: self.history.get(&MAINTENANCE_BEFORE),
            formation: self.history.get(&FORMATION_BEFORE),
            backup: self.history.get(&BACKUP),
            has_closed: stands("maintenance"),
            has_stopped: stands("dynos"),
            has_filled: has_filled || keeps_backup || self.is_filling_back(),
            sites: self.history.get(&SITES_BEFORE),
        }
    }

    /// Whether the database is being put back, so that it may be half loaded.
    fn is_filling_back(&self) -> bool {
        use crate::runbook::history::UndoPhase;
        let begun = |id: &str| {
            let undo = self.history.step(id).undo;
            matches!(undo, UndoPhase::UnderWay | UndoPhase::Failed { .. })
        };
        begun("load") || begun("restore")
    }

    /// The last step that finished.
    pub fn last_step(&self) -> Option<&str> {
        let steps = self.history.started.as_ref()?.steps.iter().rev();
        let is_over = |id: &str| {
            let phase = self.history.step(id).phase;
            matches!(phase, Phase::Finished { .. } | Phase::Skipped { .. })
        };
        steps.map(|step| step.id.as_str()).find(|id| is_over(id))
    }

    /// The state of the run in one sentence. `maintenance` is the app's present mode, if it was
    /// asked.
    pub fn sentence(&self, now: Timestamp, maintenance: Option<bool>) -> String {
        let Unfinished { run, operator, .. } = self;
        let (who, host, ago) = (&operator.who, &operator.host, words::duration(self.age(now)));
        let whose = format!("run {run} of {who} on {host}");
        if self.may_be_at_work(now) {
            return format!("{whose} is at work (process {}, last seen {ago} ago)", operator.pid);
        }
        let what = match (self.is_over(), self.is_going_back(), self.last_step()) {
            (true, ..) => "is done, and its lock was not released".to_owned(),
            (_, true, _) => "stopped during its rollback".to_owned(),
            (.., Some(step)) => format!("stopped after {step}"),
            (.., None) => "stopped".to_owned(),
        };
        let closed = self.before().has_closed || self.before().has_stopped;
        let state = match maintenance {
            Some(true) => "; staging is in maintenance",
            Some(false) => "; staging is not in maintenance",
            None if closed => "; it left staging in maintenance",
            None => "",
        };
        format!("{whose} {what} {ago} ago{state}")
    }

    /// The environment of the run, as far as this machine knows it.
    fn environment(&self) -> &str {
        self.history.flags.get("destination").and_then(|name| name.as_str()).unwrap_or("staging")
    }

    /// The commands that finish the run or roll it back.
    pub fn hints(&self, now: Timestamp) -> Vec<String> {
        let Unfinished { run, operator, .. } = self;
        let (resume, back) = (run.resume_command(), run.rollback_command());
        let unlock = run.unlock_command();
        let reset = format!("bcops reset-{}", self.environment());
        if self.may_be_at_work(now) {
            return vec!["wait until it ends; to see its state: bcops runs list".to_owned()];
        }
        match self.place {
            Place::Here if self.is_over() => vec![format!("to release the lock: {resume}")],
            Place::Here if self.is_going_back() => vec![format!("to continue: {back}")],
            Place::Here => vec![format!("to continue: {resume}"), format!("to roll back: {back}")],
            _ if self.lock.is_none() => vec![format!("to take over: {reset}")],
            Place::Lock => vec![format!(
                "resume run {run} on {}, roll it back here with {back}, or take over with {unlock} \
                 and {reset}",
                operator.host
            )],
            Place::Nowhere => vec![format!(
                "resume run {run} on {}, or take over with {unlock} and {reset}",
                operator.host
            )],
        }
    }
}

/// The state of staging before an unfinished run.
#[derive(Debug, Clone, Default)]
pub struct Before {
    pub maintenance: Option<bool>,
    pub formation: Option<Formation>,
    pub backup: Option<BackupTaken>,
    pub sites: Option<Vec<SiteRecord>>,
    /// The run turned maintenance on and has not ended it.
    pub has_closed: bool,
    /// The run stopped the dynos and has not started them again.
    pub has_stopped: bool,
    /// The run has begun to replace the database.
    pub has_filled: bool,
}

impl Before {
    /// Whether the run turned on maintenance mode, which is `on` now and was off before.
    pub fn explains_maintenance(&self, on: bool) -> bool {
        on && self.has_closed && self.maintenance == Some(false)
    }

    /// The formation to restore: the present one, in which processes that the run stopped get their
    /// earlier dynos.
    pub fn formation_from(&self, present: &Formation) -> Formation {
        let mut wanted = present.clone();
        for (kind, scale) in self.formation.iter().filter(|_| self.has_stopped).flat_map(|f| &f.0) {
            match wanted.0.get_mut(kind) {
                Some(now) if now.quantity == 0 => *now = scale.clone(),
                Some(_) | None => {}
            }
        }
        wanted
    }

    /// The value for the run that takes over. `is_closed` is the app's present state, because a
    /// person may have opened it since.
    pub fn taken_over(&self, run: &RunId, is_closed: bool) -> TakenOver {
        let closed = is_closed && (self.has_closed || self.has_stopped);
        let keeps_backup = closed && self.has_filled && self.backup.is_some();
        TakenOver { run: run.to_string(), closed, keeps_backup }
    }
}
