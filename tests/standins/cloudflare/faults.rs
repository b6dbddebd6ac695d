//! How the stand-in can be told to misbehave.

use std::sync::Mutex;

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
#[derive(Debug, Clone)]
pub struct Rule {
    path: String,
    count: u32,
    skip: u32,
    fault: Fault,
}

impl Rule {
    /// For so many requests whose path contains this.
    pub fn times(count: u32, path: &str, fault: Fault) -> Rule {
        Rule { path: path.to_owned(), count, skip: 0, fault }
    }

    pub fn always(path: &str, fault: Fault) -> Rule {
        Rule::times(u32::MAX, path, fault)
    }

    /// Only after so many such requests.
    pub fn after(self, skip: u32) -> Rule {
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
    pub fn for_request(&self, path: &str) -> Option<Fault> {
        let mut rules = self.0.lock().expect("no panic");
        for rule in rules.iter_mut().filter(|rule| path.contains(&rule.path)) {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rule.count > 0 {
                rule.count -= 1;
                return Some(rule.fault);
            }
        }
        None
    }
}
