//! A call as a signed request.

use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::address::Base;
use super::client::{Call, Client, Payload};
use super::encode;
use super::error::S3Error;
use super::outgoing::Outgoing;
use super::signing::{EMPTY_HASH, Moment, Signable, Spaces, UNSIGNED, sha256_hex};

const SESSION_TOKEN: &str = "x-amz-security-token";

impl Client {
    pub(super) fn request(
        &self,
        call: &Call<'_>,
        base: &Base,
        (outgoing, spaces): (&Outgoing, Spaces),
    ) -> Result<reqwest::Request, S3Error> {
        let mut path = base.path.clone();
        path.push('/');
        if let Some(key) = call.key {
            path.push_str(&encode::path(key));
        }
        let mut query = String::new();
        for (name, value) in call.query {
            let separator = if query.is_empty() { "" } else { "&" };
            query.push_str(&format!("{separator}{}={}", name, encode::component(value)));
        }
        let separator = if query.is_empty() { "" } else { "?" };
        let unusable = || S3Error::UnusableKey { key: call.key.unwrap_or_default().to_owned() };
        let url = Url::parse(&format!("{}{path}{separator}{query}", base.origin))
            .map_err(|_| unusable())?;
        // A path with `..` in it would be shortened, and lead elsewhere.
        if url.path() != path {
            return Err(unusable());
        }
        let mut request = reqwest::Request::new(call.method.clone(), url);
        let headers = request.headers_mut();
        self.sign(call, base, (&path, &query), spaces, headers);
        if !call.body.is_empty() || call.method == Method::PUT || call.method == Method::POST {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(call.body.len()));
            *request.body_mut() = Some(outgoing.body());
        }
        Ok(request)
    }

    fn sign(
        &self,
        call: &Call<'_>,
        base: &Base,
        (path, query): (&str, &str),
        spaces: Spaces,
        headers: &mut HeaderMap,
    ) {
        let skew = SignedDuration::from_secs(self.skew.load(Ordering::Relaxed));
        let now = Timestamp::now();
        let moment = Moment::new(now.checked_add(skew).unwrap_or(now));
        let hash = match call.payload {
            Payload::Md5 => UNSIGNED.to_owned(),
            Payload::Signed if call.body.is_empty() => EMPTY_HASH.to_owned(),
            Payload::Signed => sha256_hex(&call.body),
        };
        let mut signed: Vec<(&str, &[u8])> = vec![
            ("host", base.host.as_bytes()),
            ("x-amz-content-sha256", hash.as_bytes()),
            ("x-amz-date", moment.stamp.as_bytes()),
        ];
        for (name, value) in call.headers {
            headers.insert(name.clone(), value.clone());
            // One of these that is sent and not signed is refused, and users' metadata may hold any byte.
            if name == "content-md5" || name.as_str().starts_with("x-amz-") {
                signed.push((name.as_str(), value.as_bytes()));
            }
        }
        if let Some(token) = self.signer.session_token() {
            signed.push((SESSION_TOKEN, token.as_bytes()));
            // One that no header can hold was refused with the other settings.
            if let Ok(mut value) = HeaderValue::from_str(token) {
                value.set_sensitive(true);
                headers.insert(HeaderName::from_static(SESSION_TOKEN), value);
            }
        }
        signed.sort_unstable();
        let signable = Signable {
            method: call.method.as_str(),
            path,
            query,
            headers: &signed,
            payload_hash: &hash,
            spaces,
        };
        let authorization = self.signer.authorization(&signable, &base.region, &moment);
        for (name, value) in [
            (AUTHORIZATION, &authorization),
            (HOST, &base.host),
            (HeaderName::from_static("x-amz-content-sha256"), &hash),
            (HeaderName::from_static("x-amz-date"), &moment.stamp),
        ] {
            // All of them are made of plain ASCII.
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
    }
}
