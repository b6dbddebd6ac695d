//! Lists user accounts that exist only on staging, and puts chosen ones back after staging's
//! database was replaced.
//!
//! Personal data must not stay on this machine. The rows of an account are therefore streamed from
//! staging's own backup and written into the new database: [`stored`] and [`put_back`].

mod choice;
mod error;
mod insert;
mod put_back;
pub mod stored;
mod stored_list;
mod tables;

#[cfg(test)]
mod stored_test;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::records::{self, Tables};
use crate::adapters::postgres::{PostgresError, Session};
use crate::schema::{TableName, quote_identifier};
use tables::{AccountTables, GROUPS};

pub use choice::{BadSelection, Selection, UnknownAccounts, choose};
pub use error::AccountsError;
pub use put_back::{PutBack, not_there, put_back};
pub use stored::{StoredAccount, StoredError};
pub use stored_list::list as list_stored;

/// An account in the list to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub username: String,
    /// Can be blank, and several accounts can share it.
    pub email: String,
    pub name: String,
    pub is_superuser: bool,
    pub is_active: bool,
    /// The day, in UTC: `2026-11-22`.
    pub last_login: Option<String>,
    pub groups: Vec<String>,
}

/// The accounts whose usernames production does not have, in the order of their usernames.
/// Usernames are compared exactly, as the site does at a login.
///
/// # Errors
/// If the users table is missing on either side, because then an account could be lost without
/// notice.
pub async fn staging_only(
    staging: &Session,
    production: &Session,
    users_table: &str,
) -> Result<Vec<Account>, AccountsError> {
    records::begin_reading(staging, production).await?;
    let outcome = compare(staging, production, users_table).await;
    records::end_reading(staging, production, outcome).await
}

async fn compare(
    staging: &Session,
    production: &Session,
    users_table: &str,
) -> Result<Vec<Account>, AccountsError> {
    let known = usernames(production, users_table, "production").await?;
    let tables = AccountTables::of(users_table);
    let found = Tables::read(staging, &tables.names()).await?;
    check_users_table(&found, users_table, "staging")?;
    let sql = format!("{} ORDER BY u.username", accounts_query(&found, &tables));
    let rows = staging.query(&sql, &[]).await.map_err(PostgresError::from)?;
    let accounts = rows.iter().map(|row| Account {
        username: row.get(0),
        email: row.get(1),
        name: row.get(2),
        is_superuser: row.get(3),
        is_active: row.get(4),
        last_login: row.get(5),
        groups: row.get(6),
    });
    Ok(accounts.filter(|account| !known.contains(&account.username)).collect())
}

/// The accounts of a backup whose usernames production does not have, in the order of their
/// usernames.
///
/// # Errors
/// If production has no users table.
pub async fn not_in_production(
    stored: Vec<Account>,
    production: &Session,
    users_table: &str,
) -> Result<Vec<Account>, AccountsError> {
    let known = usernames(production, users_table, "production").await?;
    Ok(stored.into_iter().filter(|account| !known.contains(&account.username)).collect())
}

async fn usernames(
    session: &Session,
    users_table: &str,
    place: &'static str,
) -> Result<BTreeSet<String>, AccountsError> {
    let found = Tables::read(session, &[users_table]).await?;
    check_users_table(&found, users_table, place)?;
    let sql = format!("SELECT username::text FROM {}", TableName::public(users_table).quoted());
    let rows = session.query(&sql, &[]).await.map_err(PostgresError::from)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn check_users_table(
    found: &Tables,
    users_table: &str,
    place: &'static str,
) -> Result<(), AccountsError> {
    if found.have_columns(users_table, &["id", "username"]) {
        return Ok(());
    }
    Err(AccountsError::NoUsersTable { table: users_table.to_owned(), place })
}

/// The query for all fields of [`Account`]. A column that another site's users table lacks is
/// blank.
fn accounts_query(found: &Tables, tables: &AccountTables) -> String {
    let or = |column: &str, expression: &str, otherwise: &str| match found
        .has_column(&tables.users, column)
    {
        true => expression.to_owned(),
        false => otherwise.to_owned(),
    };
    let users = TableName::public(tables.users.as_str()).quoted();
    let names: Vec<&str> = ["first_name", "last_name"]
        .into_iter()
        .filter(|column| found.has_column(&tables.users, column))
        .collect();
    let name = match names.as_slice() {
        [] => "''".to_owned(),
        names => format!("btrim(concat_ws(' ', u.{}))", names.join(", u.")),
    };
    format!(
        "SELECT u.username::text, {}, {name}, {}, {}, {}, {} FROM {users} u",
        or("email", "coalesce(u.email::text, '')", "''"),
        or("is_superuser", "u.is_superuser", "false"),
        or("is_active", "u.is_active", "true"),
        or(
            "last_login",
            "to_char(u.last_login::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
            "NULL::text",
        ),
        groups_expression(found, tables),
    )
}

fn groups_expression(found: &Tables, tables: &AccountTables) -> String {
    let columns = found.columns(&tables.groups).iter().map(|column| column.name.as_str());
    let owner = tables::owner_column(columns, "group_id");
    match owner.filter(|_| found.have_columns(GROUPS, &["id", "name"])) {
        Some(owner) => format!(
            "ARRAY(SELECT g.name::text FROM {} l JOIN {} g ON g.id = l.group_id \
             WHERE l.{} = u.id ORDER BY g.name)",
            TableName::public(tables.groups.as_str()).quoted(),
            TableName::public(GROUPS).quoted(),
            quote_identifier(owner),
        ),
        None => "ARRAY[]::text[]".to_owned(),
    }
}
