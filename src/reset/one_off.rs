//! Runs commands on a one-off dyno of staging, and reports their output line by line.

use std::time::Duration;

use crate::adapters::heroku::{Finished, Limits, OneOff, OneOffError, through_the_log};
use crate::failure::{CommandError, FailureKind};
use crate::runbook::{StepContext, StepResult};

use super::world::Reset;

const TOTAL: Duration = Duration::from_secs(60 * 60);
/// How many lines of the output an error quotes.
const QUOTED_LINES: usize = 12;

impl Reset {
    /// Runs a command to its end, with any exit status. A dyno of a killed attempt may still run
    /// the command, and is stopped first.
    pub(super) async fn run_command(
        &self,
        context: &StepContext,
        command: &str,
    ) -> StepResult<Finished> {
        self.stop_lost_dynos(context, command).await?;
        let one_off = OneOff { time_to_live: TOTAL, ..OneOff::new(command) };
        let limits = Limits {
            total: TOTAL,
            idle: Some(self.settings.commands.silence),
            ..Limits::default()
        };
        let stop = context.interrupt().wanted();
        let warn = |error: &OneOffError| context.warn(through_the_log(error));
        Ok(self.heroku.run_captured(&self.destination.app, &one_off, &limits, stop, warn).await?)
    }

    /// Runs a command that has to succeed.
    pub(super) async fn run_well(
        &self,
        context: &StepContext,
        command: &str,
    ) -> StepResult<Finished> {
        let finished = self.run_command(context, command).await?;
        if finished.exit_status == 0 {
            return Ok(finished);
        }
        let text = format!(
            "`{command}` ended with exit status {} on {} of {}",
            finished.exit_status,
            finished.dyno,
            self.app_name()
        );
        let error = CommandError::new(FailureKind::RemoteJob, text);
        Err(error.with_hints(last_lines(&finished)).into())
    }
}

/// The last lines of a command's output, for an error.
pub(super) fn last_lines(finished: &Finished) -> Vec<String> {
    let text = String::from_utf8_lossy(&finished.output);
    let lines: Vec<&str> =
        text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let from = lines.len().saturating_sub(QUOTED_LINES);
    lines.iter().skip(from).map(|line| format!("it said: {line}")).collect()
}
