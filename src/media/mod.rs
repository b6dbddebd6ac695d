//! Synchronises media between buckets and a folder: lists, compares, transfers, deletes.
//!
//! The order is always the same. List both sides completely and verify the lists; compare them;
//! transfer and verify missing and different objects; and delete, within limits, only if everything
//! else succeeded. `docs/media.md` has the rules.

mod compare;
mod content;
mod content_types;
mod copy;
mod copy_index;
mod copy_memory;
mod delete;
mod engine;
mod error;
mod fate;
mod index;
mod keys;
mod listing;
mod local;
mod local_files;
mod pull;
mod pull_ranges;
mod push;
mod resume;
mod uploads;
mod verify;

pub use compare::{
    BucketDifference, PullDifference, PushDifference, compare_buckets, compare_for_pull,
    compare_for_push,
};
pub use copy::{COPY_PARTS, CopyMethod, CopyParts, Copying, copy_objects, probe};
pub use copy_index::CopyIndex;
pub use delete::{DeletionLimit, Deletions, MaxDelete, check_deletions, confirm_gone};
pub use delete::{delete_files, delete_objects};
pub use engine::{Failure, Outcome, Progression};
pub use error::MediaError;
pub use fate::Fate;
pub use index::{Entry, Index};
pub use keys::{KeyProblem, Refused, refuse_for_copy, refuse_for_disk, refuse_local};
pub use listing::{Listing, list};
pub use local::{Folder, LocalFile, Walk};
pub use pull::{Pulling, pull_objects};
pub use push::{Pushing, push_files};
pub use resume::Resumes;
pub use uploads::Uploads;
