//! How GitLab differs from other services.

use super::answers::ErrorAnswer;
use crate::adapters::json_api::{
    Advice, Answer, AskedBy, ErrorKind, Hints, Pages, Reason, Redirects, Sentences, Service,
};
use crate::failure::FailureKind;

/// The policies of GitLab.
pub static GITLAB: Service = Service {
    name: "gitlab",
    login: "token",
    // A page of a hundred rules is the longest answer that is asked for.
    longest_answer: 4 << 20,
    // GitLab sends them for a project that was moved.
    redirects: Redirects::OnTheServer,
    pages: Some(Pages { told_in: "x-next-page", asked_by: AskedBy::Query("page") }),
    repeats_over_limit: false,
    judge,
    sentences: Sentences {
        unauthorized: "cannot {what}: {place} does not accept the token: {message}",
        two_factor: "cannot {what}: {place} does not accept the token: {message}",
        forbidden: "cannot {what}: {place} does not allow this token to do so: {message}",
        not_found: "cannot {what}: {place} has none, or does not show it to this token: {message}",
        conflict: "cannot {what}: {place} refuses (HTTP {status}): {message}",
        over_limit: "cannot {what}: {place} has more requests than it takes (HTTP 429){asks}",
        refused: "cannot {what}: {place} refuses (HTTP {status}): {message}",
        failed: "cannot {what}: {place} failed (HTTP {status}): {message}",
        redirected: "cannot {what}: {place} sends us elsewhere (HTTP {status}), where the token may not go",
        bad_answer: "cannot {what}: {place} sent something that is no answer of GitLab's: {message}",
        no_answer: "cannot {what}: no answer from {place}",
        timeout: "cannot {what}: {place} did not answer within {message} s",
        credentials: "{what} holds characters that no token has; set it again",
    },
    hints: Hints {
        unusable: Advice::Do("set {what} in bcops.toml"),
        unencrypted: Advice::Do("set gitlab.url in bcops.toml, or GITLAB_URL"),
        unauthorized: Advice::Do("make a new access token in GitLab, and set GITLAB_TOKEN to it"),
        two_factor: Advice::Do("make a new access token in GitLab, and set GITLAB_TOKEN to it"),
        forbidden: Advice::Do("make an access token that may read_api, and set GITLAB_TOKEN to it"),
        not_found: Advice::Do(
            "ask to be added to the project, or set gitlab.project in bcops.toml",
        ),
        conflict: Advice::None,
        over_limit: Advice::Do("wait a few minutes, then try again"),
        refused: Advice::None,
        redirected: Advice::Do(
            "set gitlab.url in bcops.toml, or GITLAB_URL, to the server's own address",
        ),
        bad_answer: Advice::Do("set gitlab.url in bcops.toml, or GITLAB_URL"),
        unavailable: Advice::Do(
            "see whether the server is up and can be reached from here, then try again",
        ),
    },
    unreadable: FailureKind::Configuration,
};

fn judge(answer: &Answer) -> Result<(), Reason> {
    if answer.status.is_success() {
        return Ok(());
    }
    let said: Option<ErrorAnswer> = answer.read();
    match (ErrorKind::of(answer.status), said) {
        (ErrorKind::NotFound, None) => {
            Err(Reason::bad_answer("it does not know GitLab's API (HTTP 404)"))
        }
        (kind, said) => {
            Err(Reason::new(kind, said.and_then(|said| said.reason()).unwrap_or_default()))
        }
    }
}
