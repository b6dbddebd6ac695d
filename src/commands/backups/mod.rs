//! `backups`: what Heroku has of an environment's database.

mod backup;
mod capture;
pub mod choice;
mod download;
pub mod known;
mod list;
mod one;

use crate::adapters::heroku::{DatabaseAttachment, Heroku, Transfer, TransferState};
use crate::cli::{BackupsArgs, BackupsWork};
use crate::commands::{Context, Outcome};
use crate::failure::CommandError;
use crate::settings::Environment;

pub use capture::{Captured, capture};
pub use download::AsItIs;
pub use list::Listing;
pub use one::{Info, SignedUrl};

pub async fn run(context: &Context, args: &BackupsArgs) -> Result<Outcome, CommandError> {
    match &args.work {
        BackupsWork::List(args) => context.interrupt.guard(list::run(context, args)).await,
        BackupsWork::Capture(args) => capture::run(context, args).await,
        BackupsWork::Info(args) => context.interrupt.guard(one::info(context, args)).await,
        BackupsWork::Url(args) => one::url(context, args).await,
        BackupsWork::Download(args) => download::run(context, args).await,
    }
}

/// An environment's database at Heroku.
struct Subject<'a> {
    environment: &'a Environment,
    heroku: Heroku,
    database: DatabaseAttachment,
}

impl<'a> Subject<'a> {
    async fn of(context: &'a Context, name: &str) -> Result<Subject<'a>, CommandError> {
        let environment = context.settings.environment(name)?;
        let heroku = context.deployments().log_in().await?.heroku;
        let (app, variable) = (&environment.app.value, &environment.database_url_variable);
        let database = heroku.resolve_database(app, variable).await?;
        Ok(Subject { environment, heroku, database })
    }

    fn app(&self) -> &str {
        &self.environment.app.value
    }

    /// The app that the transfers are numbered in.
    fn billing_app(&self) -> &str {
        &self.database.billing_app.name
    }
}

fn state(transfer: &Transfer) -> &'static str {
    match transfer.state() {
        TransferState::Pending => "pending",
        TransferState::Running => "running",
        TransferState::Completed if transfer.warnings() > 0 => "completed with warnings",
        TransferState::Completed => "completed",
        TransferState::Canceled => "canceled",
        TransferState::Failed => "failed",
        TransferState::Deleted => "deleted",
    }
}
