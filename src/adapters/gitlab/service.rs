//! Describes how GitLab differs from other services.

use super::answers::ErrorAnswer;
use crate::adapters::json_api::{
    Advice, ApiAnswer, AskedBy, ErrorKind, Hints, Pages, Phrasing, Reason, Redirects, Service,
};
use crate::failure::FailureKind;

/// The policies of GitLab.
pub static GITLAB: Service = Service {
    name: "GitLab",
    login: "token",
    phrasing: Phrasing::Doing,
    // The longest answer is a page of a hundred rules.
    longest_answer: 4 << 20,
    // GitLab redirects requests for a moved project.
    redirects: Redirects::OnTheServer,
    pages: Some(Pages { told_in: "x-next-page", asked_by: AskedBy::Query("page") }),
    repeats_over_limit: false,
    judge,
    hints: Hints {
        unusable: Advice::Do("set {what} in bcops.toml"),
        unauthorized: Advice::Do("make a new access token in GitLab, and set GITLAB_TOKEN to it"),
        forbidden: Advice::Do(
            "make an access token with the scope read_api, and set GITLAB_TOKEN to it",
        ),
        not_found: Advice::Do(
            "ask to be added to the project, or set gitlab.project in bcops.toml",
        ),
        over_limit: Advice::Do("wait a few minutes, then try again"),
        refused: Advice::None,
        bad_answer: Advice::Do("set gitlab.url in bcops.toml, or GITLAB_URL"),
        unavailable: Advice::Do(
            "check that the server is up and reachable from here, then try again",
        ),
    },
    unreadable: FailureKind::Configuration,
};

fn judge(answer: &ApiAnswer) -> Result<(), Reason> {
    if answer.status.is_success() {
        return Ok(());
    }
    let said: Option<ErrorAnswer> = answer.read();
    match (ErrorKind::of(answer.status), said) {
        (ErrorKind::NotFound, None) => {
            Err(Reason::bad_answer("it does not offer GitLab's API (HTTP 404)"))
        }
        (kind, said) => {
            Err(Reason::new(kind, said.and_then(|said| said.reason()).unwrap_or_default()))
        }
    }
}
