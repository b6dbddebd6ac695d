//! `password`: sets a new password for a superuser of the local database.

use std::io::{BufRead, BufReader, Read};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::adapters::postgres::connect;
use crate::cli::PasswordArgs;
use crate::commands::{Context, Outcome, journal, superusers};
use crate::deployment::local;
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::restore::databases::Databases;
use crate::secret::Secret;
use crate::ui::{self, Answer};
use crate::words::{did_you_mean, shell_word};

/// More than any password, less than a file that was given by mistake.
const LONGEST: u64 = 4096;

/// More names do not fit a line of a message.
const MOST_NAMES: usize = 8;

#[derive(Serialize, JsonSchema)]
pub struct PasswordSet<'a> {
    /// The superuser.
    user: &'a str,
    database: &'a str,
    /// The password that bcops generated. `null` where it was given.
    password: Option<&'a str>,
    dry_run: bool,
}

pub async fn run(context: &Context, args: &PasswordArgs) -> Result<Outcome, CommandError> {
    let target = context.local_target(args.target.as_deref())?;
    local::on_this_machine(context.deployments(), &target)?;
    local::not_the_servers_own(&target)?;
    let looking = local::not_an_environments_own(context.deployments(), None, &target);
    context.interrupt.guard(async { looking.await.map(drop) }).await?;
    let databases = Databases::lock(&target).await?;
    let database = target.database.as_str();
    if databases.existing().await?.current.is_none() {
        let text =
            format!("cannot set a password: there is no database {database} on {}", target.place());
        return Err(CommandError::new(FailureKind::Refused, text)
            .hint("pull it first: bcops pull-data production"));
    }
    let session = connect(&target).await?;
    let table = &context.settings.local.users_table;
    let names = superusers::names(&session, table).await.map_err(|error| {
        let text = format!("cannot read the superusers of {database} from the table {table}");
        CommandError::new(FailureKind::Configuration, text)
            .with_cause(error)
            .hint("set local.users_table in bcops.toml to the table of Django's users")
    })?;
    let user = choose(context, args, database, &names)?;
    if args.dry_run {
        let result = PasswordSet { user: &user, database, password: None, dry_run: true };
        let text = format!(
            "would set the password of {user} in {database} (dry run: nothing was changed)"
        );
        return Ok(Outcome::done(result, text));
    }
    let (password, is_generated) = password(context, args, &user)?;
    let set = superusers::set_password(&session, table, Some(&user), &password).await?;
    session.close().await;
    if set.is_empty() {
        let text = format!("cannot set a password: {user} is gone; nothing was changed");
        return Err(CommandError::new(FailureKind::Refused, text).hint("bcops password"));
    }
    let line = json!({ "event": "password set", "database": database });
    if let Err(error) = journal::append(context, "password", line) {
        context.ui.emit(Event::Warning(error.to_string()));
    }
    let shown = is_generated.then(|| password.expose());
    let text = match shown {
        Some(password) => format!("the new password of {user} in {database}: {password}"),
        None => format!("set the password of {user} in {database}"),
    };
    Ok(Outcome::done(PasswordSet { user: &user, database, password: shown, dry_run: false }, text))
}

/// The superuser that is meant: named, the only one, or asked for.
fn choose(
    context: &Context,
    args: &PasswordArgs,
    database: &str,
    names: &[String],
) -> Result<String, CommandError> {
    let known = |user: &str| names.iter().any(|name| name == user);
    if names.is_empty() {
        let text = format!("cannot set a password: {database} has no superuser who can log in");
        return Err(CommandError::new(FailureKind::Refused, text)
            .hint("create one in the site's checkout: python manage.py createsuperuser"));
    }
    match (&args.user, names) {
        (Some(user), _) if known(user) => Ok(user.clone()),
        (Some(user), _) => Err(no_superuser(user, database, names)),
        (None, [only]) => Ok(only.clone()),
        (None, [first, ..]) if context.ui.prompter().can_ask() && !args.stdin => {
            let question =
                format!("{database} has several superusers ({}). Whose password?", listed(names));
            let prompter = context.ui.prompter();
            match tokio::task::block_in_place(|| prompter.text_or(&question, first)) {
                Answer::Given(user) if known(&user) => Ok(user),
                Answer::Given(user) => Err(no_superuser(&user, database, names)),
                Answer::Declined | Answer::CannotAsk => Err(CommandError::new(
                    FailureKind::NotConfirmed,
                    "no superuser was chosen; nothing was changed",
                )
                .hint(command(first))),
            }
        }
        (None, _) => {
            let text = format!("{database} has several superusers: {}", listed(names));
            let hints = names.first().map(|first| command(first));
            Err(CommandError::new(FailureKind::Usage, text).with_hints(hints))
        }
    }
}

fn no_superuser(user: &str, database: &str, names: &[String]) -> CommandError {
    let text = format!("{database} has no superuser {user}, but: {}", listed(names));
    let hint = did_you_mean(user, names.iter().map(String::as_str));
    let hint = hint.or_else(|| names.first().map(|first| command(first)));
    CommandError::new(FailureKind::Usage, text).with_hints(hint)
}

fn command(user: &str) -> String {
    format!("bcops password --user {}", shell_word(user))
}

fn listed(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The password, and whether it was generated.
fn password(
    context: &Context,
    args: &PasswordArgs,
    user: &str,
) -> Result<(Secret, bool), CommandError> {
    if args.stdin {
        return Ok((from_standard_input()?, false));
    }
    if let Some(given) = context.variable(superusers::VARIABLE).filter(|given| !given.is_empty()) {
        return Ok((Secret::new(given), false));
    }
    let prompter = context.ui.prompter();
    let question = format!("New password for {user}");
    match tokio::task::block_in_place(|| prompter.new_password(&question)) {
        Answer::Given(password) => Ok((password, false)),
        Answer::CannotAsk => Ok((superusers::generated()?, true)),
        Answer::Declined => Err(CommandError::new(
            FailureKind::NotConfirmed,
            "no password was given; nothing was changed",
        )
        .hint("generate one instead: bcops password --no-input")),
    }
}

fn from_standard_input() -> Result<Secret, CommandError> {
    let unusable = |reason: &str| {
        CommandError::new(FailureKind::Usage, format!("cannot use standard input: {reason}"))
            .hint("give one line: echo \"$NEW\" | bcops password --stdin")
    };
    let input = ui::raw_standard_input().map_err(|error| unusable(&error.to_string()))?;
    let mut line = String::new();
    BufReader::new(input.take(LONGEST))
        .read_line(&mut line)
        .map_err(|error| unusable(&error.to_string()))?;
    // A part of a line would become a password that no one knows.
    if line.len() as u64 >= LONGEST {
        return Err(unusable("its first line is too long for a password"));
    }
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(unusable("it holds no password"));
    }
    Ok(Secret::new(password.to_owned()))
}
