//! Runs one step: probe, act and verify, with each transition recorded before the next one begins.

use std::time::Instant;

use super::context::StepContext;
use super::engine::Engine;
use super::entry::{Ending, Entry};
use super::error::RunError;
use super::evidence::Evidence;
use super::history::Phase;
use super::step::{Outcome, Probe, StepError};
use super::step_entry::{StepEntry, UndoWay};
use crate::failure::{CommandError, FailureKind};

/// One attempt of the engine at a step.
struct Attempt<'a, W> {
    step: &'a StepEntry<W>,
    context: StepContext,
    began: Instant,
}

impl<W> Attempt<'_, W> {
    fn id(&self) -> String {
        self.step.id.to_owned()
    }

    fn warnings(&self) -> Vec<String> {
        self.context.relay.take_warnings()
    }

    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}

impl<W: Send + Sync> Engine<W> {
    /// Finishes and verifies a step, from wherever an earlier attempt stopped.
    pub(super) async fn perform(&self, step: &StepEntry<W>) -> Result<(), RunError> {
        let attempt = self.attempt(step);
        let result = self.bring_to_end(&attempt).await;
        self.settle(&attempt, result)
    }

    /// Probes a finished standing step, and runs it again if it is no longer in force.
    pub(super) async fn hold(&self, step: &StepEntry<W>) -> Result<(), RunError> {
        let attempt = self.attempt(step);
        let result = match step.step.probe(self.world(), &attempt.context).await {
            Ok(Probe::Done(_)) => Ok(()),
            Ok(Probe::NotYet) => {
                let text = format!("{} was no longer in force; it was done again", step.id);
                attempt.context.warn(text);
                self.act(&attempt).await
            }
            Ok(Probe::CannotTell) => self.act(&attempt).await,
            Err(error) => Err(error.into()),
        };
        self.settle(&attempt, result)
    }

    /// Brings a standing step into force for a rollback, from wherever the run stopped.
    pub(super) async fn stand(&self, step: &StepEntry<W>) -> Result<(), RunError> {
        let attempt = self.attempt(step);
        let known = self.history(|history| history.step(step.id));
        let stands = known.may_have_acted && !known.is_undone();
        let result = match step.step.probe(self.world(), &attempt.context).await {
            Ok(Probe::Done(_)) if stands => Ok(()),
            // The act is recorded, so that the rollback puts the step back at its end.
            Ok(_) => self.act(&attempt).await,
            Err(error) => Err(error.into()),
        };
        self.settle(&attempt, result)
    }

    fn attempt<'a>(&self, step: &'a StepEntry<W>) -> Attempt<'a, W> {
        Attempt { step, context: self.context(step), began: Instant::now() }
    }

    async fn bring_to_end(&self, attempt: &Attempt<'_, W>) -> Result<(), Halt> {
        let known = self.history(|history| history.step(attempt.step.id));
        let probe = attempt.step.step.probe(self.world(), &attempt.context).await?;
        match (probe, known.phase) {
            (Probe::Done(_), Phase::Acted { ending, evidence }) => {
                self.verify(attempt, ending, evidence).await
            }
            (Probe::Done(evidence), _) => {
                let ending = if known.may_have_acted { Ending::Done } else { Ending::AlreadySo };
                self.verify(attempt, ending, evidence).await
            }
            // The probe cannot see it, but the journal says that the act ended.
            (Probe::CannotTell, Phase::Acted { ending, evidence }) => {
                self.verify(attempt, ending, evidence).await
            }
            (Probe::NotYet | Probe::CannotTell, _) => self.act(attempt).await,
        }
    }

    async fn act(&self, attempt: &Attempt<'_, W>) -> Result<(), Halt> {
        let (step, context) = (attempt.step, &attempt.context);
        if step.kind.is_guarded() {
            let evidence = self.guard.before(step.id).await?;
            if !evidence.is_empty() {
                self.record(Entry::Guarded { step: attempt.id(), evidence })?;
            }
        }
        let number = self.history(|history| history.step(step.id).attempts) + 1;
        self.record(Entry::StepStarted { step: attempt.id(), attempt: number })?;
        if is_put_back_by_itself(step) {
            self.share().await?;
        }
        let (ending, evidence) = match step.step.act(self.world(), context).await? {
            Outcome::Done(evidence) => (Ending::Done, evidence),
            Outcome::Warning { text, evidence } => {
                context.warn(text);
                (Ending::Warning, evidence)
            }
            Outcome::Skipped { reason, evidence } => {
                let (step, warnings) = (attempt.id(), attempt.warnings());
                return Ok(self.record(Entry::Skipped { step, reason, evidence, warnings })?);
            }
        };
        self.record(Entry::StepActed {
            step: attempt.id(),
            ending,
            evidence: evidence.clone(),
            warnings: attempt.warnings(),
        })?;
        self.verify(attempt, ending, evidence).await
    }

    async fn verify(
        &self,
        attempt: &Attempt<'_, W>,
        ending: Ending,
        evidence: Evidence,
    ) -> Result<(), Halt> {
        let verified = attempt.step.step.verify(self.world(), &attempt.context).await?;
        self.record(Entry::StepFinished {
            step: attempt.id(),
            ending,
            evidence,
            verified,
            warnings: attempt.warnings(),
            undo_hint: attempt.step.undo_hint(self.world(), &attempt.context),
            seconds: attempt.seconds(),
        })?;
        Ok(())
    }

    /// Records why a step did not finish.
    fn settle(&self, attempt: &Attempt<'_, W>, result: Result<(), Halt>) -> Result<(), RunError> {
        let error = match result {
            Ok(()) => return Ok(()),
            Err(Halt::Run(error)) => return Err(error),
            Err(Halt::Step(error)) => error,
        };
        let run = self.run.clone();
        match error {
            StepError::NeedsDecision { question, flag } => {
                let step = attempt.id();
                self.record(Entry::NeedsDecision {
                    step: step.clone(),
                    question: question.clone(),
                    flag: flag.clone(),
                })?;
                Err(RunError::Decision { run, step, question, flag })
            }
            StepError::Interrupted { goes_on } => {
                Err(self.interrupted(Some(attempt.step.id), goes_on)?)
            }
            // An adapter can notice Ctrl-C itself and return its own error.
            StepError::Failed(error) if error.kind == FailureKind::Interrupted => {
                Err(self.interrupted(Some(attempt.step.id), Vec::new())?)
            }
            StepError::Untouched(error) => {
                self.record(Entry::Untouched { step: attempt.id() })?;
                self.failed(attempt, *error)
            }
            StepError::Failed(error) => self.failed(attempt, *error),
        }
    }

    fn failed(&self, attempt: &Attempt<'_, W>, error: CommandError) -> Result<(), RunError> {
        let error = Box::new(error.in_environment(&self.environment));
        let undo_hint = attempt.step.undo_hint(self.world(), &attempt.context);
        self.record(Entry::StepFailed {
            step: attempt.id(),
            kind: error.kind.name().to_owned(),
            message: full_message(&error),
            hints: error.hint_texts(),
            warnings: attempt.warnings(),
            undo_hint: undo_hint.clone(),
            seconds: attempt.seconds(),
        })?;
        let (run, changed) = (self.run.clone(), self.has_changed());
        Err(RunError::Step { run, step: attempt.id(), error, undo_hint, changed })
    }
}

/// Whether a rollback has to deal with this step itself.
fn is_put_back_by_itself<W>(step: &StepEntry<W>) -> bool {
    step.kind.changes() && matches!(step.undo_way, UndoWay::Own(_) | UndoWay::Impossible(_))
}

/// The message with its causes.
pub(super) fn full_message(error: &CommandError) -> String {
    let causes = error.causes();
    std::iter::once(error.to_string()).chain(causes).collect::<Vec<_>>().join(": ")
}

/// What stops a step: its own error, which is recorded, or an error of the engine.
pub(super) enum Halt {
    Step(StepError),
    Run(RunError),
}

impl From<StepError> for Halt {
    fn from(error: StepError) -> Self {
        Halt::Step(error)
    }
}

impl From<RunError> for Halt {
    fn from(error: RunError) -> Self {
        Halt::Run(error)
    }
}
