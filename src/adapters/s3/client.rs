//! The SDK's client for one bucket, set up as this project wants it: these credentials and no
//! others, our own connections, limits and pace, and no checksums that older stores do not know.

use std::fmt::Display;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::{
    AppName, BehaviorVersion, Credentials as SdkCredentials, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use super::address::{BucketAddress, BucketSettings};
use super::broken::Broken;
use super::classify::{Repeatable, classify};
use super::error::S3Error;
use super::line::Line;
use super::pace::{Retry, Timing};
use crate::secret::Secret;

#[derive(Debug, Clone)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: Secret,
    /// Of keys that were lent for some hours.
    pub session_token: Option<Secret>,
}

impl Credentials {
    pub(super) fn for_sdk(&self) -> SdkCredentials {
        let token = self.session_token.as_ref().map(|token| token.expose().to_owned());
        let (access, secret) = (&self.access_key, self.secret_key.expose());
        SdkCredentials::new(access, secret, token, None, "bcops")
    }
}

pub struct Client {
    /// Sends again what may succeed then.
    pub sdk: aws_sdk_s3::Client,
    /// Sends once: whoever reads a body knows how to go on.
    pub once: aws_sdk_s3::Client,
    pub line: Line,
}

impl Client {
    pub fn new(settings: &BucketSettings, timing: Timing, jobs: usize) -> Result<Client, S3Error> {
        let line = Line::new(settings, timing, jobs)?;
        // The retries of one key must not use up those of another.
        let retries = RetryPartition::custom("bcops").token_bucket(TokenBucket::unlimited());
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .app_name(AppName::new("bcops").map_err(|e| S3Error::BadConfiguration(e.to_string()))?)
            .credentials_provider(settings.credentials.for_sdk())
            .region(Region::new(line.address().region().to_owned()))
            .http_client(line.clone())
            .endpoint_resolver(line.clone())
            .time_source(line.clone())
            // What is written carries its MD5, and what is read is verified in `media`.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .retry_config(timing.retries())
            .retry_partition(retries.build())
            .retry_classifier(Repeatable);
        let once = config.clone().retry_config(RetryConfig::disabled());
        Ok(Client {
            sdk: aws_sdk_s3::Client::from_conf(config.build()),
            once: aws_sdk_s3::Client::from_conf(once.build()),
            line,
        })
    }

    pub fn address(&self) -> BucketAddress {
        self.line.address()
    }

    pub fn bucket(&self) -> String {
        self.address().bucket
    }

    pub fn retry(&self) -> Retry<'_> {
        Retry::new(self.line.timing())
    }

    /// What is done, for messages.
    pub fn describe(&self, verb: &str, key: Option<&str>) -> String {
        let bucket = self.bucket();
        match key {
            Some(key) => format!("{verb} `{}` in the bucket {bucket}", key.escape_debug()),
            None => format!("{verb} the bucket {bucket}"),
        }
    }

    /// For `map_err`: what a failure of the SDK means.
    pub fn failed<'a, E>(
        &'a self,
        verb: &'a str,
        key: Option<&'a str>,
    ) -> impl Fn(SdkError<E, HttpResponse>) -> S3Error + 'a
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        move |error| understand(error, self.describe(verb, key), &self.line.address().host(), key)
    }

    /// For `ok_or_else`: an answer that lacks what it should hold.
    pub fn without(&self, verb: &str, key: &str, missing: &str) -> S3Error {
        let what = self.describe(verb, Some(key));
        S3Error::BadAnswer { what, reason: format!("it has no {missing}") }
    }
}

/// What a failure of the SDK means.
pub fn understand<E>(
    error: SdkError<E, HttpResponse>,
    what: String,
    host: &str,
    key: Option<&str>,
) -> S3Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let shown = |error: &dyn Display| {
        error.to_string().chars().filter(|c| !c.is_control()).take(300).collect::<String>()
    };
    match error {
        SdkError::ServiceError(refusal) => {
            let (error, answer) = (refusal.err(), refusal.raw());
            let status = answer.status().as_u16();
            let code = error.code().map_or_else(|| format!("status {status}"), |code| shown(&code));
            let message = error
                .message()
                .map_or_else(|| "the server gave no reason".to_owned(), |message| shown(&message));
            let seconds = answer.headers().get("retry-after").and_then(|text| text.parse().ok());
            classify(what, status, code, message, seconds.map(Duration::from_secs))
        }
        SdkError::ResponseError(answer) => {
            let reason = shown(&DisplayErrorContext(&SdkError::<E, _>::ResponseError(answer)));
            S3Error::BadAnswer { what, reason }
        }
        other => {
            let refused = |reason: &dyn Display| {
                S3Error::BadConfiguration(format!("cannot {what}: {}", shown(reason)))
            };
            match other.into_source() {
                Ok(source) => match source.downcast::<Broken>() {
                    Ok(broken) => broken.into_error(what, host.to_owned(), key),
                    Err(source) => refused(&source),
                },
                Err(error) => refused(&DisplayErrorContext(&error)),
            }
        }
    }
}
