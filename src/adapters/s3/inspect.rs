//! Asks a bucket how it is set up, as far as its keys may know. Nothing here writes.

use bytes::Bytes;
use reqwest::Method;

use super::client::Call;
use super::encode;
use super::error::S3Error;
use super::source::SourceBucket;
use super::xml::{self, Item};

/// What is known of one setting of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting<T> {
    Is(T),
    /// The server says that there is none.
    NotSet,
    /// These keys may not know.
    NotAllowed,
    /// The server does not say, and why.
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

/// The four switches against public access. What a server leaves out is off.
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
        let document = self.setting("versioning").await;
        match read(document, b"VersioningConfiguration", &[b"Status"]) {
            Setting::Is(mut found) if !found.is_empty() => Setting::Is(found.remove(0).1),
            Setting::Is(_) => Setting::NotSet,
            other => other.without_value(),
        }
    }

    /// The algorithm, and the key where there is one.
    pub async fn encryption(&self) -> Setting<String> {
        let document = self.setting("encryption").await;
        let root = b"ServerSideEncryptionConfiguration";
        match read(document, root, &[b"SSEAlgorithm"]) {
            Setting::Is(mut found) if !found.is_empty() => Setting::Is(found.remove(0).1),
            Setting::Is(_) => Setting::NotSet,
            other => other.without_value(),
        }
    }

    /// How many rules there are, and how many of them are in force.
    pub async fn lifecycle(&self) -> Setting<(usize, usize)> {
        let document = self.setting("lifecycle").await;
        match read(document, b"LifecycleConfiguration", &[b"Status"]) {
            Setting::Is(found) if found.is_empty() => Setting::NotSet,
            Setting::Is(found) => {
                let enabled = found.iter().filter(|(_, status)| status == "Enabled").count();
                Setting::Is((found.len(), enabled))
            }
            other => other.without_value(),
        }
    }

    pub async fn public_access_block(&self) -> Setting<PublicAccessBlock> {
        const NAMES: [&[u8]; 4] = [
            b"BlockPublicAcls",
            b"IgnorePublicAcls",
            b"BlockPublicPolicy",
            b"RestrictPublicBuckets",
        ];
        let document = self.setting("publicAccessBlock").await;
        match read(document, b"PublicAccessBlockConfiguration", &NAMES) {
            Setting::Is(found) => {
                let is = |name: &[u8]| {
                    let value = found.iter().find(|(one, _)| *one == name);
                    value.is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"))
                };
                Setting::Is(PublicAccessBlock {
                    block_acls: is(NAMES[0]),
                    ignore_acls: is(NAMES[1]),
                    block_policy: is(NAMES[2]),
                    restrict_buckets: is(NAMES[3]),
                })
            }
            other => other.without_value(),
        }
    }

    /// Whether the bucket's policy is public. `NotSet` is a bucket without a policy.
    pub async fn policy_is_public(&self) -> Setting<bool> {
        let document = self.setting("policyStatus").await;
        match read(document, b"PolicyStatus", &[b"IsPublic"]) {
            Setting::Is(found) => match found.first().map(|(_, text)| text.to_ascii_lowercase()) {
                Some(text) if text == "true" => Setting::Is(true),
                Some(text) if text == "false" => Setting::Is(false),
                _ => Setting::Unknown("the answer does not say whether it is".to_owned()),
            },
            other => other.without_value(),
        }
    }

    async fn setting(&self, name: &'static str) -> Result<Bytes, S3Error> {
        let query = [(name, "")];
        let call = Call { query: &query, ..Call::new(Method::GET, "look at", None) };
        self.client.document(&call).await
    }

    /// Where anybody would ask for an object.
    pub fn public_url(&self, key: &str) -> String {
        let base = self.address().base();
        format!("{}{}/{}", base.origin, base.path, encode::path(key))
    }

    /// Where anybody would ask for a listing.
    pub fn public_listing_url(&self) -> String {
        let base = self.address().base();
        format!("{}{}/?list-type=2&max-keys=1", base.origin, base.path)
    }
}

impl<T> Setting<T> {
    /// The same for another type. A value is nothing that this is asked for.
    fn without_value<U>(self) -> Setting<U> {
        match self {
            Setting::NotSet => Setting::NotSet,
            Setting::NotAllowed => Setting::NotAllowed,
            Setting::Unknown(reason) => Setting::Unknown(reason),
            Setting::Is(_) => Setting::Unknown("the answer cannot be understood".to_owned()),
        }
    }
}

type Found = Vec<(Vec<u8>, String)>;

/// The texts of these elements, in their order.
fn read(document: Result<Bytes, S3Error>, root: &[u8], names: &[&[u8]]) -> Setting<Found> {
    let document = match document {
        Ok(document) => document,
        Err(error) if error.is_denied() => return Setting::NotAllowed,
        Err(S3Error::NotFound { code, .. }) if is_not_set(&code) => return Setting::NotSet,
        Err(S3Error::NotFound { code, .. } | S3Error::Refused { code, .. }) => {
            return Setting::Unknown(format!("the server answers {code}"));
        }
        Err(error) => return Setting::Unknown(error.to_string()),
    };
    let mut found = Vec::new();
    let walked = xml::walk(&document, root, |item| {
        if let Item::End(name, text) = item
            && names.contains(&name)
        {
            found.push((name.to_vec(), text.trim().to_owned()));
        }
        Ok(())
    });
    match walked {
        Ok(()) => Setting::Is(found),
        Err(reason) => Setting::Unknown(format!("the answer cannot be understood: {reason}")),
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

    fn found(document: &str) -> Setting<Found> {
        read(Ok(Bytes::from(document.to_owned())), b"LifecycleConfiguration", &[b"Status"])
    }

    #[test]
    fn what_is_not_said_is_not_known() {
        let rule = "<LifecycleConfiguration><Rule><Status>Enabled</Status></Rule></LifecycleConfiguration>";
        assert_eq!(found(rule).value().map(Vec::len), Some(1));
        for odd in ["", "<html>", "<LifecycleConfiguration>", "<Other/>"] {
            assert!(matches!(found(odd), Setting::Unknown(_)), "{odd}");
        }
        let absent = |code: &str| {
            let error = S3Error::NotFound { what: String::new(), code: code.to_owned() };
            read(Err(error), b"X", &[])
        };
        assert_eq!(absent("NoSuchBucketPolicy"), Setting::NotSet);
        assert!(matches!(absent("NoSuchKey"), Setting::Unknown(_)));
    }
}
