//! `pull-media` and `push-media`: copies media between a bucket and a folder or another bucket.

mod compared;
mod copy;
mod guards;
mod only;
mod pull;
mod push;
mod renditions;
mod summary;
mod writing;

pub use pull::pull;
pub use push::push;
pub use summary::Transfer;

use std::sync::Arc;

use serde_json::json;

use crate::adapters::s3::SourceBucket;
use crate::cli::TransferArgs;
use crate::commands::{Context, Outcome, journal};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::media::{Folder, Index, Listing, MediaError, Walk, list};
use summary::Plan;

const LIST_STEP: &str = "list";
const TRANSFER_STEP: &str = "transfer";
const DELETE_STEP: &str = "delete";

/// The compared parts of the bucket and of the folder. Everything else stays untouched.
fn prefixes(context: &Context, args: &TransferArgs) -> Vec<String> {
    let media = &context.settings.media;
    if args.images { vec![media.originals.clone()] } else { media.prefixes.clone() }
}

fn start(context: &Context, step: &'static str, description: String) {
    context.ui.emit(Event::StepStarted { step, description });
}

fn finish(context: &Context, step: &'static str, summary: String) {
    context.ui.emit(Event::StepFinished { step, summary });
}

/// The checksums of the folder, locked against another bcops.
fn open_index(context: &Context, folder: &Folder) -> Result<Index, CommandError> {
    let state = &context.settings.state_directory.value;
    Index::open(state, folder.path())?.ok_or_else(|| {
        let text = format!("another bcops is working on {}", folder.path().display());
        CommandError::new(FailureKind::Locked, text)
            .hint("wait until it has ended, then run the command again")
    })
}

/// Lists the bucket and the folder at the same time.
async fn list_both(
    bucket: &SourceBucket,
    folder: &Arc<Folder>,
    prefixes: &[String],
) -> Result<(Listing, Walk), CommandError> {
    let walking = {
        let (folder, prefixes) = (Arc::clone(folder), prefixes.to_vec());
        tokio::task::spawn_blocking(move || folder.walk(&prefixes))
    };
    let listing = list(bucket, prefixes, &|_| {}).await?;
    let walk = walking.await.map_err(|_| {
        CommandError::new(FailureKind::Unexpected, "cannot list the folder: its thread ended early")
    })??;
    Ok((listing, walk))
}

/// Does the work, with a journal line before and after.
async fn journalled(
    context: &Context,
    command: &str,
    plan: Plan,
    work: impl AsyncFnOnce(Plan) -> Result<Outcome, CommandError>,
) -> Result<Outcome, CommandError> {
    let begun = json!({ "event": "begun", "from": plan.source, "to": plan.destination });
    journal::append(context, command, begun)?;
    let outcome = work(plan).await;
    let line = match &outcome {
        Ok(outcome) => {
            json!({ "event": "done", "exit_code": outcome.exit_code, "result": outcome.result })
        }
        Err(error) => json!({ "event": "failed", "kind": error.kind }),
    };
    if let Err(error) = journal::append(context, command, line) {
        context.ui.emit(Event::Warning(error.to_string()));
    }
    outcome
}

/// Runs work that reads the disk or hashes, on a thread where blocking is allowed.
fn blocking<T>(work: impl FnOnce() -> Result<T, MediaError>) -> Result<T, MediaError> {
    tokio::task::block_in_place(work)
}
