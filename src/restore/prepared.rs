//! Everything that can be known of a backup before anything is written: its contents, and what the
//! manifest says of each table.
//!
//! Whatever loads a backup goes through here, into a new database or into one that is there, so
//! that no way of loading can leave a check of another one out.

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

/// Why a backup is not loaded. Nothing was written.
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
    #[error("the reader of the archive ended early")]
    ReaderEnded,
    #[error("cannot read the backup: {0}")]
    Stalled(Stall),
}

/// An archive whose table of contents was read, and whose blocks are rows of its own tables.
pub struct Contents {
    reader: ArchiveReader<Box<dyn Read + Send>>,
    pub schema: Schema,
    pub total_bytes: Option<u64>,
    again: Arc<dyn BackupSource + Sync>,
    activity: Activity,
}

impl Contents {
    /// Reads the table of contents. The rows behind it wait, as long as they have to.
    pub async fn read(backup: OpenBackup) -> Result<Contents, PrepareError> {
        let OpenBackup { bytes, length, again, activity, reporter } = backup;
        // Reading blocks, so it happens on a thread where that is allowed.
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

    /// What the manifest says of every table.
    ///
    /// # Errors
    ///
    /// Everything at once that the manifest does not class, or that contradicts the schema.
    pub fn scrub_plan(&self, manifest: &Manifest, policy: &str) -> Result<ScrubPlan, PlanError> {
        let order: Vec<TableName> =
            self.toc().table_data().map(|entry| entry.table_name()).collect();
        ScrubPlan::new(manifest, policy, &self.schema, &order)
    }
}

impl Contents {
    /// The same, with everything unclassified loaded without its contents.
    ///
    /// # Errors
    ///
    /// What else does not fit, and what has no value that it could be loaded with.
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

/// A backup that may be loaded.
pub struct Prepared {
    pub contents: Contents,
    pub plan: Arc<RestorePlan>,
    /// `None` takes the rows as they are.
    pub scrub: Option<Arc<ScrubPlan>>,
    pub excluded: BTreeSet<TableName>,
    /// What the audit has seen in the definitions.
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
    /// How long to wait for another session's lock; zero waits for ever, which is right where
    /// nobody else knows the database.
    pub lock_timeout: Duration,
    /// Whether each table's rows are counted once more when everything is built.
    pub count_rows: bool,
}

impl Prepared {
    /// A backup whose every row passes through the manifest's rules and the audit.
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
    /// An archive whose entries wait for each other, or whose definitions hold personal data.
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

    /// Says whether any row of a table is to be loaded.
    pub fn has_rows(&self) -> impl Fn(&TableName) -> bool + Send + Sync + 'static {
        let (scrub, excluded) = (self.scrub.clone(), self.excluded.clone());
        move |table| has_rows(scrub.as_deref(), &excluded, table)
    }

    /// Loads it. On an error the database is useless.
    pub async fn load(
        self,
        target: LoadTarget,
        reporter: SharedReporter,
    ) -> Result<LoadReport, RestoreError> {
        let Contents { reader, total_bytes, again, activity, .. } = self.contents;
        let plan = match target.extensions.left_out.is_empty() {
            true => self.plan,
            false => Arc::new(self.plan.without(&target.extensions.left_out)),
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

/// Looks into every definition that the load would run.
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

/// As many as there are cores, but at least two, as the server waits for the client at times, and
/// at most four, beyond which a laptop's disk is the limit, and a small plan's.
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
