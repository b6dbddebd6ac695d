//! Extensions: which of them this server can create, found out before the rows are fetched.

use std::collections::HashSet;

use crate::adapters::postgres::Session;

use super::{RestoreError, RestorePlan};

/// Extensions that observe a server and hold none of a site's data. Where they cannot be created
/// they are left out with a note.
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

/// Which extensions of the archive are not to be created here.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ExtensionPlan {
    pub left_out: HashSet<String>,
}

/// Compares the archive's extensions with what the server offers and what this role may create.
///
/// # Errors
///
/// Names every extension that the data may need and that cannot be had.
pub async fn check_extensions(
    session: &Session,
    plan: &RestorePlan,
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
    let (left_out, missing): (Vec<&str>, Vec<&str>) = names
        .into_iter()
        .filter(|name| !creatable.contains(*name))
        .partition(|name| DISPENSABLE.contains(name));
    if missing.is_empty() {
        let left_out = left_out.into_iter().map(str::to_owned).collect();
        Ok(ExtensionPlan { left_out })
    } else {
        let names = missing.into_iter().map(str::to_owned).collect();
        Err(RestoreError::MissingExtensions { names })
    }
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
