//! Reads the words of `scrub-pii --manifest`, the old spelling.

use super::tools::{self, Source};
use crate::commands::{Context, Outcome};
use crate::deployment::manifest;
use crate::failure::{CommandError, FailureKind};
use crate::words;

pub async fn run_words(
    context: &Context,
    source: Source<'_>,
    words: &[String],
) -> Result<Outcome, CommandError> {
    let manifest = manifest::load(&context.settings)?;
    let (tool, environment) = match words {
        [tool] => (tool.as_str(), None),
        [tool, argument] => (tool.as_str(), Some(argument.as_str())),
        _ => ("", None),
    };
    match (tool, environment) {
        ("validate", _) => {
            tools::validate(context, Source { environment, ..source }, &manifest).await
        }
        ("suggest", _) => {
            tools::suggest(context, Source { environment, ..source }, &manifest, false).await
        }
        ("explain", Some(table)) => tools::explain(context, source, &manifest, table).await,
        ("explain", None) => Err(CommandError::new(
            FailureKind::Usage,
            "--manifest explain needs the name of a table",
        )
        .hint("bcops scrub-pii --manifest explain users_user")),
        ("", _) => {
            Err(CommandError::new(FailureKind::Usage, "--manifest needs the name of a tool")
                .hint("bcops scrub-pii --manifest validate"))
        }
        (tool, _) => {
            Err(CommandError::new(FailureKind::Usage, format!("--manifest has no tool {tool}"))
                .with_hints(words::did_you_mean(tool, ["validate", "suggest", "explain"]))
                .hint(
                    "use one of: --manifest validate, --manifest suggest, --manifest explain TABLE",
                ))
        }
    }
}
