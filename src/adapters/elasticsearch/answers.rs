//! Reads the answers of a cluster. Every field that some version or product omits is optional.
//!
//! Source: the REST references of Elasticsearch 7.10 to 9 and of OpenSearch 1 to 3.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

/// `GET /`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    pub cluster_name: String,
    /// The same id under every name of the cluster. A cluster that is still forming has none.
    pub cluster_uuid: Option<String>,
    pub version: String,
    /// `elasticsearch`, or the name that the server reports, for example `opensearch`.
    pub distribution: String,
}

#[derive(Deserialize)]
pub(super) struct InfoAnswer {
    #[serde(default)]
    cluster_name: String,
    #[serde(default)]
    cluster_uuid: Option<String>,
    version: VersionAnswer,
}

#[derive(Deserialize)]
struct VersionAnswer {
    number: String,
    /// Elasticsearch sends no such field.
    #[serde(default)]
    distribution: Option<String>,
}

impl From<InfoAnswer> for Info {
    fn from(answer: InfoAnswer) -> Self {
        let distribution = answer.version.distribution;
        Info {
            cluster_name: answer.cluster_name,
            cluster_uuid: answer.cluster_uuid.filter(|id| !id.is_empty() && id != "_na_"),
            version: answer.version.number,
            distribution: distribution.unwrap_or_else(|| "elasticsearch".to_owned()),
        }
    }
}

/// Red: some documents cannot be found. Yellow: all can be found, but some copies are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    Green,
    Yellow,
    Red,
    /// A word of newer versions.
    #[serde(other)]
    Unknown,
}

/// `GET /_cluster/health`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    pub status: HealthStatus,
    #[serde(default)]
    pub number_of_nodes: u64,
    /// Working primaries and replicas of every index.
    #[serde(default)]
    pub active_shards: u64,
    #[serde(default)]
    pub unassigned_shards: u64,
}

/// A line of `GET /_cat/indices`. Numbers are sent as text, and are missing for a closed index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IndexListing {
    #[serde(rename = "index")]
    pub name: String,
    #[serde(default)]
    pub health: Option<HealthStatus>,
    /// `open` or `close`.
    #[serde(default)]
    pub status: Option<String>,
    #[serde(rename = "pri", default, deserialize_with = "number")]
    pub primaries: Option<u64>,
    /// Copies of each primary.
    #[serde(rename = "rep", default, deserialize_with = "number")]
    pub replicas: Option<u64>,
    #[serde(rename = "store.size", default, deserialize_with = "number")]
    pub bytes: Option<u64>,
    /// In milliseconds since 1970.
    #[serde(rename = "creation.date", default, deserialize_with = "number")]
    pub created: Option<u64>,
}

/// A line of `GET /_cat/indices` with the index's id.
#[derive(Debug, Deserialize)]
pub(super) struct IndexUuid {
    #[serde(default)]
    pub uuid: Option<String>,
}

impl IndexListing {
    /// A listing for an index of which only the name is known.
    pub fn named(name: &str) -> IndexListing {
        IndexListing {
            name: name.to_owned(),
            health: None,
            status: None,
            primaries: None,
            replicas: None,
            bytes: None,
            created: None,
        }
    }

    /// Primaries and their copies, even without a node for each, because providers count both.
    pub fn shards(&self) -> u64 {
        let copies = self.replicas.unwrap_or(0).saturating_add(1);
        self.primaries.unwrap_or(0).saturating_mul(copies)
    }

    pub fn is_open(&self) -> bool {
        self.status.as_deref() != Some("close")
    }
}

/// Another name of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    pub name: String,
    pub index: String,
}

/// `GET /_alias`: by index.
#[derive(Deserialize)]
pub(super) struct AliasesAnswer(BTreeMap<String, AliasesOfIndex>);

#[derive(Deserialize)]
struct AliasesOfIndex {
    #[serde(default)]
    aliases: BTreeMap<String, de::IgnoredAny>,
}

impl From<AliasesAnswer> for Vec<Alias> {
    fn from(answer: AliasesAnswer) -> Self {
        let of_index = |(index, found): (String, AliasesOfIndex)| {
            found.aliases.into_keys().map(move |name| Alias { name, index: index.clone() })
        };
        answer.0.into_iter().flat_map(of_index).collect()
    }
}

/// `GET /INDEX/_count`.
#[derive(Deserialize)]
pub(super) struct CountAnswer {
    pub count: u64,
    #[serde(rename = "_shards", default)]
    pub shards: Option<ShardsAnswer>,
}

/// How many shards took part in an answer.
#[derive(Deserialize)]
pub(super) struct ShardsAnswer {
    #[serde(default)]
    pub failed: u64,
}

/// `POST /INDEX/_refresh`.
#[derive(Deserialize)]
pub(super) struct RefreshAnswer {
    #[serde(rename = "_shards")]
    pub shards: ShardsAnswer,
}

/// The body of an error. Elasticsearch nests the reason, proxies and plug-ins do not.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ErrorAnswer {
    error: Option<ErrorReason>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorReason {
    Nested { reason: Option<String> },
    Plain(String),
}

impl ErrorAnswer {
    pub fn reason(self) -> Option<String> {
        match self.error {
            Some(ErrorReason::Nested { reason: Some(reason) }) => Some(reason),
            Some(ErrorReason::Plain(reason)) => Some(reason),
            _ => self.message,
        }
    }
}

/// Reads a number, a number written as text, or nothing.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    match Option::<Written>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Written::Number(number)) => Ok(Some(number)),
        Some(Written::Text(text)) => text.parse().map(Some).map_err(de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_products_report_their_name() {
        let read = |text: &str| -> Info {
            serde_json::from_str::<InfoAnswer>(text).expect("an answer").into()
        };
        let info = read(r#"{"cluster_name":"c","version":{"number":"7.10.2"},"tagline":"x"}"#);
        assert_eq!(
            (info.distribution.as_str(), info.version.as_str()),
            ("elasticsearch", "7.10.2")
        );
        let info = read(r#"{"version":{"distribution":"opensearch","number":"2.6.0"}}"#);
        assert_eq!(info.distribution, "opensearch");
    }

    #[test]
    fn numbers_are_texts_or_absent() {
        let text = r#"[{"health":"yellow","status":"open","index":"a","pri":"1","rep":"1",
            "docs.count":"3","store.size":"512"},
            {"status":"close","index":"b","pri":"2","rep":"0","store.size":null}]"#;
        let list: Vec<IndexListing> = serde_json::from_str(text).expect("a list");
        assert_eq!((list[0].shards(), list[0].bytes, list[0].is_open()), (2, Some(512), true));
        assert_eq!((list[1].shards(), list[1].bytes, list[1].is_open()), (2, None, false));
        let other = r#"[{"index":"a","health":"unavailable"}]"#;
        let other: Vec<IndexListing> = serde_json::from_str(other).expect("a list");
        assert_eq!(other[0].health, Some(HealthStatus::Unknown));
        let wrong = r#"[{"index":"a","pri":"many"}]"#;
        assert!(serde_json::from_str::<Vec<IndexListing>>(wrong).is_err());
    }

    #[test]
    fn every_form_of_reason_is_read() {
        let reason = |text: &str| {
            serde_json::from_str::<ErrorAnswer>(text).ok().and_then(ErrorAnswer::reason)
        };
        let nested =
            r#"{"error":{"root_cause":[],"type":"x","reason":"no such index"},"status":404}"#;
        assert_eq!(reason(nested).as_deref(), Some("no such index"));
        assert_eq!(reason(r#"{"error":"plain"}"#).as_deref(), Some("plain"));
        assert_eq!(
            reason(r#"{"code":403,"message":"Cluster Read Only"}"#).as_deref(),
            Some("Cluster Read Only")
        );
        assert_eq!(reason("<html>"), None);
    }
}
