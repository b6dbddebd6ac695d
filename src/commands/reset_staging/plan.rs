//! Makes the plan of a reset, and prints it for a person.

use std::fmt::Write;

use crate::failure::{CommandError, FailureKind};
use crate::reset::{Reset, Stage, Survey, short};
use crate::runbook::plan::{Parts, PlanError};
use crate::runbook::{Flags, Plan, Runbook, Target};
use crate::ui::Stream;
use crate::ui::table::{Column, Table};
use crate::words;

use super::COMMAND;
use super::forecast::Forecast;
use super::observed::observed;
use super::openness;

/// What the run changes, by identity.
pub fn target(world: &Reset) -> Target {
    let url = &world.destination.url;
    let mut identity = std::collections::BTreeMap::from([
        ("app".to_owned(), world.destination.app.id().to_owned()),
        ("database".to_owned(), world.destination.database.attachment().addon_id.clone()),
        ("database name".to_owned(), format!("{} on {}", url.database, url.place())),
        ("branch".to_owned(), world.branches.staging.clone()),
    ]);
    if let Some(sides) = &world.media {
        identity.insert("bucket".to_owned(), sides.destination.reading().place());
    }
    Target { name: world.app_name().to_owned(), identity }
}

pub fn make(world: &Reset, runbook: &Runbook<Reset>, survey: &Survey) -> Plan {
    with_flags(world, runbook, survey, world.answers.to_flags())
}

/// Refuses a plan that differs from what would be planned now. `--attest agreed` may be given later
/// than the plan was made.
pub fn check_fresh(
    approved: &Plan,
    world: &Reset,
    runbook: &Runbook<Reset>,
    survey: &Survey,
) -> Result<(), PlanError> {
    let mut flags = world.answers.to_flags();
    if let Some(agreed) = approved.flags.get("agreed") {
        flags.insert("agreed".to_owned(), agreed.clone());
    }
    // Staging may have been closed since then, which is asked about now.
    match approved.flags.get("open") {
        Some(open) => flags.insert("open".to_owned(), open.clone()),
        None => flags.remove("open"),
    };
    approved.check_fresh(&with_flags(world, runbook, survey, flags))
}

fn with_flags(world: &Reset, runbook: &Runbook<Reset>, survey: &Survey, flags: Flags) -> Plan {
    Plan::new(Parts {
        command: COMMAND.to_owned(),
        target: target(world),
        flags,
        steps: runbook.planned(),
        observations: observed(world, survey),
    })
}

/// Refuses to overwrite the database without a backup of it, whatever stages are skipped.
pub fn check_backed_up(world: &Reset) -> Result<(), CommandError> {
    let answers = &world.answers;
    if answers.leaves_out(Stage::Preflight) && !answers.leaves_out(Stage::Database) {
        let text =
            "cannot skip preflight alone: the stage database needs its backup; nothing was changed";
        return Err(CommandError::new(FailureKind::Refused, text)
            .hint("skip both: --skip preflight --skip database"));
    }
    Ok(())
}

/// The steps, from what to what, and last what is lost: the question comes directly below.
pub fn text(
    world: &Reset,
    plan: &Plan,
    survey: &Survey,
    forecast: &Forecast,
    stream: Stream,
) -> String {
    let mut text = format!("{}\n\n", steps(plan, stream));
    // Writing to a string does not fail.
    let _ = write(&mut text, world, plan, survey, forecast);
    text.trim_end().to_owned()
}

fn write(
    text: &mut String,
    world: &Reset,
    plan: &Plan,
    survey: &Survey,
    forecast: &Forecast,
) -> std::fmt::Result {
    let (from, to) = (&world.source, &world.destination);
    writeln!(text, "from  {} ({})", from.name, from.app.value)?;
    let url = &world.source.url;
    writeln!(text, "      database  {} on {}", url.database, url.place())?;
    let backup = &survey.backup;
    let finished = backup.finished_at.map_or_else(String::new, |at| format!(", finished {at:.0}"));
    let size = backup
        .processed_bytes
        .map_or_else(String::new, |bytes| format!(", {}", words::bytes(bytes)));
    writeln!(text, "      backup    {}{finished}{size}", backup.name())?;
    if let Some(sides) = &world.media {
        writeln!(text, "      bucket    {}", sides.source.place())?;
    }
    writeln!(text, "to    {} ({})", to.name, world.app_name())?;
    let url = &world.destination.url;
    writeln!(text, "      database  {} on {}", url.database, url.place())?;
    if let Some(sides) = &world.media {
        writeln!(text, "      bucket    {}", sides.destination.reading().place())?;
    }
    let branches = &world.branches;
    writeln!(
        text,
        "      branch    {} at {}, to {} at {}{}",
        branches.staging,
        short(world.answers.staging),
        branches.master,
        short(world.answers.master),
        with(&world.answers.branch_names())
    )?;
    if let Some(media) = &forecast.media {
        writeln!(
            text,
            "media {} to copy ({}), {} to delete, {} unchanged",
            words::plural(media.copied, "object"),
            words::bytes(media.bytes),
            words::count(media.deleted),
            words::count(media.unchanged)
        )?;
    }
    forecast.write(text, world, survey)?;
    writeln!(text, "plan {}\n", plan.digest())?;
    openness::write(text, world, survey)?;
    write_losses(text, survey)
}

/// As many as fit a screen beside everything else.
const LISTED: usize = 20;

fn with(branches: &[&str]) -> String {
    if branches.is_empty() { String::new() } else { format!(" with {}", branches.join(", ")) }
}

/// The lists first, and the sums last, directly above the question.
fn write_losses(text: &mut String, survey: &Survey) -> std::fmt::Result {
    let (branches, commits) = (&survey.inventory.branches, &survey.inventory.unaccounted);
    for one in commits.iter().take(LISTED) {
        let commit = short(one.commit);
        writeln!(text, "      in no branch: {commit} {} ({})", one.subject, one.author)?;
    }
    if let Some(more) = commits.len().checked_sub(LISTED).filter(|more| *more > 0) {
        writeln!(text, "      in no branch: {more} more")?;
    }
    for one in branches {
        let mark = match (one.landed.is_some(), one.stale) {
            (true, _) => ", already on master",
            (false, true) => ", stale",
            (false, false) => "",
        };
        writeln!(
            text,
            "      branch {} ({}, {} old{mark})",
            one.name,
            one.author,
            words::duration(one.age)
        )?;
    }
    writeln!(
        text,
        "lost  {} on staging and not on master; {} that no branch has",
        words::plural(branches.len() as u64, "branch"),
        words::plural(commits.len() as u64, "commit")
    )?;
    if let Some(accounts) = &survey.accounts {
        let superusers = accounts.iter().filter(|one| one.is_superuser).count() as u64;
        let among = match superusers {
            0 => String::new(),
            count => format!(", {} among them", words::plural(count, "superuser")),
        };
        writeln!(
            text,
            "      {} that only staging has{among}",
            words::plural(accounts.len() as u64, "account")
        )?;
    }
    match &survey.content {
        Some(content) => {
            let count = content.items.len() as u64;
            writeln!(
                text,
                "      {} of content that only staging has",
                words::plural(count, "item")
            )
        }
        None => writeln!(text, "      unknown: content that only staging has"),
    }
}

/// In the order in which they run.
fn steps(plan: &Plan, stream: Stream) -> String {
    let mut table =
        Table::new([Column::word("STAGE"), Column::word("STEP"), Column::text("CHANGE")]);
    for step in &plan.steps {
        let skipped = if step.left_out { " (skipped)" } else { "" };
        table.row([&step.stage, &step.id, &format!("{}{skipped}", step.description)]);
        for effect in step.effects.iter().filter(|_| !step.left_out) {
            table.row(["", "", &format!("→ {}", effect.what)]);
        }
    }
    table.lines(stream.width()).join("\n")
}
