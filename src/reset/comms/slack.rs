//! Posts to Slack's incoming webhooks: one POST of `{"text": …}`, answered by `ok`.
//!
//! In a message, `<!channel>` notifies the whole channel and `<URL|words>` is a link. A branch can
//! have such a name, so the three characters that Slack's reference names are escaped.

use std::time::Duration;

use serde_json::json;
use thiserror::Error;
use url::Url;

use crate::adapters;
use crate::secret::Secret;

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Error)]
pub enum SlackError {
    /// The URL is the secret, so the message contains nothing of the request.
    #[error("{0}")]
    NotSent(&'static str),
    #[error("Slack answered with status {0}")]
    Refused(u16),
}

pub async fn post(webhook: &Secret, text: &str) -> Result<(), SlackError> {
    let url = Url::parse(webhook.expose())
        .map_err(|_| SlackError::NotSent("SLACK_WEBHOOK_URL is not a URL"))?;
    if !adapters::is_private(&url) {
        return Err(SlackError::NotSent("SLACK_WEBHOOK_URL must begin with https://"));
    }
    let client = adapters::http_client(PATIENCE, PATIENCE)
        .build()
        .map_err(|_| SlackError::NotSent("cannot set up the HTTP client"))?;
    let sent = client.post(url).json(&json!({ "text": escaped(text) })).send().await;
    let answer = sent.map_err(|error| {
        SlackError::NotSent(match (error.is_timeout(), error.is_connect()) {
            (true, _) => "no answer in time",
            (_, true) => "Slack cannot be reached",
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

    #[tokio::test]
    async fn a_webhook_is_neither_printed_nor_sent_unencrypted() {
        for url in ["http://hooks.example/services/planted", "planted", "ftp://h/planted"] {
            let error = post(&Secret::new(url), "x").await.unwrap_err();
            assert!(matches!(error, SlackError::NotSent(_)), "{error}");
            let text = format!("{error} {error:?}");
            assert!(text.contains("SLACK_WEBHOOK_URL") && !text.contains("planted"), "{text}");
        }
    }

    #[test]
    fn the_name_of_a_branch_notifies_no_one() {
        assert_eq!(
            escaped("`git fetch && x` <!channel>"),
            "`git fetch &amp;&amp; x` &lt;!channel&gt;"
        );
    }
}
