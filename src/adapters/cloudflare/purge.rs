//! Sends `POST /zones/ID/purge_cache`: one request for items of one kind.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::client::Cloudflare;
use super::zones::ZoneId;
use crate::adapters::json_api::ApiError;

/// The kinds of items that can be purged. Each kind needs its own request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ItemKind {
    Urls,
    Hosts,
    Prefixes,
    Tags,
}

impl ItemKind {
    pub const ALL: [ItemKind; 4] =
        [ItemKind::Urls, ItemKind::Hosts, ItemKind::Prefixes, ItemKind::Tags];

    /// The most items that one request may hold. A plan that cannot be read counts as the smallest.
    pub fn most(self, plan: Option<&str>) -> usize {
        match (self, plan) {
            (ItemKind::Urls, Some("enterprise")) => 500,
            _ => 100,
        }
    }

    /// The word for one item.
    pub fn noun(self) -> &'static str {
        match self {
            ItemKind::Urls => "URL",
            ItemKind::Hosts => "host",
            ItemKind::Prefixes => "prefix",
            ItemKind::Tags => "tag",
        }
    }

    /// The flag of the command line, which takes one item at a time.
    pub fn flag(self) -> &'static str {
        match self {
            ItemKind::Urls => "--url",
            ItemKind::Hosts => "--host",
            ItemKind::Prefixes => "--prefix",
            ItemKind::Tags => "--tag",
        }
    }

    fn field(self) -> &'static str {
        match self {
            ItemKind::Urls => "files",
            ItemKind::Hosts => "hosts",
            ItemKind::Prefixes => "prefixes",
            ItemKind::Tags => "tags",
        }
    }
}

/// The contents of one request.
#[derive(Debug, Clone, Copy)]
pub enum Selection<'a> {
    Some(ItemKind, &'a [String]),
    Everything,
}

impl Selection<'_> {
    fn body(self) -> Value {
        match self {
            Selection::Some(kind, items) => json!({ kind.field(): items }),
            Selection::Everything => json!({ "purge_everything": true }),
        }
    }
}

impl Cloudflare {
    /// Sends one request, exactly once. Returns the wait before the next request, if there is one.
    pub async fn purge_once(
        &self,
        zone: &ZoneId,
        selection: Selection<'_>,
    ) -> Result<Option<Duration>, ApiError> {
        let path = ["zones", zone.as_str(), "purge_cache"];
        self.post(self.request(&path, "the purge"), &selection.body()).await
    }
}
