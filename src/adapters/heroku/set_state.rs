//! Sets a state with a PATCH: maintenance mode, a formation, config vars.
//!
//! A second request sets the same state, so the request is repeated after a temporary error. The
//! state that is read afterwards decides.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::client::Heroku;
use super::error::{HerokuError, NotTaken};
use crate::adapters::json_api::Request;

/// The number of reads, because a read may be slightly older than the change.
const READS: u32 = 3;
const BETWEEN_READS: Duration = Duration::from_millis(300);

/// The state as read.
pub(super) enum Reads {
    AsWanted,
    Otherwise { wanted: String, found: String },
}

impl Heroku {
    /// Sends the change until Heroku answers, and reads until the state is as wanted. `echoes`
    /// decides whether Heroku's answer to the change holds the new state.
    pub(super) async fn set_state<F: Future<Output = Result<Reads, HerokuError>>>(
        &self,
        request: Request<'_>,
        body: &Value,
        echoes: impl Fn(&Value) -> bool,
        read: impl Fn() -> F,
    ) -> Result<(), HerokuError> {
        let because = match self.patch(&request, body).await {
            Ok(answer) if echoes(&answer) => NotTaken::ChangedSince,
            Ok(_) => NotTaken::Ignored,
            Err(error) if error.leaves_doubt() => NotTaken::NoAnswer,
            Err(error) => return Err(error),
        };
        let mut reads = 0;
        loop {
            let Reads::Otherwise { wanted, found } = read().await? else { return Ok(()) };
            reads += 1;
            if reads >= READS {
                let what = request.what;
                return Err(HerokuError::NotTaken { what, wanted, found, because });
            }
            tokio::time::sleep(BETWEEN_READS).await;
        }
    }

    async fn patch(&self, request: &Request<'_>, body: &Value) -> Result<Value, HerokuError> {
        self.get(request.clone().method(Method::PATCH).body(Some(body)).idempotent()).await
    }
}
