//! Deleting objects, as many as a request takes.

use bytes::Bytes;
use md5::{Digest, Md5};
use reqwest::Method;

use super::client::Call;
use super::destination::{DestinationBucket, Headers, content_md5};
use super::error::S3Error;
use super::xml::{self, Item};

/// A key that could not be deleted.
#[derive(Debug, Clone)]
pub struct Undeleted {
    pub key: String,
    pub reason: String,
}

impl DestinationBucket {
    /// Deletes up to a thousand objects. Gives those that are still there.
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

    /// For keys that no document can hold.
    async fn delete_one(&self, key: &str) -> Result<(), S3Error> {
        let call = Call::new(Method::DELETE, "delete", Some(key));
        self.bucket.client.ask(&call).await.map(drop)
    }

    async fn delete_batch(&self, keys: &[&str]) -> Result<Vec<Undeleted>, S3Error> {
        let mut document = String::from("<Delete><Quiet>true</Quiet>");
        for key in keys {
            document.push_str(&format!("<Object><Key>{}</Key></Object>", xml::escape(key)));
        }
        document.push_str("</Delete>");
        let body = Bytes::from(document);
        let md5: [u8; 16] = Md5::digest(&body).into();
        let headers: Headers = content_md5(&md5).into_iter().collect();
        let call = Call {
            query: &[("delete", "")],
            headers: &headers,
            body,
            ..Call::new(Method::POST, "delete objects of", None)
        };
        let document = self.bucket.client.document(&call).await?;
        undeleted(&document)
            .map_err(|reason| S3Error::BadAnswer { what: self.bucket.client.what(&call), reason })
    }
}

/// XML has no way to write most control characters, and one such key would spoil a whole request.
fn fits_xml(key: &&&str) -> bool {
    let fits = |c: char| match c {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => other >= ' ',
    };
    key.chars().all(fits)
}

fn undeleted(document: &[u8]) -> Result<Vec<Undeleted>, String> {
    let mut failed = Vec::new();
    let mut current: Option<Undeleted> = None;
    xml::walk(document, b"DeleteResult", |item| {
        match (item, current.as_mut()) {
            (Item::Start(b"Error"), _) => {
                current = Some(Undeleted { key: String::new(), reason: String::new() });
            }
            (Item::End(b"Key", text), Some(current)) => current.key = text,
            (Item::End(b"Message" | b"Code", text), Some(current)) => {
                if !current.reason.is_empty() {
                    current.reason.push_str(": ");
                }
                current.reason.push_str(&text);
            }
            (Item::End(b"Error", _), Some(_)) => failed.extend(current.take()),
            _ => {}
        }
        Ok(())
    })?;
    Ok(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_deletions_are_told() {
        let document = b"<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b&amp;c</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>";
        let failed = undeleted(document).unwrap();
        assert_eq!(failed.len(), 1);
        assert_eq!(
            (failed[0].key.as_str(), failed[0].reason.as_str()),
            ("b&c", "AccessDenied: no")
        );
        assert!(undeleted(b"<DeleteResult>").is_err());
    }
}
