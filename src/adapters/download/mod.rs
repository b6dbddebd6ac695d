//! A backup over HTTP as one uninterrupted stream of bytes, whatever the network does.
//!
//! A task fetches the object behind a signed URL and hands its bytes over a bounded queue to a
//! [`DownloadReader`], which a plain thread reads. When the connection breaks, stalls or ends
//! early, the task goes on with a ranged request where it stopped, with a new URL if the old one
//! has expired. What arrives is one and the same object or an error: its entity tag and its length
//! are compared at every connection, and an end before the announced length is never a success.
//!
//! Limits: the server must announce the length (object stores do). Only GET is sent, because a
//! presigned URL is good for nothing else, and never with an authorization header.

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

/// Makes a signed URL, anew at every call.
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

/// What tells one version of an object from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    pub total_length: u64,
    /// A weak tag is of no use for ranges and is left out.
    pub entity_tag: Option<String>,
}

/// Which bytes to fetch, and how patiently.
#[derive(Debug, Clone)]
pub struct DownloadOptions {
    /// The first byte.
    pub start: u64,
    /// The byte after the last one; without it, everything to the end.
    pub end: Option<u64>,
    /// The object must be this one: for a part of something that was read before.
    pub version: Option<ObjectVersion>,
    /// How long the server may send nothing, its answer's head included.
    pub stall: Duration,
    /// How many connections in a row may bring no byte.
    pub attempts_without_progress: u32,
    pub backoff: Backoff,
    /// The longest wait that a server may ask for. If it asks for a longer one, it is given up.
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

/// Starts a download. It resolves once the server has answered, so that the length is known. The
/// reader ends with an error as soon as the runtime that this was called on is shut down.
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
