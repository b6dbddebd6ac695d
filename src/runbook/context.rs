//! What a step works with: values of earlier steps, the record of its own remote jobs, the screen,
//! and the wish to stop.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;

use super::entry::Entry;
use super::event_log::EventLog;
use super::history::{Job, StepHistory};
use super::interrupt::Interrupt;
use super::run_id::RunId;
use super::step::{StepError, StepResult};
use super::values::ValueKey;
use crate::events::{Event, Reporter, SharedReporter};
use crate::failure::{CommandError, FailureKind};
use crate::secret::Secret;

/// The surroundings of one step in one attempt.
pub struct StepContext {
    pub(super) step: &'static str,
    pub(super) run: RunId,
    pub(super) log: Arc<EventLog>,
    pub(super) relay: Arc<Relay>,
    pub(super) interrupt: Interrupt,
    pub(super) lock_lost: watch::Receiver<bool>,
}

impl StepContext {
    /// The step that this is for.
    pub fn step_id(&self) -> &'static str {
        self.step
    }

    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Keeps a value for later steps, and for this one after a kill.
    pub fn put<T: Serialize>(&self, key: &ValueKey<T>, value: &T) -> StepResult<()> {
        let unkept = |why: &str| {
            let text = format!("the value {} of {} {why}", key.name(), self.step);
            StepError::failed(FailureKind::Unexpected, text)
        };
        let value = serde_json::to_value(value).map_err(|_| unkept("cannot be written down"))?;
        if self.log.redactor().finds_in_value(&value) {
            return Err(unkept("looks like a secret and was not kept"));
        }
        let (step, key) = (self.step.to_owned(), key.name().to_owned());
        Ok(self.log.record(Entry::Value { step, key, value })?)
    }

    /// Keeps a value unless there is one, and returns the one that is kept. For what was found before
    /// anything was changed: a second attempt would find its own changes.
    pub fn put_first<T>(&self, key: &ValueKey<T>, value: T) -> StepResult<T>
    where
        T: Serialize + DeserializeOwned,
    {
        if let Some(kept) = self.get(key)? {
            return Ok(kept);
        }
        self.put(key, &value)?;
        Ok(value)
    }

    /// A value of this or an earlier step, if there is one.
    pub fn get<T: DeserializeOwned>(&self, key: &ValueKey<T>) -> StepResult<Option<T>> {
        let value = self.log.history(|history| history.value(key.name()).cloned());
        value.map(serde_json::from_value).transpose().map_err(|error| {
            let text = format!("the value {} of the run is of another kind", key.name());
            CommandError::new(FailureKind::Unexpected, text).with_cause(error).into()
        })
    }

    /// How long ago a value was put on record last.
    pub fn age<T>(&self, key: &ValueKey<T>) -> Option<Duration> {
        let at = self.log.history(|history| history.value_at(key.name()))?;
        Some(jiff::Timestamp::now().duration_since(at).try_into().unwrap_or_default())
    }

    /// How far another step of the run is.
    pub fn step(&self, id: &str) -> StepHistory {
        self.log.history(|history| history.step(id))
    }

    /// A value that the step cannot do without.
    pub fn need<T: DeserializeOwned>(&self, key: &ValueKey<T>) -> StepResult<T> {
        self.get(key)?.ok_or_else(|| {
            let text = format!(
                "{} needs the value {}, and the step that finds it did not run",
                self.step,
                key.name()
            );
            CommandError::new(FailureKind::Usage, text).hint("do not leave its stage out").into()
        })
    }

    /// Whether an act of the step may have changed something.
    pub fn may_have_acted(&self) -> bool {
        self.log.history(|history| history.step(self.step).may_have_acted)
    }

    /// How far an earlier attempt came with the remote job of this name.
    pub fn job(&self, name: &str) -> Job {
        self.log.history(|history| history.step(self.step).job(name))
    }

    /// Puts on record that a remote job is about to be asked for. If the answer is never seen, the
    /// next attempt finds [`Job::Asked`] and looks for the job before it asks again.
    pub fn intent(&self, name: &str, details: Value) -> StepResult<()> {
        self.refuse_secret(name, &details)?;
        let (step, name) = (self.step.to_owned(), name.to_owned());
        Ok(self.log.record(Entry::Intent { step, name, details })?)
    }

    /// Puts the job's identifier on record, before it is waited for.
    pub fn external(&self, name: &str, id: &str) -> StepResult<()> {
        self.refuse_secret(name, &Value::from(id))?;
        let (step, name, id) = (self.step.to_owned(), name.to_owned(), id.to_owned());
        Ok(self.log.record(Entry::External { step, name, id })?)
    }

    /// Puts on record that the job is over, or never came to be: what is asked for next under this
    /// name is a new one. A job that ended well is left as it is, so that it is found again.
    pub fn settle(&self, name: &str, how: &str) -> StepResult<()> {
        let (step, name, how) = (self.step.to_owned(), name.to_owned(), how.to_owned());
        Ok(self.log.record(Entry::Settled { step, name, how })?)
    }

    fn refuse_secret(&self, name: &str, value: &Value) -> StepResult<()> {
        if self.log.redactor().finds_in_value(value) {
            let text = format!("what is known of {name} in {} looks like a secret", self.step);
            return Err(StepError::failed(FailureKind::Unexpected, text));
        }
        Ok(())
    }

    /// From now on the secret is kept out of journal, report and messages.
    pub fn register_secret(&self, secret: &Secret) {
        self.log.redactor().register(secret);
    }

    /// Something that a person should look at. It is shown now and kept with the step.
    pub fn warn(&self, text: impl Into<String>) {
        self.relay.emit(Event::Warning(text.into()));
    }

    pub fn note(&self, text: impl Into<String>) {
        self.relay.emit(Event::Note(text.into()));
    }

    /// For library code that tells how far it is. Its warnings become the step's.
    pub fn reporter(&self) -> SharedReporter {
        self.relay.clone()
    }

    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Waits for something that can be dropped at any point, such as the poll of a remote job whose
    /// identifier is on record, until it is there or somebody wants to stop. `goes_on` says what
    /// goes on elsewhere all the same.
    pub async fn wait_for<T>(
        &self,
        goes_on: &str,
        work: impl Future<Output = StepResult<T>>,
    ) -> StepResult<T> {
        let stopped = || StepError::Interrupted { goes_on: vec![goes_on.to_owned()] };
        let mut lost = self.lock_lost.clone();
        tokio::select! {
            biased;
            result = work => result,
            () = self.interrupt.wanted() => Err(stopped()),
            Ok(_) = lost.wait_for(|lost| *lost) => Err(stopped()),
        }
    }
}

/// Passes events on, cleaned of secrets, and keeps the warnings for the journal.
pub(super) struct Relay {
    reporter: SharedReporter,
    log: Arc<EventLog>,
    warnings: Mutex<Vec<String>>,
}

impl Relay {
    pub(super) fn new(reporter: SharedReporter, log: Arc<EventLog>) -> Self {
        Relay { reporter, log, warnings: Mutex::default() }
    }

    /// The warnings since the last time.
    pub(super) fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reporter for Relay {
    fn emit(&self, event: Event) {
        let clean = |text: String| self.log.redactor().clean(&text);
        let event = match event {
            Event::Warning(text) => {
                let text = clean(text);
                let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
                warnings.push(text.clone());
                Event::Warning(text)
            }
            Event::Note(text) => Event::Note(clean(text)),
            other => other,
        };
        self.reporter.emit(event);
    }
}
