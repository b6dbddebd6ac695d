//! Describes how a search cluster differs from other services.

use super::answers::ErrorAnswer;
use crate::adapters::json_api::{
    Advice, ApiAnswer, ErrorKind, Hints, Phrasing, Reason, Redirects, Service,
};
use crate::failure::FailureKind;

/// The policies of Elasticsearch and OpenSearch. Bonsai answers 403 when a cluster is disabled or, for
/// changes, when it is read-only because it is over its plan's limits.
pub static SEARCH: Service = Service {
    name: "Elasticsearch",
    login: "login",
    phrasing: Phrasing::Doing,
    // The longest answer is the list of indices, with a line for each index.
    longest_answer: 16 << 20,
    redirects: Redirects::Never,
    pages: None,
    repeats_over_limit: false,
    judge,
    hints: Hints {
        unusable: Advice::Do("set the config var to the cluster's URL: https://USER:PASSWORD@HOST"),
        unauthorized: Advice::Do("see the add-on's current credentials: heroku addons:open bonsai"),
        forbidden: Advice::Run(
            "check in the console whether the cluster is over its plan's limits",
            CONSOLE,
        ),
        not_found: Advice::Run("check in the console whether the cluster still exists", CONSOLE),
        over_limit: Advice::Do(
            "wait until the site sends fewer requests to the cluster, then try again",
        ),
        refused: UNAVAILABLE,
        bad_answer: UNAVAILABLE,
        unavailable: UNAVAILABLE,
    },
    unreadable: FailureKind::Unexpected,
};

const CONSOLE: &str = "bcops search open";
const UNAVAILABLE: Advice =
    Advice::Run("check in the console whether the cluster is up, then try again", CONSOLE);

fn judge(answer: &ApiAnswer) -> Result<(), Reason> {
    if answer.status.is_success() {
        return Ok(());
    }
    let said = answer.read::<ErrorAnswer>().and_then(ErrorAnswer::reason);
    Err(Reason::new(ErrorKind::of(answer.status), said.unwrap_or_default()))
}
