//! Creates, renames and drops the local databases of a pull: the incoming, the current and the
//! previous one.
//!
//! A pull fills `NAME_bcops_incoming` and swaps it in by renames in one transaction, so `NAME` is
//! always either the complete old database or the complete new one. A killed run leaves only
//! databases whose names nothing else uses, and the next run drops them.

use std::time::{Duration, Instant};

use thiserror::Error;
use tokio_postgres::error::SqlState;

use crate::adapters::postgres::{DatabaseUrl, PostgresError, Session, connect};
use crate::schema::quote_identifier;

use super::placement::Placement;
use super::properties::{NotKept, Properties};
use super::unscrubbed::{self, Identity};
use crate::failure::{CommandError, FailureKind};

/// Postgres silently cuts off longer names.
const LONGEST_NAME: usize = 63;

/// How long to try for the lock. The server may still run the last statement of a killed bcops, and
/// keeps its lock until the statement ends.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Error)]
pub enum DatabaseError {
    #[error("cannot replace the database {database}: another bcops is replacing it now")]
    Locked { database: String },
    #[error("cannot use the database name {name}: with its suffix it exceeds {LONGEST_NAME} bytes")]
    NameTooLong { name: String },
    #[error("cannot undo the pull: there is no database {name}")]
    NothingToUndo { name: String },
    #[error("cannot drop the database {name}: there is no such database")]
    NothingToDrop { name: String },
    #[error("cannot rename or drop the database {name}: its sessions do not end")]
    InUse { name: String, source: PostgresError },
    #[error("cannot create a database on {place}: the role {role} lacks permission")]
    MayNotCreate { role: String, place: String },
    #[error("cannot rename the database {name}: the role {role} does not own it")]
    NotOwner { name: String, role: String },
    #[error("cannot drop the database {name} of an earlier pull: the role {role} does not own it")]
    NotOwnerOfRest { name: String, role: String },
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        DatabaseError::Postgres(PostgresError::Server(error))
    }
}

/// The names that databases of one target have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    pub current: String,
    pub previous: String,
    incoming: String,
    discarded: String,
    scratch: String,
}

impl Names {
    pub fn of(target: &str) -> Result<Names, DatabaseError> {
        let names = Names {
            current: target.to_owned(),
            previous: format!("{target}_previous"),
            incoming: format!("{target}_bcops_incoming"),
            discarded: format!("{target}_bcops_discarded"),
            scratch: format!("{target}_bcops_scratch"),
        };
        if names.discarded.len() > LONGEST_NAME {
            return Err(DatabaseError::NameTooLong { name: target.to_owned() });
        }
        Ok(names)
    }
}

/// The databases of one target that the server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    /// Size in bytes of the current database, if there is one.
    pub current: Option<u64>,
    pub previous: Option<u64>,
}

/// What failed around a swap that succeeded: the new database is in place.
#[derive(Debug)]
pub struct Swapped {
    pub not_kept: Vec<NotKept>,
    /// Why the replaced database could not be dropped. The next pull drops it.
    pub not_dropped: Option<DatabaseError>,
}

/// The target's server, locked against another bcops until this is dropped.
pub struct Databases {
    admin: Session,
    url: DatabaseUrl,
    names: Names,
}

impl Databases {
    /// Connects to the server's own database and takes the lock of this target.
    pub async fn lock(target: &DatabaseUrl) -> Result<Databases, DatabaseError> {
        let names = Names::of(&target.database)?;
        let admin = connect_to_maintenance(target).await?;
        let key = format!("bcops {}", names.current);
        let statement =
            "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended($1, 0))";
        let started = Instant::now();
        while !admin.query_one(statement, &[&key]).await?.get::<_, bool>(0) {
            if started.elapsed() >= LOCK_PATIENCE {
                return Err(DatabaseError::Locked { database: names.current });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(Databases { admin, url: target.clone(), names })
    }

    /// Host and port, for messages.
    pub fn place(&self) -> String {
        self.url.place()
    }

    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The session to the server's own database.
    pub fn session(&self) -> &Session {
        &self.admin
    }

    pub async fn existing(&self) -> Result<Existing, DatabaseError> {
        let rows = self
            .admin
            .query(
                "SELECT datname, pg_catalog.pg_database_size(oid) FROM pg_catalog.pg_database WHERE datname = ANY($1)",
                &[&[&self.names.current, &self.names.previous].map(String::as_str).as_slice()],
            )
            .await?;
        let size = |name: &str| {
            rows.iter()
                .find(|row| row.get::<_, &str>(0) == name)
                .and_then(|row| u64::try_from(row.get::<_, i64>(1)).ok())
        };
        Ok(Existing { current: size(&self.names.current), previous: size(&self.names.previous) })
    }

    /// Checks, before anything is fetched, that the role may create a database and rename the
    /// current and the previous one.
    pub async fn check_may_replace(&self) -> Result<(), DatabaseError> {
        let role = &self.url.user;
        let row = self
            .admin
            .query_one(
                "SELECT rolsuper OR rolcreatedb FROM pg_catalog.pg_roles WHERE rolname = current_user",
                &[],
            )
            .await?;
        if !row.get::<_, bool>(0) {
            return Err(DatabaseError::MayNotCreate {
                role: role.clone(),
                place: self.url.place(),
            });
        }
        let names = [self.names.current.as_str(), self.names.previous.as_str()];
        let foreign = self
            .admin
            .query(
                "SELECT datname::text FROM pg_catalog.pg_database \
                 WHERE datname = ANY($1) AND NOT pg_catalog.pg_has_role(datdba, 'USAGE')",
                &[&names.as_slice()],
            )
            .await?;
        match foreign.first() {
            None => Ok(()),
            Some(row) => Err(DatabaseError::NotOwner { name: row.get(0), role: role.clone() }),
        }
    }

    /// Drops what a killed run left, then creates an empty database to fill, with the tablespace
    /// and locale of the current one. Also returns which of these the server refused.
    pub async fn create_incoming(
        &self,
        encoding: &str,
    ) -> Result<(DatabaseUrl, Vec<NotKept>), DatabaseError> {
        self.drop_database(&self.names.incoming).await?;
        self.drop_database(&self.names.discarded).await?;
        self.drop_database(&self.names.scratch).await?;
        self.create_empty(&self.names.incoming, encoding).await
    }

    /// Creates a temporary empty database, after dropping one that a killed run left.
    pub async fn create_scratch(&self, encoding: &str) -> Result<DatabaseUrl, DatabaseError> {
        self.drop_scratch().await?;
        Ok(self.create_empty(&self.names.scratch, encoding).await?.0)
    }

    pub async fn drop_scratch(&self) -> Result<(), DatabaseError> {
        self.drop_database(&self.names.scratch).await
    }

    async fn create_empty(
        &self,
        name: &str,
        encoding: &str,
    ) -> Result<(DatabaseUrl, Vec<NotKept>), DatabaseError> {
        let encoding = if encoding == "SQL_ASCII" { encoding } else { "UTF8" };
        let current = &self.names.current;
        let placement = Placement::of(&self.admin, current).await?;
        let not_kept = placement.create(&self.admin, name, encoding, current).await?;
        Ok((self.url.with_database(name), not_kept))
    }

    /// Drops the half-filled database of this run.
    pub async fn drop_incoming(&self) -> Result<(), DatabaseError> {
        self.drop_database(&self.names.incoming).await
    }

    /// Makes the filled database the current one and gives it the current database's properties.
    /// The old current database becomes the previous one, or is dropped if `keep_previous` is
    /// false.
    ///
    /// Once this returns `Ok`, the new database is in its place.
    pub async fn swap_in(&self, keep_previous: bool) -> Result<Swapped, DatabaseError> {
        let Names { current, incoming, .. } = &self.names;
        let not_kept = match Properties::of(&self.admin, current).await? {
            Some(properties) => properties.give(&self.admin, incoming, current).await?,
            None => Vec::new(),
        };
        let existing = self.existing().await?;
        let mut renames = Vec::new();
        match (existing.current, keep_previous) {
            (Some(_), true) => {
                if existing.previous.is_some() {
                    renames.push((&self.names.previous, &self.names.discarded));
                }
                renames.push((&self.names.current, &self.names.previous));
            }
            (Some(_), false) => renames.push((&self.names.current, &self.names.discarded)),
            (None, _) => {}
        }
        renames.push((&self.names.incoming, &self.names.current));
        self.rename(&renames).await?;
        let not_dropped = self.drop_database(&self.names.discarded).await.err();
        Ok(Swapped { not_kept, not_dropped })
    }

    /// Marks the new, empty database as one with unscrubbed rows, and returns its identity.
    pub async fn mark_incoming(&self) -> Result<Option<Identity>, DatabaseError> {
        unscrubbed::mark(&self.admin, &self.names.incoming).await?;
        Ok(Identity::of(&self.admin, &self.url.place(), &self.names.incoming).await?)
    }

    /// Whether the database is marked as loaded without a scrub, and its identity if it exists.
    pub async fn mark_of(&self, name: &str) -> Result<(bool, Option<Identity>), DatabaseError> {
        let identity = Identity::of(&self.admin, &self.url.place(), name).await?;
        Ok((unscrubbed::is_marked(&self.admin, name).await?, identity))
    }

    /// Which of these OIDs still belong to a database of the server.
    pub async fn existing_oids(&self, oids: &[u32]) -> Result<Vec<u32>, DatabaseError> {
        let statement = "SELECT oid FROM pg_catalog.pg_database WHERE oid = ANY($1)";
        let rows = self.admin.query(statement, &[&oids]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Drops the previous database.
    pub async fn drop_previous(&self) -> Result<(), DatabaseError> {
        self.drop_database(&self.names.previous).await
    }

    /// Swaps the current database and the previous one.
    pub async fn undo(&self) -> Result<(), DatabaseError> {
        let existing = self.existing().await?;
        if existing.previous.is_none() {
            return Err(DatabaseError::NothingToUndo { name: self.names.previous.clone() });
        }
        self.drop_database(&self.names.discarded).await?;
        let mut renames = Vec::new();
        if existing.current.is_some() {
            renames.push((&self.names.current, &self.names.discarded));
        }
        renames.push((&self.names.previous, &self.names.current));
        if existing.current.is_some() {
            renames.push((&self.names.discarded, &self.names.previous));
        }
        self.rename(&renames).await
    }

    /// Makes all renames in one transaction. A database in use cannot be renamed, so bcops ends its
    /// sessions first. An application may reconnect at once, so bcops tries this 20 times.
    async fn rename(&self, renames: &[(&String, &String)]) -> Result<(), DatabaseError> {
        let mut transaction = "BEGIN;\n".to_owned();
        for (from, to) in renames {
            let (from, to) = (quote_identifier(from), quote_identifier(to));
            transaction.push_str(&format!("ALTER DATABASE {from} RENAME TO {to};\n"));
        }
        // The load did not wait for the disk. This commit does, for itself and for everything
        // written before it.
        transaction.push_str("COMMIT");
        let mut attempts = 0;
        loop {
            for (from, _) in renames {
                self.end_sessions(from).await?;
            }
            let Err(error) = self.admin.batch_execute(&transaction).await else { return Ok(()) };
            self.admin.batch_execute("ROLLBACK").await?;
            let in_use = error.code() == Some(&SqlState::OBJECT_IN_USE);
            attempts += 1;
            if !in_use || attempts == 20 {
                let name = self.names.current.clone();
                return Err(if in_use {
                    DatabaseError::InUse { name, source: error.into() }
                } else {
                    error.into()
                });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Clears the template flag, because a template cannot be dropped.
    async fn end_use_as_template(&self, name: &str) -> Result<(), DatabaseError> {
        let statement = "SELECT FROM pg_catalog.pg_database WHERE datname = $1 AND datistemplate";
        if self.admin.query_opt(statement, &[&name]).await?.is_some() {
            let sql = format!("ALTER DATABASE {} IS_TEMPLATE false", quote_identifier(name));
            self.admin.batch_execute(&sql).await?;
        }
        Ok(())
    }

    async fn end_sessions(&self, database: &str) -> Result<(), DatabaseError> {
        self.admin
            .execute(
                // Ending a session of another role would be an error, so those are filtered out.
                // Rename and drop end the server's own workers themselves.
                "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
                 WHERE datname = $1 AND pid <> pg_catalog.pg_backend_pid() \
                 AND backend_type = 'client backend' AND pg_catalog.pg_has_role(usesysid, 'MEMBER')",
                &[&database],
            )
            .await?;
        Ok(())
    }

    /// Ends the sessions, then drops: `DROP DATABASE … WITH (FORCE)` needs Postgres 13.
    async fn drop_database(&self, name: &str) -> Result<(), DatabaseError> {
        self.end_use_as_template(name).await?;
        let sql = format!("DROP DATABASE IF EXISTS {}", quote_identifier(name));
        let mut attempts = 0;
        loop {
            self.end_sessions(name).await?;
            let Err(error) = self.admin.batch_execute(&sql).await else { return Ok(()) };
            if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
                let (name, role) = (name.to_owned(), self.url.user.clone());
                return Err(DatabaseError::NotOwnerOfRest { name, role });
            }
            if error.code() != Some(&SqlState::OBJECT_IN_USE) {
                return Err(error.into());
            }
            attempts += 1;
            if attempts == 20 {
                return Err(DatabaseError::InUse { name: name.to_owned(), source: error.into() });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Nearly every server has the database `postgres`, and every server has `template1`.
async fn connect_to_maintenance(target: &DatabaseUrl) -> Result<Session, PostgresError> {
    match connect(&target.with_database("postgres")).await {
        Err(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => {
            connect(&target.with_database("template1")).await
        }
        other => other,
    }
}

impl From<DatabaseError> for CommandError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Postgres(error) => error.into(),
            DatabaseError::Locked { .. } => CommandError::wrap(FailureKind::Locked, error)
                .hint("wait until the other bcops ends, then run the command again"),
            DatabaseError::NameTooLong { .. } => {
                CommandError::wrap(FailureKind::Configuration, error)
                    .hint("choose a shorter name with --target")
            }
            DatabaseError::NothingToUndo { .. } | DatabaseError::NothingToDrop { .. } => {
                CommandError::wrap(FailureKind::Refused, error)
                    .hint("list the databases of your server: psql --list")
            }
            DatabaseError::NotOwner { ref name, ref role } => {
                let (name, role) = (quote_identifier(name), quote_identifier(role));
                let hint = format!("as a superuser: ALTER DATABASE {name} OWNER TO {role}");
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
            DatabaseError::NotOwnerOfRest { ref name, .. } => {
                let hint = format!("as a superuser: DROP DATABASE {}", quote_identifier(name));
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
            DatabaseError::InUse { .. } => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("stop what uses the database (runserver, psql), then run the command again"),
            DatabaseError::MayNotCreate { ref role, .. } => {
                let hint =
                    format!("as a superuser: ALTER ROLE {} CREATEDB", quote_identifier(role));
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_be_cut_off_are_refused() {
        assert_eq!(Names::of("bc").unwrap().previous, "bc_previous");
        assert!(Names::of(&"x".repeat(47)).is_ok());
        assert!(Names::of(&"x".repeat(48)).is_err());
    }
}
