//! Creates everything that must exist before the first row: schemas, types, tables, functions,
//! views.
//!
//! Statements are sent in batches, each its own transaction. One transaction that creates thousands
//! of tables would need more locks than a server has, and one per statement would cost a round trip
//! each.

use crate::adapters::postgres::{PostgresError, Session, quote_literal};
use crate::archive::{TocEntry, virtual_columns};
use crate::schema::quote_identifier;

use super::extensions::{ExtensionPlan, schema_of};
use super::statements::{self, Deferred};
use super::{RestoreError, RestorePlan};

/// Entries in one batch. A table takes about six locks with its indexes and types, and the smallest
/// servers have room for a few hundred.
const BATCH_ENTRIES: usize = 40;

/// Bytes of SQL in one batch.
const BATCH_BYTES: usize = 256 << 10;

/// What happened to the entries.
#[derive(Debug, Default)]
pub struct PreData {
    /// What was skipped or done differently, to be shown to the user.
    pub notes: Vec<String>,
    /// Entries that failed and hold no rows. They are tried again once all others exist.
    pub deferred: Vec<Deferred>,
}

/// Runs the pre-data entries in the order of the TOC.
///
/// # Errors
///
/// The first failed entry that rows need. Objects created before it stay.
pub async fn run(
    session: &Session,
    plan: &RestorePlan,
    extensions: &ExtensionPlan,
) -> Result<PreData, RestoreError> {
    let server = Server::ask(session).await?;
    let mut creator = Creator {
        session,
        plan,
        extensions,
        server,
        batch: Vec::new(),
        batch_bytes: 0,
        result: PreData::default(),
    };
    for index in plan.pre_data.iter().copied() {
        creator.create(index).await?;
    }
    creator.send_batch().await?;
    let PreData { notes, deferred } = creator.result;
    let deferred = statements::try_again(session, plan, deferred).await?;
    let (wait, fail) = split(plan, deferred);
    match fail.into_iter().next() {
        Some(first) => Err(first.into_failure(plan)),
        None => Ok(PreData { notes, deferred: wait }),
    }
}

/// Splits the failed entries into those that can wait until the rows are loaded, and the others.
fn split(plan: &RestorePlan, deferred: Vec<Deferred>) -> (Vec<Deferred>, Vec<Deferred>) {
    deferred.into_iter().partition(|one| one.can_wait(plan))
}

/// What the SQL of an entry must be adapted to on this server.
struct Server {
    has_virtual_columns: bool,
    access_method: String,
}

impl Server {
    async fn ask(session: &Session) -> Result<Server, RestoreError> {
        let sql = "SELECT pg_catalog.current_setting('server_version_num')::int4, coalesce( \
                   pg_catalog.current_setting('default_table_access_method', true), 'heap')";
        let row = session.query_one(sql, &[]).await?;
        Ok(Server {
            has_virtual_columns: row.get::<_, i32>(0).unsigned_abs()
                >= virtual_columns::KNOWN_SINCE,
            access_method: row.get(1),
        })
    }
}

struct Creator<'a> {
    session: &'a Session,
    plan: &'a RestorePlan,
    extensions: &'a ExtensionPlan,
    server: Server,
    batch: Vec<(usize, String)>,
    batch_bytes: usize,
    result: PreData,
}

impl Creator<'_> {
    async fn create(&mut self, index: usize) -> Result<(), RestoreError> {
        let Some(entry) = self.plan.entry(index) else { return Err(RestoreError::PartEnded) };
        let definition = self.plan.statement(entry);
        match entry.entry_type.as_str() {
            "EXTENSION" => {
                self.send_batch().await?;
                self.extension(entry, &definition).await
            }
            "COMMENT" if is_on_what_the_role_may_not_own(entry) => {
                self.send_batch().await?;
                self.comment(entry, &definition).await
            }
            "SCHEMA" => {
                self.send_batch().await?;
                self.schema(entry, &definition).await
            }
            "BLOB METADATA" => {
                let definition = entry.definition.as_deref().unwrap_or_default();
                self.add(index, large_objects(definition)).await
            }
            "TABLE" if !self.server.has_virtual_columns => {
                let stored = virtual_columns::as_stored(&definition);
                if stored.is_some() {
                    self.result.notes.push(format!(
                        "the virtual columns of {} became stored columns: this server has no \
                         virtual columns",
                        entry.tag
                    ));
                }
                let sql = stored.unwrap_or_else(|| definition.into_owned());
                self.add(index, self.with_access_method(entry, sql)).await
            }
            _ => self.add(index, self.with_access_method(entry, definition.into_owned())).await,
        }
    }

    async fn add(&mut self, index: usize, sql: String) -> Result<(), RestoreError> {
        self.batch_bytes += sql.len();
        self.batch.push((index, sql));
        if self.batch.len() >= BATCH_ENTRIES || self.batch_bytes >= BATCH_BYTES {
            self.send_batch().await?;
        }
        Ok(())
    }

    /// Sends the batch. A batch that fails changes nothing, and its statements then run one by one.
    async fn send_batch(&mut self) -> Result<(), RestoreError> {
        self.batch_bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.len() > 1 {
            // The newline ends a comment at the end of a definition.
            let sql: Vec<&str> = batch.iter().map(|(_, sql)| sql.as_str()).collect();
            if self.session.batch_execute(&sql.join("\n;")).await.is_ok() {
                return Ok(());
            }
        }
        for (index, sql) in batch {
            let deferred = statements::execute_sql(self.session, self.plan, index, &sql).await?;
            self.result.deferred.extend(deferred);
        }
        Ok(())
    }

    async fn execute(&self, entry: &TocEntry, sql: &str) -> Result<(), RestoreError> {
        self.session.batch_execute(sql).await.map_err(|error| RestoreError::Statement {
            entry: entry.describe(),
            source: PostgresError::Server(error),
        })
    }

    /// Creates an extension and, if needed, its schema. Heroku kept extensions in a separate schema
    /// for a year, and archives of such databases name that schema without creating it.
    async fn extension(&mut self, entry: &TocEntry, definition: &str) -> Result<(), RestoreError> {
        if let Some(schema) = schema_of(definition)
            && !schema_exists(self.session, &schema).await?
        {
            let create = format!("CREATE SCHEMA {}", quote_identifier(&schema));
            self.execute(entry, &create).await?;
        }
        self.execute(entry, definition).await
    }

    /// Creates a schema unless it exists: an extension or Heroku may have created it.
    async fn schema(&self, entry: &TocEntry, definition: &str) -> Result<(), RestoreError> {
        if schema_exists(self.session, &entry.tag).await? {
            return Ok(());
        }
        self.execute(entry, definition).await
    }

    /// Tries a comment on an object that the role may not own, and skips the comment if the server
    /// refuses it.
    async fn comment(&mut self, entry: &TocEntry, definition: &str) -> Result<(), RestoreError> {
        let extension = entry.tag.strip_prefix("EXTENSION ");
        let is_skipped = |name: &str| self.extensions.skipped.contains(name.trim_matches('"'));
        if extension.is_some_and(is_skipped) {
            return Ok(());
        }
        if self.execute(entry, definition).await.is_err() {
            let note = format!("skipped: the comment on {}; this role lacks permission", entry.tag);
            self.result.notes.push(note);
        }
        Ok(())
    }

    /// Sets the access method for a table whose access method is not the server's default.
    fn with_access_method(&self, entry: &TocEntry, sql: String) -> String {
        let own = &self.server.access_method;
        match entry.table_access_method.as_deref() {
            Some(method) if !method.is_empty() && method != own => format!(
                "SET LOCAL default_table_access_method = {};\n{sql}\n;\
                 SET LOCAL default_table_access_method = {};",
                quote_identifier(method),
                quote_identifier(own)
            ),
            _ => sql,
        }
    }
}

fn is_on_what_the_role_may_not_own(entry: &TocEntry) -> bool {
    entry.tag.starts_with("EXTENSION ") || entry.tag.starts_with("SCHEMA ")
}

/// Since pg_dump 17 the definition is a list of OIDs, one per line, instead of SQL.
fn large_objects(definition: &str) -> String {
    definition
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| format!("SELECT pg_catalog.lo_create({});\n", quote_literal(line)))
        .collect()
}

/// Asked first, because `IF NOT EXISTS` needs the right to create schemas even if the schema
/// exists.
pub async fn schema_exists(session: &Session, name: &str) -> Result<bool, RestoreError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)";
    Ok(session.query_one(sql, &[&name]).await?.get(0))
}
