//! What a push refuses to write to, found out before anything is written.

use futures_util::future::join_all;

use crate::adapters::heroku::{ConfigVars, HerokuError};
use crate::adapters::postgres::{DatabaseIdentity, DatabaseUrl};
use crate::adapters::s3::{BucketAddress, BucketIdentity, BucketSettings};
use crate::commands::Context;
use crate::commands::heroku::LoggedIn;
use crate::error::{CommandError, Kind};
use crate::events::{Event, Reporter};
use crate::settings::Environment;

use super::buckets;

/// The config vars of every environment, or why they could not be read.
pub struct Surroundings<'a>(Vec<(&'a Environment, Result<ConfigVars, HerokuError>)>);

impl<'a> Surroundings<'a> {
    pub async fn look(context: &'a Context, logged_in: &LoggedIn) -> Surroundings<'a> {
        let environments: Vec<&Environment> = context.settings.environments.values().collect();
        let vars =
            join_all(environments.iter().map(|one| logged_in.heroku.config_vars(&one.app.value)));
        Surroundings(environments.into_iter().zip(vars.await).collect())
    }

    /// The config vars of one environment.
    pub fn vars(&self, name: &str) -> Result<&ConfigVars, CommandError> {
        let found = self.0.iter().find(|(environment, _)| environment.name == name);
        match found {
            Some((_, Ok(vars))) => Ok(vars),
            Some((_, Err(error))) => Err(CommandError::new(Kind::Configuration, error.to_string())
                .hint("bcops doctor   # checks the login and every app")),
            None => Err(CommandError::new(Kind::Usage, format!("unknown environment `{name}`"))),
        }
    }

    /// The bucket must not be that of a protected environment, by whatever address. What cannot
    /// be compared is refused: this is somebody's live site.
    pub fn check_bucket(
        &self,
        context: &Context,
        destination: &Environment,
        settings: &BucketSettings,
    ) -> Result<(), CommandError> {
        let address = BucketAddress::new(settings)?;
        let identity = BucketIdentity::of(&address, &settings.credentials);
        for (environment, vars) in self.protected() {
            let vars = readable(environment, vars, &address.place())?;
            if buckets::has_one(environment, vars) {
                let theirs = buckets::settings(context, environment, vars)
                    .and_then(|theirs| Ok((BucketAddress::new(&theirs)?, theirs)))
                    .map_err(|error| uncompared(environment, &address.place(), error))?;
                if identity.may_be(&BucketIdentity::of(&theirs.0, &theirs.1.credentials)) {
                    let variable = &environment.bucket_variables.bucket;
                    return Err(refusal(destination, &address, environment, variable));
                }
            }
            let same = vars.names().find(|name| {
                let value = vars.get(name).map(|value| value.expose().trim());
                name.contains("BUCKET")
                    && value == Some(settings.bucket.as_str())
                    && *name != environment.bucket_variables.bucket
            });
            if let Some(variable) = same {
                return Err(refusal(destination, &address, environment, variable));
            }
        }
        Ok(())
    }

    /// The database must not be that of a protected environment; a local one, of none at all.
    pub fn check_database(
        &self,
        context: &Context,
        url: &DatabaseUrl,
        local: bool,
    ) -> Result<(), CommandError> {
        let identity = DatabaseIdentity::of(url);
        let lenient = local && identity.is_on_this_machine();
        let checked = self.0.iter().filter(|(environment, _)| local || environment.protected);
        for (environment, vars) in checked {
            let vars = match vars {
                Ok(vars) => vars,
                Err(error) if lenient => {
                    let text = format!(
                        "the local database could not be compared with that of {}: {error}",
                        environment.name
                    );
                    context.ui.emit(Event::Warning(text));
                    continue;
                }
                Err(_) => readable(environment, vars, &url.place())?,
            };
            for name in vars.names() {
                let Some(value) = vars.get(name) else { continue };
                let schemes = ["postgres://", "postgresql://", "postgis://"];
                if !schemes.iter().any(|scheme| value.expose().starts_with(scheme)) {
                    continue;
                }
                let theirs = match context.remote_database(value) {
                    Ok(theirs) => theirs,
                    Err(_) if lenient => continue,
                    Err(error) => return Err(uncompared(environment, &url.place(), error.into())),
                };
                if identity.may_be(&DatabaseIdentity::of(&theirs)) {
                    return Err(CommandError::new(
                        Kind::Refused,
                        format!(
                            "the database {} on {} is that of {} ({name} of {}); nothing was changed",
                            url.database,
                            url.place(),
                            environment.name,
                            environment.app.value
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    fn protected(&self) -> impl Iterator<Item = (&Environment, &Result<ConfigVars, HerokuError>)> {
        self.0
            .iter()
            .filter(|(environment, _)| environment.protected)
            .map(|(environment, vars)| (*environment, vars))
    }
}

/// From an environment onto itself, by name or by bucket.
pub fn not_onto_itself(
    source: (&Environment, &BucketSettings),
    destination: (&Environment, &BucketSettings),
) -> Result<(), CommandError> {
    let of = |settings: &BucketSettings| -> Result<(BucketAddress, BucketIdentity), CommandError> {
        let address = BucketAddress::new(settings)?;
        let identity = BucketIdentity::of(&address, &settings.credentials);
        Ok((address, identity))
    };
    let (from, to) = (of(source.1)?, of(destination.1)?);
    if source.0.name != destination.0.name && !from.1.may_be(&to.1) {
        return Ok(());
    }
    Err(CommandError::new(
        Kind::Refused,
        format!(
            "the bucket of {} ({}) and that of {} ({}) are one; nothing was changed",
            source.0.name,
            from.0.place(),
            destination.0.name,
            to.0.place()
        ),
    ))
}

fn readable<'v>(
    environment: &Environment,
    vars: &'v Result<ConfigVars, HerokuError>,
    place: &str,
) -> Result<&'v ConfigVars, CommandError> {
    vars.as_ref().map_err(|error| {
        CommandError::new(
            Kind::Refused,
            format!(
                "{place} could not be compared with what {} has ({error}); nothing was changed",
                environment.name
            ),
        )
        .hint("bcops doctor   # checks the login and every app")
    })
}

fn uncompared(environment: &Environment, place: &str, error: CommandError) -> CommandError {
    CommandError::new(
        Kind::Refused,
        format!(
            "{place} could not be compared with what {} has; nothing was changed",
            environment.name
        ),
    )
    .with_cause(error)
    .hint("bcops doctor   # checks every bucket")
}

fn refusal(
    destination: &Environment,
    address: &BucketAddress,
    environment: &Environment,
    variable: &str,
) -> CommandError {
    CommandError::new(
        Kind::Refused,
        format!(
            "the bucket {} of {} is that of {} ({variable} of {}), which is protected; nothing was changed",
            address.place(),
            destination.name,
            environment.name,
            environment.app.value
        ),
    )
    .hint(format!(
        "set {} of {} to a bucket of its own",
        destination.bucket_variables.bucket, destination.app.value
    ))
}
