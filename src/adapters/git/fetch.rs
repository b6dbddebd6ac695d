//! Lists a remote's refs, and fetches them into the namespace of the run.

use std::collections::BTreeMap;

use git2::Oid;

use super::error::GitError;
use super::process::Output;
use super::progress::Listener;
use super::refusal;
use super::remote::Remote;
use super::repository::Repository;

/// A branch as it was on the remote when it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Without `refs/heads/`.
    pub name: String,
    pub commit: Oid,
}

impl Repository {
    /// The commits of a remote's refs, by full name. `patterns` are full names, or end in `*`. A
    /// name that is missing from the answer is not on the remote.
    pub async fn tips(
        &self,
        remote: &Remote,
        patterns: &[&str],
    ) -> Result<BTreeMap<String, Oid>, GitError> {
        let what = format!("listing {}", remote.label());
        let mut arguments = words(["ls-remote", "--quiet", "--refs", "--", remote.address()]);
        arguments.extend(words(patterns.iter().copied()));
        let output = self.remotely(&what, remote, arguments, None).await?;
        let output = successful(&what, remote, output)?;
        let mut tips = BTreeMap::new();
        for line in output.text().lines() {
            let (commit, name) = parse_tip(&what, line)?;
            // Git matches a pattern at any slash: `refs/heads/x` finds `refs/y/refs/heads/x` too.
            if patterns.is_empty() || patterns.iter().any(|pattern| fits(pattern, &name)) {
                tips.insert(name, commit);
            }
        }
        Ok(tips)
    }

    /// The commit of one ref of a remote.
    pub async fn tip(&self, remote: &Remote, reference: &str) -> Result<Option<Oid>, GitError> {
        Ok(self.tips(remote, &[reference]).await?.remove(reference))
    }

    /// Whether a commit is the same as another one, or its ancestor. Both must be fetched already.
    pub fn contains(&self, descendant: Oid, ancestor: Oid) -> Result<bool, GitError> {
        let failed = GitError::library(format!("looking for {ancestor} in {descendant}"));
        let is_below = || self.library()?.graph_descendant_of(descendant, ancestor).map_err(failed);
        Ok(descendant == ancestor || is_below()?)
    }

    /// Fetches every branch of the origin with its whole history, and nothing else. The clone's own
    /// `refs/remotes` do not change.
    pub async fn fetch_branches(
        &self,
        listener: Option<Listener<'_>>,
    ) -> Result<Vec<Branch>, GitError> {
        let refspec = format!("+refs/heads/*:{}", self.namespace().branch("*"));
        self.fetch(self.origin(), &[refspec], listener).await?;
        self.fetched_branches()
    }

    /// The branches as [`Repository::fetch_branches`] found them, for a run that is resumed.
    pub fn fetched_branches(&self) -> Result<Vec<Branch>, GitError> {
        let repository = self.library()?;
        let prefix = self.namespace().branch("");
        let failed = || GitError::library(format!("reading {prefix}*"));
        let mut branches = Vec::new();
        for reference in repository.references_glob(&format!("{prefix}*")).map_err(failed())? {
            let reference = reference.map_err(failed())?;
            let commit = reference.peel_to_commit().map_err(failed())?.id();
            let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
            if name.contains(char::REPLACEMENT_CHARACTER) {
                return Err(GitError::NotUtf8 { what: "the list of branches".to_owned(), name });
            }
            let name = name.strip_prefix(&prefix).unwrap_or(&name).to_owned();
            branches.push(Branch { name, commit });
        }
        branches.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(branches)
    }

    /// Fetches refs by explicit refspecs into the namespace of the run.
    pub(super) async fn fetch(
        &self,
        remote: &Remote,
        refspecs: &[String],
        listener: Option<Listener<'_>>,
    ) -> Result<(), GitError> {
        let what = format!("fetching from {}", remote.label());
        // The empty map stops git from updating `refs/remotes`. The other flags stop it from
        // fetching tags, writing FETCH_HEAD, and filtering objects as a clone's settings may ask.
        let mut arguments = words([
            "fetch",
            "--progress",
            "--no-tags",
            "--prune",
            "--refmap=",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            "--no-filter",
            "--no-show-forced-updates",
            "--",
            remote.address(),
        ]);
        arguments.extend(refspecs.iter().cloned());
        let output = self.remotely(&what, remote, arguments, listener).await?;
        successful(&what, remote, output).map(drop)
    }
}

pub(super) fn words<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    arguments.into_iter().map(str::to_owned).collect()
}

fn successful(what: &str, remote: &Remote, output: Output) -> Result<Output, GitError> {
    if output.success() {
        Ok(output)
    } else {
        Err(refusal::of_connection(what, remote, output.said))
    }
}

fn parse_tip(what: &str, line: &str) -> Result<(Oid, String), GitError> {
    line.split_once('\t')
        .and_then(|(commit, name)| Some((Oid::from_str(commit).ok()?, name.to_owned())))
        .ok_or_else(|| GitError::UnexpectedAnswer {
            what: what.to_owned(),
            answer: line.chars().take(200).collect(),
        })
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}
