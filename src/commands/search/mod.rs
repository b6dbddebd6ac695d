//! `search`: an environment's search cluster.

mod open;
mod reindex;
mod report;
mod status;

use crate::cli::{SearchArgs, SearchWork};
use crate::commands::{Context, Outcome};
use crate::failure::CommandError;

pub use open::Opened;
pub use reindex::{Incomplete, Planned, Rebuilt};
pub use report::Report;

pub async fn run(context: &Context, args: &SearchArgs) -> Result<Outcome, CommandError> {
    match &args.work {
        SearchWork::Status(args) => context.interrupt.guard(status::run(context, args)).await,
        SearchWork::Open(args) => context.interrupt.guard(open::run(context, args)).await,
        SearchWork::Reindex(args) => reindex::run(context, args).await,
    }
}
