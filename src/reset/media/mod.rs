//! Copies the source's media to staging's bucket, and deletes the matching rendition rows.

mod copy;
mod left;
mod left_behind;
mod renditions;

pub use copy::{CopyMedia, JOBS, MediaNumbers, media_numbers, why_nothing_is_copied};
pub use left::MediaLeft;
pub use left_behind::{NotCopied, media_left_behind};
pub use renditions::Renditions;
