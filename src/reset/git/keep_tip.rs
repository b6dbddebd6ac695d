//! Keeps the old tip of staging's branch on the origin, under the run's id.

use async_trait::async_trait;

use crate::adapters::git::BackupPlace;
use crate::reset::values::{RELEASE_AT_START, ReleaseSeen};
use crate::reset::world::Reset;
use crate::runbook::{Effect, Evidence, Outcome, Step, StepContext, StepResult};

use super::short;

pub struct KeepTip;

/// Records the present release for the lock, because another machine may have to roll back to it.
async fn keep_release(world: &Reset, context: &StepContext) -> StepResult<()> {
    if context.get(&RELEASE_AT_START)?.is_some() {
        return Ok(());
    }
    let (heroku, app) = (&world.heroku, world.destination.app.id());
    let releases = heroku.releases(app).await?;
    let Some(release) = releases.current() else { return Ok(()) };
    let commit = releases.code(release).and_then(|code| code.whole()).map(str::to_owned);
    let seen = ReleaseSeen { id: release.id.clone(), version: release.version, commit };
    context.put(&RELEASE_AT_START, &seen)
}

#[async_trait]
impl Step<Reset> for KeepTip {
    fn describe(&self, world: &Reset) -> String {
        format!("Keep the old tip of {}", world.branches.staging)
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        let tip = short(world.answers.staging);
        vec![Effect::new(format!("{tip} is kept on the origin as refs/bcops/backup/RUN"))]
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        keep_release(world, context).await?;
        let repository = world.repository(context)?;
        // The clone needs the tip to push it under another name.
        repository.fetch_branches(None).await?;
        let tip = world.answers.staging;
        let place = repository.back_up_tip(tip).await?;
        let (reference, refused) = match place {
            BackupPlace::Origin { reference } => (reference, None),
            BackupPlace::Clone { reference, refused } => (reference, Some(refused)),
        };
        let evidence = Evidence::of(format!(
            "Tip {} of {} kept as {reference}",
            short(tip),
            world.branches.staging
        ))
        .fact("tip of staging before", tip.to_string())
        .fact("kept as", reference);
        Ok(match refused {
            None => Outcome::Done(evidence),
            Some(refused) => Outcome::Warning {
                text: format!("the old tip is kept only in this clone: {refused}"),
                evidence,
            },
        })
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let repository = world.repository(context)?;
        let kept = repository.backed_up_tip().await?;
        if kept != Some(world.answers.staging) {
            let text = "the backup of the old tip of staging's branch is missing";
            return Err(crate::runbook::StepError::failed(
                crate::failure::FailureKind::Unexpected,
                text,
            ));
        }
        Ok(Evidence::new())
    }
}
