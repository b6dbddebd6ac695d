//! Decides whose files are trusted: the operator's own, and root's.

use std::os::unix::fs::MetadataExt;

use super::ProcessEnv;

/// The users whose files count as the operator's.
#[derive(Debug, Clone)]
pub struct Operator {
    user: u32,
    /// The user who called sudo, if this process is root.
    behind_sudo: Option<u32>,
}

impl Operator {
    pub fn of(process: &ProcessEnv<'_>) -> Operator {
        Operator::new(process.variable)
    }

    pub fn of_this_process() -> Operator {
        Operator::new(&|name| std::env::var(name).ok())
    }

    fn new(variable: &dyn Fn(&str) -> Option<String>) -> Operator {
        let user = effective_user();
        let behind_sudo = variable("SUDO_UID").and_then(|text| text.parse().ok());
        // The variable counts only as root, because only then could sudo have set it.
        Operator { user, behind_sudo: behind_sudo.filter(|_| user == 0) }
    }

    pub fn owns(&self, metadata: &std::fs::Metadata) -> bool {
        let owner = metadata.uid();
        owner == 0 || owner == self.user || Some(owner) == self.behind_sudo
    }

    pub fn user(&self) -> u32 {
        self.user
    }
}

fn effective_user() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}
