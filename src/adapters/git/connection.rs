//! What a clone's own settings say about reaching its remote.
//!
//! A temporary repository that takes the place of a clone needs the same URL, proxies, headers,
//! SSH command and credential helpers, or it would be refused where the clone is not.

use std::ffi::OsString;
use std::path::Path;

use super::clone::LocalClone;
use super::error::GitError;
use super::process::{Call, GitProgram};
use super::remote::alias;
use crate::secret::Secret;

/// The settings of one clone, of which nothing is shown.
pub(super) struct Settings {
    remote: String,
    all: Vec<(String, Secret)>,
}

impl Settings {
    /// Asks git, which knows includes and files that libgit2 does not.
    pub async fn read(
        program: &GitProgram,
        clone: &LocalClone,
        remote: &str,
    ) -> Result<Settings, GitError> {
        let what = "reading the settings of the clone";
        let limit = program.limits.local;
        let arguments = ["config", "--list", "--null", "--local", "--includes"];
        let call = Call {
            what: what.to_owned(),
            folder: &clone.top,
            arguments: arguments.into_iter().map(OsString::from).collect(),
            variables: vec![clone.variable()],
            secrets: Vec::new(),
            limit,
            silence: limit,
            listener: None,
        };
        let output = program.run(call).await?;
        if !output.success() {
            return Err(GitError::Failed { what: what.to_owned(), said: output.said });
        }
        Ok(Settings { remote: remote.to_owned(), all: parse(&output.text()) })
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

    /// What else of the clone's settings concerns connections, for a repository beside it.
    pub fn of_connections(&self) -> Vec<(String, Secret)> {
        let concerns = |name: &str| ANYWHERE.iter().any(|start| name.starts_with(start));
        self.all.iter().filter(|(name, _)| concerns(name)).cloned().collect()
    }
}

const OF_REMOTE: &[&str] =
    &["url", "pushurl", "proxy", "proxyauthmethod", "uploadpack", "receivepack", "vcs"];

const ANYWHERE: &[&str] = &["http.", "credential.", "url.", "core.sshcommand", "ssh.", "protocol."];

fn parse(text: &str) -> Vec<(String, Secret)> {
    let entries = text.split('\0').filter(|entry| !entry.is_empty());
    let split = entries.map(|entry| entry.split_once('\n').unwrap_or((entry, "true")));
    split.map(|(name, value)| (name.to_owned(), Secret::new(value))).collect()
}

/// Git reads a relative path from the top of the work tree, or from a bare repository itself.
fn absolute(value: Secret, top: &Path) -> Secret {
    let path = value.expose();
    if path.starts_with("./") || path.starts_with("../") {
        Secret::new(top.join(path).display().to_string())
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
    let limit = program.limits.local;
    let call = Call {
        what: "reading the settings of SSH".to_owned(),
        folder: &clone.top,
        arguments: ["config", "--get", KEY].into_iter().map(OsString::from).collect(),
        variables: vec![clone.variable()],
        secrets: Vec::new(),
        limit,
        silence: limit,
        listener: None,
    };
    let has_own = program.run(call).await?.success();
    Ok((!has_own).then(|| (KEY.to_owned(), Secret::new("ssh -o BatchMode=yes"))))
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
    let mut variables = vec![(COUNT.to_owned(), Secret::new(count.to_string()))];
    for (number, (key, value)) in (first..).zip(settings) {
        variables.push((format!("GIT_CONFIG_KEY_{number}"), Secret::new(key.clone())));
        variables.push((format!("GIT_CONFIG_VALUE_{number}"), value.clone()));
    }
    variables
}

const COUNT: &str = "GIT_CONFIG_COUNT";

/// Values of settings that may be secret as a whole. Secrets within URLs are known by their form.
pub(super) fn secrets(settings: &[(String, Secret)]) -> Vec<Secret> {
    let headers = settings.iter().filter(|(name, _)| name.ends_with(".extraheader"));
    headers.map(|(_, value)| value.clone()).collect()
}
