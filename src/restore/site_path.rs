//! Builds the search path that the site's own functions were written for.
//!
//! pg_dump's SQL names schemas and runs with an empty search path. The bodies of functions are
//! dumped unchanged, and name tables and extensions as the site does. So statements that call them
//! run with the path of the archive's database, then `public`, then every other schema.

use crate::archive::{Toc, database_search_paths};
use crate::schema::quote_identifier;

use super::extensions::schema_of;

/// A list of schemas, as SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SitePath(String);

impl SitePath {
    pub fn of(toc: &Toc) -> SitePath {
        let mut parts: Vec<String> =
            database_search_paths(toc).into_iter().map(str::to_owned).collect();
        parts.push("\"$user\", public".to_owned());
        for entry in toc.entries() {
            let schema = match entry.entry_type.as_str() {
                "SCHEMA" => Some(entry.tag.clone()),
                "EXTENSION" => entry.definition.as_deref().and_then(schema_of),
                _ => None,
            };
            let schema = schema.map(|name| quote_identifier(&name));
            parts.extend(schema.filter(|name| !parts.contains(name)));
        }
        SitePath(parts.join(", "))
    }

    /// Sets the path for the rest of the session.
    pub fn set(&self) -> String {
        format!("SET search_path TO {};\n", self.0)
    }

    /// Sets the path for the rest of the transaction. `first` comes before all other schemas.
    pub fn set_local(&self, first: Option<&str>) -> String {
        let first = first.map(|name| format!("{}, ", quote_identifier(name))).unwrap_or_default();
        format!("SET LOCAL search_path TO {first}{};\n", self.0)
    }
}
