//! Reads one page of a listing, and accepts only a complete page.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{EncodingType, Object, ObjectStorageClass};
use jiff::Timestamp;

use super::client::Client;
use super::encode;
use super::error::S3Error;
use super::object::plain_etag;
use super::retry::Retry;

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    pub key: String,
    pub size: u64,
    /// Without quotes. Empty if the server omits it.
    pub etag: String,
    pub modified: Timestamp,
    /// Whether the storage class needs a restore before reading. A restored object can be read, but
    /// only a request for it shows that.
    pub is_archived: bool,
}

/// The classes of archives. `GLACIER_IR` is read like any other.
pub(super) const ARCHIVES: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];

/// A page, and the token of the next page.
#[derive(Debug)]
pub struct Page {
    pub objects: Vec<ListedObject>,
    pub next: Option<String>,
}

impl Client {
    /// A page of the objects whose keys begin with `prefix`. Retried until it is complete.
    pub async fn list_page(&self, prefix: &str, token: Option<&str>) -> Result<Page, S3Error> {
        let mut retry = Retry::default();
        loop {
            let request = self.sdk.list_objects_v2().bucket(self.bucket()).prefix(prefix);
            let request = request.encoding_type(EncodingType::Url).max_keys(1000);
            let request = request.set_continuation_token(token.map(str::to_owned));
            let answer = request.send().await.map_err(self.failed("list", None))?;
            match page(answer, prefix, token) {
                Ok(page) => return Ok(page),
                Err(reason) => {
                    let what = self.describe("list", None);
                    retry.pause(S3Error::BadAnswer { what, reason }).await?;
                }
            }
        }
    }
}

fn page(answer: ListObjectsV2Output, prefix: &str, token: Option<&str>) -> Result<Page, String> {
    let is_encoded = answer.encoding_type() == Some(&EncodingType::Url);
    let (truncated, next) = (answer.is_truncated, answer.next_continuation_token);
    let listed = answer.contents.unwrap_or_default();
    let objects = listed
        .into_iter()
        .map(|object| entry(object, is_encoded))
        .collect::<Result<Vec<ListedObject>, String>>()?;
    if answer.key_count.is_some_and(|count| usize::try_from(count) != Ok(objects.len())) {
        return Err("its number of entries is not the announced number".to_owned());
    }
    if let Some(stranger) = objects.iter().find(|object| !object.key.starts_with(prefix)) {
        return Err(format!("it lists `{}`, which bcops did not ask for", stranger.key));
    }
    match (truncated, next) {
        (Some(false), _) => Ok(Page { objects, next: None }),
        (Some(true), Some(next)) if !next.is_empty() && Some(next.as_str()) != token => {
            Ok(Page { objects, next: Some(next) })
        }
        (Some(true), _) => Err("it announces more entries without a token for them".to_owned()),
        (None, _) => Err("it does not say whether more entries follow".to_owned()),
    }
}

fn entry(object: Object, is_encoded: bool) -> Result<ListedObject, String> {
    let key = object.key.ok_or("an entry has no key")?;
    let key = if is_encoded {
        encode::decode(&key).ok_or("a key is not encoded as announced")?
    } else {
        key
    };
    let size = object.size.ok_or("an entry has no size")?;
    Ok(ListedObject {
        key,
        size: u64::try_from(size).map_err(|_| "a size is not a number")?,
        modified: object.last_modified.and_then(timestamp).ok_or("an entry has no time")?,
        etag: plain_etag(object.e_tag.as_deref().unwrap_or_default()),
        is_archived: object
            .storage_class
            .as_ref()
            .map(ObjectStorageClass::as_str)
            .is_some_and(|class| ARCHIVES.contains(&class)),
    })
}

pub(super) fn timestamp(time: DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str) -> Object {
        let time = DateTime::from_secs(1_714_557_600);
        Object::builder().key(key).e_tag("\"abc\"").size(5).last_modified(time).build()
    }

    #[test]
    fn a_whole_page_is_read() {
        let answer = ListObjectsV2Output::builder()
            .encoding_type(EncodingType::Url)
            .key_count(1)
            .is_truncated(true)
            .next_continuation_token("t2")
            .contents(object("images/a%2Bb+c.jpg"));
        let page = page(answer.build(), "images/", Some("t1")).unwrap();
        assert_eq!(page.next.as_deref(), Some("t2"));
        let object = &page.objects[0];
        assert_eq!((object.key.as_str(), object.size), ("images/a+b c.jpg", 5));
        assert_eq!(object.etag, "abc");
        assert_eq!(object.modified, "2024-05-01T10:00:00Z".parse().unwrap());
    }

    #[test]
    fn an_incomplete_page_is_refused() {
        let answer = ListObjectsV2Output::builder;
        for (answer, words) in [
            (answer(), "whether more entries follow"),
            (answer().is_truncated(true), "without a token"),
            (answer().is_truncated(true).next_continuation_token("t1"), "without a token"),
            (
                answer().is_truncated(false).key_count(2).contents(object("images/a")),
                "number of entries",
            ),
            (
                answer().is_truncated(false).contents(Object::builder().key("images/a").build()),
                "no size",
            ),
            (answer().is_truncated(false).contents(object("other/a")), "did not ask for"),
            (
                answer()
                    .is_truncated(false)
                    .encoding_type(EncodingType::Url)
                    .contents(object("images/%zz")),
                "not encoded as",
            ),
        ] {
            let error = page(answer.build(), "images/", Some("t1")).unwrap_err();
            assert!(error.contains(words), "{words}: {error}");
        }
    }
}
