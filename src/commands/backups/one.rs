//! `backups info` and `backups url`: shows one backup, or its URL.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::adapters::heroku::{Transfer, TransferState, Verbosity};
use crate::cli::{OneBackupArgs, UrlArgs};
use crate::commands::{Context, Outcome, journal, reason};
use crate::deployment::backups::{BackedUp, named};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::words;

use super::backed_up;
use super::backup::{Backup, age};

/// One backup.
#[derive(Serialize, JsonSchema)]
pub struct Info {
    #[serde(flatten)]
    backup: Backup,
    app: String,
    /// What Heroku logged about it, line by line.
    log: Vec<String>,
}

/// A URL of one backup.
#[derive(Serialize, JsonSchema)]
pub struct SignedUrl<'a> {
    app: &'a str,
    /// The name of the backup.
    name: String,
    /// A secret: anyone with this URL gets every row.
    url: &'a str,
    expires_at: Option<Timestamp>,
}

pub async fn info(context: &Context, args: &OneBackupArgs) -> Result<Outcome, CommandError> {
    let subject = backed_up(context, &args.environment).await?;
    let chosen = choose(context, &subject, args, Default::Newest).await?;
    let seen = subject.heroku.transfer(subject.owner(), &chosen.uuid, Verbosity::WithLogs).await?;
    let app = subject.app().to_owned();
    let log = seen.logs.iter().map(|line| line.message.clone()).collect();
    Ok(Outcome::of(&Info { backup: Backup::from(&seen), app, log }))
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Info { backup, app, log } = self;
        write!(f, "{} of {app}: {}", backup.name, backup.state)?;
        for (name, moment) in [
            ("created", backup.created_at),
            ("started", backup.started_at),
            ("finished", backup.finished_at),
        ] {
            if let Some(at) = moment {
                write!(f, "\n{name:<10} {at} ({} ago)", age(at))?;
            }
        }
        for (name, bytes) in [("database", backup.database_bytes), ("backup", backup.bytes)] {
            if let Some(bytes) = bytes {
                write!(f, "\n{name:<10} {}", words::bytes(bytes))?;
            }
        }
        log.iter().try_for_each(|line| write!(f, "\nlog        {line}"))
    }
}

/// The URL is a secret that the user asked for. It goes to standard output and nowhere else.
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
    // Another environment may use a protected environment's database, which its backups then copy.
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
    let text = "anyone with this URL can fetch the backup, personal data included".to_owned();
    context.ui.emit(Event::Warning(text));
    let (app, name, url) = (subject.app(), chosen.name(), signed.url.expose());
    Ok(Outcome::done(SignedUrl { app, name, url, expires_at: signed.expires_at }, url))
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
        CommandError::new(
            FailureKind::Refused,
            format!("{} has no completed backup", subject.app()),
        )
        .hint(format!("bcops backups capture {}", subject.environment.name))
    })
}

/// The backup to use if none is named.
enum Default {
    Newest,
    NewestCompleted,
}
