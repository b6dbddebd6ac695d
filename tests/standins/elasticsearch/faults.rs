//! How the stand-in can be told to misbehave.

use std::sync::Mutex;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 401.
    Unauthorized,
    /// 403 as Bonsai gives it to whoever is over the plan's limits.
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
    /// A bulk request is answered with 200 and `errors: true`, and none of its documents is taken.
    BulkErrors,
    /// A bulk request is answered as if all were well, and its last document is not taken.
    LostDocument,
    /// A count or a refresh that one shard took no part in.
    FailedShard,
    /// The connection is closed before anything is done.
    CloseBefore,
    /// Nothing comes, ever.
    Hang,
}

/// Which requests a fault is for.
#[derive(Debug, Clone)]
pub struct Rule {
    path: String,
    count: u32,
    fault: Fault,
}

impl Rule {
    /// The next request whose path contains `path`.
    pub fn once(path: &str, fault: Fault) -> Self {
        Rule::times(1, path, fault)
    }

    pub fn times(count: u32, path: &str, fault: Fault) -> Self {
        Rule { path: path.to_owned(), count, fault }
    }

    /// Every such request.
    pub fn always(path: &str, fault: Fault) -> Self {
        Rule::times(u32::MAX, path, fault)
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
    pub fn for_request(&self, path: &str) -> Option<Fault> {
        let mut rules = self.0.lock().expect("no panic");
        let rule = rules.iter_mut().find(|rule| rule.count > 0 && path.contains(&rule.path))?;
        rule.count -= 1;
        Some(rule.fault.clone())
    }
}
