//! `--set-password`: a password for the superusers of the local copy, so that a developer can log
//! in although every password was made unusable.

use std::num::NonZeroU32;

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::{pbkdf2, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::adapters::postgres::{DatabaseUrl, connect};
use crate::cli::PullDataArgs;
use crate::commands::Context;
use crate::commands::confirm::no_terminal;
use crate::failure::{CommandError, FailureKind};
use crate::schema::quote_identifier;
use crate::secret::Secret;
use crate::ui::Answer;

/// Django 4.2's own number of rounds. Other numbers are accepted by every version.
const ITERATIONS: NonZeroU32 = match NonZeroU32::new(600_000) {
    Some(iterations) => iterations,
    None => NonZeroU32::MIN,
};

const VARIABLE: &str = "BCOPS_LOCAL_PASSWORD";

pub struct LocalPassword(Secret);

/// Asks before the work begins, so that nobody has to wait for the question.
pub fn ask(context: &Context, args: &PullDataArgs) -> Result<Option<LocalPassword>, CommandError> {
    if !args.set_password || args.dry_run {
        return Ok(None);
    }
    if let Some(password) = context.variable(VARIABLE).filter(|password| !password.is_empty()) {
        return Ok(Some(LocalPassword(Secret::new(password))));
    }
    let prompter = context.ui.prompter();
    let question = "A password for the superusers of the local copy";
    match tokio::task::block_in_place(|| prompter.new_password(question)) {
        Answer::Given(password) => Ok(Some(LocalPassword(password))),
        Answer::Declined => Err(CommandError::new(
            FailureKind::NotConfirmed,
            "no password was given; nothing was changed",
        )),
        Answer::CannotAsk => {
            Err(no_terminal("--set-password needs a password").hint(format!("set {VARIABLE}")))
        }
    }
}

impl LocalPassword {
    /// Gives it to every superuser. Returns their names, in order.
    pub async fn give(
        &self,
        database: &DatabaseUrl,
        users_table: &str,
    ) -> Result<Vec<String>, CommandError> {
        let fail = |error: tokio_postgres::Error| {
            CommandError::new(
                FailureKind::Unexpected,
                format!("the password could not be set in {users_table}"),
            )
            .with_cause(crate::adapters::postgres::PostgresError::Server(error))
            .hint("set local.users_table in bcops.toml to the table of Django's users")
        };
        let session = connect(database).await?;
        let hash = django_hash(self.0.expose(), &salt()?);
        let sql = format!(
            "UPDATE public.{} SET password = $1 WHERE is_superuser RETURNING username::text",
            quote_identifier(users_table)
        );
        let rows = session.query(&sql, &[&hash]).await.map_err(fail)?;
        let mut names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        names.sort();
        session.close().await;
        Ok(names)
    }
}

fn salt() -> Result<String, CommandError> {
    let mut bytes = [0u8; 16];
    rand::SystemRandom::new().fill(&mut bytes).map_err(|_| {
        CommandError::new(
            FailureKind::Unexpected,
            "this machine gives no random numbers for a password",
        )
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
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
}
