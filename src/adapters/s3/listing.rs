//! One page of a listing, believed only if it is whole.

use jiff::Timestamp;
use reqwest::Method;

use super::client::{Call, Client};
use super::encode;
use super::error::S3Error;
use super::object::plain_etag;
use super::xml::{self, Item};

/// An object as a listing tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    pub key: String,
    pub size: u64,
    /// Without quotes; empty where a server leaves it out.
    pub etag: String,
    pub modified: Timestamp,
    /// In a storage class that nobody can read from before the object is restored. One that was
    /// restored can be read, which only asking for it shows.
    pub is_archived: bool,
}

/// The classes of archives. `GLACIER_IR` is read like any other.
pub(super) const ARCHIVES: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];

/// A page, and where the next one begins.
#[derive(Debug)]
pub struct Page {
    pub objects: Vec<ListedObject>,
    pub next: Option<String>,
}

impl Client {
    /// A page of the objects whose keys begin with `prefix`. Tried again until it is whole.
    pub async fn list_page(&self, prefix: &str, token: Option<&str>) -> Result<Page, S3Error> {
        let mut query = Vec::with_capacity(5);
        if let Some(token) = token {
            query.push(("continuation-token", token));
        }
        query.push(("encoding-type", "url"));
        query.push(("list-type", "2"));
        query.push(("max-keys", "1000"));
        query.push(("prefix", prefix));
        let call = Call { query: &query, ..Call::new(Method::GET, "list", None) };
        let mut retry = self.retry();
        loop {
            let page = match self.document_once(&call).await {
                Ok(document) => parse(&document, prefix, token)
                    .map_err(|reason| S3Error::BadAnswer { what: self.what(&call), reason }),
                Err(error) => Err(error),
            };
            match page {
                Ok(page) => return Ok(page),
                Err(error) => retry.pause(error).await?,
            }
        }
    }
}

#[derive(Default)]
struct Entry {
    key: Option<String>,
    size: Option<u64>,
    etag: String,
    modified: Option<Timestamp>,
    is_archived: bool,
}

fn parse(document: &[u8], prefix: &str, token: Option<&str>) -> Result<Page, String> {
    let mut objects = Vec::with_capacity(1000);
    let mut entry: Option<Entry> = None;
    let (mut truncated, mut next, mut count, mut encoded) = (None, None, None, false);
    xml::walk(document, b"ListBucketResult", |item| {
        match (item, entry.as_mut()) {
            (Item::Start(b"Contents"), _) => entry = Some(Entry::default()),
            (Item::End(b"Key", text), Some(entry)) => entry.key = Some(text),
            (Item::End(b"Size", text), Some(entry)) => {
                entry.size = Some(text.trim().parse().map_err(|_| "a size is no number")?);
            }
            (Item::End(b"ETag", text), Some(entry)) => {
                entry.etag = plain_etag(&text);
            }
            (Item::End(b"LastModified", text), Some(entry)) => {
                entry.modified = Some(text.trim().parse().map_err(|_| "a time is none")?);
            }
            (Item::End(b"StorageClass", text), Some(entry)) => {
                entry.is_archived = ARCHIVES.contains(&text.trim());
            }
            (Item::End(b"Contents", _), Some(_)) => {
                objects.push(finished(entry.take().unwrap_or_default())?);
            }
            (Item::End(b"IsTruncated", text), None) => {
                truncated = Some(match text.trim() {
                    "true" => true,
                    "false" => false,
                    _ => return Err("it does not say whether more comes".to_owned()),
                });
            }
            (Item::End(b"NextContinuationToken", text), None) => next = Some(text),
            (Item::End(b"KeyCount", text), None) => count = text.trim().parse::<usize>().ok(),
            (Item::End(b"EncodingType", text), None) => encoded = text.trim() == "url",
            _ => {}
        }
        Ok(())
    })?;
    if encoded {
        for object in &mut objects {
            let key = encode::decode(&object.key).ok_or("a key is not encoded as it says")?;
            object.key = key.into_owned();
        }
    }
    if count.is_some_and(|count| count != objects.len()) {
        return Err("it has not as many entries as it says".to_owned());
    }
    if let Some(stranger) = objects.iter().find(|object| !object.key.starts_with(prefix)) {
        return Err(format!("it tells of `{}`, which was not asked for", stranger.key));
    }
    match (truncated, next) {
        (Some(false), _) => Ok(Page { objects, next: None }),
        (Some(true), Some(next)) if !next.is_empty() && Some(next.as_str()) != token => {
            Ok(Page { objects, next: Some(next) })
        }
        (Some(true), _) => Err("it says that more comes, and not where".to_owned()),
        (None, _) => Err("it does not say whether more comes".to_owned()),
    }
}

fn finished(entry: Entry) -> Result<ListedObject, String> {
    let Entry { key, size, etag, modified, is_archived } = entry;
    Ok(ListedObject {
        key: key.ok_or("an entry has no key")?,
        size: size.ok_or("an entry has no size")?,
        modified: modified.ok_or("an entry has no time")?,
        etag,
        is_archived,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(inner: &str) -> String {
        format!("<?xml version=\"1.0\"?><ListBucketResult>{inner}</ListBucketResult>")
    }

    const ENTRY: &str = "<Contents><Key>images/a%2Bb+c.jpg</Key><LastModified>2024-05-01T10:00:00.000Z</LastModified><ETag>&quot;abc&quot;</ETag><Size>5</Size></Contents>";

    #[test]
    fn a_whole_page_is_read() {
        let text = document(&format!(
            "<EncodingType>url</EncodingType><KeyCount>1</KeyCount><IsTruncated>true</IsTruncated><NextContinuationToken>t2</NextContinuationToken>{ENTRY}"
        ));
        let page = parse(text.as_bytes(), "images/", Some("t1")).unwrap();
        assert_eq!(page.next.as_deref(), Some("t2"));
        let object = &page.objects[0];
        assert_eq!((object.key.as_str(), object.size), ("images/a+b c.jpg", 5));
        assert_eq!(object.etag, "abc");
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let truncated = "<IsTruncated>true</IsTruncated>";
        for (inner, words) in [
            (String::new(), "whether more comes"),
            ("<IsTruncated>maybe</IsTruncated>".to_owned(), "whether more comes"),
            (truncated.to_owned(), "not where"),
            (format!("{truncated}<NextContinuationToken>t1</NextContinuationToken>"), "not where"),
            (
                format!("<IsTruncated>false</IsTruncated><KeyCount>2</KeyCount>{ENTRY}"),
                "as many entries",
            ),
            (
                "<IsTruncated>false</IsTruncated><Contents><Key>images/a</Key></Contents>"
                    .to_owned(),
                "no size",
            ),
            (
                format!("<IsTruncated>false</IsTruncated>{}", ENTRY.replace("images", "other")),
                "not asked for",
            ),
        ] {
            let error = parse(document(&inner).as_bytes(), "images/", Some("t1")).unwrap_err();
            assert!(error.contains(words), "{inner}: {error}");
        }
        let whole = document(&format!("<IsTruncated>false</IsTruncated>{ENTRY}"));
        for end in 0..whole.len() {
            assert!(parse(&whole.as_bytes()[..end], "images/", None).is_err(), "{end}");
        }
    }
}
