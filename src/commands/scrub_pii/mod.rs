//! `scrub-pii`: the manifest on a database, on a backup file, and the manifest's own tools.

mod check;
pub(in crate::commands) mod dump;
mod live;
mod old_snapshots;
mod summary;
mod target;
mod tools;
mod vacuum;

use crate::cli::ScrubPiiArgs;
use crate::commands::{Context, Outcome};
use crate::deployment::manifest;
use crate::failure::{CommandError, FailureKind};
use crate::scrub::live::Limits;
use crate::settings::Destination;

pub use check::Checked;
pub use summary::{Planned, Scrubbed};
pub use tools::{Explained, Suggested, Validated};

pub async fn run(context: &Context, args: &ScrubPiiArgs) -> Result<Outcome, CommandError> {
    check_arguments(context, args)?;
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

/// What the definition of the command line does not rule out. A flag that is quietly left alone
/// could have this command work on something else than was meant.
fn check_arguments(context: &Context, args: &ScrubPiiArgs) -> Result<(), CommandError> {
    let usage = |text: &str| Err(CommandError::new(FailureKind::Usage, text));
    if args.file.is_some() && args.manifest.is_none() {
        return usage("--file is for --manifest; a backup file is scrubbed by --dump IN OUT");
    }
    if args.force && args.dump.is_none() {
        return usage("--force is for --dump");
    }
    if args.dry_run && (args.check || args.manifest.is_some()) {
        return usage("--check and --manifest change nothing, so that they have no --dry-run");
    }
    if let (Some(name), true) = (&args.environment, args.yes) {
        Destination::try_from(context.settings.environment(name)?)?;
        let error = CommandError::new(FailureKind::Usage, "--yes is for the local database only");
        return Err(error.hint("for an environment: --confirm with the name of its Heroku app"));
    }
    let Some(policy) = &args.policy else { return Ok(()) };
    manifest::check_policy(&manifest::load(&context.settings)?, policy)
}
