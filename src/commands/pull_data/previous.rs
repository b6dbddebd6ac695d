//! Drops NAME_previous, the database that a pull keeps, and warns if it holds personal data.

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::postgres::DatabaseUrl;
use crate::cli::PullDataArgs;
use crate::commands::{Context, Outcome, confirm, unscrubbed};
use crate::deployment::local;
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::restore::databases::{DatabaseError, Databases};
use crate::ui::Answer;
use crate::words;

use super::{journal, warn_if_unwritten};

/// The command that drops it.
const DROP: &str = "bcops pull-data --drop-previous";

/// The database that is kept beside the one in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Previous {
    Nothing,
    Scrubbed,
    /// It was loaded without a scrub.
    Personal,
    /// It held personal data, and the user had it dropped.
    Dropped,
}

/// Looks at the kept database after a pull. The new one is in its place, so a failure here is a
/// warning.
pub async fn after_a_pull(context: &Context, databases: &Databases) -> Previous {
    look(context, databases).await.unwrap_or_else(|error| {
        context.ui.emit(Event::Warning(error.to_string()));
        Previous::Scrubbed
    })
}

/// Asks whether to drop a kept database that holds personal data, if the new one does not.
pub async fn offer_to_drop(
    context: &Context,
    args: &PullDataArgs,
    databases: &Databases,
    seen: Previous,
    scrubbed: bool,
) -> Previous {
    if seen != Previous::Personal || !scrubbed {
        return seen;
    }
    let name = &databases.names().previous;
    let question = format!(
        "{name} holds personal data, because it was loaded without a scrub. Drop it for good?"
    );
    let prompter = context.ui.prompter();
    if tokio::task::block_in_place(|| prompter.yes(&question)) != Answer::Given(()) {
        warn(context, args, databases);
        return seen;
    }
    match databases.drop_previous().await {
        Ok(()) => {
            warn_if_unwritten(context, journal::dropped(context, databases));
            context.ui.message(&format!("dropped {name}"));
            Previous::Dropped
        }
        Err(error) => {
            context.ui.emit(Event::Warning(format!("cannot drop {name}: {error}")));
            warn(context, args, databases);
            seen
        }
    }
}

/// Warns that the kept database holds personal data, with the command that drops it.
pub fn warn(context: &Context, args: &PullDataArgs, databases: &Databases) {
    let name = &databases.names().previous;
    let target = args
        .target
        .as_ref()
        .map(|name| format!(" --target {}", words::shell_word(name)))
        .unwrap_or_default();
    context.ui.emit(Event::Warning(format!(
        "{name} holds personal data, loaded without a scrub; to drop it: {DROP}{target}"
    )));
}

async fn look(context: &Context, databases: &Databases) -> Result<Previous, CommandError> {
    if databases.existing().await?.previous.is_none() {
        return Ok(Previous::Nothing);
    }
    let name = &databases.names().previous;
    Ok(match unscrubbed::holds_personal_data(context, databases, name).await? {
        true => Previous::Personal,
        false => Previous::Scrubbed,
    })
}

/// The result of `--drop-previous`.
#[derive(Serialize, JsonSchema)]
pub struct Dropped<'a> {
    database: &'a str,
    dropped: bool,
    dry_run: bool,
}

/// `--drop-previous`.
pub async fn drop(
    context: &Context,
    args: &PullDataArgs,
    target: &DatabaseUrl,
) -> Result<Outcome, CommandError> {
    local::not_an_environments_own(context.deployments(), None, target).await?;
    let databases = Databases::lock(target).await?;
    let names = databases.names();
    let Some(size) = databases.existing().await?.previous else {
        return Err(DatabaseError::NothingToDrop { name: names.previous.clone() }.into());
    };
    let text = format!("{} ({}) on {}", names.previous, words::bytes(size), databases.place());
    context.ui.message(&format!("drop  {text}"));
    let (database, dry_run) = (names.previous.as_str(), args.dry_run);
    let result = Dropped { database, dropped: !dry_run, dry_run };
    if args.dry_run {
        return Ok(Outcome::done(result, "dry run: nothing was changed".to_owned()));
    }
    confirm::check_names(&args.confirm, &[Some(names.previous.as_str())])?;
    if !args.yes {
        confirm::type_name(context, &names.previous, &args.confirm)
            .map_err(|error| error.hint("drop the local database without a question: --yes"))?;
    }
    databases.drop_previous().await?;
    warn_if_unwritten(context, journal::dropped(context, &databases));
    Ok(Outcome::done(result, format!("dropped {}", names.previous)))
}
