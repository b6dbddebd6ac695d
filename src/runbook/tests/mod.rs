//! Tests of the engine, mostly on a made-up world: services with settings and jobs, which remember
//! how long the journal was at each change, so that a kill at any moment can be played.

mod brackets;
mod files;
mod kills;
mod lock_file;
mod plans;
mod refusals;
mod rolling_back;
mod secrets;
mod steps;
mod world;

use crate::runbook::lock::{Holder, Operator};

/// Somebody else who holds the lock.
fn holder() -> Holder {
    Holder {
        run: world::run_id(),
        operator: Operator { who: "ada".into(), host: "desk".into(), pid: 1, beginning: None },
        at: jiff::Timestamp::now(),
        command: "reset".into(),
        since: None,
        essence: None,
    }
}
