//! Holds the steps of a runbook, the stages that are skipped, and the rules that hold even then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thiserror::Error;

use super::entry::RecordedStep;
use super::history::{History, Phase};
use super::plan::PlannedStep;
use super::step_entry::{StepEntry, UndoWay};
use crate::failure::{CommandError, FailureKind};

#[derive(Debug, Error, PartialEq, Eq)]
pub enum RunbookError {
    #[error("two steps are called {id}")]
    Twice { id: String },
    #[error("the step {step} refers to {to}, which is not {place}")]
    Reference { step: String, to: String, place: &'static str },
    #[error("there is no stage {given}; the stages are {}", known.join(", "))]
    UnknownStage { given: String, known: Vec<String> },
    #[error("cannot run the stage {inner} without the stage {around}")]
    Unbracketed { inner: String, around: String },
}

/// The stage `inner` never runs without the stage `around` in force.
#[derive(Debug, Clone, Copy)]
pub struct Bracket {
    pub inner: &'static str,
    pub around: &'static str,
}

/// A runbook with checked rules, and the world that its steps work on.
pub struct Runbook<W> {
    world: Arc<W>,
    steps: Vec<StepEntry<W>>,
    left_out: BTreeSet<String>,
    brackets: Vec<Bracket>,
    /// Steps that run without the standing steps of a stage, but are put back only while these are
    /// in force.
    behind: Vec<(&'static str, &'static str)>,
    /// Steps that are also put back if another step may have acted.
    also: Vec<(&'static str, &'static str)>,
    /// The names of the values that the lock may carry to another machine.
    shared: Vec<&'static str>,
}

impl<W> std::fmt::Debug for Runbook<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.steps.iter().map(|step| step.id)).finish()
    }
}

/// Builds a runbook.
pub struct Builder<W>(Runbook<W>);

impl<W> Builder<W> {
    pub fn step(mut self, step: StepEntry<W>) -> Self {
        self.0.steps.push(step);
        self
    }

    pub fn steps(mut self, steps: impl IntoIterator<Item = StepEntry<W>>) -> Self {
        self.0.steps.extend(steps);
        self
    }

    /// Skips a stage.
    pub fn leave_out(mut self, stage: impl Into<String>) -> Self {
        self.0.left_out.insert(stage.into());
        self
    }

    /// Requires the standing steps of the stage `around` to be in force while the steps of `inner`
    /// run. They are not ended before all of `inner` is finished.
    pub fn bracket(
        mut self,
        inner: impl Into<&'static str>,
        around: impl Into<&'static str>,
    ) -> Self {
        self.0.brackets.push(Bracket { inner: inner.into(), around: around.into() });
        self
    }

    /// Requires the standing steps of the stage `around` to be in force while the step is put back,
    /// so that the public does not see a half finished rollback.
    pub fn put_back_behind(mut self, step: &'static str, around: impl Into<&'static str>) -> Self {
        self.0.behind.push((step, around.into()));
        self
    }

    /// Puts the step back if `other` may have acted, even if the step itself has not, because
    /// `other` changes the same thing.
    pub fn put_back_also_after(mut self, step: &'static str, other: &'static str) -> Self {
        self.0.also.push((step, other));
        self
    }

    /// Lets the lock carry these values to another machine. They must not name a person.
    pub fn shares(mut self, values: &[&'static str]) -> Self {
        self.0.shared.extend(values);
        self
    }

    pub fn build(self) -> Result<Runbook<W>, RunbookError> {
        let Builder(runbook) = self;
        runbook.check_references()?;
        runbook.check_stages()?;
        for bracket in &runbook.brackets {
            runbook.check_bracket(bracket)?;
        }
        Ok(runbook)
    }
}

impl<W> Runbook<W> {
    /// Begins a runbook of steps that work on this world.
    pub fn of(world: Arc<W>) -> Builder<W> {
        Builder(Runbook {
            world,
            steps: Vec::new(),
            left_out: BTreeSet::new(),
            brackets: Vec::new(),
            behind: Vec::new(),
            also: Vec::new(),
            shared: Vec::new(),
        })
    }

    pub fn world(&self) -> &W {
        &self.world
    }

    pub fn steps(&self) -> &[StepEntry<W>] {
        &self.steps
    }

    pub(super) fn step(&self, id: &str) -> Option<&StepEntry<W>> {
        self.steps.iter().find(|step| step.id == id)
    }

    pub fn is_left_out(&self, step: &StepEntry<W>) -> bool {
        self.left_out.contains(step.stage)
    }

    pub fn left_out(&self) -> Vec<String> {
        self.left_out.iter().cloned().collect()
    }

    /// The stages in the order in which they first appear.
    pub fn stages(&self) -> Vec<&'static str> {
        let mut seen = BTreeSet::new();
        self.steps.iter().map(|step| step.stage).filter(|&stage| seen.insert(stage)).collect()
    }

    pub fn planned(&self) -> Vec<PlannedStep> {
        let plan = |step: &StepEntry<W>| {
            let RecordedStep { id, stage, kind, description } = step.recorded(&self.world);
            let effects = step.step.effects(&self.world);
            PlannedStep { id, stage, kind, description, effects, left_out: self.is_left_out(step) }
        };
        self.steps.iter().map(plan).collect()
    }

    pub(super) fn shared(&self) -> &[&'static str] {
        &self.shared
    }

    pub(super) fn recorded(&self) -> Vec<RecordedStep> {
        self.steps.iter().map(|step| step.recorded(&self.world)).collect()
    }

    fn positions(&self) -> BTreeMap<&'static str, usize> {
        self.steps.iter().enumerate().map(|(index, step)| (step.id, index)).collect()
    }

    fn check_references(&self) -> Result<(), RunbookError> {
        let positions = self.positions();
        for (index, step) in self.steps.iter().enumerate() {
            let reference = |to: &str, place| {
                let (step, to) = (step.id.to_owned(), to.to_owned());
                Err(RunbookError::Reference { step, to, place })
            };
            if positions.get(step.id) != Some(&index) {
                return Err(RunbookError::Twice { id: step.id.to_owned() });
            }
            if let Some(until) = step.stands_until
                && positions.get(until).is_none_or(|&position| position <= index)
            {
                return reference(until, "a later step");
            }
            if let UndoWay::With(other) = step.undo_way
                && positions.get(other).is_none_or(|&position| position >= index)
            {
                return reference(other, "an earlier step");
            }
        }
        Ok(())
    }

    fn check_stages(&self) -> Result<(), RunbookError> {
        let stages = self.stages();
        let given = self.left_out.iter().map(String::as_str);
        let named = given.chain(self.brackets.iter().flat_map(|one| [one.inner, one.around]));
        match named.into_iter().find(|name| !stages.contains(name)) {
            None => Ok(()),
            Some(given) => Err(RunbookError::UnknownStage {
                given: given.to_owned(),
                known: stages.iter().map(|&stage| stage.to_owned()).collect(),
            }),
        }
    }

    fn check_bracket(&self, bracket: &Bracket) -> Result<(), RunbookError> {
        if self.left_out.contains(bracket.inner) {
            return Ok(());
        }
        let positions = self.positions();
        let inner = || {
            let steps = self.steps.iter().enumerate();
            steps.filter(|(_, step)| step.stage == bracket.inner).map(|(index, _)| index)
        };
        let (Some(first), Some(last)) = (inner().min(), inner().max()) else { return Ok(()) };
        let standing = self.standing_of(bracket);
        let holds = |step: &&StepEntry<W>| {
            let until = step.stands_until.and_then(|until| positions.get(until));
            positions.get(step.id).is_some_and(|&position| position < first)
                && until.is_some_and(|&position| position > last)
        };
        let is_around = !standing.is_empty() && standing.iter().all(holds);
        if is_around && !self.left_out.contains(bracket.around) {
            return Ok(());
        }
        Err(RunbookError::Unbracketed {
            inner: bracket.inner.to_owned(),
            around: bracket.around.to_owned(),
        })
    }

    fn standing_of(&self, bracket: &Bracket) -> Vec<&StepEntry<W>> {
        let steps = self.steps.iter();
        steps.filter(|step| step.stage == bracket.around && step.stands_until.is_some()).collect()
    }

    fn brackets_around<'a>(&'a self, step: &'a StepEntry<W>) -> impl Iterator<Item = &'a Bracket> {
        self.brackets.iter().filter(|bracket| bracket.inner == step.stage)
    }

    /// The standing steps that have to be in force while the step is run or put back.
    pub(super) fn required_for(&self, step: &StepEntry<W>) -> Vec<&StepEntry<W>> {
        self.brackets_around(step).flat_map(|one| self.standing_of(one)).collect()
    }

    /// The standing steps that have to be in force while the step is put back.
    pub(super) fn required_to_put_back(&self, step: &StepEntry<W>) -> Vec<&StepEntry<W>> {
        let mut required = self.required_for(step);
        let stages = self.behind.iter().filter(|(id, _)| *id == step.id).map(|(_, stage)| *stage);
        for stage in stages {
            let bracket = Bracket { inner: "", around: stage };
            required.extend(self.standing_of(&bracket));
        }
        required
    }

    /// The standing steps that are in force according to the history.
    pub(super) fn in_force(&self, history: &History) -> Vec<&StepEntry<W>> {
        let holds = |step: &&StepEntry<W>| {
            let Some(until) = step.stands_until else { return false };
            let (own, until) = (history.step(step.id), history.step(until));
            own.is_finished() && !own.is_undone() && (!until.is_finished() || until.is_undone())
        };
        self.steps.iter().filter(holds).collect()
    }

    /// The step of an inner stage that keeps `step` from ending the bracket around it. Once a step
    /// inside has begun, all steps inside have to be finished and verified, even if their stage is
    /// skipped now.
    pub(super) fn held_back_by(
        &self,
        step: &StepEntry<W>,
        history: &History,
    ) -> Option<&'static str> {
        let ends = |bracket: &&Bracket| {
            let mut standing = self.standing_of(bracket).into_iter();
            standing.any(|one| one.stands_until == Some(step.id))
        };
        self.brackets.iter().filter(ends).find_map(|bracket| {
            let inner = self.steps.iter().filter(|one| one.stage == bracket.inner);
            let has_begun = |one: &StepEntry<W>| {
                let known = history.step(one.id);
                known.may_have_acted && !known.is_undone()
            };
            let is_open = |one: &&StepEntry<W>| {
                let phase = history.step(one.id).phase;
                !matches!(phase, Phase::Finished { .. } | Phase::Skipped { .. })
            };
            let has_begun = inner.clone().any(has_begun);
            inner.filter(|_| has_begun).find(is_open).map(|one| one.id)
        })
    }

    /// The step inside this standing step's bracket that could not be put back. While there is one,
    /// the bracket stays closed.
    pub(super) fn not_put_back(
        &self,
        step: &StepEntry<W>,
        history: &History,
    ) -> Option<&'static str> {
        let is_inside = |inner: &StepEntry<W>| {
            let mut brackets = self.brackets.iter();
            let mut behind = self.behind.iter();
            brackets.any(|one| one.around == step.stage && one.inner == inner.stage)
                || behind.any(|(id, around)| *around == step.stage && *id == inner.id)
        };
        let mut inside = self.steps.iter().filter(|inner| is_inside(inner));
        inside.find(|inner| !self.is_put_back(inner, history)).map(|inner| inner.id)
    }

    /// A standing step of the same stage that has to be put back before this one, and was not. For
    /// example, maintenance stays on if the dynos could not be started.
    pub(super) fn shut_door(&self, step: &StepEntry<W>, history: &History) -> Option<&'static str> {
        let mut doors = self.steps.iter().rev().take_while(|door| door.id != step.id);
        let is_shut = |door: &&StepEntry<W>| {
            door.stands_until.is_some()
                && door.stage == step.stage
                && !self.is_put_back(door, history)
        };
        doors.find(is_shut).map(|door| door.id)
    }

    /// Whether the run has, or may have, changed anything.
    pub fn leaves_changes(&self, history: &History) -> bool {
        let mut changing = self.steps.iter().filter(|step| step.kind.changes());
        changing.any(|step| self.has_changed(step, history))
    }

    /// Whether the step has, or may have, changed something, even if a rollback does not put it
    /// back.
    pub(super) fn has_changed(&self, step: &StepEntry<W>, history: &History) -> bool {
        match step.undo_way {
            UndoWay::Stays(_) => history.step(step.id).may_have_acted,
            _ => !self.is_put_back(step, history),
        }
    }

    /// Whether the step may have changed something, or another step may have changed what this one
    /// puts back.
    fn may_have_acted(&self, step: &StepEntry<W>, history: &History) -> bool {
        let others = self.also.iter().filter(|(id, _)| *id == step.id).map(|(_, other)| *other);
        std::iter::once(step.id).chain(others).any(|id| history.step(id).may_have_acted)
    }

    /// Whether a rollback has to put the step back.
    pub fn is_to_be_put_back(&self, step: &StepEntry<W>, history: &History) -> bool {
        self.may_have_acted(step, history) && !history.step(step.id).is_undone()
    }

    /// Whether all changes that the step made, or may have made, are put back.
    pub(super) fn is_put_back(&self, step: &StepEntry<W>, history: &History) -> bool {
        match step.undo_way {
            _ if !self.is_to_be_put_back(step, history) => true,
            UndoWay::Nothing | UndoWay::Stays(_) => true,
            UndoWay::Own(_) | UndoWay::Impossible(_) => false,
            // `other` is an earlier step, so this recursion ends.
            UndoWay::With(other) => history.step(other).is_undone(),
        }
    }
}

impl From<RunbookError> for CommandError {
    fn from(error: RunbookError) -> Self {
        match error {
            RunbookError::UnknownStage { .. } => CommandError::wrap(FailureKind::Usage, error),
            RunbookError::Unbracketed { ref inner, ref around } => {
                let hint = format!("skip both, or neither: --skip {inner} --skip {around}");
                CommandError::wrap(FailureKind::Refused, error).hint(hint)
            }
            RunbookError::Twice { .. } | RunbookError::Reference { .. } => {
                CommandError::wrap(FailureKind::Unexpected, error)
            }
        }
    }
}
