//! One request after the other, each with a time limit.
//!
//! What reads is repeated where that can help. So is a refresh, which may be done any number of
//! times.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH};
use reqwest::{Client, Method, StatusCode};
use serde::de::DeserializeOwned;

use super::answers::{
    AliasesAnswer, CountAnswer, ErrorAnswer, Health, IndexListing, IndexUuid, Info, InfoAnswer,
    RefreshAnswer,
};
use super::{Alias, ClusterAddress, ElasticsearchError};
use crate::adapters::timing::Timing;
use crate::adapters::transport::{self, BodyError};
use crate::settings::Destination;

/// The longest answer is the list of indices, which has a line for each.
const LONGEST_ANSWER: usize = 16 << 20;
const LONGEST_MESSAGE: usize = 300;

/// A cluster to look at.
#[derive(Debug, Clone)]
pub struct Cluster {
    http: Client,
    address: ClusterAddress,
    timing: Timing,
}

/// The cluster of an environment that may be written to.
#[derive(Debug, Clone)]
pub struct DestinationCluster(Cluster);

impl Deref for DestinationCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.0
    }
}

impl Cluster {
    /// `limit` is the user's own for each request.
    pub fn new(
        address: ClusterAddress,
        limit: Option<Duration>,
    ) -> Result<Cluster, ElasticsearchError> {
        Cluster::with_timing(address, Timing::default().limited(limit))
    }

    pub fn with_timing(
        address: ClusterAddress,
        timing: Timing,
    ) -> Result<Cluster, ElasticsearchError> {
        let http = transport::client(timing.connect, timing.request)
            .build()
            .map_err(ElasticsearchError::ClientSetup)?;
        Ok(Cluster { http, address, timing })
    }

    pub fn address(&self) -> &ClusterAddress {
        &self.address
    }

    pub async fn info(&self) -> Result<Info, ElasticsearchError> {
        let answer: InfoAnswer = self.get(&[], &[], "read what the search cluster is").await?;
        Ok(answer.into())
    }

    pub async fn health(&self) -> Result<Health, ElasticsearchError> {
        self.get(&["_cluster", "health"], &[], "read the search cluster's health").await
    }

    /// Every index, the hidden ones of the cluster itself included.
    pub async fn indices(&self) -> Result<Vec<IndexListing>, ElasticsearchError> {
        let columns = "index,health,status,pri,rep,docs.count,store.size";
        let query = [("format", "json"), ("bytes", "b"), ("h", columns)];
        self.get(&["_cat", "indices"], &query, "list the search indices").await
    }

    /// The UUID of every index that the login may list.
    pub async fn index_uuids(&self) -> Result<BTreeSet<String>, ElasticsearchError> {
        let query = [("format", "json"), ("h", "uuid")];
        let found: Vec<IndexUuid> =
            self.get(&["_cat", "indices"], &query, "list the search indices").await?;
        Ok(found
            .into_iter()
            .filter_map(|one| one.uuid)
            .filter(|id| !id.is_empty() && id != "_na_")
            .collect())
    }

    pub async fn aliases(&self) -> Result<Vec<Alias>, ElasticsearchError> {
        let answer: AliasesAnswer =
            self.get(&["_alias"], &[], "list the aliases of the search indices").await?;
        Ok(answer.into())
    }

    /// How many documents were put into an index, as far as it has been refreshed.
    ///
    /// # Errors
    ///
    /// [`ElasticsearchError::BadAnswer`] if a part of the index could not be counted: a number that
    /// is too small is worse than none.
    pub async fn count(&self, index: &str) -> Result<u64, ElasticsearchError> {
        let what = format!("count the documents of {index}");
        let answer: CountAnswer = self.get(&[index, "_count"], &[], &what).await?;
        self.check_shards(&what, answer.shards.map_or(0, |shards| shards.failed))?;
        Ok(answer.count)
    }

    /// The same, asked once: for an index that is known to be broken.
    pub async fn count_once(&self, index: &str) -> Result<u64, ElasticsearchError> {
        let what = format!("count the documents of {index}");
        let path = [index, "_count"];
        let answer: CountAnswer = self.once(&Method::GET, &path, &[], &what).await?;
        self.check_shards(&what, answer.shards.map_or(0, |shards| shards.failed))?;
        Ok(answer.count)
    }

    fn check_shards(&self, what: &str, failed: u64) -> Result<(), ElasticsearchError> {
        if failed == 0 {
            return Ok(());
        }
        let reason = format!("{failed} of the index's shards took no part");
        Err(self.bad_answer(what, reason))
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        what: &str,
    ) -> Result<T, ElasticsearchError> {
        self.repeated(&Method::GET, path, query, what).await
    }

    async fn repeated<T: DeserializeOwned>(
        &self,
        method: &Method,
        path: &[&str],
        query: &[(&str, &str)],
        what: &str,
    ) -> Result<T, ElasticsearchError> {
        let patience = self.timing.patience();
        patience.repeat(|| self.once(method, path, query, what)).await
    }

    async fn once<T: DeserializeOwned>(
        &self,
        method: &Method,
        path: &[&str],
        query: &[(&str, &str)],
        what: &str,
    ) -> Result<T, ElasticsearchError> {
        let url = self.address.url(path, query);
        let mut request = self.http.request(method.clone(), url).header(ACCEPT, "application/json");
        if *method != Method::GET {
            request = request.header(CONTENT_LENGTH, 0);
        }
        if let Some(authorization) = self.address.authorization() {
            request = request.header(AUTHORIZATION, authorization);
        }
        let response = request.send().await.map_err(|cause| self.network(what, cause))?;
        let status = response.status();
        let retry_after = transport::retry_after(response.headers());
        let body = transport::whole_body(response, LONGEST_ANSWER).await;
        let body = body.map_err(|error| match error {
            BodyError::Network(cause) => self.network(what, cause),
            BodyError::TooLong => self.bad_answer(what, "it is too long or never ends".to_owned()),
        })?;
        if !status.is_success() {
            return Err(self.refusal(what, status, retry_after, &body));
        }
        serde_json::from_slice(&body)
            .map_err(|cause| self.bad_answer(what, format!("{cause}; {}", kind_of(&body))))
    }

    fn refusal(
        &self,
        what: &str,
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> ElasticsearchError {
        let (what, place) = (what.to_owned(), self.address.place());
        let said: ErrorAnswer = serde_json::from_slice(body).unwrap_or_default();
        let message = match said.reason() {
            Some(reason) => self.address.redact(&reason).chars().take(LONGEST_MESSAGE).collect(),
            // A proxy's page in HTML has no reason that could be read.
            None => status.canonical_reason().unwrap_or("no reason given").to_owned(),
        };
        match status.as_u16() {
            401 => ElasticsearchError::Unauthorized { what, place },
            403 => ElasticsearchError::Forbidden { what, place, message },
            404 => ElasticsearchError::NotFound { what, place },
            429 => ElasticsearchError::TooManyRequests { what, place, retry_after },
            300..=399 => {
                let reason = "it is a redirect, which is not followed".to_owned();
                ElasticsearchError::BadAnswer { what, place, reason }
            }
            status => ElasticsearchError::Server { what, place, status, message },
        }
    }

    fn bad_answer(&self, what: &str, reason: String) -> ElasticsearchError {
        let (what, place) = (what.to_owned(), self.address.place());
        ElasticsearchError::BadAnswer { what, place, reason }
    }

    fn network(&self, what: &str, cause: reqwest::Error) -> ElasticsearchError {
        let (what, place) = (what.to_owned(), self.address.place());
        if cause.is_timeout() && !cause.is_connect() {
            let seconds = self.timing.request.as_secs();
            return ElasticsearchError::Timeout { what, place, seconds };
        }
        ElasticsearchError::Network { what, place, cause: cause.without_url() }
    }
}

impl DestinationCluster {
    /// Takes the proof that the environment may be written to. That the cluster is not a protected
    /// environment's under another name is for the caller to compare.
    pub fn new(cluster: Cluster, _proof: &Destination) -> DestinationCluster {
        DestinationCluster(cluster)
    }

    /// Makes whatever was put into an index visible to searches and counts.
    pub async fn refresh(&self, index: &str) -> Result<(), ElasticsearchError> {
        let what = format!("refresh {index}");
        let answer: RefreshAnswer =
            self.repeated(&Method::POST, &[index, "_refresh"], &[], &what).await?;
        self.check_shards(&what, answer.shards.failed)
    }
}

/// What a body looks like that could not be read. It is not quoted: nobody knows what is in it.
fn kind_of(body: &[u8]) -> &'static str {
    match body.trim_ascii_start().first() {
        None => "it is empty",
        Some(b'<') => "it looks like HTML",
        Some(b'{' | b'[') => "it is JSON of another form, or cut short",
        Some(_) => "it is not JSON",
    }
}
