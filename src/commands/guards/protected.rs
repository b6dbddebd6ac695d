//! A destination elsewhere must not be what belongs to a protected environment: not its app, its
//! database, its bucket or its search cluster, by whatever name or address.
//!
//! Identity is what a resource is. What cannot be compared is a refusal: it is somebody's live site.

use futures_util::future::join_all;

use crate::adapters::elasticsearch::ClusterAddress;
use crate::adapters::heroku::{ConfigVars, HerokuError};
use crate::adapters::postgres::{DatabaseIdentity, DatabaseUrl};
use crate::adapters::redis::RedisUrl;
use crate::adapters::s3::{BucketAddress, BucketIdentity, BucketSettings, DestinationBucket};
use crate::caches::{self, FrontEnd};
use crate::commands::Context;
use crate::commands::environments::{Values, is_database_url};
use crate::commands::heroku::LoggedIn;
use crate::commands::media::buckets;
use crate::error::{CommandError, Kind};
use crate::events::{Event, Reporter};
use crate::settings::{Destination, Environment, Origin};

/// What every protected environment has.
pub struct Protected<'a> {
    context: &'a Context,
    environments: Vec<(&'a Environment, Values)>,
    logged_in: bool,
}

impl<'a> Protected<'a> {
    /// Looks at every protected environment, and refuses a destination that is the app of one.
    pub async fn look(
        context: &'a Context,
        logged_in: &Result<LoggedIn, HerokuError>,
        destination: &Destination,
    ) -> Result<Protected<'a>, CommandError> {
        let protected: Vec<&Environment> =
            context.settings.environments.values().filter(|one| one.protected).collect();
        let others = join_all(protected.iter().map(|environment| async move {
            let id = app_id(logged_in, environment).await?;
            let values = Values::of(context, logged_in, environment).await;
            // Only the first of the two requests tells whether the app is there.
            values.map(|values| (id, values)).map_err(Unread::Values)
        }));
        let own = app_id(logged_in, destination);
        let (own, others) = futures_util::future::join(own, others).await;
        let own = own.map_err(Unread::into_error)?;
        let mut environments = Vec::new();
        for (environment, other) in protected.into_iter().zip(others) {
            let same_app = environment.app.value == destination.app.value;
            let (id, values) = match other {
                Ok(other) => other,
                Err(Unread::Absent { .. })
                    if environment.app.origin == Origin::BuiltIn && !same_app =>
                {
                    let (name, app) = (&environment.name, &environment.app.value);
                    let text = format!("{name} was not compared: there is no app {app}");
                    context.ui.emit(Event::Warning(text));
                    continue;
                }
                Err(unread) => return Err(cannot_compare(environment, unread.into_error())),
            };
            if same_app || (own.is_some() && own == id) {
                return Err(is_protected("app", &destination.app.value, environment, None));
            }
            environments.push((environment, values));
        }
        Ok(Protected { context, environments, logged_in: logged_in.is_ok() })
    }

    pub fn check_database(&self, database: &DatabaseUrl) -> Result<(), CommandError> {
        let identity = DatabaseIdentity::of(database);
        for (environment, values) in &self.environments {
            let mut compared = false;
            for (name, url) in values.database_urls() {
                let other = self.context.remote_database(url).map_err(|error| {
                    let text = format!("{name} of {} is not usable", environment.app.value);
                    let error = CommandError::new(Kind::Configuration, text).with_cause(error);
                    cannot_compare(environment, error)
                })?;
                if identity.may_be(&DatabaseIdentity::of(&other)) {
                    let what = format!("{} on {}", database.database, database.place());
                    return Err(is_protected("database", &what, environment, Some(name)));
                }
                compared = true;
            }
            self.check_readable(environment, values)?;
            self.check_known(environment, compared, "database")?;
        }
        Ok(())
    }

    /// What is set as the environment's database has to be something that can be compared.
    fn check_readable(
        &self,
        environment: &Environment,
        values: &Values,
    ) -> Result<(), CommandError> {
        let variable = &environment.database_url_variable;
        let is_readable = |vars: &ConfigVars| vars.get(variable).is_none_or(is_database_url);
        if values.variants().iter().all(is_readable) {
            return Ok(());
        }
        let text = format!("{variable} of {} is not a database's URL", environment.app.value);
        Err(cannot_compare(environment, CommandError::new(Kind::Configuration, text)))
    }

    /// A bucket that may be written to, once it is known to be none of a protected environment's.
    /// Commands make a [`DestinationBucket`] here and nowhere else.
    ///
    /// # Errors
    /// A refusal if it is one of theirs, or cannot be compared; a configuration error if its own
    /// settings make no address.
    #[expect(clippy::disallowed_methods, reason = "the comparison has been made")]
    pub fn destination_bucket(
        &self,
        bucket: &BucketSettings,
        destination: &Destination,
        acl: Option<&str>,
        jobs: usize,
    ) -> Result<DestinationBucket, CommandError> {
        self.check_bucket(bucket)?;
        Ok(DestinationBucket::new(bucket, destination, acl, jobs)?)
    }

    /// The bucket that a command elsewhere would write to.
    pub fn check_bucket(&self, bucket: &BucketSettings) -> Result<(), CommandError> {
        let address = BucketAddress::new(bucket)?;
        let identity = BucketIdentity::of(&address, &bucket.credentials);
        for (environment, values) in &self.environments {
            let mut compared = false;
            for vars in values.variants() {
                if let Some(variable) = bucket_by_name(environment, &vars, bucket) {
                    return Err(is_protected(
                        "bucket",
                        &address.place(),
                        environment,
                        Some(&variable),
                    ));
                }
                if !buckets::has_one(environment, &vars) {
                    continue;
                }
                let theirs = buckets::settings(self.context, environment, &vars)
                    .and_then(|theirs| Ok((BucketAddress::new(&theirs)?, theirs)))
                    .map_err(|error| cannot_compare(environment, error))?;
                if identity.may_be(&BucketIdentity::of(&theirs.0, &theirs.1.credentials)) {
                    let variable = environment.bucket_variables.bucket.as_str();
                    return Err(is_protected(
                        "bucket",
                        &address.place(),
                        environment,
                        Some(variable),
                    ));
                }
                compared = true;
            }
            self.check_known(environment, compared, "bucket")?;
        }
        Ok(())
    }

    /// The search cluster, of which a reindex deletes and fills indices.
    pub fn check_cluster(&self, cluster: &ClusterAddress) -> Result<(), CommandError> {
        for (environment, values) in &self.environments {
            let variable = environment.search_url_variable.as_str();
            let mut compared = false;
            for vars in values.variants() {
                let Some(url) = vars.get(variable).filter(|url| !url.expose().trim().is_empty())
                else {
                    continue;
                };
                let theirs = ClusterAddress::parse(url, variable)
                    .map_err(|error| cannot_compare(environment, error.into()))?;
                if cluster.may_be(&theirs) {
                    let place = cluster.place();
                    return Err(is_protected(
                        "search cluster",
                        &place,
                        environment,
                        Some(variable),
                    ));
                }
                compared = true;
            }
            self.check_known(environment, compared, "search cluster")?;
        }
        Ok(())
    }

    /// By the zone's id. A protected environment that names none counts as having this zone if one
    /// of its sites lies in it.
    pub fn check_zone(&self, zone: &FrontEnd) -> Result<(), CommandError> {
        for (environment, values) in &self.environments {
            let variable = environment.cache_variables.zone.as_str();
            let mut compared = false;
            for vars in values.variants() {
                let theirs = caches::zone_variable(environment, &vars)
                    .map_err(|error| cannot_compare(environment, error.into()))?;
                if theirs.as_ref() == Some(&zone.id) {
                    return Err(is_protected("zone", zone.label(), environment, Some(variable)));
                }
                compared |= theirs.is_some();
            }
            if compared {
                continue;
            }
            let hosts = caches::hosts(environment);
            if hosts.iter().any(|host| zone.covers(host) == Some(true)) {
                return Err(is_protected("zone", zone.label(), environment, None));
            }
            let has_login = caches::login(environment, &values.in_force()).is_ok();
            if has_login && zone.zone.is_err() {
                let text = format!(
                    "neither {variable} of {} nor the zone's name is known",
                    environment.app.value
                );
                let error = CommandError::new(Kind::Configuration, text);
                return Err(cannot_compare(environment, error));
            }
            self.check_known(environment, compared, "zone")?;
        }
        Ok(())
    }

    /// The server of Django's cache, by whatever config var a protected environment knows it.
    pub fn check_redis(&self, redis: &RedisUrl) -> Result<(), CommandError> {
        for (environment, values) in &self.environments {
            let names = &environment.cache_variables;
            let own = [&names.redis_tls_url, &names.redis_url];
            let mut compared = false;
            for vars in values.variants() {
                for name in vars.names() {
                    let is_own = own.iter().any(|own| *own == name);
                    let value = vars.get(name).map_or("", |value| value.expose().trim());
                    let is_redis = value.starts_with("redis://") || value.starts_with("rediss://");
                    if value.is_empty() || !(is_own || is_redis) {
                        continue;
                    }
                    let theirs = RedisUrl::parse(value).map_err(|error| {
                        let text = format!("{name} of {} is not usable", environment.app.value);
                        let error = CommandError::new(Kind::Configuration, text).with_cause(error);
                        cannot_compare(environment, error)
                    })?;
                    if redis.may_be(&theirs) {
                        let place = redis.place();
                        return Err(is_protected("Redis", &place, environment, Some(name)));
                    }
                    compared = true;
                }
            }
            self.check_known(environment, compared, "Redis")?;
        }
        Ok(())
    }

    /// An app without a database or bucket has none to compare with; that it has none is only known
    /// from Heroku itself.
    fn check_known(
        &self,
        environment: &Environment,
        compared: bool,
        what: &str,
    ) -> Result<(), CommandError> {
        if compared || self.logged_in {
            return Ok(());
        }
        let text = format!("the {what} of {} is not known", environment.name);
        Err(cannot_compare(environment, CommandError::new(Kind::Configuration, text)))
    }
}

/// Another config var that names the same bucket.
fn bucket_by_name(
    environment: &Environment,
    vars: &ConfigVars,
    bucket: &BucketSettings,
) -> Option<String> {
    let same = |name: &&str| {
        let value = vars.get(name).map(|value| value.expose().trim());
        name.contains("BUCKET")
            && value == Some(bucket.bucket.as_str())
            && *name != environment.bucket_variables.bucket
    };
    vars.names().find(same).map(str::to_owned)
}

/// Why an environment could not be looked at.
enum Unread {
    /// Heroku says that there is no such app. Of an app that somebody has configured, a name that
    /// does not exist is a mistake that would hide the real one.
    Absent {
        app: String,
    },
    App(HerokuError),
    Values(CommandError),
}

impl Unread {
    fn into_error(self) -> CommandError {
        match self {
            Unread::Absent { app } => {
                let text = format!("there is no app {app} that this account can see");
                CommandError::new(Kind::Configuration, text)
                    .hint("bcops doctor   # checks every app and permission")
            }
            Unread::App(error) => error.into(),
            Unread::Values(error) => error,
        }
    }
}

async fn app_id(
    logged_in: &Result<LoggedIn, HerokuError>,
    environment: &Environment,
) -> Result<Option<String>, Unread> {
    let Ok(logged_in) = logged_in else { return Ok(None) };
    match logged_in.heroku.app(&environment.app.value).await {
        Ok(app) => Ok(Some(app.id)),
        Err(HerokuError::NotFound { .. }) => {
            Err(Unread::Absent { app: environment.app.value.clone() })
        }
        Err(error) => Err(Unread::App(error)),
    }
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

fn is_protected(
    what: &str,
    name: &str,
    environment: &Environment,
    variable: Option<&str>,
) -> CommandError {
    let source = match variable {
        None => environment.app.value.clone(),
        Some(variable) => format!("{variable} of {}", environment.app.value),
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
