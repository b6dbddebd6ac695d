//! Gives a step what it works with: values of earlier steps, the record of its own remote jobs, the
//! screen, and the signal to stop.

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

/// What one step has at hand in one attempt.
pub struct StepContext {
    pub(super) step: &'static str,
    pub(super) run: RunId,
    pub(super) log: Arc<EventLog>,
    pub(super) relay: Arc<Relay>,
    pub(super) interrupt: Interrupt,
    pub(super) lock_lost: watch::Receiver<bool>,
}

impl StepContext {
    /// The id of the step.
    pub fn step_id(&self) -> &'static str {
        self.step
    }

    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Keeps a value for later steps, and for this one after a kill.
    pub fn put<T: Serialize>(&self, key: &ValueKey<T>, value: &T) -> StepResult<()> {
        let unkept = |why: &str| {
            let text = format!("cannot keep the value {} of {}: {why}", key.name(), self.step);
            StepError::failed(FailureKind::Unexpected, text)
        };
        let value =
            serde_json::to_value(value).map_err(|_| unkept("it cannot be written as JSON"))?;
        if self.log.redactor().finds_in_value(&value) {
            return Err(unkept("it looks like a secret"));
        }
        let (step, key) = (self.step.to_owned(), key.name().to_owned());
        Ok(self.log.record(Entry::Value { step, key, value })?)
    }

    /// Keeps the value unless the run has one already, and returns the kept value. Use it for what
    /// was found before anything was changed: a second attempt would find its own changes.
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
            let text =
                format!("cannot read the value {} of the run: it has another type", key.name());
            CommandError::new(FailureKind::Unexpected, text).with_cause(error).into()
        })
    }

    /// How long ago a value was last recorded.
    pub fn age<T>(&self, key: &ValueKey<T>) -> Option<Duration> {
        let at = self.log.history(|history| history.value_at(key.name()))?;
        Some(jiff::Timestamp::now().duration_since(at).try_into().unwrap_or_default())
    }

    /// The history of another step of the run.
    pub fn step(&self, id: &str) -> StepHistory {
        self.log.history(|history| history.step(id))
    }

    /// A value that the step needs. It is an error if the run does not have it.
    pub fn need<T: DeserializeOwned>(&self, key: &ValueKey<T>) -> StepResult<T> {
        self.get(key)?.ok_or_else(|| {
            let text = format!(
                "cannot run {}: it needs the value {}, and the step that finds it did not run",
                self.step,
                key.name()
            );
            CommandError::new(FailureKind::Usage, text)
                .hint("do not skip the stage of that step")
                .into()
        })
    }

    /// Whether the step may have changed something.
    pub fn may_have_acted(&self) -> bool {
        self.log.history(|history| history.step(self.step).may_have_acted)
    }

    /// What an earlier attempt recorded about the remote job with this name.
    pub fn job(&self, name: &str) -> Job {
        self.log.history(|history| history.step(self.step).job(name))
    }

    /// Records that the step is about to request a remote job. If the answer never arrives, the
    /// next attempt finds [`Job::Asked`] and looks for the job before it requests another one.
    pub fn intent(&self, name: &str, details: Value) -> StepResult<()> {
        self.refuse_secret(name, &details)?;
        let (step, name) = (self.step.to_owned(), name.to_owned());
        Ok(self.log.record(Entry::Intent { step, name, details })?)
    }

    /// Records the job's identifier, before the step waits for the job.
    pub fn external(&self, name: &str, id: &str) -> StepResult<()> {
        self.refuse_secret(name, &Value::from(id))?;
        let (step, name, id) = (self.step.to_owned(), name.to_owned(), id.to_owned());
        Ok(self.log.record(Entry::External { step, name, id })?)
    }

    /// Records that the job ended, or never existed: the next request with this name is a new job.
    /// Do not call it for a job that succeeded, because a later attempt has to find that job.
    pub fn settle(&self, name: &str, how: &str) -> StepResult<()> {
        let (step, name, how) = (self.step.to_owned(), name.to_owned(), how.to_owned());
        Ok(self.log.record(Entry::Settled { step, name, how })?)
    }

    fn refuse_secret(&self, name: &str, value: &Value) -> StepResult<()> {
        if self.log.redactor().finds_in_value(value) {
            let text =
                format!("cannot record the job {name} of {}: it looks like a secret", self.step);
            return Err(StepError::failed(FailureKind::Unexpected, text));
        }
        Ok(())
    }

    /// Keeps the secret out of the journal, the report and all messages from now on.
    pub fn register_secret(&self, secret: &Secret) {
        self.log.redactor().register(secret);
    }

    /// Warns about something that a person should look at. The warning is shown now and kept with
    /// the step.
    pub fn warn(&self, text: impl Into<String>) {
        self.relay.emit(Event::Warning(text.into()));
    }

    pub fn note(&self, text: impl Into<String>) {
        self.relay.emit(Event::Note(text.into()));
    }

    /// The reporter for library code that reports its progress. Its warnings become the step's.
    pub fn reporter(&self) -> SharedReporter {
        self.relay.clone()
    }

    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Waits for `work` until it is done or the run has to stop. `work` must be safe to drop at any
    /// point, such as polling a remote job whose identifier is recorded. `goes_on` names what
    /// continues elsewhere after a stop.
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

/// Forwards events without secrets, and keeps the warnings for the journal.
pub(super) struct Relay {
    reporter: SharedReporter,
    log: Arc<EventLog>,
    warnings: Mutex<Vec<String>>,
}

impl Relay {
    pub(super) fn new(reporter: SharedReporter, log: Arc<EventLog>) -> Self {
        Relay { reporter, log, warnings: Mutex::default() }
    }

    /// The warnings since the last call.
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
