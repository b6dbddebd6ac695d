//! Making a backup.

use super::attachments::DatabaseAttachment;
use super::client::Heroku;
use super::error::HerokuError;
use super::lost::Lost;
use super::places::{may_be, place};
use super::request::{Api, Request};
use super::transfers::Transfer;
use crate::secret::Secret;

impl Heroku {
    /// The transfers of a database, as opposed to those of another database of the same app.
    ///
    /// They are told apart by host, port and name. Where none is left the database may have moved
    /// since, so that all are given if they come from one source.
    pub async fn transfers_of(
        &self,
        database: &DatabaseAttachment,
    ) -> Result<Vec<Transfer>, HerokuError> {
        let mut transfers = self.transfers(&database.billing_app.name).await?;
        let url = self.database_url(database).await?;
        let is_own = |one: &Transfer| may_be(one.from_url.as_ref(), url.as_ref());
        if transfers.iter().any(|one| one.is_backup() && is_own(one)) {
            transfers.retain(is_own);
            return Ok(transfers);
        }
        let mut sources: Vec<String> =
            transfers.iter().filter(|one| one.is_backup()).filter_map(source_name).collect();
        sources.sort();
        sources.dedup();
        match sources.len() {
            0 | 1 => Ok(transfers),
            _ => Err(HerokuError::UnclearSource { database: database.addon_name.clone(), sources }),
        }
    }

    /// Starts a backup of a database, whichever environment it belongs to, and does not wait.
    pub async fn start_capture(
        &self,
        database: &DatabaseAttachment,
    ) -> Result<Transfer, HerokuError> {
        let before = self.highest_number(database).await?;
        let path = ["client", "v11", "databases", &database.addon_id, "backups"];
        let what = format!("a backup of {}", database.addon_name);
        let request = Request::new(Api::Data, &path, format!("the request for {what}"));
        match self.post(&request, None).await {
            Err(cause) if cause.leaves_doubt() => {
                let url = self.database_url(database).await?;
                let is_ours = |one: &Transfer| {
                    one.is_backup()
                        && !one.is_scheduled()
                        && may_be(one.from_url.as_ref(), url.as_ref())
                };
                let owner = &database.billing_app.name;
                self.find_lost(&Lost { owner, before, what, is_ours: &is_ours }, cause).await
            }
            other => other,
        }
    }

    pub(super) async fn database_url(
        &self,
        database: &DatabaseAttachment,
    ) -> Result<Option<Secret>, HerokuError> {
        let vars = self.config_vars(&database.app.name).await?;
        Ok(database.config_vars.iter().find_map(|name| vars.get(name).cloned()))
    }
}

/// A transfer's source in words that hold no secret.
fn source_name(transfer: &Transfer) -> Option<String> {
    let (host, _, path) = transfer.from_url.as_ref().and_then(place)?;
    Some(format!("{host}{path}"))
}
