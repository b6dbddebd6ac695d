//! Moves staging's branch on the origin to the merged tip, with a lease on the observed tip.

use async_trait::async_trait;

use crate::adapters::git::{GitError, Lease, Oid, Update};
use crate::failure::{CommandError, FailureKind};
use crate::reset::values::{MERGED, TIP_GIVEN_UP};
use crate::reset::world::Reset;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepError, StepResult, Undo,
};

use super::{commit, merge, short};

pub struct Push;

async fn tip_on_origin(world: &Reset, context: &StepContext) -> StepResult<Option<Oid>> {
    let repository = world.repository(context)?;
    Ok(repository.tip(repository.origin(), &world.staging_reference()).await?)
}

/// Whether the branch on the origin contains the commit that the run has pushed.
async fn holds(world: &Reset, context: &StepContext, merged: Option<Oid>) -> StepResult<bool> {
    let Some(merged) = merged else { return Ok(false) };
    let repository = world.repository(context)?;
    let branches = repository.fetch_branches(None).await?;
    let now = branches.iter().find(|one| one.name == world.branches.staging);
    match now {
        Some(now) => Ok(repository.contains(now.commit, merged)?),
        None => Ok(true),
    }
}

#[async_trait]
impl Step<Reset> for Push {
    fn describe(&self, world: &Reset) -> String {
        format!("Push {} to the origin", world.branches.staging)
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        let from = short(world.answers.staging);
        vec![Effect::known_after(
            format!("{} moves from {from} to the merged tip", world.branches.staging),
            "merge",
        )]
    }

    async fn probe(&self, world: &Reset, context: &StepContext) -> StepResult<Probe> {
        let Some(merged) = context.get(&MERGED)? else { return Ok(Probe::NotYet) };
        let there = tip_on_origin(world, context).await?;
        Ok(match there == Some(merged.tip) {
            true => Probe::Done(evidence(world, merged.tip)),
            false => Probe::NotYet,
        })
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let (repository, tip) = merge::tip(world, context).await?;
        let update = Update {
            reference: world.staging_reference(),
            to: Some(tip),
            lease: Lease::At(world.answers.staging),
        };
        let pushed = repository.push(repository.origin(), &[update], None).await;
        if let Err(error) = pushed {
            if error.is_refusal() {
                return Err(refused(error));
            }
            // If the answer to the push was lost, the remote's tip shows whether it arrived.
            let arrived = error.leaves_doubt() && tip_on_origin(world, context).await? == Some(tip);
            if !arrived {
                return Err(error.into());
            }
        }
        Ok(Outcome::Done(evidence(world, tip)))
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let wanted = context.need(&MERGED)?.tip;
        match tip_on_origin(world, context).await? {
            Some(tip) if tip == wanted => Ok(seen(tip)),
            found => {
                let found = found.map_or_else(|| "gone".to_owned(), short);
                let text = format!(
                    "{} is {found} on the origin instead of {}",
                    world.branches.staging,
                    short(wanted)
                );
                Err(CommandError::new(FailureKind::Unexpected, text).into())
            }
        }
    }
}

#[async_trait]
impl Undo<Reset> for Push {
    async fn undo(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let before = world.answers.staging;
        let there = tip_on_origin(world, context).await?;
        let evidence =
            Evidence::of(format!("{} is at {} again", world.branches.staging, short(before)));
        if there == Some(before) {
            return Ok(evidence);
        }
        let merged = context.get(&MERGED)?.map(|merged| merged.tip);
        let given_up = context.get(&TIP_GIVEN_UP)?.as_deref().map(commit).transpose()?;
        if given_up.is_none() && !holds(world, context, merged).await? {
            return Ok(Evidence::of(format!(
                "{} has moved on without this run's commits",
                world.branches.staging
            )));
        }
        if there.is_none() || (there != merged && there != given_up) {
            let text = format!(
                "someone has pushed to {} since; the branch is unchanged",
                world.branches.staging
            );
            return Err(CommandError::new(FailureKind::Refused, text)
                .hint(format!("check the branch, then push {} yourself", short(before)))
                .into());
        }
        let repository = world.repository(context)?;
        let old = repository.backed_up_tip().await?;
        let to = old.filter(|tip| *tip == before).ok_or_else(|| {
            let text = format!("the backup of the old tip {} is missing", short(before));
            CommandError::new(FailureKind::Unexpected, text)
        })?;
        let lease = Lease::from(there);
        let update = Update { reference: world.staging_reference(), to: Some(to), lease };
        repository.push(repository.origin(), &[update], None).await?;
        Ok(evidence)
    }

    async fn verify_undo(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let before = world.answers.staging;
        let merged = context.get(&MERGED)?.map(|merged| merged.tip);
        match tip_on_origin(world, context).await? {
            Some(tip) if tip == before => Ok(seen(tip)),
            Some(tip) if !holds(world, context, merged).await? => Ok(seen(tip)),
            _ => {
                let text = format!("{} is not at its old tip", world.branches.staging);
                Err(CommandError::new(FailureKind::Unexpected, text).into())
            }
        }
    }

    fn undo_hint(&self, world: &Reset, _context: &StepContext) -> Option<String> {
        let (branch, tip) = (&world.branches.staging, world.answers.staging);
        Some(format!("git push --force-with-lease origin {tip}:refs/heads/{branch}"))
    }
}

/// The error for a refused push. The branch is unchanged, and a decision about an old tip needs a
/// new run.
fn refused(error: GitError) -> StepError {
    let is_old = matches!(error, GitError::LeaseRejected { .. });
    let error = CommandError::from(error);
    StepError::untouched(match is_old {
        true => error.hint("begin a new run with the present branches"),
        false => error,
    })
}

fn evidence(world: &Reset, tip: Oid) -> Evidence {
    Evidence::of(format!("{} is at {}", world.branches.staging, short(tip)))
}

fn seen(tip: Oid) -> Evidence {
    Evidence::new().fact("tip on the origin", tip.to_string())
}
