//! Marks databases that were loaded without a scrub, so that a later command recognises them.
//!
//! The mark is the comment of the database itself. It survives a rename, a restart, and the loss of
//! all of the user's files.

use crate::adapters::postgres::{PostgresError, Session, quote_literal};
use crate::schema::quote_identifier;

/// The beginning of such a database's comment.
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

/// The user's own part of a database's comment, if there is one.
pub(super) fn own_comment(comment: &str) -> Option<&str> {
    let own = comment.strip_prefix(MARK).map_or(comment, |rest| rest.trim_start_matches('\n'));
    (!own.is_empty()).then_some(own)
}

/// The mark, followed by the user's own comment.
pub(super) fn marked_comment(own: &str) -> String {
    format!("{MARK}\n{own}")
}

/// Removes the mark from this session's database, which was scrubbed. The user's own comment stays.
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

/// Identifies the server: by its system identifier, or by its address if this role lacks permission
/// to read that.
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

/// Identifies a database independently of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The server's system identifier, or its address if the role cannot read that.
    pub server: String,
    pub oid: u32,
}

impl Identity {
    /// The database of this session.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn own(session: &Session, place: &str) -> Result<Identity, PostgresError> {
        let server = server_identifier(session, place).await?;
        let statement =
            "SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
        Ok(Identity { server, oid: session.query_one(statement, &[]).await?.get(0) })
    }

    /// `None` if the server has no such database.
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
