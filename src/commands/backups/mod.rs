//! `backups`: lists, captures, shows and downloads the backups of an environment's database.

mod backup;
mod capture;
mod download;
mod list;
mod one;

use crate::adapters::heroku::{Transfer, TransferState};
use crate::cli::{BackupsArgs, BackupsWork};
use crate::commands::{Context, Outcome};
use crate::deployment::backups::BackedUp;
use crate::failure::CommandError;

pub use capture::Captured;
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

async fn backed_up<'a>(
    context: &'a Context,
    environment: &str,
) -> Result<BackedUp<'a>, CommandError> {
    let environment = context.settings.environment(environment)?;
    BackedUp::of(context.deployments(), environment).await
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
