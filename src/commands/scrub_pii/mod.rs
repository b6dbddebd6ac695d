//! `scrub-pii`: applies the manifest to a database or a backup file, and runs the manifest's tools.

mod check;
pub(in crate::commands) mod dump;
mod live;
mod old_snapshots;
mod summary;
mod vacuum;

use crate::cli::ScrubPiiArgs;
use crate::commands::manifest::{self as manifest_tools, Source};
use crate::commands::scrub_target::Named;
use crate::commands::{Context, Outcome};
use crate::deployment::manifest;
use crate::failure::{CommandError, FailureKind};
use crate::scrub::live::Limits;
use crate::settings::Destination;

pub use check::Checked;
pub use summary::{Planned, Scrubbed};

pub async fn run(context: &Context, args: &ScrubPiiArgs) -> Result<Outcome, CommandError> {
    check_arguments(context, args)?;
    if args.check {
        return check::run(context, args).await;
    }
    if let Some([from, to]) = args.dump.as_deref() {
        return dump::run(context, args, from, to).await;
    }
    if let Some(words) = &args.manifest {
        let (file, target) = (args.file.as_deref(), args.target.as_deref());
        let source = Source { environment: None, file, target, limits: limits(args) };
        return manifest_tools::run_words(context, source, words).await;
    }
    live::run(context, args).await
}

/// The database that the command line names.
fn named(args: &ScrubPiiArgs) -> Named<'_> {
    Named {
        environment: args.environment.as_deref(),
        target: args.target.as_deref(),
        policy: args.policy.as_deref(),
    }
}

fn limits(args: &ScrubPiiArgs) -> Limits {
    Limits { lock: args.lock_timeout, statement: args.statement_timeout }
}

/// Refuses combinations that the definition of the command line allows. With an ignored flag, the
/// command could work on another database than the user means.
fn check_arguments(context: &Context, args: &ScrubPiiArgs) -> Result<(), CommandError> {
    let usage =
        |text: &str, hint: &str| Err(CommandError::new(FailureKind::Usage, text).hint(hint));
    if args.file.is_some() && args.manifest.is_none() {
        return usage("--file is for --manifest only", "scrub a backup file: --dump IN OUT");
    }
    if args.force && args.dump.is_none() {
        return usage("--force is for --dump only", "leave out --force");
    }
    if args.dry_run && (args.check || args.manifest.is_some()) {
        return usage("--check and --manifest change nothing anyway", "leave out --dry-run");
    }
    if let (Some(name), true) = (&args.environment, args.yes) {
        let destination = Destination::try_from(context.settings.environment(name)?)?;
        let error = CommandError::new(FailureKind::Usage, "--yes is for the local database only");
        return Err(
            error.hint(format!("confirm with the app: --confirm {}", destination.app.value))
        );
    }
    let Some(policy) = &args.policy else { return Ok(()) };
    manifest::check_policy(&manifest::load(&context.settings)?, policy)
}
