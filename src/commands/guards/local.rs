//! The local database: on this machine, nobody else's, and no environment's.

use futures_util::future::join_all;

use crate::adapters::heroku::{ConfigVars, HerokuError};
use crate::adapters::postgres::{DatabaseIdentity, DatabaseUrl};
use crate::commands::Context;
use crate::commands::environments::Values;
use crate::commands::heroku::{LoggedIn, log_in};
use crate::error::{CommandError, Kind};
use crate::events::{Event, Reporter};
use crate::settings::Environment;

/// The target must be on this machine, or on a host that the user has listed.
pub fn on_this_machine(context: &Context, target: &DatabaseUrl) -> Result<(), CommandError> {
    let host = target.host.to_string();
    let allowed =
        context.settings.local.allowed_hosts.iter().any(|name| name.eq_ignore_ascii_case(&host));
    if allowed || DatabaseIdentity::of(target).is_on_this_machine() {
        return Ok(());
    }
    Err(CommandError::new(
        Kind::Refused,
        format!("{} is not on this machine, and this only writes to a local database; nothing was changed", target.place()),
    )
    .hint("point BCOPS_LOCAL_DATABASE_URL at a server on this machine")
    .hint(format!("if {host} is yours alone, add it to local.allowed_hosts in bcops.toml")))
}

/// The databases that every server has are no site's: tools connect to one of them to begin with,
/// and new databases are copies of the others.
pub fn not_the_servers_own(target: &DatabaseUrl) -> Result<(), CommandError> {
    let name = target.database.as_str();
    if !["postgres", "template0", "template1"].contains(&name) {
        return Ok(());
    }
    Err(CommandError::new(
        Kind::Refused,
        format!("the target {name} is the server's own database; nothing was changed"),
    )
    .hint("name a database of your own, with --target or in BCOPS_LOCAL_DATABASE_URL"))
}

/// The target must not be the database of any environment, by whatever name or address. Gives the
/// Heroku client where one could be had.
///
/// What cannot be compared is a warning for a target on this machine, where no environment's
/// database is unless somebody has dug a tunnel. For a target elsewhere, which
/// `local.allowed_hosts` makes possible, it is a refusal. `source` is the environment that is read
/// from, if one is: it has to be reached.
pub async fn not_an_environments_own(
    context: &Context,
    source: Option<&str>,
    target: &DatabaseUrl,
) -> Result<Option<LoggedIn>, CommandError> {
    let identity = DatabaseIdentity::of(target);
    let uncompared = |what: String| uncompared(context, &identity, target, what);
    // What this process was told is known whatever Heroku says, or does not say.
    for environment in context.settings.environments.values() {
        let own = ConfigVars::default();
        let values = Values { own, overrides: context.overrides(&environment.name) };
        compare(context, &identity, target, environment, &values)?;
    }
    let logged_in = match log_in(context).await {
        Ok(logged_in) => logged_in,
        Err(error) if source.is_some() => return Err(error.into()),
        Err(_) => {
            uncompared("the environments' databases: not logged in to Heroku".to_owned())?;
            return Ok(None);
        }
    };
    let environments: Vec<&Environment> = context.settings.environments.values().collect();
    let all_vars =
        join_all(environments.iter().map(|one| logged_in.heroku.config_vars(&one.app.value))).await;
    for (environment, vars) in environments.into_iter().zip(all_vars) {
        let vars = match vars {
            Ok(vars) => vars,
            Err(error) if source == Some(environment.name.as_str()) => return Err(error.into()),
            // An app that is not there has no database.
            Err(HerokuError::NotFound { .. }) if !environment.protected => continue,
            // Who cannot be reached at all for one app is not reached for the next one either.
            Err(error @ HerokuError::Network { .. }) if source.is_some() => {
                return Err(error.into());
            }
            Err(error @ HerokuError::Network { .. }) => {
                uncompared(format!("the environments' databases: {error}"))?;
                return Ok(Some(logged_in));
            }
            Err(error) => {
                uncompared(format!("the database of {}: {error}", environment.name))?;
                continue;
            }
        };
        let values = Values { own: vars, overrides: Vec::new() };
        compare(context, &identity, target, environment, &values)?;
    }
    Ok(Some(logged_in))
}

/// Refuses the target if it is one of the environment's databases.
fn compare(
    context: &Context,
    identity: &DatabaseIdentity,
    target: &DatabaseUrl,
    environment: &Environment,
    values: &Values,
) -> Result<(), CommandError> {
    for (name, url) in values.database_urls() {
        match context.remote_database(url) {
            Ok(url) if identity.may_be(&DatabaseIdentity::of(&url)) => {
                return Err(refusal(target, environment, name));
            }
            Ok(_) => {}
            Err(error) => {
                let what = format!("{name} of {}: {error}", environment.app.value);
                uncompared(context, identity, target, what)?;
            }
        }
    }
    Ok(())
}

fn uncompared(
    context: &Context,
    identity: &DatabaseIdentity,
    target: &DatabaseUrl,
    what: String,
) -> Result<(), CommandError> {
    if identity.is_on_this_machine() {
        let text = format!("the target could not be compared with {what}");
        context.ui.emit(Event::Warning(text));
        return Ok(());
    }
    Err(CommandError::new(
        Kind::Refused,
        format!("{} could not be compared with {what}; nothing was changed", target.place()),
    )
    .hint("bcops doctor   # checks the login and every app"))
}

fn refusal(target: &DatabaseUrl, environment: &Environment, variable: &str) -> CommandError {
    CommandError::new(
        Kind::Refused,
        format!(
            "the target {} on {} is the database of {} ({variable} of {}); nothing was changed",
            target.database,
            target.place(),
            environment.name,
            environment.app.value
        ),
    )
    .hint("point BCOPS_LOCAL_DATABASE_URL at a database of your own, for example postgres:///site")
}
