//! Slack's incoming webhooks: one POST of `{"text": …}`, answered by `ok`.
//!
//! In a message, `<!channel>` calls everybody and `<URL|words>` shows words for a link. A branch may
//! have such a name, so that the three characters that Slack's reference of message texts wants
//! escaped are.

use std::time::Duration;

use serde_json::json;
use thiserror::Error;

use crate::secret::Secret;

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Error)]
pub enum SlackError {
    /// The URL is the secret, so that nothing of the request is told.
    #[error("{0}")]
    NotSent(&'static str),
    #[error("Slack answered with status {0}")]
    Refused(u16),
}

pub async fn post(webhook: &Secret, text: &str) -> Result<(), SlackError> {
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|_| SlackError::NotSent("the client could not be set up"))?;
    let sent = client.post(webhook.expose()).json(&json!({ "text": escaped(text) })).send().await;
    let answer = sent.map_err(|error| {
        SlackError::NotSent(match (error.is_builder(), error.is_timeout(), error.is_connect()) {
            (true, _, _) => "SLACK_WEBHOOK_URL is not a URL",
            (_, true, _) => "no answer in time",
            (_, _, true) => "it could not be reached",
            _ => "the request failed",
        })
    })?;
    match answer.status().is_success() {
        true => Ok(()),
        false => Err(SlackError::Refused(answer.status().as_u16())),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_calls_nobody() {
        assert_eq!(
            escaped("`git fetch && x` <!channel>"),
            "`git fetch &amp;&amp; x` &lt;!channel&gt;"
        );
    }
}
