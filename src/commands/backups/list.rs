//! `backups list`: lists every backup of an environment's app.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::ListArgs;
use crate::commands::{Context, Outcome};
use crate::deployment::known_backups;
use crate::failure::CommandError;
use crate::ui::table::Table;

use super::backed_up;
use super::backup::{COLUMNS, ListedBackup};

/// The backups that Heroku has.
#[derive(Serialize, JsonSchema)]
pub struct Listing<'a> {
    environment: &'a str,
    app: &'a str,
    /// The add-on of the environment's own database.
    database: &'a str,
    /// The newest first, those of other databases of the app included.
    transfers: Vec<ListedBackup>,
}

pub async fn run(context: &Context, args: &ListArgs) -> Result<Outcome, CommandError> {
    let subject = backed_up(context, &args.environment).await?;
    let mut backups = subject.backups().await?;
    let folder = &context.settings.state_directory.value;
    known_backups::remember(folder, &subject.environment.name, &backups.own());
    backups.all.sort_by_key(|(one, _)| std::cmp::Reverse(one.num));
    let database = &subject.database.addon_name;
    let listed = backups.all.iter().map(|(one, of)| ListedBackup::new(one, of, database));
    Ok(Outcome::of(&Listing {
        environment: &subject.environment.name,
        app: subject.app(),
        database,
        transfers: listed.collect(),
    }))
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.transfers.is_empty() {
            return write!(f, "{} has no backups", self.app);
        }
        let mut table = Table::new(COLUMNS);
        self.transfers.iter().for_each(|one| table.row(one.cells()));
        write!(f, "{table}")
    }
}
