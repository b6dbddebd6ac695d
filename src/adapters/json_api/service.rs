//! Describes how services differ.

use std::fmt;

use reqwest::header::HeaderName;

use super::answer::ApiAnswer;
use super::error::Reason;
use crate::failure::FailureKind;

/// The policies of one service.
pub struct Service {
    /// The name, as people write it.
    pub name: &'static str,
    /// The word for its credentials.
    pub login: &'static str,
    /// Whether a request's `what` is an action ("read the project") or a subject ("the account").
    /// Errors are built from it.
    pub phrasing: Phrasing,
    /// The longest answer in bytes. Real answers are much shorter.
    pub longest_answer: usize,
    pub redirects: Redirects,
    pub pages: Option<Pages>,
    /// Whether a request over the limit (429) has no effect, so any request can be repeated.
    /// Otherwise only GET and idempotent requests are repeated.
    pub repeats_over_limit: bool,
    /// Decides whether an answer is a success. If not, returns the kind, the service's code and its
    /// words.
    pub judge: fn(&ApiAnswer) -> Result<(), Reason>,
    pub hints: Hints,
    /// The kind of failure for an answer that cannot be understood or redirects elsewhere.
    pub unreadable: FailureKind,
}

/// Where a GET may be redirected. Other methods never follow redirects.
#[derive(Debug, PartialEq, Eq)]
pub enum Redirects {
    Never,
    /// On the same server only, because a token must not go to another.
    OnTheServer,
    /// To any encrypted address. Another server gets no token.
    WithoutToken,
}

/// How a list is split into pages.
#[derive(Debug)]
pub struct Pages {
    /// The header that names the next page.
    pub told_in: &'static str,
    pub asked_by: AskedBy,
}

#[derive(Debug)]
pub enum AskedBy {
    Header(HeaderName),
    Query(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub enum Phrasing {
    Doing,
    About,
}

/// The advice for each kind of failure.
#[derive(Debug)]
pub struct Hints {
    /// Also if the login would be sent unencrypted.
    pub unusable: Advice,
    pub unauthorized: Advice,
    pub forbidden: Advice,
    pub not_found: Advice,
    pub over_limit: Advice,
    pub refused: Advice,
    /// The answer is not understood, or redirects elsewhere.
    pub bad_answer: Advice,
    /// The service failed, or did not answer.
    pub unavailable: Advice,
}

#[derive(Debug, Clone, Copy)]
pub enum Advice {
    None,
    /// `{what}` is filled in from the error.
    Do(&'static str),
    /// The purpose, and a command to which the environment is added.
    Run(&'static str, &'static str),
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
