//! How the stand-in can be told to misbehave.

use std::time::Duration;

use crate::standins::server;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 401 `unauthorized`.
    Unauthorized,
    /// 403 `two_factor`.
    TwoFactor,
    /// 403 `forbidden`.
    Forbidden,
    /// 404 `not_found`.
    NotFound,
    /// 409 `conflict`.
    Conflict,
    /// 422 `invalid_params`, with these words.
    InvalidParams(String),
    /// 429 `rate_limit` with this `Retry-After` in seconds.
    RateLimited(u64),
    /// The same without `Retry-After`.
    RateLimitedForNow,
    /// 500 with an error in JSON.
    ServerError,
    /// 503 with a page in HTML.
    HtmlUnavailable,
    /// 200 with a page in HTML.
    HtmlPage,
    /// 307 to this place.
    Redirect(String),
    /// The connection is closed before anything is done.
    CloseBefore,
    /// The request has its effect, and then the connection is closed without an answer.
    CloseAfter,
    /// Nothing comes, ever.
    Hang,
    /// The answer comes this much later.
    Slow(Duration),
    /// Faults of the store.
    Store(StoreFault),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreFault {
    /// The signature counts as expired.
    Expired,
    /// The connection is closed after this many bytes of the body.
    CutAfter(u64),
    /// After this many bytes of the body nothing more comes.
    StallAfter(u64),
    /// Only this many bytes exist, and the headers agree.
    Shorter(u64),
    /// A request for a range gets at most this many bytes, with matching headers.
    ShortPart(u64),
    /// The total in `Content-Range` is too long by this much.
    WrongTotal(u64),
    /// `Content-Range` starts this much later than requested.
    WrongStart(u64),
    /// The byte at this offset of the object has all its bits flipped.
    FlippedByte(u64),
    /// A request for a range gets the whole object and 200.
    IgnoreRange,
    /// The object counts as replaced, with another entity tag.
    OtherTag,
    /// Chunked, without a length.
    NoLength,
}

impl From<StoreFault> for Fault {
    fn from(fault: StoreFault) -> Self {
        Fault::Store(fault)
    }
}

/// Which requests a fault is for.
pub type Rule = server::Rule<Fault>;
