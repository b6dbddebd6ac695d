//! The envelope around every answer.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::credentials::Credentials;
use super::error::CloudflareError;

#[derive(Deserialize)]
struct Envelope {
    /// Without it, it is not Cloudflare that answers.
    success: bool,
    #[serde(default)]
    errors: Option<Vec<Reason>>,
    #[serde(default)]
    result: Value,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    error_chain: Vec<Reason>,
}

/// Codes of the API that mean that the credentials themselves are not accepted: a header of a wrong
/// form, an unknown key or address, an unknown token.
const UNAUTHORIZED: [u64; 4] = [6003, 9103, 9106, 1000];
/// They are good, but not for this: no permission, or another account's zone.
const FORBIDDEN: [u64; 2] = [10000, 9109];
/// The path names something that is not there, or is no identifier.
const NOT_FOUND: [u64; 3] = [7000, 7003, 1001];

/// The result of a success. 429 and the servers' own failures are told before.
pub fn open(
    status: StatusCode,
    body: &[u8],
    what: &str,
    credentials: &Credentials,
) -> Result<Value, CloudflareError> {
    let what = what.to_owned();
    let status_code = status.as_u16();
    let Ok(envelope) = serde_json::from_slice::<Envelope>(body) else {
        return Err(match status_code {
            401 => CloudflareError::Unauthorized { what, message: "HTTP 401".to_owned() },
            403 => CloudflareError::Forbidden { what, message: "HTTP 403".to_owned() },
            500.. => CloudflareError::Server { what, status: status_code, message: words(status) },
            _ => CloudflareError::NotCloudflare { what, status: status_code },
        });
    };
    if envelope.success && status.is_success() {
        return Ok(envelope.result);
    }
    let reasons = envelope.errors.unwrap_or_default();
    let message = match reasons.as_slice() {
        [] => words(status),
        reasons => reasons.iter().map(Reason::text).collect::<Vec<_>>().join("; "),
    };
    let message = credentials.redact(&message);
    let has = |codes: &[u64]| {
        reasons.iter().filter_map(|one| one.code.as_u64()).any(|code| codes.contains(&code))
    };
    Err(match status_code {
        401 => CloudflareError::Unauthorized { what, message },
        500.. => CloudflareError::Server { what, status: status_code, message },
        _ if has(&UNAUTHORIZED) => CloudflareError::Unauthorized { what, message },
        403 => CloudflareError::Forbidden { what, message },
        _ if has(&FORBIDDEN) => CloudflareError::Forbidden { what, message },
        404 => CloudflareError::NotFound { what, message },
        _ if has(&NOT_FOUND) => CloudflareError::NotFound { what, message },
        _ => CloudflareError::Refused { what, status: status_code, message },
    })
}

fn words(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("no reason given").to_owned()
}

impl Reason {
    /// `Invalid API Token (1000)`, with what is behind it.
    fn text(&self) -> String {
        let message = self.message.as_deref().unwrap_or("no reason given");
        let mut text = match self.code.as_u64() {
            Some(code) => format!("{message} ({code})"),
            None => message.to_owned(),
        };
        for inner in &self.error_chain {
            text.push_str(&format!(", {}", inner.text()));
        }
        // Whatever it is, it goes on one line of a terminal.
        text.chars().filter(|c| !c.is_control()).take(500).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn opened(status: u16, body: &str) -> Result<Value, CloudflareError> {
        let credentials = Credentials::Token(Secret::new("cf-secret"));
        let status = StatusCode::from_u16(status).expect("a status");
        open(status, body.as_bytes(), "the purge", &credentials)
    }

    #[test]
    fn only_success_is_a_success() {
        assert!(opened(200, r#"{"success":true,"result":{"id":"1"}}"#).is_ok());
        assert!(opened(200, r#"{"success":true,"errors":null,"result":null}"#).is_ok());
        let refused = opened(200, r#"{"success":false,"errors":[{"code":1134,"message":"no"}]}"#);
        assert!(matches!(refused, Err(CloudflareError::Refused { status: 200, .. })));
        for (status, body) in [
            (200, "<html>hello</html>"),
            (200, r#"{"result":{"id":"1"}}"#),
            (200, "true"),
            (200, ""),
            (302, ""),
        ] {
            let answer = opened(status, body);
            assert!(matches!(answer, Err(CloudflareError::NotCloudflare { .. })), "{body}");
        }
        let odd = opened(500, r#"{"success":true,"result":{}}"#);
        assert!(matches!(odd, Err(CloudflareError::Server { .. })));
    }

    #[test]
    fn reasons_are_told_apart_and_keep_secrets() {
        let body =
            r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}"#;
        assert!(matches!(opened(403, body), Err(CloudflareError::Forbidden { .. })));
        let body = r#"{"success":false,"errors":[{"code":6003,"message":"Invalid request headers",
            "error_chain":[{"code":6111,"message":"Invalid format: cf-secret"}]}]}"#;
        let Err(error) = opened(400, body) else { panic!("a success") };
        let text = error.to_string();
        assert!(matches!(error, CloudflareError::Unauthorized { .. }), "{text}");
        assert!(text.contains("6111") && !text.contains("cf-secret"), "{text}");
        let body = r#"{"success":false,"errors":[{"code":7003,"message":"Could not route"}]}"#;
        assert!(matches!(opened(400, body), Err(CloudflareError::NotFound { .. })));
    }
}
