//! `manifest`: works on the scrub manifest. `scrub-pii --manifest` is its old spelling.

mod check;
mod checkout;
mod document;
mod tools;
mod words;

use crate::cli::{ManifestArgs, ManifestDatabaseArgs, ManifestWork};
use crate::commands::{Context, Outcome};
use crate::deployment::manifest;
use crate::failure::CommandError;

pub use document::Classed;
pub use tools::{Explained, Source, Suggested, Validated};
pub use words::run_words;

pub async fn run(context: &Context, args: &ManifestArgs) -> Result<Outcome, CommandError> {
    match &args.work {
        ManifestWork::Validate(args) => {
            let manifest = manifest::load(&context.settings)?;
            tools::validate(context, source(args), &manifest).await
        }
        ManifestWork::Suggest(args) => {
            let manifest = manifest::load(&context.settings)?;
            tools::suggest(context, source(args), &manifest).await
        }
        ManifestWork::Explain(args) => {
            let manifest = manifest::load(&context.settings)?;
            let (file, target) = (args.file.as_deref(), args.target.as_deref());
            let source = Source { file, target, ..Source::default() };
            tools::explain(context, source, &manifest, &args.table).await
        }
        ManifestWork::Check(args) => check::run(context, args).await,
    }
}

fn source(args: &ManifestDatabaseArgs) -> Source<'_> {
    Source {
        environment: args.environment.as_deref(),
        file: args.file.as_deref(),
        target: args.target.as_deref(),
        ..Source::default()
    }
}
