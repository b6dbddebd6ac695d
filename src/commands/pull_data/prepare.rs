//! Everything that can be known before anything is written: the archive's contents, what the
//! server lacks, and what the manifest says of each table.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use crate::archive::{ArchiveReader, Toc, read_schema};
use crate::cli::PullDataArgs;
use crate::commands::{Context, manifest};
use crate::error::{CommandError, Kind};
use crate::events::{Event, Reporter};
use crate::restore::databases::Databases;
use crate::restore::{BackupSource, ExtensionPlan, RestorePlan, check_extensions};
use crate::schema::{ForeignKey, Schema, TableName};
use crate::scrub::{LargeObjects, ScrubPlan, TableAction, check_blocks};

use super::backup::{Backup, OpenSource};

/// The policy of everything that lands on a developer's machine.
const POLICY: &str = "local";

/// An archive whose table of contents was read and found loadable.
pub struct Prepared {
    pub source: PreparedSource,
    pub reader: ArchiveReader<Box<dyn Read + Send>>,
    pub plan: Arc<RestorePlan>,
    pub extensions: ExtensionPlan,
    /// `None` with `--no-scrub`.
    pub scrub: Option<ScrubPlan>,
    pub excluded: BTreeSet<TableName>,
    pub with_large_objects: bool,
    pub total_bytes: Option<u64>,
}

/// The backup, for messages and for a second look.
pub struct PreparedSource {
    pub backup: Backup,
    again: Arc<dyn BackupSource + Sync>,
}

impl PreparedSource {
    pub fn describe(&self) -> String {
        self.backup.describe()
    }

    pub fn reader_again(&self) -> Arc<dyn BackupSource + Sync> {
        self.again.clone()
    }
}

impl Prepared {
    /// The encoding of the archive's text, which the new database gets.
    pub fn encoding(&self) -> &str {
        self.reader.toc().encoding().unwrap_or("UTF8")
    }
}

pub async fn open(
    context: &Context,
    args: &PullDataArgs,
    databases: &Databases,
    backup: Backup,
) -> Result<Prepared, CommandError> {
    let OpenSource { bytes, length, again } = backup.open().await?;
    let reader = read_contents(bytes).await.map_err(|error| error_with_name(error, &backup))?;
    let toc = reader.toc().clone();
    let schema = read_schema(&toc)?;
    let excluded = excluded(args, &schema)?;
    check_blocks(&toc, &schema)?;
    check_users_table(context, args, &schema)?;
    let scrub = if args.no_scrub { None } else { Some(scrub_plan(context, &toc, &schema)?) };
    for note in scrub.iter().flat_map(|plan| plan.notes()) {
        if context.ui.verbose() {
            context.ui.emit(Event::Note(note.clone()));
        }
    }
    check_exclusions(&schema, scrub.as_ref(), &excluded)?;
    let with_large_objects =
        scrub.as_ref().is_none_or(|plan| plan.large_objects() == LargeObjects::Content);
    let plan = Arc::new(RestorePlan::new(&toc, with_large_objects));
    plan.check_order()?;
    let extensions = check_extensions(databases.session(), &plan).await?;
    Ok(Prepared {
        source: PreparedSource { backup, again },
        reader,
        plan,
        extensions,
        scrub,
        excluded,
        with_large_objects,
        total_bytes: length,
    })
}

/// Reading blocks, so it happens on a thread where that is allowed.
async fn read_contents(
    bytes: Box<dyn Read + Send>,
) -> Result<ArchiveReader<Box<dyn Read + Send>>, CommandError> {
    let reading = tokio::task::spawn_blocking(move || ArchiveReader::open(bytes));
    match reading.await {
        Ok(reader) => Ok(reader?),
        Err(_) => Err(CommandError::new(Kind::Unexpected, "the reader of the archive ended early")),
    }
}

fn error_with_name(error: CommandError, backup: &Backup) -> CommandError {
    match backup {
        Backup::File(path) => {
            let (kind, hints) = (error.kind, error.hints.clone());
            let text = format!("{} cannot be loaded", path.display());
            let named = CommandError::new(kind, text).with_cause(error);
            hints.into_iter().fold(named, CommandError::hint)
        }
        _ => error,
    }
}

/// The table, the table that it is a partition of, and so on.
fn lineage<'a>(schema: &'a Schema, table: &'a TableName) -> Vec<&'a TableName> {
    let parent = |name: &&'a TableName| schema.tables.get(*name)?.partition_of.as_ref();
    std::iter::successors(Some(table), parent).take(64).collect()
}

/// Better now than after the load.
fn check_users_table(
    context: &Context,
    args: &PullDataArgs,
    schema: &Schema,
) -> Result<(), CommandError> {
    let name = &context.settings.local.users_table;
    let found = schema.tables.get(&TableName::public(name));
    let fits = found.is_some_and(|table| {
        ["username", "password", "is_superuser"].iter().all(|column| table.column(column).is_some())
    });
    if !args.set_password || fits {
        return Ok(());
    }
    Err(CommandError::new(
        Kind::Configuration,
        format!("--set-password: the backup has no table {name} with Django's users"),
    )
    .hint("set local.users_table in bcops.toml"))
}

/// The named tables with all of their partitions, which hold the rows.
fn excluded(args: &PullDataArgs, schema: &Schema) -> Result<BTreeSet<TableName>, CommandError> {
    let mut excluded = BTreeSet::new();
    for name in &args.exclude_data {
        let table = match name.split_once('.') {
            Some((schema, table)) => TableName::new(schema, table),
            None => TableName::public(name),
        };
        if !schema.tables.contains_key(&table) {
            let text = format!("--exclude-data {name}: the backup has no such table");
            return Err(CommandError::new(Kind::Usage, text));
        }
        let family = schema.tables.keys().filter(|one| lineage(schema, one).contains(&&table));
        excluded.extend(family.cloned());
    }
    Ok(excluded)
}

/// Rows that refer to a table without rows would be refused by their foreign key, an hour later.
fn check_exclusions(
    schema: &Schema,
    scrub: Option<&ScrubPlan>,
    excluded: &BTreeSet<TableName>,
) -> Result<(), CommandError> {
    let has_rows = |name: &TableName| {
        let deleted = scrub
            .and_then(|scrub| scrub.table(name))
            .is_some_and(|plan| plan.action == TableAction::Delete);
        !deleted && !excluded.contains(name)
    };
    for (name, table) in schema.tables.iter().filter(|(name, _)| has_rows(name)) {
        let loses = |key: &&ForeignKey| {
            excluded.iter().any(|one| lineage(schema, one).contains(&&key.references))
        };
        if let Some(key) = table.foreign_keys.iter().find(loses) {
            return Err(CommandError::new(
                Kind::Usage,
                format!(
                    "--exclude-data {}: rows of {} refer to it ({})",
                    key.references.short(),
                    name.short(),
                    key.name
                ),
            )
            .hint(format!("add --exclude-data {}", name.short())));
        }
    }
    Ok(())
}

fn scrub_plan(context: &Context, toc: &Toc, schema: &Schema) -> Result<ScrubPlan, CommandError> {
    let manifest = manifest::load(context)?;
    let order: Vec<TableName> = toc.table_data().map(|entry| entry.table_name()).collect();
    Ok(ScrubPlan::new(&manifest, POLICY, schema, &order)?)
}
