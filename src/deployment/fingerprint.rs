//! Remembers the identity of a destination when it was proved, and later checks it by asking only
//! the destination.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};

use super::ownership::OwnApp;
use super::resources::Resources;
use super::{Deployments, LogIn, Values, prove};
use crate::adapters::postgres::{DatabaseFingerprint, PostgresError, connect};
use crate::failure::CommandError;
use crate::settings::Destination;

/// The name of a server that does not report its identifier.
const UNKNOWN_SERVER: &str = "server unknown";

/// The identity of a destination, according to its own servers and Heroku.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fingerprint {
    app: Option<String>,
    /// The add-on that sets the URL of the database.
    database_addon: Option<String>,
    /// Digests of the values that lead to resources, by variable.
    values: BTreeMap<String, Vec<u8>>,
    /// The identifiers that the servers report, by variable. A server that does not answer is
    /// absent.
    servers: BTreeMap<String, String>,
}

impl Fingerprint {
    /// Whether `now` is the same destination. A server that does not answer now is identified by
    /// its address.
    pub fn is_unchanged(&self, now: &Fingerprint) -> bool {
        let same_server = |(variable, id): (&String, &String)| {
            now.servers.get(variable).is_none_or(|found| found == id)
        };
        self.app == now.app
            && self.database_addon == now.database_addon
            && self.values == now.values
            && self.servers.iter().all(same_server)
    }

    /// As [`Fingerprint::is_unchanged`], after a step that gave the destination's database a new
    /// identity in its server.
    pub fn is_unchanged_but_for_database(
        &self,
        now: &Fingerprint,
        destination: &Destination,
    ) -> bool {
        let variable = &destination.database_url_variable;
        let server = |one: &Fingerprint| {
            let identity = one.servers.get(variable)?;
            Some(identity.split(", database ").next()?.to_owned())
        };
        let same_server = match (server(self), server(now)) {
            (Some(before), Some(after)) => before == after && before != UNKNOWN_SERVER,
            _ => true,
        };
        let without = |one: &Fingerprint| {
            let mut one = one.clone();
            one.servers.remove(variable);
            one
        };
        same_server && without(self).is_unchanged(&without(now))
    }

    /// Updates to `now`. A server that does not answer now keeps its earlier identifier.
    pub fn update(&mut self, now: Fingerprint) {
        let mut servers = std::mem::take(&mut self.servers);
        servers.extend(now.servers.clone());
        *self = Fingerprint { servers, ..now };
    }

    /// The identity of the environment's database, for the journal.
    pub fn database(&self, destination: &Destination) -> Option<&str> {
        self.servers.get(&destination.database_url_variable).map(String::as_str)
    }
}

impl Deployments<'_> {
    /// Asks the destination alone for its identity.
    ///
    /// # Errors
    /// If Heroku cannot be asked about the app.
    pub async fn fingerprint(
        &self,
        destination: &Destination,
    ) -> Result<Fingerprint, CommandError> {
        let logged_in = self.log_in().await;
        let values = Values::of(&logged_in, destination).await?;
        self.fingerprint_of(destination, &logged_in, &values).await
    }

    pub(super) async fn fingerprint_of(
        &self,
        destination: &Destination,
        logged_in: &LogIn,
        values: &Values,
    ) -> Result<Fingerprint, CommandError> {
        let resources = Resources::of(self.settings, destination, values);
        let own = match OwnApp::look(logged_in, destination).await {
            Some(own) => Some(own?),
            None => None,
        };
        let variable = &destination.database_url_variable;
        let (database, redis, clusters) = tokio::join!(
            database_identity(destination, values),
            redis_identities(&resources),
            cluster_identities(&resources, self.settings.network_timeout),
        );
        let mut servers: BTreeMap<String, String> = redis.into_iter().chain(clusters).collect();
        servers.extend(database.map(|id| (variable.clone(), id)));
        Ok(Fingerprint {
            app: own.as_ref().map(|own| own.app.id.clone()),
            database_addon: own.as_ref().and_then(|own| own.addon_of(variable)).map(str::to_owned),
            values: digests(&resources, values),
            servers,
        })
    }
}

/// Digests of the values, because the values contain passwords.
fn digests(resources: &Resources, values: &Values) -> BTreeMap<String, Vec<u8>> {
    let databases = resources.databases.iter().map(|lead| &lead.variable);
    let redis = resources.redis.iter().map(|lead| &lead.variable);
    let clusters = resources.clusters.iter().map(|lead| &lead.variable);
    let buckets = resources.buckets.iter().map(|lead| &lead.variable);
    let variables = databases.chain(redis).chain(clusters).chain(buckets);
    let digested = variables.filter_map(|variable| {
        let value = values.get(variable)?;
        Some((variable.clone(), digest(&SHA256, value.expose().as_bytes()).as_ref().to_vec()))
    });
    digested.collect()
}

async fn database_identity(destination: &Destination, values: &Values) -> Option<String> {
    let url = values.database(destination.environment()).ok()?;
    let asked = async {
        let session = connect(&url).await?;
        let found = DatabaseFingerprint::of(&session).await?;
        session.close().await;
        Ok::<_, PostgresError>(found)
    };
    let found = asked.await.ok()?;
    let server = match found.system_identifier {
        Some(id) => format!("server {id}"),
        None => UNKNOWN_SERVER.to_owned(),
    };
    Some(format!("{server}, database {}", found.oid))
}

async fn redis_identities(resources: &Resources) -> Vec<(String, String)> {
    let asked = resources.redis.iter().map(|lead| async {
        let id = prove::run_id(lead.target.as_ref().ok()?).await.ok()?;
        Some((lead.variable.clone(), id))
    });
    futures_util::future::join_all(asked).await.into_iter().flatten().collect()
}

async fn cluster_identities(
    resources: &Resources,
    limit: Option<std::time::Duration>,
) -> Vec<(String, String)> {
    let asked = resources.clusters.iter().map(|lead| async {
        let said = prove::ask_cluster(lead.target.as_ref().ok()?, limit).await.ok()?;
        Some((lead.variable.clone(), said.uuid?))
    });
    futures_util::future::join_all(asked).await.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_answer_is_identified_by_its_address() {
        let with = |id: Option<&str>, value: u8| Fingerprint {
            app: Some("app".to_owned()),
            values: BTreeMap::from([("DATABASE_URL".to_owned(), vec![value])]),
            servers: id.map(|id| ("DATABASE_URL".to_owned(), id.to_owned())).into_iter().collect(),
            ..Fingerprint::default()
        };
        let proved = with(Some("1"), 7);
        assert!(proved.is_unchanged(&with(Some("1"), 7)));
        assert!(proved.is_unchanged(&with(None, 7)));
        assert!(!proved.is_unchanged(&with(Some("2"), 7)));
        assert!(!proved.is_unchanged(&with(None, 8)));
        assert!(!proved.is_unchanged(&Fingerprint::default()));
    }
}
