//! Reads and sets an app's config vars, and treats all their values as secrets.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::client::Heroku;
use super::destination::DestinationApp;
use super::error::HerokuError;
use super::set_state::Reads;
use crate::secret::Secret;

/// The config vars of one app. `Debug` shows only the names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "BTreeMap<String, Option<String>>")]
pub struct ConfigVars(BTreeMap<String, Option<Secret>>);

impl From<BTreeMap<String, Option<String>>> for ConfigVars {
    fn from(vars: BTreeMap<String, Option<String>>) -> Self {
        let secret = |(name, value): (String, Option<String>)| {
            let value = value.map(|value| Secret::of_variable(&name, value));
            (name, value)
        };
        ConfigVars(vars.into_iter().map(secret).collect())
    }
}

impl ConfigVars {
    /// The value, if the variable is set. It may be empty.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)?.as_ref()
    }

    /// These variables, replaced by those of `others` with the same names.
    pub fn overlaid(mut self, others: impl IntoIterator<Item = (String, Secret)>) -> Self {
        self.0.extend(others.into_iter().map(|(name, value)| (name, Some(value))));
        self
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name.as_str())
    }
}

impl Heroku {
    pub async fn config_vars(&self, app: &str) -> Result<ConfigVars, HerokuError> {
        let what = format!("the config vars of {app}");
        self.get(self.platform(&["apps", app, "config-vars"], what).private()).await
    }

    /// Sets config vars, unsets those without a value, and reads them back to check. Heroku makes a
    /// release and restarts the dynos.
    pub async fn set_config_vars(
        &self,
        app: &DestinationApp,
        changes: &BTreeMap<String, Option<Secret>>,
    ) -> Result<(), HerokuError> {
        let path = ["apps", app.id(), "config-vars"];
        let what = format!("the change of config vars of {}", app.name());
        let request = self.platform(&path, what).private();
        let value = |one: &Option<Secret>| {
            one.as_ref().map_or(Value::Null, |secret| secret.expose().into())
        };
        let body: Map<String, Value> =
            changes.iter().map(|(name, one)| (name.clone(), value(one))).collect();
        let differs = |found: &ConfigVars| {
            let differing = changes.iter().find(|(name, value)| {
                found.get(name).map(Secret::expose) != value.as_ref().map(Secret::expose)
            });
            differing.map(|(name, _)| name.clone())
        };
        let echoes = |answer: &Value| {
            let found = serde_json::from_value::<ConfigVars>(answer.clone());
            found.is_ok_and(|found| differs(&found).is_none())
        };
        self.set_state(request, &Value::Object(body), echoes, || async {
            Ok(match differs(&self.config_vars(app.id()).await?) {
                None => Reads::AsWanted,
                Some(name) => Reads::Otherwise {
                    wanted: format!("the new value of {name}"),
                    found: "another value".to_owned(),
                },
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unset_differs_from_empty_and_values_are_hidden() {
        let json = r#"{"A": "hunter2", "EMPTY": "", "NULL": null}"#;
        let vars: ConfigVars = serde_json::from_str(json).expect("config vars");
        assert_eq!(vars.get("A").map(Secret::expose), Some("hunter2"));
        assert_eq!(vars.get("EMPTY").map(Secret::expose), Some(""));
        assert!(vars.get("NULL").is_none() && vars.get("OTHER").is_none());
        assert_eq!(vars.names().collect::<Vec<_>>(), ["A", "EMPTY"]);
        assert!(!format!("{vars:?}").contains("hunter2"));
    }
}
