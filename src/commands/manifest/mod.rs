//! `manifest`: works on the scrub manifest. `scrub-pii --manifest` is its old spelling.

mod check;
mod checkout;
mod document;
mod packs;
mod tools;
mod words;
mod write;

use crate::cli::{ManifestArgs, ManifestDatabaseArgs, ManifestWork};
use crate::commands::{Context, Outcome};
use crate::deployment::manifest;
use crate::failure::CommandError;

pub use document::Classed;
pub use packs::Packs;
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
            tools::suggest(context, source(&args.database), &manifest, args.write).await
        }
        ManifestWork::Explain(args) => {
            let manifest = manifest::load(&context.settings)?;
            let (file, target) = (args.file.as_deref(), args.target.as_deref());
            let source = Source { file, target, ..Source::default() };
            tools::explain(context, source, &manifest, &args.table).await
        }
        ManifestWork::Check(args) => check::run(context, args).await,
        ManifestWork::Packs => packs::run(context),
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
