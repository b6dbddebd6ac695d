//! Copies the properties of the local database to its replacement: owner, settings, privileges,
//! comment, limits. The contents of the database come from the backup.
//!
//! Properties are set on the new database after its rows are loaded and before the swap. So a
//! user's setting never disturbs the load, and a kill leaves either the old database or the
//! complete new one. A property that this role cannot set is reported with its statement, and never
//! fails a pull.

use std::fmt;

use tokio_postgres::error::SqlState;

use crate::adapters::postgres::{PostgresError, Session, describe, quote_literal};
use crate::schema::quote_identifier;

use super::unscrubbed;

/// The prefix of bcops's own settings in a database. They are not copied.
const OWN_SETTINGS: &str = "bcops.";

/// Settings whose value is a list of separately quoted names, as in `pg_dump`.
const LISTS: [&str; 7] = [
    "local_preload_libraries",
    "oauth_validator_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// A property of the old database that the new one lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotKept {
    pub database: String,
    pub what: String,
    pub why: String,
    /// The statement for someone with permission, without values that may be secret.
    pub statement: Option<String>,
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the database {} lost its {}: {}", self.database, self.what, self.why)?;
        match &self.statement {
            Some(statement) => write!(f, "; to set it by hand: {statement}"),
            None => Ok(()),
        }
    }
}

/// One setting of the database, or of one role in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    role: Option<String>,
    name: String,
    value: String,
}

/// One privilege on the database.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    grantor: String,
    /// `None` is PUBLIC.
    grantee: Option<String>,
    privilege: String,
    grantable: bool,
}

/// The properties of a database, apart from its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Properties {
    owner: String,
    connection_limit: i32,
    is_template: bool,
    allows_connections: bool,
    comment: Option<String>,
    settings: Vec<Setting>,
    labels: Vec<(String, String)>,
    /// `None` if the server's defaults apply.
    grants: Option<Vec<Grant>>,
}

/// A statement and what it is for.
struct Step {
    what: String,
    statement: String,
}

/// Whether a statement contains values that may be secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    All,
    Harmless,
}

impl Properties {
    /// `None` if there is no such database.
    pub(super) async fn of(
        session: &Session,
        database: &str,
    ) -> Result<Option<Properties>, tokio_postgres::Error> {
        let statement = "SELECT pg_catalog.pg_get_userbyid(datdba)::text, datconnlimit, datistemplate, \
                         datallowconn, pg_catalog.shobj_description(oid, 'pg_database'), \
                         datacl IS NOT NULL FROM pg_catalog.pg_database WHERE datname = $1";
        let Some(row) = session.query_opt(statement, &[&database]).await? else { return Ok(None) };
        let comment: Option<String> = row.get(4);
        let own_comment = comment.as_deref().and_then(unscrubbed::own_comment);
        let grants = match row.get(5) {
            true => Some(grants(session, database).await?),
            false => None,
        };
        Ok(Some(Properties {
            owner: row.get(0),
            connection_limit: row.get(1),
            is_template: row.get(2),
            allows_connections: row.get(3),
            comment: own_comment.map(str::to_owned),
            settings: settings(session, database).await?,
            labels: labels(session, database).await?,
            grants,
        }))
    }

    /// Sets the properties on the database `incoming`, which later takes the name `current`.
    /// Returns those that could not be set.
    pub(super) async fn give(
        &self,
        session: &Session,
        incoming: &str,
        current: &str,
    ) -> Result<Vec<NotKept>, PostgresError> {
        let Some(new) = Properties::of(session, incoming).await? else { return Ok(Vec::new()) };
        let unscrubbed = unscrubbed::is_marked(session, incoming).await?;
        let steps = self.steps(incoming, &new, unscrubbed, Values::All);
        let shown = self.steps(current, &new, unscrubbed, Values::Harmless);
        let mut not_kept = Vec::new();
        for (step, shown) in steps.iter().zip(shown) {
            let Err(error) = session.batch_execute(&step.statement).await else { continue };
            if error.as_db_error().is_none() {
                return Err(error.into());
            }
            // A step can fail while it acts under another role.
            session.batch_execute("RESET ROLE").await?;
            not_kept.push(NotKept {
                database: current.to_owned(),
                what: shown.what,
                why: reason(&error),
                statement: Some(shown.statement),
            });
        }
        Ok(not_kept)
    }

    /// The statements that give the database `name`, whose properties are `new`, these properties.
    fn steps(&self, name: &str, new: &Properties, unscrubbed: bool, values: Values) -> Vec<Step> {
        let database = quote_identifier(name);
        let mut steps = Vec::new();
        let mut step = |what: String, statement: String| steps.push(Step { what, statement });
        for setting in &self.settings {
            step(setting.describe(values), setting.statement(&database, values));
        }
        if self.connection_limit >= 0 && self.connection_limit != new.connection_limit {
            let limit = self.connection_limit;
            let what = format!("connection limit {limit}");
            step(what, format!("ALTER DATABASE {database} CONNECTION LIMIT {limit}"));
        }
        if let Some(comment) = &self.comment {
            let comment = match unscrubbed {
                true => unscrubbed::marked_comment(comment),
                false => comment.clone(),
            };
            let comment = quote_literal(&comment);
            step("comment".into(), format!("COMMENT ON DATABASE {database} IS {comment}"));
        }
        for (provider, label) in &self.labels {
            let (by, label) = (quote_identifier(provider), quote_literal(label));
            let statement = format!("SECURITY LABEL FOR {by} ON DATABASE {database} IS {label}");
            step(format!("security label of {provider}"), statement);
        }
        if self.owner != new.owner {
            let owner = quote_identifier(&self.owner);
            let what = format!("owner {}", self.owner);
            step(what, format!("ALTER DATABASE {database} OWNER TO {owner}"));
        }
        if let Some(grants) = &self.grants {
            let owner = quote_identifier(&self.owner);
            let from_public = format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC");
            step("restriction of the public's access".into(), from_public);
            let owners: Vec<&Grant> =
                grants.iter().filter(|one| one.is_owners(&self.owner)).collect();
            // An owner may grant again what was revoked from them.
            if owners.len() < 3 {
                let revoke = format!("REVOKE ALL ON DATABASE {database} FROM {owner}");
                step("restriction of its owner's access".into(), revoke);
                for grant in owners {
                    step(grant.describe(), grant.statement(&database, &self.owner));
                }
            }
            for grant in grants.iter().filter(|one| !one.is_owners(&self.owner)) {
                step(grant.describe(), grant.statement(&database, &self.owner));
            }
        }
        // Every role that may create databases could copy a template, so a database with personal
        // data does not become one.
        if self.is_template && !unscrubbed {
            step("use as a template".into(), format!("ALTER DATABASE {database} IS_TEMPLATE true"));
        }
        if !self.allows_connections {
            let statement = format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false");
            step("ban on connections".into(), statement);
        }
        steps
    }
}

impl Setting {
    /// Hides settings of applications, which can be keys or passwords. The server's own settings
    /// have no dot.
    fn is_shown(&self, values: Values) -> bool {
        values == Values::All || !self.name.contains('.')
    }

    fn describe(&self, values: Values) -> String {
        let of = self.role.as_ref().map(|role| format!(" for {role}")).unwrap_or_default();
        let hidden = if self.is_shown(values) { "" } else { ", whose value is not printed" };
        format!("setting {}{of}{hidden}", self.name)
    }

    fn statement(&self, database: &str, values: Values) -> String {
        let of = match &self.role {
            None => format!("ALTER DATABASE {database}"),
            Some(role) => format!("ALTER ROLE {} IN DATABASE {database}", quote_identifier(role)),
        };
        let value = match self.is_shown(values) {
            false => "'...'".to_owned(),
            true if LISTS.contains(&self.name.as_str()) => list(&self.value),
            true => quote_literal(&self.value),
        };
        format!("{of} SET {} TO {value}", quote_identifier(&self.name))
    }
}

impl Grant {
    fn is_owners(&self, owner: &str) -> bool {
        self.grantee.as_deref() == Some(owner)
    }

    fn grantee(&self) -> String {
        self.grantee.as_deref().map_or_else(|| "PUBLIC".into(), quote_identifier)
    }

    fn describe(&self) -> String {
        let to = self.grantee.as_deref().unwrap_or("the public");
        format!("privilege {} for {to}", self.privilege)
    }

    fn statement(&self, database: &str, owner: &str) -> String {
        let option = if self.grantable { " WITH GRANT OPTION" } else { "" };
        let (privilege, to) = (&self.privilege, self.grantee());
        let grant = format!("GRANT {privilege} ON DATABASE {database} TO {to}{option}");
        match self.grantor == owner {
            true => grant,
            // The grantor decides who may revoke the privilege.
            false => format!("SET ROLE {}; {grant}; RESET ROLE", quote_identifier(&self.grantor)),
        }
    }
}

/// The error's text, without its code if the text is enough.
fn reason(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(known)
            if *error.code().unwrap_or(known.code()) == SqlState::INSUFFICIENT_PRIVILEGE =>
        {
            known.message().to_owned()
        }
        _ => describe(error),
    }
}

async fn settings(
    session: &Session,
    database: &str,
) -> Result<Vec<Setting>, tokio_postgres::Error> {
    let statement = "SELECT r.rolname::text, pg_catalog.unnest(s.setconfig) \
                     FROM pg_catalog.pg_db_role_setting s \
                     JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase \
                     LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole \
                     WHERE d.datname = $1 AND (s.setrole = 0 OR r.oid IS NOT NULL) \
                     ORDER BY r.rolname NULLS FIRST";
    let rows = session.query(statement, &[&database]).await?;
    let setting = |row: &tokio_postgres::Row| {
        let text: String = row.get(1);
        let (name, value) = text.split_once('=')?;
        let is_own = name.to_lowercase().starts_with(OWN_SETTINGS);
        let (name, value) = (name.to_owned(), value.to_owned());
        (!is_own).then(|| Setting { role: row.get(0), name, value })
    };
    Ok(rows.iter().filter_map(setting).collect())
}

async fn labels(
    session: &Session,
    database: &str,
) -> Result<Vec<(String, String)>, tokio_postgres::Error> {
    let statement = "SELECT l.provider, l.label FROM pg_catalog.pg_shseclabel l \
                     JOIN pg_catalog.pg_database d ON d.oid = l.objoid WHERE d.datname = $1 \
                     AND l.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass ORDER BY 1";
    let rows = session.query(statement, &[&database]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

async fn grants(session: &Session, database: &str) -> Result<Vec<Grant>, tokio_postgres::Error> {
    // In the order of the list, in which a role gets a privilege before it passes the privilege on.
    let statement = "SELECT pg_catalog.pg_get_userbyid(a.grantor)::text, \
                     CASE a.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END, \
                     a.privilege_type, a.is_grantable FROM pg_catalog.pg_database d, \
                     pg_catalog.aclexplode(d.datacl) WITH ORDINALITY \
                     AS a(grantor, grantee, privilege_type, is_grantable, place) \
                     WHERE d.datname = $1 ORDER BY a.place";
    let rows = session.query(statement, &[&database]).await?;
    let grant = |row: &tokio_postgres::Row| Grant {
        grantor: row.get(0),
        grantee: row.get(1),
        privilege: row.get(2),
        grantable: row.get(3),
    };
    Ok(rows.iter().map(grant).collect())
}

/// Converts a list of names, `"a b", c`, to the literals that make the same list: `'a b', 'c'`.
fn list(value: &str) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut name = String::new();
    let mut quoted = false;
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                name.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            _ if !quoted && character.is_ascii_whitespace() => {}
            _ => name.push(character),
        }
    }
    names.push(name);
    names.iter().map(|name| quote_literal(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_and_other_values_are_not() {
        for (value, literals) in [
            (r#""$user", public"#, "'$user', 'public'"),
            (r#""a, b", "c""d",e"#, r#"'a, b', 'c"d', 'e'"#),
            ("", "''"),
            (r#""""#, "''"),
        ] {
            assert_eq!(list(value), literals, "{value}");
        }
        let setting = |name: &str| Setting { role: None, name: name.into(), value: "a, b".into() };
        let of = |name: &str| setting(name).statement("\"x\"", Values::All);
        assert_eq!(of("search_path"), "ALTER DATABASE \"x\" SET \"search_path\" TO 'a', 'b'");
        assert_eq!(of("DateStyle"), "ALTER DATABASE \"x\" SET \"DateStyle\" TO 'a, b'");
    }

    #[test]
    fn values_that_may_be_secret_are_not_shown() {
        let secret = Setting {
            role: Some("O'Neil".into()),
            name: "app.key".into(),
            value: "hunter2".into(),
        };
        assert!(secret.statement("\"x\"", Values::All).contains("hunter2"));
        let shown =
            secret.statement("\"x\"", Values::Harmless) + &secret.describe(Values::Harmless);
        assert!(!shown.contains("hunter2") && shown.contains("not printed"), "{shown}");
        let plain = Setting { role: None, name: "work_mem".into(), value: "64MB".into() };
        assert!(plain.statement("\"x\"", Values::Harmless).contains("64MB"));
    }
}
