//! Finds out which extensions this server can create, before any rows are fetched.

use std::collections::{BTreeSet, HashSet};

use crate::adapters::postgres::Session;

use super::pre_data::schema_exists;
use super::{RestoreError, RestorePlan};
use crate::schema::{TableName, quote_identifier};

/// Extensions that serve the server's operation and hold no data of a site. No warning is needed if
/// they are skipped.
const DISPENSABLE: [&str; 9] = [
    "pg_stat_statements",
    "pg_buffercache",
    "pg_stat_kcache",
    "pg_prewarm",
    "pgstattuple",
    "auto_explain",
    "pg_cron",
    "pg_repack",
    "plpgsql",
];

/// Which extensions of the archive are skipped here.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ExtensionPlan {
    pub skipped: HashSet<String>,
}

impl ExtensionPlan {
    /// The skipped extensions that a site may miss, in order of their names.
    pub fn missed(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.skipped.iter().map(String::as_str).collect();
        names.retain(|name| !DISPENSABLE.contains(name));
        names.sort_unstable();
        names
    }
}

/// Compares the archive's extensions with what the server offers and what this role may create.
///
/// # Errors
///
/// Names every extension that rows need and that cannot be created.
pub async fn check_extensions(
    session: &Session,
    plan: &RestorePlan,
    has_rows: impl Fn(&TableName) -> bool,
) -> Result<ExtensionPlan, RestoreError> {
    let names: Vec<&str> = plan.extensions().map(|entry| entry.tag.as_str()).collect();
    if names.is_empty() {
        return Ok(ExtensionPlan::default());
    }
    let rows = session
        .query(
            "SELECT DISTINCT v.name, v.trusted OR NOT v.superuser OR r.rolsuper \
             FROM pg_catalog.pg_available_extension_versions v, pg_catalog.pg_roles r \
             WHERE r.rolname = current_user AND v.name = ANY($1)",
            &[&names],
        )
        .await?;
    let creatable: HashSet<String> = rows
        .iter()
        .filter(|row| row.get::<_, bool>(1))
        .map(|row| row.get::<_, String>(0))
        .collect();
    let is_refused = |name: &&str| !creatable.contains(*name);
    let skipped = names.into_iter().filter(is_refused).map(str::to_owned).collect();
    without(plan, skipped, has_rows)
}

/// # Errors
///
/// Names the extensions that rows need.
fn without(
    plan: &RestorePlan,
    skipped: HashSet<String>,
    has_rows: impl Fn(&TableName) -> bool,
) -> Result<ExtensionPlan, RestoreError> {
    if skipped.is_empty() {
        return Ok(ExtensionPlan::default());
    }
    let losses = plan.without(&skipped).losses(has_rows);
    let needed: BTreeSet<String> = losses.into_iter().filter_map(|loss| loss.extension).collect();
    match needed.is_empty() {
        true => Ok(ExtensionPlan { skipped }),
        false => Err(RestoreError::MissingExtensions { names: needed.into_iter().collect() }),
    }
}

/// Tries to create each of the archive's extensions in this database, then rolls everything back.
///
/// The catalog does not know a provider's own rules: Heroku lets roles create extensions that
/// elsewhere need a superuser. An extension that exists already counts as created.
///
/// # Errors
///
/// Names every extension that rows need and that cannot be created.
pub async fn try_extensions(
    session: &Session,
    plan: &RestorePlan,
    has_rows: impl Fn(&TableName) -> bool,
) -> Result<ExtensionPlan, RestoreError> {
    session.batch_execute("BEGIN").await?;
    let tried = try_each(session, plan).await;
    session.batch_execute("ROLLBACK").await?;
    without(plan, tried?, has_rows)
}

/// The names of the extensions that cannot be created.
async fn try_each(session: &Session, plan: &RestorePlan) -> Result<HashSet<String>, RestoreError> {
    let mut refused = HashSet::new();
    for entry in plan.extensions() {
        let definition = plan.statement(entry);
        let mut sql = "SAVEPOINT extension; ".to_owned();
        if let Some(schema) = schema_of(&definition)
            && !schema_exists(session, &schema).await?
        {
            sql.push_str(&format!("CREATE SCHEMA {}; ", quote_identifier(&schema)));
        }
        sql.push_str(&definition);
        match session.batch_execute(&sql).await {
            Ok(()) => session.batch_execute("RELEASE SAVEPOINT extension").await?,
            Err(error) if error.as_db_error().is_some() => {
                session.batch_execute("ROLLBACK TO SAVEPOINT extension").await?;
                refused.insert(entry.tag.clone());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(refused)
}

/// The schema in `CREATE EXTENSION … WITH SCHEMA name;`, unquoted.
pub fn schema_of(definition: &str) -> Option<String> {
    let rest = definition.split(" WITH SCHEMA ").nth(1)?.trim_start();
    if let Some(quoted) = rest.strip_prefix('"') {
        let mut name = String::new();
        let mut characters = quoted.chars().peekable();
        while let Some(character) = characters.next() {
            if character == '"' && characters.next_if_eq(&'"').is_none() {
                return Some(name);
            }
            name.push(character);
        }
        return None;
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))?;
    rest.get(..end).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_read_from_the_statement() {
        let schema = |sql| schema_of(sql);
        assert_eq!(
            schema("CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA heroku_ext;\n").as_deref(),
            Some("heroku_ext")
        );
        assert_eq!(
            schema("CREATE EXTENSION IF NOT EXISTS x WITH SCHEMA \"od\"\"d\";").as_deref(),
            Some("od\"d")
        );
        assert_eq!(schema("CREATE EXTENSION x;"), None);
        assert_eq!(schema("CREATE EXTENSION x WITH SCHEMA \"open"), None);
    }
}
