//! Decides which requests get which fault.

use std::sync::Mutex;

/// A fault, and its requests.
#[derive(Debug, Clone)]
pub struct Rule<F> {
    only: Option<&'static str>,
    part: String,
    skip: u32,
    count: u32,
    fault: F,
}

impl<F> Rule<F> {
    /// The next request whose path and query contain `part`.
    pub fn once(part: &str, fault: impl Into<F>) -> Rule<F> {
        Rule::times(1, part, fault)
    }

    pub fn times(count: u32, part: &str, fault: impl Into<F>) -> Rule<F> {
        Rule { only: None, part: part.to_owned(), skip: 0, count, fault: fault.into() }
    }

    /// Every such request.
    pub fn always(part: &str, fault: impl Into<F>) -> Rule<F> {
        Rule::times(u32::MAX, part, fault)
    }

    /// Only for requests that contain this.
    pub fn containing(self, part: &str) -> Rule<F> {
        Rule { part: part.to_owned(), ..self }
    }

    /// Only for this method.
    pub fn on(self, method: &'static str) -> Rule<F> {
        Rule { only: Some(method), ..self }
    }

    /// Only after this many such requests.
    pub fn after(self, skip: u32) -> Rule<F> {
        Rule { skip, ..self }
    }
}

/// Rules in order, each until it is used up.
pub struct Faults<F>(Mutex<Vec<Rule<F>>>);

impl<F> Default for Faults<F> {
    fn default() -> Faults<F> {
        Faults(Mutex::default())
    }
}

impl<F: Clone> Faults<F> {
    pub fn add(&self, rule: Rule<F>) {
        self.0.lock().expect("no panic").push(rule);
    }

    pub fn forget(&self) {
        self.0.lock().expect("no panic").clear();
    }

    /// The fault for this request, which uses up one count of its rule.
    pub fn for_request(&self, method: &str, path: &str) -> Option<F> {
        let mut rules = self.0.lock().expect("no panic");
        for rule in rules.iter_mut() {
            if rule.only.is_some_and(|only| only != method) || !path.contains(&rule.part) {
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
