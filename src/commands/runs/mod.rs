//! `runs`: the journals of past runs, and going on with one or back.

mod list;
mod resume;
mod rollback;
mod show;
mod unlock;

use crate::cli::{RunsArgs, RunsWork};
use crate::commands::{Context, Outcome};
use crate::error::{CommandError, Kind};
use crate::reset::Choices;
use crate::runbook::{History, Journal, RunId, Runs, Standing};

pub async fn run(context: &Context, args: &RunsArgs) -> Result<Outcome, CommandError> {
    match &args.work {
        RunsWork::List => list::run(context),
        RunsWork::Show(args) => show::run(context, args),
        RunsWork::Resume(args) => resume::run(context, args).await,
        RunsWork::Rollback(args) => rollback::run(context, args).await,
        RunsWork::Unlock(args) => unlock::run(context, args).await,
    }
}

/// A past run, as its journal tells it.
struct Past {
    id: RunId,
    journal: Journal,
    history: History,
}

impl Past {
    fn read(runs: &Runs, given: &str) -> Result<Past, CommandError> {
        let id = runs.find(given)?;
        let journal = runs.journal(&id)?;
        let history = History::of(journal.records());
        Ok(Past { id, journal, history })
    }

    /// Whether it neither came to its end nor is on its way back.
    fn is_unfinished(&self) -> bool {
        let is_done = matches!(self.history.standing, Standing::Done { .. });
        !is_done && !self.history.rollback_has_begun()
    }

    /// What was decided for it.
    fn choices(&self) -> Result<Choices, CommandError> {
        Choices::from_flags(&self.history.flags).map_err(|reason| {
            let text = format!("the run {} is no run of reset-staging: {reason}", self.id);
            CommandError::new(Kind::Configuration, text).hint("use the bcops that began the run")
        })
    }
}
