//! How the stand-in can be told to misbehave.

use std::sync::Mutex;
use std::time::Duration;

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
#[derive(Debug, Clone)]
pub struct Rule {
    method: Option<&'static str>,
    path: String,
    skip: u32,
    count: u32,
    fault: Fault,
}

impl Rule {
    /// The next request whose path and query contain `path`.
    pub fn once(path: &str, fault: impl Into<Fault>) -> Self {
        Rule::times(1, path, fault)
    }

    pub fn times(count: u32, path: &str, fault: impl Into<Fault>) -> Self {
        Rule { method: None, path: path.to_owned(), skip: 0, count, fault: fault.into() }
    }

    /// Every such request.
    pub fn always(path: &str, fault: impl Into<Fault>) -> Self {
        Rule::times(u32::MAX, path, fault)
    }

    /// Only for this method.
    pub fn on(self, method: &'static str) -> Self {
        Rule { method: Some(method), ..self }
    }

    /// Only after so many such requests.
    pub fn after(self, skip: u32) -> Self {
        Rule { skip, ..self }
    }
}

#[derive(Default)]
pub struct Faults(Mutex<Vec<Rule>>);

impl Faults {
    pub fn add(&self, rule: Rule) {
        self.0.lock().expect("no panic").push(rule);
    }

    pub fn forget(&self) {
        self.0.lock().expect("no panic").clear();
    }

    /// The fault for this request, which uses up one count of its rule.
    pub fn for_request(&self, method: &str, path: &str) -> Option<Fault> {
        let mut rules = self.0.lock().expect("no panic");
        for rule in rules.iter_mut() {
            if rule.method.is_some_and(|wanted| wanted != method) || !path.contains(&rule.path) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rule.count > 0 {
                rule.count -= 1;
                return Some(rule.fault.clone());
            }
        }
        None
    }
}
