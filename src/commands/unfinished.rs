//! The unfinished run, which commands speak of before anything else.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::adapters::heroku::Formation;
use crate::commands::Context;
use crate::commands::reset_staging::{ForgetsPlanning, open_repository, runs};
use crate::error::{CommandError, Kind};
use crate::events::{Event, Reporter};
use crate::reset::unfinished::{Unfinished, unfinished};
use crate::reset::values_of_takeover;
use crate::settings::Environment;

/// Nobody waits longer for what is said beside the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// An unfinished run with what the app says of itself.
pub struct Found {
    pub unfinished: Unfinished,
    pub state: Option<AppState>,
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

    /// One line: what is so, and what to type.
    pub fn line(&self) -> String {
        format!("{}; {}", self.sentence(), self.hints().join(", "))
    }

    pub fn document(&self) -> Value {
        json!({
            "run": self.unfinished.run.as_str(),
            "sentence": self.sentence(),
            "hints": self.hints(),
            "locked": self.unfinished.lock.is_some(),
        })
    }

    /// The values that a run begins with which takes this one over.
    fn values(&self) -> BTreeMap<&'static str, Value> {
        let before = self.unfinished.before();
        let state = self.state.as_ref();
        let present = state.map(|state| (state.maintenance, &state.formation));
        values_of_takeover(&before, &self.unfinished.run, present)
    }
}

/// Looks for the unfinished run of an environment. `None` also where there is no clone to ask
/// through.
pub async fn look(
    context: &Context,
    environment: &Environment,
) -> Result<Option<Found>, CommandError> {
    let Some(branch) = environment.branch.as_deref().filter(|_| !environment.protected) else {
        return Ok(None);
    };
    let repository = open_repository(context).await?;
    let _planning = ForgetsPlanning::new(&repository);
    let Some(unfinished) = unfinished(&repository, branch, &runs(context)).await? else {
        return Ok(None);
    };
    let state = tokio::time::timeout(PATIENCE, app_state(context, environment)).await;
    Ok(Some(Found { unfinished, state: state.ok().flatten() }))
}

/// The same for a command that has another question to answer: what cannot be seen is not said, and
/// nothing is waited for.
pub async fn glance(context: &Context, environment: &Environment) -> Option<Found> {
    let folder = std::env::current_dir().ok()?;
    if !crate::adapters::git::is_in_clone(&folder) && context.settings.git.url.is_none() {
        return None;
    }
    tokio::time::timeout(PATIENCE, look(context, environment)).await.ok()?.ok().flatten()
}

async fn app_state(context: &Context, environment: &Environment) -> Option<AppState> {
    let heroku = context.deployments().log_in().await.ok()?.heroku;
    let app = &environment.app.value;
    let maintenance = heroku.app(app).await.ok()?.maintenance;
    Some(AppState { maintenance, formation: heroku.formation(app).await.ok()? })
}

/// Before a reset: refuses while the lock is held, and gives what a run has to know that takes an
/// unfinished one over. A reset that only looks is told, and goes on.
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
    let error = CommandError::new(Kind::Locked, text);
    Err(found.hints().into_iter().fold(error, CommandError::hint))
}
