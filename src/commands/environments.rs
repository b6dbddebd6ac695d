//! What an environment's config vars say, with what this process's variables say instead.
//!
//! `BCOPS_STAGING_DATABASE_URL` stands in for the config var `DATABASE_URL` of staging, so that CI
//! can give values that it may not, or need not, ask Heroku for.

use crate::adapters::heroku::{ConfigVars, HerokuError};
use crate::adapters::postgres::DatabaseUrl;
use crate::commands::Context;
use crate::commands::heroku::LoggedIn;
use crate::error::{CommandError, Kind};
use crate::secret::Secret;
use crate::settings::Environment;

/// An environment's values.
pub struct Values {
    /// As Heroku has them. Empty where Heroku could not be asked and overrides stand in.
    pub own: ConfigVars,
    pub overrides: Vec<(String, Secret)>,
}

impl Values {
    /// Asks Heroku, unless nobody is logged in and overrides are there.
    pub async fn of(
        context: &Context,
        logged_in: &Result<LoggedIn, HerokuError>,
        environment: &Environment,
    ) -> Result<Values, CommandError> {
        let overrides = context.overrides(&environment.name);
        let own = match logged_in {
            Ok(logged_in) => logged_in.heroku.config_vars(&environment.app.value).await?,
            Err(_) if !overrides.is_empty() => ConfigVars::default(),
            Err(error) => {
                let error = error.to_string();
                return Err(CommandError::new(Kind::Configuration, error)
                    .hint("heroku login   # or set HEROKU_API_KEY"));
            }
        };
        Ok(Values { own, overrides })
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

    /// The config vars as Heroku has them, and as they are in force where that differs.
    pub fn variants(&self) -> Vec<ConfigVars> {
        match self.overrides.is_empty() {
            true => vec![self.own.clone()],
            false => vec![self.own.clone(), self.in_force()],
        }
    }

    /// Every Postgres URL, in force or not: followers and read replicas have one too.
    pub fn database_urls(&self) -> impl Iterator<Item = (&str, &Secret)> {
        let own = self.own.names().filter_map(|name| Some((name, self.own.get(name)?)));
        let overrides = self.overrides.iter().map(|(name, value)| (name.as_str(), value));
        own.chain(overrides).filter(|(_, url)| is_database_url(url))
    }

    /// The environment's database.
    pub fn database(
        &self,
        context: &Context,
        environment: &Environment,
    ) -> Result<DatabaseUrl, CommandError> {
        let variable = &environment.database_url_variable;
        let app = &environment.app.value;
        let url = self.get(variable).filter(|url| !url.expose().is_empty()).ok_or_else(|| {
            CommandError::new(
                Kind::Configuration,
                format!("{app} has no config var {variable}, so its database is not known"),
            )
            .hint(format!(
                "name the right one as environments.{}.config_vars.database_url in bcops.toml",
                environment.name
            ))
        })?;
        context.remote_database(url).map_err(|error| {
            let text = format!("{variable} of {app} is not usable");
            CommandError::new(Kind::Configuration, text).with_cause(error)
        })
    }
}

pub fn is_database_url(url: &Secret) -> bool {
    let text = url.expose().trim_start();
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| ["postgres", "postgresql", "postgis"].contains(&scheme.as_str()))
}
