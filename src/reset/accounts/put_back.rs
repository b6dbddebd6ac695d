//! Puts accounts from staging's backup into the new database.
//!
//! All accounts are put back in one transaction. After a kill in the middle, nothing was put back
//! and the next attempt starts again. An account whose username already exists is not touched.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::insert::{Id, Insert, NoValue, move_sequences_on};
use super::stored::{Permission, StoredAccount};
use super::tables::{
    AccountTables, CONTENT_TYPES, GROUPS, PERMISSIONS, PROFILE_OWNER, PROFILES, owner_column,
};
use super::{AccountsError, check_users_table, usernames};
use crate::adapters::postgres::{PostgresError, Session};
use crate::reset::records::{self, Access, Tables};
use crate::schema::{TableName, quote_identifier};

/// The result of putting accounts back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBack {
    /// Username and id. The id is the old one if it was free.
    pub created: Vec<(String, String)>,
    pub already_there: Vec<String>,
    /// What an account has lost, one sentence each.
    pub warnings: Vec<String>,
}

/// Puts all the accounts back, or none if there is an error.
pub async fn put_back(
    session: &Session,
    accounts: &[StoredAccount],
    users_table: &str,
) -> Result<PutBack, AccountsError> {
    records::begin(session, Access::Write).await?;
    let outcome = put_back_in(session, accounts, users_table).await;
    records::end(session, outcome).await
}

/// The usernames among these that the database does not have. After a complete [`put_back`] there
/// are none.
pub async fn not_there(
    session: &Session,
    wanted: &BTreeSet<String>,
    users_table: &str,
) -> Result<Vec<String>, AccountsError> {
    records::begin(session, Access::Read).await?;
    let outcome = usernames(session, users_table, "this database").await;
    let there = records::end(session, outcome).await?;
    Ok(wanted.difference(&there).cloned().collect())
}

async fn put_back_in(
    session: &Session,
    accounts: &[StoredAccount],
    users_table: &str,
) -> Result<PutBack, AccountsError> {
    let names = AccountTables::of(users_table);
    let tables = Tables::read(session, &names.names()).await?;
    check_users_table(&tables, users_table, "this database")?;
    let mut work = Work { session, names, tables, done: PutBack::default() };
    work.lock().await?;
    let there = usernames(session, users_table, "this database").await?;
    let (old, new): (Vec<_>, Vec<_>) =
        accounts.iter().partition(|account| there.contains(&account.username));
    work.done.already_there = old.iter().map(|account| account.username.clone()).collect();
    let ids = work.insert_users(&new).await?;
    work.link_groups(&ids).await?;
    work.link_permissions(&ids).await?;
    work.insert_profiles(&ids).await?;
    work.done.warnings.dedup();
    Ok(work.done)
}

/// The new accounts with their ids.
type Created<'a> = [(&'a StoredAccount, String)];

struct Work<'s> {
    session: &'s Session,
    names: AccountTables,
    tables: Tables,
    done: PutBack,
}

impl Work<'_> {
    /// Locks the tables, so that no other session takes an id or a username in between. Reading is
    /// still possible.
    async fn lock(&self) -> Result<(), PostgresError> {
        let written = [&self.names.users, &self.names.groups, &self.names.permissions, PROFILES];
        let there = written.into_iter().filter(|table| self.tables.has(table));
        let quoted: Vec<String> = there.map(|table| TableName::public(table).quoted()).collect();
        let sql = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", quoted.join(", "));
        Ok(self.session.batch_execute(&sql).await?)
    }

    /// Inserts the users. Those who can keep their old ids come first, so that no new id is one of
    /// these.
    async fn insert_users<'a>(
        &mut self,
        accounts: &[&'a StoredAccount],
    ) -> Result<Vec<(&'a StoredAccount, String)>, AccountsError> {
        let users = self.names.users.clone();
        let taken = self.taken_ids(accounts).await?;
        let is_taken =
            |account: &StoredAccount| account.row.value("id").is_none_or(|id| taken.contains(id));
        let mut created = Vec::new();
        for account in accounts.iter().filter(|account| !is_taken(account)) {
            created.push((*account, self.insert_user(account, Id::AsStored).await?));
        }
        move_sequences_on(self.session, &users).await?;
        for account in accounts.iter().filter(|account| is_taken(account)) {
            created.push((*account, self.insert_user(account, Id::New).await?));
        }
        created.sort_by(|(a, _), (b, _)| a.username.cmp(&b.username));
        self.done.created =
            created.iter().map(|(account, id)| (account.username.clone(), id.clone())).collect();
        Ok(created)
    }

    async fn taken_ids(
        &self,
        accounts: &[&StoredAccount],
    ) -> Result<BTreeSet<String>, PostgresError> {
        let ids: Vec<&str> = accounts.iter().filter_map(|one| one.row.value("id")).collect();
        let users = TableName::public(self.names.users.as_str()).quoted();
        let sql = format!("SELECT id::text FROM {users} WHERE id::text = ANY($1::text[])");
        let rows = self.session.query(&sql, &[&ids]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn insert_user(
        &mut self,
        account: &StoredAccount,
        id: Id,
    ) -> Result<String, AccountsError> {
        let table = &self.names.users;
        let columns = self.tables.columns(table);
        let insert = Insert::of(table, columns, &account.row, id, &[]).map_err(
            |NoValue(column)| match (column, account.row.value("id")) {
                ("id", Some(old)) => AccountsError::NoNewId {
                    table: table.clone(),
                    username: account.username.clone(),
                    id: old.to_owned(),
                },
                _ => AccountsError::NoValue { table: table.clone(), column: column.to_owned() },
            },
        )?;
        for column in &insert.left_out {
            let warning = format!("{table} no longer has the column {column}; its values are lost");
            if !self.done.warnings.contains(&warning) {
                self.done.warnings.push(warning);
            }
        }
        insert.run(self.session).await.map_err(|source| failed(account, source))
    }

    async fn link_groups(&mut self, created: &Created<'_>) -> Result<(), AccountsError> {
        if created.iter().all(|(account, _)| account.groups.is_empty()) {
            return Ok(());
        }
        let mut by_name: BTreeMap<String, String> = BTreeMap::new();
        if self.tables.have_columns(GROUPS, &["id", "name"]) {
            let groups = TableName::public(GROUPS).quoted();
            let sql = format!("SELECT name::text, id::text FROM {groups}");
            let rows = self.session.query(&sql, &[]).await.map_err(PostgresError::from)?;
            by_name.extend(rows.iter().map(|row| (row.get(0), row.get(1))));
        }
        let links = Links { table: self.names.groups.clone(), other_end: "group_id" };
        self.before_links(&links).await?;
        for (account, id) in created {
            for group in &account.groups {
                let what = format!("the group {group}");
                self.link(&links, account, id, by_name.get(group), &what).await?;
            }
        }
        Ok(())
    }

    async fn link_permissions(&mut self, created: &Created<'_>) -> Result<(), AccountsError> {
        if created.iter().all(|(account, _)| account.permissions.is_empty()) {
            return Ok(());
        }
        let mut by_meaning: BTreeMap<Permission, String> = BTreeMap::new();
        if self.tables.have_columns(PERMISSIONS, &["id", "content_type_id", "codename"])
            && self.tables.have_columns(CONTENT_TYPES, &["id", "app_label", "model"])
        {
            let sql = format!(
                "SELECT t.app_label::text, t.model::text, p.codename::text, p.id::text \
                 FROM {} p JOIN {} t ON t.id = p.content_type_id",
                TableName::public(PERMISSIONS).quoted(),
                TableName::public(CONTENT_TYPES).quoted(),
            );
            let rows = self.session.query(&sql, &[]).await.map_err(PostgresError::from)?;
            by_meaning.extend(rows.iter().map(|row| {
                let meaning =
                    Permission { app_label: row.get(0), model: row.get(1), codename: row.get(2) };
                (meaning, row.get(3))
            }));
        }
        let links = Links { table: self.names.permissions.clone(), other_end: "permission_id" };
        self.before_links(&links).await?;
        for (account, id) in created {
            for permission in &account.permissions {
                let what = format!("the permission {permission}");
                self.link(&links, account, id, by_meaning.get(permission), &what).await?;
            }
        }
        Ok(())
    }

    async fn before_links(&self, links: &Links) -> Result<(), PostgresError> {
        match self.tables.has(&links.table) {
            true => move_sequences_on(self.session, &links.table).await,
            false => Ok(()),
        }
    }

    /// Links a user to a group or a permission, or warns that this no longer exists.
    async fn link(
        &mut self,
        links: &Links,
        account: &StoredAccount,
        user: &str,
        other: Option<&String>,
        what: &str,
    ) -> Result<(), AccountsError> {
        let columns = self.tables.columns(&links.table);
        let type_of = |name: &str| {
            columns.iter().find(|column| column.name == name).map(|one| one.type_name.as_str())
        };
        let owner = owner_column(columns.iter().map(|one| one.name.as_str()), links.other_end);
        let found = owner
            .and_then(|owner| Some((owner, type_of(owner)?, type_of(links.other_end)?, other?)));
        let Some((owner, owner_type, other_type, other)) = found else {
            let warning = format!("{} loses {what}, which no longer exists", account.username);
            self.done.warnings.push(warning);
            return Ok(());
        };
        let sql = format!(
            "INSERT INTO {} ({}, {}) VALUES ($1::text::{owner_type}, $2::text::{other_type})",
            TableName::public(links.table.as_str()).quoted(),
            quote_identifier(owner),
            links.other_end,
        );
        let linked = self.session.execute(&sql, &[&user, other]).await;
        linked.map(drop).map_err(|error| failed(account, error.into()))
    }

    /// Inserts the profiles. A profile only has settings, and the site makes a new one when the
    /// user logs in. A profile that no longer fits the table is therefore a warning and not a
    /// failure.
    async fn insert_profiles(&mut self, created: &Created<'_>) -> Result<(), AccountsError> {
        if !self.tables.have_columns(PROFILES, &["id", PROFILE_OWNER]) {
            return Ok(());
        }
        move_sequences_on(self.session, PROFILES).await?;
        for (account, id) in created {
            let Some(profile) = &account.profile else { continue };
            let columns = self.tables.columns(PROFILES);
            let given = [(PROFILE_OWNER, id.as_str())];
            match Insert::of(PROFILES, columns, profile, Id::New, &given) {
                Ok(insert) => {
                    insert.run(self.session).await.map_err(|source| failed(account, source))?;
                }
                Err(NoValue(column)) => self.done.warnings.push(format!(
                    "the profile of {} is skipped: {PROFILES}.{column} needs a value, and the \
                     backup has none",
                    account.username
                )),
            }
        }
        Ok(())
    }
}

/// A table of links between users and something else.
struct Links {
    table: String,
    other_end: &'static str,
}

fn failed(account: &StoredAccount, source: PostgresError) -> AccountsError {
    AccountsError::Insert { username: account.username.clone(), source }
}
