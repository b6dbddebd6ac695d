//! Plays Elasticsearch 7.10 or OpenSearch in memory: the REST interface that Wagtail's backend and
//! bcops use.
//!
//! Documents count and are found only after a refresh, as in a real cluster within its refresh
//! interval. Mappings decide what a query finds: keywords whole, text by its words, edge n-grams by
//! the beginnings of words, and `copy_to` as it says.

mod bulk;
mod faults;
mod index;
mod query;
mod requests;
mod search;
mod server;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

pub use faults::{Fault, Rule};

use index::Indices;

use super::server::{Intake, Recorded, Server, bind};

/// The product that the stand-in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// 7.10, the last one under a free licence, as at Bonsai.
    Elasticsearch,
    Elasticsearch8,
    Elasticsearch9,
    OpenSearch,
    OpenSearch3,
}

impl Flavour {
    pub const ALL: [Flavour; 5] = [
        Flavour::Elasticsearch,
        Flavour::Elasticsearch8,
        Flavour::Elasticsearch9,
        Flavour::OpenSearch,
        Flavour::OpenSearch3,
    ];

    pub fn version(self) -> &'static str {
        match self {
            Flavour::Elasticsearch => "7.10.2",
            Flavour::Elasticsearch8 => "8.17.2",
            Flavour::Elasticsearch9 => "9.2.0",
            Flavour::OpenSearch => "2.6.0",
            Flavour::OpenSearch3 => "3.3.0",
        }
    }

    pub fn is_opensearch(self) -> bool {
        matches!(self, Flavour::OpenSearch | Flavour::OpenSearch3)
    }

    /// Whether each answer carries `X-Elastic-Product`, which Elastic's newer clients demand.
    fn has_product_header(self) -> bool {
        matches!(self, Flavour::Elasticsearch8 | Flavour::Elasticsearch9)
    }
}

pub struct Options {
    /// Zero for any that is free.
    pub port: u16,
    pub flavour: Flavour,
    pub user: String,
    pub password: String,
    /// The cluster's own name, under every address.
    pub cluster_uuid: String,
}

/// A new identity for every cluster.
fn new_cluster_uuid() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("stand-in-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

impl Default for Options {
    fn default() -> Self {
        Options {
            port: 0,
            flavour: Flavour::Elasticsearch,
            user: "bonsai-user".to_owned(),
            password: "bonsai-password".to_owned(),
            cluster_uuid: new_cluster_uuid(),
        }
    }
}

pub struct Shared {
    pub options: Options,
    intake: Intake<Fault>,
    indices: Mutex<Indices>,
}

impl Shared {
    pub fn indices(&self) -> MutexGuard<'_, Indices> {
        self.indices.lock().expect("no panic while the indices were held")
    }
}

/// A running stand-in. It stops when it is dropped.
pub struct ElasticsearchStandIn {
    shared: Arc<Shared>,
    _server: Server,
    /// Host and port.
    pub place: String,
}

impl ElasticsearchStandIn {
    pub async fn start(options: Options) -> Self {
        let listener = bind(options.port).await;
        let place = listener.local_addr().expect("an address").to_string();
        let shared =
            Arc::new(Shared { options, intake: Intake::default(), indices: Mutex::default() });
        let of_server = Arc::clone(&shared);
        let answer = move |request| server::answer(Arc::clone(&of_server), request);
        ElasticsearchStandIn { shared, _server: Server::start(listener, answer), place }
    }

    /// The value of a config var like `BONSAI_URL`.
    pub fn url(&self) -> String {
        let Options { user, password, .. } = &self.shared.options;
        format!("http://{user}:{password}@{}", self.place)
    }

    /// Makes an index of one primary and one replica with this many documents, refreshed.
    pub fn fill(&self, index: &str, documents: u64) {
        let mut indices = self.shared.indices();
        indices.fill(index, documents);
    }

    pub fn close(&self, index: &str) {
        self.shared.indices().get_mut(index).expect("an index of the stand-in").closed = true;
    }

    pub fn add_alias(&self, alias: &str, index: &str) {
        self.shared.indices().add_alias(alias, index);
    }

    pub fn remove(&self, index: &str) {
        self.shared.indices().remove(index);
    }

    /// The refreshed documents of an index, by id.
    pub fn documents(&self, index: &str) -> Vec<(String, Value)> {
        let indices = self.shared.indices();
        let found = indices.get(index).map(|index| index.visible.clone()).unwrap_or_default();
        found.into_iter().collect()
    }

    pub fn index_names(&self) -> Vec<String> {
        self.shared.indices().names()
    }

    /// Misbehave as told, until the rule is used up. Rules are tried in the order of their coming.
    pub fn misbehave(&self, rule: Rule) {
        self.shared.intake.misbehave(rule);
    }

    pub fn behave(&self) {
        self.shared.intake.behave();
    }

    /// Every request so far, faulty ones included.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.intake.requests()
    }
}
