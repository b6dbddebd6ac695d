//! The exit codes and hints of the modules' errors, a file for each layer whose errors they are.

mod adapters;
mod caches;
mod checks;
mod gitlab;
mod in_place;
mod media;
mod records;
mod restore;
mod runbook;
mod scrub;
mod search;
mod settings;

pub use adapters::UNSET_ACL;
pub use restore::{STALLED, backup_at};
pub use scrub::{backup_file, personal_data, row_json, rows_in_words};
