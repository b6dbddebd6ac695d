//! Asks AWS for the owner of a pair of keys with STS's GetCallerIdentity, which every key may call
//! and which changes nothing.

use std::time::Duration;

use aws_sdk_sts::config::{BehaviorVersion, Region, retry::RetryConfig};
use url::Url;

use super::address::{BucketAddress, BucketSettings, host_and_port};
use super::client::understand;
use super::error::S3Error;
use super::line::Line;
use super::timing::Timing;
use crate::adapters::transport;

const TIME_LIMIT: Duration = Duration::from_secs(20);
const WHAT: &str = "identify the owner of these keys";

/// The owner of a pair of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// `arn:aws:iam::123456789012:user/NAME`
    pub arn: String,
    pub account: String,
}

impl Caller {
    /// The name behind the last slash.
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }
}

/// The URL to ask. `None` for a server that is not AWS, unless an endpoint is given.
///
/// # Errors
/// If the given endpoint is not a URL, or is not encrypted.
pub fn sts_endpoint(address: &BucketAddress, given: Option<&str>) -> Result<Option<Url>, S3Error> {
    let bad = || S3Error::BadConfiguration("AWS_ENDPOINT_URL_STS is not a URL".to_owned());
    let url = match given {
        Some(given) => Url::parse(given).map_err(|_| bad())?,
        None if address.is_at_aws() => Url::parse(&address.sts()).map_err(|_| bad())?,
        None => return Ok(None),
    };
    if url.host().is_none() || !url.username().is_empty() || !transport::is_private(&url) {
        return Err(bad());
    }
    Ok(Some(url))
}

/// # Errors
/// If no answer comes, or the keys are refused.
pub async fn caller(
    settings: &BucketSettings,
    region: &str,
    endpoint: &Url,
) -> Result<Caller, S3Error> {
    let timing = Timing::new(Some(settings.timeout.unwrap_or(TIME_LIMIT)));
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(settings.credentials.for_sdk())
        .region(Region::new(region.to_owned()))
        .endpoint_url(endpoint.as_str())
        .http_client(Line::new(settings, timing, 1)?)
        .retry_config(RetryConfig::disabled());
    let client = aws_sdk_sts::Client::from_conf(config.build());
    let answer = client
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| understand(error, WHAT.to_owned(), &host_and_port(endpoint), None))?;
    match answer.arn.filter(|arn| !arn.is_empty()) {
        Some(arn) => Ok(Caller { arn, account: answer.account.unwrap_or_default() }),
        None => {
            let reason = "it names no owner".to_owned();
            Err(S3Error::BadAnswer { what: WHAT.to_owned(), reason })
        }
    }
}
