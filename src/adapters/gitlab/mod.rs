//! Reads from GitLab's API, version 4: the token's user, the project, the last pipeline of a
//! branch, and whether a branch allows force push. Changes nothing.
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
