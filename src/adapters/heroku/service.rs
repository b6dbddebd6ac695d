//! Describes how Heroku differs from other services.

use reqwest::header::RANGE;
use serde::Deserialize;

use crate::adapters::json_api::{
    Advice, ApiAnswer, AskedBy, ErrorKind, Hints, Pages, Phrasing, Reason, Redirects, Service,
};
use crate::failure::FailureKind;

/// The policies of both of Heroku's APIs. Neither has idempotency keys, so a repeated POST may
/// start a second backup. A request over the limit had no effect.
pub static HEROKU: Service = Service {
    name: "Heroku",
    login: "token",
    phrasing: Phrasing::About,
    longest_answer: 64 << 20,
    redirects: Redirects::WithoutToken,
    pages: Some(Pages { told_in: "next-range", asked_by: AskedBy::Header(RANGE) }),
    repeats_over_limit: true,
    judge,
    hints: Hints {
        unusable: Advice::Do(DOCTOR),
        unauthorized: Advice::Do(LOGIN),
        forbidden: Advice::Do(DOCTOR),
        not_found: Advice::Do(DOCTOR),
        over_limit: Advice::Do("wait, then try again: all users of the same token share the limit"),
        refused: Advice::Do(STATUS),
        bad_answer: Advice::Do(STATUS),
        unavailable: Advice::Do(STATUS),
    },
    unreadable: FailureKind::Unexpected,
};

pub const LOGIN: &str =
    "heroku login   # or set HEROKU_API_KEY to the output of `heroku authorizations:create`";
pub const DOCTOR: &str = "bcops doctor   # checks every app and permission";
/// The advice if Heroku itself seems to be at fault.
pub const STATUS: &str = "check https://status.heroku.com and that HEROKU_HOST can be reached \
    from here, then try again";

/// The body of an error, as both APIs send it.
#[derive(Deserialize, Default)]
struct ErrorBody {
    id: Option<String>,
    message: Option<String>,
}

fn judge(answer: &ApiAnswer) -> Result<(), Reason> {
    if answer.status.is_success() {
        return match answer.is_json() {
            true => Ok(()),
            false => Err(Reason::bad_answer("it is not JSON")),
        };
    }
    // A proxy's HTML page has neither an id nor a message, which must not fail here.
    let ErrorBody { id, message } = answer.read().unwrap_or_default();
    let kind = match (answer.status.as_u16(), id.as_deref()) {
        (403, Some("two_factor")) => ErrorKind::TwoFactor,
        (409, _) => ErrorKind::Conflict,
        (410, _) => ErrorKind::NotFound,
        _ => ErrorKind::of(answer.status),
    };
    Err(Reason { id, ..Reason::new(kind, message.unwrap_or_default()) })
}
