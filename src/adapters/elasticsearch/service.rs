//! How a search cluster differs from other services.

use super::answers::ErrorAnswer;
use crate::adapters::json_api::{
    Advice, Answer, ErrorKind, Hints, Reason, Redirects, Sentences, Service,
};
use crate::failure::FailureKind;

/// The policies of Elasticsearch and OpenSearch. Bonsai answers 403 when a cluster is disabled or, for
/// changes, when it is read-only because it is over its plan's limits.
pub static SEARCH: Service = Service {
    name: "search",
    login: "password",
    // The longest answer is the list of indices, which has a line for each.
    longest_answer: 16 << 20,
    redirects: Redirects::Never,
    pages: None,
    repeats_over_limit: false,
    judge,
    sentences: Sentences {
        unauthorized: "cannot {what}: {place} does not accept the user name and password (HTTP 401)",
        two_factor: "cannot {what}: {place} does not accept the user name and password (HTTP 401)",
        forbidden: "cannot {what}: {place} refuses it (HTTP 403): {message}",
        not_found: "cannot {what}: {place} does not have it (HTTP 404)",
        conflict: "cannot {what}: {place} failed (HTTP {status}): {message}",
        over_limit: "cannot {what}: {place} has more requests than it takes (HTTP 429){asks}",
        refused: "cannot {what}: {place} failed (HTTP {status}): {message}",
        failed: "cannot {what}: {place} failed (HTTP {status}): {message}",
        redirected: "cannot {what}: {place} sends us elsewhere (HTTP {status}), where the password may not go",
        bad_answer: "cannot {what}: {place} sent something that is no answer of a search cluster: {message}",
        no_answer: "cannot {what}: no answer from {place}",
        timeout: "cannot {what}: {place} did not answer within {message} s",
        credentials: "{what} holds characters that no password has; set it again",
    },
    hints: Hints {
        unusable: Advice::Do("set the config var to the cluster's URL: https://USER:PASSWORD@HOST"),
        unencrypted: Advice::Do("let the URL begin with https:// instead of http://"),
        unauthorized: Advice::Do(
            "the add-on has other credentials now: heroku addons:open bonsai shows them",
        ),
        two_factor: Advice::None,
        forbidden: Advice::Run(
            "see in the console whether the cluster is over its plan's limits",
            CONSOLE,
        ),
        not_found: Advice::Run("see in the console whether the cluster is still there", CONSOLE),
        conflict: UNAVAILABLE,
        over_limit: Advice::Do("wait until the site asks the cluster for less, then try again"),
        refused: UNAVAILABLE,
        redirected: UNAVAILABLE,
        bad_answer: UNAVAILABLE,
        unavailable: UNAVAILABLE,
    },
    unreadable: FailureKind::Unexpected,
};

const CONSOLE: &str = "bcops search open";
const UNAVAILABLE: Advice =
    Advice::Run("see in the console whether the cluster is up, then try again", CONSOLE);

fn judge(answer: &Answer) -> Result<(), Reason> {
    if answer.status.is_success() {
        return Ok(());
    }
    let said = answer.read::<ErrorAnswer>().and_then(ErrorAnswer::reason);
    Err(Reason::new(ErrorKind::of(answer.status), said.unwrap_or_default()))
}
