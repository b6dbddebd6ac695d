//! Keeps one-off dynos down while rows are in the database that nobody may work on.

use std::time::Duration;

use crate::adapters::heroku::{Dyno, HerokuError};
use crate::reset::world::World;
use crate::runbook::{StepContext, StepResult};

const LOOK_EVERY: Duration = Duration::from_secs(10);

impl World {
    /// Stops the one-off dynos that run now, whoever started them.
    pub(in crate::reset) async fn stop_one_off_dynos(
        &self,
        context: &StepContext,
    ) -> StepResult<()> {
        self.stop_those(context, Dyno::is_one_off).await
    }

    /// Stops what an attempt that was killed has left running of a command.
    pub(in crate::reset) async fn stop_lost_dynos(
        &self,
        context: &StepContext,
        command: &str,
    ) -> StepResult<()> {
        let is_ours = |dyno: &Dyno| dyno.is_one_off() && dyno.was_started_by_bcops(command);
        self.stop_those(context, is_ours).await
    }

    async fn stop_those(
        &self,
        context: &StepContext,
        is_meant: impl Fn(&Dyno) -> bool,
    ) -> StepResult<()> {
        let dynos = self.heroku.dynos(self.app.id()).await?;
        for dyno in dynos.into_iter().filter(is_meant) {
            context.warn(format!("the one-off dyno {} was stopped", dyno.name));
            match self.heroku.stop_dyno(&self.app, &dyno.name).await {
                // It may have ended by itself.
                Ok(()) | Err(HerokuError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Does the work and stops, every few seconds, whatever one-off dyno was started meanwhile: a
    /// scheduler heeds no formation, and would send mail to people whose rows are not scrubbed yet.
    pub(in crate::reset) async fn in_quiet<T>(
        &self,
        context: &StepContext,
        work: impl Future<Output = StepResult<T>>,
    ) -> StepResult<T> {
        self.stop_one_off_dynos(context).await?;
        let watching = async {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                if let Err(error) = self.stop_one_off_dynos(context).await {
                    break error;
                }
            }
        };
        tokio::select! {
            biased;
            result = work => result,
            // Nobody can say any more that nothing runs.
            error = watching => Err(error),
        }
    }
}
