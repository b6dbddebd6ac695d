//! `backups info` and `backups url`: one backup.

use serde_json::json;

use crate::adapters::heroku::{Transfer, TransferState, Verbosity};
use crate::cli::{OneBackupArgs, UrlArgs};
use crate::commands::{Context, Outcome, journal, reason};
use crate::deployment::backups::{BackedUp, named};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::words;

use super::list::{age, to_json};
use super::{backed_up, state};

pub async fn info(context: &Context, args: &OneBackupArgs) -> Result<Outcome, CommandError> {
    let subject = backed_up(context, &args.environment).await?;
    let chosen = choose(context, &subject, args, Default::Newest).await?;
    let seen = subject.heroku.transfer(subject.owner(), &chosen.uuid, Verbosity::WithLogs).await?;
    let mut text = format!("{} of {}: {}\n", seen.name(), subject.app(), state(&seen));
    for (name, moment) in
        [("created", seen.created_at), ("started", seen.started_at), ("finished", seen.finished_at)]
    {
        if let Some(at) = moment {
            text.push_str(&format!("{name:<10} {at} ({} ago)\n", age(at)));
        }
    }
    if let Some(bytes) = seen.source_bytes {
        text.push_str(&format!("database   {}\n", words::bytes(bytes)));
    }
    if let Some(bytes) = seen.processed_bytes {
        text.push_str(&format!("backup     {}\n", words::bytes(bytes)));
    }
    for line in &seen.logs {
        text.push_str(&format!("log        {}\n", line.message));
    }
    let mut result = to_json(&seen);
    result["app"] = json!(subject.app());
    result["log"] = json!(seen.logs.iter().map(|line| &line.message).collect::<Vec<_>>());
    Ok(Outcome::done(result, text.trim_end().to_owned()))
}

/// The URL is a secret, and it is what was asked for: it goes to standard output and nowhere else.
pub async fn url(context: &Context, args: &UrlArgs) -> Result<Outcome, CommandError> {
    let given = args.i_need_personal_data.as_deref();
    let environment = context.settings.environment(&args.backup.environment)?;
    let what = |app: &str| format!("anyone with this URL gets every row of {app}");
    if environment.protected {
        reason::check_can_be_asked(context, &what(&environment.app.value), given)?;
    }
    let (subject, chosen) = context
        .interrupt
        .guard(async {
            let subject = backed_up(context, &args.backup.environment).await?;
            let chosen = choose(context, &subject, &args.backup, Default::NewestCompleted).await?;
            Ok((subject, chosen))
        })
        .await?;
    if !chosen.is_backup() || chosen.state() != TransferState::Completed {
        let (name, app) = (chosen.name(), subject.app());
        let text = match chosen.state() {
            TransferState::Deleted => {
                format!("backup {name} of {app} was deleted; nothing was changed")
            }
            _ => format!("{name} of {app} is not a completed backup"),
        };
        return Err(CommandError::new(FailureKind::Refused, text)
            .hint(format!("bcops backups list {}", subject.environment.name)));
    }
    // Another environment may use a protected one's database: the backups are then of that one.
    let owner = subject.owner();
    let mut environments = context.settings.environments.values();
    let protected =
        environment.protected || environments.any(|one| one.protected && one.app.value == owner);
    if protected {
        let reason = reason::ask(context, &what(owner), given)?;
        let line = json!({ "event": "begun", "source": format!("{} of {owner}", chosen.name()),
            "reason": reason });
        journal::append(context, "backups url", line)?;
    }
    context.interrupt.guard(sign(context, &subject, &chosen)).await
}

async fn sign(
    context: &Context,
    subject: &BackedUp<'_>,
    chosen: &Transfer,
) -> Result<Outcome, CommandError> {
    let signed = subject.heroku.public_url(subject.owner(), chosen.num).await?;
    let text = "whoever has this URL can fetch the backup, personal data included".to_owned();
    context.ui.emit(Event::Warning(text));
    let result = json!({
        "app": subject.app(),
        "name": chosen.name(),
        "url": signed.url.expose(),
        "expires_at": signed.expires_at.map(|at| at.to_string()),
    });
    Ok(Outcome::done(result, signed.url.expose().to_owned()))
}

async fn choose(
    context: &Context,
    subject: &BackedUp<'_>,
    args: &OneBackupArgs,
    which: Default,
) -> Result<Transfer, CommandError> {
    let backups = subject.backups().await?;
    if let Some(name) = &args.backup {
        return named(&backups, subject.environment, name, &*context.ui);
    }
    let completed = backups.newest();
    let found = match which {
        Default::NewestCompleted => completed?,
        Default::Newest => {
            let own = backups.own();
            own.into_iter().filter(|one| one.is_backup()).max_by_key(|one| one.num)
        }
    };
    found.ok_or_else(|| {
        CommandError::new(FailureKind::Refused, format!("{} has no such backup", subject.app()))
            .hint(format!("bcops backups capture {}", subject.environment.name))
    })
}

/// The backup that is meant where none is named.
enum Default {
    Newest,
    NewestCompleted,
}
