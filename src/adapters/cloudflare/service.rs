//! How Cloudflare differs from other services: the envelope around every answer.

use serde::Deserialize;
use serde_json::Value;

use crate::adapters::json_api::{
    Advice, ApiAnswer, ErrorKind, Hints, Phrasing, Reason, Redirects, Service,
};
use crate::failure::FailureKind;

/// The policies of Cloudflare. A purge is sent once here: what is sent again is for
/// its caller to decide, which counts it.
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
            "make a new API token in Cloudflare and set it as the app's config var; bcops doctor",
        ),
        forbidden: Advice::Do(
            "give the token the permission Zone / Cache Purge / Purge for this zone; bcops doctor",
        ),
        not_found: Advice::Do(
            "set the zone's id, from the zone's overview in Cloudflare, as the app's config var",
        ),
        over_limit: Advice::Do("the limit is the account's: wait some minutes, then try again"),
        refused: Advice::Do(PLAN),
        bad_answer: Advice::Do(
            "set cloudflare.base_url in bcops.toml, or CLOUDFLARE_BASE_URL; bcops doctor",
        ),
        unavailable: Advice::Do(
            "see https://www.cloudflarestatus.com, then try again: purging twice does no harm",
        ),
    },
    unreadable: FailureKind::Unexpected,
};

const ENDPOINT: &str = "set cloudflare.base_url in bcops.toml, or CLOUDFLARE_BASE_URL";
const PLAN: &str = "see in Cloudflare's dashboard what the zone's plan and the token allow";

#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    pub result: T,
}

#[derive(Deserialize)]
struct Outcome {
    /// Without it, it is not Cloudflare that answers.
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

/// Codes of the API that mean that the credentials themselves are not accepted: a header of a wrong
/// form, an unknown key or address, an unknown token.
const UNAUTHORIZED: [u64; 4] = [6003, 9103, 9106, 1000];
/// They are good, but not for this: no permission, or another account's zone.
const FORBIDDEN: [u64; 2] = [10000, 9109];
/// The path names something that is not there, or is no identifier.
const NOT_FOUND: [u64; 3] = [7000, 7003, 1001];

fn judge(answer: &ApiAnswer) -> Result<(), Reason> {
    let kind = ErrorKind::of(answer.status);
    let Some(Outcome { success, errors }) = answer.read() else {
        return Err(match kind {
            ErrorKind::Unauthorized | ErrorKind::Forbidden => {
                Reason::new(kind, format!("HTTP {}", answer.status.as_u16()))
            }
            ErrorKind::Failed | ErrorKind::OverLimit => Reason::new(kind, ""),
            _ => Reason::bad_answer("it has not the form of one"),
        });
    };
    if success && answer.status.is_success() {
        return Ok(());
    }
    let errors = errors.unwrap_or_default();
    let message = errors.iter().map(Cause::text).collect::<Vec<_>>().join("; ");
    Err(Reason::new(told(kind, &errors), message))
}

/// The codes say more than the status, except where a server fails or takes no more.
fn told(of_status: ErrorKind, errors: &[Cause]) -> ErrorKind {
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
    fn reasons_are_told_apart() {
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
