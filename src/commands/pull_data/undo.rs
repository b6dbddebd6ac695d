//! `--undo`: exchanges the database in use and NAME_previous.

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::postgres::DatabaseUrl;
use crate::cli::PullDataArgs;
use crate::commands::{Context, Outcome, confirm, reason, unscrubbed};
use crate::deployment::local;
use crate::failure::CommandError;
use crate::restore::databases::{DatabaseError, Databases};
use crate::words;

use super::previous::{self, Previous};
use super::{confirm_replacement, journal, warn_if_unwritten};

/// The result of `--undo`.
#[derive(Serialize, JsonSchema)]
pub struct Undone<'a> {
    database: &'a str,
    /// The name of the database that is kept now. `null` if there was no database in use.
    previous: Option<&'a str>,
    /// Whether the database in use now was loaded with a scrub.
    scrubbed: bool,
    dry_run: bool,
}

pub async fn run(
    context: &Context,
    args: &PullDataArgs,
    target: &DatabaseUrl,
) -> Result<Outcome, CommandError> {
    local::not_an_environments_own(context.deployments(), None, target).await?;
    let databases = Databases::lock(target).await?;
    let existing = databases.existing().await?;
    let names = databases.names();
    let personal = unscrubbed::holds_personal_data(context, &databases, &names.previous).await?;
    let size = |size: Option<u64>| size.map_or_else(|| "not there".to_owned(), words::bytes);
    let warning = if personal { ", WITH THE PERSONAL DATA OF REAL PEOPLE" } else { "" };
    context.ui.message(&format!(
        "from  {} ({}){warning}\nto    {} ({})\nThe two change places.",
        names.previous,
        size(existing.previous),
        names.current,
        size(existing.current)
    ));
    if existing.previous.is_none() {
        return Err(DatabaseError::NothingToUndo { name: names.previous.clone() }.into());
    }
    let text = format!("exchanged {} and {}", names.current, names.previous);
    let result = Undone {
        database: &names.current,
        previous: existing.current.map(|_| names.previous.as_str()),
        scrubbed: !personal,
        dry_run: args.dry_run,
    };
    if args.dry_run {
        return Ok(Outcome::done(result, format!("{text} (dry run: nothing was changed)")));
    }
    confirm::check_names(&args.confirm, &[Some(names.current.as_str())])?;
    let what = format!("{} was loaded without a scrub", names.previous);
    let given = args.i_need_personal_data.as_deref();
    let reason = match personal {
        true => Some(reason::ask(context, &what, given)?),
        false => None,
    };
    confirm_replacement(context, args, &databases)?;
    if reason.is_some() {
        journal::begin_undo(context, &databases, reason.as_deref())?;
    }
    databases.undo().await?;
    warn_if_unwritten(context, journal::undone(context, &databases, reason.as_deref()));
    if previous::after_a_pull(context, &databases).await == Previous::Personal {
        previous::warn(context, args, &databases);
    }
    Ok(Outcome::done(result, text))
}
