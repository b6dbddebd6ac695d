//! Talks to Elasticsearch 7.10 to 9 and OpenSearch 1 to 3: reads identity, health, indices and
//! document counts, refreshes an index, and deletes one.
//!
//! A [`Cluster`] only reads. Methods that change a cluster belong to [`DestinationCluster`], which
//! does not exist for a protected environment. bcops does not check for a genuine product of
//! Elastic: newer clients do, and so refuse Bonsai and OpenSearch.
//!
//! Two counts of documents exist. `_cat/indices` counts all documents of Lucene, including nested
//! ones. `_count` counts the documents that were put in, so this count can be compared with rows of
//! a table.

mod address;
mod answers;
mod client;
mod service;

pub use address::ClusterAddress;
pub use answers::{Alias, Health, HealthStatus, IndexListing, Info};
pub use client::{Cluster, DestinationCluster};
pub use service::SEARCH;
