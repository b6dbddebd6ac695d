//! GitLab's API, version 4, as far as looking goes: whose the token is, the project, the last
//! pipeline of a branch, and whether a branch may be pushed to by force. Nothing is changed there.
//!
//! Facts from GitLab's documentation of its REST API: `/api/rest` (authentication, encoding of project
//! paths, pages, redirects), `/api/pipelines`, `/api/protected_branches` and `/api/users`.

mod answers;
mod client;
mod error;
mod protection;

use std::time::Duration;

pub use answers::{Pipeline, PipelineState, Project, User};
pub use client::Gitlab;
pub use error::GitlabError;
pub use protection::ProtectedBranch;

use crate::adapters::backoff::Backoff;

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub connect: Duration,
    /// From the first byte sent to the last byte of the answer.
    pub request: Duration,
    /// How often a request is sent in all, where another try may help.
    pub tries: u32,
    /// How long it is tried in all. A server that asks for a longer wait is not waited for.
    pub try_for: Duration,
    pub backoff: Backoff,
}

impl Timing {
    /// The same with a limit of the user's own for each request, if there is one.
    pub fn limited(self, request: Option<Duration>) -> Timing {
        let Some(request) = request else { return self };
        Timing { request, try_for: request.saturating_mul(2), ..self }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(15),
            tries: 3,
            try_for: Duration::from_secs(30),
            backoff: Backoff { first: Duration::from_millis(300), longest: Duration::from_secs(5) },
        }
    }
}
