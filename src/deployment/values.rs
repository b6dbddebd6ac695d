//! Reads an environment's config vars, and the variables of this process that override them.
//!
//! `BCOPS_STAGING_DATABASE_URL` overrides the config var `DATABASE_URL` of staging, so that CI can
//! give values without asking Heroku.

use super::{LogIn, remote_database};
use crate::adapters::heroku::ConfigVars;
use crate::adapters::postgres::DatabaseUrl;
use crate::failure::{CommandError, FailureKind};
use crate::secret::Secret;
use crate::settings::Environment;

/// An environment's values.
#[derive(Clone)]
pub struct Values {
    /// The values at Heroku. Empty if Heroku could not be asked and there are overrides.
    pub own: ConfigVars,
    pub overrides: Vec<(String, Secret)>,
}

/// The overrides of an environment's config vars: `BCOPS_STAGING_NAME` for `NAME`.
pub fn overrides(environment: &str) -> Vec<(String, Secret)> {
    let name = environment.to_uppercase().replace('-', "_");
    let prefix = format!("BCOPS_{name}_");
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        let name = name.strip_prefix(&prefix)?;
        Some((name.to_owned(), Secret::of_variable(name, value)))
    });
    variables.filter(|(name, _)| !name.is_empty()).collect()
}

impl Values {
    /// Asks Heroku. Without a login, the overrides alone count, if there are any.
    pub async fn of(logged_in: &LogIn, environment: &Environment) -> Result<Values, CommandError> {
        let overrides = overrides(&environment.name);
        let own = match logged_in {
            Ok(logged_in) => logged_in.heroku.config_vars(&environment.app.value).await?,
            Err(_) if !overrides.is_empty() => ConfigVars::default(),
            Err(error) => {
                let error = error.to_string();
                return Err(CommandError::new(FailureKind::Configuration, error)
                    .hint("heroku login   # or set HEROKU_API_KEY"));
            }
        };
        Ok(Values { own, overrides })
    }

    /// Only the overrides of this process.
    pub fn overriding(environment: &Environment) -> Values {
        Values { own: ConfigVars::default(), overrides: overrides(&environment.name) }
    }

    /// The value in force.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        let overriding = self.overrides.iter().find(|(one, _)| one == name);
        overriding.map(|(_, value)| value).or_else(|| self.own.get(name))
    }

    /// The config vars in force.
    pub fn in_force(&self) -> ConfigVars {
        self.own.clone().overlaid(self.overrides.iter().cloned())
    }

    /// The config vars at Heroku, and those in force if there are overrides.
    pub fn variants(&self) -> Vec<ConfigVars> {
        match self.overrides.is_empty() {
            true => vec![self.own.clone()],
            false => vec![self.own.clone(), self.in_force()],
        }
    }

    /// Every value with its variable: Heroku's and this process's, which can have the same name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Secret)> {
        let own = self.own.names().filter_map(|name| Some((name, self.own.get(name)?)));
        let overrides = self.overrides.iter().map(|(name, value)| (name.as_str(), value));
        own.chain(overrides)
    }

    /// The environment's database.
    ///
    /// # Errors
    /// If no config var names the database, or its URL cannot be used.
    pub fn database(&self, environment: &Environment) -> Result<DatabaseUrl, CommandError> {
        let variable = &environment.database_url_variable;
        let app = &environment.app.value;
        let url = self.get(variable).filter(|url| !url.expose().is_empty()).ok_or_else(|| {
            CommandError::new(
                FailureKind::Configuration,
                format!("{app} has no config var {variable}, so its database is not known"),
            )
            .hint(format!(
                "name the right config var as environments.{}.config_vars.database_url in \
                 bcops.toml",
                environment.name
            ))
        })?;
        remote_database(url).map_err(|error| {
            let text = format!("{variable} of {app} is not usable");
            CommandError::new(FailureKind::Configuration, text).with_cause(error)
        })
    }
}
