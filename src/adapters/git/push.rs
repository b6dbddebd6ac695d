//! Pushes refs, always with a lease: a ref moves only from the commit that bcops saw.

use std::fmt;

use git2::Oid;

use super::error::GitError;
use super::fetch::words;
use super::process::Output;
use super::progress::Listener;
use super::refusal;
use super::remote::Remote;
use super::repository::Repository;

/// The commit that a ref must have on the remote to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// At this commit.
    At(Oid),
    /// The ref must not exist yet.
    Absent,
}

impl From<Option<Oid>> for Lease {
    fn from(tip: Option<Oid>) -> Lease {
        tip.map_or(Lease::Absent, Lease::At)
    }
}

/// One ref to move, create or delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The full name on the remote.
    pub reference: String,
    /// The new commit; `None` deletes the ref.
    pub to: Option<Oid>,
    pub lease: Lease,
}

/// The result for one ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// The ref was moved, created or deleted.
    Changed,
    /// The ref already pointed at the new commit, whatever the lease said.
    AlreadyThere,
}

impl Repository {
    /// Pushes refs at once: all of them or none. The answer is in the order of the updates. After
    /// an error with [`GitError::leaves_doubt`], [`Repository::tips`] shows the state.
    pub async fn push(
        &self,
        remote: &Remote,
        updates: &[Update],
        listener: Option<Listener<'_>>,
    ) -> Result<Vec<Pushed>, GitError> {
        let what = format!("pushing to {}", remote.label());
        let arguments = arguments(remote, updates);
        let output = self.remotely(&what, remote, arguments, listener).await?;
        let lines = parse(&output);
        if let Some(refused) = lines.iter().find(|line| line.is_cause()) {
            return Err(self.refused(remote, updates, refused, &output.said).await);
        }
        if !output.success() {
            return Err(refusal::of_connection(&what, remote, output.said));
        }
        updates
            .iter()
            .map(|update| {
                let line = lines.iter().find(|line| line.reference == update.reference);
                line.and_then(Line::outcome).ok_or_else(|| GitError::UnexpectedAnswer {
                    what: what.clone(),
                    answer: format!("nothing about {}", update.reference),
                })
            })
            .collect()
    }

    /// Turns a refusal into an error. For a failed lease bcops asks the remote, because git does
    /// not print where the ref is now.
    async fn refused(
        &self,
        remote: &Remote,
        updates: &[Update],
        refused: &Line,
        said: &[String],
    ) -> GitError {
        let update = updates.iter().find(|update| update.reference == refused.reference);
        if let Some(update) = update.filter(|_| refusal::is_about_the_lease(&refused.reason)) {
            let expected = match update.lease {
                Lease::At(commit) => Some(commit),
                Lease::Absent => None,
            };
            match self.tip(remote, &update.reference).await {
                Ok(now) if now != expected => {
                    return GitError::LeaseRejected {
                        remote: remote.label().to_owned(),
                        reference: refused.reference.clone(),
                        expected: expected.map(|commit| commit.to_string()),
                        now: now.map(|commit| commit.to_string()),
                    };
                }
                // The ref is where it was expected, so the refusal has another reason.
                Ok(_) => {}
                Err(error) => return error,
            }
        }
        refusal::of_reference(remote, &refused.reference, &refused.reason, said)
    }
}

fn arguments(remote: &Remote, updates: &[Update]) -> Vec<String> {
    let mut arguments = words([
        "push",
        "--porcelain",
        "--progress",
        "--no-verify",
        "--no-follow-tags",
        "--recurse-submodules=no",
        "--no-signed",
    ]);
    if updates.len() > 1 {
        arguments.push("--atomic".to_owned());
    }
    for update in updates {
        let expected = match update.lease {
            Lease::At(commit) => commit.to_string(),
            Lease::Absent => String::new(),
        };
        arguments.push(format!("--force-with-lease={}:{expected}", update.reference));
    }
    arguments.extend(words(["--", remote.address()]));
    for update in updates {
        let commit = update.to.map(|commit| commit.to_string()).unwrap_or_default();
        arguments.push(format!("{commit}:{}", update.reference));
    }
    arguments
}

/// One line of `git push --porcelain`: flag, refs, and a summary with a reason.
struct Line {
    flag: char,
    reference: String,
    reason: String,
}

impl Line {
    fn outcome(&self) -> Option<Pushed> {
        match self.flag {
            ' ' | '+' | '-' | '*' => Some(Pushed::Changed),
            '=' => Some(Pushed::AlreadyThere),
            _ => None,
        }
    }

    /// Whether this ref itself was refused, not because of another ref.
    fn is_cause(&self) -> bool {
        let along = ["atomic push failed", "atomic transaction failed", "transaction aborted"];
        self.flag == '!' && !along.iter().any(|reason| self.reason.contains(reason))
    }
}

fn parse(output: &Output) -> Vec<Line> {
    output.text().lines().filter_map(parse_line).collect()
}

/// Reads `!\tSRC:DST\t[remote rejected] (reason)`.
fn parse_line(line: &str) -> Option<Line> {
    let mut fields = line.splitn(3, '\t');
    let flag = fields.next()?;
    let (_, reference) = fields.next()?.rsplit_once(':')?;
    let summary = fields.next()?;
    let mut characters = flag.chars();
    let (Some(flag), None) = (characters.next(), characters.next()) else { return None };
    let reason = match summary.split_once('(') {
        Some((_, reason)) => reason.trim_end().trim_end_matches(')'),
        None => summary,
    };
    Some(Line { flag, reference: reference.to_owned(), reason: reason.to_owned() })
}

impl fmt::Display for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            Some(commit) => write!(f, "{} → {commit:.10}", self.reference),
            None => write!(f, "{} deleted", self.reference),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_git_are_read() {
        let line = parse_line("!\tabc:refs/heads/x\t[rejected] (stale info)").expect("a line");
        assert_eq!((line.flag, line.reference.as_str()), ('!', "refs/heads/x"));
        assert_eq!(line.reason, "stale info");
        let line = parse_line(" \tabc:refs/heads/x\t1234..5678").expect("a line");
        assert_eq!(line.outcome(), Some(Pushed::Changed));
        let line = parse_line("=\tabc:refs/heads/x\t[up to date]").expect("a line");
        assert_eq!(line.outcome(), Some(Pushed::AlreadyThere));
        let line = parse_line("!\ta:refs/b\t[rejected] (atomic push failed)").expect("a line");
        assert!(!line.is_cause());
        for other in ["To /tmp/x", "Done", "", "ab\tc:d\te", "!\tx"] {
            assert!(parse_line(other).is_none(), "{other}");
        }
    }

    #[test]
    fn every_ref_has_its_lease() {
        let commit = Oid::from_str(&"1".repeat(40)).expect("an id");
        let updates = [
            Update { reference: "refs/heads/a".into(), to: Some(commit), lease: Lease::Absent },
            Update { reference: "refs/heads/b".into(), to: None, lease: Lease::At(commit) },
        ];
        let given = arguments(&Remote::named("origin"), &updates).join(" ");
        let one = "1".repeat(40);
        assert!(given.contains("--atomic --force-with-lease=refs/heads/a: "), "{given}");
        assert!(given.contains(&format!("--force-with-lease=refs/heads/b:{one} ")), "{given}");
        assert!(
            given.ends_with(&format!("bcops-origin {one}:refs/heads/a :refs/heads/b")),
            "{given}"
        );
    }
}
