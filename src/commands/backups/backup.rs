//! Writes a backup for `--json`, and as a line.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::heroku::{OfDatabase, Transfer};
use crate::ui::table::{Column, ago};
use crate::words;

use super::state;

/// Heroku's data of a transfer, without the URLs, which hold credentials.
#[derive(Serialize, JsonSchema)]
pub struct Backup {
    /// For example `b123`; `c7` for a copy, `r2` for a restore.
    pub name: String,
    pub number: u64,
    /// `scheduled`, `backup`, `copy` or `restore`.
    pub kind: &'static str,
    /// `pending`, `running`, `completed`, `completed with warnings`, `canceled`, `failed` or
    /// `deleted`.
    pub state: &'static str,
    pub created_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// The size of the backup so far.
    pub bytes: Option<u64>,
    pub database_bytes: Option<u64>,
    /// How many warnings pg_dump printed.
    pub warnings: u64,
}

/// Of `backups list`.
pub const COLUMNS: [Column; 6] = [
    Column::word("BACKUP"),
    Column::text("KIND").minor(1),
    Column::text("STATE"),
    Column::text("WHEN"),
    Column::number("SIZE"),
    Column::text("DATABASE"),
];

/// A backup of the app, and its database.
#[derive(Serialize, JsonSchema)]
pub struct ListedBackup {
    #[serde(flatten)]
    backup: Backup,
    /// The add-on. `null` if Heroku does not report it.
    database: Option<String>,
    /// Whether it is a backup of the environment's own database. `null` if that is unclear.
    of_this_database: Option<bool>,
}

impl From<&Transfer> for Backup {
    fn from(transfer: &Transfer) -> Self {
        Backup {
            name: transfer.name(),
            number: transfer.num,
            kind: kind(transfer),
            state: state(transfer),
            created_at: transfer.created_at,
            started_at: transfer.started_at,
            finished_at: transfer.finished_at,
            bytes: transfer.processed_bytes,
            database_bytes: transfer.source_bytes,
            warnings: transfer.warnings(),
        }
    }
}

fn kind(transfer: &Transfer) -> &'static str {
    match (transfer.is_backup(), transfer.from_type.as_deref()) {
        (true, _) if transfer.is_scheduled() => "scheduled",
        (true, _) => "backup",
        (false, Some("pg_dump")) => "copy",
        (false, _) => "restore",
    }
}

impl ListedBackup {
    /// Every backup of the app is listed. A command only uses those of its own database.
    pub fn new(transfer: &Transfer, of: &OfDatabase, database: &str) -> ListedBackup {
        let (database, of_this_database) = match of {
            OfDatabase::This => (Some(database.to_owned()), Some(true)),
            OfDatabase::Another(name) => (Some(name.clone()), Some(false)),
            OfDatabase::Unclear(name) => (name.clone(), None),
        };
        ListedBackup { backup: transfer.into(), database, of_this_database }
    }

    pub fn cells(&self) -> [String; 6] {
        let Backup { name, kind, state, created_at, started_at, finished_at, bytes, .. } =
            &self.backup;
        let database = match (&self.database, self.of_this_database) {
            (Some(name), Some(true)) => name.clone(),
            (Some(name), Some(false)) => format!("{name} (another database)"),
            (Some(name), None) => format!("{name} (unclear which)"),
            (None, _) => "(unclear which)".to_owned(),
        };
        let moment = finished_at.or(*started_at).or(*created_at);
        let age = moment.map_or_else(String::new, ago);
        let size = bytes.map_or_else(String::new, words::bytes);
        let (kind, state) = ((*kind).to_owned(), (*state).to_owned());
        [name.clone(), kind, state, age, size, database]
    }
}

pub fn age(at: Timestamp) -> String {
    let age = Timestamp::now().duration_since(at);
    words::duration(std::time::Duration::try_from(age).unwrap_or_default())
}
