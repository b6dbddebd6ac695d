//! Keeps one-off dynos down while rows are in the database that nobody may work on.

use std::time::Duration;

use crate::adapters::heroku::HerokuError;
use crate::reset::world::World;
use crate::runbook::{StepContext, StepResult};

const LOOK_EVERY: Duration = Duration::from_secs(10);

impl World {
    /// Stops the one-off dynos that run now, whoever started them.
    pub(in crate::reset) async fn stop_one_off_dynos(
        &self,
        context: &StepContext,
    ) -> StepResult<()> {
        let dynos = self.heroku.dynos(self.app.id()).await?;
        for dyno in dynos.into_iter().filter(|dyno| dyno.is_one_off()) {
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
