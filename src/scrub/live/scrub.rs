//! Runs the scrubbing transaction, from the locks to the commit.

use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;

use schemars::JsonSchema;
use serde::Serialize;

use super::foreign_keys::{self, SetAside};
use super::locks::{Strength, explain, lock};
use super::planned_changes::{self, Depth};
use super::statements::{Assignment, ROW, Statements};
use super::truncate::{loses_all, truncatable, truncate};
use super::{
    Access, Limits, LiveError, LiveSchema, PlannedChanges, SCRUB_STEP, audit, begin, check_values,
    edits, read_live_schema, side_effects, statistics,
};
use crate::adapters::postgres::Session;
use crate::events::{Event, Progress, SharedReporter, Unit};
use crate::schema::{TableName, quote_identifier};
use crate::scrub::{AuditCount, DroppedMember, LargeObjects, Manifest, ScrubPlan};

/// What happened to one table's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TableChange {
    pub table: TableName,
    /// In words.
    pub rule: String,
    pub deleted: u64,
    /// Rows with columns that were set or nulled.
    pub set: u64,
    /// Rows with edited values.
    pub edited: u64,
    /// Members of JSON that were dropped because nothing names them.
    #[serde(skip)]
    pub dropped_members: Vec<DroppedMember>,
}

/// What was done, and what the audit found afterwards.
#[derive(Debug)]
pub struct LiveReport {
    /// Every table whose rule does something, whether rows changed or not.
    pub tables: Vec<TableChange>,
    pub audit: Vec<AuditCount>,
    pub large_objects: u64,
    /// What could not be done. The rows are right all the same.
    pub warnings: Vec<String>,
    pub took: Duration,
}

/// How often the scrub starts again if the schema changes during the run.
const ATTEMPTS: usize = 3;

/// A scrub that was proved and is ready to be committed. Until then the database is unchanged.
#[must_use = "an uncommitted scrub is rolled back"]
pub struct Uncommitted(LiveReport);

impl Uncommitted {
    /// Commits. Must not be cancelled: only the server's answer says whether the commit happened.
    pub async fn commit(self, session: &Session) -> Result<LiveReport, LiveError> {
        let committed = session.batch_execute("COMMIT").await;
        committed.map(|()| self.0).map_err(|error| LiveError::Commit { source: error.into() })
    }
}

/// Scrubs the session's database in one transaction, which is then ready to be committed. If the
/// audit fails, it is rolled back. `expected` is what an earlier look at the database counted.
pub async fn scrub(
    session: &Session,
    manifest: &Manifest,
    policy: &str,
    limits: &Limits,
    expected: &[PlannedChanges],
    reporter: &SharedReporter,
) -> Result<Uncommitted, LiveError> {
    for _ in 0..ATTEMPTS {
        let error = match attempt(session, manifest, policy, limits, expected, reporter).await {
            Ok(report) => return Ok(Uncommitted(report)),
            Err(error) => error,
        };
        // A lost connection also rolls back.
        let _ = session.batch_execute("ROLLBACK").await;
        if !matches!(error, LiveError::SchemaChanged) {
            return Err(explain(session, error).await);
        }
    }
    Err(LiveError::SchemaChanged)
}

async fn attempt(
    session: &Session,
    manifest: &Manifest,
    policy: &str,
    limits: &Limits,
    expected: &[PlannedChanges],
    reporter: &SharedReporter,
) -> Result<LiveReport, LiveError> {
    let started = Instant::now();
    begin(session, Access::Write, limits).await?;
    // The schema may have changed since the question was asked.
    let live = read_live_schema(&**session).await?;
    let plan = plan(manifest, policy, &live)?;
    let run = Run {
        session,
        limits,
        reporter,
        statements: Statements { plan: &plan, live: &live },
        expected,
    };
    let report = run.apply_and_prove().await?;
    Ok(LiveReport { took: started.elapsed(), ..report })
}

struct Run<'a> {
    session: &'a Session,
    limits: &'a Limits,
    reporter: &'a SharedReporter,
    statements: Statements<'a>,
    expected: &'a [PlannedChanges],
}

impl Run<'_> {
    async fn apply_and_prove(&self) -> Result<LiveReport, LiveError> {
        let Statements { plan, live } = self.statements;
        let emptied = truncatable(self.statements);
        let keys =
            foreign_keys::find(self.session, self.statements, self.expected, &emptied).await?;
        lock(self.session, &self.locks(&emptied, &keys)).await?;
        // A session that held a lock may have added a column that was not checked.
        if read_live_schema(&**self.session).await? != *live {
            return Err(LiveError::SchemaChanged);
        }
        let changing = self.changing_tables();
        let silenced = side_effects::silence(self.session, &changing).await?;
        keys.drop_all(self.session).await?;
        self.session.batch_execute("SET CONSTRAINTS ALL DEFERRED").await?;
        let tables = self.apply(&changing, &emptied).await?;
        let large_objects = self.remove_large_objects().await?;
        // Constraints that would fail at the commit fail here, where the error differs from a lost
        // connection. A table with pending checks could not be altered either.
        self.session.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await?;
        keys.add_again(self.session).await?;
        silenced.undo(self.session).await?;
        self.refresh_views().await?;
        self.run_after_statements().await?;
        self.check_applied().await?;
        let warnings = self.renew_statistics(&tables).await?;
        let audit = audit(self.session, plan, live, self.reporter).await?;
        if !audit.passed() {
            let (findings, doubts) = (audit.findings(), audit.doubts());
            return Err(LiveError::PersonalData { findings, doubts });
        }
        let audit = audit.counts;
        Ok(LiveReport { tables, audit, large_objects, warnings, took: Duration::ZERO })
    }

    /// The tables whose rule does something.
    fn changing_tables(&self) -> Vec<TableName> {
        let names = self.statements.live.holding_rows().map(|(name, _)| name);
        let changes = |name: &&TableName| {
            let rule = self.statements.plan.table(name).and_then(|plan| plan.rule.as_ref());
            rule.is_some_and(|rule| {
                rule.rows != crate::scrub::rules::RowRule::Keep || !rule.columns.is_empty()
            })
        };
        names.filter(changes).cloned().collect()
    }

    fn locks(&self, emptied: &[TableName], keys: &SetAside) -> Vec<(TableName, Strength)> {
        let mut locks: std::collections::BTreeMap<TableName, Strength> =
            self.changing_tables().into_iter().map(|table| (table, Strength::Writers)).collect();
        for table in emptied.iter().chain(keys.tables()) {
            locks.insert(table.clone(), Strength::Everybody);
        }
        locks.into_iter().collect()
    }

    async fn apply(
        &self,
        changing: &[TableName],
        emptied: &[TableName],
    ) -> Result<Vec<TableChange>, LiveError> {
        let description = "Applying the rules".to_owned();
        self.reporter.emit(Event::StepStarted { step: SCRUB_STEP, description });
        let truncated = truncate(self.session, emptied, self.limits).await?;
        let mut changes = Vec::new();
        for (done, table) in changing.iter().enumerate() {
            let progress = Progress {
                done: done as u64,
                total: Some(changing.len() as u64),
                unit: Unit::Items,
                current: table.short(),
            };
            self.reporter.emit(Event::StepProgress { step: SCRUB_STEP, progress });
            let mut change = self.new_change(table);
            match truncated.iter().find(|(name, _)| name == table) {
                Some((_, rows)) => change.deleted = *rows,
                None => self.apply_rule(&mut change).await?,
            }
            changes.push(change);
        }
        let sum = |field: fn(&TableChange) -> u64| changes.iter().map(field).sum::<u64>();
        let summary = format!(
            "Applied the rules: {} rows deleted, {} set, {} edited",
            sum(|change| change.deleted),
            sum(|change| change.set),
            sum(|change| change.edited)
        );
        self.reporter.emit(Event::StepFinished { step: SCRUB_STEP, summary });
        Ok(changes)
    }

    fn new_change(&self, table: &TableName) -> TableChange {
        let rule = self.statements.plan.table(table).map(|plan| plan.description.clone());
        let rule = rule.unwrap_or_default();
        TableChange {
            table: table.clone(),
            rule,
            deleted: 0,
            set: 0,
            edited: 0,
            dropped_members: Vec::new(),
        }
    }

    async fn apply_rule(&self, change: &mut TableChange) -> Result<(), LiveError> {
        let table = change.table.clone();
        let relation = self.statements.live.relation(&table);
        let failed = LiveError::of_statement(&table, "scrub", self.limits);
        for condition in self.statements.drop_conditions(&table) {
            let statement = format!("DELETE FROM {relation} AS {ROW} WHERE {condition}");
            change.deleted += self.session.execute(&statement, &[]).await.map_err(&failed)?;
        }
        change.set += self.set_columns(&table).await?;
        for lookup in self.statements.lookups(&table) {
            let column = quote_identifier(&lookup.column);
            let condition = &lookup.condition;
            let statement =
                format!("UPDATE {relation} AS {ROW} SET {column} = NULL WHERE {condition}");
            change.set += self.session.execute(&statement, &[]).await.map_err(&failed)?;
        }
        let purpose = edits::Purpose::Write;
        let edited =
            edits::edit_rows(self.session, self.statements, &table, "true", purpose, self.limits)
                .await?;
        change.edited = edited.rows;
        change.dropped_members = edited.dropped.of_table(&table);
        Ok(())
    }

    /// Sets columns, with random values first where rows are in each other's way. The server checks
    /// unique keys row by row: a row can be refused because another row has its new value and is
    /// about to get a different one. Only the server can say which rows conflict, because a key may
    /// compare by an expression or a collation.
    async fn set_columns(&self, table: &TableName) -> Result<u64, LiveError> {
        let failed = LiveError::of_statement(table, "scrub", self.limits);
        let Some(update) = self.update(table, &self.statements.assignments(table)) else {
            return Ok(0);
        };
        let Some(chance) = self.update(table, &self.statements.chance_values(table)) else {
            return self.session.execute(&update, &[]).await.map_err(failed);
        };
        self.session.batch_execute("SAVEPOINT bcops_set").await?;
        let result = self.session.execute(&update, &[]).await;
        let in_the_way =
            matches!(&result, Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION));
        let back = if in_the_way { "ROLLBACK TO bcops_set; " } else { "" };
        if in_the_way || result.is_ok() {
            self.session.batch_execute(&format!("{back}RELEASE bcops_set")).await?;
        }
        if !in_the_way {
            return result.map_err(failed);
        }
        self.session.execute(&chance, &[]).await.map_err(&failed)?;
        self.session.execute(&update, &[]).await.map_err(&failed)
    }

    /// One statement for all assignments, if there are any.
    fn update(&self, table: &TableName, assignments: &[Assignment]) -> Option<String> {
        let relation = self.statements.live.relation(table);
        let (values, conditions): (Vec<String>, Vec<String>) = assignments
            .iter()
            .map(|one| {
                let value = format!("{} = {}", quote_identifier(&one.column), one.value);
                (value, format!("({})", one.condition))
            })
            .unzip();
        let (values, conditions) = (values.join(", "), conditions.join(" OR "));
        let statement = format!("UPDATE {relation} AS {ROW} SET {values} WHERE {conditions}");
        (!assignments.is_empty()).then_some(statement)
    }

    async fn remove_large_objects(&self) -> Result<u64, LiveError> {
        let Statements { plan, live } = self.statements;
        if !live.schema.has_large_objects || plan.large_objects() == LargeObjects::Content {
            return Ok(0);
        }
        let statement = "SELECT pg_catalog.count(pg_catalog.lo_unlink(oid)) \
             FROM pg_catalog.pg_largeobject_metadata";
        let removed: i64 = self.session.query_one(statement, &[]).await?.get(0);
        Ok(u64::try_from(removed).unwrap_or_default())
    }

    /// Runs the manifest's own SQL. It may do anything except end the transaction.
    async fn run_after_statements(&self) -> Result<(), LiveError> {
        let identity = "SELECT pg_catalog.txid_current()";
        let before: i64 = self.session.query_one(identity, &[]).await?.get(0);
        // Names mean tables of the public schema, as in a pull.
        self.session.batch_execute("SET LOCAL search_path = public").await?;
        for statement in self.statements.plan.after_statements() {
            let failed = |source| LiveError::After { statement: statement.to_owned(), source };
            self.session.batch_execute(statement).await.map_err(|error| failed(error.into()))?;
        }
        let after: i64 = self.session.query_one(identity, &[]).await?.get(0);
        if before != after {
            return Err(LiveError::TransactionEnded);
        }
        let back = "SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL search_path = ''";
        Ok(self.session.batch_execute(back).await?)
    }

    /// Refreshes materialized views, which hold copies of the changed rows.
    async fn refresh_views(&self) -> Result<(), LiveError> {
        for view in &self.statements.live.materialized_views {
            let statement = format!("REFRESH MATERIALIZED VIEW {}", view.quoted());
            let failed = LiveError::of_statement(view, "refresh", self.limits);
            self.session.batch_execute(&statement).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Renews planner statistics. A table that loses every row may have kept the statistics of an
    /// earlier scrub.
    async fn renew_statistics(&self, tables: &[TableChange]) -> Result<Vec<String>, LiveError> {
        let changed = tables.iter().filter(|one| one.deleted + one.set + one.edited > 0);
        let changed: Vec<TableName> = changed.map(|one| one.table.clone()).collect();
        let emptied = tables.iter().map(|one| &one.table);
        let emptied: Vec<TableName> =
            emptied.filter(|table| loses_all(self.statements, table)).cloned().collect();
        statistics::renew(self.session, self.statements.live, &changed, &emptied).await
    }

    /// Checks that every rule holds now, edits inside values included. The audit alone would not
    /// notice a missing edit in published columns.
    async fn check_applied(&self) -> Result<(), LiveError> {
        let left =
            planned_changes::count(self.session, self.statements, Depth::Values, self.limits)
                .await?;
        let Some(rows) = left.into_iter().next() else { return Ok(()) };
        let plan = self.statements.plan.table(&rows.table);
        let rule = plan.map(|plan| plan.description.clone()).unwrap_or_default();
        let count = rows.total();
        Err(LiveError::NotApplied { table: rows.table, rule, rows: count })
    }
}

/// Reads the schema and makes the plan, for commands that look before they ask.
pub async fn look(
    session: &Session,
    manifest: &Manifest,
    policy: &str,
) -> Result<(LiveSchema, ScrubPlan), LiveError> {
    let live = read_live_schema(&**session).await?;
    let plan = plan(manifest, policy, &live)?;
    check_values(session, &plan, &live.schema).await?;
    Ok((live, plan))
}

fn plan(manifest: &Manifest, policy: &str, live: &LiveSchema) -> Result<ScrubPlan, LiveError> {
    let plan = ScrubPlan::new(manifest, policy, &live.schema, &[])?;
    Ok(plan.with_views(manifest, &live.views)?)
}
