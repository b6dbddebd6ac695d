//! Checks that a restore by Heroku is complete.
//!
//! Heroku calls a restore completed even if some of its statements failed, and counts these as
//! warnings. If the rows of a table could not be copied, the foreign keys to it usually fail as
//! well. So the names of tables, indices and constraints are compared with the backup's table of
//! contents. Rows are not counted, because an archive does not say how many it has.

use std::collections::BTreeSet;

use crate::adapters::postgres::{PostgresError, Session};
use crate::archive::Toc;
use crate::failure::{CommandError, FailureKind};
use crate::reset::world::Reset;
use crate::restore::{Contents, OpenBackup};
use crate::runbook::StepResult;

/// How many names an error lists.
const LISTED: usize = 5;

/// Lists every table, index and constraint in an archive's terms: kind, schema, and tag, which is
/// `TABLE NAME` for constraints.
const THERE: &str = "\
SELECT 'TABLE', n.nspname::text, c.relname::text
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p')
UNION ALL
SELECT 'INDEX', n.nspname::text, c.relname::text
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
 WHERE c.relkind IN ('i', 'I') AND i.indisvalid
UNION ALL
SELECT CASE k.contype WHEN 'f' THEN 'FK CONSTRAINT' ELSE 'CONSTRAINT' END, n.nspname::text,
       c.relname || ' ' || k.conname
  FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";

type Name = (String, String, String);

/// Compares staging's database with the backup that was restored into it. Returns an error that
/// lists what is missing, if anything is.
///
/// # Errors
///
/// If they could not be compared.
pub(super) async fn missing(
    world: &Reset,
    owner: &str,
    backup: u64,
) -> StepResult<Option<CommandError>> {
    let opened = OpenBackup::download(&world.heroku, owner, backup).await?;
    let contents = Contents::read(opened).await?;
    let session = world.connect_destination().await?;
    let there = there(&session).await?;
    session.close().await;
    let mut missing: Vec<Name> = wanted(contents.toc()).difference(&there).cloned().collect();
    // Missing tables come first, because they explain the rest.
    missing.sort_by_key(|(kind, ..)| kind != "TABLE");
    let name = |(kind, schema, tag): Name| format!("{} {schema}.{tag}", kind.to_ascii_lowercase());
    let missing: Vec<String> = missing.into_iter().map(name).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let listed = missing.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    let more = missing.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let text = format!(
        "the restore of {} is incomplete, although Heroku calls it completed; missing: \
         {listed}{more}",
        world.answers.backup.name
    );
    let logs = format!("heroku pg:backups --app {}   # lists the restore", world.app_name());
    Ok(Some(CommandError::new(FailureKind::RemoteJob, text).hint(logs)))
}

/// The entries of the archive that the database must have.
fn wanted(toc: &Toc) -> BTreeSet<Name> {
    let kinds = ["TABLE", "INDEX", "CONSTRAINT", "FK CONSTRAINT"];
    let entries = toc.entries().iter().filter(|one| kinds.contains(&one.entry_type.as_str()));
    entries
        .map(|one| {
            let schema = one.namespace.clone().unwrap_or_default();
            (one.entry_type.clone(), schema, one.tag.clone())
        })
        .collect()
}

async fn there(session: &Session) -> Result<BTreeSet<Name>, PostgresError> {
    let rows = session.query(THERE, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}
