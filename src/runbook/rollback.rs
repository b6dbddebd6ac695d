//! Puts back what a run did, the last step first.
//!
//! A step that cannot be put back does not keep the others from it, with one exception: what stands
//! around a stage that could not be put back stays. A half-restored database is not opened to the
//! public because the rest of the rollback went well.

use std::time::Instant;

use super::engine::{Engine, RunEnd};
use super::entry::{EndStatus, Entry};
use super::error::RunError;
use super::history::{History, Standing, UndoPhase};
use super::perform::{Halt, full_message};
use super::step::{Step, StepError, UndoWay};
use crate::error::Kind;

impl Engine {
    /// Puts back every step that did something or may have. It can be repeated: what is put back
    /// already is left alone.
    pub async fn roll_back(mut self) -> Result<RunEnd, RunError> {
        if self.history(|history| history.standing == Standing::RolledBack) {
            // It may have been killed before it gave its lock up.
            self.give_up_lock().await?;
            return Err(RunError::RolledBack { run: self.run.clone() });
        }
        let keeper = self.take_lock().await?;
        self.record(Entry::RollbackStarted {
            operator: self.operator().clone(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        })?;
        let result = self.undo_steps().await;
        drop(keeper);
        self.finish(result).await
    }

    async fn undo_steps(&self) -> Result<RunEnd, RunError> {
        for step in self.book.steps().iter().rev() {
            let known = self.history(|history| history.step(step.id()));
            if known.may_have_acted && !known.is_undone() {
                self.safe_point()?;
                self.undo(step.as_ref()).await?;
            }
        }
        let left: Vec<String> = self.history(|history| {
            let steps = self.book.steps().iter();
            let left = steps.filter(|step| !self.book.is_put_back(step.as_ref(), history));
            left.map(|step| step.id().to_owned()).collect()
        });
        let status = if left.is_empty() { EndStatus::RolledBack } else { EndStatus::Incomplete };
        self.record(Entry::RollbackFinished { status, left: left.clone() })?;
        let run = self.run.clone();
        if left.is_empty() {
            return Ok(RunEnd { run, status, warnings: self.warnings() });
        }
        let hints = left.iter().flat_map(|id| self.hints_for(id)).collect();
        Err(RunError::NotPutBack { run, hints, left })
    }

    /// What to do about a step that was not put back. What stays in force on purpose gets no hint:
    /// it would have the operator open what nobody has shown to be fit for it.
    fn hints_for(&self, id: &str) -> Vec<String> {
        let known = self.history(|history| history.step(id));
        let stands =
            self.book.steps().iter().any(|one| one.id() == id && one.stands_until().is_some());
        match known.undo {
            UndoPhase::Left { .. } if stands => Vec::new(),
            UndoPhase::Failed { hints, .. } => hints.into_iter().chain(known.undo_hint).collect(),
            _ => known.undo_hint.into_iter().collect(),
        }
    }

    async fn undo(&self, step: &dyn Step) -> Result<(), RunError> {
        let reason = match step.undo_way() {
            UndoWay::Own => self.stays_around(step),
            UndoWay::Impossible(why) | UndoWay::Stays(why) => Some(why.to_owned()),
            UndoWay::Nothing | UndoWay::With(_) => return Ok(()),
        };
        if let Some(reason) = reason {
            let hint = self.history(|history| history.step(step.id()).undo_hint);
            let step = step.id().to_owned();
            return self.record(Entry::UndoSkipped { step, reason, hint });
        }
        match self.try_undo(step).await {
            Ok(()) => Ok(()),
            Err(Halt::Run(error)) => Err(error),
            Err(Halt::Step(error)) => self.undo_failed(step, error),
        }
    }

    /// Why a standing step has to stay in force.
    fn stays_around(&self, step: &dyn Step) -> Option<String> {
        step.stands_until()?;
        let inside = self.history(|history: &History| self.book.not_put_back(step, history))?;
        Some(format!("{inside} could not be put back"))
    }

    async fn try_undo(&self, step: &dyn Step) -> Result<(), Halt> {
        // What a step could not be done without, it cannot be put back without either.
        for standing in self.book.required_for(step) {
            if !self.history(|history| history.step(standing.id()).is_undone()) {
                self.hold(standing.as_ref()).await.map_err(|error| match error {
                    RunError::Step { error, .. } => Halt::Step(StepError::Failed(error)),
                    other => Halt::Run(other),
                })?;
            }
        }
        let (began, context) = (Instant::now(), self.context(step));
        if step.kind().changes() {
            let evidence = self.guard.before(step).await?;
            if !evidence.is_empty() {
                self.record(Entry::Guarded { step: step.id().to_owned(), evidence })?;
            }
        }
        self.record(Entry::UndoStarted { step: step.id().to_owned() })?;
        let evidence = step.undo(&context).await?;
        let verified = step.verify_undo(&context).await?;
        self.record(Entry::StepUndone {
            step: step.id().to_owned(),
            evidence,
            verified,
            warnings: context.relay.take_warnings(),
            seconds: began.elapsed().as_secs_f64(),
        })?;
        Ok(())
    }

    fn undo_failed(&self, step: &dyn Step, error: StepError) -> Result<(), RunError> {
        let error = match error {
            StepError::Failed(error) | StepError::Untouched(error)
                if error.kind != Kind::Interrupted =>
            {
                error
            }
            StepError::NeedsDecision { question, flag } => {
                let step = step.id().to_owned();
                self.record(Entry::NeedsDecision {
                    step: step.clone(),
                    question: question.clone(),
                    flag: flag.clone(),
                })?;
                return Err(RunError::Decision { run: self.run.clone(), step, question, flag });
            }
            StepError::Interrupted { goes_on } => {
                return Err(self.interrupted(Some(step.id()), goes_on)?);
            }
            StepError::Failed(_) | StepError::Untouched(_) => {
                return Err(self.interrupted(Some(step.id()), Vec::new())?);
            }
        };
        self.record(Entry::UndoFailed {
            step: step.id().to_owned(),
            kind: error.kind.name().to_owned(),
            message: full_message(&error),
            hints: error.hints.clone(),
            warnings: Vec::new(),
        })
    }
}
