//! What a pull refuses to write to.

use crate::adapters::heroku::HerokuError;
use crate::adapters::postgres::{DatabaseIdentity, DatabaseUrl};
use crate::cli::PullDataArgs;
use crate::commands::Context;
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
        format!("{} is not on this machine, and a pull only writes to a local database; nothing was changed", target.place()),
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
/// With `--file` and `--undo` nothing else needs Heroku, so that a missing login is a warning then: a loopback
/// address is not production's, unless somebody has dug a tunnel.
pub async fn not_an_environments_own(
    context: &Context,
    args: &PullDataArgs,
    target: &DatabaseUrl,
) -> Result<Option<LoggedIn>, CommandError> {
    let needed = args.environment.is_some();
    let logged_in = match log_in(context).await {
        Ok(logged_in) => logged_in,
        Err(error) if needed => return Err(error.into()),
        Err(_) => {
            context.ui.emit(Event::Warning(
                "not logged in to Heroku, so the target was not compared with the environments' databases".to_owned(),
            ));
            return Ok(None);
        }
    };
    let identity = DatabaseIdentity::of(target);
    for environment in context.settings.environments.values() {
        let vars = match logged_in.heroku.config_vars(&environment.app.value).await {
            Ok(vars) => vars,
            Err(error) if is_source(args, environment) => return Err(error.into()),
            // Who cannot be reached for one app cannot be reached for the next: each would take as
            // long to find that out.
            Err(error @ HerokuError::Network { .. }) if needed => return Err(error.into()),
            Err(error @ HerokuError::Network { .. }) => {
                context.ui.emit(Event::Warning(format!(
                    "the target was not compared with the environments' databases: {error}"
                )));
                return Ok(Some(logged_in));
            }
            Err(error) => {
                tell_unread(context, environment, &error);
                continue;
            }
        };
        for (name, url) in database_urls(&vars) {
            let Ok(url) = context.remote_database(url) else { continue };
            if identity.may_be(&DatabaseIdentity::of(&url)) {
                return Err(refusal(target, environment, name));
            }
        }
    }
    Ok(Some(logged_in))
}

fn is_source(args: &PullDataArgs, environment: &Environment) -> bool {
    args.environment.as_deref() == Some(environment.name.as_str())
}

/// An app that is not there has no database. One that cannot be read is told.
fn tell_unread(context: &Context, environment: &Environment, error: &HerokuError) {
    if matches!(error, HerokuError::NotFound { .. }) && !environment.protected {
        return;
    }
    context.ui.emit(Event::Warning(format!(
        "the target was not compared with the database of {}: {error}",
        environment.name
    )));
}

/// Every config var that holds a Postgres URL: followers and read replicas have one too.
fn database_urls(
    vars: &crate::adapters::heroku::ConfigVars,
) -> impl Iterator<Item = (&str, &crate::secret::Secret)> {
    vars.names().filter_map(|name| {
        let url = vars.get(name)?;
        let text = url.expose();
        (text.starts_with("postgres://") || text.starts_with("postgresql://"))
            .then_some((name, url))
    })
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
