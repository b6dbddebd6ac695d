//! Whether staging's sites answer, before and after.
//!
//! It asks as a visitor does. What cannot be reached from here at all says nothing of the site, and
//! is told apart from a site that answers with an error.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::runbook::StepResult;

use super::world::World;

/// A site that was only just started may take a while.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(2);
const REQUEST: Duration = Duration::from_secs(30);

/// A site that does not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down {
    pub url: String,
    pub problem: String,
    pub answered: bool,
}

impl World {
    /// The sites that do not answer well at this moment, and how many were asked.
    pub(super) async fn sites_down(&self) -> StepResult<(usize, Vec<Down>)> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("bcops/", env!("CARGO_PKG_VERSION")))
            .timeout(REQUEST)
            .build()
            .map_err(|error| {
                let text = "the HTTP client could not be set up";
                crate::error::CommandError::new(crate::error::Kind::Unexpected, text)
                    .with_cause(error)
            })?;
        let sites = &self.destination.sites;
        let asked = join_all(sites.iter().map(|url| ask(&client, url))).await;
        Ok((sites.len(), asked.into_iter().flatten().collect()))
    }

    /// Asks until every site answers well, or until it has gone on for too long. Sites that could
    /// not be reached before cannot be judged, and are given back apart.
    pub(super) async fn wait_for_sites(
        &self,
        before: &[Down],
    ) -> StepResult<(Vec<Down>, Vec<Down>)> {
        let unreachable = |down: &Down| {
            !down.answered && before.iter().any(|one| one.url == down.url && !one.answered)
        };
        let began = Instant::now();
        loop {
            let (_, down) = self.sites_down().await?;
            let (unjudged, bad): (Vec<Down>, Vec<Down>) = down.into_iter().partition(unreachable);
            if bad.is_empty() || began.elapsed() > PATIENCE {
                return Ok((bad, unjudged));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

async fn ask(client: &reqwest::Client, url: &str) -> Option<Down> {
    let down = |problem: String, answered| Some(Down { url: url.to_owned(), problem, answered });
    match client.get(url).send().await {
        Ok(answer) if answer.status().is_server_error() => {
            down(format!("answers with status {}", answer.status().as_u16()), true)
        }
        Ok(_) => None,
        Err(error) if error.is_timeout() => down("does not answer in time".to_owned(), true),
        Err(error) if error.is_redirect() => down("redirects for ever".to_owned(), true),
        Err(_) => down("cannot be reached from here".to_owned(), false),
    }
}
