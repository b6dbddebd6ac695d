//! Reads and merges the site's git repository with libgit2, and uses the user's own `git` for the
//! network.
//!
//! The operator's work tree, index, HEAD, branches, settings and stash are never touched. The clone
//! gets new objects, and refs below `refs/bcops/RUN/`. The origin gets refs below `refs/bcops/`
//! (the lock, the backup of a tip) and the requested branch. Every push has a lease on the tip that
//! bcops saw.
//!
//! A run calls in this order: [`Repository::open`], [`Repository::fetch_branches`],
//! [`Repository::inventory`], [`Repository::take_lock`], [`Repository::back_up_tip`],
//! [`Repository::assemble`], [`Repository::keep`], [`Repository::push`], and at the end
//! [`Repository::forget`].

mod advertisement;
mod backup;
mod carried;
mod clone;
mod connection;
mod error;
mod fetch;
mod holder;
mod identity;
pub mod inventory;
mod lock;
mod merge;
mod names;
mod process;
mod progress;
mod push;
mod refusal;
mod remote;
mod repository;
mod rewriting;
mod since;
mod source;
mod temporary;
mod tree;
mod version;
mod words;

pub use backup::BackupPlace;
pub use clone::is_in_clone;
pub use error::GitError;
pub use fetch::Branch;
pub use git2::Oid;
pub use holder::Holder;
pub use identity::{Identity, Person};
pub use lock::Lock;
pub use merge::{
    Assembled, Assembly, BranchOutcome, Choice, Conflict, ConflictKind, OnConflict, Outcome,
};
pub use names::{Namespace, backup_reference, branch_reference, lock_reference};
pub use process::{GitProgram, Limits};
pub use progress::Listener;
pub use push::{Lease, Pushed, Update};
pub use remote::{Remote, is_project, is_repository_of, is_same_repository};
pub use repository::{Access, Repository};
pub use since::CommitLine;
pub use tree::{FileContent, TreeFile};
pub use words::without_user_parts;
