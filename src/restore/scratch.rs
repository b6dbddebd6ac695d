//! Evaluates the archive's own CHECK constraints in a temporary database without rows.
//!
//! It contains the archive's types, domains and functions, and only those tables whose rules write
//! values that a CHECK tests. If an object cannot be created, its check stays open, and the load
//! itself finds the cause.

use std::collections::HashSet;

use super::databases::Databases;
use super::session::SessionSettings;
use super::{Contents, ExtensionPlan, RestoreError, RestorePlan};
use crate::adapters::postgres::{Session, connect};
use crate::archive::{DumpId, TocEntry};
use crate::scrub::ScrubPlan;
use crate::scrub::live::check_values;

/// What a condition may use, besides tables.
const PARTS: [&str; 11] = [
    "SCHEMA",
    "EXTENSION",
    "SHELL TYPE",
    "TYPE",
    "DOMAIN",
    "COLLATION",
    "FUNCTION",
    "AGGREGATE",
    "OPERATOR",
    "CAST",
    "CHECK CONSTRAINT",
];

/// Evaluates the checks that the plan leaves open, in a temporary database that is then dropped.
///
/// # Errors
///
/// A plan error with every refused value, or that the server does not answer.
pub async fn check_written_values(
    databases: &Databases,
    contents: &Contents,
    plan: &RestorePlan,
    extensions: &ExtensionPlan,
    scrub: &ScrubPlan,
) -> Result<(), RestoreError> {
    if !scrub.open_checks().iter().any(|check| check.has_values()) {
        return Ok(());
    }
    let url = databases.create_scratch(contents.encoding()).await?;
    let evaluating = async {
        let session = connect(&url).await?;
        let settings =
            SessionSettings::for_archive(&session, contents.toc(), std::time::Duration::ZERO)
                .await?;
        settings.apply(&session).await?;
        session.batch_execute("SET statement_timeout = '10s'").await?;
        let tables = needed_tables(contents, scrub);
        create(&session, plan, extensions, &tables).await;
        session.batch_execute("BEGIN READ ONLY").await?;
        check_values(&session, scrub, &contents.schema).await?;
        session.close().await;
        Ok::<(), RestoreError>(())
    };
    let evaluated = evaluating.await;
    let dropped = databases.drop_scratch().await;
    evaluated?;
    Ok(dropped?)
}

/// The tables of the open checks, and the objects that their definitions need: parents, row types.
fn needed_tables(contents: &Contents, scrub: &ScrubPlan) -> HashSet<DumpId> {
    let toc = contents.toc();
    let is_asked_for = |entry: &&TocEntry| {
        entry.entry_type == "TABLE"
            && scrub.open_checks().iter().any(|check| check.table == entry.table_name())
    };
    let mut needed: HashSet<DumpId> = HashSet::new();
    let mut next: Vec<&TocEntry> = toc.entries().iter().filter(is_asked_for).collect();
    while let Some(entry) = next.pop() {
        if needed.insert(entry.id) {
            next.extend(entry.dependencies.iter().filter_map(|id| toc.get(*id)));
        }
    }
    needed
}

/// Creates each object separately, so that a failed one does not stop the others.
async fn create(
    session: &Session,
    plan: &RestorePlan,
    extensions: &ExtensionPlan,
    tables: &HashSet<DumpId>,
) {
    for entry in plan.pre_data.iter().filter_map(|index| plan.entry(*index)) {
        let wanted = PARTS.contains(&entry.entry_type.as_str())
            || (tables.contains(&entry.id) && entry.entry_type != "VIEW");
        if !wanted || extensions.skipped.contains(&entry.tag) && entry.entry_type == "EXTENSION" {
            continue;
        }
        let statement = plan.statement(entry);
        if entry.entry_type == "EXTENSION"
            && let Some(schema) = super::extensions::schema_of(&statement)
        {
            let schema = crate::schema::quote_identifier(&schema);
            let _ = session.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}")).await;
        }
        let _ = session.batch_execute(&statement).await;
    }
}
