//! Compares Postgres databases: takes a lock on the destination's, and looks for it from each
//! protected one.

use futures_util::future::join_all;
use tokio_postgres::error::SqlState;

use super::{Verdicts, within_patience, without_any};
use crate::adapters::postgres::{
    DatabaseFingerprint, DatabaseIdentity, DatabaseUrl, HeldLock, Sighting,
};
use crate::deployment::conclusion::Verdict;
use crate::deployment::known;
use crate::deployment::protected::ProtectedSide;
use crate::deployment::resources::Lead;
use crate::failure::CommandError;

/// The destination's database with a lock on it, or why it has no lock.
pub struct HeldDatabase {
    lock: Result<HeldLock, String>,
    /// The server refused the login, or has no database of this name.
    pub is_refused: bool,
}

impl HeldDatabase {
    pub async fn take(url: &DatabaseUrl) -> HeldDatabase {
        let mut is_refused = false;
        let lock = async {
            HeldLock::take(url).await.map_err(|error| {
                is_refused = error.code().is_some_and(is_refusal);
                with_causes(&error)
            })
        };
        let lock = within_patience(lock).await;
        HeldDatabase { lock, is_refused }
    }

    pub fn lock(&self) -> Option<&HeldLock> {
        self.lock.as_ref().ok()
    }

    pub async fn release(self) {
        if let Ok(lock) = self.lock {
            lock.release().await;
        }
    }
}

/// Whether the server answered that it has no such login or database.
fn is_refusal(code: &SqlState) -> bool {
    [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INVALID_CATALOG_NAME,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ]
    .contains(code)
}

/// Compares a database with those of every protected environment.
///
/// # Errors
/// If a setting cannot be read.
pub async fn database<'a>(
    url: &DatabaseUrl,
    held: &HeldDatabase,
    sides: &[ProtectedSide<'a>],
) -> Result<Verdicts<'a>, CommandError> {
    let identity = DatabaseIdentity::of(url);
    let verdicts = join_all(sides.iter().map(|side| async {
        let verdict = match known::database(side.environment, url)? {
            Some(entry) => Verdict::same(&entry),
            None => of_side(&identity, held, side).await,
        };
        Ok::<_, CommandError>((side.environment, verdict))
    }));
    let verdicts: Result<Verdicts<'a>, CommandError> = verdicts.await.into_iter().collect();
    let mut verdicts = verdicts?;
    // A lock that was not seen proves another database only if the lock was held the whole time.
    if let Err(reason) = still_held(held).await {
        for (_, verdict) in &mut verdicts {
            let has_one = sides.iter().any(|side| !side.resources.databases.is_empty());
            if *verdict == Verdict::Different && has_one {
                *verdict = Verdict::unknown(reason.clone());
            }
        }
    }
    Ok(verdicts)
}

/// Whether two URLs lead to one database, according to its server. No answer counts as no.
pub async fn is_one_database(one: &DatabaseUrl, other: &DatabaseUrl) -> bool {
    let held = HeldDatabase::take(one).await;
    let Some(lock) = held.lock() else { return false };
    let sighting = Sighting::of(other, lock.key()).await;
    held.release().await;
    sighting.is_ok_and(|sighting| sighting.is_here)
}

async fn still_held(held: &HeldDatabase) -> Result<(), String> {
    let Some(lock) = held.lock() else { return Ok(()) };
    match lock.is_held().await {
        Ok(true) => Ok(()),
        Ok(false) => Err("the destination's server dropped its lock".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn of_side(
    identity: &DatabaseIdentity,
    held: &HeldDatabase,
    side: &ProtectedSide<'_>,
) -> Verdict {
    let leads = &side.resources.databases;
    let known = &side.environment.known.databases;
    if leads.is_empty() {
        return without_any(side, "database", !known.is_empty());
    }
    // Several variables may have the same URL.
    let mut distinct: Vec<&Lead<DatabaseUrl>> = Vec::new();
    for lead in leads {
        let is_new = |other: &&Lead<DatabaseUrl>| match (&other.target, &lead.target) {
            (Ok(one), Ok(two)) => {
                (&one.host, one.port, &one.database, &one.user)
                    != (&two.host, two.port, &two.database, &two.user)
            }
            _ => true,
        };
        if let Ok(url) = &lead.target
            && identity.may_be(&DatabaseIdentity::of(url))
        {
            return Verdict::same(&lead.variable);
        }
        if distinct.iter().all(is_new) {
            distinct.push(lead);
        }
    }
    Verdict::of_all(join_all(distinct.into_iter().map(|lead| of_lead(held, side, lead))).await)
}

async fn of_lead(
    held: &HeldDatabase,
    side: &ProtectedSide<'_>,
    lead: &Lead<DatabaseUrl>,
) -> Verdict {
    let named = format!("{} of {}", lead.variable, side.environment.app.value);
    let lock = match &held.lock {
        Ok(lock) => lock,
        Err(reason) => {
            return Verdict::unknown(format!(
                "the destination's database does not answer: \
                                             {reason}"
            ));
        }
    };
    let url = match &lead.target {
        Ok(url) => url,
        Err(reason) => return Verdict::unknown(format!("{named} is not usable: {reason}")),
    };
    let looking =
        async { Sighting::of(url, lock.key()).await.map_err(|error| with_causes(&error)) };
    match within_patience(looking).await {
        Ok(sighting) => judge(&lock.fingerprint, &sighting, &lead.variable, &named),
        Err(reason) => Verdict::unknown(format!("cannot ask {named}: {reason}")),
    }
}

/// Decides from what was seen. A primary shows every lock in its server. A follower shows only its
/// own locks, so only the identifiers count there.
fn judge(own: &DatabaseFingerprint, sighting: &Sighting, variable: &str, named: &str) -> Verdict {
    if sighting.is_here {
        return Verdict::same(variable);
    }
    if sighting.is_in_server {
        return Verdict::Different;
    }
    if !sighting.fingerprint.is_follower && !own.is_follower {
        return Verdict::Different;
    }
    match own.is_of_one_line_with(&sighting.fingerprint) {
        Some(true) => Verdict::same(variable),
        Some(false) => Verdict::Different,
        None => Verdict::unknown(format!(
            "{named} is a follower that does not report its system identifier"
        )),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(id: Option<&str>, oid: u32, is_follower: bool) -> DatabaseFingerprint {
        DatabaseFingerprint { system_identifier: id.map(str::to_owned), oid, is_follower }
    }

    fn judged(
        own: DatabaseFingerprint,
        theirs: DatabaseFingerprint,
        seen: (bool, bool),
    ) -> Verdict {
        let sighting = Sighting { fingerprint: theirs, is_here: seen.0, is_in_server: seen.1 };
        judge(&own, &sighting, "DATABASE_URL", "DATABASE_URL of app")
    }

    #[test]
    fn a_fork_is_another_database_and_a_follower_is_the_same_one() {
        let primary = |id| fingerprint(Some(id), 5, false);
        let follower = |id| fingerprint(id, 5, true);
        let same = Verdict::same("DATABASE_URL");
        // The lock is seen from the same database.
        assert_eq!(judged(primary("7"), primary("7"), (true, true)), same);
        // Another database of the same server.
        assert_eq!(
            judged(primary("7"), fingerprint(Some("7"), 6, false), (false, true)),
            Verdict::Different
        );
        // A fork has the same identifier and oid, and does not show the lock.
        assert_eq!(judged(primary("7"), primary("7"), (false, false)), Verdict::Different);
        assert_eq!(judged(primary("7"), follower(Some("7")), (false, false)), same);
        assert_eq!(judged(primary("7"), follower(Some("8")), (false, false)), Verdict::Different);
        assert!(matches!(
            judged(primary("7"), follower(None), (false, false)),
            Verdict::Unknown { .. }
        ));
        // The destination follows production.
        assert_eq!(judged(follower(Some("7")), primary("7"), (false, false)), same);
    }
}
