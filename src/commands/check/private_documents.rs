//! Reads which documents are private from the environment's database, in a read-only session.

use std::collections::HashSet;
use std::time::Duration;

use tokio_postgres::types::Type;

use crate::adapters::postgres::{PostgresError, Session, connect};
use crate::commands::Context;
use crate::failure::CommandError;
use crate::schema::quote_identifier;
use crate::settings::Environment;

/// A database that does not answer must not delay the sites.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// How many documents are read, the newest first: a file may be missing from the bucket.
const MOST: i64 = 30;

/// A document of a private collection.
pub struct PrivateDocument {
    pub id: i64,
    /// Its key in the bucket, below the storage's location.
    pub key: String,
}

/// The private documents that the database names.
pub struct PrivateDocuments {
    pub newest: Vec<PrivateDocument>,
    /// Which of the given names belong to private documents.
    pub among: HashSet<String>,
}

/// The newest private documents, and which of `names` are private; or why that is unknown.
pub async fn read(
    context: &Context,
    environment: &Environment,
    names: &[String],
) -> Result<PrivateDocuments, String> {
    match tokio::time::timeout(TIME_LIMIT, read_all(context, environment, names)).await {
        Ok(Ok(found)) => found.ok_or_else(|| "the database has no collections".to_owned()),
        Ok(Err(error)) => {
            let words = std::iter::once(error.to_string()).chain(error.causes());
            Err(words.collect::<Vec<_>>().join(": "))
        }
        Err(_) => Err(format!("no answer within {} s", TIME_LIMIT.as_secs())),
    }
}

async fn read_all(
    context: &Context,
    environment: &Environment,
    names: &[String],
) -> Result<Option<PrivateDocuments>, CommandError> {
    let reading = context.deployments().reading(environment).await?;
    let session = connect(&reading.values.database(environment)?).await?;
    let found = look(&session, names).await;
    session.close().await;
    Ok(found?)
}

async fn look(
    session: &Session,
    names: &[String],
) -> Result<Option<PrivateDocuments>, PostgresError> {
    session
        .batch_execute(
            "BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout = '15s'; \
             SET LOCAL lock_timeout = '5s'",
        )
        .await?;
    let there = session
        .query_one(
            "SELECT to_regclass('wagtailcore_collection') IS NOT NULL \
             AND to_regclass('wagtailcore_collectionviewrestriction') IS NOT NULL",
            &[],
        )
        .await?;
    if !there.get::<_, bool>(0) {
        return Ok(None);
    }
    let mut found = PrivateDocuments { newest: Vec::new(), among: HashSet::new() };
    for table in tables(session).await? {
        // A restriction also covers the collections below its own.
        let private = format!(
            "FROM {table} document \
             JOIN wagtailcore_collection own ON own.id = document.collection_id \
             WHERE EXISTS (SELECT FROM wagtailcore_collectionviewrestriction restriction \
             JOIN wagtailcore_collection above ON above.id = restriction.collection_id \
             WHERE left(own.path, length(above.path)) = above.path) \
             AND document.file <> ''"
        );
        let newest = format!(
            "SELECT document.id::bigint, document.file::text {private} \
             ORDER BY document.id DESC LIMIT $1"
        );
        let rows = session.query_typed(&newest, &[(&MOST, Type::INT8)]).await?;
        let documents = rows.iter().map(|row| PrivateDocument { id: row.get(0), key: row.get(1) });
        found.newest.extend(documents);
        let among =
            format!("SELECT document.file::text {private} AND document.file::text = ANY ($1)");
        let rows = session.query_typed(&among, &[(&names, Type::TEXT_ARRAY)]).await?;
        found.among.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    session.batch_execute("COMMIT").await?;
    Ok(Some(found))
}

/// The tables of documents, whatever their names: files in collections, without an image's width.
async fn tables(session: &Session) -> Result<Vec<String>, PostgresError> {
    let rows = session
        .query_typed(
            "SELECT c.table_schema::text, c.table_name::text FROM information_schema.columns c \
             JOIN information_schema.tables t USING (table_schema, table_name) \
             WHERE t.table_type = 'BASE TABLE' AND c.table_schema = ANY (current_schemas(false)) \
             GROUP BY 1, 2 HAVING bool_or(c.column_name = 'collection_id') \
             AND bool_or(c.column_name = 'file') AND bool_or(c.column_name = 'id') \
             AND NOT bool_or(c.column_name = 'width') ORDER BY 1, 2",
            &[],
        )
        .await?;
    let names = rows.iter().map(|row| {
        let (schema, table): (&str, &str) = (row.get(0), row.get(1));
        format!("{}.{}", quote_identifier(schema), quote_identifier(table))
    });
    Ok(names.collect())
}
