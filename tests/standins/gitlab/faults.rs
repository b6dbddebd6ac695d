//! How the stand-in can be told to misbehave.

use crate::standins::server;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 401 in GitLab's words.
    Unauthorized,
    /// 403 in GitLab's words.
    Forbidden,
    /// 404 in GitLab's words.
    NotFound,
    /// 429 in plain text, with this `Retry-After` in seconds.
    RateLimited(u64),
    /// 500 in GitLab's words.
    ServerError,
    /// 503 with a page in HTML.
    HtmlUnavailable,
    /// 200 with a page in HTML, as a sign-in page has it.
    HtmlPage,
    /// 404 with a page in HTML, as from a server that is not GitLab.
    HtmlNotFound,
    /// 200 with this body.
    Body(String),
    /// 200 with an endless body.
    Endless,
    /// 301 to this place.
    Redirect(String),
    /// The connection is closed without an answer.
    Close,
    /// Nothing comes, ever.
    Hang,
}

/// Which requests a fault is for.
pub type Rule = server::Rule<Fault>;
