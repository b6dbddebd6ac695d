//! Reads the journals of past runs, resumes a run, and rolls it back: `runs`.

mod list;
mod page;
mod resume;
mod rollback;
mod show;
mod unlock;

pub use list::Listing;
pub use rollback::Planned as GoingBack;
pub use unlock::Unlocked;

use jiff::Timestamp;

use crate::adapters::git::Repository;
use crate::cli::{RunsArgs, RunsWork};
use crate::commands::{Context, Outcome};
use crate::failure::{CommandError, FailureKind};
use crate::reset::unfinished::{Place, Unfinished, unfinished};
use crate::reset::{Answers, ForgetsPlanning, SeenLock, open_repository};
use crate::runbook::entry::{Entry, Record, SCHEMA_VERSION};
use crate::runbook::{Essence, History, Journal, Operator, RunId, Runs, Standing, StoreError};

pub async fn run(context: &Context, args: &RunsArgs) -> Result<Outcome, CommandError> {
    match &args.work {
        RunsWork::List => list::run(context).await,
        RunsWork::Show(args) => show::run(context, args).await,
        RunsWork::Resume(args) => resume::run(context, args).await,
        RunsWork::Rollback(args) => rollback::run(context, args).await,
        RunsWork::Unlock(args) => unlock::run(context, args).await,
    }
}

/// A past run, from its journal.
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

    /// Whether the run did not end, and no rollback has begun.
    fn is_unfinished(&self) -> bool {
        let is_done = matches!(self.history.standing, Standing::Done { .. });
        !is_done && !self.history.rollback_has_begun()
    }

    /// The answers that the run began with.
    fn answers(&self) -> Result<Answers, CommandError> {
        answers(&self.id, &self.history)
    }
}

fn answers(run: &RunId, history: &History) -> Result<Answers, CommandError> {
    Answers::from_flags(&history.flags).map_err(|reason| {
        let text = format!("run {run} is not a run of reset-staging: {reason}");
        CommandError::new(FailureKind::Configuration, text)
            .hint("use the version of bcops that began the run: bcops --version")
    })
}

/// A run to roll back: from its journal, or from its lock where the journal is on another machine.
struct GoesBack {
    id: RunId,
    history: History,
    records: Vec<Record>,
    /// Where the journal is on another machine.
    essence: Option<Essence>,
    /// The lock that was read then. It is taken over only if the origin still has the same.
    seen: Option<SeenLock>,
}

impl GoesBack {
    async fn find(context: &Context, runs: &Runs, given: &str) -> Result<GoesBack, CommandError> {
        match Past::read(runs, given) {
            Ok(Past { id, journal, history }) => {
                let records = journal.records().to_vec();
                Ok(GoesBack { id, history, records, essence: None, seen: None })
            }
            Err(error) if is_ambiguous(runs, given) => Err(error),
            Err(error) => match elsewhere(context, runs, given).await? {
                Some(found) => GoesBack::from_lock(found),
                None => Err(error),
            },
        }
    }

    fn from_lock(found: Unfinished) -> Result<GoesBack, CommandError> {
        let now = Timestamp::now();
        let essence = found.essence().filter(|_| found.place == Place::Lock);
        let (Some(essence), false) = (essence, found.may_be_at_work(now)) else {
            let text = format!("cannot roll the run back here: {}", found.sentence(now, None));
            let error = CommandError::new(FailureKind::Locked, text);
            return Err(error.with_hints(found.hints(now)));
        };
        let history = History::of(essence.records());
        let records = essence.records().to_vec();
        Ok(GoesBack { id: found.run, history, records, essence: Some(essence), seen: found.lock })
    }

    fn answers(&self) -> Result<Answers, CommandError> {
        answers(&self.id, &self.history)
    }

    /// When the run last wrote to its journal, before any rollback.
    fn ended(&self) -> Option<Timestamp> {
        let is_back = |record: &&Record| matches!(record.entry, Entry::RollbackStarted { .. });
        let back = self.records.iter().position(|record| is_back(&record));
        let own = self.records.get(..back.unwrap_or(self.records.len()))?;
        own.last().map(|record| record.at)
    }

    /// Adds the run to those of this machine. It can only be rolled back here: what its steps found, and
    /// the names of accounts, are in the journal of the other machine.
    fn adopt(&self, runs: &Runs, operator: &Operator) -> Result<(), StoreError> {
        let Some(mut essence) = self.essence.clone() else { return Ok(()) };
        let entry = Entry::RollbackStarted {
            operator: operator.clone(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let (schema_version, at) = (SCHEMA_VERSION, Timestamp::now());
        essence.take(&Record { schema_version, sequence: 0, at, entry }, &[]);
        runs.adopt(&self.id, &essence)
    }
}

fn is_ambiguous(runs: &Runs, given: &str) -> bool {
    matches!(runs.find(given), Err(StoreError::Ambiguous { .. }))
}

/// The run of another machine whose name begins like this, from its lock on the origin.
async fn elsewhere(
    context: &Context,
    runs: &Runs,
    given: &str,
) -> Result<Option<Unfinished>, CommandError> {
    let looking = async {
        let repository = open_repository(context.deployments()).await?;
        let _planning = ForgetsPlanning::new(&repository);
        look_for(context, &repository, runs, given).await
    };
    context.interrupt.guard(looking).await
}

async fn look_for(
    context: &Context,
    repository: &Repository,
    runs: &Runs,
    given: &str,
) -> Result<Option<Unfinished>, CommandError> {
    let environments = context.settings.environments.values().filter(|one| !one.protected);
    for branch in environments.filter_map(|one| one.branch.as_deref()) {
        let found = unfinished(repository, branch, runs).await?;
        if let Some(found) = found.filter(|found| found.run.as_str().starts_with(given)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
