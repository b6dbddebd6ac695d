//! Compares every resource that the destination's config vars lead to with every protected
//! environment, all at the same time.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::conclusion::Verdict;
use super::ownership::{OwnApp, Ownership};
use super::protected::ProtectedSide;
use super::prove::{self, HeldDatabase, Verdicts};
use super::resources::{Lead, Resources};
use super::{Deployments, Values};
use crate::adapters::elasticsearch::ClusterAddress;
use crate::adapters::postgres::{DatabaseFingerprint, DatabaseUrl};
use crate::adapters::redis::RedisUrl;
use crate::adapters::s3::{BucketAddress, BucketSettings, SourceBucket};
use crate::failure::CommandError;
use crate::settings::{Destination, Environment};

/// One resource of the destination, and the findings about it.
pub struct Surveyed<'a, T> {
    pub target: T,
    /// The config vars that lead to the resource.
    pub variables: BTreeSet<String>,
    pub verdicts: Verdicts<'a>,
    pub ownership: Ownership,
    /// The server refuses the login, so nothing can be written there.
    pub is_refused: bool,
    /// The address for messages, without a login.
    pub place: String,
}

impl<'a, T> Surveyed<'a, T> {
    /// The protected environment that the resource belongs to, and what names it there.
    pub fn same(&self) -> Option<(&'a Environment, Option<&str>)> {
        self.verdicts.iter().find_map(|(environment, verdict)| match verdict {
            Verdict::Same { named_by } => Some((*environment, named_by.as_deref())),
            _ => None,
        })
    }
}

/// Every resource that the destination's config vars lead to.
#[derive(Default)]
pub struct Survey<'a> {
    pub databases: Vec<Surveyed<'a, DatabaseUrl>>,
    pub redis: Vec<Surveyed<'a, RedisUrl>>,
    pub clusters: Vec<Surveyed<'a, ClusterAddress>>,
    /// Buckets, with the keys of the configured bucket if a variable has only a name.
    pub buckets: Vec<Surveyed<'a, BucketSettings>>,
    /// Variables that seem to lead to a resource, and why their values cannot be read.
    pub unreadable: Vec<(String, String)>,
    /// The fingerprint of each database that answered.
    pub fingerprints: Vec<(DatabaseUrl, DatabaseFingerprint)>,
}

/// The two sides of the comparison.
pub struct Sides<'s, 'a> {
    pub deployments: Deployments<'a>,
    pub destination: &'s Destination,
    pub own: Option<&'s OwnApp>,
    pub values: &'s Values,
    pub resources: &'s Resources,
    pub protected: &'s [ProtectedSide<'a>],
}

impl<'a> Survey<'a> {
    pub async fn of(sides: Sides<'_, 'a>) -> Result<Survey<'a>, CommandError> {
        let mut survey = Survey::default();
        let resources = sides.resources;
        let databases = grouped(&resources.databases, &mut survey.unreadable, same_database);
        let redis = grouped(&resources.redis, &mut survey.unreadable, same_redis);
        let clusters = grouped(&resources.clusters, &mut survey.unreadable, same_cluster);
        let mut buckets = grouped(&resources.buckets, &mut survey.unreadable, same_bucket);
        buckets.extend(sides.named_buckets());
        let (databases, redis, clusters, buckets) = tokio::join!(
            join_all(databases.into_iter().map(|one| sides.database(one))),
            join_all(redis.into_iter().map(|one| sides.redis(one))),
            join_all(clusters.into_iter().map(|one| sides.cluster(one))),
            join_all(buckets.into_iter().map(|one| sides.bucket(one))),
        );
        for found in databases {
            let (one, fingerprint) = found?;
            survey.fingerprints.extend(fingerprint.map(|found| (one.target.clone(), found)));
            survey.databases.push(one);
        }
        survey.redis = redis.into_iter().collect::<Result<_, _>>()?;
        survey.clusters = clusters.into_iter().collect::<Result<_, _>>()?;
        survey.buckets = buckets.into_iter().collect::<Result<_, _>>()?;
        Ok(survey)
    }
}

/// A resource with all variables that lead to it, and those whose value is Heroku's.
struct Named<T> {
    target: T,
    variables: BTreeSet<String>,
    own: BTreeSet<String>,
}

/// Groups the variables that lead to the same resource.
fn grouped<T: Clone>(
    leads: &[Lead<T>],
    unreadable: &mut Vec<(String, String)>,
    is_same: impl Fn(&T, &T) -> bool,
) -> Vec<Named<T>> {
    let mut found: Vec<Named<T>> = Vec::new();
    for lead in leads {
        match &lead.target {
            Err(reason) => unreadable.push((lead.variable.clone(), reason.clone())),
            Ok(target) => {
                let at = found.iter().position(|one| is_same(&one.target, target));
                let at = at.unwrap_or_else(|| {
                    let (variables, own) = (BTreeSet::new(), BTreeSet::new());
                    found.push(Named { target: target.clone(), variables, own });
                    found.len() - 1
                });
                let Some(one) = found.get_mut(at) else { continue };
                one.variables.insert(lead.variable.clone());
                if !lead.is_override {
                    one.own.insert(lead.variable.clone());
                }
            }
        }
    }
    found
}

pub fn same_database(one: &DatabaseUrl, two: &DatabaseUrl) -> bool {
    (&one.host, one.port, &one.database, &one.user)
        == (&two.host, two.port, &two.database, &two.user)
}

pub fn same_redis(one: &RedisUrl, two: &RedisUrl) -> bool {
    one.place() == two.place() && one.database() == two.database()
}

pub fn same_cluster(one: &ClusterAddress, two: &ClusterAddress) -> bool {
    one.place() == two.place() && one.has_login_of(two)
}

pub fn same_bucket(one: &BucketSettings, two: &BucketSettings) -> bool {
    one.bucket == two.bucket
        && one.endpoint == two.endpoint
        && one.credentials.access_key == two.credentials.access_key
}

impl<'a> Sides<'_, 'a> {
    async fn database(
        &self,
        Named { target: url, variables, own: set_by_heroku }: Named<DatabaseUrl>,
    ) -> Result<(Surveyed<'a, DatabaseUrl>, Option<DatabaseFingerprint>), CommandError> {
        let held = HeldDatabase::take(&url).await;
        let key = held.lock().map(|lock| lock.key());
        let names = names(&set_by_heroku);
        let owning = async {
            match self.own {
                Some(own) => own.of_database(&url, &names, key, self.protected).await,
                None => not_logged_in(),
            }
        };
        let (verdicts, ownership) =
            tokio::join!(prove::database(&url, &held, self.protected), owning);
        let fingerprint = held.lock().map(|lock| lock.fingerprint.clone());
        let is_refused = held.is_refused;
        held.release().await;
        let place = format!("{} on {}", url.database, url.place());
        let verdicts = verdicts?;
        let target = url;
        let one = Surveyed { target, variables, verdicts, ownership, is_refused, place };
        Ok((one, fingerprint))
    }

    async fn redis(
        &self,
        Named { target: url, variables, own: set_by_heroku }: Named<RedisUrl>,
    ) -> Result<Surveyed<'a, RedisUrl>, CommandError> {
        let own = match self.protected.iter().any(|side| !side.resources.redis.is_empty()) {
            true => prove::run_id(&url).await,
            false => Err("it was not asked".to_owned()),
        };
        let (verdicts, ownership) =
            tokio::join!(prove::redis(&url, &own, self.protected), self.owner_of(&set_by_heroku));
        let place = url.place();
        let verdicts = verdicts?;
        let (target, is_refused) = (url, false);
        Ok(Surveyed { target, variables, verdicts, ownership, is_refused, place })
    }

    async fn cluster(
        &self,
        Named { target: address, variables, own: set_by_heroku }: Named<ClusterAddress>,
    ) -> Result<Surveyed<'a, ClusterAddress>, CommandError> {
        let limit = self.deployments.settings.network_timeout;
        let own = match self.protected.iter().any(|side| !side.resources.clusters.is_empty()) {
            true => prove::ask_cluster(&address, limit).await,
            false => Err("it was not asked".to_owned()),
        };
        let (verdicts, ownership) = tokio::join!(
            prove::cluster(&address, &own, limit, self.protected),
            self.owner_of(&set_by_heroku)
        );
        let place = address.place();
        let verdicts = verdicts?;
        let (target, is_refused) = (address, false);
        Ok(Surveyed { target, variables, verdicts, ownership, is_refused, place })
    }

    async fn bucket(
        &self,
        Named { target: settings, variables, own: set_by_heroku }: Named<BucketSettings>,
    ) -> Result<Surveyed<'a, BucketSettings>, CommandError> {
        let (verdicts, ownership) = tokio::join!(
            prove::bucket(self.destination, &settings, self.protected),
            self.owner_of(&set_by_heroku)
        );
        let verdicts = verdicts?;
        let place = BucketAddress::new(&settings)
            .map_or_else(|_| settings.bucket.clone(), |address| address.place());
        let matches = verdicts.iter().any(|(_, verdict)| matches!(verdict, Verdict::Same { .. }));
        let is_refused = matches && refuses_login(&settings).await;
        let target = settings;
        Ok(Surveyed { target, variables, verdicts, ownership, is_refused, place })
    }

    async fn owner_of(&self, variables: &BTreeSet<String>) -> Ownership {
        match self.own {
            Some(own) => own.of_variables(self.values, &names(variables), self.protected).await,
            None => not_logged_in(),
        }
    }

    /// Buckets of which a variable has only the name. They are tried with the server and the keys
    /// of the configured bucket.
    fn named_buckets(&self) -> Vec<Named<BucketSettings>> {
        let configured = self.resources.buckets.iter().find_map(|one| one.target.as_ref().ok());
        let Some(configured) = configured else { return Vec::new() };
        let names = self.resources.bucket_names.iter();
        let others = names.filter(|(_, name)| !name.eq_ignore_ascii_case(&configured.bucket));
        others
            .map(|(variable, bucket)| {
                let target = BucketSettings { bucket: bucket.clone(), ..configured.clone() };
                Named {
                    target,
                    variables: BTreeSet::from([variable.clone()]),
                    own: BTreeSet::new(),
                }
            })
            .collect()
    }
}

fn names(variables: &BTreeSet<String>) -> BTreeSet<&str> {
    variables.iter().map(String::as_str).collect()
}

fn not_logged_in() -> Ownership {
    Ownership::NotShown { reason: "there is no login to Heroku".to_owned() }
}

/// Whether the keys open nothing in this bucket.
async fn refuses_login(settings: &BucketSettings) -> bool {
    let Ok(bucket) = SourceBucket::new(settings, 1) else { return true };
    match bucket.list_page("", None).await {
        Ok(_) => false,
        Err(error) => error.is_denied() || error.is_not_found(),
    }
}
