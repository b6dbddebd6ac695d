//! How the stand-in can be told to misbehave.

use crate::standins::server;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 401.
    Unauthorized,
    /// 403 as from Bonsai above the plan's limits.
    ReadOnly,
    /// 429 with this `Retry-After` in seconds, if any.
    TooManyRequests(Option<u64>),
    /// 500 with an error in JSON, which quotes this.
    ServerError(&'static str),
    /// 503 with a page in HTML.
    HtmlUnavailable,
    /// 200 with a page in HTML.
    HtmlPage,
    /// 200 with JSON of another form.
    OtherJson,
    /// 200 with half of a document.
    HalfJson,
    /// A bulk request gets 200 and `errors: true`, and none of its documents is stored.
    BulkErrors,
    /// A bulk request gets a success, but its last document is not stored.
    LostDocument,
    /// A count or a refresh without one of the shards.
    FailedShard,
    /// The connection is closed before anything is done.
    CloseBefore,
    /// Nothing comes, ever.
    Hang,
}

/// Which requests a fault is for.
pub type Rule = server::Rule<Fault>;
