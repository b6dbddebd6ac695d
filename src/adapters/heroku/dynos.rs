//! Lists, stops and restarts dynos, and waits for a wanted state.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::client::Heroku;
use super::destination::DestinationApp;
use super::error::HerokuError;
use super::formation::Formation;
use super::one_off::Sentinel;

/// The types of one-off dynos, which are not part of a formation.
const ONE_OFF: [&str; 3] = ["run", "release", "scheduler"];

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dyno {
    pub id: String,
    /// `web.1`, or `run.1234` of a one-off dyno.
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// `starting`, `up`, `idle`, `crashed`, `down` and so on.
    pub state: String,
    #[serde(default)]
    pub command: String,
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    #[serde(default)]
    pub release: Option<DynoRelease>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DynoRelease {
    pub version: u64,
}

impl Dyno {
    /// Whether the dyno was started for one command, by a person, a release or a scheduler.
    pub fn is_one_off(&self) -> bool {
        ONE_OFF.contains(&self.kind.as_str())
    }

    /// Whether its command has ended although Heroku still lists the dyno.
    pub fn has_ended(&self) -> bool {
        matches!(self.state.as_str(), "complete" | "crashed")
    }

    /// Whether bcops, on any machine, started this dyno for a command and waits for its exit
    /// status.
    pub fn was_started_by_bcops(&self, command: &str) -> bool {
        Sentinel::is_appended(&self.command, command)
    }
}

impl Heroku {
    pub async fn dynos(&self, app: &str) -> Result<Vec<Dyno>, HerokuError> {
        let path = ["apps", app, "dynos"];
        let request = self.platform_sdk(&path, format!("the dynos of {app}"));
        self.get_list(request).await
    }

    /// One dyno by its name. `None` once it is gone.
    pub async fn dyno(&self, app: &str, name: &str) -> Result<Option<Dyno>, HerokuError> {
        let path = ["apps", app, "dynos", name];
        let request = self.platform(&path, format!("the dyno {name} of {app}"));
        match self.get(request).await {
            Err(error) if error.is_not_found() => Ok(None),
            other => other.map(Some),
        }
    }

    /// Asks Heroku to replace all dynos, which happens some time later.
    pub async fn restart_dynos(&self, app: &DestinationApp) -> Result<(), HerokuError> {
        let path = ["apps", app.id(), "dynos"];
        self.act(Method::DELETE, &path, format!("the restart of {}", app.name())).await
    }

    /// Asks Heroku to replace one dyno.
    pub async fn restart_dyno(&self, app: &DestinationApp, dyno: &str) -> Result<(), HerokuError> {
        let path = ["apps", app.id(), "dynos", dyno];
        self.act(Method::DELETE, &path, format!("the restart of {dyno}")).await
    }

    /// Asks Heroku to stop one dyno. Use this for one-off dynos: a dyno of the formation is started
    /// again.
    pub async fn stop_dyno(&self, app: &DestinationApp, dyno: &str) -> Result<(), HerokuError> {
        let path = ["apps", app.id(), "dynos", dyno, "actions", "stop"];
        self.act(Method::POST, &path, format!("the stop of {dyno}")).await
    }

    /// Sends a request about dynos, and repeats it once if the answer was lost, which is harmless
    /// for all of them.
    async fn act(&self, method: Method, path: &[&str], what: String) -> Result<(), HerokuError> {
        let request = self.platform_sdk(path, what);
        let request = request.method(method);
        match self.get::<IgnoredAny>(request.clone()).await {
            Err(error) if error.is_transient() => self.get::<IgnoredAny>(request).await.map(drop),
            other => other.map(drop),
        }
    }

    /// Waits until exactly the dynos of `wanted` are up, and none is older than `since`. With a
    /// formation at zero it waits until the last dyno is gone. One-off dynos do not count.
    pub async fn wait_for_dynos(
        &self,
        app: &str,
        wanted: &Formation,
        since: Option<Timestamp>,
    ) -> Result<(), HerokuError> {
        let started = Instant::now();
        let mut pace = self.timing.pace();
        loop {
            let dynos = self.dynos(app).await?;
            let found: Vec<&Dyno> = dynos.iter().filter(|dyno| !dyno.is_one_off()).collect();
            if is_settled(&found, wanted, since) {
                return Ok(());
            }
            if started.elapsed() > self.timing.dynos {
                let state = |dyno: &&Dyno| format!("{} {}", dyno.name, dyno.state);
                return Err(HerokuError::DynosUnsettled {
                    app: app.to_owned(),
                    wanted: wanted.to_string(),
                    found: found.iter().map(state).collect(),
                    limit: self.timing.dynos,
                });
            }
            pace.wait().await;
        }
    }
}

fn is_settled(found: &[&Dyno], wanted: &Formation, since: Option<Timestamp>) -> bool {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for dyno in found {
        let is_old = since.is_some_and(|since| dyno.created_at.is_none_or(|made| made < since));
        // A dyno without visitors sleeps, which counts as up.
        if is_old || !matches!(dyno.state.as_str(), "up" | "idle") {
            return false;
        }
        *counts.entry(&dyno.kind).or_default() += 1;
    }
    let wanted = wanted.0.iter().filter(|(_, scale)| scale.quantity > 0);
    let wanted: BTreeMap<&str, u32> =
        wanted.map(|(kind, scale)| (kind.as_str(), scale.quantity)).collect();
    counts == wanted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::adapters::heroku::Scale;

    #[test]
    fn dynos_are_settled_when_all_and_no_others_are_up() {
        let dyno = |name: &str, state: &str| {
            let kind = name.split('.').next();
            let created = "2024-03-01T09:00:00Z";
            let json = json!({
                "id": name, "name": name, "type": kind, "state": state, "created_at": created,
            });
            serde_json::from_value::<Dyno>(json).expect("a dyno")
        };
        let scale = Scale { quantity: 2, size: "Basic".to_owned() };
        let wanted = Formation([("web".to_owned(), scale)].into());
        let [one, two] = [dyno("web.1", "up"), dyno("web.2", "idle")];
        assert!(is_settled(&[&one, &two], &wanted, None));
        assert!(!is_settled(&[&one], &wanted, None));
        assert!(!is_settled(&[&one, &dyno("web.2", "starting")], &wanted, None));
        assert!(!is_settled(&[&one, &two, &dyno("worker.1", "up")], &wanted, None));
        let later = "2024-03-01T09:00:01Z".parse().ok();
        assert!(!is_settled(&[&one, &two], &wanted, later));
        assert!(is_settled(&[], &wanted.at_zero(), later));
        assert!(!is_settled(&[&dyno("web.1", "down")], &wanted.at_zero(), None));
        assert!(dyno("run.1", "up").is_one_off() && !one.is_one_off());
    }
}
