//! Asks a server whether it would take a push, without one.

use super::error::GitError;
use super::fetch::words;
use super::refusal;
use super::remote::Remote;
use super::repository::Repository;

/// Names no ref, neither here nor there.
const NOTHING: &str = "refs/bcops/nothing/*:refs/bcops/nothing/*";

impl Repository {
    /// Whether the server shows what it shows to those who may push. Git asks for the same list before
    /// every push; nothing follows, because there is nothing to push. Rules about single branches
    /// do not count before a push.
    ///
    /// # Errors
    /// Where the server refuses, or cannot be reached.
    pub async fn may_push(&self, remote: &Remote) -> Result<(), GitError> {
        let what = format!("asking {} whether it takes a push", remote.label());
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
        // Of an empty repository git says so once it has the list, and then hangs up.
        let is_empty = output.said.iter().any(|line| line.starts_with("No refs in common"));
        if output.success() || is_empty {
            return Ok(());
        }
        Err(refusal::of_connection(&what, remote, output.said))
    }
}
