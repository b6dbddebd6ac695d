//! Tests the engine, mostly in a simulated world of settings and jobs. The world remembers how long
//! the journal was at each change, so a kill at any moment can be replayed.

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

/// Another operator who holds the lock.
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
