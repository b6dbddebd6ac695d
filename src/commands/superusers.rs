//! Gives Django's superusers of the local database a password.

use std::num::NonZeroU32;

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::{pbkdf2, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio_postgres::Row;

use crate::adapters::postgres::{PostgresError, Session};
use crate::failure::{CommandError, FailureKind};
use crate::schema::quote_identifier;
use crate::secret::Secret;

/// Django 4.2's own number of rounds. Every version accepts other numbers.
const ITERATIONS: NonZeroU32 = match NonZeroU32::new(600_000) {
    Some(iterations) => iterations,
    None => NonZeroU32::MIN,
};

/// Holds the password where there is no terminal to ask on.
pub const VARIABLE: &str = "BCOPS_LOCAL_PASSWORD";

/// The usernames of those who can log in, in order. A user without `is_active` counts as active.
pub async fn names(session: &Session, users_table: &str) -> Result<Vec<String>, PostgresError> {
    let sql = format!(
        "SELECT username::text FROM public.{} AS one WHERE is_superuser \
         AND username IS NOT NULL AND coalesce((pg_catalog.to_jsonb(one)->>'is_active')::boolean, true)",
        quote_identifier(users_table)
    );
    Ok(first_column(&session.query(&sql, &[]).await?)?)
}

fn first_column(rows: &[Row]) -> Result<Vec<String>, tokio_postgres::Error> {
    let mut names: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    names.sort();
    Ok(names)
}

/// Sets the password of one superuser, or of all. Returns their names, in order.
pub async fn set_password(
    session: &Session,
    users_table: &str,
    only: Option<&str>,
    password: &Secret,
) -> Result<Vec<String>, CommandError> {
    let hash = django_hash(password.expose(), &salt()?);
    let sql = format!(
        "UPDATE public.{} SET password = $1 WHERE is_superuser AND username IS NOT NULL \
         AND ($2::text IS NULL OR username::text = $2) RETURNING username::text",
        quote_identifier(users_table)
    );
    let changed = session.query(&sql, &[&hash, &only]).await;
    changed.and_then(|rows| first_column(&rows)).map_err(|error| {
        let text = format!("cannot set a password in {users_table}");
        CommandError::new(FailureKind::Unexpected, text)
            .with_cause(PostgresError::Server(error))
            .hint("set local.users_table in bcops.toml to the table of Django's users")
    })
}

/// Without characters that look alike. 32 of them, so that each byte gives one without a bias.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnopqrstuvwxyz23456789";

/// A new password of 80 random bits, in groups that can be read aloud.
pub fn generated() -> Result<Secret, CommandError> {
    let letters: Vec<char> = random::<16>()?
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)))
        .map(|letter| char::from(*letter))
        .collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    // It is printed once: a registered secret would be taken out of that line.
    Ok(Secret::hidden(groups.join("-")))
}

fn salt() -> Result<String, CommandError> {
    Ok(random::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn random<const N: usize>() -> Result<[u8; N], CommandError> {
    let mut bytes = [0u8; N];
    rand::SystemRandom::new().fill(&mut bytes).map_err(|_| {
        let text = "cannot make a password: this machine gives no random numbers";
        CommandError::new(FailureKind::Unexpected, text)
    })?;
    Ok(bytes)
}

/// Django's `pbkdf2_sha256$iterations$salt$hash`.
fn django_hash(password: &str, salt: &str) -> String {
    let mut key = [0u8; 32];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        ITERATIONS,
        salt.as_bytes(),
        password.as_bytes(),
        &mut key,
    );
    format!("pbkdf2_sha256${ITERATIONS}${salt}${}", STANDARD.encode(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_what_django_computes() {
        // What Django's PBKDF2PasswordHasher encodes for these values.
        assert_eq!(
            django_hash("lètmein", "seasalt"),
            "pbkdf2_sha256$600000$seasalt$OAXyhAQ/4ZDA9V5RMExt3C1OwQdUpLZ99vm1McFlLRA="
        );
    }

    #[test]
    fn generated_passwords_are_long_and_different() {
        let [one, other] = [(), ()].map(|()| generated().expect("random numbers"));
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose().len(), 19);
        let is_known = |one: char| one == '-' || ALPHABET.contains(&(one as u8));
        assert!(one.expose().chars().all(is_known), "{}", one.expose());
    }
}
