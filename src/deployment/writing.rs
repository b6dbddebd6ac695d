//! Opens an environment for changes, and hands out each of its resources only after a proof.

use super::conclusion::{Subject, Verdict, conclude};
use super::ownership::{OwnApp, Ownership};
use super::protected::ProtectedSide;
use super::resources::Resources;
use super::survey::{
    Sides, Survey, Surveyed, same_bucket, same_cluster, same_database, same_redis,
};
use super::{
    Deployments, Fingerprint, LogIn, LoggedIn, Values, Zone, bucket_settings, cluster_address,
    find_front_end, has_bucket, prove, strays,
};
use crate::adapters::elasticsearch::{Cluster, ClusterAddress, DestinationCluster};
use crate::adapters::heroku::{DestinationApp, Heroku, HerokuError};
use crate::adapters::postgres::{DatabaseIdentity, DatabaseUrl, connect};
use crate::adapters::redis::{Redis, RedisUrl};
use crate::adapters::s3::{
    BucketAddress, BucketSettings, DestinationBucket, SourceBucket, is_access_point,
};
use crate::caches::{self, BackendCache, CacheError};
use crate::failure::{CommandError, FailureKind};
use crate::secret::Secret;
use crate::settings::Destination;

/// A destination that was compared with every protected environment.
pub struct Writing<'a> {
    deployments: Deployments<'a>,
    pub destination: Destination,
    pub values: Values,
    logged_in: LogIn,
    own: Option<OwnApp>,
    protected: Vec<ProtectedSide<'a>>,
    survey: Survey<'a>,
}

impl<'a> Writing<'a> {
    pub(super) async fn open(
        deployments: Deployments<'a>,
        destination: &Destination,
        variables: Option<&[(String, String)]>,
    ) -> Result<Writing<'a>, CommandError> {
        deployments.asks_heroku_about(&destination.name);
        let logged_in = deployments.log_in().await;
        let (own, values, protected) = tokio::join!(
            OwnApp::look(&logged_in, destination),
            Values::of(&logged_in, destination),
            ProtectedSide::all(deployments, &logged_in),
        );
        // A protected app is refused first, whatever else is wrong.
        let found = own.as_ref().and_then(|own| own.as_ref().ok()).map(|own| &own.app);
        protected.iter().try_for_each(|side| side.refuse_app(destination, found))?;
        let own = match own {
            Some(Err(error)) if error.is_not_found() => return Err(no_app(destination)),
            other => other.transpose()?,
        };
        let mut values = values?;
        if let Some(given) = variables {
            let secret = |(name, value): &(String, String)| {
                (name.clone(), Secret::of_variable(name, value.as_str()))
            };
            values.overrides = given.iter().map(secret).collect();
        }
        refuse_another_app(destination, own.as_ref())?;
        let resources = Resources::of(deployments.settings, destination, &values);
        let survey = Survey::of(Sides {
            deployments,
            destination,
            own: own.as_ref(),
            values: &values,
            resources: &resources,
            protected: &protected,
        })
        .await?;
        strays::check(deployments, destination, &survey)?;
        let destination = destination.clone();
        Ok(Writing { deployments, destination, values, logged_in, own, protected, survey })
    }

    pub fn logged_in(&self) -> &LogIn {
        &self.logged_in
    }

    /// # Errors
    /// Without a login to Heroku.
    pub fn heroku(self) -> Result<(LoggedIn, Values), CommandError> {
        Ok((self.logged_in?, self.values))
    }

    fn client(&self) -> Result<&Heroku, CommandError> {
        match &self.logged_in {
            Ok(logged_in) => Ok(&logged_in.heroku),
            Err(error) => Err(CommandError::new(FailureKind::Configuration, error.to_string())
                .hint("heroku login   # or set HEROKU_API_KEY")),
        }
    }

    /// The app, for changes.
    ///
    /// # Errors
    /// Without a login, or if the app has another name today.
    pub async fn app(&self) -> Result<DestinationApp, CommandError> {
        let app = self.client()?.destination_app(&self.destination).await?;
        match &self.own {
            Some(own) if own.app.id != app.id() => Err(HerokuError::AnotherApp {
                asked: self.destination.app.value.clone(),
                answered: app.name().to_owned(),
            }
            .into()),
            _ => Ok(app),
        }
    }

    /// The environment's database.
    ///
    /// # Errors
    /// A refusal if neither proof succeeds. A configuration error if the environment has no such
    /// resource.
    pub async fn database(&self) -> Result<DatabaseUrl, CommandError> {
        let url = self.values.database(self.destination.environment())?;
        let Err(refusal) = self.check_database(&url) else { return Ok(url) };
        if !is_same(&self.survey.databases, |one| same_database(&one.target, &url)) {
            connect(&url).await?.close().await;
        }
        Err(refusal)
    }

    fn check_database(&self, url: &DatabaseUrl) -> Result<(), CommandError> {
        let place = format!("{} on {}", url.database, url.place());
        let found = self.survey.databases.iter().find(|one| same_database(&one.target, url));
        self.conclude("database", &place, found)
    }

    /// The environment's database, for work that Heroku does itself. Heroku empties, backs up and
    /// restores the app's own database. An override of its URL has to lead to the same database,
    /// because otherwise Heroku would fill one and bcops would audit another.
    ///
    /// # Errors
    /// A refusal if the override leads to another database.
    pub async fn database_of_heroku(&self) -> Result<DatabaseUrl, CommandError> {
        let in_force = self.values.database(self.destination.environment())?;
        let variable = &self.destination.database_url_variable;
        if let Some(own) = self.values.own.get(variable).filter(|url| !url.expose().is_empty()) {
            let app = &self.destination.app.value;
            let own = super::remote_database(own).map_err(|error| {
                let text = format!("{variable} of {app} is not usable");
                CommandError::new(FailureKind::Configuration, text).with_cause(error)
            })?;
            self.check_same_database(&own, &in_force).await?;
        }
        self.database().await
    }

    /// Whether two URLs lead to the same database, by name or according to the server.
    pub async fn is_database(&self, own: &DatabaseUrl, other: &DatabaseUrl) -> bool {
        DatabaseIdentity::of(own).may_be(&DatabaseIdentity::of(other))
            || prove::is_one_database(own, other).await
    }

    async fn check_same_database(
        &self,
        own: &DatabaseUrl,
        in_force: &DatabaseUrl,
    ) -> Result<(), CommandError> {
        if self.is_database(own, in_force).await {
            return Ok(());
        }
        let variable = &self.destination.database_url_variable;
        let text = format!(
            "{variable} of {} is {} on {}, and its override is {} on {}; nothing was changed",
            self.destination.app.value,
            own.database,
            own.place(),
            in_force.database,
            in_force.place()
        );
        Err(CommandError::new(FailureKind::Refused, text)
            .hint(format!("unset {}", overriding(&self.destination, variable))))
    }

    /// The settings of the environment's bucket.
    ///
    /// # Errors
    /// If a config var is missing.
    pub fn bucket_settings(&self) -> Result<BucketSettings, CommandError> {
        let vars = self.values.in_force();
        bucket_settings(self.deployments.settings, &self.destination, &vars)
    }

    /// Whether the environment has a bucket.
    pub fn has_bucket(&self) -> bool {
        has_bucket(&self.destination, &self.values.in_force())
    }

    /// The environment's bucket. Commands get a [`DestinationBucket`] only here.
    ///
    /// # Errors
    /// A refusal if neither proof succeeds. A configuration error if the environment has no such
    /// resource.
    #[expect(clippy::disallowed_methods, reason = "the comparison has been made")]
    pub async fn bucket(
        &self,
        acl: Option<&str>,
        jobs: usize,
    ) -> Result<DestinationBucket, CommandError> {
        let settings = self.bucket_settings()?;
        if let Err(refusal) = self.check_bucket(&settings) {
            let is_same = is_same(&self.survey.buckets, |one| same_bucket(&one.target, &settings));
            if !is_same && !is_access_point(&settings.bucket) {
                SourceBucket::new(&settings, 1)?.list_page("", None).await?;
            }
            return Err(refusal);
        }
        Ok(DestinationBucket::new(&settings, &self.destination, acl, jobs)?)
    }

    fn check_bucket(&self, settings: &BucketSettings) -> Result<(), CommandError> {
        let place = BucketAddress::new(settings)?.place();
        let found = self.survey.buckets.iter().find(|one| same_bucket(&one.target, settings));
        self.conclude("bucket", &place, found)
    }

    /// The environment's search cluster. A command on a dyno fills it, so an override in this
    /// process has to lead to the same cluster.
    ///
    /// # Errors
    /// A refusal if neither proof succeeds. A configuration error if the environment has no such
    /// resource.
    pub async fn cluster(&self) -> Result<DestinationCluster, CommandError> {
        let own = cluster_address(&self.destination, &self.values.own)?;
        let in_force = cluster_address(&self.destination, &self.values.in_force())?;
        if !own.may_be(&in_force) {
            let variable = &self.destination.search_url_variable;
            let text = format!(
                "{variable} of this process leads to the cluster at {}, but a dyno of {} would \
                 fill the cluster at {}",
                in_force.place(),
                self.destination.app.value,
                own.place()
            );
            return Err(CommandError::new(FailureKind::Configuration, text)
                .hint(format!("unset {}", overriding(&self.destination, variable))));
        }
        let limit = self.deployments.settings.network_timeout;
        for address in [&own, &in_force] {
            let Err(refusal) = self.check_cluster(address) else { continue };
            if !is_same(&self.survey.clusters, |one| same_cluster(&one.target, address)) {
                Cluster::new(address.clone(), limit)?.info().await?;
            }
            return Err(refusal);
        }
        Ok(DestinationCluster::new(Cluster::new(in_force, limit)?, &self.destination))
    }

    fn check_cluster(&self, address: &ClusterAddress) -> Result<(), CommandError> {
        let found = self.survey.clusters.iter().find(|one| same_cluster(&one.target, address));
        self.conclude("search cluster", &address.place(), found)
    }

    /// Django's cache.
    ///
    /// # Errors
    /// A refusal if neither proof succeeds. A configuration error if the environment has no such
    /// resource.
    pub async fn cache(&self) -> Result<BackendCache, CommandError> {
        let vars = self.values.in_force();
        let cache = BackendCache::of(&self.destination, &vars, &self.deployments.settings.cache)?;
        if let Some(database) = cache.database() {
            self.check_database(database)?;
        }
        let Some(redis) = cache.redis() else { return Ok(cache) };
        if let Err(refusal) = self.check_redis(redis) {
            if !is_same(&self.survey.redis, |one| same_redis(&one.target, redis)) {
                Redis::connect(redis).await.map_err(CacheError::from)?;
            }
            return Err(refusal);
        }
        Ok(cache)
    }

    fn check_redis(&self, redis: &RedisUrl) -> Result<(), CommandError> {
        let found = self.survey.redis.iter().find(|one| same_redis(&one.target, redis));
        self.conclude("Redis", &redis.place(), found)
    }

    /// The zone in front of the sites, according to Cloudflare.
    ///
    /// # Errors
    /// A refusal if the zone belongs, or may belong, to a protected environment.
    pub async fn front_end(&self) -> Result<Zone, CommandError> {
        let zone = find_front_end(self.deployments, &self.destination, &self.values).await?;
        let verdicts = prove::zone(&zone.front_end, &self.protected);
        let subject = Subject { what: "zone", place: zone.front_end.label() };
        let ownership =
            Ownership::NotShown { reason: "zones are not add-ons of Heroku".to_owned() };
        conclude(subject, &ownership, &verdicts)?;
        Ok(zone)
    }

    /// Whether the environment has a login for Cloudflare.
    ///
    /// # Errors
    /// If the login is incomplete.
    pub fn has_front_end(&self) -> Result<bool, CommandError> {
        match caches::login(&self.destination, &self.values.in_force()) {
            Ok(_) => Ok(true),
            Err(CacheError::NoFrontEnd { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Checks every resource that a command on a dyno can write to. These are the resources behind
    /// the config vars that the site reads, at Heroku and in force.
    ///
    /// # Errors
    /// A refusal if one of them is not proved.
    pub fn all_of_a_dyno(&self) -> Result<(), CommandError> {
        let environment = self.destination.environment();
        let caches = &environment.cache_variables;
        let survey = &self.survey;
        let leads = |variables: &std::collections::BTreeSet<String>, names: &[&String]| {
            names.iter().any(|name| variables.contains(*name))
        };
        self.check_readable(&environment.database_url_variable)?;
        for one in &survey.databases {
            if leads(&one.variables, &[&environment.database_url_variable]) {
                self.conclude("database", &one.place, Some(one))?;
            }
        }
        let redis = [&caches.redis_tls_url, &caches.redis_url];
        for variable in redis {
            self.check_readable(variable)?;
        }
        for one in survey.redis.iter().filter(|one| leads(&one.variables, &redis)) {
            self.conclude("Redis", &one.place, Some(one))?;
        }
        self.check_readable(&environment.search_url_variable)?;
        for one in &survey.clusters {
            if leads(&one.variables, &[&environment.search_url_variable]) {
                self.conclude("search cluster", &one.place, Some(one))?;
            }
        }
        for one in &survey.buckets {
            if leads(&one.variables, &[&environment.bucket_variables.bucket]) {
                self.conclude("bucket", &one.place, Some(one))?;
            }
        }
        for vars in self.values.variants() {
            if has_bucket(environment, &vars) {
                bucket_settings(self.deployments.settings, environment, &vars)?;
            }
        }
        Ok(())
    }

    /// Refuses a value that cannot be read, because it cannot be compared.
    fn check_readable(&self, variable: &str) -> Result<(), CommandError> {
        match self.survey.unreadable.iter().find(|(name, _)| name == variable) {
            None => Ok(()),
            Some((name, reason)) => {
                let text =
                    format!("{name} of {} is not usable: {reason}", self.destination.app.value);
                Err(CommandError::new(FailureKind::Configuration, text))
            }
        }
    }

    /// The identity of the destination, for later checks that ask only the destination.
    ///
    /// # Errors
    /// If Heroku cannot be asked.
    pub async fn fingerprint(&self) -> Result<Fingerprint, CommandError> {
        self.deployments.fingerprint_of(&self.destination, &self.logged_in, &self.values).await
    }

    /// The Heroku repositories of protected apps.
    pub fn protected_repositories(&self) -> Vec<(String, String)> {
        let named = self.protected.iter().map(|side| {
            let url = side.git_url().map_or_else(
                || format!("https://git.heroku.com/{}.git", side.environment.app.value),
                str::to_owned,
            );
            (side.environment.name.clone(), url)
        });
        named.collect()
    }

    fn conclude<T>(
        &self,
        what: &'static str,
        place: &str,
        found: Option<&Surveyed<'a, T>>,
    ) -> Result<(), CommandError> {
        let subject = Subject { what, place };
        match found {
            Some(found) => conclude(subject, &found.ownership, &found.verdicts),
            // A resource that was not surveyed counts as not compared.
            None => {
                let reason = "no config var leads to it";
                let verdicts: Vec<_> = self
                    .protected
                    .iter()
                    .map(|side| (side.environment, Verdict::unknown(reason)))
                    .collect();
                let ownership = Ownership::NotShown { reason: reason.to_owned() };
                conclude(subject, &ownership, &verdicts)
            }
        }
    }
}

/// Whether the resource was found to belong to a protected environment. If it was not, the caller
/// connects to it first, because an error of its own server explains more than the refusal.
fn is_same<'a, T>(found: &[Surveyed<'a, T>], is_meant: impl Fn(&Surveyed<'a, T>) -> bool) -> bool {
    found.iter().any(|one| is_meant(one) && one.same().is_some())
}

/// The variable of this process that overrides a config var.
fn overriding(destination: &Destination, variable: &str) -> String {
    format!("BCOPS_{}_{variable}", destination.name.to_uppercase().replace('-', "_"))
}

fn no_app(destination: &Destination) -> CommandError {
    let text = format!("cannot find the app {} with this account", destination.app.value);
    CommandError::new(FailureKind::Configuration, text)
        .hint("bcops doctor   # checks every app and permission")
}

/// Refuses an app that answers under an old name. Otherwise bcops would change an app other than
/// the one named.
fn refuse_another_app(destination: &Destination, own: Option<&OwnApp>) -> Result<(), CommandError> {
    let Some(own) = own else { return Ok(()) };
    let asked = &destination.app.value;
    if own.app.name == *asked || own.app.id == *asked {
        return Ok(());
    }
    Err(HerokuError::AnotherApp { asked: asked.clone(), answered: own.app.name.clone() }.into())
}
