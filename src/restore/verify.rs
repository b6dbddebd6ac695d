//! Verifies on the server that everything the load should have built exists and is valid.

use std::collections::{HashMap, HashSet};

use crate::adapters::postgres::Session;
use crate::archive::TocEntry;

use super::unbuilt::Unbuilt;
use super::{RestoreError, RestorePlan};

/// What the server holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inventory {
    pub tables: u64,
    pub indexes: u64,
    pub constraints: u64,
    pub foreign_keys: u64,
}

/// A kind of entry: its name in archives, its names on the server, and its name in messages.
const KINDS: [(&str, &[&str], &str); 6] = [
    ("TABLE", &["table"], "table"),
    ("INDEX", &["index"], "index"),
    // A NOT NULL constraint is a CHECK on servers before 18.
    ("CONSTRAINT", &["p", "u", "x", "n", "c"], "constraint"),
    ("CHECK CONSTRAINT", &["c"], "CHECK constraint"),
    ("FK CONSTRAINT", &["f"], "foreign key"),
    ("TRIGGER", &["trigger"], "trigger"),
];

/// Compares the database with the archive by name and kind, and fails if something is missing or
/// not valid.
pub async fn verify(
    session: &Session,
    plan: &RestorePlan,
    unbuilt: &[Unbuilt],
) -> Result<Inventory, RestoreError> {
    check_indexes(session).await?;
    let found = everything(session).await?;
    let skipped: HashSet<&str> = unbuilt.iter().map(|one| one.entry.as_str()).collect();
    for entry in plan.built() {
        let Some((_, kinds, words)) = KINDS.iter().find(|kind| kind.0 == entry.entry_type) else {
            continue;
        };
        let name = (entry.namespace.as_deref().unwrap_or_default(), entry.tag.as_str());
        let is_there =
            kinds.iter().any(|kind| found.get(*kind).is_some_and(|names| names.has(name)));
        if !is_there && !skipped.contains(entry.describe().as_str()) {
            let text = format!("the {words} {}.{} is missing", name.0, name.1);
            return Err(RestoreError::Incomplete(text));
        }
    }
    let count = |kinds: &[&str]| {
        kinds.iter().filter_map(|kind| found.get(*kind)).map(|names| names.0.len() as u64).sum()
    };
    Ok(Inventory {
        tables: count(&["table"]),
        indexes: count(&["index"]),
        constraints: count(&["p", "u", "x"]),
        foreign_keys: count(&["f"]),
    })
}

async fn check_indexes(session: &Session) -> Result<(), RestoreError> {
    let invalid = session
        .query(
            "SELECT i.indexrelid::regclass::text FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid AND c.relkind = 'i'",
            &[],
        )
        .await?;
    match invalid.first() {
        None => Ok(()),
        Some(row) => {
            let name: String = row.get(0);
            Err(RestoreError::Incomplete(format!("the index {name} is not valid")))
        }
    }
}

/// Schemas and names, in the form of the archive's tags: `TABLE NAME` for objects of a table,
/// `DOMAIN NAME` for objects of a domain.
#[derive(Default)]
struct Names(HashSet<(String, String)>);

impl Names {
    fn has(&self, name: (&str, &str)) -> bool {
        self.0.contains(&(name.0.to_owned(), name.1.to_owned()))
    }
}

async fn everything(session: &Session) -> Result<HashMap<String, Names>, RestoreError> {
    let rows = session
        .query(
            "WITH mine AS (SELECT c.oid, n.nspname, c.relname, c.relkind \
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid \
                 AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e')) \
             SELECT CASE WHEN relkind IN ('r', 'p') THEN 'table' ELSE 'index' END, \
               nspname::text, relname::text FROM mine WHERE relkind IN ('r', 'p', 'i', 'I') \
             UNION ALL SELECT k.contype::text, nspname, relname || ' ' || conname \
               FROM pg_catalog.pg_constraint k JOIN mine ON mine.oid = k.conrelid \
             UNION ALL SELECT k.contype::text, n.nspname::text, t.typname || ' ' || k.conname \
               FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_type t ON t.oid = k.contypid \
               JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
             UNION ALL SELECT 'trigger', nspname, relname || ' ' || tgname \
               FROM pg_catalog.pg_trigger t JOIN mine ON mine.oid = t.tgrelid \
               WHERE NOT t.tgisinternal",
            &[],
        )
        .await?;
    let mut found: HashMap<String, Names> = HashMap::new();
    for row in rows {
        found.entry(row.get(0)).or_default().0.insert((row.get(1), row.get(2)));
    }
    Ok(found)
}

impl RestorePlan {
    /// The entries that are created, without refreshes.
    fn built(&self) -> impl Iterator<Item = &TocEntry> {
        let post_data = self.post_data.iter().map(|entry| entry.index);
        self.pre_data.iter().copied().chain(post_data).filter_map(|index| self.entry(index))
    }
}
