//! Stops one-off dynos while staging is in quarantine.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::adapters::heroku::Dyno;
use crate::reset::world::Reset;
use crate::runbook::{StepContext, StepResult};

const LOOK_EVERY: Duration = Duration::from_secs(5);
/// After this many failed looks in a row the step fails. Each look was already retried.
const FAILED_LOOKS: u32 = 3;

/// Which dynos are stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stops {
    All,
    /// All except those that run a command of this runbook.
    Others,
}

impl Reset {
    /// Stops all running one-off dynos, including those that other people started.
    pub(in crate::reset) async fn stop_one_off_dynos(
        &self,
        context: &StepContext,
    ) -> StepResult<()> {
        self.stop_those(context, &Mutex::default(), Dyno::is_one_off).await
    }

    /// Stops the dynos that a killed attempt has left running a command.
    pub(in crate::reset) async fn stop_lost_dynos(
        &self,
        context: &StepContext,
        command: &str,
    ) -> StepResult<()> {
        let is_ours = |dyno: &Dyno| dyno.is_one_off() && dyno.was_started_by_bcops(command);
        self.stop_those(context, &Mutex::default(), is_ours).await
    }

    async fn stop_those(
        &self,
        context: &StepContext,
        known: &Mutex<BTreeSet<String>>,
        is_meant: impl Fn(&Dyno) -> bool,
    ) -> StepResult<()> {
        let dynos = self.dynos().await?;
        for dyno in dynos.into_iter().filter(|dyno| is_meant(dyno) && !dyno.has_ended()) {
            // A dyno takes a moment to stop, and is reported only once.
            if known.lock().unwrap_or_else(PoisonError::into_inner).insert(dyno.id.clone()) {
                context.warn(format!("the one-off dyno {} was stopped", dyno.name));
            }
            match self.heroku.stop_dyno(&self.destination.app, &dyno.name).await {
                // The dyno may have ended by itself.
                Ok(()) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Does the work, and every few seconds stops all one-off dynos that were started meanwhile. A
    /// scheduler ignores the formation, and would send mail to people whose rows are not scrubbed
    /// yet.
    pub(in crate::reset) async fn in_quiet<T>(
        &self,
        context: &StepContext,
        work: impl Future<Output = StepResult<T>>,
    ) -> StepResult<T> {
        self.beside(context, Stops::All, work).await
    }

    /// As [`Reset::in_quiet`], for any step of the quarantine. The runbook's own commands keep
    /// running.
    pub(super) async fn watched<T>(
        &self,
        context: &StepContext,
        work: impl Future<Output = StepResult<T>>,
    ) -> StepResult<T> {
        self.beside(context, Stops::Others, work).await
    }

    async fn beside<T>(
        &self,
        context: &StepContext,
        stops: Stops,
        work: impl Future<Output = StepResult<T>>,
    ) -> StepResult<T> {
        let known = Mutex::default();
        let look = || {
            self.stop_those(context, &known, move |dyno: &Dyno| {
                dyno.is_one_off() && (stops == Stops::All || !self.is_own(dyno))
            })
        };
        look().await?;
        let watching = async {
            let mut failed = 0;
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                match look().await {
                    Ok(()) => failed = 0,
                    Err(_) if failed + 1 < FAILED_LOOKS => failed += 1,
                    Err(error) => break error,
                }
            }
        };
        tokio::select! {
            biased;
            result = work => result,
            // bcops no longer knows that no other dyno is running.
            error = watching => Err(error),
        }
    }

    /// Whether the dyno runs one of the commands of this runbook, started by bcops.
    fn is_own(&self, dyno: &Dyno) -> bool {
        let commands = &self.settings.commands;
        [
            &commands.migrate,
            &commands.migrate_check,
            &commands.makemigrations_check,
            &self.settings.search.reindex_command.value,
        ]
        .into_iter()
        .any(|command| !command.is_empty() && dyno.was_started_by_bcops(command))
    }
}
