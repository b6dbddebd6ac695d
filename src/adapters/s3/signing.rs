//! Amazon's signature, version 4, in the form for headers.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::{digest, hmac};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::secret::Secret;

/// The hash of a body that is not there.
pub const EMPTY_HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The body is not part of the signature: its MD5 is, in the signed header `Content-MD5`.
pub const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

#[derive(Debug, Clone)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: Secret,
    /// Of keys that were lent for some hours.
    pub session_token: Option<Secret>,
}

/// A request in the form that is signed.
pub struct Signable<'a> {
    pub method: &'a str,
    /// Percent-encoded.
    pub path: &'a str,
    /// Percent-encoded and sorted.
    pub query: &'a str,
    /// Names in lower case, sorted: the host, and everything that begins with `x-amz-`.
    pub headers: &'a [(&'a str, &'a [u8])],
    pub payload_hash: &'a str,
    pub spaces: Spaces,
}

/// What a server takes for a space when it checks a header's signature: values are signed with one
/// space in the place of several. They differ for the odd spaces of Unicode, which metadata may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spaces {
    Ascii,
    Unicode,
}

impl Spaces {
    pub fn other(self) -> Spaces {
        match self {
            Spaces::Ascii => Spaces::Unicode,
            Spaces::Unicode => Spaces::Ascii,
        }
    }
}

/// Whether servers may disagree about the spaces of a value.
pub fn has_odd_spaces(value: &[u8]) -> bool {
    let odd =
        |c: char| c.is_whitespace() && !u8::try_from(c).is_ok_and(|c| c.is_ascii_whitespace());
    std::str::from_utf8(value).is_ok_and(|text| text.contains(odd))
}

/// The moment of a signature, in the two forms that it needs.
#[derive(Debug, Clone)]
pub struct Moment {
    /// `20130524T000000Z`
    pub stamp: String,
}

impl Moment {
    pub fn new(timestamp: Timestamp) -> Moment {
        let time = timestamp.to_zoned(TimeZone::UTC).datetime();
        let stamp = format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            time.year(),
            time.month(),
            time.day(),
            time.hour(),
            time.minute(),
            time.second()
        );
        Moment { stamp }
    }

    fn day(&self) -> &str {
        self.stamp.get(..8).unwrap_or_default()
    }
}

/// Signs for one pair of keys. The key that is derived for a day and a region is kept.
pub struct Signer {
    credentials: Credentials,
    service: &'static str,
    derived: Mutex<Option<Arc<Derived>>>,
}

struct Derived {
    day: String,
    region: String,
    key: hmac::Key,
}

impl Signer {
    pub fn new(credentials: Credentials) -> Signer {
        Signer::for_service("s3", credentials)
    }

    pub fn for_service(service: &'static str, credentials: Credentials) -> Signer {
        Signer { credentials, service, derived: Mutex::new(None) }
    }

    /// The value of the header `Authorization`.
    pub fn authorization(&self, request: &Signable<'_>, region: &str, moment: &Moment) -> String {
        let mut canonical = Vec::with_capacity(512);
        let mut names = String::with_capacity(96);
        for part in [request.method, "\n", request.path, "\n", request.query, "\n"] {
            canonical.extend_from_slice(part.as_bytes());
        }
        for (name, value) in request.headers {
            canonical.extend_from_slice(name.as_bytes());
            canonical.push(b':');
            push_words(&mut canonical, value, request.spaces);
            canonical.push(b'\n');
            if !names.is_empty() {
                names.push(';');
            }
            names.push_str(name);
        }
        for part in ["\n", &names, "\n", request.payload_hash] {
            canonical.extend_from_slice(part.as_bytes());
        }
        let scope = format!("{}/{region}/{}/aws4_request", moment.day(), self.service);
        let hash = hex(digest::digest(&digest::SHA256, &canonical).as_ref());
        let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", moment.stamp);
        let derived = self.derived(moment.day(), region);
        let signature = hex(hmac::sign(&derived.key, to_sign.as_bytes()).as_ref());
        let access_key = &self.credentials.access_key;
        format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/{scope},SignedHeaders={names},Signature={signature}"
        )
    }

    pub fn session_token(&self) -> Option<&str> {
        self.credentials.session_token.as_ref().map(Secret::expose)
    }

    fn derived(&self, day: &str, region: &str) -> Arc<Derived> {
        let mut kept = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(derived) = kept.as_ref().filter(|one| one.day == day && one.region == region) {
            return Arc::clone(derived);
        }
        let secret = format!("AWS4{}", self.credentials.secret_key.expose());
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        for part in [day, region, self.service, "aws4_request"] {
            let tag = hmac::sign(&key, part.as_bytes());
            key = hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref());
        }
        let derived = Arc::new(Derived { day: day.to_owned(), region: region.to_owned(), key });
        *kept = Some(Arc::clone(&derived));
        derived
    }
}

/// A value without spaces around it, and with one where there are several.
fn push_words(canonical: &mut Vec<u8>, value: &[u8], spaces: Spaces) {
    let text = std::str::from_utf8(value).ok().filter(|_| spaces == Spaces::Unicode);
    let words: Vec<&[u8]> = match text {
        Some(text) => text.split_whitespace().map(str::as_bytes).collect(),
        None => value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect(),
    };
    for (at, word) in words.into_iter().enumerate() {
        if at > 0 {
            canonical.push(b' ');
        }
        canonical.extend_from_slice(word);
    }
}

pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(DIGITS.get(usize::from(digit)).map_or('0', |c| char::from(*c)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published examples of Amazon's documentation.
    fn sign(method: &str, path: &str, query: &str, headers: &[(&str, &str)], hash: &str) -> String {
        let signer = Signer::new(Credentials {
            access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        });
        let moment = Moment::new("2013-05-24T00:00:00Z".parse().unwrap());
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let spaces = Spaces::Ascii;
        let request =
            Signable { method, path, query, headers: &headers, payload_hash: hash, spaces };
        let header = signer.authorization(&request, "us-east-1", &moment);
        header.rsplit_once('=').unwrap().1.to_owned()
    }

    #[test]
    fn other_services_are_signed_for_by_their_name() {
        let credentials = Credentials {
            access_key: "AKIDEXAMPLE".to_owned(),
            secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        };
        let form: &[u8] = b"application/x-www-form-urlencoded; charset=utf-8";
        let headers = [
            ("content-type", form),
            ("host", b"iam.amazonaws.com".as_slice()),
            ("x-amz-date", b"20150830T123600Z".as_slice()),
        ];
        let request = Signable {
            method: "GET",
            path: "/",
            query: "Action=ListUsers&Version=2010-05-08",
            headers: &headers,
            payload_hash: EMPTY_HASH,
            spaces: Spaces::Ascii,
        };
        let moment = Moment::new("2015-08-30T12:36:00Z".parse().unwrap());
        let signer = Signer::for_service("iam", credentials);
        let header = signer.authorization(&request, "us-east-1", &moment);
        let published = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        assert!(header.ends_with(published), "{header}");
    }

    #[test]
    fn spaces_are_what_the_server_takes_for_them() {
        let words = |value: &str, spaces| {
            let mut canonical = Vec::new();
            push_words(&mut canonical, value.as_bytes(), spaces);
            String::from_utf8(canonical).unwrap()
        };
        let odd = "\u{a0}a \u{2003} b\u{85}";
        assert_eq!(words(odd, Spaces::Ascii), "\u{a0}a \u{2003} b\u{85}");
        assert_eq!(words(odd, Spaces::Unicode), "a b");
        assert!(has_odd_spaces(odd.as_bytes()));
        assert!(!has_odd_spaces(b"a  b\t") && !has_odd_spaces("é\u{200b}".as_bytes()));
        assert!(!has_odd_spaces(b"\xff\xa0"));
    }

    #[test]
    fn the_published_examples_come_out() {
        let host = ("host", "examplebucket.s3.amazonaws.com");
        let date = ("x-amz-date", "20130524T000000Z");
        let empty = ("x-amz-content-sha256", EMPTY_HASH);
        assert_eq!(
            sign("GET", "/test.txt", "", &[host, ("range", "bytes=0-9"), empty, date], EMPTY_HASH),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let hash = sha256_hex(b"Welcome to Amazon S3.");
        assert_eq!(
            sign(
                "PUT",
                "/test%24file.text",
                "",
                &[
                    ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                    host,
                    ("x-amz-content-sha256", &hash),
                    date,
                    ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ],
                &hash
            ),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
        assert_eq!(
            sign("GET", "/", "max-keys=2&prefix=J", &[host, empty, date], EMPTY_HASH),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }
}
