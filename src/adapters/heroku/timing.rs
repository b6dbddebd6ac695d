//! Holds the client's time limits.

use std::time::Duration;

use super::error::HerokuError;
use crate::adapters::backoff::Backoff;
use crate::adapters::json_api;

/// How long each kind of wait may take. The defaults are for the real Heroku.
#[derive(Debug, Clone)]
pub struct Timing {
    pub connect: Duration,
    /// From the first byte sent to the last byte of the answer.
    pub request: Duration,
    /// How long the download of a backup may stall before it reconnects.
    pub stall: Duration,
    /// How often a GET is sent in total, and for how long.
    pub tries: u32,
    pub try_for: Duration,
    pub backoff: Backoff,
    /// The time between two polls of a long job, as in Heroku's own CLI.
    pub poll: Duration,
    /// How many polls in a row may fail, each with all its retries.
    pub failed_polls: u32,
    /// How long a transfer may take.
    pub transfer: Duration,
    /// How long a build or a release may take: its release phase alone may take an hour.
    pub job: Duration,
    /// How long dynos may take to start, to stop, and to answer at the rendezvous.
    pub dynos: Duration,
    /// How long output may still arrive after the exit status of a one-off dyno.
    pub grace: Duration,
}

impl Timing {
    /// The same timing with the user's limit for each request, if set.
    pub fn limited(self, request: Option<Duration>) -> Timing {
        let Some(request) = request else { return self };
        Timing { request, stall: request, try_for: request.saturating_mul(2), ..self }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(60),
            stall: Duration::from_secs(30),
            tries: 5,
            try_for: Duration::from_secs(120),
            backoff: Backoff {
                first: Duration::from_millis(500),
                longest: Duration::from_secs(10),
            },
            poll: Duration::from_secs(3),
            failed_polls: 5,
            transfer: Duration::from_secs(12 * 60 * 60),
            job: Duration::from_secs(90 * 60),
            dynos: Duration::from_secs(10 * 60),
            grace: Duration::from_secs(5),
        }
    }
}

impl Timing {
    pub(super) fn api(&self) -> json_api::Timing {
        let Timing { connect, request, tries, try_for, backoff, .. } = *self;
        json_api::Timing { connect, request, tries, try_for, backoff }
    }
}

/// The waits between polls of a job: short at first, because many jobs are short, then
/// [`Timing::poll`].
#[derive(Debug)]
pub struct Pace {
    next: Duration,
    longest: Duration,
}

/// The first wait.
const FIRST_LOOK: Duration = Duration::from_millis(200);

impl Timing {
    pub fn pace(&self) -> Pace {
        Pace { next: FIRST_LOOK.min(self.poll), longest: self.poll }
    }
}

/// How many polls of a job have failed in a row.
#[derive(Debug, Default)]
pub struct FailedPolls(u32);

impl FailedPolls {
    /// The result of a poll. `None` for a failure that is still tolerated. `unseen` makes the error
    /// after too many failures.
    ///
    /// # Errors
    /// A failure that another poll cannot fix, or one failure too many.
    pub fn pass<T>(
        &mut self,
        seen: Result<T, HerokuError>,
        timing: &Timing,
        unseen: impl FnOnce(u32, Box<HerokuError>) -> HerokuError,
    ) -> Result<Option<T>, HerokuError> {
        let error = match seen {
            Ok(seen) => {
                self.0 = 0;
                return Ok(Some(seen));
            }
            Err(error) if error.is_final() => return Err(error),
            Err(error) => error,
        };
        self.0 += 1;
        match self.0 >= timing.failed_polls {
            true => Err(unseen(self.0, Box::new(error))),
            false => Ok(None),
        }
    }
}

impl Pace {
    pub async fn wait(&mut self) {
        let wait = self.next;
        self.next = (wait * 3 / 2).min(self.longest);
        tokio::time::sleep(wait).await;
    }
}
