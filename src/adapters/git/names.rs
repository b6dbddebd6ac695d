//! Builds the names of bcops' own refs, and checks names.

use super::error::GitError;

/// The prefix of every ref that bcops writes, in the clone and on the remote, except the requested
/// branch.
const OURS: &str = "refs/bcops/";

/// The place for the refs of one run in the clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(String);

impl Namespace {
    /// Checks that the run's id can be a part of a ref's name.
    pub fn of_run(run: &str) -> Result<Namespace, GitError> {
        let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let name = format!("{OURS}{run}");
        if !run.chars().all(sound)
            || matches!(run, "lock" | "backup" | "unfinished")
            || !git2::Reference::is_valid_name(&name)
        {
            return Err(GitError::InvalidName { what: "the id of a run", name: run.to_owned() });
        }
        Ok(Namespace(format!("{name}/")))
    }

    pub fn prefix(&self) -> &str {
        &self.0
    }

    pub fn run(&self) -> &str {
        self.0.trim_start_matches(OURS).trim_end_matches('/')
    }

    /// The run of a ref in the clone, if the ref is in a run's namespace.
    pub fn run_of(reference: &str) -> Option<&str> {
        reference.strip_prefix(OURS)?.split_once('/').map(|(run, _)| run)
    }

    /// `refs/bcops/RUN/NAME`.
    pub fn reference(&self, name: &str) -> String {
        format!("{}{name}", self.0)
    }

    /// Where a branch of the remote is kept after a fetch.
    pub fn branch(&self, name: &str) -> String {
        self.reference(&format!("branches/{name}"))
    }
}

/// The ref on the remote that locks a branch.
pub fn lock_reference(branch: &str) -> String {
    format!("{OURS}lock/{branch}")
}

/// The ref on the remote that keeps a removed lock.
pub fn unfinished_reference(branch: &str) -> String {
    format!("{OURS}unfinished/{branch}")
}

/// The ref where a run keeps the commit that was deployed before it, if no branch has the commit.
pub fn deployed_reference(run: &str) -> String {
    format!("{OURS}deployed/{run}")
}

/// The ref on the remote that keeps a branch's tip from before a run.
pub fn backup_reference(run: &str) -> String {
    format!("{OURS}backup/{run}")
}

/// `refs/heads/NAME`, if the name is valid.
pub fn branch_reference(name: &str) -> Result<String, GitError> {
    let reference = format!("refs/heads/{name}");
    if name.starts_with('-') || !git2::Reference::is_valid_name(&reference) {
        let name = name.to_owned();
        return Err(GitError::InvalidName { what: "the name of a branch", name });
    }
    Ok(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_run_ids_make_a_namespace() {
        let space = Namespace::of_run("20260101T1200-ab.c").expect("sound");
        assert_eq!(space.branch("feature/x"), "refs/bcops/20260101T1200-ab.c/branches/feature/x");
        assert_eq!(Namespace::run_of("refs/bcops/plan-1/branches/a/b"), Some("plan-1"));
        assert_eq!(Namespace::run_of("refs/heads/plan-1/a"), None);
        for run in
            ["", "a/b", "..", "a..b", ".a", "a.lock", "a b", "lock", "backup", "unfinished", "é"]
        {
            assert!(Namespace::of_run(run).is_err(), "{run}");
        }
        assert!(branch_reference("feature/123-x").is_ok());
        for name in ["", "-f", "a b", "a..b", "a:b", "a~1", "/a"] {
            assert!(branch_reference(name).is_err(), "{name}");
        }
    }
}
