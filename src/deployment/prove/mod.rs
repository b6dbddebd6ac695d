//! Compares one resource of the destination with every protected environment: first by names, then
//! by asking the servers. Nothing is written on either side.

mod bucket;
mod database;
mod redis;
mod search;
mod zone;

use std::time::Duration;

pub use bucket::bucket;
pub use database::{HeldDatabase, database, is_one_database};
pub use redis::{redis, run_id};
pub use search::{ask_cluster, cluster};
pub use zone::zone;

use super::conclusion::Verdict;
use super::protected::ProtectedSide;
use crate::settings::Environment;

/// The verdict on each protected environment.
pub type Verdicts<'a> = Vec<(&'a Environment, Verdict)>;

/// How long one server of a protected environment may take. Its answer is not needed if Heroku
/// confirms that the resource belongs to the destination.
const PATIENCE: Duration = Duration::from_secs(10);

/// The verdict if an environment has no such resource to compare with. It is `Different` if its
/// config vars could be read or trusted configuration names its resources, and `Unknown` otherwise.
fn without_any(side: &ProtectedSide<'_>, what: &str, is_known: bool) -> Verdict {
    match &side.unread {
        None => Verdict::Different,
        Some(_) if is_known => Verdict::Different,
        Some(reason) => Verdict::unknown(format!(
            "the {what} of {} is not known: {reason}",
            side.environment.name
        )),
    }
}

/// Runs a comparison with a time limit.
async fn within_patience<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}
