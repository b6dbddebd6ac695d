//! `pull-media` and `push-media`.

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

use crate::cli::TransferArgs;
use crate::commands::Context;
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::media::{DeletionLimit, Deletions, MediaError};

const LIST_STEP: &str = "list";
const TRANSFER_STEP: &str = "transfer";
const DELETE_STEP: &str = "delete";

/// What of the bucket and of the folder is compared. Nothing else is touched.
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

/// How many keys below a prefix there are on either side, and how many would go.
fn counts<'a, S, D, X>(prefixes: &[String], source: S, destination: D, delete: X) -> Vec<Deletions>
where
    S: Iterator<Item = &'a str> + Clone,
    D: Iterator<Item = &'a str> + Clone,
    X: Iterator<Item = &'a str> + Clone,
{
    let below = |keys: &mut dyn Iterator<Item = &'a str>, prefix: &str| {
        keys.filter(|key| key.starts_with(prefix)).count() as u64
    };
    let count = |prefix: &String| Deletions {
        prefix: prefix.clone(),
        source: below(&mut source.clone(), prefix),
        destination: below(&mut destination.clone(), prefix),
        delete: below(&mut delete.clone(), prefix),
    };
    prefixes.iter().map(count).collect()
}

fn limit(args: &TransferArgs) -> DeletionLimit {
    DeletionLimit { given: args.max_delete }
}

/// A refusal of too many deletions, with the flag that only the media commands have.
fn or_nothing(error: MediaError) -> CommandError {
    let is_refused = matches!(error, MediaError::Refused(_));
    let error = CommandError::from(error);
    if is_refused { error.hint("to delete nothing: add --no-delete") } else { error }
}

/// Work that reads the disk or hashes, on a thread where that is allowed.
fn blocking<T>(work: impl FnOnce() -> Result<T, MediaError>) -> Result<T, MediaError> {
    tokio::task::block_in_place(work)
}
