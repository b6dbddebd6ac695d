//! Asks a server whether it would take a push, without one.

use super::error::GitError;
use super::fetch::words;
use super::refusal;
use super::remote::Remote;
use super::repository::Repository;

/// Matches no ref, neither here nor on the server.
const NOTHING: &str = "refs/bcops/nothing/*:refs/bcops/nothing/*";

impl Repository {
    /// Checks that the server would accept a push from this user. Git asks for the same list before
    /// every push, and stops there because there is nothing to push. The check does not see rules
    /// about single branches.
    ///
    /// # Errors
    /// If the server refuses, or cannot be reached.
    pub async fn may_push(&self, remote: &Remote) -> Result<(), GitError> {
        let what = format!("asking {} whether it accepts a push", remote.label());
        let arguments = words([
            "push",
            "--dry-run",
            "--porcelain",
            "--no-verify",
            "--",
            remote.address(),
            NOTHING,
        ]);
        let output = self.remotely(&what, remote, arguments, None).await?;
        // For an empty repository git prints this line after it has read the list, then fails.
        let is_empty = output.said.iter().any(|line| line.starts_with("No refs in common"));
        if output.success() || is_empty {
            return Ok(());
        }
        Err(refusal::of_connection(&what, remote, output.said))
    }
}
