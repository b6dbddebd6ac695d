//! Reads a clone's settings for its remote, its user and its merges.
//!
//! A temporary repository that takes the place of a clone needs the same URL, proxies, headers, SSH
//! command and credential helpers, because servers may refuse it otherwise. It also needs the same
//! user and merge drivers, because its merges would differ otherwise.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::carried::{Setting, carried};
use super::clone::LocalClone;
use super::error::GitError;
use super::process::{Call, GitProgram};
use super::remote::alias;
use crate::secret::Secret;

/// The settings of one clone. They are never shown.
pub(super) struct Settings {
    remote: String,
    all: Vec<Setting>,
}

impl Settings {
    /// Asks git, which reads includes and files that libgit2 does not know.
    pub async fn read(
        program: &GitProgram,
        clone: &LocalClone,
        remote: &str,
    ) -> Result<Settings, GitError> {
        Ok(Settings { remote: remote.to_owned(), all: in_force(program, clone).await? })
    }

    pub fn names_remote(&self) -> bool {
        let key = format!("remote.{}.url", self.remote);
        self.all.iter().any(|(name, _)| *name == key)
    }

    /// Whether the clone fetches files only when they are needed.
    pub fn is_partial(&self) -> bool {
        self.all.iter().any(|(name, value)| {
            name == "extensions.partialclone"
                || (name.starts_with("remote.")
                    && name.ends_with(".promisor")
                    && value.expose() == "true")
        })
    }

    /// The settings of the remote, under its alias. Paths become absolute, because they are
    /// relative to the original clone.
    pub fn of_remote(&self, clone: &LocalClone) -> Vec<(String, Secret)> {
        let (prefix, alias) = (format!("remote.{}.", self.remote), alias(&self.remote));
        let own = self.all.iter().filter_map(|(name, value)| {
            let last = name.strip_prefix(&prefix).filter(|last| OF_REMOTE.contains(last))?;
            let value = value.clone();
            let value = if last.ends_with("url") { absolute(value, &clone.top) } else { value };
            Some((format!("remote.{alias}.{last}"), value))
        });
        own.collect()
    }

    /// The other settings that a repository in place of the clone needs.
    pub async fn of_clone(
        &self,
        program: &GitProgram,
        temporary: &LocalClone,
    ) -> Result<Vec<Setting>, GitError> {
        Ok(carried(&self.all, &in_force(program, temporary).await?))
    }
}

/// Every setting that git reads for a repository, from every file, in git's order.
async fn in_force(program: &GitProgram, clone: &LocalClone) -> Result<Vec<Setting>, GitError> {
    let what = "reading the settings of the clone";
    let arguments = ["config", "--list", "--null", "--includes"];
    let output = program.run(local_call(program, clone, what, &arguments)).await?;
    if !output.success() {
        return Err(GitError::Failed { what: what.to_owned(), said: output.said });
    }
    Ok(parse(&output.text()))
}

/// The attributes of this clone alone, which name the merge drivers of files.
pub(super) async fn own_attributes(
    program: &GitProgram,
    clone: &LocalClone,
) -> Result<PathBuf, GitError> {
    let what = "looking for the attributes of the clone";
    let arguments = ["rev-parse", "--git-path", "info/attributes"];
    let output = program.run(local_call(program, clone, what, &arguments)).await?;
    if !output.success() {
        return Err(GitError::Failed { what: what.to_owned(), said: output.said });
    }
    Ok(clone.top.join(output.text().trim_end_matches('\n')))
}

fn local_call<'a>(
    program: &GitProgram,
    clone: &'a LocalClone,
    what: &str,
    arguments: &[&str],
) -> Call<'a> {
    let limit = program.limits.local;
    Call {
        what: what.to_owned(),
        folder: &clone.top,
        arguments: arguments.iter().map(OsString::from).collect(),
        variables: vec![clone.variable()],
        limit,
        silence: limit,
        listener: None,
    }
}

const OF_REMOTE: &[&str] =
    &["url", "pushurl", "proxy", "proxyauthmethod", "uploadpack", "receivepack", "vcs"];

fn parse(text: &str) -> Vec<(String, Secret)> {
    let entries = text.split('\0').filter(|entry| !entry.is_empty());
    let split = entries.map(|entry| entry.split_once('\n').unwrap_or((entry, "true")));
    split.map(|(name, value)| (name.to_owned(), secret(name, value))).collect()
}

/// Most settings are ordinary words and paths.
fn secret(name: &str, value: &str) -> Secret {
    if name.ends_with(HEADER) { Secret::new(value) } else { Secret::url(value) }
}

/// Git resolves a relative path from the top of the work tree, or from the bare repository.
fn absolute(value: Secret, top: &Path) -> Secret {
    let path = value.expose();
    if path.starts_with("./") || path.starts_with("../") {
        Secret::hidden(top.join(path).display().to_string())
    } else {
        value
    }
}

/// Stops SSH from asking questions, unless the user has set their own SSH command. That command may
/// not know the option, and it has no terminal to ask on either.
pub(super) async fn batch_mode(
    program: &GitProgram,
    clone: &LocalClone,
) -> Result<Option<(String, Secret)>, GitError> {
    const KEY: &str = "core.sshcommand";
    if ["GIT_SSH_COMMAND", "GIT_SSH"].iter().any(|name| program.variable(name).is_some()) {
        return Ok(None);
    }
    let what = "reading the settings of SSH";
    let call = local_call(program, clone, what, &["config", "--get", KEY]);
    let has_own = program.run(call).await?.success();
    Ok((!has_own).then(|| (KEY.to_owned(), Secret::hidden("ssh -o BatchMode=yes"))))
}

/// Passes settings to git in its environment, because the URL of a CI clone holds a token and must
/// not appear in a file or in a list of processes. Settings that are already in the environment
/// come first.
pub(super) fn as_variables(
    program: &GitProgram,
    settings: &[(String, Secret)],
) -> Vec<(String, Secret)> {
    if settings.is_empty() {
        return Vec::new();
    }
    let given = program.variable(COUNT).and_then(|count| count.to_str()?.parse().ok());
    let first: usize = given.unwrap_or_default();
    let count = first.saturating_add(settings.len());
    let mut variables = vec![(COUNT.to_owned(), Secret::hidden(count.to_string()))];
    for (number, (key, value)) in (first..).zip(settings) {
        variables.push((format!("GIT_CONFIG_KEY_{number}"), Secret::hidden(key.clone())));
        variables.push((format!("GIT_CONFIG_VALUE_{number}"), value.clone()));
    }
    variables
}

const COUNT: &str = "GIT_CONFIG_COUNT";
/// A header that git sends, which usually holds a login.
const HEADER: &str = ".extraheader";
