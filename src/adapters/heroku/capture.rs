//! Starts a backup.

use super::attachments::DatabaseAttachment;
use super::client::Heroku;
use super::error::HerokuError;
use super::lost::Lost;
use super::places::may_be;
use super::transfers::Transfer;
use crate::secret::Secret;

impl Heroku {
    /// Starts a backup of a database of any environment, and does not wait for it.
    pub async fn start_capture(
        &self,
        database: &DatabaseAttachment,
    ) -> Result<Transfer, HerokuError> {
        let before = self.highest_number(database).await?;
        let path = ["client", "v11", "databases", &database.addon_id, "backups"];
        let what = format!("a backup of {}", database.addon_name);
        let request = self.data(&path, format!("the request for {what}"));
        match self.post(request, None).await {
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
