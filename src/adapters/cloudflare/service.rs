//! Describes how Cloudflare differs from other services: the envelope around every answer.

use serde::Deserialize;
use serde_json::Value;

use crate::adapters::json_api::{
    Advice, ApiAnswer, ErrorKind, Hints, Phrasing, Reason, Redirects, Service,
};
use crate::failure::FailureKind;

/// The policies of Cloudflare. A purge is sent once here: the caller decides about repeats, and
/// counts them.
pub static CLOUDFLARE: Service = Service {
    name: "Cloudflare",
    login: "credentials",
    phrasing: Phrasing::About,
    longest_answer: 4 << 20,
    redirects: Redirects::Never,
    pages: None,
    repeats_over_limit: false,
    judge,
    hints: Hints {
        unusable: Advice::Do(ENDPOINT),
        unauthorized: Advice::Do(
            "make a new API token in Cloudflare, set it as the app's config var, then run: bcops doctor",
        ),
        forbidden: Advice::Do(
            "give the token the permission Zone / Cache Purge / Purge for this zone, then run: bcops doctor",
        ),
        not_found: Advice::Do(
            "copy the zone's id from its overview in Cloudflare into the app's config var",
        ),
        over_limit: Advice::Do(
            "wait 5 minutes, then try again: the rate limit applies to the whole account",
        ),
        refused: Advice::Do(PLAN),
        bad_answer: Advice::Do(
            "set cloudflare.base_url in bcops.toml, or CLOUDFLARE_BASE_URL, then run: bcops doctor",
        ),
        unavailable: Advice::Do(
            "see https://www.cloudflarestatus.com, then try again: purging twice is harmless",
        ),
    },
    unreadable: FailureKind::Unexpected,
};

const ENDPOINT: &str = "set cloudflare.base_url in bcops.toml, or CLOUDFLARE_BASE_URL";
const PLAN: &str = "check in Cloudflare's dashboard what the zone's plan and the token allow";

#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    pub result: T,
}

#[derive(Deserialize)]
struct Outcome {
    /// An answer without this field does not come from Cloudflare.
    success: bool,
    #[serde(default)]
    errors: Option<Vec<Cause>>,
}

#[derive(Deserialize)]
struct Cause {
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    error_chain: Vec<Cause>,
}

/// Codes of the API for credentials that are not accepted: a malformed header, an unknown key or
/// address, an unknown token.
const UNAUTHORIZED: [u64; 4] = [6003, 9103, 9106, 1000];
/// Codes for valid credentials that lack permission, or for another account's zone.
const FORBIDDEN: [u64; 2] = [10000, 9109];
/// Codes for a path that names something missing, or that holds an invalid identifier.
const NOT_FOUND: [u64; 3] = [7000, 7003, 1001];

fn judge(answer: &ApiAnswer) -> Result<(), Reason> {
    let kind = ErrorKind::of(answer.status);
    let Some(Outcome { success, errors }) = answer.read() else {
        return Err(match kind {
            ErrorKind::Unauthorized | ErrorKind::Forbidden => {
                Reason::new(kind, format!("HTTP {}", answer.status.as_u16()))
            }
            ErrorKind::Failed | ErrorKind::OverLimit => Reason::new(kind, ""),
            _ => Reason::bad_answer("it is not in Cloudflare's format"),
        });
    };
    if success && answer.status.is_success() {
        return Ok(());
    }
    let errors = errors.unwrap_or_default();
    let message = errors.iter().map(Cause::text).collect::<Vec<_>>().join("; ");
    Err(Reason::new(kind_of(kind, &errors), message))
}

/// The codes say more than the status, unless the server failed or the rate limit is reached.
fn kind_of(of_status: ErrorKind, errors: &[Cause]) -> ErrorKind {
    let has = |codes: &[u64]| {
        errors.iter().filter_map(|one| one.code.as_u64()).any(|code| codes.contains(&code))
    };
    match of_status {
        ErrorKind::Unauthorized | ErrorKind::Failed | ErrorKind::OverLimit => of_status,
        _ if has(&UNAUTHORIZED) => ErrorKind::Unauthorized,
        ErrorKind::Forbidden => of_status,
        _ if has(&FORBIDDEN) => ErrorKind::Forbidden,
        _ if of_status == ErrorKind::NotFound || has(&NOT_FOUND) => ErrorKind::NotFound,
        _ => ErrorKind::Refused,
    }
}

impl Cause {
    /// `Invalid API Token (1000)`, with its causes.
    fn text(&self) -> String {
        let message = self.message.as_deref().unwrap_or("no reason given");
        let mut text = match self.code.as_u64() {
            Some(code) => format!("{message} ({code})"),
            None => message.to_owned(),
        };
        for inner in &self.error_chain {
            text.push_str(&format!(", {}", inner.text()));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;

    fn judged(status: u16, body: &str) -> Result<(), Reason> {
        let status = StatusCode::from_u16(status).expect("a status");
        judge(&ApiAnswer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() })
    }

    fn refusal(status: u16, body: &str) -> (ErrorKind, String) {
        let reason = judged(status, body).expect_err("a success");
        (reason.kind, reason.message)
    }

    #[test]
    fn only_success_is_a_success() {
        assert!(judged(200, r#"{"success":true,"result":{"id":"1"}}"#).is_ok());
        assert!(judged(200, r#"{"success":true,"errors":null,"result":null}"#).is_ok());
        let refused = refusal(200, r#"{"success":false,"errors":[{"code":1134,"message":"no"}]}"#);
        assert_eq!(refused, (ErrorKind::Refused, "no (1134)".to_owned()));
        for (status, body) in [
            (200, "<html>hello</html>"),
            (200, r#"{"result":{"id":"1"}}"#),
            (200, "true"),
            (200, ""),
            (302, ""),
        ] {
            assert_eq!(refusal(status, body).0, ErrorKind::BadAnswer, "{body}");
        }
        assert_eq!(refusal(500, r#"{"success":true,"result":{}}"#).0, ErrorKind::Failed);
    }

    #[test]
    fn each_reason_has_its_own_kind() {
        let body =
            r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}"#;
        assert_eq!(refusal(403, body).0, ErrorKind::Forbidden);
        let body = r#"{"success":false,"errors":[{"code":6003,"message":"Invalid request headers",
            "error_chain":[{"code":6111,"message":"Invalid format"}]}]}"#;
        let (refused, text) = refusal(400, body);
        assert_eq!(refused, ErrorKind::Unauthorized, "{text}");
        assert!(text.contains("6111"), "{text}");
        let body = r#"{"success":false,"errors":[{"code":7003,"message":"Could not route"}]}"#;
        assert_eq!(refusal(400, body).0, ErrorKind::NotFound);
    }
}
