//! Describes one line of a runbook: what a step is called, when it runs, and how it is put back.

use std::sync::Arc;

use async_trait::async_trait;

use super::context::StepContext;
use super::entry::RecordedStep;
use super::evidence::Evidence;
use super::step::{Check, Outcome, Step, StepKind, StepResult, Undo};

/// A step, and what the engine has to know about it.
pub struct StepEntry<W> {
    /// The id, which never changes, because journals, plans and flags name it.
    pub id: &'static str,
    /// The stage, which can be skipped as a whole.
    pub stage: &'static str,
    pub kind: StepKind,
    /// The later step that ends this one, if this is a standing step, such as maintenance mode.
    /// Until the later step is finished, the engine probes this step again whenever a run is
    /// resumed and before every destructive step, and repeats it if it is no longer in force. The
    /// later step is put back together with this one ([`UndoWay::With`]), because putting this step
    /// back opens the site again.
    pub stands_until: Option<&'static str>,
    pub undo_way: UndoWay<W>,
    pub step: Arc<dyn Step<W>>,
}

/// How a step is put back.
pub enum UndoWay<W> {
    /// The step leaves nothing that has to be put back.
    Nothing,
    /// This puts the step back.
    Own(Arc<dyn Undo<W>>),
    /// Putting back this earlier step puts the step back as well. For example, a restored backup
    /// also removes the migrations.
    With(&'static str),
    /// No program can put the step back, for this reason.
    Impossible(&'static str),
    /// The change stays, for this reason, and a rollback is complete without it.
    Stays(&'static str),
}

/// A step that reads only.
pub fn check<W: Send + Sync>(
    id: &'static str,
    stage: impl Into<&'static str>,
    check: impl Check<W> + 'static,
) -> StepEntry<W> {
    StepEntry::new(StepKind::Check, id, stage, CheckStep(check))
}

/// A step that a person does. It says what to do, and waits for the answer that it is done.
pub fn manual<W>(
    id: &'static str,
    stage: impl Into<&'static str>,
    step: impl Step<W> + 'static,
) -> StepEntry<W> {
    StepEntry::new(StepKind::Manual, id, stage, step)
}

/// A step that waits for a remote job that changes nothing that needs to be put back.
pub fn wait<W>(
    id: &'static str,
    stage: impl Into<&'static str>,
    step: impl Step<W> + 'static,
) -> StepEntry<W> {
    StepEntry::new(StepKind::Wait, id, stage, step)
}

/// A step that adds something and overwrites nothing.
pub fn additive<W>(
    id: &'static str,
    stage: impl Into<&'static str>,
    step: impl Step<W> + 'static,
) -> StepEntry<W> {
    StepEntry::new(StepKind::Additive, id, stage, step)
}

/// A step that changes something that can be put back.
pub fn reversible<W>(
    id: &'static str,
    stage: impl Into<&'static str>,
    step: impl Step<W> + 'static,
) -> StepEntry<W> {
    StepEntry::new(StepKind::Reversible, id, stage, step)
}

/// A step that overwrites or deletes something.
pub fn destructive<W>(
    id: &'static str,
    stage: impl Into<&'static str>,
    step: impl Step<W> + 'static,
) -> StepEntry<W> {
    StepEntry::new(StepKind::Destructive, id, stage, step)
}

impl<W> StepEntry<W> {
    pub fn new(
        kind: StepKind,
        id: &'static str,
        stage: impl Into<&'static str>,
        step: impl Step<W> + 'static,
    ) -> Self {
        let undo_way = match kind.changes() {
            true => UndoWay::Impossible("there is no way back from this step"),
            false => UndoWay::Nothing,
        };
        let (stage, step) = (stage.into(), Arc::new(step));
        StepEntry { id, stage, kind, stands_until: None, undo_way, step }
    }

    pub fn stands_until(self, step: &'static str) -> Self {
        StepEntry { stands_until: Some(step), ..self }
    }

    pub fn undone_by(self, undo: impl Undo<W> + 'static) -> Self {
        self.undone(UndoWay::Own(Arc::new(undo)))
    }

    pub fn undone_with(self, step: &'static str) -> Self {
        self.undone(UndoWay::With(step))
    }

    pub fn undone(self, undo_way: UndoWay<W>) -> Self {
        StepEntry { undo_way, ..self }
    }

    /// Wraps the work of the step.
    pub fn within(self, wrap: impl FnOnce(Arc<dyn Step<W>>) -> Arc<dyn Step<W>>) -> Self {
        StepEntry { step: wrap(self.step), ..self }
    }

    /// The command that puts this one step back by hand, if there is one.
    pub(super) fn undo_hint(&self, world: &W, context: &StepContext) -> Option<String> {
        match &self.undo_way {
            UndoWay::Own(undo) => undo.undo_hint(world, context),
            _ => None,
        }
    }

    pub(super) fn recorded(&self, world: &W) -> RecordedStep {
        RecordedStep {
            id: self.id.to_owned(),
            stage: self.stage.to_owned(),
            kind: self.kind,
            description: self.step.describe(world),
        }
    }
}

/// A [`Check`] as a step.
struct CheckStep<C>(C);

#[async_trait]
impl<W: Send + Sync, C: Check<W>> Step<W> for CheckStep<C> {
    fn describe(&self, world: &W) -> String {
        self.0.describe(world)
    }

    async fn act(&self, world: &W, context: &StepContext) -> StepResult<Outcome> {
        self.0.look(world, context).await
    }

    async fn verify(&self, _world: &W, _context: &StepContext) -> StepResult<Evidence> {
        Ok(Evidence::new())
    }
}
