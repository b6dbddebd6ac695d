//! Everything that must exist before the first row: schemas, types, tables, functions, views.

use crate::adapters::postgres::{PostgresError, Session, quote_literal};
use crate::archive::{TocEntry, virtual_columns};
use crate::schema::quote_identifier;

use super::extensions::{ExtensionPlan, schema_of};
use super::{RestoreError, RestorePlan};

/// Runs the pre-data entries in one transaction. Returns what was left out, for the user.
pub async fn run(
    session: &Session,
    plan: &RestorePlan,
    extensions: &ExtensionPlan,
) -> Result<Vec<String>, RestoreError> {
    let version =
        session.query_one("SELECT current_setting('server_version_num')::int4", &[]).await?;
    let mut creator = Creator {
        session,
        extensions,
        access_method: "heap".to_owned(),
        has_virtual_columns: version.get::<_, i32>(0).unsigned_abs()
            >= virtual_columns::KNOWN_SINCE,
        notes: Vec::new(),
    };
    session.batch_execute("BEGIN").await?;
    for entry in plan.pre_data.iter().filter_map(|index| plan.entry(*index)) {
        creator.create(entry, &plan.statement(entry)).await?;
    }
    session.batch_execute("COMMIT").await?;
    Ok(creator.notes)
}

struct Creator<'a> {
    session: &'a Session,
    extensions: &'a ExtensionPlan,
    access_method: String,
    has_virtual_columns: bool,
    notes: Vec<String>,
}

impl Creator<'_> {
    async fn create(&mut self, entry: &TocEntry, definition: &str) -> Result<(), RestoreError> {
        match entry.entry_type.as_str() {
            "EXTENSION" => self.extension(entry, definition).await,
            "COMMENT" => self.comment(entry, definition).await,
            "SCHEMA" => self.schema(entry, definition).await,
            "BLOB METADATA" => {
                self.large_objects(entry, entry.definition.as_deref().unwrap_or_default()).await
            }
            "TABLE" if !self.has_virtual_columns => {
                self.use_access_method(entry).await?;
                let Some(stored) = virtual_columns::as_stored(definition) else {
                    return self.execute(entry, definition).await;
                };
                self.notes.push(format!(
                    "the virtual columns of {} are stored ones here: this server knows no others",
                    entry.tag
                ));
                self.execute(entry, &stored).await
            }
            _ => {
                self.use_access_method(entry).await?;
                self.execute(entry, definition).await
            }
        }
    }

    async fn execute(&self, entry: &TocEntry, sql: &str) -> Result<(), RestoreError> {
        self.session.batch_execute(sql).await.map_err(|error| RestoreError::Statement {
            entry: entry.describe(),
            source: PostgresError::Server(error),
        })
    }

    /// Heroku kept extensions in a schema of their own for a year, and archives of such databases
    /// name that schema without creating it.
    async fn extension(&mut self, entry: &TocEntry, definition: &str) -> Result<(), RestoreError> {
        if self.extensions.left_out.contains(&entry.tag) {
            self.notes.push(format!(
                "the extension {} was left out: this server or role cannot create it, and no data needs it",
                entry.tag
            ));
            return Ok(());
        }
        if let Some(schema) = schema_of(definition)
            && !schema_exists(self.session, &schema).await?
        {
            let create = format!("CREATE SCHEMA {}", quote_identifier(&schema));
            self.execute(entry, &create).await?;
        }
        self.execute(entry, definition).await
    }

    /// A schema may be there already: made for an extension, or by Heroku in each of its databases.
    async fn schema(&self, entry: &TocEntry, definition: &str) -> Result<(), RestoreError> {
        if schema_exists(self.session, &entry.tag).await? {
            return Ok(());
        }
        self.execute(entry, definition).await
    }

    /// Comments on things that the role may not own are tried and, if refused, done without.
    /// Whoever could not create a schema does not own it either.
    async fn comment(&mut self, entry: &TocEntry, definition: &str) -> Result<(), RestoreError> {
        let extension = entry.tag.strip_prefix("EXTENSION ");
        if extension.is_some_and(|name| self.extensions.left_out.contains(name.trim_matches('"'))) {
            return Ok(());
        }
        if extension.is_none() && !entry.tag.starts_with("SCHEMA ") {
            return self.execute(entry, definition).await;
        }
        self.session.batch_execute("SAVEPOINT comment").await?;
        if self.execute(entry, definition).await.is_err() {
            self.session.batch_execute("ROLLBACK TO SAVEPOINT comment").await?;
            self.notes.push(format!(
                "the comment on {} was left out: this role may not set it",
                entry.tag
            ));
        }
        self.session.batch_execute("RELEASE SAVEPOINT comment").await?;
        Ok(())
    }

    /// Since pg_dump 17 the definition is a list of OIDs, one a line, and not SQL.
    async fn large_objects(&self, entry: &TocEntry, definition: &str) -> Result<(), RestoreError> {
        for line in definition.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let sql = format!("SELECT pg_catalog.lo_create({})", quote_literal(line));
            self.execute(entry, &sql).await?;
        }
        Ok(())
    }

    async fn use_access_method(&mut self, entry: &TocEntry) -> Result<(), RestoreError> {
        match entry.table_access_method.as_deref() {
            Some(method) if !method.is_empty() && method != self.access_method => {
                let sql = format!("SET default_table_access_method = {}", quote_identifier(method));
                self.execute(entry, &sql).await?;
                self.access_method = method.to_owned();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Asked first, because `IF NOT EXISTS` wants the right to create schemas even where there is one.
pub async fn schema_exists(session: &Session, name: &str) -> Result<bool, RestoreError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)";
    Ok(session.query_one(sql, &[&name]).await?.get(0))
}
