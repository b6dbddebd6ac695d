//! Makes the plan of a reset, and shows it to a person.

use std::fmt::Write;

use crate::failure::{CommandError, FailureKind};
use crate::reset::{Reset, Stage, Survey, short};
use crate::runbook::plan::{Parts, PlanError};
use crate::runbook::{Flags, Plan, Runbook, Target};
use crate::words;

use super::COMMAND;
use super::forecast::Forecast;
use super::observed::observed;
use super::openness;

/// What the run is about to change, by identity.
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

/// Refuses a plan unless what would be planned now is the same. That everybody agrees may be
/// attested later than the plan was made.
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
    // Staging may have been closed since, which is asked about now.
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

/// Staging is backed up before it is overwritten, whatever is left out.
pub fn check_backed_up(world: &Reset) -> Result<(), CommandError> {
    let answers = &world.answers;
    if answers.leaves_out(Stage::Preflight) && !answers.leaves_out(Stage::Database) {
        let text = "the stage database never runs without the backup that preflight takes; \
                    nothing was changed";
        return Err(CommandError::new(FailureKind::Refused, text)
            .hint("leave both out: --skip preflight --skip database"));
    }
    Ok(())
}

/// From what to what, and what will be done, in numbers.
pub fn text(world: &Reset, plan: &Plan, survey: &Survey, forecast: &Forecast) -> String {
    let mut text = String::new();
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
    let finished =
        survey.backup.finished_at.map_or_else(String::new, |at| format!(", finished {at:.0}"));
    writeln!(text, "      database  {} on {}", url.database, url.place())?;
    let size = survey
        .backup
        .processed_bytes
        .map_or_else(String::new, |bytes| format!(", {}", words::bytes(bytes)));
    writeln!(text, "      backup    {}{finished}{size}", survey.backup.name())?;
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
    write_losses(text, survey)?;
    openness::write(text, world, survey)?;
    writeln!(text)?;
    write_steps(text, plan)?;
    forecast.write(text, world, survey)?;
    writeln!(text, "plan {}", plan.digest())
}

/// As many as fit a screen beside everything else.
const LISTED: usize = 20;

fn with(branches: &[&str]) -> String {
    if branches.is_empty() { String::new() } else { format!(" with {}", branches.join(", ")) }
}

fn write_losses(text: &mut String, survey: &Survey) -> std::fmt::Result {
    match &survey.content {
        Some(content) => {
            let count = content.items.len() as u64;
            writeln!(
                text,
                "gone  {} of content that only staging has",
                words::plural(count, "item")
            )?;
        }
        None => writeln!(text, "gone  content that only staging has: not known")?,
    }
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
    let (branches, commits) = (&survey.inventory.branches, &survey.inventory.unaccounted);
    writeln!(
        text,
        "      {} on staging and not on master; {} that no branch has",
        words::plural(branches.len() as u64, "branch"),
        words::plural(commits.len() as u64, "commit")
    )?;
    for one in commits.iter().take(LISTED) {
        let commit = short(one.commit);
        writeln!(text, "        in no branch: {commit} {} ({})", one.subject, one.author)?;
    }
    if let Some(more) = commits.len().checked_sub(LISTED).filter(|more| *more > 0) {
        writeln!(text, "        in no branch: {more} more")?;
    }
    for one in branches {
        let mark = match (one.landed.is_some(), one.stale) {
            (true, _) => ", already on master",
            (false, true) => ", stale",
            (false, false) => "",
        };
        writeln!(
            text,
            "        {} ({}, {} old{mark})",
            one.name,
            one.author,
            words::duration(one.age)
        )?;
    }
    Ok(())
}

/// In the order in which they run.
fn write_steps(text: &mut String, plan: &Plan) -> std::fmt::Result {
    for step in &plan.steps {
        let stage = &step.stage;
        let left_out = if step.left_out { "  (left out)" } else { "" };
        writeln!(text, "  {stage:<10} {:<16} {}{left_out}", step.id, step.description)?;
        for effect in step.effects.iter().filter(|_| !step.left_out) {
            writeln!(text, "  {:<27} → {}", "", effect.what)?;
        }
    }
    Ok(())
}
