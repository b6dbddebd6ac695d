//! Begins a run, goes on with one, and ends it: the lock, the journal, and the order of the steps.
//!
//! What happens within a step is in [`super::perform`], putting back in [`super::rollback`].

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
    /// Keeps other operators out.
    pub lock: Arc<dyn RunLock>,
    /// Looks before anything is changed.
    pub guard: Arc<dyn Guard>,
    pub interrupt: Interrupt,
    pub reporter: SharedReporter,
    pub redactor: Arc<Redactor>,
    pub operator: Operator,
    /// Which one the hints of failures name.
    pub environment: EnvironmentName,
    /// How long the run is expected to take, for the screen.
    pub expected: Option<Duration>,
    /// Consumers beside the journal and the screen.
    pub consumers: Vec<Box<dyn Consumer>>,
}

/// What a new run is for.
#[derive(Debug, Clone, Default)]
pub struct Beginning {
    pub command: String,
    pub target: Target,
    pub plan_digest: Option<String>,
    pub flags: Flags,
    /// Values that were known before the run, such as those of an unfinished run that it takes over.
    pub values: BTreeMap<&'static str, Value>,
}

/// A run that can be let go.
pub struct Engine<W> {
    pub(super) run: RunId,
    pub(super) runbook: Runbook<W>,
    pub(super) guard: Arc<dyn Guard>,
    pub(super) interrupt: Interrupt,
    pub(super) reporter: SharedReporter,
    pub(super) log: Arc<EventLog>,
    pub(super) lock_lost: watch::Receiver<bool>,
    pub(super) share: Arc<Share>,
    /// Done before anything is put back.
    pub(super) precaution: Option<StepEntry<W>>,
    /// Known before the run.
    values: BTreeMap<&'static str, Value>,
    lock: Arc<dyn RunLock>,
    operator: Operator,
    pub(super) environment: EnvironmentName,
    command: String,
    /// What the first record of this process says, unless it rolls back.
    first: Entry,
    /// The right to the run's folder, where the run has one.
    folder: Option<RunFolder>,
}

/// How a run ended that came to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnd {
    pub run: RunId,
    pub status: EndStatus,
    pub warnings: Vec<String>,
}

impl<W: Send + Sync> Engine<W> {
    /// A new run. Nothing happens before [`Engine::run`].
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

    /// Goes on with a run, forwards with [`Engine::run`] or back with [`Engine::roll_back`]. `flags`
    /// are those that were added or changed since; those of the beginning are in the journal.
    pub fn reopen(
        setup: Setup<W>,
        runs: &Runs,
        run: RunId,
        target: &Target,
        flags: Flags,
    ) -> Result<Self, RunError> {
        let folder = runs.take(run.clone())?;
        // Read only now that nobody else writes to it.
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

    /// Values that are put on record when the work begins.
    pub fn with_values(self, values: BTreeMap<&'static str, Value>) -> Self {
        Engine { values, ..self }
    }

    /// A step that is done before a rollback changes anything.
    pub fn with_precaution(self, step: StepEntry<W>) -> Self {
        Engine { precaution: Some(step), ..self }
    }

    pub(super) fn world(&self) -> &W {
        self.runbook.world()
    }

    pub fn id(&self) -> &RunId {
        &self.run
    }

    /// Runs what is not done yet.
    pub async fn run(mut self) -> Result<RunEnd, RunError> {
        if self.history(|history| history.standing == super::Standing::RolledBack) {
            // It may have been killed before it gave its lock up.
            self.give_up_lock().await?;
            return Err(RunError::RolledBack { run: self.run.clone() });
        }
        if self.history(History::rollback_has_begun) {
            return Err(RunError::RollingBack { run: self.run.clone() });
        }
        if self.history(|history| matches!(history.standing, super::Standing::Done { .. })) {
            // It may have been killed before it gave its lock up.
            self.give_up_lock().await?;
            return Err(RunError::Over { run: self.run.clone() });
        }
        let keeper = if matches!(self.first, Entry::RunStarted(_)) {
            // On record before the lock is there: a lock whose run nobody could go on with or put
            // back would keep everybody out.
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
                Err(error) => format!("{} could not be removed: {error}", folder.path.display()),
            };
            self.reporter.emit(Event::Warning(text));
        }
    }

    async fn run_steps(&self) -> Result<RunEnd, RunError> {
        // Only a process of its own can know that nothing changed behind its back.
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
                let reason = format!("left out with --skip {}", step.stage);
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

    /// Whether a finished step has to be done again because time has passed, which is said.
    fn is_outdated(&self, step: &StepEntry<W>) -> bool {
        if !self.history(|history| history.step(step.id).is_finished()) {
            return false;
        }
        let context = self.context(step);
        let Some(why) = step.step.outdated(self.world(), &context) else { return false };
        context.note(why);
        true
    }

    /// The rules that hold whatever is left out or changed while the run stood still.
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

    /// Makes sure that what has to stay true still is, and lets it be made true again.
    async fn hold_standing(&self, before: &StepEntry<W>) -> Result<(), RunError> {
        for standing in self.history(|history| self.runbook.in_force(history)) {
            if standing.id != before.id {
                self.hold(standing).await?;
            }
        }
        Ok(())
    }

    /// Between steps, where nothing is lost by stopping.
    pub(super) fn safe_point(&self) -> Result<(), RunError> {
        if *self.lock_lost.borrow() {
            return Err(RunError::LockLost { run: self.run.clone() });
        }
        if self.interrupt.is_wanted() {
            return Err(self.interrupted(None, Vec::new())?);
        }
        Ok(())
    }

    /// Puts an interruption on record. `Err` only if that fails.
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

    /// Brings the lock up to date before something is changed, for whoever has only the lock. An
    /// origin that cannot be reached is no reason to stop: the next sign of life makes up for it.
    pub(super) async fn share(&self) -> Result<(), RunError> {
        let Some(holder) = self.share.holder(jiff::Timestamp::now()) else { return Ok(()) };
        match self.lock.refresh(&holder).await {
            Ok(()) => Ok(()),
            Err(LockError::Lost { .. } | LockError::Held { .. }) => {
                Err(RunError::LockLost { run: self.run.clone() })
            }
            Err(error) => {
                let text = format!("cannot bring the lock up to date: {error}");
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

    /// Gives the lock up unless the run stopped half-way.
    pub(super) async fn finish(
        &self,
        result: Result<RunEnd, RunError>,
    ) -> Result<RunEnd, RunError> {
        if result.is_err() && self.has_changed() {
            return result;
        }
        if let Err(error) = self.lock.release(&self.run).await {
            // The work is done; a lock that stayed behind is no failure of it.
            let command = self.run.unlock_command();
            let text = format!("{error}; it may still be held, and to give it up: {command}");
            self.reporter.emit(Event::Warning(self.log.redactor().clean(&text)));
        }
        result
    }

    /// Whether anything is, or may be, not as it was before the run.
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

/// What is known of a run when its engine is put together.
struct Past {
    history: History,
    essence: Essence,
}

/// A journal says how far steps are by their names and order. Other steps are another runbook.
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
