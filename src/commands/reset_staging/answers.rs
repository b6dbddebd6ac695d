//! The runbook's questions: answered by flags, by a plan, or by whoever sits at the terminal.
//!
//! An unanswered question is a no. Where nobody can be asked, everything that is missing is named at
//! once, before anything is changed.

use std::time::Duration;

use crate::adapters::git::OnConflict;
use crate::cli::ResetArgs;
use crate::commands::{Context, confirm};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::reset::accounts::{Account, Recreate, choose};
use crate::reset::{Choices, MediaChoice, OpenAtEnd, Pins, Preview, RestoreVia, Stage};
use crate::runbook::Plan;
use crate::words;

use super::ask::until_usable;
use super::look::Seen;
use super::openness;

/// What was given before anything was looked at.
#[derive(Debug, Clone)]
pub struct Wishes {
    pub from: String,
    destination: String,
    agreed: bool,
    branches: Option<NamedBranches>,
    backup: Option<String>,
    media: MediaChoice,
    recreate: Option<Recreate>,
    on_conflict: OnConflict,
    restore_via: RestoreVia,
    skip: Vec<String>,
    max_delete: Option<String>,
    /// The answers are those of an approved plan, which nothing may be asked about again.
    approved: bool,
    pub(super) open: Option<OpenAtEnd>,
}

#[derive(Debug, Clone, PartialEq)]
enum NamedBranches {
    All,
    None,
    Names(Vec<String>),
}

impl NamedBranches {
    fn parse(text: &str) -> NamedBranches {
        match text.trim() {
            "all" => NamedBranches::All,
            "none" | "" => NamedBranches::None,
            names => NamedBranches::Names(words(names)),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

impl Wishes {
    pub fn of(
        args: &ResetArgs,
        approved: Option<&Plan>,
        destination: &str,
    ) -> Result<Wishes, CommandError> {
        if let Some(plan) = approved {
            let wishes = Wishes::of_plan(plan, destination)?;
            let agreed = wishes.agreed || args.attest.is_some();
            return Ok(Wishes { agreed, open: args.open.or(wishes.open), ..wishes });
        }
        for stage in &args.skip {
            let known = stage.parse::<Stage>();
            known.map_err(|unknown| CommandError::new(FailureKind::Usage, unknown))?;
        }
        let recreate = args.recreate_users.as_deref().map(str::parse::<Recreate>).transpose();
        Ok(Wishes {
            from: args.from.clone(),
            destination: destination.to_owned(),
            agreed: args.attest.is_some(),
            branches: args.branches.as_deref().map(NamedBranches::parse),
            backup: args.backup.clone(),
            media: args.media,
            recreate: recreate
                .map_err(|error| CommandError::new(FailureKind::Usage, error.to_string()))?,
            on_conflict: if args.on_conflict == "skip" {
                OnConflict::Skip
            } else {
                OnConflict::Stop
            },
            restore_via: args.restore_via,
            skip: args.skip.clone(),
            max_delete: args.max_delete.map(|limit| limit.to_string()),
            approved: false,
            open: args.open,
        })
    }

    /// The answers that a plan was made with.
    fn of_plan(plan: &Plan, destination: &str) -> Result<Wishes, CommandError> {
        let choices = Choices::from_flags(&plan.flags).map_err(|reason| {
            CommandError::new(
                FailureKind::Configuration,
                format!("the plan is no plan of a reset: {reason}"),
            )
        })?;
        if choices.destination != destination {
            let text = format!("the plan is for {} and not for {destination}", choices.destination);
            return Err(CommandError::new(FailureKind::Usage, text));
        }
        Ok(Wishes {
            from: choices.source,
            destination: choices.destination,
            agreed: choices.agreed,
            branches: Some(NamedBranches::Names(choices.branches)),
            backup: Some(choices.backup),
            media: choices.media,
            recreate: Some(match choices.recreate_users.is_empty() {
                true => Recreate::None,
                false => Recreate::Only(choices.recreate_users),
            }),
            on_conflict: choices.on_conflict,
            restore_via: choices.restore_via,
            skip: choices.skip,
            max_delete: choices.max_delete,
            approved: true,
            open: choices.open,
        })
    }

    /// The backup that was asked for by its name.
    pub fn backup_name(&self) -> Option<&str> {
        self.backup.as_deref().filter(|name| *name != "newest")
    }

    /// The environment that is reset.
    pub(super) fn destination(&self) -> &str {
        &self.destination
    }

    /// The stages that are left out.
    pub fn skipped(&self) -> &[String] {
        &self.skip
    }

    pub fn media(&self) -> MediaChoice {
        self.media
    }

    /// Whether branches are merged and pushed.
    pub fn merges(&self) -> bool {
        self.runs("git")
    }

    pub(super) fn runs(&self, stage: &str) -> bool {
        !self.skip.iter().any(|skipped| skipped == stage)
    }

    /// Fails before anything is looked at where it is known that questions could not be answered.
    pub fn check_can_be_asked(
        &self,
        context: &Context,
        app: &str,
        confirmed: &[String],
    ) -> Result<(), CommandError> {
        if context.ui.prompter().can_ask() {
            return Ok(());
        }
        let mut missing = Vec::new();
        if self.runs("preflight") && !self.agreed {
            missing.push("--attest agreed".to_owned());
        }
        if !confirmed.iter().any(|given| given == app) {
            missing.push(format!("--confirm {app}"));
        }
        unanswered(missing)
    }
}

fn unanswered(missing: Vec<String>) -> Result<(), CommandError> {
    if missing.is_empty() {
        return Ok(());
    }
    let text = "there are questions and no terminal to ask them on; nothing was changed";
    let error = CommandError::new(FailureKind::NotConfirmed, text);
    Err(error.hint(format!("to answer them: {}", missing.join(" "))))
}

/// Answers what is open. A dry run asks nothing, and what is open in it stays a no.
pub fn decide(
    context: &Context,
    wishes: &Wishes,
    seen: &Seen,
    dry_run: bool,
) -> Result<Choices, CommandError> {
    let asks = !dry_run && context.ui.prompter().can_ask();
    if !asks && !dry_run {
        unanswered(open_questions(context, wishes, seen))?;
    }
    let (branches, pins) = match wishes.runs("git") {
        true => branches(context, wishes, seen, asks)?,
        false => (Vec::new(), Vec::new()),
    };
    if wishes.runs("database") {
        check_age(context, wishes, seen, asks, dry_run)?;
    }
    let recreate_users = match (&seen.accounts, wishes.runs("database")) {
        (Some(accounts), true) => recreate(context, wishes, accounts, asks)?,
        (None, true) => not_compared(wishes)?,
        (_, false) => Vec::new(),
    };
    let open = openness::decide(context, wishes, seen, asks)?;
    let agreed = wishes.agreed || (asks && wishes.runs("preflight") && agree(context, seen)?);
    Ok(Choices {
        source: wishes.from.clone(),
        destination: wishes.destination.clone(),
        agreed,
        branches,
        backup: seen.backup.name(),
        media: wishes.media,
        recreate_users,
        on_conflict: wishes.on_conflict,
        restore_via: wishes.restore_via,
        skip: wishes.skip.clone(),
        max_delete: wishes.max_delete.clone(),
        open,
        pins: Pins {
            master: seen.inventory.master.to_string(),
            staging: seen.inventory.staging.to_string(),
            branches: pins,
            backup: seen.backup.uuid.clone(),
        },
    })
}

/// The flags that answer what nobody can be asked.
fn open_questions(context: &Context, wishes: &Wishes, seen: &Seen) -> Vec<String> {
    let mut missing = Vec::new();
    let has_accounts = seen.accounts.as_ref().is_none_or(|accounts| !accounts.is_empty());
    if wishes.runs("git") && wishes.branches.is_none() && !seen.inventory.branches.is_empty() {
        missing.push("--branches all|none|NAMES".to_owned());
    }
    if wishes.runs("database") && wishes.recreate.is_none() && has_accounts {
        missing.push("--recreate-users all|none|EMAILS".to_owned());
    }
    if wishes.runs("database") && wishes.backup.is_none() && too_old(context, seen).is_some() {
        missing.push(format!("--backup {}", seen.backup.name()));
    }
    if openness::is_asked(wishes, seen) {
        missing.push("--open yes|no".to_owned());
    }
    missing
}

/// The age of the backup, if it is above the limit.
fn too_old(context: &Context, seen: &Seen) -> Option<String> {
    let age = seen.backup.finished_at.map(|at| {
        Duration::try_from(jiff::Timestamp::now().duration_since(at)).unwrap_or_default()
    });
    match age {
        Some(age) if age <= context.settings.backup_max_age.value => None,
        Some(age) => Some(format!("{} old", words::duration(age))),
        None => Some("of unknown age".to_owned()),
    }
}

fn check_age(
    context: &Context,
    wishes: &Wishes,
    seen: &Seen,
    asks: bool,
    dry_run: bool,
) -> Result<(), CommandError> {
    let Some(age) = too_old(context, seen) else { return Ok(()) };
    let text = format!("backup {} of {} is {age}", seen.backup.name(), wishes.from);
    // Whoever named it knows which one it is.
    if wishes.backup_name().is_some() || dry_run {
        context.ui.emit(Event::Warning(text));
        return Ok(());
    }
    let newest = wishes.backup.is_some();
    if asks && !newest {
        let flag = format!("--backup {}", seen.backup.name());
        return confirm::yes(context, &format!("{text}. Use it?"), &flag);
    }
    Err(CommandError::new(FailureKind::NotConfirmed, format!("{text}; nothing was changed"))
        .hint(format!("to use it all the same: --backup {}", seen.backup.name()))
        .hint(format!("or take a fresh one first: bcops backups capture {}", wishes.from)))
}

/// The chosen branches and their tips.
fn branches(
    context: &Context,
    wishes: &Wishes,
    seen: &Seen,
    asks: bool,
) -> Result<(Vec<String>, Vec<String>), CommandError> {
    match &wishes.branches {
        Some(named) => tips_of(named, seen).map_err(|text| {
            CommandError::new(FailureKind::Usage, text)
                .hint("bcops reset-staging --dry-run   # lists the branches on staging")
        }),
        None if asks => ask_for_branches(context, seen),
        None => Ok((Vec::new(), Vec::new())),
    }
}

/// The branches that are meant, each with its tip. The error says what is wrong with them.
fn tips_of(named: &NamedBranches, seen: &Seen) -> Result<(Vec<String>, Vec<String>), String> {
    let listed = || seen.inventory.branches.iter().filter(|one| one.landed.is_none());
    let names = match named {
        NamedBranches::All => listed().map(|one| one.name.clone()).collect(),
        NamedBranches::None => Vec::new(),
        NamedBranches::Names(names) => names.clone(),
    };
    let mut chosen = Vec::new();
    for name in names {
        let Some(tip) = seen.tips.get(&name) else {
            return Err(format!("there is no branch {name} on the origin"));
        };
        if !chosen.iter().any(|(known, _)| *known == name) {
            chosen.push((name, tip.clone()));
        }
    }
    Ok(chosen.into_iter().unzip())
}

fn ask_for_branches(
    context: &Context,
    seen: &Seen,
) -> Result<(Vec<String>, Vec<String>), CommandError> {
    let branches = &seen.inventory.branches;
    if branches.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    context.ui.question("Branches on staging and not on master:");
    for one in branches {
        let mark = match (one.landed.is_some(), one.stale) {
            (true, _) => ", already on master",
            (false, true) => ", stale",
            (false, false) => "",
        };
        context.ui.question(&format!(
            "  {}  ({}, {} old{mark})",
            one.name,
            one.author,
            words::duration(one.age)
        ));
    }
    let question = "Merge which of them? (all, none, or names with commas)";
    until_usable(context, question, |answer| tips_of(&NamedBranches::parse(answer), seen))
}

/// Branches in conflict are left out if whoever sits at the terminal says so. An approved plan has
/// decided it, and where nobody can be asked the run waits for the decision.
pub fn settle_conflicts(
    context: &Context,
    wishes: &Wishes,
    merging: &Preview,
    choices: &mut Choices,
) -> Result<(), CommandError> {
    let asks = context.ui.prompter().can_ask() && !wishes.approved;
    if merging.conflicts.is_empty() || choices.on_conflict == OnConflict::Skip || !asks {
        return Ok(());
    }
    context.ui.question("Branches in conflict:");
    for one in &merging.conflicts {
        for file in &one.files {
            context.ui.question(&format!("  {file}"));
        }
    }
    let names: Vec<&str> = merging.conflicts.iter().map(|one| one.branch.as_str()).collect();
    let question = format!("Leave {} out, and merge the others? no stops here", names.join(", "));
    confirm::yes(context, &question, "--on-conflict skip")?;
    choices.on_conflict = OnConflict::Skip;
    Ok(())
}

fn recreate(
    context: &Context,
    wishes: &Wishes,
    accounts: &[Account],
    asks: bool,
) -> Result<Vec<String>, CommandError> {
    let chosen = |wanted: &Recreate| {
        choose(accounts, wanted)
            .map(|chosen| chosen.into_iter().collect())
            .map_err(|error| error.to_string())
    };
    match &wishes.recreate {
        Some(wanted) => chosen(wanted).map_err(|text| CommandError::new(FailureKind::Usage, text)),
        None if asks && !accounts.is_empty() => {
            context.ui.question("Accounts on staging only:");
            for one in accounts {
                let mark = if one.is_superuser { "  (superuser)" } else { "" };
                context.ui.question(&format!("  {}  {}{mark}", one.username, one.email));
            }
            let question = "Put back which of them? (all, none, or e-mail addresses)";
            until_usable(context, question, |answer| {
                let wanted = answer.parse::<Recreate>().map_err(|error| error.to_string())?;
                chosen(&wanted)
            })
        }
        None => Ok(Vec::new()),
    }
}

/// Without a comparison, only accounts that were named can be put back, or none.
fn not_compared(wishes: &Wishes) -> Result<Vec<String>, CommandError> {
    match &wishes.recreate {
        Some(Recreate::Only(names)) => Ok(names.clone()),
        Some(Recreate::All) => {
            let text = "which accounts are on staging only is not known, because the databases \
                        could not be compared; nothing was changed";
            Err(CommandError::new(FailureKind::Refused, text)
                .hint("--recreate-users none, or name them"))
        }
        Some(Recreate::None) | None => Ok(Vec::new()),
    }
}

fn agree(context: &Context, seen: &Seen) -> Result<bool, CommandError> {
    if let Some(content) = seen.content.as_ref().filter(|content| !content.items.is_empty()) {
        context.ui.question("Content on staging only, which will be gone:");
        for item in content.items.iter().take(30) {
            let editor = item.editor.as_deref().unwrap_or("unknown");
            let changed = item.changed.as_deref().unwrap_or("unknown date");
            context
                .ui
                .question(&format!("  {:?} {:?}  ({editor}, {changed})", item.kind, item.title));
        }
        let more = content.items.len().saturating_sub(30);
        if more > 0 {
            context.ui.question(&format!("  and {more} more"));
        }
    }
    let question = "Do the client and the other developers know, and agree?";
    confirm::yes(context, question, "--attest agreed")?;
    Ok(true)
}
