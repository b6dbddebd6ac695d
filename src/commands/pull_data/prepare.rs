//! Reads all that is known before the first write: the archive's contents, what the server lacks,
//! and the manifest's rule for each table.

use std::collections::BTreeSet;

use crate::cli::PullDataArgs;
use crate::commands::Context;
use crate::deployment::manifest;
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::restore::databases::Databases;
use crate::restore::scratch::check_written_values;
use crate::restore::{self, Contents, ExtensionPlan, PrepareError, check_extensions};
use crate::schema::{ForeignKey, Schema, TableName};
use crate::scrub::{ScrubPlan, TableAction, Unclassified};
use crate::words::{did_you_mean, shell_word};

use super::backup::Backup;
use super::unclassified;

/// The policy for every developer's machine.
const POLICY: &str = "local";

/// A backup that this server can load.
pub struct PreparedPull {
    pub backup: Backup,
    pub archive: restore::Prepared,
    pub extensions: ExtensionPlan,
    /// Tables and columns without a class, which are loaded empty.
    pub emptied: Unclassified,
}

impl PreparedPull {
    pub fn tables(&self) -> u64 {
        self.archive.contents.toc().table_data().count() as u64
    }
}

pub async fn open(
    context: &Context,
    args: &PullDataArgs,
    databases: &Databases,
    backup: Backup,
) -> Result<PreparedPull, CommandError> {
    let reading = Contents::read(backup.open().await?.telling(context.reporter())).await;
    let contents = reading.map_err(|error| error_with_name(error, &backup))?;
    let excluded = excluded(args, &contents)?;
    check_users_table(context, args, &contents.schema)?;
    let (scrub, emptied) = match args.no_scrub {
        true => (None, Unclassified::default()),
        false => {
            let manifest = manifest::load(&context.settings)?;
            let (scrub, emptied) = unclassified::plan(context, args, &contents, &manifest, POLICY)?;
            (Some(scrub), emptied)
        }
    };
    for note in scrub.iter().flat_map(|plan| plan.notes()) {
        if context.ui.verbose() {
            context.ui.emit(Event::Note(note.clone()));
        }
    }
    check_exclusions(&contents.schema, scrub.as_ref(), &excluded)?;
    let archive = restore::Prepared::new(contents, scrub, excluded)?;
    let has_rows = archive.has_rows();
    let extensions = check_extensions(databases.session(), &archive.plan, has_rows).await?;
    if let Some(scrub) = &archive.scrub {
        let contents = &archive.contents;
        check_written_values(databases, contents, &archive.plan, &extensions, scrub).await?;
    }
    Ok(PreparedPull { backup, archive, extensions, emptied })
}

fn error_with_name(error: PrepareError, backup: &Backup) -> CommandError {
    match (error, backup) {
        (PrepareError::Archive(error), Backup::File(path)) => error.of_file(path),
        (error, _) => error.into(),
    }
}

/// The table, the table that it is a partition of, and so on.
fn lineage<'a>(schema: &'a Schema, table: &'a TableName) -> Vec<&'a TableName> {
    let parent = |name: &&'a TableName| schema.tables.get(*name)?.partition_of.as_ref();
    std::iter::successors(Some(table), parent).take(64).collect()
}

/// Checks it before the load, which can take an hour.
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
        FailureKind::Configuration,
        format!("cannot set a password: the backup has no table {name} with Django's users"),
    )
    .hint("set local.users_table in bcops.toml to the table of Django's users"))
}

/// The named tables with all of their partitions, which hold the rows. A named materialized view
/// stays empty.
fn excluded(args: &PullDataArgs, contents: &Contents) -> Result<BTreeSet<TableName>, CommandError> {
    let schema = &contents.schema;
    let views = contents.materialized_views();
    let mut excluded = BTreeSet::new();
    for name in &args.exclude_data {
        let table = TableName::parse(name);
        if views.contains(&table) {
            excluded.insert(table);
            continue;
        }
        if !schema.tables.contains_key(&table) {
            let text = format!("--exclude-data {name}: the backup has no such table");
            let known: Vec<String> = schema.tables.keys().map(TableName::short).collect();
            let near = did_you_mean(name, known.iter().map(String::as_str));
            let list = "bcops pull-data production --dry-run   # lists the tables".to_owned();
            return Err(CommandError::new(FailureKind::Usage, text).hint(near.unwrap_or(list)));
        }
        let family = schema.tables.keys().filter(|one| lineage(schema, one).contains(&&table));
        excluded.extend(family.cloned());
    }
    Ok(excluded)
}

/// Refuses an excluded table that other rows refer to: their foreign key would fail an hour later.
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
                FailureKind::Usage,
                format!(
                    "--exclude-data {}: rows of {} refer to it ({})",
                    key.references.short(),
                    name.short(),
                    key.name
                ),
            )
            .hint(format!("add --exclude-data {}", shell_word(&name.short()))));
        }
    }
    Ok(())
}
