//! Elasticsearch 7.10 to 7.17 and OpenSearch, as far as bcops needs them: what a cluster is, how it
//! is, which indices it has, how many documents are in one, and a refresh.
//!
//! A [`Cluster`] only reads. What changes a cluster is a method of [`DestinationCluster`], of which
//! there is none for a protected environment. Whether the answers come from a genuine product of
//! Elastic is not asked: newer clients do, and thereby shut Bonsai and OpenSearch out.
//!
//! Two counts of documents exist. `_cat/indices` counts what Lucene holds, nested documents and all;
//! `_count` counts what was put in, and is the one that can be compared with rows of a table.

mod address;
mod answers;
mod client;
mod service;

pub use address::ClusterAddress;
pub use answers::{Alias, Health, HealthStatus, IndexListing, Info};
pub use client::{Cluster, DestinationCluster};
pub use service::SEARCH;
