//! Keeps the tip that staging's branch is about to lose, on the origin, under the run's id.

use std::sync::Arc;

use crate::adapters::git::BackupPlace;
use crate::reset::values::{RELEASE_AT_START, ReleaseSeen};
use crate::reset::world::World;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind, StepResult, UndoWay,
};

use super::{STAGE, commit, short};

pub struct KeepTip(pub Arc<World>);

impl KeepTip {
    /// Puts on record what runs now, for the lock: another machine may have to go back to it.
    async fn keep_release(&self, context: &StepContext) -> StepResult<()> {
        if context.get(&RELEASE_AT_START)?.is_some() {
            return Ok(());
        }
        let (heroku, app) = (&self.0.heroku, self.0.app.id());
        let releases = heroku.releases(app).await?;
        let Some(release) = releases.current() else { return Ok(()) };
        let commit = releases.code(release).and_then(|code| code.whole()).map(str::to_owned);
        let seen = ReleaseSeen { id: release.id.clone(), version: release.version, commit };
        context.put(&RELEASE_AT_START, &seen)
    }
}

impl Step for KeepTip {
    fn id(&self) -> &'static str {
        "keep-tip"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Wait
    }

    fn describe(&self) -> String {
        format!("Keep the tip of {} from before", self.0.branches.staging)
    }

    fn effects(&self) -> Vec<Effect> {
        let tip = short(&self.0.choices.pins.staging);
        vec![Effect::new(format!("{tip} is kept on the origin as refs/bcops/backup/RUN"))]
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            self.keep_release(context).await?;
            let repository = self.0.repository(context)?;
            // The tip has to be here to be pushed under another name.
            repository.fetch_branches(None).await?;
            let tip = commit(&self.0.choices.pins.staging)?;
            let place = repository.back_up_tip(tip).await?;
            let (reference, refused) = match place {
                BackupPlace::Origin { reference } => (reference, None),
                BackupPlace::Clone { reference, refused } => (reference, Some(refused)),
            };
            let evidence = Evidence::of(format!(
                "Tip {} of {} kept as {reference}",
                short(&tip.to_string()),
                self.0.branches.staging
            ))
            .fact("tip of staging before", tip.to_string())
            .fact("kept as", reference);
            Ok(match refused {
                None => Outcome::Done(evidence),
                Some(refused) => Outcome::Warning {
                    text: format!("the old tip is kept in this clone alone: {refused}"),
                    evidence,
                },
            })
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let repository = self.0.repository(context)?;
            let kept = repository.backed_up_tip().await?.map(|tip| tip.to_string());
            if kept.as_deref() != Some(self.0.choices.pins.staging.as_str()) {
                let text = "the old tip of staging's branch is not where it was kept";
                return Err(crate::runbook::StepError::failed(
                    crate::failure::FailureKind::Unexpected,
                    text,
                ));
            }
            Ok(Evidence::new())
        })
    }

    fn undo_way(&self) -> UndoWay {
        UndoWay::Nothing
    }
}
