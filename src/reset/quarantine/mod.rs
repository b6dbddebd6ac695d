//! The quarantine: from before staging's database is touched until what is in it was verified,
//! nobody reaches staging and none of its processes run.
//!
//! Maintenance mode keeps visitors out, and no dyno runs that would work on rows that are not
//! verified. Schedulers start one-off dynos whatever the formation says, so that those are stopped
//! for as long as the quarantine stands.

mod dynos;
mod maintenance;
mod open;
mod quiet;
mod starters;
mod watch;

pub use dynos::Dynos;
pub use maintenance::Maintenance;
pub use open::Open;
pub use quiet::quiet;
pub use starters::Starters;
