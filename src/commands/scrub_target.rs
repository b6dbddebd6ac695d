//! Finds the database to read or scrub, and refuses one that must not be scrubbed.

use crate::adapters::postgres::{DatabaseUrl, Session, connect};
use crate::commands::Context;
use crate::deployment::local;
use crate::failure::CommandError;
use crate::settings::Destination;

/// A database, with the names that people know.
pub struct ScrubTarget {
    pub url: DatabaseUrl,
    /// The environment's name and its app's. `None` for the local database.
    pub environment: Option<(String, String)>,
    pub policy: String,
}

impl ScrubTarget {
    /// The name to type before it is scrubbed.
    pub fn confirmation(&self) -> &str {
        match &self.environment {
            Some((_, app)) => app,
            None => &self.url.database,
        }
    }

    pub fn describe(&self) -> String {
        let database = format!("the database {} on {}", self.url.database, self.url.place());
        match &self.environment {
            Some((name, app)) => format!("{name} ({app}), {database}"),
            None => database,
        }
    }

    /// Opens a session. The hint of a failure depends on the database's owner.
    pub async fn connect(&self) -> Result<Session, CommandError> {
        connect(&self.url).await.map_err(|error| {
            let error = CommandError::from(error);
            match &self.environment {
                Some((name, app)) => error.hint_instead(format!(
                    "bcops doctor {name}   # checks {app} and its config vars"
                )),
                None => error,
            }
        })
    }

    pub fn is_local(&self) -> bool {
        self.environment.is_none()
    }
}

/// The names that a command line gives to a database.
#[derive(Debug, Clone, Copy, Default)]
pub struct Named<'a> {
    /// Without one, the local database.
    pub environment: Option<&'a str>,
    /// The local database, instead of the one in the local URL.
    pub target: Option<&'a str>,
    pub policy: Option<&'a str>,
}

/// The database to read: any environment's, or the local one.
pub async fn readable(context: &Context, named: Named<'_>) -> Result<ScrubTarget, CommandError> {
    let Some(name) = named.environment else {
        let url = context.local_target(named.target)?;
        return Ok(ScrubTarget { url, environment: None, policy: named.policy("local") });
    };
    let environment = context.settings.environment(name)?;
    let reading = context.deployments().reading(environment).await?;
    let url = reading.values.database(environment)?;
    let names = (environment.name.clone(), environment.app.value.clone());
    Ok(ScrubTarget { url, environment: Some(names), policy: named.policy("staging") })
}

/// The database to scrub: never a protected environment's, under any name.
pub async fn writable(context: &Context, named: Named<'_>) -> Result<ScrubTarget, CommandError> {
    let Some(name) = named.environment else {
        let target = readable(context, named).await?;
        local::on_this_machine(context.deployments(), &target.url)?;
        local::not_the_servers_own(&target.url)?;
        local::not_an_environments_own(context.deployments(), None, &target.url).await?;
        return Ok(target);
    };
    let destination = Destination::try_from(context.settings.environment(name)?)?;
    let url = context.deployments().writing(&destination).await?.database().await?;
    let names = (destination.name.clone(), destination.app.value.clone());
    Ok(ScrubTarget { url, environment: Some(names), policy: named.policy("staging") })
}

impl Named<'_> {
    fn policy(&self, default: &str) -> String {
        self.policy.unwrap_or(default).to_owned()
    }
}
