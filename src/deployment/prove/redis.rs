//! Compares Redis servers by `run_id`, which each server chooses when it starts.

use futures_util::future::join_all;

use super::{Verdicts, within_patience, without_any};
use crate::adapters::redis::{Redis, RedisUrl};
use crate::deployment::conclusion::Verdict;
use crate::deployment::known;
use crate::deployment::protected::ProtectedSide;
use crate::failure::CommandError;

/// Compares a server with all servers of every protected environment, whichever variable names
/// them. `own` is its [`run_id`].
///
/// # Errors
/// If a setting cannot be read.
pub async fn redis<'a>(
    url: &RedisUrl,
    own: &Result<String, String>,
    sides: &[ProtectedSide<'a>],
) -> Result<Verdicts<'a>, CommandError> {
    let verdicts = join_all(sides.iter().map(|side| async {
        let verdict = match known::redis(side.environment, url)? {
            Some(entry) => Verdict::same(&entry),
            None => of_side(url, own, side).await,
        };
        Ok::<_, CommandError>((side.environment, verdict))
    }));
    verdicts.await.into_iter().collect()
}

/// The identity of a server until its next start.
pub async fn run_id(url: &RedisUrl) -> Result<String, String> {
    let asking = async {
        let mut session = Redis::connect(url).await.map_err(|error| error.to_string())?;
        session.run_id().await.map_err(|error| error.to_string())
    };
    within_patience(asking).await
}

async fn of_side(
    url: &RedisUrl,
    own: &Result<String, String>,
    side: &ProtectedSide<'_>,
) -> Verdict {
    let leads = &side.resources.redis;
    if leads.is_empty() {
        return without_any(side, "Redis", !side.environment.known.redis.is_empty());
    }
    Verdict::of_all(
        join_all(leads.iter().map(|lead| async {
            let named = format!("{} of {}", lead.variable, side.environment.app.value);
            let theirs = match &lead.target {
                Ok(theirs) if url.may_be(theirs) => return Verdict::same(&lead.variable),
                Ok(theirs) => theirs,
                Err(reason) => {
                    return Verdict::unknown(format!("{named} is not usable: {reason}"));
                }
            };
            match (own, run_id(theirs).await) {
                (Ok(own), Ok(theirs)) if *own == theirs => Verdict::same(&lead.variable),
                (Ok(_), Ok(_)) => Verdict::Different,
                (Err(reason), _) => Verdict::unknown(format!(
                    "the destination's Redis does not report its identity: {reason}"
                )),
                (_, Err(reason)) => {
                    Verdict::unknown(format!("{named} does not report its identity: {reason}"))
                }
            }
        }))
        .await,
    )
}
