//! Reads and checks everything that can be known of a backup before anything is written: its
//! contents, and the manifest's rule for each table.
//!
//! Every load goes through here, into a new database or an existing one, so no way of loading can
//! miss a check.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::load::{LoadOptions, LoadReport, load};
use super::{BackupSource, ExtensionPlan, OpenBackup, RestoreError, RestorePlan};
use crate::activity::STALLED;
use crate::activity::{Activity, NoServer, Stall};
use crate::adapters::postgres::DatabaseUrl;
use crate::archive::formats::convert;
use crate::archive::{ArchiveError, ArchiveReader, ColumnValues, Toc, read_schema};
use crate::events::SharedReporter;
use crate::failure::{CommandError, FailureKind};
use crate::schema::{Schema, TableName};
use crate::scrub::{
    AuditCount, BlocksError, LargeObjects, Manifest, PlanError, ScrubPlan, TableAction,
    Unclassified, Verdict, audit_definitions, check_blocks, plan_without,
};

/// Why a backup cannot be loaded. Nothing was written.
#[derive(Debug, Error)]
pub enum PrepareError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Blocks(#[from] BlocksError),
    /// The manifest does not fit: a table or column without a class, for example.
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error("cannot read the backup: its reader ended early")]
    ReaderEnded,
    #[error("cannot read the backup: {0}")]
    Stalled(Stall),
}

/// An archive whose table of contents was read, and whose blocks all hold rows of its own tables.
pub struct Contents {
    reader: ArchiveReader<Box<dyn Read + Send>>,
    pub schema: Schema,
    pub total_bytes: Option<u64>,
    again: Arc<dyn BackupSource + Sync>,
    activity: Activity,
}

impl Contents {
    /// Reads the table of contents. The rows after it are read later.
    pub async fn read(backup: OpenBackup) -> Result<Contents, PrepareError> {
        let OpenBackup { bytes, length, again, activity, reporter } = backup;
        // Reading blocks the thread, so it runs on a thread where that is allowed.
        let reading =
            tokio::task::spawn_blocking(move || ArchiveReader::open(convert(bytes)?.bytes));
        let reader = tokio::select! {
            opened = reading => opened.map_err(|_| PrepareError::ReaderEnded)??,
            stall = activity.watch(&reporter, NoServer) => return Err(PrepareError::Stalled(stall)),
        };
        let schema = read_schema(reader.toc())?;
        check_blocks(reader.toc(), &schema)?;
        Ok(Contents { reader, schema, total_bytes: length, again, activity })
    }

    pub fn toc(&self) -> &Arc<Toc> {
        self.reader.toc()
    }

    /// The materialized views that the archive fills.
    pub fn materialized_views(&self) -> BTreeSet<TableName> {
        let entries = self.toc().entries().iter();
        let views = entries.filter(|entry| entry.entry_type == "MATERIALIZED VIEW");
        views.map(|entry| entry.table_name()).collect()
    }

    /// The encoding of the archive's text.
    pub fn encoding(&self) -> &str {
        self.toc().encoding().unwrap_or("UTF8")
    }

    /// The manifest's rule for every table.
    ///
    /// # Errors
    ///
    /// All tables and columns that the manifest does not class, and all contradictions to the
    /// schema.
    pub fn scrub_plan(&self, manifest: &Manifest, policy: &str) -> Result<ScrubPlan, PlanError> {
        let order: Vec<TableName> =
            self.toc().table_data().map(|entry| entry.table_name()).collect();
        ScrubPlan::new(manifest, policy, &self.schema, &order)
    }
}

impl Contents {
    /// The same, but unclassified tables and columns are loaded without their contents.
    ///
    /// # Errors
    ///
    /// Any other contradiction, and columns that cannot be loaded without a value.
    pub fn scrub_plan_without(
        &self,
        manifest: &Manifest,
        policy: &str,
    ) -> Result<(ScrubPlan, Unclassified), PlanError> {
        let order: Vec<TableName> =
            self.toc().table_data().map(|entry| entry.table_name()).collect();
        let values = ColumnValues::read(self.toc());
        plan_without(manifest, policy, &self.schema, &order, &values)
    }
}

/// A checked backup that may be loaded.
pub struct Prepared {
    pub contents: Contents,
    pub plan: Arc<RestorePlan>,
    /// `None` loads the rows unchanged.
    pub scrub: Option<Arc<ScrubPlan>>,
    pub excluded: BTreeSet<TableName>,
    /// What the audit counted in the definitions.
    definitions: Vec<AuditCount>,
    with_large_objects: bool,
}

/// Where to load a backup, and how.
pub struct LoadTarget {
    /// An empty database, which this role owns.
    pub url: DatabaseUrl,
    pub extensions: ExtensionPlan,
    /// Sessions that copy, and as many that build indexes.
    pub jobs: usize,
    /// How long to wait for another session's lock. Zero waits for ever, which is right for a new
    /// database that nobody else uses.
    pub lock_timeout: Duration,
    /// Whether each table's rows are counted again when everything is built.
    pub count_rows: bool,
}

impl Prepared {
    /// Prepares a backup so that every row passes through the manifest's rules and the audit.
    pub fn scrubbed(
        contents: Contents,
        manifest: &Manifest,
        policy: &str,
    ) -> Result<Prepared, PrepareError> {
        let scrub = contents.scrub_plan(manifest, policy)?;
        Ok(Prepared::new(contents, Some(scrub), BTreeSet::new())?)
    }

    /// # Errors
    ///
    /// If entries of the archive wait for each other, rows would be lost, or definitions hold
    /// personal data.
    pub fn new(
        contents: Contents,
        scrub: Option<ScrubPlan>,
        excluded: BTreeSet<TableName>,
    ) -> Result<Prepared, RestoreError> {
        let with_large_objects =
            scrub.as_ref().is_none_or(|plan| plan.large_objects() == LargeObjects::Content);
        let plan = Arc::new(RestorePlan::new(contents.toc(), with_large_objects));
        plan.check_order()?;
        let losses = plan.losses(|table| has_rows(scrub.as_ref(), &excluded, table));
        if !losses.is_empty() {
            return Err(RestoreError::RowsLost { losses });
        }
        let definitions = match &scrub {
            Some(scrub) => audited_definitions(&plan, scrub)?,
            None => Vec::new(),
        };
        let scrub = scrub.map(Arc::new);
        Ok(Prepared { contents, plan, scrub, excluded, definitions, with_large_objects })
    }

    /// Says whether a table has rows to load.
    pub fn has_rows(&self) -> impl Fn(&TableName) -> bool + Send + Sync + 'static {
        let (scrub, excluded) = (self.scrub.clone(), self.excluded.clone());
        move |table| has_rows(scrub.as_deref(), &excluded, table)
    }

    /// Loads the backup. After an error the database is useless.
    pub async fn load(
        self,
        target: LoadTarget,
        reporter: SharedReporter,
    ) -> Result<LoadReport, RestoreError> {
        let Contents { reader, total_bytes, again, activity, .. } = self.contents;
        let plan = match target.extensions.skipped.is_empty() {
            true => self.plan,
            false => Arc::new(self.plan.without(&target.extensions.skipped)),
        };
        let options = LoadOptions {
            target,
            plan,
            scrub: self.scrub,
            definitions: self.definitions,
            excluded: self.excluded,
            with_large_objects: self.with_large_objects,
            total_bytes,
            activity,
        };
        load(reader, again, options, reporter).await
    }
}

fn has_rows(scrub: Option<&ScrubPlan>, excluded: &BTreeSet<TableName>, table: &TableName) -> bool {
    let plan = scrub.and_then(|scrub| scrub.table(table));
    !excluded.contains(table) && plan.is_none_or(|plan| plan.action != TableAction::Delete)
}

/// Audits every definition that the load would run.
fn audited_definitions(
    plan: &RestorePlan,
    scrub: &ScrubPlan,
) -> Result<Vec<AuditCount>, RestoreError> {
    let post_data = plan.post_data.iter().map(|entry| entry.index);
    let indexes = plan.pre_data.iter().copied().chain(post_data).chain(plan.refreshes.clone());
    let counts = audit_definitions(scrub, indexes.filter_map(|index| plan.entry(index)));
    let findings: Vec<AuditCount> =
        counts.iter().filter(|count| count.verdict == Verdict::Finding).cloned().collect();
    if findings.is_empty() { Ok(counts) } else { Err(RestoreError::PersonalData { findings }) }
}

/// One job per core, but at least two, because the server sometimes waits for the client, and at
/// most four, because more are limited by the disk of a laptop or a small database plan.
pub fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4)
}

impl From<PrepareError> for CommandError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Archive(error) => error.into(),
            PrepareError::Blocks(error) => error.into(),
            PrepareError::Plan(error) => error.into(),
            PrepareError::Restore(error) => error.into(),
            PrepareError::Stalled(_) => {
                CommandError::wrap(FailureKind::Unexpected, error).hint(STALLED)
            }
            PrepareError::ReaderEnded => CommandError::wrap(FailureKind::Unexpected, error),
        }
    }
}
