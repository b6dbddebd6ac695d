//! Names the values that one step hands to later ones. Journals contain these names, so they never
//! change.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::adapters::git::Oid;
use crate::adapters::heroku::Formation;
use crate::restore::RowsByTable;
use crate::runbook::ValueKey;

use super::closed::Closed;
use super::media::MediaLeft;
use super::sites::{Change, SiteRecord};
use super::sites_answer::{AnsweredBefore, Opened, SiteFailure};

/// The backup of staging from before the run, by its number and its identifier.
pub const BACKUP: ValueKey<BackupTaken> = ValueKey::new("staging_backup");
/// The backup of staging that a rollback made before it replaced anything.
pub const PRESENT_BACKUP: ValueKey<BackupTaken> = ValueKey::new("present_backup");
/// The tip of staging's branch that a rollback may discard, if it is not the run's own.
pub const TIP_GIVEN_UP: ValueKey<String> = ValueKey::new("tip_given_up");
/// The release at the start of the run, with its commit if that is known.
pub const RELEASE_AT_START: ValueKey<ReleaseSeen> = ValueKey::new("release_at_start");
/// The unfinished run whose lock was broken, and which this run takes over.
pub const TAKEN_OVER: ValueKey<TakenOver> = ValueKey::new("taken_over");
/// The time in the merge commits, so that merging again gives the same commits.
pub const MERGED_AT: ValueKey<i64> = ValueKey::new("merged_at");
pub const MERGED: ValueKey<Merged> = ValueKey::new("merged");
/// The release that was current before the deploy.
pub const RELEASE_BEFORE: ValueKey<ReleaseSeen> = ValueKey::new("release_before");
pub const RELEASE: ValueKey<ReleaseSeen> = ValueKey::new("release");
/// The identifier of the failed release of the merged tip. The next attempt builds the commit
/// again.
pub const RELEASE_FAILED: ValueKey<String> = ValueKey::new("release_failed");
pub const MAINTENANCE_BEFORE: ValueKey<bool> = ValueKey::new("maintenance_before");
/// How staging was closed before the run. `null` if it was open.
pub const CLOSED_BEFORE: ValueKey<Option<Closed>> = ValueKey::new("closed_before");
/// Whether the run has opened staging, and what was observed of its sites.
pub const OPENED: ValueKey<Opened> = ValueKey::new("opened");
pub const FORMATION_BEFORE: ValueKey<Formation> = ValueKey::new("formation_before");
/// The formation before the deploy, because the new code may have other processes. Journals of
/// older versions do not have it.
pub const FORMATION_AT_DEPLOY: ValueKey<Formation> = ValueKey::new("formation_at_deploy");
pub const LOADED: ValueKey<Loaded> = ValueKey::new("loaded");
pub const CONTENT_ONLY_HERE: ValueKey<u64> = ValueKey::new("content_on_staging_only");
pub const ACCOUNTS_ONLY_HERE: ValueKey<u64> = ValueKey::new("accounts_on_staging_only");
/// Hosts that did not answer before the run, with the reasons.
pub const DOWN_BEFORE: ValueKey<Vec<SiteFailure>> = ValueKey::new("down_before");
/// The hosts that answered before the run. Journals of older versions do not have it.
pub const ANSWERED_BEFORE: ValueKey<AnsweredBefore> = ValueKey::new("answered_before");
pub const SITES_BEFORE: ValueKey<Vec<SiteRecord>> = ValueKey::new("sites_before");
/// Production's own Site records. None of their hosts may remain on staging.
pub const SITES_OF_SOURCE: ValueKey<Vec<SiteRecord>> = ValueKey::new("sites_of_source");
/// What each Site record becomes. It is decided only once, because a map with a cycle would give
/// another result for rewritten records.
pub const SITE_CHANGES: ValueKey<Vec<Change>> = ValueKey::new("site_changes");
/// The usernames of the accounts to put back that staging's backup has.
pub const ACCOUNTS_STORED: ValueKey<BTreeSet<String>> = ValueKey::new("accounts_stored");
pub const ACCOUNTS_BACK: ValueKey<u64> = ValueKey::new("accounts_put_back");
pub const MEDIA_COPIED: ValueKey<(u64, u64)> = ValueKey::new("media_copied");
/// The media that were not copied although the step has ended.
pub const MEDIA_LEFT: ValueKey<MediaLeft> = ValueKey::new("media_left");

/// How many of the site's search indices could not be counted after they were rebuilt.
pub const SEARCH_UNCOUNTED: ValueKey<u64> = ValueKey::new("search_uncounted");

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupTaken {
    pub name: String,
    pub num: u64,
    pub uuid: String,
}

/// The tip that staging's branch gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    #[serde(with = "commit_id")]
    pub tip: Oid,
    pub merged: Vec<String>,
    pub already_there: Vec<String>,
    /// Branches skipped because of a conflict.
    pub left_out: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseSeen {
    pub id: String,
    pub version: u64,
    /// The commit of the release, if Heroku shows it. It may be shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl ReleaseSeen {
    /// The commit, if its complete id is known.
    pub fn whole_commit(&self) -> Option<Oid> {
        let commit = self.commit.as_deref().filter(|commit| commit.len() == 40)?;
        Oid::from_str(commit).ok()
    }
}

/// What an unfinished run left, for the run that takes over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOver {
    pub run: String,
    /// Whether it left staging closed.
    pub closed: bool,
    /// Whether this run keeps its backup of staging.
    #[serde(default)]
    pub keeps_backup: bool,
}

/// The loaded tables and rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    pub tables: u64,
    pub rows: u64,
    /// The rows counted right after the load, to compare with the audit.
    pub by_table: RowsByTable,
}

/// Serialises a commit by its complete id.
mod commit_id {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::Oid;

    pub fn serialize<S: Serializer>(commit: &Oid, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(commit)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Oid, D::Error> {
        Oid::from_str(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}
