//! Edits values of a live database: fetches them in portions, edits them as in flight, and writes
//! them back.

use tokio_postgres::Row;

use super::statements::{ROW, Statements, qualified};
use super::{Limits, LiveError};
use crate::adapters::postgres::Session;
use crate::schema::{TableName, quote_identifier};
use crate::scrub::ScrubError;
use crate::scrub::compiled_rule::CompiledKeep;
use crate::scrub::copy_text::{escape_into, unescape};
use crate::scrub::dropped::DroppedCounts;
use crate::scrub::edit::{self, ColumnEdit};
use crate::scrub::plan::ScrubPlan;
use crate::scrub::revisions::{CONTENT_TYPE, CONTENT_TYPE_COLUMNS, ContentType};
use crate::scrub::rules::{ColumnAction, Edit, Step};

/// How many bytes are in memory at once. The number of rows in a portion follows from that.
const PORTION: usize = 4 << 20;

const FIRST_PORTION: usize = 32;
const LARGEST_PORTION: usize = 5000;

const CURSOR: &str = "bcops_edits";

/// One edited column.
struct EditedColumn<'a> {
    name: String,
    type_name: &'a str,
    edit: &'a Edit,
    max_length: Option<usize>,
    keep: CompiledKeep,
}

/// What happened to a table's values.
#[derive(Debug, Default)]
pub(super) struct Edited {
    /// Changed rows.
    pub rows: u64,
    /// Members that were dropped because nothing names them.
    pub dropped: DroppedCounts,
}

/// What to do with the changed rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Write,
    /// Only count the rows.
    Count,
}

/// Edits the values of all rows that meet `condition`, and counts the changed rows. The session is
/// in a transaction.
pub(super) async fn edit_rows(
    session: &Session,
    statements: Statements<'_>,
    table: &TableName,
    condition: &str,
    purpose: Purpose,
    limits: &Limits,
) -> Result<Edited, LiveError> {
    let content_types = content_types(session, statements, table).await?;
    let columns = edited_columns(statements, table, &content_types);
    if columns.is_empty() {
        return Ok(Edited::default());
    }
    let of_model = columns.iter().any(|column| matches!(column.keep, CompiledKeep::OfModel(..)));
    let content_type = match of_model {
        true => format!("{}::pg_catalog.text", qualified(ROW, CONTENT_TYPE)),
        false => "NULL::pg_catalog.text".to_owned(),
    };
    let failed = LiveError::of_statement(table, "edit", limits);
    let relation = statements.live.relation(table);
    let declare = format!(
        "DECLARE {CURSOR} NO SCROLL CURSOR FOR SELECT {ROW}.ctid::pg_catalog.text, {content_type}, {} \
         FROM {relation} AS {ROW} WHERE ({condition}) AND ({})",
        columns
            .iter()
            .map(|column| format!("{}::pg_catalog.text", qualified(ROW, &column.name)))
            .collect::<Vec<_>>()
            .join(", "),
        columns.iter().map(may_change).collect::<Vec<_>>().join(" OR ")
    );
    session.batch_execute(&declare).await.map_err(&failed)?;
    let update = update_statement(&relation, &columns);
    let (mut changed_rows, mut dropped) = (0, DroppedCounts::default());
    let mut portion = FIRST_PORTION;
    loop {
        let fetch = format!("FETCH FORWARD {portion} FROM {CURSOR}");
        let rows = session.query(&fetch, &[]).await.map_err(&failed)?;
        if rows.is_empty() {
            break;
        }
        let mut bytes = 0;
        let changes = edit_portion(table, &columns, &rows, changed_rows, &mut bytes, &mut dropped)?;
        portion = (rows.len() * PORTION / bytes.max(1)).clamp(1, LARGEST_PORTION);
        let count = changes.ids.len() as u64;
        if count > 0 && purpose == Purpose::Write {
            let written = changes.write(session, &update).await.map_err(&failed)?;
            if written != count {
                let rule = "edits of values".to_owned();
                return Err(LiveError::NotApplied {
                    table: table.clone(),
                    rule,
                    rows: count - written.min(count),
                });
            }
        }
        changed_rows += count;
    }
    session.batch_execute(&format!("CLOSE {CURSOR}")).await.map_err(&failed)?;
    Ok(Edited { rows: changed_rows, dropped })
}

/// The models in the database, if the table holds revisions.
async fn content_types(
    session: &Session,
    statements: Statements<'_>,
    table: &TableName,
) -> Result<Vec<ContentType>, LiveError> {
    let revisions = statements.plan.table(table).and_then(|plan| plan.revisions.as_ref());
    let Some(listing) = revisions.map(|revisions| &revisions.content_types) else {
        return Ok(Vec::new());
    };
    let is_known = statements.plan.table(listing).is_some_and(|plan| plan.lists_models);
    if !is_known {
        return Ok(Vec::new());
    }
    let columns = CONTENT_TYPE_COLUMNS
        .map(|column| format!("{}::pg_catalog.text", qualified(ROW, column)))
        .join(", ");
    let statement = format!(
        "SELECT {columns} FROM {} AS {ROW} WHERE {}",
        statements.live.relation(listing),
        statements.keep_condition(listing)
    );
    let rows = session.query(&statement, &[]).await?;
    let text = |row: &Row, index: usize| -> Result<String, tokio_postgres::Error> {
        Ok(row.try_get::<_, Option<String>>(index)?.unwrap_or_default())
    };
    let read = |row: &Row| -> Result<ContentType, tokio_postgres::Error> {
        let (app, model) = (text(row, 1)?.to_lowercase(), text(row, 2)?.to_lowercase());
        Ok(ContentType { id: text(row, 0)?.into_bytes(), app, model })
    };
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

fn edited_columns<'a>(
    statements: Statements<'a>,
    table: &TableName,
    content_types: &[ContentType],
) -> Vec<EditedColumn<'a>> {
    let names = statements.edited_columns(table);
    let edit_of = |plan: &'a ScrubPlan, name: &str| match plan
        .table(table)?
        .rule
        .as_ref()?
        .columns
        .get(name)?
    {
        ColumnAction::Edit(edit) => Some(edit),
        _ => None,
    };
    names
        .into_iter()
        .filter_map(|name| {
            let column = statements.live.schema.tables.get(table)?.column(&name)?;
            let edit = edit_of(statements.plan, &name)?;
            let (type_name, max_length) = (column.type_name.as_str(), column.max_length());
            let revisions = statements.plan.table(table)?.revisions.as_ref();
            let keep = CompiledKeep::new(edit.keep.as_ref(), || {
                Some((0, revisions?.filters(content_types)))
            });
            Some(EditedColumn { name, type_name, edit, max_length, keep })
        })
        .collect()
}

/// A condition for every row whose value the edit can change, and few others, so most rows are
/// not fetched. Every pattern has a digit or an at sign, and so do the escapes that hide one. An
/// entity begins with an ampersand, and base64 is long.
fn may_change(column: &EditedColumn<'_>) -> String {
    let here = qualified(ROW, &column.name);
    let mut conditions = Vec::new();
    if !column.edit.redact.is_empty() {
        let signs = "[0-9@&]|[A-Za-z+/_-]{16}";
        conditions.push(format!("{here}::pg_catalog.text OPERATOR(pg_catalog.~) '{signs}'"));
    }
    if column.edit.keep.is_some() {
        conditions.push(format!("{here} IS NOT NULL"));
    }
    for path in &column.edit.remove_members {
        match path.steps.first() {
            Some(Step::Member(name)) => {
                let name = crate::adapters::postgres::quote_literal(name);
                conditions.push(format!("{here} OPERATOR(pg_catalog.?) {name}"));
            }
            Some(Step::Any) | None => conditions.push(format!("{here} IS NOT NULL")),
        }
    }
    conditions.join(" OR ")
}

/// Updates rows by their `ctid`, which no other statement of the transaction has changed.
fn update_statement(relation: &str, columns: &[EditedColumn<'_>]) -> String {
    let mut assignments = Vec::new();
    let mut parameters = vec!["pg_catalog.unnest($1::pg_catalog.text[])".to_owned()];
    let mut names = vec!["id".to_owned()];
    for (index, column) in columns.iter().enumerate() {
        let name = quote_identifier(&column.name);
        assignments.push(format!("{name} = CAST(u.v{index} AS {})", column.type_name));
        parameters.push(format!("pg_catalog.unnest(${}::pg_catalog.text[])", index + 2));
        names.push(format!("v{index}"));
    }
    format!(
        "UPDATE {relation} AS {ROW} SET {} FROM ROWS FROM ({}) AS u({}) \
         WHERE {ROW}.ctid = u.id::pg_catalog.tid",
        assignments.join(", "),
        parameters.join(", "),
        names.join(", ")
    )
}

/// The changed rows of a portion: their `ctid`s, and their new values by column.
struct Changes {
    ids: Vec<String>,
    values: Vec<Vec<Option<String>>>,
}

impl Changes {
    async fn write(&self, session: &Session, update: &str) -> Result<u64, tokio_postgres::Error> {
        let mut parameters: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = vec![&self.ids];
        for values in &self.values {
            parameters.push(values);
        }
        session.execute(update, &parameters).await
    }
}

fn edit_portion(
    table: &TableName,
    columns: &[EditedColumn<'_>],
    rows: &[Row],
    rows_before: u64,
    bytes: &mut usize,
    dropped: &mut DroppedCounts,
) -> Result<Changes, LiveError> {
    let mut changes = Changes { ids: Vec::new(), values: vec![Vec::new(); columns.len()] };
    for (index, row) in rows.iter().enumerate() {
        let mut changed = false;
        let content_type: Option<&str> = row.try_get(1)?;
        let content_type = content_type.unwrap_or_default().as_bytes();
        let mut values = Vec::with_capacity(columns.len());
        for (position, column) in columns.iter().enumerate() {
            // A database without an encoding may hold bytes that are not text.
            let old: Option<&str> = row.try_get(position + 2)?;
            *bytes += old.map_or(0, str::len);
            let new = old
                .map(|old| edited(column, content_type, old, dropped))
                .transpose()
                .map_err(|_| ScrubError::InvalidJson {
                    table: table.clone(),
                    row: rows_before + index as u64 + 1,
                    column: column.name.clone(),
                })?;
            changed |= new.as_deref() != old;
            values.push(new);
        }
        if changed {
            changes.ids.push(row.get(0));
            for (list, value) in changes.values.iter_mut().zip(values) {
                list.push(value);
            }
        }
    }
    Ok(changes)
}

/// Edits a value in COPY's form, for which edits are defined.
fn edited(
    column: &EditedColumn<'_>,
    content_type: &[u8],
    value: &str,
    dropped: &mut DroppedCounts,
) -> Result<String, edit::InvalidJson> {
    let mut escaped = Vec::with_capacity(value.len());
    escape_into(value.as_bytes(), &mut escaped);
    let mut out = Vec::with_capacity(escaped.len());
    let how = ColumnEdit {
        edit: column.edit,
        column: &column.name,
        keep: column.keep.of_row(content_type),
        max_length: column.max_length,
    };
    edit::apply(how, &escaped, &mut out, dropped)?;
    // Edits cut between characters, so text stays text.
    Ok(String::from_utf8_lossy(&unescape(&out)).into_owned())
}
