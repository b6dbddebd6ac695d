//! Prints the messages for colleagues and for the client, and saves both with the run. The first is
//! posted to Slack if a webhook is set. [`super::texts`] has their words.

use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use serde_json::json;

use crate::failure::{CommandError, FailureKind};
use crate::private_folder;
use crate::reset::world::Reset;
use crate::runbook::{Evidence, Job, Outcome, Runs, Step, StepContext, StepResult};

use super::slack;
use super::texts::Texts;

/// The file in the run's folder.
const FILE: &str = "messages.md";
const POST: &str = "message to Slack";

pub struct Messages;

fn path(world: &Reset, context: &StepContext) -> PathBuf {
    let state = &world.settings.state_directory.value;
    Runs::in_state_folder(state).path(context.run()).join(FILE)
}

fn save(world: &Reset, context: &StepContext, texts: &Texts) -> io::Result<()> {
    let page =
        format!("# For colleagues\n\n{}\n# For the client\n\n{}", texts.colleagues, texts.client);
    private_folder::write(&path(world, context), page.as_bytes())
}

/// Posts the message once. If Slack's answer was lost, bcops cannot see whether the message
/// arrived. It then warns instead of posting a second time.
async fn post(world: &Reset, context: &StepContext, text: &str) -> StepResult<&'static str> {
    let Some(webhook) = &world.slack else { return Ok("no webhook is set") };
    context.register_secret(webhook);
    match context.job(POST) {
        Job::Known { .. } => return Ok("posted"),
        Job::Asked { .. } => {
            context.warn("the message to Slack may not have been posted; check Slack");
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

#[async_trait]
impl Step<Reset> for Messages {
    fn describe(&self, world: &Reset) -> String {
        match world.slack {
            Some(_) => "Write the messages, and post the one for colleagues to Slack".to_owned(),
            None => "Write the messages for colleagues and for the client".to_owned(),
        }
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let texts = Texts::of(world, context)?;
        save(world, context, &texts).map_err(|error| {
            let text = format!("cannot write {}", path(world, context).display());
            CommandError::new(FailureKind::Configuration, text).with_cause(error)
        })?;
        let posted = post(world, context, &texts.colleagues).await?;
        let summary = format!("Messages written to {}", path(world, context).display());
        Ok(Outcome::Done(
            Evidence::of(summary)
                .fact("for colleagues", texts.colleagues)
                .fact("for the client", texts.client)
                .fact("Slack", posted),
        ))
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let there = path(world, context).is_file();
        Ok(Evidence::new().fact("saved", there))
    }
}
