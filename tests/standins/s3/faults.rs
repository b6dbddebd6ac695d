//! How the S3 stand-in can be told to misbehave.

use std::time::Duration;

use crate::standins::server;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 500 `InternalError`.
    ServerError,
    /// 503 `SlowDown`.
    SlowDown,
    /// 429 `TooManyRequests`.
    TooManyRequests,
    /// 403 `AccessDenied`.
    AccessDenied,
    /// 403 `SignatureDoesNotMatch`.
    SignatureDoesNotMatch,
    /// 400 `AccessControlListNotSupported`, for requests with an ACL.
    NoAcl,
    /// 404 `NoSuchKey`, or `NoSuchBucket` for a listing.
    NotFound,
    /// 400 `ExpiredToken`.
    ExpiredToken,
    /// 403 `RequestTimeTooSkewed`, with the server's time in the `Date` header.
    Skewed(i64),
    /// The bucket is in this region. Requests for another region get a redirection, or 400
    /// `AuthorizationHeaderMalformed`.
    InRegion { region: &'static str, redirects: bool },
    /// The connection is closed before anything is done.
    CloseBefore,
    /// The request has its effect, and then the connection is closed without an answer.
    CloseAfter,
    /// The connection is closed after this many bytes of the body.
    CutBody(usize),
    /// Only this many bytes of the body, with matching headers: a truncated document with status
    /// 200.
    ShortBody(usize),
    /// The headers promise this many bytes more than are sent.
    LongerLength(u64),
    /// The byte at this place of the body has all its bits flipped.
    FlippedByte(usize),
    /// A listing that is complete and empty.
    EmptyListing,
    /// A listing that claims to be complete.
    StopsEarly,
    /// A listing whose every page names the same next page.
    SameToken,
    /// A listing that never ends: each page has one more object.
    Endless,
    /// A page of a listing in the opposite order.
    Reversed,
    /// Status 200 with a document that reports a failure.
    ErrorIn200,
    /// The object is replaced by one of the same size just before the answer.
    Replaced,
    /// The object is deleted just before the answer.
    Removed,
    /// Nothing comes, ever.
    Hang,
    /// The answer comes this much later.
    Slow(Duration),
}

/// Which requests a fault is for.
#[derive(Debug, Clone)]
pub struct Rule(server::Rule<Fault>);

impl Rule {
    /// The next request of this operation (`GetObject`, `ListObjectsV2`…) on any key.
    pub fn once(operation: &'static str, fault: Fault) -> Rule {
        Rule::times(1, operation, fault)
    }

    pub fn times(count: u32, operation: &'static str, fault: Fault) -> Rule {
        Rule(server::Rule::times(count, "", fault).on(operation))
    }

    pub fn always(operation: &'static str, fault: Fault) -> Rule {
        Rule::times(u32::MAX, operation, fault)
    }

    /// Only for keys that contain this; for a listing, `bucket/prefix` counts as the key.
    pub fn on(self, key: &str) -> Rule {
        Rule(self.0.containing(key))
    }

    /// Only after this many such requests.
    pub fn after(self, skip: u32) -> Rule {
        Rule(self.0.after(skip))
    }
}

impl From<Rule> for server::Rule<Fault> {
    fn from(Rule(rule): Rule) -> server::Rule<Fault> {
        rule
    }
}
