//! What one service does otherwise than the next.

use std::fmt;

use reqwest::header::HeaderName;

use super::answer::ApiAnswer;
use super::error::Reason;
use crate::failure::FailureKind;

/// The policies of one service.
pub struct Service {
    /// As people write it.
    pub name: &'static str,
    /// What it knows its users by.
    pub login: &'static str,
    /// Whether a request's `what` says what is done, as in "read the project", or what it is about, as
    /// in "the account". Errors begin with it or end with it.
    pub phrasing: Phrasing,
    /// No answer that is asked for comes near it.
    pub longest_answer: usize,
    pub redirects: Redirects,
    pub pages: Option<Pages>,
    /// Whether a request over the limit (429) was not looked at, so that it can be sent again whatever
    /// it asks for. Without this only GET is repeated, and what a request calls idempotent.
    pub repeats_over_limit: bool,
    /// Whether an answer is a success, and what it means where it is not: the kind, the service's code,
    /// and its words. The client knows the rest.
    pub judge: fn(&ApiAnswer) -> Result<(), Reason>,
    pub hints: Hints,
    /// How it counts that an answer cannot be understood or leads elsewhere.
    pub unreadable: FailureKind,
}

/// Where a GET may be led. Nothing else follows a redirect, whatever the service.
#[derive(Debug, PartialEq, Eq)]
pub enum Redirects {
    Never,
    /// A token is for one server, and is not sent to another.
    OnTheServer,
    /// Any place that keeps the request private. Another server gets no token.
    WithoutToken,
}

/// How a list goes on.
#[derive(Debug)]
pub struct Pages {
    /// The header that says what to ask for next.
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

/// What a user does about each kind of failure.
#[derive(Debug)]
pub struct Hints {
    /// Also where the login would travel in the clear.
    pub unusable: Advice,
    pub unauthorized: Advice,
    pub forbidden: Advice,
    pub not_found: Advice,
    pub over_limit: Advice,
    pub refused: Advice,
    /// It is not understood, or leads elsewhere.
    pub bad_answer: Advice,
    /// The service failed, or did not answer.
    pub unavailable: Advice,
}

#[derive(Debug, Clone, Copy)]
pub enum Advice {
    None,
    /// `{what}` is filled in from the error.
    Do(&'static str),
    /// What for, and a command that ends in the environment.
    Run(&'static str, &'static str),
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
