//! Begins, resumes and ends a run: the lock, the journal, and the order of the steps.
//!
//! [`super::perform`] runs a single step, and [`super::rollback`] puts steps back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use tokio::sync::watch;

use super::context::{Relay, StepContext};
use super::entry::{Consumer, EndStatus, Entry, Flags, RunStarted, Target};
use super::error::RunError;
use super::essence::Essence;
use super::event_log::EventLog;
use super::history::History;
use super::interrupt::Interrupt;
use super::journal::{FILE_NAME, Journal, Writer};
use super::list::Runbook;
use super::lock::{Holder, Keeper, LockError, Operator, RunLock};
use super::redact::Redactor;
use super::run_id::RunId;
use super::screen::Screen;
use super::share::Share;
use super::step::Guard;
use super::step_entry::StepEntry;
use super::store::{RunFolder, Runs};
use crate::events::{Event, SharedReporter};
use crate::failure::EnvironmentName;

/// What a run works with, whether it is begun, resumed or rolled back.
pub struct Setup<W> {
    pub runbook: Runbook<W>,
    /// Keeps other operators from starting a run.
    pub lock: Arc<dyn RunLock>,
    /// Checks the destination before anything is changed.
    pub guard: Arc<dyn Guard>,
    pub interrupt: Interrupt,
    pub reporter: SharedReporter,
    pub redactor: Arc<Redactor>,
    pub operator: Operator,
    /// The environment that hints name.
    pub environment: EnvironmentName,
    /// How long the run is expected to take, for the screen.
    pub expected: Option<Duration>,
    /// More consumers, beside the journal and the screen.
    pub consumers: Vec<Box<dyn Consumer>>,
}

/// What a new run starts from.
#[derive(Debug, Clone, Default)]
pub struct Beginning {
    pub command: String,
    pub target: Target,
    pub plan_digest: Option<String>,
    pub flags: Flags,
    /// Values that are known before the run, such as those of an unfinished run that it takes over.
    pub values: BTreeMap<&'static str, Value>,
}

/// A run that is ready to start.
pub struct Engine<W> {
    pub(super) run: RunId,
    pub(super) runbook: Runbook<W>,
    pub(super) guard: Arc<dyn Guard>,
    pub(super) interrupt: Interrupt,
    pub(super) reporter: SharedReporter,
    pub(super) log: Arc<EventLog>,
    pub(super) lock_lost: watch::Receiver<bool>,
    pub(super) share: Arc<Share>,
    /// A step that runs before a rollback changes anything.
    pub(super) precaution: Option<StepEntry<W>>,
    /// Values that are known before the run.
    values: BTreeMap<&'static str, Value>,
    lock: Arc<dyn RunLock>,
    operator: Operator,
    pub(super) environment: EnvironmentName,
    command: String,
    /// The first record of this process, unless it rolls back.
    first: Entry,
    /// The lock on the run's folder, where the run has a folder.
    folder: Option<RunFolder>,
}

/// The result of a run that completed.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnd {
    pub run: RunId,
    pub status: EndStatus,
    pub warnings: Vec<String>,
}

impl<W: Send + Sync> Engine<W> {
    /// Prepares a new run. Nothing is changed before [`Engine::run`].
    pub fn begin(setup: Setup<W>, runs: &Runs, beginning: Beginning) -> Result<Self, RunError> {
        let folder = runs.create()?;
        let writer = Writer::create(&folder.path.join(FILE_NAME))?;
        Ok(Engine::begin_with(setup, folder.id.clone(), writer, Some(folder), beginning))
    }

    pub(super) fn begin_with(
        setup: Setup<W>,
        run: RunId,
        writer: Writer,
        folder: Option<RunFolder>,
        beginning: Beginning,
    ) -> Self {
        let Beginning { command, target, plan_digest, flags, values } = beginning;
        let first = Entry::RunStarted(Box::new(RunStarted {
            run: run.clone(),
            command: command.clone(),
            target,
            plan_digest,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            operator: setup.operator.clone(),
            flags,
            steps: setup.runbook.recorded(),
            left_out: setup.runbook.left_out(),
        }));
        let past = Past { history: History::default(), essence: Essence::default() };
        let mut engine = Engine::assemble(setup, run, writer, past, folder, command, first);
        engine.values = values;
        engine
    }

    /// Reopens a run, to resume it with [`Engine::run`] or to put it back with
    /// [`Engine::roll_back`]. `flags` are the flags that were added or changed since the start; the
    /// journal has the original ones.
    pub fn reopen(
        setup: Setup<W>,
        runs: &Runs,
        run: RunId,
        target: &Target,
        flags: Flags,
    ) -> Result<Self, RunError> {
        let folder = runs.take(run.clone())?;
        // The journal is read only now, because no other process can write to it any more.
        let journal = runs.journal(&run)?;
        let writer = Writer::append_to(&folder.path.join(FILE_NAME), &journal)?;
        Engine::reopen_with(setup, run, &journal, writer, Some(folder), target, flags)
    }

    pub(super) fn reopen_with(
        setup: Setup<W>,
        run: RunId,
        journal: &Journal,
        writer: Writer,
        folder: Option<RunFolder>,
        target: &Target,
        flags: Flags,
    ) -> Result<Self, RunError> {
        journal.check_target(target)?;
        let began = journal.beginning()?;
        check_steps(&run, began, &setup.runbook)?;
        let first = Entry::Resumed {
            operator: setup.operator.clone(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            flags,
            left_out: setup.runbook.left_out(),
        };
        let command = began.command.clone();
        let history = History::of(journal.records());
        let essence = Essence::of(journal.records(), setup.runbook.shared());
        let past = Past { history, essence };
        Ok(Engine::assemble(setup, run, writer, past, folder, command, first))
    }

    fn assemble(
        setup: Setup<W>,
        run: RunId,
        writer: Writer,
        past: Past,
        folder: Option<RunFolder>,
        command: String,
        first: Entry,
    ) -> Self {
        let Setup { runbook, lock, guard, interrupt, reporter, redactor, .. } = setup;
        let Setup { operator, environment, expected, mut consumers, .. } = setup;
        consumers.insert(0, Box::new(Screen::new(reporter.clone(), &runbook, expected)));
        let share = Arc::new(Share::new(past.essence, runbook.shared()));
        consumers.push(Box::new(share.clone()));
        let log = Arc::new(EventLog::new(writer, past.history, consumers, redactor));
        let (_, lock_lost) = watch::channel(false);
        Engine {
            run,
            runbook,
            guard,
            interrupt,
            reporter,
            log,
            lock_lost,
            share,
            precaution: None,
            values: BTreeMap::new(),
            lock,
            operator,
            environment,
            command,
            first,
            folder,
        }
    }

    /// Adds values that are recorded when the run begins.
    pub fn with_values(self, values: BTreeMap<&'static str, Value>) -> Self {
        Engine { values, ..self }
    }

    /// Adds a step that runs before a rollback changes anything.
    pub fn with_precaution(self, step: StepEntry<W>) -> Self {
        Engine { precaution: Some(step), ..self }
    }

    pub(super) fn world(&self) -> &W {
        self.runbook.world()
    }

    pub fn id(&self) -> &RunId {
        &self.run
    }

    /// Runs every step that is not done yet.
    pub async fn run(mut self) -> Result<RunEnd, RunError> {
        if self.history(|history| history.standing == super::Standing::RolledBack) {
            // An earlier process may have been killed before it released the lock.
            self.give_up_lock().await?;
            return Err(RunError::RolledBack { run: self.run.clone() });
        }
        if self.history(History::rollback_has_begun) {
            return Err(RunError::RollingBack { run: self.run.clone() });
        }
        if self.history(|history| matches!(history.standing, super::Standing::Done { .. })) {
            // An earlier process may have been killed before it released the lock.
            self.give_up_lock().await?;
            return Err(RunError::Over { run: self.run.clone() });
        }
        let keeper = if matches!(self.first, Entry::RunStarted(_)) {
            // The run is recorded before it takes the lock. A lock without a journal could neither
            // be resumed nor rolled back, and would keep every operator out.
            self.record(self.first.clone())?;
            self.record_values()?;
            match self.take_lock().await {
                Err(RunError::Lock(error @ LockError::Held { .. })) => {
                    self.discard();
                    return Err(error.into());
                }
                taken => taken?,
            }
        } else {
            let keeper = self.take_lock().await?;
            self.record(self.first.clone())?;
            keeper
        };
        let result = self.run_steps().await;
        drop(keeper);
        self.finish(result).await
    }

    pub(super) fn record_values(&self) -> Result<(), RunError> {
        let step = self.runbook.steps().first().map_or("", |step| step.id);
        for (key, value) in &self.values {
            let (step, key) = (step.to_owned(), (*key).to_owned());
            self.record(Entry::Value { step, key, value: value.clone() })?;
        }
        Ok(())
    }

    /// Removes the folder of a run that was refused before its first step.
    fn discard(&self) {
        if let Some(folder) = &self.folder {
            let text = match folder.discard() {
                Ok(()) => return,
                Err(error) => format!(
                    "cannot remove the folder {} of the refused run: {error}",
                    folder.path.display()
                ),
            };
            self.reporter.emit(Event::Warning(text));
        }
    }

    async fn run_steps(&self) -> Result<RunEnd, RunError> {
        // A resumed run cannot know what changed since its last process, so standing steps are
        // checked again.
        let is_resumed = self.history(|history| history.resumptions > 0);
        let mut standing_is_known = !is_resumed;
        for step in self.runbook.steps() {
            if self.history(|history| history.step(step.id).is_over())
                && !(is_resumed && self.is_outdated(step))
            {
                continue;
            }
            self.safe_point()?;
            if self.runbook.is_left_out(step) {
                let reason = format!("skipped with --skip {}", step.stage);
                self.record(Entry::LeftOut { step: step.id.to_owned(), reason })?;
                continue;
            }
            self.check_brackets(step)?;
            if !standing_is_known || step.kind == super::StepKind::Destructive {
                self.hold_standing(step).await?;
                standing_is_known = true;
            }
            self.perform(step).await?;
        }
        let warnings = self.warnings();
        let status =
            if warnings.is_empty() { EndStatus::Done } else { EndStatus::DoneWithWarnings };
        self.record(Entry::RunFinished { status })?;
        Ok(RunEnd { run: self.run.clone(), status, warnings })
    }

    /// Whether a finished step has to run again because its findings are too old. The reason is
    /// reported.
    fn is_outdated(&self, step: &StepEntry<W>) -> bool {
        if !self.history(|history| history.step(step.id).is_finished()) {
            return false;
        }
        let context = self.context(step);
        let Some(why) = step.step.outdated(self.world(), &context) else { return false };
        context.note(why);
        true
    }

    /// Checks the rules between stages, which hold even where stages are skipped or the world
    /// changed while the run was stopped.
    fn check_brackets(&self, step: &StepEntry<W>) -> Result<(), RunError> {
        let (run, step_id) = (self.run.clone(), step.id.to_owned());
        if let Some(inside) = self.history(|history| self.runbook.held_back_by(step, history)) {
            return Err(RunError::HeldBack { run, step: step_id, inside: inside.to_owned() });
        }
        let required = self.runbook.required_for(step);
        let missing =
            required.iter().find(|one| !self.history(|history| history.step(one.id).is_finished()));
        match missing {
            None => Ok(()),
            Some(one) => Err(RunError::NotAround { run, step: step_id, around: one.id.to_owned() }),
        }
    }

    /// Checks that the standing steps are still in force, and repeats those that are not.
    async fn hold_standing(&self, before: &StepEntry<W>) -> Result<(), RunError> {
        for standing in self.history(|history| self.runbook.in_force(history)) {
            if standing.id != before.id {
                self.hold(standing).await?;
            }
        }
        Ok(())
    }

    /// Stops here if the lock is lost or the user wants to stop. Between steps, stopping loses
    /// nothing.
    pub(super) fn safe_point(&self) -> Result<(), RunError> {
        if *self.lock_lost.borrow() {
            return Err(RunError::LockLost { run: self.run.clone() });
        }
        if self.interrupt.is_wanted() {
            return Err(self.interrupted(None, Vec::new())?);
        }
        Ok(())
    }

    /// Records an interruption. Returns `Err` only if recording fails.
    pub(super) fn interrupted(
        &self,
        step: Option<&str>,
        goes_on: Vec<String>,
    ) -> Result<RunError, RunError> {
        if *self.lock_lost.borrow() {
            return Ok(RunError::LockLost { run: self.run.clone() });
        }
        let step = step.map(str::to_owned);
        self.record(Entry::Interrupted { step, goes_on: goes_on.clone() })?;
        Ok(RunError::Interrupted { run: self.run.clone(), goes_on, changed: self.has_changed() })
    }

    /// Refreshes the lock before something is changed, for an operator on another machine, who sees
    /// only the lock. An unreachable origin does not stop the run, because the next refresh follows
    /// within a minute.
    pub(super) async fn share(&self) -> Result<(), RunError> {
        let Some(holder) = self.share.holder(jiff::Timestamp::now()) else { return Ok(()) };
        match self.lock.refresh(&holder).await {
            Ok(()) => Ok(()),
            Err(LockError::Lost { .. } | LockError::Held { .. }) => {
                Err(RunError::LockLost { run: self.run.clone() })
            }
            Err(error) => {
                let text =
                    format!("cannot refresh the lock: {error}; bcops tries again within a minute");
                self.reporter.emit(Event::Warning(self.log.redactor().clean(&text)));
                Ok(())
            }
        }
    }

    pub(super) async fn give_up_lock(&self) -> Result<(), RunError> {
        Ok(self.lock.release(&self.run).await?)
    }

    pub(super) async fn take_lock(&mut self) -> Result<Keeper, RunError> {
        let holder = Holder {
            run: self.run.clone(),
            operator: self.operator.clone(),
            at: jiff::Timestamp::now(),
            command: self.command.clone(),
            since: None,
            essence: Some(self.share.essence()),
        };
        self.lock.acquire(&holder).await?;
        self.share.hold(holder.clone());
        let share = self.share.clone();
        let says = Arc::new(move || share.essence());
        let keeper = Keeper::start(self.lock.clone(), holder, says, self.share.news());
        self.lock_lost = keeper.lost();
        Ok(keeper)
    }

    /// Releases the lock unless the run stopped half-way.
    pub(super) async fn finish(
        &self,
        result: Result<RunEnd, RunError>,
    ) -> Result<RunEnd, RunError> {
        if result.is_err() && self.has_changed() {
            return result;
        }
        if let Err(error) = self.lock.release(&self.run).await {
            // The work is done. A lock that cannot be released does not make it a failure.
            let command = self.run.unlock_command();
            let text = format!("{error}; the lock may still be held. To release it: {command}");
            self.reporter.emit(Event::Warning(self.log.redactor().clean(&text)));
        }
        result
    }

    /// Whether the run has, or may have, changed anything.
    pub(super) fn has_changed(&self) -> bool {
        self.history(|history| self.runbook.leaves_changes(history))
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let steps = self.runbook.steps().iter();
        self.history(|history| steps.flat_map(|step| history.step(step.id).warnings).collect())
    }

    pub(super) fn history<T>(&self, ask: impl FnOnce(&History) -> T) -> T {
        self.log.history(ask)
    }

    pub(super) fn record(&self, entry: Entry) -> Result<(), RunError> {
        Ok(self.log.record(entry)?)
    }

    pub(super) fn operator(&self) -> &Operator {
        &self.operator
    }

    pub(super) fn context(&self, step: &StepEntry<W>) -> StepContext {
        StepContext {
            step: step.id,
            run: self.run.clone(),
            log: self.log.clone(),
            relay: Arc::new(Relay::new(self.reporter.clone(), self.log.clone())),
            interrupt: self.interrupt.clone(),
            lock_lost: self.lock_lost.clone(),
        }
    }
}

/// What is known about a run when its engine is built.
struct Past {
    history: History,
    essence: Essence,
}

/// Refuses a journal with other steps. A journal records progress by the names and the order of
/// steps, so other steps mean another runbook.
fn check_steps<W>(run: &RunId, began: &RunStarted, runbook: &Runbook<W>) -> Result<(), RunError> {
    let was: Vec<&str> = began.steps.iter().map(|step| step.id.as_str()).collect();
    let is: Vec<&str> = runbook.steps().iter().map(|step| step.id).collect();
    if was == is {
        return Ok(());
    }
    Err(RunError::OtherSteps {
        run: run.clone(),
        was: was.join(", "),
        is: is.join(", "),
        version: began.tool_version.clone(),
    })
}
