//! Reads Heroku Postgres transfers: backups, restores and copies, which share numbers within an
//! app.
//!
//! The two ends of a transfer show its kind: `pg_dump` to `gof3r` (Heroku's bucket) is a backup. A
//! transfer has ended when `finished_at` is set, and `succeeded` is valid only then. `canceled_at`
//! marks a cancelled transfer. Warnings are not failures.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::client::Heroku;
use super::error::HerokuError;
use crate::secret::Secret;

#[derive(Debug, Clone, Deserialize)]
pub struct Transfer {
    pub uuid: String,
    pub num: u64,
    #[serde(default)]
    pub from_name: Option<String>,
    #[serde(default)]
    pub from_type: Option<String>,
    /// Holds credentials.
    #[serde(default)]
    pub from_url: Option<Secret>,
    #[serde(default)]
    pub to_name: Option<String>,
    #[serde(default)]
    pub to_type: Option<String>,
    #[serde(default)]
    pub to_url: Option<Secret>,
    #[serde(default)]
    options: Option<Options>,
    #[serde(default)]
    schedule: Option<serde_json::Value>,
    /// The size of the database, which is not the size of its dump.
    #[serde(default)]
    pub source_bytes: Option<u64>,
    /// How many bytes of the dump were transferred.
    #[serde(default)]
    pub processed_bytes: Option<u64>,
    #[serde(default)]
    pub succeeded: Option<bool>,
    #[serde(default)]
    warnings: Option<u64>,
    #[serde(default, deserialize_with = "moment")]
    pub created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    pub started_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    pub finished_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    pub canceled_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    deleted_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    purged_at: Option<Timestamp>,
    /// Only if the request asked for it.
    #[serde(default)]
    pub logs: Vec<LogLine>,
}

#[derive(Debug, Clone, Deserialize)]
struct Options {
    #[serde(default)]
    pgbackups_name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct LogLine {
    #[serde(default, deserialize_with = "moment")]
    pub created_at: Option<Timestamp>,
    #[serde(default)]
    pub level: Option<String>,
    #[serde(default)]
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferState {
    Pending,
    Running,
    /// Finished successfully, perhaps with warnings: see [`Transfer::warnings`].
    Completed,
    Canceled,
    Failed,
    /// It was completed, but its data are gone: deleted by a person, or expired.
    Deleted,
}

/// Whether a transfer is read with its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    Plain,
    WithLogs,
}

/// A URL from which anyone can fetch the backup until it expires.
#[derive(Debug, Clone, Deserialize)]
pub struct SignedUrl {
    pub url: Secret,
    #[serde(default, deserialize_with = "moment")]
    pub expires_at: Option<Timestamp>,
}

impl Transfer {
    pub fn is_backup(&self) -> bool {
        self.dumps() && self.to_type.as_deref() == Some("gof3r")
    }

    pub fn is_restore(&self) -> bool {
        self.fills() && !self.dumps()
    }

    /// Whether it reads a database.
    pub(super) fn dumps(&self) -> bool {
        self.from_type.as_deref() == Some("pg_dump")
    }

    /// Whether it fills a database.
    pub(super) fn fills(&self) -> bool {
        self.to_type.as_deref() == Some("pg_restore")
    }

    pub fn is_scheduled(&self) -> bool {
        self.schedule.is_some()
    }

    pub fn warnings(&self) -> u64 {
        self.warnings.unwrap_or(0)
    }

    pub fn state(&self) -> TransferState {
        match (self.canceled_at, self.finished_at, self.started_at) {
            (Some(_), _, _) => TransferState::Canceled,
            (None, Some(_), _) if self.succeeded == Some(true) && !self.is_there() => {
                TransferState::Deleted
            }
            (None, Some(_), _) if self.succeeded == Some(true) => TransferState::Completed,
            (None, Some(_), _) => TransferState::Failed,
            (None, None, Some(_)) => TransferState::Running,
            (None, None, None) => TransferState::Pending,
        }
    }

    /// The name that people use: `b001` a manual backup, `a001` a scheduled one, `r001` a restore,
    /// `c001` a copy, and `ob001` a backup from before transfers existed.
    pub fn name(&self) -> String {
        if let Some(old) = self.options.as_ref().and_then(|o| o.pgbackups_name.as_deref()) {
            return format!("o{old}");
        }
        let letter = match (self.dumps(), self.fills()) {
            (true, true) => 'c',
            (true, false) if self.is_scheduled() => 'a',
            (false, true) => 'r',
            (_, false) => 'b',
        };
        format!("{letter}{:03}", self.num)
    }

    /// Whether the data were neither deleted nor purged.
    pub fn is_there(&self) -> bool {
        self.deleted_at.is_none() && self.purged_at.is_none()
    }
}

/// The backup that was completed last. A later one that failed or still runs does not count.
pub fn newest_completed(transfers: &[Transfer]) -> Option<&Transfer> {
    transfers
        .iter()
        .filter(|one| one.is_backup() && one.state() == TransferState::Completed)
        .max_by_key(|one| (one.finished_at, one.num))
}

/// The backup with this name, in any state. The letter counts: `b007` is not `a007`.
pub fn backup_named<'a>(transfers: &'a [Transfer], name: &str) -> Option<&'a Transfer> {
    transfers.iter().find(|one| one.is_backup() && one.name() == name)
}

impl Heroku {
    /// All transfers of the app that owns the database.
    pub async fn transfers(&self, app: &str) -> Result<Vec<Transfer>, HerokuError> {
        let what = format!("the backups of {app}");
        self.get(self.data(&["client", "v11", "apps", app, "transfers"], what)).await
    }

    /// One transfer by its number or its UUID.
    pub async fn transfer(
        &self,
        app: &str,
        id: &str,
        verbosity: Verbosity,
    ) -> Result<Transfer, HerokuError> {
        let path = ["client", "v11", "apps", app, "transfers", id];
        let what = format!("transfer {id} of {app}");
        let request = self.data(&path, what);
        self.get(match verbosity {
            Verbosity::Plain => request,
            // A server quotes rows in its messages.
            Verbosity::WithLogs => request.query(&[("verbose", "true")]).private(),
        })
        .await
    }

    /// Mints a signed URL for a completed backup. The URL is for GET only, and must not be shown.
    pub async fn public_url(&self, app: &str, num: u64) -> Result<SignedUrl, HerokuError> {
        let number = num.to_string();
        let path = ["client", "v11", "apps", app, "transfers", &number, "actions", "public-url"];
        let what = format!("the URL of transfer {num} of {app}");
        let request = self.data(&path, what);
        // This POST changes nothing at Heroku, so it may be repeated.
        match self.post(request.clone(), None).await {
            Err(error) if error.is_unanswered() => self.post(request, None).await,
            other => other,
        }
    }
}

/// Reads `2017-08-31 10:28:08 +0000` as well as RFC 3339. Anything else is an error, because a
/// finished transfer without its time would seem to be running.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    text.parse()
        .or_else(|_| Timestamp::strptime("%Y-%m-%d %H:%M:%S%.f %z", &text))
        .map(Some)
        .map_err(|_| serde::de::Error::custom("a time in an unknown form"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn transfer(fields: Value) -> Transfer {
        let mut all = json!({
            "uuid": "0e1b0d5b-6a4b-4e0c-8f5e-d0f4fe1f0c01", "num": 7,
            "from_type": "pg_dump", "to_type": "gof3r", "unknown": {"field": [1]},
        });
        let fields = fields.as_object().expect("an object").clone();
        all.as_object_mut().expect("an object").extend(fields);
        serde_json::from_value(all).expect("a transfer")
    }

    #[test]
    fn names_depend_on_the_two_ends() {
        let name = |fields| transfer(fields).name();
        assert_eq!(name(json!({})), "b007");
        assert_eq!(name(json!({"num": 1234})), "b1234");
        assert_eq!(name(json!({"schedule": {"uuid": "u"}})), "a007");
        assert_eq!(name(json!({"schedule": null})), "b007");
        assert_eq!(name(json!({"to_type": "pg_restore"})), "c007");
        assert_eq!(name(json!({"to_type": "pg_restore", "from_type": "gof3r"})), "r007");
        assert_eq!(name(json!({"from_type": "htcat", "to_type": "gof3r"})), "b007");
        assert_eq!(name(json!({"options": {"pgbackups_name": "b001"}})), "ob001");
        assert_eq!(name(json!({"options": {}})), "b007");
    }

    #[test]
    fn states_depend_on_the_times() {
        let state = |fields| transfer(fields).state();
        let at = "2017-08-31 10:28:08 +0000";
        assert_eq!(state(json!({})), TransferState::Pending);
        assert_eq!(state(json!({"started_at": at})), TransferState::Running);
        assert_eq!(state(json!({"started_at": at, "succeeded": true})), TransferState::Running);
        let done = json!({"started_at": at, "finished_at": at, "succeeded": true, "warnings": 2});
        assert_eq!(state(done.clone()), TransferState::Completed);
        assert_eq!(transfer(done.clone()).warnings(), 2);
        for gone in ["deleted_at", "purged_at"] {
            let mut fields = done.clone();
            fields[gone] = json!(at);
            assert_eq!(state(fields), TransferState::Deleted, "{gone}");
        }
        let failed = json!({"started_at": at, "finished_at": at, "succeeded": false});
        assert_eq!(state(failed), TransferState::Failed);
        assert_eq!(state(json!({"finished_at": at, "succeeded": null})), TransferState::Failed);
        let canceled = json!({"canceled_at": at, "finished_at": at, "succeeded": false});
        assert_eq!(state(canceled), TransferState::Canceled);
    }

    #[test]
    fn times_have_two_forms() {
        let read = |text| transfer(json!({"created_at": text})).created_at.map(|t| t.to_string());
        let expected = Some("2017-08-31T10:28:08Z".to_owned());
        assert_eq!(read(json!("2017-08-31 10:28:08 +0000")), expected);
        assert_eq!(read(json!("2017-08-31 12:28:08 +0200")), expected);
        assert_eq!(read(json!("2017-08-31T10:28:08Z")), expected);
        assert_eq!(read(json!(null)), None);
        let broken = json!({"uuid": "u", "num": 1, "finished_at": "soon"});
        assert!(serde_json::from_value::<Transfer>(broken).is_err());
    }

    #[test]
    fn the_newest_backup_is_the_last_to_finish() {
        let backup = |num: u64, finished: &str, succeeded: bool| {
            transfer(json!({"num": num, "finished_at": finished, "succeeded": succeeded}))
        };
        let early = backup(9, "2026-01-01 00:00:00 +0000", true);
        let late = backup(8, "2026-01-02 00:00:00 +0000", true);
        let failed = backup(10, "2026-01-03 00:00:00 +0000", false);
        let copy = transfer(json!({"num": 11, "to_type": "pg_restore", "succeeded": true,
            "finished_at": "2026-01-04 00:00:00 +0000"}));
        let purged = transfer(json!({"num": 12, "succeeded": true,
            "finished_at": "2026-01-05 00:00:00 +0000", "purged_at": "2026-01-06 00:00:00 +0000"}));
        let all = [early, late, failed, copy, purged, transfer(json!({"num": 13}))];
        assert_eq!(newest_completed(&all).map(|one| one.num), Some(8));
        assert_eq!(backup_named(&all, "b009").map(|one| one.num), Some(9));
        assert!(backup_named(&all, "a009").is_none() && backup_named(&all, "c011").is_none());
    }

    #[test]
    fn urls_are_not_shown() {
        let url = "postgres://user:password@host/db";
        let shown = format!("{:?}", transfer(json!({"from_url": url, "to_url": url})));
        assert!(!shown.contains("password"), "{shown}");
    }
}
