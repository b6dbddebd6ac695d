//! How the stand-in can be told to misbehave.

use crate::standins::server;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 401 with an error of Cloudflare's.
    Unauthorized,
    /// 403 with an error of Cloudflare's.
    Forbidden,
    /// 429 with this `Retry-After` in seconds.
    RateLimited(u64),
    /// 500 with an error of Cloudflare's.
    ServerError,
    /// 503 with a page in HTML.
    HtmlUnavailable,
    /// 200 with a page in HTML.
    HtmlPage,
    /// 200 with `success: false`.
    NotASuccess,
    /// 200 with JSON that has no `success`.
    NoVerdict,
    /// The connection is closed before anything is done.
    CloseBefore,
    /// The request has its effect, and then the connection is closed without an answer.
    CloseAfter,
    /// Nothing comes, ever, and nothing is done.
    Hang,
}

/// Which requests a fault is for.
pub type Rule = server::Rule<Fault>;
