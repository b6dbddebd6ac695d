//! The message for colleagues and the one for the client: printed, saved with the run, and the first
//! one posted where a webhook is set. What they say is in [`super::texts`].

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use crate::failure::{CommandError, FailureKind};
use crate::private_folder;
use crate::reset::world::World;
use crate::runbook::{
    Evidence, Job, Outcome, Probe, Runs, Step, StepContext, StepFuture, StepKind, StepResult,
};

use super::texts::Texts;
use super::{STAGE, slack};

/// The file in the run's folder.
const FILE: &str = "messages.md";
const POST: &str = "message to Slack";

pub struct Messages(pub Arc<World>);

impl Messages {
    fn path(&self, context: &StepContext) -> PathBuf {
        let state = &self.0.settings.state_directory.value;
        Runs::in_state_folder(state).path(context.run()).join(FILE)
    }

    fn save(&self, context: &StepContext, texts: &Texts) -> io::Result<()> {
        let page = format!(
            "# For colleagues\n\n{}\n# For the client\n\n{}",
            texts.colleagues, texts.client
        );
        private_folder::write(&self.path(context), page.as_bytes())
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
            let texts = Texts::of(&self.0, context)?;
            self.save(context, &texts).map_err(|error| {
                let text = format!("cannot write {}", self.path(context).display());
                CommandError::new(FailureKind::Configuration, text).with_cause(error)
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
