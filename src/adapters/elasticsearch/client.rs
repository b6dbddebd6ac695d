//! Sends requests to a cluster. Reads are repeated where that can help, and so is a refresh,
//! because a second refresh does no harm.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::time::Duration;

use reqwest::Method;

use super::answers::{
    AliasesAnswer, CountAnswer, Health, IndexListing, IndexUuid, Info, InfoAnswer, RefreshAnswer,
};
use super::service::SEARCH;
use super::{Alias, ClusterAddress};
use crate::adapters::json_api::{ApiError, JsonApi, Reason, Request, Timing};
use crate::settings::Destination;

/// A cluster, with methods that only read.
#[derive(Debug, Clone)]
pub struct Cluster {
    api: JsonApi,
    address: ClusterAddress,
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
    /// `limit` is the user's limit for each request.
    pub fn new(address: ClusterAddress, limit: Option<Duration>) -> Result<Cluster, ApiError> {
        Cluster::with_timing(address, Timing::default().limited(limit))
    }

    pub fn with_timing(address: ClusterAddress, timing: Timing) -> Result<Cluster, ApiError> {
        let api = JsonApi::new(&SEARCH, address.login()?, timing)?;
        Ok(Cluster { api, address })
    }

    pub fn address(&self) -> &ClusterAddress {
        &self.address
    }

    pub async fn info(&self) -> Result<Info, ApiError> {
        let request = self.ask(&[], "identify the search cluster");
        let answer: InfoAnswer = self.api.json(request).await?;
        Ok(answer.into())
    }

    pub async fn health(&self) -> Result<Health, ApiError> {
        let request = self.ask(&["_cluster", "health"], "read the search cluster's health");
        self.api.json(request).await
    }

    /// Every index, including hidden ones of the cluster itself.
    pub async fn indices(&self) -> Result<Vec<IndexListing>, ApiError> {
        let columns = "index,health,status,pri,rep,docs.count,store.size,creation.date";
        let query = [("format", "json"), ("bytes", "b"), ("h", columns)];
        let request = self.ask(&["_cat", "indices"], "list the search indices");
        self.api.json(request.query(&query)).await
    }

    /// The UUID of every index that the login may list.
    pub async fn index_uuids(&self) -> Result<BTreeSet<String>, ApiError> {
        let request = self.ask(&["_cat", "indices"], "list the search indices");
        let query = [("format", "json"), ("h", "uuid")];
        let found: Vec<IndexUuid> = self.api.json(request.query(&query)).await?;
        let found = found.into_iter().filter_map(|one| one.uuid);
        Ok(found.filter(|id| !id.is_empty() && id != "_na_").collect())
    }

    pub async fn aliases(&self) -> Result<Vec<Alias>, ApiError> {
        let request = self.ask(&["_alias"], "list the aliases of the search indices");
        let answer: AliasesAnswer = self.api.json(request).await?;
        Ok(answer.into())
    }

    /// How many documents were put into an index up to its last refresh.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadAnswer`](crate::adapters::json_api::ErrorKind::BadAnswer) if a part of the
    /// index could not be counted, because a number that is too small would mislead.
    pub async fn count(&self, index: &str) -> Result<u64, ApiError> {
        let path = [index, "_count"];
        self.counted(self.ask(&path, format!("count the documents of {index}"))).await
    }

    /// The same without retries, for an index that is known to be broken.
    pub async fn count_once(&self, index: &str) -> Result<u64, ApiError> {
        let path = [index, "_count"];
        self.counted(self.ask(&path, format!("count the documents of {index}")).once()).await
    }

    async fn counted(&self, request: Request<'_>) -> Result<u64, ApiError> {
        let answer: CountAnswer = self.api.json(request.clone()).await?;
        self.check_shards(&request, answer.shards.map_or(0, |shards| shards.failed))?;
        Ok(answer.count)
    }

    fn ask<'a>(&'a self, path: &'a [&'a str], what: impl Into<String>) -> Request<'a> {
        Request::new(self.address.base(), path, what)
    }

    fn check_shards(&self, request: &Request<'_>, failed: u64) -> Result<(), ApiError> {
        if failed == 0 {
            return Ok(());
        }
        let reason = format!("{failed} shards of the index did not take part");
        Err(self.api.means(request, Reason::bad_answer(reason)))
    }
}

impl DestinationCluster {
    /// Takes the proof that the environment may be written to. The caller must also check that no
    /// protected environment uses the same cluster under another name.
    pub fn new(cluster: Cluster, _proof: &Destination) -> DestinationCluster {
        DestinationCluster(cluster)
    }

    /// Deletes one index. A cluster refuses the name of an alias. `false` if the index is missing.
    pub async fn delete(&self, index: &str) -> Result<bool, ApiError> {
        let path = [index];
        let request = self.ask(&path, format!("delete the search index {index}"));
        let request = request.query(&[("expand_wildcards", "none")]);
        match self.api.send(&request.method(Method::DELETE).idempotent()).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes all new documents of an index visible to searches and counts.
    pub async fn refresh(&self, index: &str) -> Result<(), ApiError> {
        let path = [index, "_refresh"];
        let request = self.ask(&path, format!("refresh {index}")).method(Method::POST).idempotent();
        let answer: RefreshAnswer = self.api.json(request.clone()).await?;
        self.check_shards(&request, answer.shards.failed)
    }
}
