//! How the stand-in can be told to misbehave.

use std::sync::Mutex;

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
    /// 404 with a page in HTML, as a server has it that is no GitLab.
    HtmlNotFound,
    /// 200 with this body.
    Body(String),
    /// 200 with a body that has no end.
    Endless,
    /// 301 to this place.
    Redirect(String),
    /// The connection is closed without an answer.
    Close,
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
    /// For so many requests whose path contains this.
    pub fn times(count: u32, path: &str, fault: Fault) -> Rule {
        Rule { path: path.to_owned(), count, fault }
    }

    pub fn always(path: &str, fault: Fault) -> Rule {
        Rule::times(u32::MAX, path, fault)
    }
}

#[derive(Default)]
pub struct Faults(Mutex<Vec<Rule>>);

impl Faults {
    pub fn add(&self, rule: Rule) {
        self.0.lock().expect("no panic").push(rule);
    }

    /// The fault for this request, which uses up one count of its rule.
    pub fn for_request(&self, path: &str) -> Option<Fault> {
        let mut rules = self.0.lock().expect("no panic");
        let rule = rules.iter_mut().find(|rule| rule.count > 0 && path.contains(&rule.path))?;
        rule.count -= 1;
        Some(rule.fault.clone())
    }
}
