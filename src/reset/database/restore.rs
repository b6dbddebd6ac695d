//! Restores the source's backup for `--restore-via heroku`: Heroku restores it, including personal
//! data.

use async_trait::async_trait;

use crate::reset::jobs::Wanted;
use crate::reset::world::Reset;
use crate::runbook::{Effect, Evidence, Job, Outcome, Step, StepContext, StepResult};

use super::restored;

pub(super) const RESTORE: &str = "restore";

pub struct Restore;

#[async_trait]
impl Step<Reset> for Restore {
    fn describe(&self, world: &Reset) -> String {
        let (source, app) = (&world.source, &world.destination.app);
        format!(
            "Restore backup {} of {} into {}",
            world.answers.backup.name,
            source.app.value,
            app.name()
        )
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        let database = &world.destination.database.attachment().addon_name;
        vec![
            Effect::new(format!("every row of {database} is replaced")),
            Effect::new("it contains personal data until the next step, behind the quarantine"),
        ]
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let owner = &world.source.database.billing_app.name;
        let backup = world.check_backup_of_plan(owner).await?;
        let source = world.heroku.backup_source(owner, &world.answers.backup.name).await?;
        let restoring = world.transfer(context, RESTORE, Wanted::Restore(&source), "restore");
        let done = world.in_quiet(context, restoring).await?;
        if let Some(incomplete) = restored::missing(world, owner, backup.num).await? {
            // Waiting for this restore again would find the same, so the next attempt starts a new
            // one.
            context.settle(RESTORE, "the restore is incomplete")?;
            return Err(incomplete.into());
        }
        let evidence = Evidence::of(format!("{} restored by Heroku", world.answers.backup.name))
            .fact("restore", done.name());
        Ok(match done.warnings() {
            0 => Outcome::Done(evidence),
            warnings => Outcome::Warning {
                text: format!("Heroku's restore {} has {warnings} warnings", done.name()),
                evidence: evidence.fact("warnings", warnings),
            },
        })
    }

    async fn verify(&self, _world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let Job::Known { id } = context.job(RESTORE) else {
            return Err(crate::runbook::StepError::failed(
                crate::failure::FailureKind::RemoteJob,
                "the journal has no restore",
            ));
        };
        Ok(Evidence::new().fact("transfer", id))
    }
}
