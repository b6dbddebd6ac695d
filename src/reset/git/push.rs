//! Moves staging's branch on the origin to the merged tip, from where it was seen and from nowhere
//! else.

use std::sync::Arc;

use crate::adapters::git::{GitError, Lease, Update};
use crate::failure::{CommandError, FailureKind};
use crate::reset::values::{MERGED, TIP_GIVEN_UP};
use crate::reset::world::World;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepError, StepFuture, StepKind,
    StepResult, UndoWay,
};

use super::{STAGE, commit, merge, short};

pub struct Push(pub Arc<World>);

impl Push {
    async fn tip_on_origin(&self, context: &StepContext) -> StepResult<Option<String>> {
        let repository = self.0.repository(context)?;
        let tip = repository.tip(repository.origin(), &self.0.staging_reference()).await?;
        Ok(tip.map(|tip| tip.to_string()))
    }

    /// Whether the branch on the origin holds the commit that the run has pushed.
    async fn holds(&self, context: &StepContext, merged: Option<&str>) -> StepResult<bool> {
        let Some(merged) = merged else { return Ok(false) };
        let repository = self.0.repository(context)?;
        let branches = repository.fetch_branches(None).await?;
        let now = branches.iter().find(|one| one.name == self.0.branches.staging);
        match now {
            Some(now) => Ok(repository.contains(now.commit, commit(merged)?)?),
            None => Ok(true),
        }
    }
}

impl Step for Push {
    fn id(&self) -> &'static str {
        "push"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Reversible
    }

    fn describe(&self) -> String {
        format!("Push {} to the origin", self.0.branches.staging)
    }

    fn effects(&self) -> Vec<Effect> {
        let from = short(&self.0.choices.pins.staging);
        vec![Effect::known_after(
            format!("{} moves from {from} to the merged tip", self.0.branches.staging),
            "merge",
        )]
    }

    fn probe<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async move {
            let Some(merged) = context.get(&MERGED)? else { return Ok(Probe::NotYet) };
            let there = self.tip_on_origin(context).await?;
            Ok(match there.as_deref() == Some(merged.tip.as_str()) {
                true => Probe::Done(self.evidence(&merged.tip)),
                false => Probe::NotYet,
            })
        })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let (repository, tip) = merge::tip(&self.0, context).await?;
            let expected = commit(&self.0.choices.pins.staging)?;
            let update = Update {
                reference: self.0.staging_reference(),
                to: Some(tip),
                lease: Lease::At(expected),
            };
            let pushed = repository.push(repository.origin(), &[update], None).await;
            if let Err(error) = pushed {
                if error.is_refusal() {
                    return Err(refused(error));
                }
                // Of a push whose answer was lost the remote itself knows.
                let arrived = error.leaves_doubt()
                    && self.tip_on_origin(context).await? == Some(tip.to_string());
                if !arrived {
                    return Err(error.into());
                }
            }
            Ok(Outcome::Done(self.evidence(&tip.to_string())))
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let wanted = context.need(&MERGED)?.tip;
            match self.tip_on_origin(context).await? {
                Some(tip) if tip == wanted => Ok(Evidence::new().fact("tip on the origin", tip)),
                found => {
                    let found = found.as_deref().map_or_else(|| "gone".to_owned(), short);
                    let text = format!(
                        "{} is {found} on the origin and not {}",
                        self.0.branches.staging,
                        short(&wanted)
                    );
                    Err(CommandError::new(FailureKind::Unexpected, text).into())
                }
            }
        })
    }

    fn undo_way(&self) -> UndoWay {
        UndoWay::Own
    }

    fn undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let before = self.0.choices.pins.staging.clone();
            let there = self.tip_on_origin(context).await?;
            let evidence =
                Evidence::of(format!("{} is at {} again", self.0.branches.staging, short(&before)));
            if there.as_deref() == Some(before.as_str()) {
                return Ok(evidence);
            }
            let merged = context.get(&MERGED)?.map(|merged| merged.tip);
            let given_up = context.get(&TIP_GIVEN_UP)?;
            if given_up.is_none() && !self.holds(context, merged.as_deref()).await? {
                return Ok(Evidence::of(format!(
                    "{} has moved on without this run's commits",
                    self.0.branches.staging
                )));
            }
            if there.is_none() || (there != merged && there != given_up) {
                let text = format!(
                    "somebody has pushed to {} since; it was left as it is",
                    self.0.branches.staging
                );
                return Err(CommandError::new(FailureKind::Refused, text)
                    .hint(format!("look at it, then push {} yourself", short(&before)))
                    .into());
            }
            let repository = self.0.repository(context)?;
            let old = repository.backed_up_tip().await?;
            let to = old.filter(|tip| tip.to_string() == before).ok_or_else(|| {
                let text = format!("the old tip {} is no longer kept", short(&before));
                CommandError::new(FailureKind::Unexpected, text)
            })?;
            let lease = Lease::from(there.as_deref().map(commit).transpose()?);
            let update = Update { reference: self.0.staging_reference(), to: Some(to), lease };
            repository.push(repository.origin(), &[update], None).await?;
            Ok(evidence)
        })
    }

    fn verify_undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let before = &self.0.choices.pins.staging;
            let merged = context.get(&MERGED)?.map(|merged| merged.tip);
            match self.tip_on_origin(context).await? {
                Some(tip) if tip == *before => Ok(Evidence::new().fact("tip on the origin", tip)),
                Some(tip) if !self.holds(context, merged.as_deref()).await? => {
                    Ok(Evidence::new().fact("tip on the origin", tip))
                }
                _ => {
                    let text = format!("{} is not where it was", self.0.branches.staging);
                    Err(CommandError::new(FailureKind::Unexpected, text).into())
                }
            }
        })
    }

    fn undo_hint(&self, _context: &StepContext) -> Option<String> {
        let (branch, tip) = (&self.0.branches.staging, &self.0.choices.pins.staging);
        Some(format!("git push --force-with-lease origin {tip}:refs/heads/{branch}"))
    }
}

/// Nothing was moved. What was decided for a tip that is no longer there cannot be gone on with.
fn refused(error: GitError) -> StepError {
    let is_old = matches!(error, GitError::LeaseRejected { .. });
    let error = CommandError::from(error);
    StepError::untouched(match is_old {
        true => error.hint("begin a new run, which sees the branches as they are now"),
        false => error,
    })
}

impl Push {
    fn evidence(&self, tip: &str) -> Evidence {
        Evidence::of(format!("{} is at {}", self.0.branches.staging, short(tip)))
    }
}
