//! Marks databases that were loaded without a scrub, so that a later command knows them again.
//!
//! The mark is the comment of the database itself. It survives a rename, a restart and the loss of
//! every file of this machine's user.

use crate::adapters::postgres::{PostgresError, Session, quote_literal};
use crate::schema::quote_identifier;

/// What the comment of such a database begins with.
const MARK: &str = "bcops: holds personal data, loaded without a scrub";

pub(super) async fn mark(session: &Session, database: &str) -> Result<(), PostgresError> {
    let statement =
        format!("COMMENT ON DATABASE {} IS {}", quote_identifier(database), quote_literal(MARK));
    Ok(session.batch_execute(&statement).await?)
}

pub(super) async fn is_marked(session: &Session, database: &str) -> Result<bool, PostgresError> {
    let statement = "SELECT coalesce(pg_catalog.left(\
                     pg_catalog.shobj_description(oid, 'pg_database'), pg_catalog.length($2)), '') \
                     = $2 FROM pg_catalog.pg_database WHERE datname = $1";
    let row = session.query_opt(statement, &[&database, &MARK]).await?;
    Ok(row.is_some_and(|row| row.get(0)))
}

/// The part of a database's comment that is the user's own, if there is one.
pub(super) fn own_comment(comment: &str) -> Option<&str> {
    let own = comment.strip_prefix(MARK).map_or(comment, |rest| rest.trim_start_matches('\n'));
    (!own.is_empty()).then_some(own)
}

/// A comment of the user's behind the mark.
pub(super) fn marked_comment(own: &str) -> String {
    format!("{MARK}\n{own}")
}

/// Takes the mark off the database of this session, which was scrubbed. The user's own comment stays.
pub async fn unmark_own(session: &Session) -> Result<(), PostgresError> {
    let statement = "SELECT datname::text, pg_catalog.shobj_description(oid, 'pg_database') \
                     FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
    let row = session.query_one(statement, &[]).await?;
    let (name, comment): (&str, Option<&str>) = (row.get(0), row.get(1));
    let Some(comment) = comment.filter(|comment| comment.starts_with(MARK)) else { return Ok(()) };
    let own = own_comment(comment).map_or_else(|| "NULL".to_owned(), quote_literal);
    let statement = format!("COMMENT ON DATABASE {} IS {own}", quote_identifier(name));
    session.batch_execute(&statement).await?;
    Ok(())
}

/// What tells the server from others: its own identifier, or its address where this role may not
/// ask for it.
pub(super) async fn server_identifier(
    session: &Session,
    place: &str,
) -> Result<String, PostgresError> {
    let statement = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()";
    match session.query_one(statement, &[]).await {
        Ok(row) => Ok(row.get(0)),
        Err(error) if error.as_db_error().is_some() => Ok(place.to_owned()),
        Err(error) => Err(error.into()),
    }
}

/// A database by what stays the same when it is renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The server's own identifier, or its address where it does not say.
    pub server: String,
    pub oid: u32,
}

impl Identity {
    /// The database that this session is in.
    ///
    /// # Errors
    ///
    /// When the server cannot be asked.
    pub async fn own(session: &Session, place: &str) -> Result<Identity, PostgresError> {
        let server = server_identifier(session, place).await?;
        let statement =
            "SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
        Ok(Identity { server, oid: session.query_one(statement, &[]).await?.get(0) })
    }

    /// `None` where the server has no such database.
    pub(super) async fn of(
        session: &Session,
        place: &str,
        database: &str,
    ) -> Result<Option<Identity>, PostgresError> {
        let server = server_identifier(session, place).await?;
        let statement = "SELECT oid FROM pg_catalog.pg_database WHERE datname = $1";
        let row = session.query_opt(statement, &[&database]).await?;
        Ok(row.map(|row| Identity { server, oid: row.get(0) }))
    }
}
