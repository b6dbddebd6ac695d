//! Whether a restore on Heroku's side left the whole of the backup.
//!
//! Heroku calls a restore completed although some of its statements failed, and counts them as
//! warnings. A table whose rows could not be copied lacks, as a rule, the keys that point at it, as
//! they find nothing there. So the names of tables, indices and constraints are compared with the
//! backup's table of contents. Rows are not counted: an archive does not say how many it has.

use std::collections::BTreeSet;

use crate::adapters::postgres::{PostgresError, Session};
use crate::archive::Toc;
use crate::failure::{CommandError, FailureKind};
use crate::reset::world::Reset;
use crate::restore::{Contents, OpenBackup};
use crate::runbook::StepResult;

/// How many names an error tells.
const TOLD: usize = 5;

/// Everything that is a table, an index or a constraint, in the words of an archive: kind, schema,
/// and the tag, which is `TABLE NAME` for constraints.
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

/// Compares staging's database with the backup that was restored into it. Gives an error that tells
/// of what is not there, if anything is.
///
/// # Errors
///
/// Where they could not be compared.
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
    // A table comes before what is lacking because of it.
    missing.sort_by_key(|(kind, ..)| kind != "TABLE");
    let name = |(kind, schema, tag): Name| format!("{} {schema}.{tag}", kind.to_ascii_lowercase());
    let missing: Vec<String> = missing.into_iter().map(name).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let told = missing.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
    let more = missing.len().saturating_sub(TOLD);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let text = format!(
        "Heroku calls the restore of {} completed, and this of it is not there: {told}{more}",
        world.answers.backup.name
    );
    let logs = format!("heroku pg:backups --app {}   # lists the restore", world.app_name());
    Ok(Some(CommandError::new(FailureKind::RemoteJob, text).hint(logs)))
}

/// What of the archive has to be there.
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
