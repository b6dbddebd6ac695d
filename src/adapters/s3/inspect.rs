//! Reads a bucket's settings, as far as its keys allow. Nothing here writes.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::ExpirationStatus;

use super::encode;
use super::error::S3Error;
use super::source::SourceBucket;

/// One setting of a bucket, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting<T> {
    Is(T),
    /// The server reports that it is not set.
    NotSet,
    /// These keys lack permission to read it.
    NotAllowed,
    /// The server did not report it, with the reason.
    Unknown(String),
}

impl<T> Setting<T> {
    pub fn value(&self) -> Option<&T> {
        match self {
            Setting::Is(value) => Some(value),
            _ => None,
        }
    }
}

/// The four switches against public access. A switch that the server omits is off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PublicAccessBlock {
    pub block_acls: bool,
    pub ignore_acls: bool,
    pub block_policy: bool,
    pub restrict_buckets: bool,
}

impl PublicAccessBlock {
    pub fn is_complete(self) -> bool {
        self.block_acls && self.ignore_acls && self.block_policy && self.restrict_buckets
    }
}

impl SourceBucket {
    /// `Enabled` or `Suspended`.
    pub async fn versioning(&self) -> Setting<String> {
        let request = self.client.sdk.get_bucket_versioning().bucket(self.client.bucket());
        self.setting(request.send().await, |answer| {
            answer.status().map(|status| status.as_str().to_owned())
        })
    }

    /// The algorithm.
    pub async fn encryption(&self) -> Setting<String> {
        let request = self.client.sdk.get_bucket_encryption().bucket(self.client.bucket());
        self.setting(request.send().await, |answer| {
            let rules = answer.server_side_encryption_configuration()?.rules();
            let default = rules.first()?.apply_server_side_encryption_by_default()?;
            Some(default.sse_algorithm().as_str().to_owned())
        })
    }

    /// The number of rules, and how many of them are enabled.
    pub async fn lifecycle(&self) -> Setting<(usize, usize)> {
        let request = self.client.sdk.get_bucket_lifecycle_configuration();
        self.setting(request.bucket(self.client.bucket()).send().await, |answer| {
            let rules = answer.rules();
            let enabled = rules.iter().filter(|rule| *rule.status() == ExpirationStatus::Enabled);
            (!rules.is_empty()).then(|| (rules.len(), enabled.count()))
        })
    }

    pub async fn public_access_block(&self) -> Setting<PublicAccessBlock> {
        let request = self.client.sdk.get_public_access_block().bucket(self.client.bucket());
        self.setting(request.send().await, |answer| {
            let found = answer.public_access_block_configuration()?;
            Some(PublicAccessBlock {
                block_acls: found.block_public_acls().unwrap_or_default(),
                ignore_acls: found.ignore_public_acls().unwrap_or_default(),
                block_policy: found.block_public_policy().unwrap_or_default(),
                restrict_buckets: found.restrict_public_buckets().unwrap_or_default(),
            })
        })
    }

    /// Whether the bucket's policy is public. `NotSet` means a bucket without a policy.
    pub async fn policy_is_public(&self) -> Setting<bool> {
        let request = self.client.sdk.get_bucket_policy_status().bucket(self.client.bucket());
        let said = self.setting(request.send().await, |answer| {
            Some(answer.policy_status().and_then(|status| status.is_public()))
        });
        match said {
            Setting::Is(Some(is_public)) => Setting::Is(is_public),
            Setting::Is(None) => {
                Setting::Unknown("the answer does not say whether it is public".to_owned())
            }
            Setting::NotSet => Setting::NotSet,
            Setting::NotAllowed => Setting::NotAllowed,
            Setting::Unknown(reason) => Setting::Unknown(reason),
        }
    }

    fn setting<A, T, E>(
        &self,
        answer: Result<A, SdkError<E, HttpResponse>>,
        value: impl FnOnce(&A) -> Option<T>,
    ) -> Setting<T>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        match answer.map_err(self.client.failed("look at", None)) {
            Ok(answer) => value(&answer).map_or(Setting::NotSet, Setting::Is),
            Err(error) => unknown(&error),
        }
    }

    /// The URL where anyone would request an object.
    pub fn public_url(&self, key: &str) -> String {
        format!("{}/{}", self.address().url(), encode::path(key))
    }

    /// The URL where anyone would request a listing.
    pub fn public_listing_url(&self) -> String {
        format!("{}/?list-type=2&max-keys=1", self.address().url())
    }
}

fn unknown<T>(error: &S3Error) -> Setting<T> {
    match error {
        error if error.is_denied() => Setting::NotAllowed,
        S3Error::NotFound { code, .. } if is_not_set(code) => Setting::NotSet,
        S3Error::NotFound { code, .. } | S3Error::Refused { code, .. } => {
            Setting::Unknown(format!("the server answers {code}"))
        }
        error => Setting::Unknown(error.to_string()),
    }
}

fn is_not_set(code: &str) -> bool {
    matches!(
        code,
        "ServerSideEncryptionConfigurationNotFoundError"
            | "NoSuchLifecycleConfiguration"
            | "NoSuchPublicAccessBlockConfiguration"
            | "NoSuchBucketPolicy"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_answer_is_unknown() {
        let absent = |code: &str| {
            unknown::<()>(&S3Error::NotFound { what: String::new(), code: code.to_owned() })
        };
        assert_eq!(absent("NoSuchBucketPolicy"), Setting::NotSet);
        assert!(matches!(absent("NoSuchKey"), Setting::Unknown(_)));
        let odd = S3Error::BadAnswer { what: String::new(), reason: String::new() };
        assert!(matches!(unknown::<()>(&odd), Setting::Unknown(_)));
    }
}
