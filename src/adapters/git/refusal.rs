//! Reads messages of git and of servers into a typed error.
//!
//! Exit codes do not help, because git ends with 128 for nearly every failure. The texts come from
//! git (always in English here), OpenSSH, curl and GitLab.

use super::error::GitError;
use super::remote::Remote;

/// A failure that concerns the connection or the repository as a whole.
pub(super) fn of_connection(what: &str, remote: &Remote, said: Vec<String>) -> GitError {
    let remote = remote.label().to_owned();
    let says = |patterns: &[&str]| mentions(&said, patterns);
    // For an unknown host git also prints "could not read from remote repository", so the order
    // matters.
    if says(UNREACHABLE) {
        GitError::Unreachable { remote, said }
    } else if says(AUTHENTICATION) {
        GitError::Authentication { remote, said }
    } else if says(NO_REPOSITORY) {
        GitError::NoSuchRepository { remote, said }
    } else if says(&["shallow update not allowed"]) {
        GitError::ShallowNotAllowed { remote }
    } else {
        GitError::Failed { what: what.to_owned(), said }
    }
}

/// The refusal of one ref, with the reason that git gives in parentheses.
pub(super) fn of_reference(
    remote: &Remote,
    reference: &str,
    reason: &str,
    said: &[String],
) -> GitError {
    let (label, reference) = (remote.label().to_owned(), reference.to_owned());
    let said: Vec<String> = words_of_the_server(said);
    let mut everything = said.clone();
    everything.push(reason.to_owned());
    if mentions(&everything, &["shallow update not allowed"]) {
        GitError::ShallowNotAllowed { remote: label }
    } else if mentions(&everything, PROTECTED) {
        GitError::ProtectedBranch { remote: label, reference, said }
    } else if !mentions(&[reason.to_owned()], &["hook declined"]) {
        GitError::Refused { remote: label, reference, reason: reason.to_owned(), said }
    } else if remote.builds_on_push() {
        GitError::BuildFailed { remote: label, said }
    } else {
        GitError::HookDeclined { remote: label, reference, said }
    }
}

/// Whether the server refused because the ref had moved: someone else pushed a moment earlier, or
/// the lease had already failed.
pub(super) fn is_about_the_lease(reason: &str) -> bool {
    mentions(&[reason.to_owned()], LEASE)
}

fn mentions(lines: &[String], patterns: &[&str]) -> bool {
    lines.iter().any(|line| {
        let line = line.to_ascii_lowercase();
        patterns.iter().any(|pattern| line.contains(pattern))
    })
}

/// Keeps only lines of the server, because git's own advice does not apply here.
fn words_of_the_server(said: &[String]) -> Vec<String> {
    let words = said.iter().filter_map(|line| line.strip_prefix("remote:"));
    words.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

const LEASE: &[&str] = &[
    "stale info",
    "fetch first",
    "cannot lock ref",
    "failed to update ref",
    "failed to lock",
    "incorrect old value",
    "reference already exists",
    "remote ref updated since checkout",
];

const PROTECTED: &[&str] = &[
    "protected branch",
    "not allowed to force push",
    "not allowed to push code to",
    "not allowed to delete protected",
    "non-fast-forward",
    "denying non-fast-forward",
];

const UNREACHABLE: &[&str] = &[
    "could not resolve host",
    "name or service not known",
    "temporary failure in name resolution",
    "nodename nor servname",
    "connection refused",
    "connection timed out",
    "connection reset",
    "connection closed by",
    "operation timed out",
    "failed to connect",
    "couldn't connect",
    "no route to host",
    "network is unreachable",
    "ssl certificate problem",
    "server certificate verification failed",
    "host key verification failed",
    "remote end hung up",
    "the requested url returned error: 5",
    "rpc failed",
    "early eof",
];

const AUTHENTICATION: &[&str] = &[
    "authentication failed",
    "permission denied (",
    "permission denied, please try again",
    "could not read username",
    "could not read password",
    "terminal prompts disabled",
    "invalid username or password",
    "http basic: access denied",
    "access denied",
    "you are not allowed to download code",
    "you are not allowed to push code to this project",
    "requested url returned error: 401",
    "requested url returned error: 403",
];

const NO_REPOSITORY: &[&str] = &[
    "repository not found",
    "does not appear to be a git repository",
    "could not be found or you don't have permission",
    "not found",
    "does not exist",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(lines: &[&str]) -> GitError {
        let said = lines.iter().map(|line| (*line).to_owned()).collect();
        of_connection("fetching", &Remote::named("origin"), said)
    }

    #[test]
    fn failures_of_a_connection_are_distinguished() {
        let unknown = "fatal: unable to access 'https://h/': Could not resolve host: h";
        assert!(matches!(connection(&[unknown]), GitError::Unreachable { .. }));
        let ssh = [
            "ssh: connect to host h port 22: Connection refused",
            "fatal: Could not read from remote repository.",
        ];
        assert!(matches!(connection(&ssh), GitError::Unreachable { .. }));
        for line in [
            "git@git.torchbox.com: Permission denied (publickey).",
            "fatal: Authentication failed for 'https://h/a.git/'",
            "fatal: could not read Username for 'https://h': terminal prompts disabled",
        ] {
            assert!(matches!(connection(&[line]), GitError::Authentication { .. }), "{line}");
        }
        let missing = "remote: The project you were looking for could not be found or you don't have permission to view it.";
        assert!(matches!(connection(&[missing]), GitError::NoSuchRepository { .. }));
        let other = connection(&["fatal: something new"]);
        assert_eq!(other.to_string(), "git failed while fetching: fatal: something new");
    }

    #[test]
    fn refusals_of_a_ref_are_distinguished() {
        let refused = |remote: &Remote, reason: &str, said: &[&str]| {
            let said: Vec<String> = said.iter().map(|line| (*line).to_owned()).collect();
            of_reference(remote, "refs/heads/staging", reason, &said)
        };
        let origin = Remote::named("origin");
        let gitlab = "remote: GitLab: You are not allowed to force push code to a protected branch on this project.";
        let error = refused(&origin, "pre-receive hook declined", &[gitlab, "error: failed"]);
        assert!(matches!(&error, GitError::ProtectedBranch { said, .. } if said.len() == 1));
        let error = refused(&origin, "pre-receive hook declined", &["remote: too long a line"]);
        assert!(matches!(error, GitError::HookDeclined { .. }));
        let error = refused(&origin, "deletion prohibited", &[]);
        assert!(matches!(error, GitError::Refused { .. }));
        let heroku = Remote::heroku("app", None, None).expect("a remote");
        let error = refused(&heroku, "pre-receive hook declined", &["remote:  !  Push rejected"]);
        assert!(matches!(error, GitError::BuildFailed { .. }));
        assert!(is_about_the_lease("stale info") && !is_about_the_lease("hook declined"));
    }
}
