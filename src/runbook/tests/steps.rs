//! Provides steps of every kind for the simulated world.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use super::world::Shared;
use crate::failure::{CommandError, FailureKind};
use crate::runbook::{
    Effect, Evidence, Job, Outcome, Probe, Runbook, Step, StepContext, StepEntry, StepError,
    StepKind, StepResult, Undo, UndoWay, ValueKey,
};

/// What a toy does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Work {
    /// Makes a setting that the probe can see; can be put back.
    Set,
    /// Makes a setting that the probe cannot see; can be put back.
    Blind,
    /// Adds a setting that no rollback removes.
    Add,
    /// Requests a job that must never be requested twice.
    Post,
    /// Makes a setting and ends with a warning.
    Warn,
    /// Finds nothing to do.
    Skip,
    /// Hands the number of jobs to the next steps.
    Count,
    /// Makes a setting from the number that `Count` handed on.
    UseCount,
    /// Makes a setting that is put back with another step.
    With(&'static str),
    /// Makes a setting that cannot be put back.
    Final,
    /// Stands until that step.
    Stand(&'static str),
    /// Ends that standing step.
    End(&'static str),
    /// Needs a decision of a person.
    Decide,
}

#[derive(Clone)]
pub struct Toy {
    pub id: &'static str,
    pub stage: &'static str,
    pub work: Work,
    pub world: Shared,
}

const COUNT: ValueKey<usize> = ValueKey::new("count");

impl Toy {
    /// Where the setting is.
    fn key(&self) -> &'static str {
        match self.work {
            Work::End(standing) => standing,
            _ => self.id,
        }
    }

    fn value(&self, context: &StepContext) -> Result<String, StepError> {
        Ok(match self.work {
            Work::End(_) => "off".to_owned(),
            Work::UseCount => context.get(&COUNT)?.map_or("none".into(), |count| count.to_string()),
            _ => "on".to_owned(),
        })
    }

    fn is_so(&self, context: &StepContext) -> Result<bool, StepError> {
        let value = self.value(context)?;
        Ok(self.world.get().world.is(self.key(), &value))
    }

    fn set(&self, value: Option<String>) {
        self.look_around();
        self.world.change(|world| match value {
            Some(value) => {
                world.settings.insert(self.key().to_owned(), value);
            }
            None => {
                world.settings.remove(self.key());
            }
        });
    }

    /// Everything inside the bracket has to happen in quarantine.
    fn look_around(&self) {
        let mut simulation = self.world.get();
        if self.stage == "inner" && !simulation.world.is("quarantine", "on") {
            simulation.violations.push(format!("{} without quarantine", self.id));
        }
    }

    fn post(&self, context: &StepContext) -> Result<(), StepError> {
        match context.job("job") {
            Job::Known { .. } => {}
            // The answer was lost, so the list of jobs decides.
            Job::Asked { .. } if self.is_listed() => context.external("job", self.id)?,
            Job::Asked { .. } | Job::None => {
                context.intent("job", json!({ "for": self.id }))?;
                self.look_around();
                self.world.change(|world| world.jobs.push(self.id.to_owned()));
                context.external("job", self.id)?;
            }
        }
        Ok(())
    }

    fn is_listed(&self) -> bool {
        self.world.get().world.jobs.iter().any(|job| job == self.id)
    }

    fn fail(&self) -> StepError {
        StepError::failed(FailureKind::RemoteJob, format!("{} does not work today", self.id))
    }

    async fn work(&self, context: &StepContext) -> Result<Outcome, StepError> {
        let before: ValueKey<Option<String>> = ValueKey::new(self.id);
        let evidence = Evidence::new().fact("setting", self.id);
        if self.world.happens(|simulation| &mut simulation.fails_before, self.id) {
            return Err(self.fail());
        }
        if self.world.happens(|simulation| &mut simulation.refused, self.id) {
            let text = format!("{} is refused", self.id);
            return Err(StepError::untouched(CommandError::new(FailureKind::Refused, text)));
        }
        if self.world.happens(|simulation| &mut simulation.interrupts, self.id) {
            self.world.get().interrupt.as_ref().unwrap().send_replace(true);
            let never = std::future::pending::<Result<(), StepError>>();
            context.wait_for("a job", never).await?;
        }
        match self.work {
            Work::Post => self.post(context)?,
            Work::Skip => {
                return Ok(Outcome::Skipped { reason: "nothing to do".into(), evidence });
            }
            Work::Count => {
                let count = self.world.get().world.jobs.len();
                context.put_first(&COUNT, count)?;
            }
            Work::Decide if !self.world.get().world.is("decided", "yes") => {
                let (question, flag) = ("Which one?".to_owned(), "--on-conflict skip".to_owned());
                return Err(StepError::NeedsDecision { question, flag });
            }
            Work::Decide => {}
            _ => {
                let found = self.world.get().world.settings.get(self.key()).cloned();
                context.put_first(&before, found)?;
                self.set(Some(self.value(context)?));
            }
        }
        if self.world.happens(|simulation| &mut simulation.fails_after, self.id) {
            return Err(self.fail());
        }
        if self.work == Work::Warn {
            return Ok(Outcome::Warning { text: format!("look at {}", self.id), evidence });
        }
        Ok(Outcome::Done(evidence))
    }
}

#[async_trait]
impl Step<()> for Toy {
    fn describe(&self, _world: &()) -> String {
        format!("Do {}", self.id)
    }

    fn effects(&self, _world: &()) -> Vec<Effect> {
        vec![Effect::new(format!("{} will be on", self.id))]
    }

    fn outdated(&self, _world: &(), _context: &StepContext) -> Option<String> {
        self.world.get().world.is("outdated", self.id).then(|| format!("{} is old", self.id))
    }

    async fn probe(&self, _world: &(), context: &StepContext) -> StepResult<Probe> {
        Ok(match self.work {
            Work::Blind | Work::Post | Work::Skip | Work::Count | Work::Decide => Probe::CannotTell,
            _ if self.is_so(context)? => Probe::Done(Evidence::new().fact("seen", true)),
            _ => Probe::NotYet,
        })
    }

    async fn act(&self, _world: &(), context: &StepContext) -> StepResult<Outcome> {
        self.work(context).await
    }

    async fn verify(&self, _world: &(), context: &StepContext) -> StepResult<Evidence> {
        let is_so = match self.work {
            Work::Post => self.is_listed(),
            Work::Skip | Work::Count | Work::Decide => true,
            _ => self.is_so(context)?,
        };
        if is_so { Ok(Evidence::new().fact("verified", true)) } else { Err(self.fail()) }
    }
}

#[async_trait]
impl Undo<()> for Toy {
    async fn undo(&self, _world: &(), context: &StepContext) -> StepResult<Evidence> {
        if self.world.happens(|simulation| &mut simulation.fails_undo, self.id) {
            return Err(self.fail());
        }
        let before: Option<String> = context.get(&ValueKey::new(self.id))?.flatten();
        // A step that was killed before it recorded the old value has changed nothing.
        if context.get::<Option<String>>(&ValueKey::new(self.id))?.is_some() {
            self.set(before);
        }
        Ok(Evidence::new().fact("put back", self.id))
    }

    async fn verify_undo(&self, _world: &(), _context: &StepContext) -> StepResult<Evidence> {
        Ok(Evidence::new())
    }

    fn undo_hint(&self, _world: &(), _context: &StepContext) -> Option<String> {
        Some(format!("unset {}", self.id))
    }
}

/// A toy as a line of a runbook.
pub fn toy(world: &Shared, id: &'static str, stage: &'static str, work: Work) -> StepEntry<()> {
    let toy = Toy { id, stage, work, world: world.clone() };
    let kind = match work {
        Work::Post => StepKind::Wait,
        Work::Add => StepKind::Additive,
        Work::Skip | Work::Count => StepKind::Check,
        Work::Decide => StepKind::Manual,
        Work::Blind | Work::Final => StepKind::Destructive,
        _ => StepKind::Reversible,
    };
    let entry = StepEntry::new(kind, id, stage, toy.clone());
    match work {
        Work::Post | Work::Add | Work::Skip | Work::Count | Work::Decide => entry,
        Work::Final => entry.undone(UndoWay::Impossible("it is final")),
        // If these were put back separately in a second attempt, they would close a site that is
        // open again.
        Work::With(other) | Work::End(other) => entry.undone_with(other),
        Work::Stand(until) => entry.stands_until(until).undone_by(toy),
        _ => entry.undone_by(toy),
    }
}

/// A runbook with a quarantine around its inner stage.
pub fn book(world: &Shared, before: &[Work], inside: &[Work], after: &[Work]) -> Runbook<()> {
    const BEFORE: [&str; 4] = ["b1", "b2", "b3", "b4"];
    const INSIDE: [&str; 4] = ["i1", "i2", "i3", "i4"];
    const AFTER: [&str; 4] = ["a1", "a2", "a3", "a4"];
    let mut builder = Runbook::of(Arc::new(())).bracket("inner", "around");
    for (&work, id) in before.iter().zip(BEFORE) {
        builder = builder.step(toy(world, id, "before", work));
    }
    builder = builder.step(toy(world, "quarantine", "around", Work::Stand("open")));
    builder = builder.step(toy(world, "i0", "inner", Work::Set));
    for (&work, id) in inside.iter().zip(INSIDE) {
        builder = builder.step(toy(world, id, "inner", work));
    }
    builder = builder.step(toy(world, "open", "after", Work::End("quarantine")));
    for (&work, id) in after.iter().zip(AFTER) {
        builder = builder.step(toy(world, id, "after", work));
    }
    builder.build().unwrap()
}
