//! Lists content that exists only on staging, for the question whether it may be overwritten.
//!
//! Ids cannot be compared, because page 900 of staging may be a different page from page 900 of
//! production. Two pages are the same if their translation keys and languages are equal. Two images
//! or documents are the same if their files are.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::records::{self, Tables};
use crate::adapters::postgres::{PostgresError, Session};
use crate::schema::{TableName, quote_identifier};
use crate::settings::Reset;

const PAGES: &str = "wagtailcore_page";
const LOCALES: &str = "wagtailcore_locale";
const REVISIONS: &str = "wagtailcore_revision";

/// The tables of images and documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentTables {
    pub images: Vec<String>,
    pub documents: Vec<String>,
}

impl From<&Reset> for ContentTables {
    fn from(settings: &Reset) -> Self {
        ContentTables {
            images: settings.image_tables.clone(),
            documents: settings.document_tables.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContentKind {
    Page,
    Image,
    Document,
}

/// One page, image or document. The texts are as an editor typed them, so the code that shows them
/// has to escape them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub kind: ContentKind,
    pub title: String,
    /// The name of the person who changed it last, if that is recorded, and otherwise of its owner.
    pub editor: Option<String>,
    /// The day of the last change, in UTC: `2026-11-22`.
    pub changed: Option<String>,
    /// The path of the page or the file.
    pub address: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagingOnly {
    /// Pages first, then images, then documents, each with the latest change first.
    pub items: Vec<Item>,
    /// What could not be compared, or only in part, one sentence each.
    pub remarks: Vec<String>,
}

/// Compares the two databases, each in one read-only snapshot.
pub async fn staging_only(
    staging: &Session,
    production: &Session,
    tables: &ContentTables,
    users_table: &str,
) -> Result<StagingOnly, PostgresError> {
    records::begin_reading(staging, production).await?;
    let outcome = compare(staging, production, tables, users_table).await;
    records::end_reading(staging, production, outcome).await
}

async fn compare(
    staging: &Session,
    production: &Session,
    content: &ContentTables,
    users_table: &str,
) -> Result<StagingOnly, PostgresError> {
    let mut names = vec![PAGES, LOCALES, REVISIONS, users_table];
    names.extend(content.images.iter().chain(&content.documents).map(String::as_str));
    let on_staging = Tables::read(staging, &names).await?;
    let on_production = Tables::read(production, &names).await?;
    let shape = Shape { staging: &on_staging, production: &on_production, users_table };

    let mut found = StagingOnly::default();
    let images = content.images.iter().map(|table| (ContentKind::Image, table.as_str()));
    let documents = content.documents.iter().map(|table| (ContentKind::Document, table.as_str()));
    let sources = [(ContentKind::Page, PAGES)].into_iter().chain(images).chain(documents);
    for (kind, table) in sources {
        let source = match shape.source(kind, table) {
            Ok(source) => source,
            Err(remark) => {
                found.remarks.push(remark);
                continue;
            }
        };
        let known = if on_production.has(table) {
            keys(production, &source).await?.into_iter().map(|(_, key)| key).collect()
        } else {
            found
                .remarks
                .push(format!("production has no table {table}, so all its rows are listed"));
            BTreeSet::new()
        };
        let only: Vec<String> = keys(staging, &source)
            .await?
            .into_iter()
            .filter(|(_, key)| !known.contains(key))
            .map(|(id, _)| id)
            .collect();
        if !only.is_empty() {
            let rows = staging.query(&source.details, &[&only]).await?;
            found.items.extend(rows.iter().map(|row| item(kind, row)));
        }
    }
    found.items.sort_by(|a, b| {
        let newest_first = b.changed.cmp(&a.changed);
        a.kind.cmp(&b.kind).then(newest_first).then_with(|| a.title.cmp(&b.title))
    });
    Ok(found)
}

async fn keys(session: &Session, source: &Source) -> Result<Vec<(String, String)>, PostgresError> {
    let rows = session.query(&source.keys, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn item(kind: ContentKind, row: &Row) -> Item {
    Item {
        kind,
        title: row.get(0),
        editor: row.get(1),
        changed: row.get(2),
        address: row.get::<_, Option<String>>(3).unwrap_or_default(),
    }
}

/// The statements for one table: id and key of each row on either side, and details of some of
/// staging's rows.
struct Source {
    keys: String,
    details: String,
}

/// The tables and columns on both sides.
struct Shape<'a> {
    staging: &'a Tables,
    production: &'a Tables,
    users_table: &'a str,
}

impl Shape<'_> {
    /// The statements for a table. The error says why the table is skipped.
    fn source(&self, kind: ContentKind, table: &str) -> Result<Source, String> {
        if !self.staging.has(table) {
            return Err(format!("staging has no table {table}"));
        }
        let address = if kind == ContentKind::Page { "url_path" } else { "file" };
        for (side, tables) in [("staging", self.staging), ("production", self.production)] {
            let columns = ["id", "title", address];
            let lacking = columns.iter().find(|column| !tables.has_column(table, column));
            if let Some(column) = lacking.filter(|_| tables.has(table)) {
                return Err(format!(
                    "{table} has no column {column} on {side}, so the table is skipped"
                ));
            }
        }
        Ok(match kind {
            ContentKind::Page => self.pages(),
            ContentKind::Image | ContentKind::Document => self.files(table),
        })
    }

    fn on_both(&self, table: &str, columns: &[&str]) -> bool {
        self.staging.have_columns(table, columns) && self.production.have_columns(table, columns)
    }

    fn pages(&self) -> Source {
        let from = TableName::public(PAGES).quoted();
        let on_staging = |columns: &[&str]| self.staging.have_columns(PAGES, columns);
        let (key, join) = if !self.on_both(PAGES, &["translation_key", "locale_id"]) {
            ("t.url_path::text", String::new())
        } else if self.on_both(LOCALES, &["id", "language_code"]) {
            // A locale that was added separately on each side has two ids, but one language.
            let locales = TableName::public(LOCALES).quoted();
            let join = format!(" LEFT JOIN {locales} l ON l.id = t.locale_id");
            ("t.translation_key::text || ' ' || coalesce(l.language_code::text, '')", join)
        } else {
            ("t.translation_key::text || ' ' || t.locale_id::text", String::new())
        };
        // The root of the tree is not content.
        let but_root = if self.on_both(PAGES, &["depth"]) { " WHERE t.depth > 1" } else { "" };
        let mut editors = Vec::new();
        let mut revision = String::new();
        if on_staging(&["latest_revision_id"])
            && self.staging.have_columns(REVISIONS, &["id", "user_id"])
        {
            editors.push("r.user_id");
            let revisions = TableName::public(REVISIONS).quoted();
            revision = format!(" LEFT JOIN {revisions} r ON r.id = t.latest_revision_id");
        }
        if on_staging(&["owner_id"]) {
            editors.push("t.owner_id");
        }
        let changed: Vec<&str> =
            ["latest_revision_created_at", "last_published_at", "first_published_at"]
                .into_iter()
                .filter(|column| on_staging(&[column]))
                .collect();
        let (editor, users) = self.editor(&editors);
        Source {
            keys: format!("SELECT t.id::text, {key} FROM {from} t{join}{but_root}"),
            details: format!(
                "SELECT t.title::text, {editor}, {}, t.url_path::text FROM {from} t{revision}{users} \
                 WHERE t.id::text = ANY($1)",
                day(&changed)
            ),
        }
    }

    fn files(&self, table: &str) -> Source {
        let from = TableName::public(table).quoted();
        let existing = |column: &'static str| {
            if self.staging.has_column(table, column) { vec![column] } else { Vec::new() }
        };
        let uploader = existing("uploaded_by_user_id");
        let uploader: Vec<&str> = uploader.iter().map(|_| "t.uploaded_by_user_id").collect();
        let (editor, users) = self.editor(&uploader);
        Source {
            keys: format!("SELECT t.id::text, coalesce(t.file::text, '') FROM {from} t"),
            details: format!(
                "SELECT t.title::text, {editor}, {}, t.file::text FROM {from} t{users} \
                 WHERE t.id::text = ANY($1)",
                day(&existing("created_at"))
            ),
        }
    }

    /// The expression for an editor's name, and the join that it needs. The first column that is
    /// not NULL names the editor.
    fn editor(&self, ids: &[&str]) -> (String, String) {
        let has = |columns: &[&str]| self.staging.have_columns(self.users_table, columns);
        if ids.is_empty() || !has(&["id", "username"]) {
            return ("NULL::text".to_owned(), String::new());
        }
        let full = match has(&["first_name", "last_name"]) {
            true => "nullif(btrim(concat_ws(' ', u.first_name, u.last_name)), '')",
            false => "NULL",
        };
        let users = TableName::public(self.users_table).quoted();
        let join = format!(" LEFT JOIN {users} u ON u.id = coalesce({})", ids.join(", "));
        (format!("coalesce({full}, u.username::text)"), join)
    }
}

/// The expression for the day in the first of these columns of `t` that is not NULL.
fn day(columns: &[&str]) -> String {
    if columns.is_empty() {
        return "NULL::text".to_owned();
    }
    let columns: Vec<String> = columns
        .iter()
        .map(|column| format!("t.{}::timestamptz", quote_identifier(column)))
        .collect();
    format!("to_char(coalesce({}) AT TIME ZONE 'UTC', 'YYYY-MM-DD')", columns.join(", "))
}
