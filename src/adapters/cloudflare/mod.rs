//! Talks to Cloudflare's API, version 4, as far as a purge needs: tokens, zones and `purge_cache`.
//!
//! Every answer is an envelope, `{"success", "errors", "messages", "result"}`, and only `"success":
//! true` is a success: status 200 alone does not. Facts from Cloudflare's own documentation of its
//! API, of purging (`/cache/how-to/purge-cache`) and of rate limits
//! (`/fundamentals/api/reference/limits`).

mod budget;
mod client;
mod credentials;
mod purge;
mod service;
mod zones;

use std::time::Duration;

pub use client::Cloudflare;
pub use credentials::Credentials;
pub use purge::{ItemKind, Selection};
pub use zones::{InvalidZone, Zone, ZoneId};

use crate::adapters::backoff::Backoff;
use crate::adapters::json_api;

/// How long each kind of wait may take.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub connect: Duration,
    /// From the first byte sent to the last byte of the answer.
    pub request: Duration,
    /// How often a request is sent in total, where another try may help.
    pub tries: u32,
    pub backoff: Backoff,
    /// How long the rate limit may delay one request.
    pub patience: Duration,
    /// How long to wait for an answer when the user wants to stop.
    pub grace: Duration,
}

impl Timing {
    /// The same timing with the user's limit for each request, if set.
    pub fn limited(self, request: Option<Duration>) -> Timing {
        let Some(request) = request else { return self };
        Timing { request, ..self }
    }

    fn api(&self) -> json_api::Timing {
        let Timing { connect, request, tries, backoff, .. } = *self;
        let try_for = request.saturating_mul(2);
        json_api::Timing { connect, request, tries, try_for, backoff }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(30),
            tries: 5,
            backoff: Backoff {
                first: Duration::from_millis(500),
                longest: Duration::from_secs(10),
            },
            // The limit of the account, once reached, blocks for five minutes.
            patience: Duration::from_secs(15 * 60),
            grace: Duration::from_secs(2),
        }
    }
}
