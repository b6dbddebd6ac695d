//! Empties a database that may be written to, and restores backups into it.

use reqwest::Method;
use serde_json::{Value, json};

use super::attachments::DatabaseAttachment;
use super::client::Heroku;
use super::destination::{DestinationApp, DestinationDatabase};
use super::error::HerokuError;
use super::lost::Lost;
use super::places::may_be;
use super::transfers::{SignedUrl, Transfer, TransferState, backup_named};
use crate::secret::Secret;

/// A backup that can be restored.
#[derive(Debug, Clone)]
pub struct BackupSource {
    pub name: String,
    /// The app that owns the backup. `None` for a URL.
    pub app: Option<String>,
    url: Secret,
}

impl BackupSource {
    /// A signed URL, from which anyone can fetch the backup until it expires. It may expire before
    /// a queued restore begins.
    pub fn signed(name: impl Into<String>, url: &SignedUrl) -> Self {
        BackupSource { name: name.into(), app: None, url: url.url.clone() }
    }
}

impl Heroku {
    /// A completed backup of any app that the account may see, by its name (`b007`). Heroku gets
    /// its location in Heroku's own store, so no signed URL is needed.
    pub async fn backup_source(&self, app: &str, name: &str) -> Result<BackupSource, HerokuError> {
        let transfers = self.transfers(app).await?;
        let Some(backup) = backup_named(&transfers, name) else {
            return Err(HerokuError::NoBackup { app: app.to_owned(), name: name.to_owned() });
        };
        let unusable = |reason| HerokuError::UnusableBackup { name: name.to_owned(), reason };
        match (backup.state(), &backup.to_url) {
            (TransferState::Deleted, _) => Err(unusable("it was deleted")),
            (TransferState::Completed, Some(url)) => {
                let (name, app) = (name.to_owned(), Some(app.to_owned()));
                Ok(BackupSource { name, app, url: url.clone() })
            }
            (TransferState::Completed, None) => {
                Err(unusable("Heroku does not report its location"))
            }
            (TransferState::Failed, _) => Err(unusable("it failed")),
            (TransferState::Canceled, _) => Err(unusable("it was cancelled")),
            (TransferState::Pending | TransferState::Running, _) => {
                Err(unusable("it is not complete yet"))
            }
        }
    }

    /// Starts a restore, which empties and refills the database, and does not wait for it.
    pub async fn start_restore(
        &self,
        database: &DestinationDatabase,
        source: &BackupSource,
        extensions: &[String],
    ) -> Result<Transfer, HerokuError> {
        let database = database.attachment();
        let before = self.highest_number(database).await?;
        let path = ["client", "v11", "databases", &database.addon_id, "restores"];
        let what = format!("a restore of {} into {}", source.name, database.addon_name);
        let request = self.data(&path, format!("the request for {what}"));
        let mut body = json!({ "backup_url": source.url.expose() });
        add_extensions(&mut body, extensions);
        match self.post(request, Some(&body)).await {
            Err(cause) if cause.leaves_doubt() => {
                let url = self.database_url(database).await?;
                let is_ours =
                    |one: &Transfer| one.is_restore() && may_be(one.to_url.as_ref(), url.as_ref());
                let owner = &database.billing_app.name;
                self.find_lost(&Lost { owner, before, what, is_ours: &is_ours }, cause).await
            }
            other => other,
        }
    }

    /// Empties the database.
    pub async fn reset_database(
        &self,
        database: &DestinationDatabase,
        extensions: &[String],
    ) -> Result<(), HerokuError> {
        let database = database.attachment();
        let path = ["client", "v11", "databases", &database.addon_id, "reset"];
        let what = format!("the reset of {}", database.addon_name);
        let mut body = json!({});
        add_extensions(&mut body, extensions);
        let request = self.data(&path, what);
        match self.get::<Value>(request.method(Method::PUT).body(Some(&body))).await {
            Err(cause) if cause.leaves_doubt() => {
                let database = database.addon_name.clone();
                Err(HerokuError::ResetUnclear { database, cause: Box::new(cause) })
            }
            other => other.map(drop),
        }
    }

    /// Cancels a transfer of the app, and reads back how it ended, because it may have finished
    /// first.
    pub async fn cancel_transfer(
        &self,
        app: &DestinationApp,
        transfer: &Transfer,
    ) -> Result<Transfer, HerokuError> {
        let path =
            ["client", "v11", "apps", app.name(), "transfers", &transfer.uuid, "actions", "cancel"];
        let what = format!("the cancellation of {}", transfer.name());
        let sent: Result<Value, _> = self.post(self.data(&path, what), None).await;
        let now = self.transfer(app.name(), &transfer.uuid, super::Verbosity::Plain).await?;
        match (sent, now.state()) {
            (Err(error), TransferState::Pending | TransferState::Running) => Err(error),
            _ => Ok(now),
        }
    }

    /// The transfers that are in progress on a database: backups of it, and restores and copies
    /// into it.
    pub async fn transfers_under_way(
        &self,
        database: &DatabaseAttachment,
    ) -> Result<Vec<Transfer>, HerokuError> {
        let mut transfers = self.transfers(&database.billing_app.name).await?;
        transfers
            .retain(|one| matches!(one.state(), TransferState::Pending | TransferState::Running));
        if transfers.is_empty() {
            return Ok(transfers);
        }
        let url = self.database_url(database).await?;
        let is_end = |one: &Option<Secret>| may_be(one.as_ref(), url.as_ref());
        transfers.retain(|one| {
            let is_read = one.dumps() && is_end(&one.from_url);
            is_read || (one.fills() && is_end(&one.to_url))
        });
        Ok(transfers)
    }
}

/// Adds extensions with the CLI's spelling and order.
fn add_extensions(body: &mut Value, extensions: &[String]) {
    let mut names: Vec<String> = extensions.iter().map(|name| name.trim().to_lowercase()).collect();
    names.sort();
    if !names.is_empty() {
        body["extensions"] = json!(names);
    }
}
