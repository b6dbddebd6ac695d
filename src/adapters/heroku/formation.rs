//! Reads and changes the formation: the number and size of dynos for each process of an app.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::Heroku;
use super::destination::DestinationApp;
use super::error::HerokuError;
use super::set_state::Reads;

/// The process that serves visitors.
const WEB: &str = "web";

/// The scale of each process type. It can be saved, and restored later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Formation(pub BTreeMap<String, Scale>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    pub quantity: u32,
    /// `Standard-1X`.
    pub size: String,
}

#[derive(Deserialize)]
struct Process {
    #[serde(rename = "type")]
    kind: String,
    quantity: u32,
    size: String,
}

impl Formation {
    /// The same processes and sizes, with no dyno running.
    pub fn at_zero(&self) -> Formation {
        let stopped = |scale: &Scale| Scale { quantity: 0, size: scale.size.clone() };
        Formation(self.0.iter().map(|(kind, scale)| (kind.clone(), stopped(scale))).collect())
    }

    pub fn is_at_zero(&self) -> bool {
        self.dynos() == 0
    }

    /// Whether the app has a web process without dynos. An app that was never deployed has no
    /// processes at all.
    pub fn serves_nobody(&self) -> bool {
        match self.0.get(WEB) {
            Some(web) => web.quantity == 0,
            None => !self.0.is_empty() && self.is_at_zero(),
        }
    }

    /// The same with at least one web dyno, as Heroku gives a new app.
    pub fn with_a_web_dyno(&self) -> Formation {
        let mut formation = self.clone();
        if let Some(web) = formation.0.get_mut(WEB) {
            web.quantity = web.quantity.max(1);
        }
        formation
    }

    /// This formation for the processes of `present`, because other code may have other processes.
    /// Processes that only `present` has keep their scale.
    pub fn onto(&self, present: &Formation) -> Formation {
        let scale = |(kind, now): (&String, &Scale)| {
            (kind.clone(), self.0.get(kind).unwrap_or(now).clone())
        };
        Formation(present.0.iter().map(scale).collect())
    }

    /// The processes with dynos that `present` lacks.
    pub fn missing_in(&self, present: &Formation) -> Vec<String> {
        let missing =
            self.0.iter().filter(|(kind, one)| one.quantity > 0 && !present.0.contains_key(*kind));
        missing.map(|(kind, _)| kind.clone()).collect()
    }

    /// The same, plus the processes that only `other` has.
    pub fn with_missing_of(mut self, other: &Formation) -> Formation {
        for (kind, scale) in &other.0 {
            self.0.entry(kind.clone()).or_insert_with(|| scale.clone());
        }
        self
    }

    /// The total number of dynos.
    pub fn dynos(&self) -> u32 {
        self.0.values().fold(0, |sum, scale| sum.saturating_add(scale.quantity))
    }

    /// The updates to send to get from `present` to this. A size is sent only if it changes.
    fn updates_from(&self, present: &Formation) -> Vec<Value> {
        let changed = self.0.iter().filter(|(kind, scale)| present.0.get(*kind) != Some(scale));
        changed
            .map(|(kind, scale)| {
                match present.0.get(kind).is_some_and(|there| there.size == scale.size) {
                    true => json!({ "type": kind, "quantity": scale.quantity }),
                    false => {
                        json!({ "type": kind, "quantity": scale.quantity, "size": scale.size })
                    }
                }
            })
            .collect()
    }
}

impl fmt::Display for Formation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let process =
            |(kind, scale): (&String, &Scale)| format!("{kind}={}:{}", scale.quantity, scale.size);
        let all: Vec<String> = self.0.iter().map(process).collect();
        f.write_str(if all.is_empty() { "no processes" } else { "" })?;
        f.write_str(&all.join(" "))
    }
}

impl Heroku {
    pub async fn formation(&self, app: &str) -> Result<Formation, HerokuError> {
        let path = ["apps", app, "formation"];
        let request = self.platform(&path, format!("the formation of {app}"));
        let processes: Vec<Process> = self.get_list(request).await?;
        Ok(of_processes(processes))
    }

    /// Scales the processes of `wanted`, and reads them back to check. Other processes do not
    /// change. Dynos start and stop later: see [`Heroku::wait_for_dynos`].
    pub async fn scale(&self, app: &DestinationApp, wanted: &Formation) -> Result<(), HerokuError> {
        let updates = wanted.updates_from(&self.formation(app.id()).await?);
        if updates.is_empty() {
            return Ok(());
        }
        let path = ["apps", app.id(), "formation"];
        let what = format!("the formation of {}", app.name());
        let request = self.platform(&path, what);
        let body = json!({ "updates": updates });
        let is_wanted = |found: &Formation| wanted.updates_from(found).is_empty();
        let echoes = |answer: &Value| {
            let processes = serde_json::from_value::<Vec<Process>>(answer.clone());
            processes.is_ok_and(|processes| is_wanted(&of_processes(processes)))
        };
        self.set_state(request, &body, echoes, || async {
            let found = self.formation(app.id()).await?;
            let (wanted, as_wanted) = (wanted.to_string(), is_wanted(&found));
            Ok(match as_wanted {
                true => Reads::AsWanted,
                false => Reads::Otherwise { wanted, found: found.to_string() },
            })
        })
        .await
    }
}

fn of_processes(processes: Vec<Process>) -> Formation {
    let scale = |one: Process| (one.kind, Scale { quantity: one.quantity, size: one.size });
    Formation(processes.into_iter().map(scale).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formation(processes: &[(&str, u32, &str)]) -> Formation {
        let scale = |&(kind, quantity, size): &(&str, u32, &str)| {
            (kind.to_owned(), Scale { quantity, size: size.to_owned() })
        };
        Formation(processes.iter().map(scale).collect())
    }

    #[test]
    fn only_differences_are_sent() {
        let present = formation(&[("web", 0, "Basic"), ("worker", 1, "Basic"), ("cron", 1, "S")]);
        let wanted = formation(&[("web", 2, "Basic"), ("worker", 1, "Standard-1X")]);
        let updates = Value::from(wanted.updates_from(&present));
        let expected = json!([
            { "type": "web", "quantity": 2 },
            { "type": "worker", "quantity": 1, "size": "Standard-1X" },
        ]);
        assert_eq!(updates, expected);
        assert!(wanted.at_zero().is_at_zero() && wanted.dynos() == 3);
    }

    #[test]
    fn without_a_web_dyno_no_one_is_served() {
        let without = formation(&[("web", 0, "Basic"), ("worker", 1, "Basic")]);
        assert!(without.serves_nobody() && !without.with_a_web_dyno().serves_nobody());
        assert_eq!(without.with_a_web_dyno().to_string(), "web=1:Basic worker=1:Basic");
        assert!(!formation(&[("web", 2, "Basic")]).serves_nobody());
        assert!(!Formation::default().serves_nobody());
        assert!(formation(&[("worker", 0, "Basic")]).serves_nobody());
    }

    /// The new code has a `beat` and no `worker`. The way back is the reverse.
    #[test]
    fn processes_of_other_code_only_do_not_change() {
        let before = formation(&[("web", 2, "Basic"), ("worker", 1, "Basic"), ("cron", 0, "S")]);
        let now = formation(&[("web", 0, "Basic"), ("beat", 1, "Basic")]);
        let expected = formation(&[("web", 2, "Basic"), ("beat", 1, "Basic")]);
        assert_eq!(before.onto(&now), expected);
        assert_eq!(before.missing_in(&now), ["worker"]);
        assert_eq!(expected, before.onto(&expected));
        let merged = now.with_missing_of(&before);
        assert_eq!(merged.0.keys().collect::<Vec<_>>(), ["beat", "cron", "web", "worker"]);
        assert_eq!(
            merged.onto(&before),
            formation(&[("web", 0, "Basic"), ("worker", 1, "Basic"), ("cron", 0, "S")])
        );
    }

    #[test]
    fn a_formation_can_be_saved() {
        let kept = formation(&[("web", 2, "Basic")]);
        let json = serde_json::to_string(&kept).expect("json");
        assert_eq!(json, r#"{"web":{"quantity":2,"size":"Basic"}}"#);
        assert_eq!(serde_json::from_str::<Formation>(&json).expect("a formation"), kept);
        assert_eq!(kept.to_string(), "web=2:Basic");
        assert_eq!(Formation::default().to_string(), "no processes");
    }
}
