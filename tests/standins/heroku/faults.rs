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
    /// The same without saying when to come back.
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
    /// What the store does with an object.
    Store(StoreFault),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreFault {
    /// The signature counts as expired.
    Expired,
    /// The connection is closed after so many bytes of the body.
    CutAfter(u64),
    /// After so many bytes of the body nothing more comes.
    StallAfter(u64),
    /// Only so many bytes are there, and the headers say nothing of more.
    Shorter(u64),
    /// A request for a range gets at most so many bytes of it, and headers that say so.
    ShortPart(u64),
    /// `Content-Range` tells a total that is longer by so much.
    WrongTotal(u64),
    /// `Content-Range` starts so much later than was asked for.
    WrongStart(u64),
    /// The byte at this offset of the object has all its bits flipped.
    FlippedByte(u64),
    /// A request for a range gets the whole object and 200.
    IgnoreRange,
    /// The object counts as replaced: it has another entity tag.
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
