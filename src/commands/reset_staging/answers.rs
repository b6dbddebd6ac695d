//! Answers the questions of a reset: from flags, from a plan, or from the person at the terminal.
//!
//! An unanswered question is a no. Without a terminal, one error names every missing flag before
//! anything is changed.

use std::time::Duration;

use crate::adapters::git::{Branch, OnConflict};
use crate::cli::ResetArgs;
use crate::commands::{Context, confirm};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::reset::accounts::{Account, Selection, choose};
use crate::reset::{Answers, ChosenBackup, Options, Preview, Stage, Survey};
use crate::runbook::Plan;
use crate::words;

use super::ask::until_usable;
use super::{openness, picker};

/// The answers that are known before anything is looked at, from arguments or from a plan.
#[derive(Debug, Clone)]
pub struct Given {
    pub options: Options,
    branches: Option<Selection>,
    backup: Option<String>,
    recreate: Option<Selection>,
    /// The answers are those of an approved plan, so no question is asked again.
    approved: bool,
    /// Branches that do not merge into master, as far as that was looked at.
    conflicting: Vec<String>,
}

/// Unlike a list of people, an empty list of branches is an answer.
fn branches_of(text: &str) -> Selection {
    match text.trim() {
        "all" => Selection::All,
        "none" | "" => Selection::None,
        names => {
            let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
            Selection::Only(names.map(str::to_owned).collect())
        }
    }
}

/// The stages that `--skip` names.
pub fn stages(names: &[String]) -> Result<Vec<Stage>, CommandError> {
    let usage = |unknown| CommandError::new(FailureKind::Usage, unknown);
    names.iter().map(|name| name.parse::<Stage>().map_err(usage)).collect()
}

pub fn on_conflict(flag: &str) -> OnConflict {
    if flag == "skip" { OnConflict::Skip } else { OnConflict::Stop }
}

impl Given {
    pub fn of(
        args: &ResetArgs,
        approved: Option<&Plan>,
        destination: &str,
    ) -> Result<Given, CommandError> {
        if let Some(plan) = approved {
            let mut given = Given::of_plan(plan, destination)?;
            given.options.agreed |= args.attest.is_some();
            given.options.open = args.open.or(given.options.open);
            return Ok(given);
        }
        let skip = stages(&args.skip)?;
        let recreate = args.recreate_users.as_deref().map(str::parse::<Selection>).transpose();
        Ok(Given {
            options: Options {
                source: args.from.clone(),
                destination: destination.to_owned(),
                agreed: args.attest.is_some(),
                media: args.media,
                on_conflict: on_conflict(&args.on_conflict),
                restore_via: args.restore_via,
                skip,
                max_delete: args.max_delete,
                open: args.open,
            },
            branches: args.branches.as_deref().map(branches_of),
            backup: args.backup.clone(),
            recreate: recreate
                .map_err(|error| CommandError::new(FailureKind::Usage, error.to_string()))?,
            approved: false,
            conflicting: Vec::new(),
        })
    }

    /// The answers that a plan was made with.
    fn of_plan(plan: &Plan, destination: &str) -> Result<Given, CommandError> {
        let answers = Answers::from_flags(&plan.flags).map_err(|reason| {
            CommandError::new(
                FailureKind::Configuration,
                format!("the plan is not a plan of a reset: {reason}"),
            )
        })?;
        if answers.destination != destination {
            let text = format!("the plan is for {}, not for {destination}", answers.destination);
            return Err(CommandError::new(FailureKind::Usage, text));
        }
        let Answers { options, branches, backup, recreate_users, .. } = answers;
        Ok(Given {
            options,
            branches: Some(Selection::Only(branches.into_iter().map(|one| one.name).collect())),
            backup: Some(backup.name),
            recreate: Some(match recreate_users.is_empty() {
                true => Selection::None,
                false => Selection::Only(recreate_users),
            }),
            approved: true,
            conflicting: Vec::new(),
        })
    }

    /// Whether the person at the terminal will be asked which branches to merge.
    pub fn asks_for_branches(&self, context: &Context, survey: &Survey) -> bool {
        let is_open = self.options.runs(Stage::Git) && self.branches.is_none();
        is_open && !survey.inventory.branches.is_empty() && context.ui.prompter().can_ask()
    }

    /// With the branches that do not merge into master, to mark them in the list.
    pub fn with_conflicting(self, conflicting: Vec<String>) -> Given {
        Given { conflicting, ..self }
    }

    /// The backup that `--backup` names.
    pub fn backup_name(&self) -> Option<&str> {
        self.backup.as_deref().filter(|name| *name != "newest")
    }

    /// Fails before anything is looked at where a question is certain and there is no terminal.
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
        if self.options.runs(Stage::Preflight) && !self.options.agreed {
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
    let text = "cannot ask the open questions: there is no terminal; nothing was changed";
    let error = CommandError::new(FailureKind::NotConfirmed, text);
    Err(error.hint(format!("answer them with flags: {}", missing.join(" "))))
}

/// Answers the open questions. A dry run asks nothing, and takes each open question for a no.
pub fn decide(
    context: &Context,
    given: &Given,
    survey: &Survey,
    dry_run: bool,
) -> Result<Answers, CommandError> {
    let asks = !dry_run && context.ui.prompter().can_ask();
    if !asks && !dry_run {
        unanswered(open_questions(context, given, survey))?;
    }
    let branches = match given.options.runs(Stage::Git) {
        true => branches(context, given, survey, asks)?,
        false => Vec::new(),
    };
    if given.options.runs(Stage::Database) {
        check_age(context, given, survey, asks, dry_run)?;
    }
    let recreate_users = match (&survey.accounts, given.options.runs(Stage::Database)) {
        (Some(accounts), true) => recreate(context, given, accounts, asks)?,
        (None, true) => not_compared(given)?,
        (_, false) => Vec::new(),
    };
    let open = openness::decide(context, given, survey, asks)?;
    let agreed = given.options.agreed
        || (asks && given.options.runs(Stage::Preflight) && agree(context, survey)?);
    Ok(Answers {
        options: Options { agreed, open, ..given.options.clone() },
        branches,
        backup: ChosenBackup { name: survey.backup.name(), id: survey.backup.uuid.clone() },
        recreate_users,
        master: survey.inventory.master,
        staging: survey.inventory.staging,
    })
}

/// The flags that answer the open questions.
fn open_questions(context: &Context, given: &Given, survey: &Survey) -> Vec<String> {
    let mut missing = Vec::new();
    let has_accounts = survey.accounts.as_ref().is_none_or(|accounts| !accounts.is_empty());
    if given.options.runs(Stage::Git)
        && given.branches.is_none()
        && !survey.inventory.branches.is_empty()
    {
        missing.push("--branches all|none|NAMES".to_owned());
    }
    if given.options.runs(Stage::Database) && given.recreate.is_none() && has_accounts {
        missing.push("--recreate-users all|none|EMAILS".to_owned());
    }
    if given.options.runs(Stage::Database)
        && given.backup.is_none()
        && too_old(context, survey).is_some()
    {
        missing.push(format!("--backup {}", survey.backup.name()));
    }
    if openness::is_asked(given, survey) {
        missing.push("--open yes|no".to_owned());
    }
    missing
}

/// The age of the backup, if it is above the limit.
fn too_old(context: &Context, survey: &Survey) -> Option<String> {
    let age = survey.backup.finished_at.map(|at| {
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
    given: &Given,
    survey: &Survey,
    asks: bool,
    dry_run: bool,
) -> Result<(), CommandError> {
    let Some(age) = too_old(context, survey) else { return Ok(()) };
    let text = format!("backup {} of {} is {age}", survey.backup.name(), given.options.source);
    // A backup that was named is used: the person knows which one it is.
    if given.backup_name().is_some() || dry_run {
        context.ui.emit(Event::Warning(text));
        return Ok(());
    }
    let newest = given.backup.is_some();
    if asks && !newest {
        let flag = format!("--backup {}", survey.backup.name());
        return confirm::yes(context, &format!("{text}. Use it?"), &flag);
    }
    Err(CommandError::new(FailureKind::NotConfirmed, format!("{text}; nothing was changed"))
        .hint(format!("to use it nevertheless: --backup {}", survey.backup.name()))
        .hint(format!(
            "or capture a new backup first: bcops backups capture {}",
            given.options.source
        )))
}

/// The chosen branches.
fn branches(
    context: &Context,
    given: &Given,
    survey: &Survey,
    asks: bool,
) -> Result<Vec<Branch>, CommandError> {
    match &given.branches {
        Some(named) => tips_of(named, survey).map_err(|text| {
            CommandError::new(FailureKind::Usage, text)
                .hint("bcops reset-staging --dry-run   # lists the branches on staging")
        }),
        None if asks => ask_for_branches(context, &given.conflicting, survey),
        None => Ok(Vec::new()),
    }
}

/// The chosen branches, at their tips. The error names the branch that is wrong.
fn tips_of(named: &Selection, survey: &Survey) -> Result<Vec<Branch>, String> {
    let listed = || survey.inventory.branches.iter().filter(|one| one.landed.is_none());
    let names = match named {
        Selection::All => listed().map(|one| one.name.clone()).collect(),
        Selection::None => Vec::new(),
        Selection::Only(names) => names.clone(),
    };
    let mut chosen: Vec<Branch> = Vec::new();
    for name in names {
        let Some(branch) = survey.branches.iter().find(|one| one.name == name) else {
            let names = survey.branches.iter().map(|one| one.name.as_str());
            let near = words::did_you_mean(&name, names);
            let near = near.map_or_else(String::new, |near| format!(" ({near})"));
            return Err(format!("the origin has no branch {name}{near}"));
        };
        if !chosen.contains(branch) {
            chosen.push(branch.clone());
        }
    }
    Ok(chosen)
}

fn ask_for_branches(
    context: &Context,
    conflicting: &[String],
    survey: &Survey,
) -> Result<Vec<Branch>, CommandError> {
    let branches = &survey.inventory.branches;
    if branches.is_empty() {
        return Ok(Vec::new());
    }
    context.ui.question("Branches on staging and not on master:");
    for one in branches {
        context.ui.question(&format!("  {}", picker::line(one, conflicting)));
    }
    context.ui.question("Enter alone shows a list to pick from; a part of a name narrows it.");
    let question = "Merge which of them? (all, none, or names with commas)";
    until_usable(context, question, |answer| {
        let names = picker::names(context, answer, branches, conflicting)?;
        tips_of(&branches_of(&names), survey)
    })
}

/// Skips branches in conflict if the person at the terminal says so. An approved plan has decided it
/// already. Without a terminal the run waits for the decision.
pub fn settle_conflicts(
    context: &Context,
    given: &Given,
    merging: &Preview,
    answers: &mut Answers,
) -> Result<(), CommandError> {
    let asks = context.ui.prompter().can_ask() && !given.approved;
    if merging.conflicts.is_empty() || answers.on_conflict == OnConflict::Skip || !asks {
        return Ok(());
    }
    context.ui.question("Branches in conflict:");
    for one in &merging.conflicts {
        for file in &one.files {
            context.ui.question(&format!("  {file}"));
        }
    }
    let names: Vec<&str> = merging.conflicts.iter().map(|one| one.branch.as_str()).collect();
    let question = format!("Skip {} and merge the others? (no stops the reset)", names.join(", "));
    confirm::yes(context, &question, "--on-conflict skip")?;
    answers.options.on_conflict = OnConflict::Skip;
    Ok(())
}

fn recreate(
    context: &Context,
    given: &Given,
    accounts: &[Account],
    asks: bool,
) -> Result<Vec<String>, CommandError> {
    let chosen = |wanted: &Selection| {
        choose(accounts, wanted)
            .map(|chosen| chosen.into_iter().collect())
            .map_err(|error| error.to_string())
    };
    match &given.recreate {
        Some(wanted) => chosen(wanted).map_err(|text| CommandError::new(FailureKind::Usage, text)),
        None if asks && !accounts.is_empty() => {
            context.ui.question("Accounts that only staging has:");
            for one in accounts {
                let mark = if one.is_superuser { "  (superuser)" } else { "" };
                context.ui.question(&format!("  {}  {}{mark}", one.username, one.email));
            }
            let question = "Put back which of them? (all, none, or e-mail addresses)";
            until_usable(context, question, |answer| {
                let wanted = answer.parse::<Selection>().map_err(|error| error.to_string())?;
                chosen(&wanted)
            })
        }
        None => Ok(Vec::new()),
    }
}

/// Without a comparison, only accounts that were named are put back, or none.
fn not_compared(given: &Given) -> Result<Vec<String>, CommandError> {
    match &given.recreate {
        Some(Selection::Only(names)) => Ok(names.clone()),
        Some(Selection::All) => {
            let text = "cannot put all accounts back: the databases could not be compared; nothing was changed";
            Err(CommandError::new(FailureKind::Refused, text)
                .hint("put back none, or name them: --recreate-users none"))
        }
        Some(Selection::None) | None => Ok(Vec::new()),
    }
}

fn agree(context: &Context, survey: &Survey) -> Result<bool, CommandError> {
    if let Some(content) = survey.content.as_ref().filter(|content| !content.items.is_empty()) {
        context.ui.question("Content that only staging has, and that will be lost:");
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
