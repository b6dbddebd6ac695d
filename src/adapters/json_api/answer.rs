//! Reads answers of a service.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::de::DeserializeOwned;

#[derive(Debug)]
pub struct ApiAnswer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl ApiAnswer {
    /// The body as the expected type, if it has that form.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    pub fn is_json(&self) -> bool {
        let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        media_type.trim() == "application/json" || media_type.trim().ends_with("+json")
    }

    /// Describes a body that could not be read. The body is not quoted, because it may hold
    /// anything.
    pub(super) fn look(&self) -> &'static str {
        match self.body.trim_ascii_start().first() {
            None => "it is empty",
            Some(b'<') => "it looks like HTML",
            Some(b'{' | b'[') => "it is JSON in another form, or incomplete",
            Some(_) => "it is not JSON",
        }
    }
}
