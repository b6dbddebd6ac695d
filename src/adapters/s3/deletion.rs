//! Deletes objects, many in one request.

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::types::{Delete, Error, ObjectIdentifier};
use md5::{Digest, Md5};

use super::destination::{DestinationBucket, base64};
use super::error::S3Error;

/// A key that could not be deleted.
#[derive(Debug, Clone)]
pub struct Undeleted {
    pub key: String,
    pub reason: String,
}

impl DestinationBucket {
    /// Deletes up to a thousand objects, and returns those that still exist.
    pub async fn delete(&self, keys: &[&str]) -> Result<Vec<Undeleted>, S3Error> {
        let (plain, odd): (Vec<&str>, Vec<&str>) = keys.iter().partition(fits_xml);
        let mut failed = Vec::new();
        for key in odd {
            if let Err(error) = self.delete_one(key).await {
                failed.push(Undeleted { key: key.to_owned(), reason: error.to_string() });
            }
        }
        if !plain.is_empty() {
            failed.extend(self.delete_batch(&plain).await?);
        }
        Ok(failed)
    }

    /// For keys that XML cannot hold.
    async fn delete_one(&self, key: &str) -> Result<(), S3Error> {
        let client = &self.bucket.client;
        let request = client.sdk.delete_object().bucket(client.bucket()).key(key);
        request.send().await.map(drop).map_err(client.failed("delete", Some(key)))
    }

    async fn delete_batch(&self, keys: &[&str]) -> Result<Vec<Undeleted>, S3Error> {
        let client = &self.bucket.client;
        // Building fails only without a key.
        let objects =
            keys.iter().filter_map(|key| ObjectIdentifier::builder().key(*key).build().ok());
        let batch = Delete::builder().quiet(true).set_objects(Some(objects.collect()));
        let Ok(batch) = batch.build() else { return Ok(Vec::new()) };
        let request = client.sdk.delete_objects().bucket(client.bucket()).delete(batch);
        let request = request.customize().mutate_request(with_md5);
        let answer = request.send().await.map_err(client.failed("delete objects of", None))?;
        Ok(answer.errors().iter().map(undeleted).collect())
    }
}

/// Adds an MD5. Older stores refuse a deletion without it.
fn with_md5(request: &mut HttpRequest) {
    let md5 = request.body().bytes().map(|body| base64(&Md5::digest(body)));
    if let Some(md5) = md5 {
        request.headers_mut().insert("content-md5", md5);
    }
}

/// Whether XML can hold the key. It cannot hold most control characters, and one such key would
/// break a whole request.
fn fits_xml(key: &&&str) -> bool {
    let fits = |c: char| match c {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => other >= ' ',
    };
    key.chars().all(fits)
}

fn undeleted(error: &Error) -> Undeleted {
    let reason: Vec<&str> = error.code().into_iter().chain(error.message()).collect();
    let key = error.key().unwrap_or_default().to_owned();
    Undeleted { key, reason: reason.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_deletions_are_reported() {
        let error = Error::builder().key("b&c").code("AccessDenied").message("no").build();
        let failed = undeleted(&error);
        assert_eq!((failed.key.as_str(), failed.reason.as_str()), ("b&c", "AccessDenied: no"));
    }

    #[test]
    fn keys_that_xml_cannot_hold_are_recognized() {
        assert!(fits_xml(&&"a b\t\u{e9}&<") && !fits_xml(&&"a\u{1}") && !fits_xml(&&"\u{fffe}"));
    }
}
