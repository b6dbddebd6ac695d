//! A line of a runbook: what a step is called, when it is run, and how it is put back.

use std::sync::Arc;

use async_trait::async_trait;

use super::context::StepContext;
use super::entry::RecordedStep;
use super::evidence::Evidence;
use super::step::{Check, Outcome, Step, StepKind, StepResult, Undo};

/// A step with what the engine has to know of it beside its work.
pub struct StepEntry<W> {
    /// Stable for ever: journals, plans and flags name it.
    pub id: &'static str,
    /// The stage, which can be left out as a whole.
    pub stage: &'static str,
    pub kind: StepKind,
    /// For a step that makes something true that has to stay true: the later step that ends it on
    /// purpose. Until that one is finished, the engine probes this one again whenever a run is
    /// resumed and before every destructive step, and lets it act again where it lapsed. The step
    /// that ends it is put back with it ([`UndoWay::With`]): putting this one back is what opens
    /// again.
    pub stands_until: Option<&'static str>,
    pub undo_way: UndoWay<W>,
    pub step: Arc<dyn Step<W>>,
}

/// How a step is put back.
pub enum UndoWay<W> {
    /// It leaves nothing that has to be put back.
    Nothing,
    /// This puts it back.
    Own(Arc<dyn Undo<W>>),
    /// Putting back another, earlier step puts this one back as well: a restored backup takes the
    /// migrations with it.
    With(&'static str),
    /// It cannot be put back by a program, for this reason.
    Impossible(&'static str),
    /// It stays as the step left it, for this reason, and a rollback is complete without it.
    Stays(&'static str),
}

/// A step that reads only.
pub fn check<W: Send + Sync>(
    id: &'static str,
    stage: impl Into<&'static str>,
    check: impl Check<W> + 'static,
) -> StepEntry<W> {
    StepEntry::new(StepKind::Check, id, stage, Looking(check))
}

/// A step that a person does; it says what, and waits to hear that it is done.
pub fn manual<W>(
    id: &'static str,
    stage: impl Into<&'static str>,
    step: impl Step<W> + 'static,
) -> StepEntry<W> {
    StepEntry::new(StepKind::Manual, id, stage, step)
}

/// A step that waits for a remote job which changes nothing that needs putting back.
pub fn wait<W>(
    id: &'static str,
    stage: impl Into<&'static str>,
    step: impl Step<W> + 'static,
) -> StepEntry<W> {
    StepEntry::new(StepKind::Wait, id, stage, step)
}

/// A step that adds something beside what is there, and overwrites nothing.
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

    /// Puts something around the work of the step.
    pub fn within(self, wrap: impl FnOnce(Arc<dyn Step<W>>) -> Arc<dyn Step<W>>) -> Self {
        StepEntry { step: wrap(self.step), ..self }
    }

    /// The command that puts this one step back by hand, where there is one.
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
struct Looking<C>(C);

#[async_trait]
impl<W: Send + Sync, C: Check<W>> Step<W> for Looking<C> {
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
