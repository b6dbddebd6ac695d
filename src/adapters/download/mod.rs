//! Downloads a backup over HTTP as one stream of bytes, and resumes after network failures.
//!
//! A task fetches the object behind a signed URL and hands its bytes over a bounded queue to a
//! [`DownloadReader`], which a plain thread reads. When the connection breaks, stalls or ends
//! early, the task resumes with a ranged request where it stopped, with a new URL if the old one
//! has expired. The entity tag and the length are compared at every connection, so a changed object
//! is an error. An end before the announced length is never a success.
//!
//! Limits: the server must announce the length (object stores do). Only GET is sent, because a
//! presigned URL allows only that, and never with an authorization header.

mod connection;
mod error;
mod reader;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::{Client, redirect};

use crate::adapters::backoff::Backoff;
use crate::adapters::heroku::{HerokuError, SignedUrl};

pub use error::DownloadError;
pub use reader::{Counters, DownloadReader};

/// Makes a new signed URL at every call.
pub type MintUrl =
    Arc<dyn Fn() -> BoxFuture<'static, Result<SignedUrl, HerokuError>> + Send + Sync>;

/// An HTTP client that neither follows redirects nor repeats requests on its own.
#[derive(Debug, Clone)]
pub struct DownloadClient(Client);

impl DownloadClient {
    pub fn new() -> Result<Self, DownloadError> {
        let client = Client::builder()
            .user_agent(concat!("bcops/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(15))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(DownloadError::ClientSetup)?;
        Ok(DownloadClient(client))
    }
}

/// Identifies one version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    pub total_length: u64,
    /// A weak tag cannot be used for ranges, so it is not kept.
    pub entity_tag: Option<String>,
}

/// Which bytes to fetch, and how often to retry.
#[derive(Debug, Clone)]
pub struct DownloadOptions {
    /// The first byte.
    pub start: u64,
    /// The byte after the last one. `None` means the end of the object.
    pub end: Option<u64>,
    /// The version that the object must have, to read a part of it again.
    pub version: Option<ObjectVersion>,
    /// How long the server may send nothing, including before the head of its answer.
    pub stall: Duration,
    /// How many connections in a row may bring no byte.
    pub attempts_without_progress: u32,
    pub backoff: Backoff,
    /// The longest wait that a server may ask for. If it asks for more, the download fails.
    pub longest_retry_after: Duration,
}

impl Default for DownloadOptions {
    fn default() -> Self {
        DownloadOptions {
            start: 0,
            end: None,
            version: None,
            stall: Duration::from_secs(30),
            attempts_without_progress: 8,
            backoff: Backoff {
                first: Duration::from_millis(500),
                longest: Duration::from_secs(30),
            },
            longest_retry_after: Duration::from_secs(120),
        }
    }
}

/// Starts a download, and returns once the server has answered and the length is known. The reader
/// fails as soon as the runtime of this call shuts down.
pub async fn start(
    client: &DownloadClient,
    mint: MintUrl,
    options: DownloadOptions,
) -> Result<DownloadReader, DownloadError> {
    if options.end.is_some_and(|end| end <= options.start) {
        return Err(DownloadError::EmptyRange { start: options.start });
    }
    let mut fetcher = connection::Fetcher::new(client.0.clone(), mint, options);
    let first = fetcher.connect_patiently().await?;
    Ok(reader::spawn(fetcher, first))
}
