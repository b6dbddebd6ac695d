//! Closes staging: from before its database is changed until the new one is verified, no visitor
//! reaches staging and none of its processes are running.
//!
//! Maintenance mode keeps visitors out, and no dynos work on rows that are not verified. Schedulers
//! start one-off dynos even at zero dynos, so these are stopped during the quarantine.

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
