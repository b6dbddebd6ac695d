//! `runs show`: the report.

use crate::cli::ShowArgs;
use crate::commands::reset_staging::runs;
use crate::commands::{Context, Outcome};
use crate::failure::{CommandError, FailureKind};
use crate::runbook::Report;

use super::Past;

pub fn run(context: &Context, args: &ShowArgs) -> Result<Outcome, CommandError> {
    let runs = runs(context);
    let given = match &args.run {
        Some(given) => given.clone(),
        None => runs.names()?.first().map(ToString::to_string).ok_or_else(|| {
            CommandError::new(FailureKind::Usage, "there are no runs on this machine")
        })?,
    };
    let past = Past::read(&runs, &given)?;
    let report = Report::from_journal(&past.journal)?;
    let result = serde_json::to_value(&report).map_err(|error| {
        CommandError::new(FailureKind::Unexpected, "the report cannot be written").with_cause(error)
    })?;
    Ok(Outcome::done(result, report.to_markdown().trim_end().to_owned()))
}
