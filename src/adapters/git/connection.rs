//! Reads what the settings of a clone say about reaching its remote, about its user and about merges.
//!
//! A temporary repository that takes the place of a clone needs the same URL, proxies, headers,
//! SSH command and credential helpers, or it would be refused where the clone is not; and the same
//! user and merge drivers, or its merges would be others.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::carried::{Setting, carried};
use super::clone::LocalClone;
use super::error::GitError;
use super::process::{Call, GitProgram};
use super::remote::alias;
use crate::secret::Secret;

/// The settings of one clone, of which nothing is shown.
pub(super) struct Settings {
    remote: String,
    all: Vec<Setting>,
}

impl Settings {
    /// Asks git, which knows includes and files that libgit2 does not.
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

    /// Whether files are left out of the clone until they are needed.
    pub fn is_partial(&self) -> bool {
        self.all.iter().any(|(name, value)| {
            name == "extensions.partialclone"
                || (name.starts_with("remote.")
                    && name.ends_with(".promisor")
                    && value.expose() == "true")
        })
    }

    /// What leads to the remote, under its alias. Paths are made absolute, as they are relative
    /// to the clone that they are taken from.
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

    /// What else of the clone's settings counts in a repository that takes its place.
    pub async fn of_clone(
        &self,
        program: &GitProgram,
        temporary: &LocalClone,
    ) -> Result<Vec<Setting>, GitError> {
        Ok(carried(&self.all, &in_force(program, temporary).await?))
    }
}

/// Every setting that git knows in a repository, of every file and in the order in which they count.
async fn in_force(program: &GitProgram, clone: &LocalClone) -> Result<Vec<Setting>, GitError> {
    let what = "reading the settings of the clone";
    let arguments = ["config", "--list", "--null", "--includes"];
    let output = program.run(local_call(program, clone, what, &arguments)).await?;
    if !output.success() {
        return Err(GitError::Failed { what: what.to_owned(), said: output.said });
    }
    Ok(parse(&output.text()))
}

/// The attributes that concern this clone alone: they name the merge drivers of files.
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

/// Git reads a relative path from the top of the work tree, or from a bare repository itself.
fn absolute(value: Secret, top: &Path) -> Secret {
    let path = value.expose();
    if path.starts_with("./") || path.starts_with("../") {
        Secret::hidden(top.join(path).display().to_string())
    } else {
        value
    }
}

/// Keeps SSH from asking, unless the user has a command of their own for it, which may know no such
/// option. That one has no terminal to ask on either.
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

/// Settings as git takes them from its environment, where neither a file nor a list of processes
/// shows them: the URL of a CI clone holds a token. They come after those that are there already.
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
/// A header that git sends, which mostly is a login.
const HEADER: &str = ".extraheader";
