//! Reads the version of git.

use std::ffi::OsString;
use std::path::Path;

use super::error::GitError;
use super::process::{Call, GitProgram};
use crate::private_folder;

/// The oldest git that reads settings from variables, which keeps tokens off command lines.
const OLDEST: Version = Version(2, 31);
const OLDEST_TEXT: &str = "2.31";

/// The oldest git with `git merge-tree --write-tree`.
pub(super) const MERGES_IN_MEMORY: Version = Version(2, 38);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32);

/// Fails if git is missing or too old.
pub(super) async fn check(program: &GitProgram, folder: &Path) -> Result<(), GitError> {
    program.version(folder).await.map(drop)
}

impl GitProgram {
    /// The version as git prints it. `folder` is any folder to run in.
    ///
    /// # Errors
    /// If git is missing or too old for bcops.
    pub async fn version(&self, folder: &Path) -> Result<String, GitError> {
        let (version, text) = read(self, folder).await?;
        match version < OLDEST {
            true => Err(GitError::TooOld { version: text, oldest: OLDEST_TEXT }),
            false => Ok(text),
        }
    }
}

/// The version, and the text that git prints.
pub(super) async fn read(
    program: &GitProgram,
    folder: &Path,
) -> Result<(Version, String), GitError> {
    let what = "printing its version".to_owned();
    private_folder::create(folder)
        .map_err(|cause| GitError::Temporary { path: folder.display().to_string(), cause })?;
    let limit = program.limits.local;
    let call = Call {
        what: what.clone(),
        folder,
        arguments: vec![OsString::from("version")],
        variables: Vec::new(),
        limit,
        silence: limit,
        listener: None,
    };
    let text = program.run(call).await?.text().trim().to_owned();
    let version = parse(&text);
    version.map(|version| (version, text.clone())).ok_or_else(|| GitError::UnexpectedAnswer {
        what,
        answer: text.chars().take(200).collect(),
    })
}

/// Reads `git version 2.39.5 (Apple Git-154)`.
fn parse(text: &str) -> Option<Version> {
    let mut numbers = text.strip_prefix("git version ")?.split('.');
    Some(Version(numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(parse("git version 2.39.5 (Apple Git-154)"), Some(Version(2, 39)));
        assert_eq!(parse("git version 3.0.rc1"), Some(Version(3, 0)));
        assert_eq!(parse("gitx 2.1"), None);
        assert!(Version(3, 0) > MERGES_IN_MEMORY && Version(2, 30) < OLDEST);
    }
}
