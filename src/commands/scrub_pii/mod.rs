//! `scrub-pii`: the manifest on a database, on a backup file, and the manifest's own tools.

mod check;
mod dump;
mod live;
mod summary;
mod target;
mod tools;
mod vacuum;

use crate::cli::ScrubPiiArgs;
use crate::commands::{Context, Outcome};
use crate::error::CommandError;
use crate::scrub::live::Limits;

pub async fn run(context: &Context, args: &ScrubPiiArgs) -> Result<Outcome, CommandError> {
    if args.check {
        return check::run(context, args).await;
    }
    if let Some([from, to]) = args.dump.as_deref() {
        return dump::run(context, args, from, to).await;
    }
    if let Some(words) = &args.manifest {
        return tools::run(context, args, words).await;
    }
    live::run(context, args).await
}

fn limits(args: &ScrubPiiArgs) -> Limits {
    Limits { lock: args.lock_timeout, statement: args.statement_timeout }
}
