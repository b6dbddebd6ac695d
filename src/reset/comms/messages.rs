//! The message for colleagues and the one for the client: printed, saved with the run, and the first
//! one posted where a webhook is set.

use std::fmt::Write;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use crate::error::{CommandError, Kind};
use crate::plain_text;
use crate::reset::choices::{MediaChoice, RestoreVia};
use crate::reset::git::short;
use crate::reset::values::{ACCOUNTS_BACK, BACKUP, LOADED, MEDIA_COPIED, MERGED, RELEASE};
use crate::reset::world::{Surroundings, World};
use crate::runbook::{
    Evidence, Job, Outcome, Probe, Runs, Step, StepContext, StepFuture, StepKind, StepResult,
};
use crate::words;

use super::{STAGE, slack};

/// The file in the run's folder.
const FILE: &str = "messages.md";
const POST: &str = "message to Slack";

pub struct Messages(pub Arc<World>);

/// The two texts.
struct Texts {
    colleagues: String,
    client: String,
}

impl Messages {
    fn path(&self, context: &StepContext) -> PathBuf {
        let state = &self.0.settings.state_directory.value;
        Runs::in_state_folder(state).path(context.run()).join(FILE)
    }

    fn texts(&self, context: &StepContext) -> StepResult<Texts> {
        Ok(Texts { colleagues: self.colleagues(context)?, client: self.client(context)? })
    }

    fn colleagues(&self, context: &StepContext) -> StepResult<String> {
        let World { surroundings, choices } = &*self.0;
        let Surroundings { source, destination, branches, app, .. } = surroundings;
        let mut text = format!("*{} was reset from {}.*\n", destination.name, source.name);
        if let Some(merged) = context.get(&MERGED)? {
            let what = match merged.merged.as_slice() {
                [] => branches.master.clone(),
                names => format!("{} with {}", branches.master, names.join(", ")),
            };
            line(&mut text, format!("`{}` is {what} ({})", branches.staging, short(&merged.tip)));
            if !merged.left_out.is_empty() {
                let names = merged.left_out.join(", ");
                line(&mut text, format!("left out because of conflicts: {names}"));
            }
            line(
                &mut text,
                format!(
                    "your copy of the branch is out of date: `git fetch && git checkout {0} && git reset --hard origin/{0}`",
                    branches.staging
                ),
            );
        }
        if let Some(release) = context.get(&RELEASE)? {
            line(&mut text, format!("{} runs release v{}", app.name(), release.version));
        }
        if let Some(data) = self.data(context)? {
            line(&mut text, data);
        }
        if let Some((objects, bytes)) = context.get(&MEDIA_COPIED)? {
            let media = match choices.media {
                MediaChoice::Originals => "original images",
                MediaChoice::All | MediaChoice::None => "media",
            };
            line(
                &mut text,
                format!(
                    "{media}: {} copied ({})",
                    words::plural(objects, "object"),
                    words::bytes(bytes)
                ),
            );
        }
        match context.get(&ACCOUNTS_BACK)? {
            Some(0) | None => {}
            Some(accounts) => line(
                &mut text,
                format!(
                    "{} that only {} had put back",
                    words::plural(accounts, "account"),
                    destination.name
                ),
            ),
        }
        if !choices.skip.is_empty() {
            line(&mut text, format!("left out: {}", choices.skip.join(", ")));
        }
        if let Some(backup) = context.get(&BACKUP)? {
            line(
                &mut text,
                format!(
                    "what was there before is backup {}, and `bcops runs rollback {}` puts it back",
                    backup.name,
                    context.run()
                ),
            );
        }
        Ok(text)
    }

    fn client(&self, context: &StepContext) -> StepResult<String> {
        let Surroundings { source, destination, .. } = &self.0.surroundings;
        let site = destination.sites.first().map_or("the staging site", String::as_str);
        let mut text = format!(
            "Hello,\n\nthe staging site has been brought up to date: {site} now shows the content of the live site.\n"
        );
        if let Some(data) = self.data(context)? {
            let _ = write!(text, "\nIn detail:\n\n");
            line(&mut text, data);
            line(&mut text, "personal data that the public sent (forms, alerts, feedback) is not on the staging site".to_owned());
        }
        if self.0.media.is_some() && self.0.choices.media != MediaChoice::None {
            line(&mut text, "images are those of the live site".to_owned());
        }
        let _ = write!(
            text,
            "\nWhat was only on the staging site before is no longer there. If you miss something, \
             tell us soon: we have kept a backup. Accounts and passwords are those of {}.\n",
            source.name
        );
        Ok(text)
    }

    fn data(&self, context: &StepContext) -> StepResult<Option<String>> {
        let choices = &self.0.choices;
        if choices.leaves_out(crate::reset::database::STAGE) {
            return Ok(None);
        }
        let how = match choices.restore_via {
            RestoreVia::Stream => "scrubbed on its way",
            RestoreVia::Heroku => "scrubbed after it was restored",
        };
        let rows = context.get(&LOADED)?.map_or_else(String::new, |loaded| {
            format!(
                ", {} in {}",
                words::plural(loaded.rows, "row"),
                words::plural(loaded.tables, "table")
            )
        });
        let source = &self.0.source.name;
        Ok(Some(format!(
            "the data is backup {} of {source}, {how} and audited{rows}",
            choices.backup
        )))
    }

    fn save(&self, context: &StepContext, texts: &Texts) -> io::Result<()> {
        let page = format!(
            "# For colleagues\n\n{}\n# For the client\n\n{}",
            texts.colleagues, texts.client
        );
        let path = self.path(context);
        let fresh = path.with_extension("new");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(page.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &path)
    }

    /// Posts the message once. Whether a post whose answer was lost arrived cannot be seen from
    /// here, and saying it twice is worse than looking.
    async fn post(&self, context: &StepContext, text: &str) -> StepResult<&'static str> {
        let Some(webhook) = &self.0.slack else { return Ok("no webhook is set") };
        context.register_secret(webhook);
        match context.job(POST) {
            Job::Known { .. } => return Ok("posted"),
            Job::Asked { .. } => {
                context.warn("the message to Slack may or may not have been posted; look there");
                return Ok("unclear");
            }
            Job::None => {}
        }
        context.intent(POST, json!({}))?;
        match slack::post(webhook, text).await {
            Ok(()) => {
                context.external(POST, "posted")?;
                Ok("posted")
            }
            Err(error) => {
                context.warn(format!("the message was not posted to Slack: {error}"));
                context.settle(POST, "it failed")?;
                Ok("failed")
            }
        }
    }
}

/// Names of branches are other people's words.
fn line(text: &mut String, line: String) {
    text.push_str(&format!("- {}\n", plain_text::on_one_line(&line)));
}

impl Step for Messages {
    fn id(&self) -> &'static str {
        "messages"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Manual
    }

    fn describe(&self) -> String {
        match self.0.slack {
            Some(_) => "Write the messages, and post the one for colleagues to Slack".to_owned(),
            None => "Write the messages for colleagues and for the client".to_owned(),
        }
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let texts = self.texts(context)?;
            self.save(context, &texts).map_err(|error| {
                let text = format!("cannot write {}", self.path(context).display());
                CommandError::new(Kind::Configuration, text).with_cause(error)
            })?;
            let posted = self.post(context, &texts.colleagues).await?;
            let summary = format!("Messages written to {}", self.path(context).display());
            Ok(Outcome::Done(
                Evidence::of(summary)
                    .fact("for colleagues", texts.colleagues)
                    .fact("for the client", texts.client)
                    .fact("Slack", posted),
            ))
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let there = self.path(context).is_file();
            Ok(Evidence::new().fact("saved", there))
        })
    }
}
