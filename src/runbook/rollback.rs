//! Rolls a run back, the last step first.
//!
//! The order is: the precaution (a backup of the present state), then the standing steps are
//! brought into force, then everything behind them is put back, and the standing steps are ended
//! last. The public never sees new code with an old database.
//!
//! If a step cannot be put back, the others are put back all the same, with one exception: the
//! standing steps around its stage stay in force. A half-restored database is never opened to the
//! public.

use std::time::Instant;

use super::engine::{Engine, RunEnd};
use super::entry::{EndStatus, Entry};
use super::error::RunError;
use super::history::{History, Standing, UndoPhase};
use super::perform::{Halt, full_message};
use super::step::{StepError, Undo};
use super::step_entry::{StepEntry, UndoWay};
use crate::failure::FailureKind;

impl<W: Send + Sync> Engine<W> {
    /// Puts back every step that changed something or may have. It can be repeated, because a step
    /// that is already put back is not touched.
    pub async fn roll_back(mut self) -> Result<RunEnd, RunError> {
        if self.history(|history| history.standing == Standing::RolledBack) {
            // An earlier process may have been killed before it released the lock.
            self.give_up_lock().await?;
            return Err(RunError::RolledBack { run: self.run.clone() });
        }
        // A completed run held no lock before this rollback.
        let was_free = self.history(|history| matches!(history.standing, Standing::Done { .. }));
        let keeper = self.take_lock().await?;
        if let Err(error) = self.take_precaution().await {
            // Nothing was put back, so the state of the run is unchanged.
            drop(keeper);
            if was_free {
                self.give_up_lock().await?;
            }
            return Err(error);
        }
        let result = self.go_back().await;
        drop(keeper);
        self.finish(result).await
    }

    async fn take_precaution(&self) -> Result<(), RunError> {
        let Some(step) = &self.precaution else { return Ok(()) };
        self.safe_point()?;
        self.perform(step).await.map_err(|error| match error {
            RunError::Step { run, step, error, .. } => RunError::NotBegunBack { run, step, error },
            other => other,
        })
    }

    async fn go_back(&self) -> Result<RunEnd, RunError> {
        self.record(Entry::RollbackStarted {
            operator: self.operator().clone(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        })?;
        self.record_values()?;
        self.share().await?;
        self.undo_steps().await
    }

    /// Puts back everything behind the standing steps first, while the public cannot see it. Then
    /// it ends the standing steps, called doors here.
    async fn undo_steps(&self) -> Result<RunEnd, RunError> {
        self.close().await?;
        let (doors, inside): (Vec<_>, Vec<_>) =
            self.runbook.steps().iter().rev().partition(|step| step.stands_until.is_some());
        for step in inside.into_iter().chain(doors) {
            if self.is_to_be_put_back(step) {
                self.safe_point()?;
                self.undo(step).await?;
            }
        }
        let mut left: Vec<String> = self.history(|history| {
            let steps = self.runbook.steps().iter();
            let left = steps.filter(|step| !self.runbook.is_put_back(step, history));
            left.map(|step| step.id.to_owned()).collect()
        });
        if left.is_empty() {
            left.extend(self.ask_what_is_open().await?);
        }
        let status = if left.is_empty() { EndStatus::RolledBack } else { EndStatus::Incomplete };
        self.record(Entry::RollbackFinished { status, left: left.clone() })?;
        let run = self.run.clone();
        if left.is_empty() {
            return Ok(RunEnd { run, status, warnings: self.warnings() });
        }
        let hints = left.iter().flat_map(|id| self.hints_for(id)).collect();
        let reasons = left.iter().filter_map(|id| self.reason_for(id)).collect();
        Err(RunError::NotPutBack { run, hints, left, reasons })
    }

    fn is_to_be_put_back(&self, step: &StepEntry<W>) -> bool {
        self.history(|history| self.runbook.is_to_be_put_back(step, history))
    }

    /// Brings into force the standing steps that the rollback needs, even if the run itself had not
    /// reached them.
    async fn close(&self) -> Result<(), RunError> {
        let steps = self.runbook.steps().iter();
        let mut needed: Vec<&'static str> = Vec::new();
        for step in steps.filter(|step| matches!(step.undo_way, UndoWay::Own(_))) {
            if self.is_to_be_put_back(step) {
                let required = self.runbook.required_to_put_back(step);
                needed.extend(required.iter().map(|standing| standing.id));
            }
        }
        for standing in self.runbook.steps().iter().filter(|step| needed.contains(&step.id)) {
            self.safe_point()?;
            self.stand(standing).await?;
        }
        Ok(())
    }

    /// Checks after the doors were opened that the site behind them works. Returns the step whose
    /// check fails.
    async fn ask_what_is_open(&self) -> Result<Option<String>, RunError> {
        let acted =
            |step: &&StepEntry<W>| self.history(|history| history.step(step.id).may_have_acted);
        let standing = self.runbook.steps().iter().filter(acted).find_map(|step| step.stands_until);
        let ends = standing.and_then(|id| self.runbook.step(id));
        let Some(step) = ends else { return Ok(None) };
        match step.step.verify_open_again(self.world(), &self.context(step)).await {
            Ok(_) => Ok(None),
            Err(error) => {
                self.undo_failed(step, error)?;
                Ok(Some(step.id.to_owned()))
            }
        }
    }

    /// Why a step was not put back, if the reason is known.
    fn reason_for(&self, id: &str) -> Option<String> {
        match self.history(|history| history.step(id)).undo {
            UndoPhase::Failed { message, .. } => Some(format!("{id}: {message}")),
            UndoPhase::Left { reason } => Some(format!("{id}: {reason}")),
            _ => None,
        }
    }

    /// What to do about a step that was not put back. A standing step that stays in force on
    /// purpose gets no hint, because the hint would open a site that no check has passed.
    fn hints_for(&self, id: &str) -> Vec<String> {
        let known = self.history(|history| history.step(id));
        let stands = self.runbook.step(id).is_some_and(|step| step.stands_until.is_some());
        match known.undo {
            UndoPhase::Left { .. } if stands => Vec::new(),
            UndoPhase::Failed { hints, .. } => hints.into_iter().chain(known.undo_hint).collect(),
            _ => known.undo_hint.into_iter().collect(),
        }
    }

    async fn undo(&self, step: &StepEntry<W>) -> Result<(), RunError> {
        let undo = match &step.undo_way {
            UndoWay::Own(undo) => match self.stays_around(step) {
                None => undo,
                Some(reason) => return self.left(step, reason),
            },
            UndoWay::Impossible(why) | UndoWay::Stays(why) => {
                return self.left(step, (*why).to_owned());
            }
            UndoWay::Nothing | UndoWay::With(_) => return Ok(()),
        };
        match self.try_undo(step, undo.as_ref()).await {
            Ok(()) => Ok(()),
            Err(Halt::Run(error)) => Err(error),
            Err(Halt::Step(error)) => self.undo_failed(step, error),
        }
    }

    fn left(&self, step: &StepEntry<W>, reason: String) -> Result<(), RunError> {
        let hint = self.history(|history| history.step(step.id).undo_hint);
        self.record(Entry::UndoSkipped { step: step.id.to_owned(), reason, hint })
    }

    /// Why a standing step has to stay in force.
    fn stays_around(&self, step: &StepEntry<W>) -> Option<String> {
        step.stands_until?;
        let left = self.history(|history: &History| {
            self.runbook
                .not_put_back(step, history)
                .or_else(|| self.runbook.shut_door(step, history))
        })?;
        Some(format!("{left} could not be put back"))
    }

    async fn try_undo(&self, step: &StepEntry<W>, undo: &dyn Undo<W>) -> Result<(), Halt> {
        // A step needs the same standing steps in force to be put back as it needed to run.
        for standing in self.runbook.required_to_put_back(step) {
            if !self.history(|history| history.step(standing.id).is_undone()) {
                self.hold(standing).await.map_err(|error| match error {
                    RunError::Step { error, .. } => Halt::Step(StepError::Failed(error)),
                    other => Halt::Run(other),
                })?;
            }
        }
        let (began, context) = (Instant::now(), self.context(step));
        if step.kind.is_guarded() {
            let evidence = self.guard.before(step.id).await?;
            if !evidence.is_empty() {
                self.record(Entry::Guarded { step: step.id.to_owned(), evidence })?;
            }
        }
        self.record(Entry::UndoStarted { step: step.id.to_owned() })?;
        self.share().await.map_err(Halt::Run)?;
        let evidence = undo.undo(self.world(), &context).await?;
        let verified = undo.verify_undo(self.world(), &context).await?;
        self.record(Entry::StepUndone {
            step: step.id.to_owned(),
            evidence,
            verified,
            warnings: context.relay.take_warnings(),
            seconds: began.elapsed().as_secs_f64(),
        })?;
        Ok(())
    }

    fn undo_failed(&self, step: &StepEntry<W>, error: StepError) -> Result<(), RunError> {
        let error = match error {
            StepError::Failed(error) | StepError::Untouched(error)
                if error.kind != FailureKind::Interrupted =>
            {
                error.in_environment(&self.environment)
            }
            StepError::NeedsDecision { question, flag } => {
                let step = step.id.to_owned();
                self.record(Entry::NeedsDecision {
                    step: step.clone(),
                    question: question.clone(),
                    flag: flag.clone(),
                })?;
                return Err(RunError::Decision { run: self.run.clone(), step, question, flag });
            }
            StepError::Interrupted { goes_on } => {
                return Err(self.interrupted(Some(step.id), goes_on)?);
            }
            StepError::Failed(_) | StepError::Untouched(_) => {
                return Err(self.interrupted(Some(step.id), Vec::new())?);
            }
        };
        self.record(Entry::UndoFailed {
            step: step.id.to_owned(),
            kind: error.kind.name().to_owned(),
            message: full_message(&error),
            hints: error.hint_texts(),
            warnings: Vec::new(),
        })
    }
}
