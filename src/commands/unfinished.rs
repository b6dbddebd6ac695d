//! Finds the unfinished run of an environment, which commands report before anything else.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::adapters::git::is_in_clone;
use crate::adapters::heroku::Formation;
use crate::commands::Context;
use crate::commands::reset_staging::runs;
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::reset::unfinished::{Unfinished, unfinished};
use crate::reset::{ForgetsPlanning, open_repository, values_of_takeover};
use crate::settings::Environment;

/// How long a command waits for this report, which is not what the user asked for.
const PATIENCE: Duration = Duration::from_secs(10);

/// An unfinished run with the state of its app.
pub struct Found {
    pub unfinished: Unfinished,
    pub state: Option<AppState>,
}

#[derive(Serialize, JsonSchema)]
pub struct UnfinishedRun<'a> {
    run: &'a str,
    /// What is unfinished, in one sentence.
    sentence: String,
    /// The commands to type.
    hints: Vec<String>,
    /// Whether the run still holds its lock.
    locked: bool,
}

pub struct AppState {
    pub maintenance: bool,
    pub formation: Formation,
}

impl Found {
    pub fn sentence(&self) -> String {
        let maintenance = self.state.as_ref().map(|state| state.maintenance);
        self.unfinished.sentence(Timestamp::now(), maintenance)
    }

    pub fn hints(&self) -> Vec<String> {
        self.unfinished.hints(Timestamp::now())
    }

    /// The commands that fix it, in one line.
    pub fn fix(&self) -> String {
        self.hints().join(", ")
    }

    /// One line: what is unfinished, and the commands to type.
    pub fn line(&self) -> String {
        format!("{}; {}", self.sentence(), self.fix())
    }

    pub fn document(&self) -> UnfinishedRun<'_> {
        UnfinishedRun {
            run: self.unfinished.run.as_str(),
            sentence: self.sentence(),
            hints: self.hints(),
            locked: self.unfinished.lock.is_some(),
        }
    }

    /// The first values of a run that takes this one over.
    fn values(&self) -> BTreeMap<&'static str, Value> {
        let before = self.unfinished.before();
        let state = self.state.as_ref();
        let present = state.map(|state| (state.maintenance, &state.formation));
        values_of_takeover(&before, &self.unfinished.run, present)
    }
}

/// Looks for the unfinished run of an environment. `None` also without a clone to ask through.
pub async fn look(
    context: &Context,
    environment: &Environment,
) -> Result<Option<Found>, CommandError> {
    Ok(look_at(context, &[environment]).await?.pop())
}

async fn look_at(
    context: &Context,
    environments: &[&Environment],
) -> Result<Vec<Found>, CommandError> {
    let mut all = Vec::new();
    let written = environments.iter().filter(|one| !one.protected && one.branch.is_some());
    let written: Vec<&&Environment> = written.collect();
    if written.is_empty() {
        return Ok(all);
    }
    let repository = open_repository(context.deployments()).await?;
    let _planning = ForgetsPlanning::new(&repository);
    let locked = repository.branches_with_locks().await?;
    for environment in written {
        let branch = environment.branch.as_ref().filter(|branch| locked.contains(*branch));
        let Some(branch) = branch else { continue };
        let Some(unfinished) = unfinished(&repository, branch, &runs(context)).await? else {
            continue;
        };
        let state = tokio::time::timeout(PATIENCE, app_state(context, environment)).await;
        all.push(Found { unfinished, state: state.ok().flatten() });
    }
    Ok(all)
}

/// The same for a command with another purpose: a failure is ignored, and the wait is short.
pub async fn glance(context: &Context, environments: &[&Environment]) -> Vec<Found> {
    let is_in_clone = std::env::current_dir().is_ok_and(|folder| is_in_clone(&folder));
    if !is_in_clone && context.settings.git.url.is_none() {
        return Vec::new();
    }
    match tokio::time::timeout(PATIENCE, look_at(context, environments)).await {
        Ok(Ok(found)) => found,
        _ => Vec::new(),
    }
}

pub async fn app_state(context: &Context, environment: &Environment) -> Option<AppState> {
    let heroku = context.deployments().log_in().await.ok()?.heroku;
    let app = &environment.app.value;
    let maintenance = heroku.app(app).await.ok()?.maintenance;
    Some(AppState { maintenance, formation: heroku.formation(app).await.ok()? })
}

/// Refuses a reset while the lock is held. Otherwise returns the values for a run that takes over
/// an unfinished one. A dry run only warns.
pub async fn before_reset(
    context: &Context,
    environment: &Environment,
    looks_only: bool,
) -> Result<BTreeMap<&'static str, Value>, CommandError> {
    let Some(found) = look(context, environment).await? else { return Ok(BTreeMap::new()) };
    if found.unfinished.lock.is_none() {
        let text = format!("{}; this run takes over", found.sentence());
        context.ui.emit(Event::Warning(text));
        return Ok(found.values());
    }
    if looks_only {
        context.ui.emit(Event::Warning(found.line()));
        return Ok(BTreeMap::new());
    }
    let name = &environment.name;
    let text = format!("cannot reset {name}: {}; nothing was changed", found.sentence());
    let error = CommandError::new(FailureKind::Locked, text).with_hints(found.hints());
    let may_end = found.unfinished.may_be_at_work(Timestamp::now());
    // A run that stopped keeps its lock.
    Err(if may_end { error } else { error.look_first() })
}
