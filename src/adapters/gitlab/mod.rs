//! GitLab's API, version 4, as far as looking goes: whose the token is, the project, the last
//! pipeline of a branch, and whether a branch may be pushed to by force. Nothing is changed there.
//!
//! Facts from GitLab's documentation of its REST API: `/api/rest` (authentication, encoding of project
//! paths, pages, redirects), `/api/pipelines`, `/api/protected_branches` and `/api/users`.

mod answers;
mod client;
mod protection;
mod service;

pub use answers::{Pipeline, PipelineState, Project, User};
pub use client::Gitlab;
pub use protection::ProtectedBranch;
