//! Streams a Heroku backup over ranged HTTP from a signed URL, and resumes where the stream
//! stopped.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use super::source::{BackupSource, OpenBackup};
use crate::activity::Activity;
use crate::adapters::download::{
    self, DownloadClient, DownloadError, DownloadOptions, MintUrl, ObjectVersion,
};
use crate::adapters::heroku::Heroku;
use crate::events::Silent;

impl OpenBackup {
    /// Opens the backup `number` of the app `owner`, which owns the database. A signed URL is
    /// requested each time one is needed, because it can expire during a load.
    ///
    /// # Errors
    ///
    /// When the server does not answer, or does not report the length of the backup.
    pub async fn download(
        heroku: &Heroku,
        owner: &str,
        number: u64,
    ) -> Result<OpenBackup, DownloadError> {
        let client = DownloadClient::new()?;
        let mint = mint(heroku.clone(), owner.to_owned(), number);
        let stall = heroku.stall();
        let options = DownloadOptions { stall, ..DownloadOptions::default() };
        let reader = download::start(&client, mint.clone(), options).await?;
        let length = Some(reader.total_length());
        let again = DownloadAgain {
            client,
            mint,
            version: reader.version().clone(),
            stall,
            runtime: tokio::runtime::Handle::current(),
        };
        let activity = Activity::default();
        let what = format!("downloading the backup of {owner}");
        let bytes = Box::new(activity.watched(reader, what));
        let reporter = Arc::new(Silent);
        Ok(OpenBackup { bytes, length, again: Arc::new(again), activity, reporter })
    }
}

fn mint(heroku: Heroku, owner: String, number: u64) -> MintUrl {
    Arc::new(move || {
        let (heroku, owner) = (heroku.clone(), owner.clone());
        Box::pin(async move { heroku.public_url(&owner, number).await })
    })
}

/// Reads a part of the same object by another ranged request.
struct DownloadAgain {
    client: DownloadClient,
    mint: MintUrl,
    version: ObjectVersion,
    stall: Duration,
    runtime: tokio::runtime::Handle,
}

impl BackupSource for DownloadAgain {
    /// Called from the thread that reads the archive, which is not a thread of the runtime.
    fn read_again(&self, start: u64, end: u64) -> Option<io::Result<Box<dyn Read + Send>>> {
        let options = DownloadOptions {
            start,
            end: Some(end),
            version: Some(self.version.clone()),
            stall: self.stall,
            ..DownloadOptions::default()
        };
        let reader =
            self.runtime.block_on(download::start(&self.client, self.mint.clone(), options));
        Some(match reader {
            Ok(reader) => Ok(Box::new(reader)),
            Err(error) => Err(io::Error::other(error)),
        })
    }
}
