//! Checks the login at Heroku, and each environment's app with what its config vars name.

use std::time::Duration;

use futures_util::future::{OptionFuture, join_all};

use super::check::{Check, limited, many, one};
use super::database;
use super::service;
use super::services::{self, Use};
use crate::adapters::heroku::ConfigVars;
use crate::commands::Context;
use crate::deployment::{LogIn, LoggedIn, Values};
use crate::settings::{Environment, Origin};
use crate::words;

pub async fn checks(
    context: &Context,
    environments: &[&Environment],
    source: Option<&Environment>,
) -> Vec<Check> {
    let logged_in = context.deployments().log_in().await;
    let account = logged_in.as_ref().ok().map(|one_in| one("Heroku account", account(one_in)));
    let account = OptionFuture::from(account);
    let looked_at = environments.iter().map(|one| (*one, Use::Itself));
    let all = source.map(|one| (one, Use::Source)).into_iter().chain(looked_at);
    let apps = join_all(all.map(|(environment, usage)| {
        service(context, &environment.name, app(context, &logged_in, environment, usage))
    }));
    let (account, apps) = tokio::join!(account, apps);
    let token = logged_in.err().map(|error| Check::from(("Heroku token", error.into())));
    token.into_iter().chain(account).chain(apps.into_iter().flatten()).collect()
}

async fn account(logged_in: &LoggedIn) -> Check {
    match logged_in.heroku.account().await {
        Ok(account) => Check::pass(
            "Heroku account",
            format!("{} (token from {})", account.email, logged_in.token_origin),
        ),
        Err(error) => Check::from(("Heroku account", error.into())),
    }
}

/// Without a login, only what this process's variables set instead of config vars is checked.
async fn app(
    context: &Context,
    logged_in: &LogIn,
    environment: &Environment,
    usage: Use,
) -> Vec<Check> {
    let name = environment.name.as_str();
    let overrides = Values::overriding(environment).overrides;
    let Ok(client) = logged_in else {
        if overrides.is_empty() {
            return Vec::new();
        }
        let values = Values { own: ConfigVars::default(), overrides };
        return of_values(context, environment, &values, usage).await;
    };
    let read = limited(name, look(client, environment), Err).await;
    let (own, app) = match read {
        Ok(read) => read,
        Err(check) => return vec![check],
    };
    let values = Values { own, overrides };
    let (mut services, database, apart) = tokio::join!(
        of_values(context, environment, &values, usage),
        many(name, of_database(context, client, environment, &values)),
        apart(context, environment, usage),
    );
    services.insert(0, app);
    services.extend(database);
    services.extend(apart);
    services
}

async fn of_values(
    context: &Context,
    environment: &Environment,
    values: &Values,
    usage: Use,
) -> Vec<Check> {
    match usage {
        Use::Itself => services::checks(context, environment, values).await,
        Use::Source => services::checks_of_source(context, environment, values).await,
    }
}

/// Whether a destination shares nothing with a protected environment.
async fn apart(context: &Context, environment: &Environment, usage: Use) -> Option<Check> {
    let destination = environment.as_destination().ok().filter(|_| usage == Use::Itself)?;
    let name = format!("{} is its own", environment.name);
    let look = async {
        let writing = context.deployments().writing(&destination).await;
        match writing.and_then(|writing| writing.all_of_a_dyno()) {
            Ok(()) => Check::pass(
                &name,
                "shares no database, bucket, cache or search cluster with a protected environment",
            ),
            Err(error) => Check::from((name.as_str(), error)),
        }
    };
    Some(one(&name, look).await)
}

/// The app itself and its config vars.
async fn look(client: &LoggedIn, environment: &Environment) -> Result<(ConfigVars, Check), Check> {
    let (name, app) = (&environment.name, &environment.app.value);
    let both = tokio::join!(client.heroku.config_vars(app), client.heroku.app(app));
    let (vars, found) = match both {
        (Ok(vars), Ok(found)) => (vars, found),
        (Err(error), _) | (_, Err(error)) if error.is_not_found() => {
            return Err(Check::fail(
                name,
                format!("Heroku has no app {app}, or this account cannot see it"),
                format!("ask for access to {app}, or {}", another_app(environment, "its name")),
            ));
        }
        (Err(error), _) | (_, Err(error)) => {
            return Err(Check::from((name.as_str(), error.into())));
        }
    };
    // Heroku still answers to the old name of an app that was renamed.
    if found.name != *app && found.id != *app {
        return Err(Check::fail(
            name,
            format!("the app {app} is now named {} ({})", found.name, found.id),
            another_app(environment, &found.name),
        ));
    }
    let protected = if environment.protected { ", protected" } else { "" };
    let detail = format!("{app}{protected}: you may read its config vars (id {})", found.id);
    Ok((vars, Check::pass(name, detail)))
}

/// How an environment gets another app. No file changes a built-in one.
fn another_app(environment: &Environment, app: &str) -> String {
    let name = &environment.name;
    match environment.app.origin {
        Origin::BuiltIn => format!(
            "describe the site in bcops.toml with inherit = false and environments.{name}.app = {app}"
        ),
        _ => format!("set environments.{name}.app in bcops.toml to {app}"),
    }
}

async fn of_database(
    context: &Context,
    client: &LoggedIn,
    environment: &Environment,
    values: &Values,
) -> Vec<Check> {
    let (name, variable) = (&environment.name, &environment.database_url_variable);
    if values.own.get(variable).is_some() {
        let (of, login) = (format!("{name} backups"), format!("{name} database"));
        let (login, backups) = tokio::join!(
            one(&login, database::check(environment, values)),
            one(&of, backups(context, client, environment)),
        );
        return vec![login, backups];
    }
    vec![Check::fail(
        &format!("{name} database"),
        format!("{} has no config var {variable}", environment.app.value),
        format!("set environments.{name}.config_vars.database_url in bcops.toml"),
    )]
}

async fn backups(context: &Context, logged_in: &LoggedIn, environment: &Environment) -> Check {
    let name = format!("{} backups", environment.name);
    let heroku = &logged_in.heroku;
    let found = async {
        let database = heroku
            .look_up_database(&environment.app.value, &environment.database_url_variable)
            .await?;
        heroku.backups_of(&database).await?.newest()
    };
    let newest = match found.await {
        Ok(newest) => newest,
        Err(error) => return Check::from((name.as_str(), error.into())),
    };
    let capture = format!("bcops pull-data {} --capture", environment.name);
    let Some(newest) = newest else {
        return Check::fail(&name, "no completed backup", capture);
    };
    let age = newest
        .finished_at
        .and_then(|at| Duration::try_from(jiff::Timestamp::now().duration_since(at)).ok())
        .unwrap_or_default();
    let detail = format!("the newest is {}, {} old", newest.name(), words::duration(age));
    if age > context.settings.backup_max_age.value {
        Check::fail(
            &name,
            detail,
            format!(
                "{capture}   # and check the schedule: heroku pg:backups:schedules --app {}",
                environment.app.value
            ),
        )
    } else {
        Check::pass(&name, detail)
    }
}
