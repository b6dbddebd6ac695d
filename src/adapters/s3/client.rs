//! Sets up the SDK's client for one bucket: only the given credentials, our own connections, limits
//! and pace, and no checksums that older stores do not support.

use std::fmt::Display;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_s3::config::{
    AppName, BehaviorVersion, Credentials as SdkCredentials, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{ConnectorError, DisplayErrorContext, ProvideErrorMetadata, SdkError};

use super::address::{BucketAddress, BucketSettings};
use super::broken::Broken;
use super::classify::{Repeatable, classify};
use super::error::S3Error;
use super::line::Line;
use super::timing::{Timing, retries};
use crate::secret::Secret;

#[derive(Debug, Clone)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: Secret,
    /// Set for temporary keys.
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
    pub sdk: aws_sdk_s3::Client,
    line: Line,
}

impl Client {
    pub fn new(settings: &BucketSettings, jobs: usize) -> Result<Client, S3Error> {
        let line = Line::new(settings, Timing::new(settings.timeout), jobs)?;
        // Retries for one key must not reduce those for another.
        let partition = RetryPartition::custom("bcops").token_bucket(TokenBucket::unlimited());
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .app_name(AppName::new("bcops").map_err(|e| S3Error::BadConfiguration(e.to_string()))?)
            .credentials_provider(settings.credentials.for_sdk())
            .region(Region::new(line.address().region().to_owned()))
            .http_client(line.clone())
            .endpoint_resolver(line.clone())
            .time_source(line.clone())
            // Writes carry an MD5, and `media` verifies reads.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .retry_config(retries())
            .retry_partition(partition.build())
            .retry_classifier(Repeatable);
        Ok(Client { sdk: aws_sdk_s3::Client::from_conf(config.build()), line })
    }

    pub fn address(&self) -> BucketAddress {
        self.line.address()
    }

    pub fn bucket(&self) -> String {
        self.address().bucket
    }

    /// The action, for messages.
    pub fn describe(&self, verb: &str, key: Option<&str>) -> String {
        let bucket = self.bucket();
        match key {
            Some(key) => format!("{verb} `{}` in the bucket {bucket}", key.escape_debug()),
            None => format!("{verb} the bucket {bucket}"),
        }
    }

    /// For `map_err`: turns a failure of the SDK into our error.
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

    /// For `ok_or_else`: the error for an answer with a missing part.
    pub fn without(&self, verb: &str, key: &str, missing: &str) -> S3Error {
        let what = self.describe(verb, Some(key));
        S3Error::BadAnswer { what, reason: format!("it has no {missing}") }
    }
}

/// Turns a failure of the SDK into our error.
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
            classify(what, status, code, message)
        }
        SdkError::ResponseError(answer) => {
            let reason = shown(&DisplayErrorContext(&SdkError::<E, _>::ResponseError(answer)));
            S3Error::BadAnswer { what, reason }
        }
        other => {
            let text = shown(&DisplayErrorContext(&other));
            let source =
                other.into_source().ok().and_then(|it| it.downcast::<ConnectorError>().ok());
            match source.and_then(|error| error.into_source().downcast::<Broken>().ok()) {
                Some(broken) => broken.into_error(what, host.to_owned(), key),
                None => S3Error::BadConfiguration(format!("cannot {what}: {text}")),
            }
        }
    }
}
