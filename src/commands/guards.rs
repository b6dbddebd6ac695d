//! What a command refuses to write to.

use futures_util::future::join_all;

use crate::adapters::heroku::HerokuError;
use crate::adapters::postgres::{DatabaseIdentity, DatabaseUrl};
use crate::commands::Context;
use crate::commands::environments::Values;
use crate::commands::heroku::{LoggedIn, log_in};
use crate::error::{CommandError, Kind};
use crate::events::{Event, Reporter};
use crate::settings::{Destination, Environment, Origin};

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
        let values = Values { own: vars, overrides: context.overrides(&environment.name) };
        for (name, url) in values.database_urls() {
            match context.remote_database(url) {
                Ok(url) if identity.may_be(&DatabaseIdentity::of(&url)) => {
                    return Err(refusal(target, environment, name));
                }
                Ok(_) => {}
                Err(error) => {
                    uncompared(format!("{name} of {}: {error}", environment.app.value))?;
                }
            }
        }
    }
    Ok(Some(logged_in))
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
    .hint("point BCOPS_LOCAL_DATABASE_URL at a database of your own, for example postgres:///bc")
}

/// A destination elsewhere must not be what belongs to a protected environment: not the app, and
/// not the database, by whatever name or address. What cannot be compared is a refusal.
pub async fn not_a_protected_one(
    context: &Context,
    logged_in: &Result<LoggedIn, HerokuError>,
    destination: &Destination,
    database: &DatabaseUrl,
) -> Result<(), CommandError> {
    let identity = DatabaseIdentity::of(database);
    let protected: Vec<&Environment> =
        context.settings.environments.values().filter(|one| one.protected).collect();
    let app_id = app_id(logged_in, &destination.app.value);
    let others = join_all(protected.iter().map(|environment| async move {
        let values = Values::of(context, logged_in, environment).await?;
        Ok::<_, CommandError>((app_id_of(logged_in, environment).await?, values))
    }));
    let (app_id, others) = futures_util::future::join(app_id, others).await;
    let app_id = app_id?;
    for (environment, other) in protected.into_iter().zip(others) {
        let same_app = environment.app.value == destination.app.value;
        let (other_id, values) = match other {
            Ok(other) => other,
            Err(error) if is_absent(environment, &error, same_app) => {
                let (name, app) = (&environment.name, &environment.app.value);
                let text = format!("{name} was not compared: there is no app {app}");
                context.ui.emit(Event::Warning(text));
                continue;
            }
            Err(error) => return Err(cannot_compare(environment, error)),
        };
        if same_app || (app_id.is_some() && app_id == other_id) {
            return Err(is_protected("app", &destination.app.value, environment, ""));
        }
        let mut compared = false;
        for (name, url) in values.database_urls() {
            let other = context.remote_database(url).map_err(|error| {
                let text = format!("{name} of {} is not usable", environment.app.value);
                let error = CommandError::new(Kind::Configuration, text).with_cause(error);
                cannot_compare(environment, error)
            })?;
            if identity.may_be(&DatabaseIdentity::of(&other)) {
                let what = format!("{} on {}", database.database, database.place());
                return Err(is_protected("database", &what, environment, name));
            }
            compared = true;
        }
        if !compared && logged_in.is_err() {
            let text = format!("the database of {} is not known", environment.name);
            return Err(cannot_compare(environment, CommandError::new(Kind::Configuration, text)));
        }
    }
    Ok(())
}

async fn app_id(
    logged_in: &Result<LoggedIn, HerokuError>,
    app: &str,
) -> Result<Option<String>, CommandError> {
    match logged_in {
        Ok(logged_in) => Ok(Some(logged_in.heroku.app(app).await?.id)),
        Err(_) => Ok(None),
    }
}

async fn app_id_of(
    logged_in: &Result<LoggedIn, HerokuError>,
    environment: &Environment,
) -> Result<Option<String>, CommandError> {
    app_id(logged_in, &environment.app.value).await
}

/// Whether Heroku says that a built-in environment's app does not exist. Of an app that somebody
/// has configured, a name that does not exist is a mistake that would hide the real one.
fn is_absent(environment: &Environment, error: &CommandError, same_app: bool) -> bool {
    let not_found = std::error::Error::source(error)
        .and_then(|cause| cause.downcast_ref::<HerokuError>())
        .is_some_and(|cause| matches!(cause, HerokuError::NotFound { .. }));
    not_found && !same_app && environment.app.origin == Origin::BuiltIn
}

fn cannot_compare(environment: &Environment, error: CommandError) -> CommandError {
    let text = format!(
        "the destination could not be compared with {}, which is protected; nothing was changed",
        environment.name
    );
    let hints = error.hints.clone();
    let refusal = CommandError::new(Kind::Refused, text).with_cause(error);
    hints
        .into_iter()
        .fold(refusal, CommandError::hint)
        .hint("bcops doctor   # checks the login and every app")
}

fn is_protected(what: &str, name: &str, environment: &Environment, variable: &str) -> CommandError {
    let source = match variable {
        "" => environment.app.value.clone(),
        _ => format!("{variable} of {}", environment.app.value),
    };
    CommandError::new(
        Kind::Refused,
        format!(
            "the destination's {what} {name} is that of {}, which is protected ({source}); nothing was changed",
            environment.name
        ),
    )
    .hint("look where the config vars and bcops.toml point: bcops doctor")
}
