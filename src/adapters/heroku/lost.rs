//! Finds a transfer whose request was sent and whose answer was lost.
//!
//! A request is sent once. The list of transfers shows whether a transfer has begun: its number is
//! then higher than all earlier numbers.

use super::attachments::DatabaseAttachment;
use super::client::Heroku;
use super::error::HerokuError;
use super::transfers::Transfer;

/// How often the list is read for such a transfer.
const LOOKS: u32 = 3;

/// How to recognise the requested transfer.
pub struct Lost<'a> {
    /// The app that owns the database.
    pub owner: &'a str,
    /// The highest number before the request.
    pub before: u64,
    /// The request, as text: "a backup of postgresql-round-1".
    pub what: String,
    pub is_ours: &'a (dyn Fn(&Transfer) -> bool + Sync),
}

impl Heroku {
    pub(super) async fn highest_number(
        &self,
        database: &DatabaseAttachment,
    ) -> Result<u64, HerokuError> {
        let transfers = self.transfers(&database.billing_app.name).await?;
        Ok(transfers.iter().map(|one| one.num).max().unwrap_or(0))
    }

    pub(super) async fn find_lost(
        &self,
        lost: &Lost<'_>,
        cause: HerokuError,
    ) -> Result<Transfer, HerokuError> {
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(self.timing.poll).await;
            }
            let mut new = self.transfers(lost.owner).await?;
            new.retain(|one| one.num > lost.before && (lost.is_ours)(one));
            match <[Transfer; 1]>::try_from(new) {
                Ok([transfer]) => return Ok(transfer),
                Err(none) if none.is_empty() => {}
                Err(several) => {
                    let names = several.iter().map(Transfer::name).collect();
                    let request = lost.what.clone();
                    return Err(HerokuError::TransferUnclear { request, names });
                }
            }
        }
        Err(HerokuError::TransferLost { request: lost.what.clone(), cause: Box::new(cause) })
    }
}
