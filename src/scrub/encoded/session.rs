//! Unpacks Django's sessions, in today's form and in the form before Django 3.1.

use std::borrow::Cow;

use super::base64;

/// A session's content, still packed and pickled. `None` if it is in neither form.
pub fn payload(session: &[u8]) -> Option<Cow<'static, [u8]>> {
    match memchr::memchr(b':', session) {
        Some(colon) => {
            let signed = session.get(..colon)?;
            base64::decode(signed.strip_prefix(b".").unwrap_or(signed)).map(Cow::Owned)
        }
        None => {
            let decoded = base64::decode(session)?;
            after_hash(&decoded).map(|payload| Cow::Owned(payload.to_vec()))
        }
    }
}

/// What follows the hash and the colon at the start of the older form.
pub fn after_hash(bytes: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memchr(b':', bytes.get(..bytes.len().min(129))?)?;
    let hash = bytes.get(..colon)?;
    (hash.len() >= 32 && hash.iter().all(u8::is_ascii_hexdigit)).then(|| bytes.get(colon + 1..))?
}
