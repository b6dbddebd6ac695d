//! Lists pages, files and accounts that are new in staging's database since a given time.

use jiff::Timestamp;

use crate::adapters::postgres::{PostgresError, Session};
use crate::reset::content::ContentTables;
use crate::reset::records::Tables;
use crate::schema::TableName;

const PAGES: &str = "wagtailcore_page";

/// One page, file or account, as a line shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct New {
    pub kind: &'static str,
    pub title: String,
    pub address: String,
    pub changed: String,
}

/// Lists what was created or changed since. A table or column that the site lacks is skipped.
pub(super) async fn since(
    session: &Session,
    since: Timestamp,
    content: &ContentTables,
    users_table: &str,
) -> Result<Vec<New>, PostgresError> {
    let mut names = vec![PAGES, users_table];
    names.extend(content.images.iter().chain(&content.documents).map(String::as_str));
    let tables = Tables::read(session, &names).await?;
    let changes = ["latest_revision_created_at", "last_published_at", "first_published_at"];
    let mut found =
        list(session, &tables, "page", PAGES, ["title", "url_path"], &changes, since).await?;
    for (kind, names) in [("image", &content.images), ("document", &content.documents)] {
        for table in names {
            let columns = ["title", "file"];
            found.extend(
                list(session, &tables, kind, table, columns, &["created_at"], since).await?,
            );
        }
    }
    let columns = ["username", "email"];
    let joined = ["date_joined"];
    found.extend(list(session, &tables, "account", users_table, columns, &joined, since).await?);
    Ok(found)
}

async fn list(
    session: &Session,
    tables: &Tables,
    kind: &'static str,
    table: &str,
    [title, address]: [&str; 2],
    changes: &[&str],
    since: Timestamp,
) -> Result<Vec<New>, PostgresError> {
    let there = |column: &&&str| tables.has_column(table, column);
    let changes: Vec<String> =
        changes.iter().filter(there).map(|column| format!("t.{column}::timestamptz")).collect();
    if changes.is_empty() || !tables.has_column(table, title) {
        return Ok(Vec::new());
    }
    let address = match tables.has_column(table, address) {
        true => format!("coalesce(t.{address}::text, '')"),
        false => "''".to_owned(),
    };
    let changed = format!("greatest({})", changes.join(", "));
    let sql = format!(
        "SELECT coalesce(t.{title}::text, ''), {address}, \
           to_char({changed} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') \
         FROM {} t WHERE {changed} > $1::text::timestamptz ORDER BY {changed} DESC",
        TableName::public(table).quoted()
    );
    let rows = session.query(&sql, &[&since.to_string()]).await?;
    let new = |row: &tokio_postgres::Row| New {
        kind,
        title: row.get(0),
        address: row.get(1),
        changed: row.get(2),
    };
    Ok(rows.iter().map(new).collect())
}
