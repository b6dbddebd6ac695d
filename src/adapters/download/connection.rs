//! Opens one connection after the other, and checks each answer before its bytes are used.

use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, RANGE};
use reqwest::{Client, Method, Response, StatusCode};
use url::Url;

use super::{DownloadError, DownloadOptions, MintUrl, ObjectVersion};
use crate::adapters::heroku::SignedUrl;
use crate::adapters::json_api::Exchange;
use crate::adapters::transport::{self, MAX_REDIRECTS};

/// A URL that expires within this time is not used for a new connection.
const SPARE_LIFE: SignedDuration = SignedDuration::from_secs(30);

/// The fewest bytes a second of a connection that is not stalled. No link is slower, but a stuck
/// proxy is.
const LEAST_A_SECOND: f64 = 64.0;

/// The state of a download, kept from one connection to the next.
pub struct Fetcher {
    client: Client,
    mint: MintUrl,
    options: DownloadOptions,
    url: Option<SignedUrl>,
    /// Known from the options, or from the first answer.
    version: Option<ObjectVersion>,
    /// The next byte to hand over.
    position: u64,
    failures: u32,
    connections: u64,
    /// Bytes since the last check of the speed, and the time spent waiting for them.
    came: u64,
    waited: Duration,
    /// How many connections in a row were too slow.
    trickles: u32,
}

/// An answer whose body begins at the position, or `skip` bytes before.
pub struct Connection {
    response: Response,
    skip: u64,
    version: ObjectVersion,
}

impl Connection {
    pub fn version(&self) -> &ObjectVersion {
        &self.version
    }
}

/// A failed attempt, and the wait that the server asked for.
struct Failure {
    error: DownloadError,
    retry_after: Option<Duration>,
}

impl From<DownloadError> for Failure {
    fn from(error: DownloadError) -> Self {
        Failure { error, retry_after: None }
    }
}

impl Fetcher {
    pub fn new(client: Client, mint: MintUrl, options: DownloadOptions) -> Self {
        let (position, version) = (options.start, options.version.clone());
        let url = None;
        Fetcher {
            client,
            mint,
            options,
            url,
            version,
            position,
            failures: 0,
            connections: 0,
            came: 0,
            waited: Duration::ZERO,
            trickles: 0,
        }
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn connections(&self) -> u64 {
        self.connections
    }

    /// The byte after the last one to fetch; zero before the first answer.
    pub fn end(&self) -> u64 {
        let total = self.version.as_ref().map_or(0, |version| version.total_length);
        self.options.end.unwrap_or(total)
    }

    /// Connects, and retries as often as the options allow.
    pub async fn connect_patiently(&mut self) -> Result<Connection, DownloadError> {
        loop {
            match self.connect().await {
                Ok(connection) => return Ok(connection),
                Err(failure) => self.pause_after(failure).await?,
            }
        }
    }

    /// The next bytes, from a new connection if necessary. `None` at the end.
    pub async fn next(
        &mut self,
        connection: &mut Connection,
    ) -> Result<Option<Bytes>, DownloadError> {
        loop {
            match self.read(connection).await {
                Ok(None) if self.position < self.end() => {
                    let error = DownloadError::EndedEarly { at: self.position, end: self.end() };
                    self.pause_after(error.into()).await?;
                }
                Ok(bytes) => {
                    self.failures = 0;
                    return Ok(bytes);
                }
                Err(error) => self.pause_after(error.into()).await?,
            }
            *connection = self.connect_patiently().await?;
        }
    }

    /// Counts a failure and waits. Returns the failure if another attempt cannot help or is not
    /// allowed.
    async fn pause_after(&mut self, failure: Failure) -> Result<(), DownloadError> {
        let Failure { error, retry_after } = failure;
        if !error.is_transient() {
            return Err(error);
        }
        self.failures += 1;
        // The server would refuse any attempt before the wait that it asked for is over.
        let too_long = retry_after.is_some_and(|wait| wait > self.options.longest_retry_after);
        if too_long || self.failures >= self.options.attempts_without_progress {
            let (at, attempts) = (self.position, self.failures);
            return Err(DownloadError::NoProgress { at, attempts, cause: Box::new(error) });
        }
        let wait = retry_after.unwrap_or_else(|| self.options.backoff.wait(self.failures));
        tokio::time::sleep(wait).await;
        Ok(())
    }

    async fn read(&mut self, connection: &mut Connection) -> Result<Option<Bytes>, DownloadError> {
        // The download is complete. Bytes beyond a requested part do not matter, and the announced
        // length limits a whole object.
        if self.position == self.end() {
            return Ok(None);
        }
        loop {
            self.check_speed()?;
            let started = Instant::now();
            let chunk = tokio::time::timeout(self.options.stall, connection.response.chunk());
            let chunk = chunk.await.map_err(|_| self.stalled())?;
            self.waited += started.elapsed();
            let Some(mut bytes) = chunk.map_err(|cause| self.network(cause))? else {
                return Ok(None);
            };
            self.came += bytes.len() as u64;
            let skipped = connection.skip.min(bytes.len() as u64);
            connection.skip -= skipped;
            bytes = bytes.split_off(skipped as usize);
            if bytes.is_empty() {
                continue;
            }
            let left = self.end() - self.position;
            if bytes.len() as u64 > left {
                bytes.truncate(left as usize);
            }
            self.position += bytes.len() as u64;
            return Ok(Some(bytes));
        }
    }

    /// How many bytes within one stall limit are fast enough.
    fn enough(&self) -> u64 {
        (self.options.stall.as_secs_f64() * LEAST_A_SECOND) as u64
    }

    /// Checks the speed whenever the waits add up to the stall limit.
    fn check_speed(&mut self) -> Result<(), DownloadError> {
        if self.waited < self.options.stall {
            return Ok(());
        }
        let (came, enough) = (self.came, self.enough());
        (self.came, self.waited) = (0, Duration::ZERO);
        if came >= enough {
            self.trickles = 0;
            return Ok(());
        }
        self.trickles += 1;
        let (at, attempts) = (self.position, self.trickles);
        match attempts >= self.options.attempts_without_progress {
            true => {
                Err(DownloadError::NoProgress { at, attempts, cause: Box::new(self.stalled()) })
            }
            false => Err(self.stalled()),
        }
    }

    async fn connect(&mut self) -> Result<Connection, Failure> {
        let first = self.request().await?;
        let response = match first.status() {
            // The signature has expired or was never valid. A fresh URL shows which.
            StatusCode::FORBIDDEN => {
                self.url = None;
                self.request().await?
            }
            _ => first,
        };
        let at = self.position;
        match response.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(self.accept(response)?),
            StatusCode::FORBIDDEN => Err(DownloadError::Refused.into()),
            StatusCode::RANGE_NOT_SATISFIABLE => Err(DownloadError::OutOfRange { at }.into()),
            status => Err(Failure {
                error: DownloadError::Status { at, status: status.as_u16() },
                retry_after: transport::retry_after(response.headers()),
            }),
        }
    }

    /// Sends one GET and follows its redirects.
    async fn request(&mut self) -> Result<Response, DownloadError> {
        let mut target = self.fresh_url().await?;
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.client.get(target.clone()).header(ACCEPT_ENCODING, "identity");
            if let Some(range) = self.range() {
                request = request.header(RANGE, range);
                let tag = self.version.as_ref().and_then(|version| version.entity_tag.as_ref());
                if let Some(tag) = tag {
                    request = request.header(IF_RANGE, tag);
                }
            }
            let exchange = Exchange::of_signed_url("backups", &Method::GET, &target);
            let sent = tokio::time::timeout(self.options.stall, request.send()).await;
            exchange
                .answered(sent.as_ref().ok().and_then(|sent| Some(sent.as_ref().ok()?.status())));
            let response = sent.map_err(|_| self.stalled())?;
            let response = response.map_err(|cause| self.network(cause))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            target = transport::redirect_target(&target, response.headers())
                .ok_or(DownloadError::Redirected)?;
        }
        Err(DownloadError::Redirected)
    }

    /// No range for the whole object: servers refuse a range that begins at zero if the object is
    /// empty.
    fn range(&self) -> Option<String> {
        match (self.position, self.options.end) {
            (0, None) => None,
            (start, None) => Some(format!("bytes={start}-")),
            (start, Some(end)) => Some(format!("bytes={start}-{}", end.saturating_sub(1))),
        }
    }

    async fn fresh_url(&mut self) -> Result<Url, DownloadError> {
        let good = |url: &SignedUrl| {
            url.expires_at.is_none_or(|expiry| Timestamp::now() + SPARE_LIFE < expiry)
        };
        let signed = match self.url.take().filter(good) {
            Some(url) => url,
            None => (self.mint)().await.map_err(DownloadError::Mint)?,
        };
        let url = Url::parse(signed.url.expose()).map_err(|_| DownloadError::InvalidUrl)?;
        if !transport::is_private(&url) {
            return Err(DownloadError::UnencryptedUrl);
        }
        self.url = Some(signed);
        Ok(url)
    }

    /// Accepts an answer only if it continues the same object.
    fn accept(&mut self, response: Response) -> Result<Connection, DownloadError> {
        let headers = response.headers();
        let (first, total) = if response.status() == StatusCode::PARTIAL_CONTENT {
            self.partial_range(headers)?
        } else {
            (0, response.content_length().ok_or(DownloadError::UnknownLength)?)
        };
        let version = ObjectVersion { total_length: total, entity_tag: strong_tag(headers) };
        if let Some(known) = &self.version {
            same_version(known, &version)?;
        }
        if let Some(end) = self.options.end.filter(|end| *end > total) {
            return Err(DownloadError::TooShort { total, end });
        }
        if self.position > total {
            return Err(DownloadError::OutOfRange { at: self.position });
        }
        let version = self.version.get_or_insert(version).clone();
        self.connections += 1;
        (self.came, self.waited) = (0, Duration::ZERO);
        Ok(Connection { response, skip: self.position - first, version })
    }

    /// The first byte and the total length of a partial answer, which must start at the position.
    fn partial_range(&self, headers: &HeaderMap) -> Result<(u64, u64), DownloadError> {
        let at = self.position;
        let content_range = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let content_range = content_range.unwrap_or_default();
        match parse_content_range(content_range) {
            Some((first, total)) if first == at => Ok((first, total)),
            Some((_, _)) => Err(wrong_range(at, content_range)),
            None if content_range.ends_with("/*") => Err(DownloadError::UnknownLength),
            None => Err(wrong_range(at, content_range)),
        }
    }

    fn network(&self, cause: reqwest::Error) -> DownloadError {
        DownloadError::Network { at: self.position, cause: cause.without_url() }
    }

    fn stalled(&self) -> DownloadError {
        DownloadError::Stalled { at: self.position, seconds: self.options.stall.as_secs() }
    }
}

fn wrong_range(at: u64, content_range: &str) -> DownloadError {
    DownloadError::WrongRange { at, content_range: content_range.chars().take(80).collect() }
}

/// `bytes 5-9/10` as the first byte and the total.
fn parse_content_range(text: &str) -> Option<(u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total) = (first.parse().ok()?, last.parse().ok()?, total.parse().ok()?);
    (first <= last && last < total).then_some((first, total))
}

fn strong_tag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    (!tag.starts_with("W/")).then(|| tag.to_owned())
}

fn same_version(known: &ObjectVersion, seen: &ObjectVersion) -> Result<(), DownloadError> {
    let (was, is) = (known.total_length, seen.total_length);
    if was != is {
        let what = format!("its length was {was} bytes and is now {is}");
        return Err(DownloadError::Changed { what });
    }
    match (&known.entity_tag, &seen.entity_tag) {
        (Some(was), Some(is)) if was != is => {
            Err(DownloadError::Changed { what: "its entity tag is different".to_owned() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_must_make_sense() {
        assert_eq!(parse_content_range("bytes 5-9/10"), Some((5, 10)));
        for wrong in ["", "bytes 5-9/*", "bytes 9-5/10", "bytes 5-10/10", "5-9/10", "bytes */10"] {
            assert_eq!(parse_content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn versions_differ_by_length_or_tag() {
        let version = |total_length, tag: Option<&str>| ObjectVersion {
            total_length,
            entity_tag: tag.map(str::to_owned),
        };
        let known = version(5, Some("\"a\""));
        assert!(same_version(&known, &version(5, Some("\"a\""))).is_ok());
        assert!(same_version(&known, &version(5, None)).is_ok());
        assert!(same_version(&known, &version(6, Some("\"a\""))).is_err());
        assert!(same_version(&known, &version(5, Some("\"b\""))).is_err());
    }
}
