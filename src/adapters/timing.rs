//! How long the services that are only asked small questions are waited for.

use std::time::Duration;

use super::backoff::{Backoff, Patience};

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub connect: Duration,
    /// From the first byte sent to the last byte of the answer.
    pub request: Duration,
    /// How often a request is sent in all, where another try may help.
    pub tries: u32,
    /// How long it is tried in all. A server that asks for a longer wait is not waited for.
    pub try_for: Duration,
    pub backoff: Backoff,
}

impl Timing {
    /// The same with a limit of the user's own for each request, if there is one.
    pub fn limited(self, request: Option<Duration>) -> Timing {
        let Some(request) = request else { return self };
        Timing { request, try_for: request.saturating_mul(2), ..self }
    }

    pub(super) fn patience(&self) -> Patience {
        let Timing { tries, try_for, backoff, .. } = *self;
        Patience { tries, try_for, backoff }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(15),
            tries: 4,
            try_for: Duration::from_secs(30),
            backoff: Backoff { first: Duration::from_millis(300), longest: Duration::from_secs(5) },
        }
    }
}
