//! Describes what can fail with a one-off dyno.

use std::fmt;
use std::io;

use thiserror::Error;

use crate::adapters::heroku::HerokuError;

#[derive(Debug, Error)]
pub enum OneOffError {
    #[error(
        "Heroku's answer to the request for a one-off dyno was lost{}; try again",
        stopped_in_words(.stopped)
    )]
    NotStarted {
        stopped: Option<String>,
        #[source]
        cause: Box<HerokuError>,
    },
    #[error(
        "Heroku's answer to the request for a one-off dyno was lost; the command may be running, so look at `heroku ps` before you try again"
    )]
    StartUnclear {
        #[source]
        cause: Box<HerokuError>,
    },
    #[error(
        "cannot connect to {dyno}: Heroku offers no rendezvous for it, as in a private space; bcops asked the dyno to stop"
    )]
    NoRendezvous { dyno: String },
    #[error(
        "cannot reach the rendezvous of {dyno} at {host}: bcops asked the dyno to stop; check that this network allows its port"
    )]
    Unreachable {
        dyno: String,
        host: String,
        #[source]
        cause: io::Error,
    },
    #[error("the rendezvous closed before {dyno} connected; bcops asked the dyno to stop")]
    Refused { dyno: String },
    #[error(
        "{dyno} did not connect to the rendezvous within {seconds} seconds; bcops asked the dyno to stop"
    )]
    NeverCame { dyno: String, seconds: u64 },
    #[error("the exit status of {dyno} is unknown, because its output ended without one; {fate}")]
    ExitUnknown { dyno: String, fate: DynoFate },
    #[error("bcops stopped waiting for {dyno}: {reason}; {}", stop_in_words(.stop_failed))]
    GivenUp {
        dyno: String,
        reason: StopReason,
        /// Why the dyno could not be stopped. It may then run until its time limit.
        #[source]
        stop_failed: Option<Box<HerokuError>>,
    },
    #[error("cannot write the output of {dyno}; bcops asked the dyno to stop")]
    Output {
        dyno: String,
        #[source]
        cause: io::Error,
    },
    #[error("cannot use the certificates for the rendezvous: {reason}")]
    Certificates { reason: String },
}

/// The state of a dyno whose connection has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DynoFate {
    Gone,
    /// The dyno still exists, in this state.
    There(String),
    /// Heroku did not answer.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The command took too long.
    TotalTime,
    /// There was no input and no output for too long.
    Silence,
    /// The user interrupted it.
    Interrupted,
}

impl fmt::Display for DynoFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DynoFate::Gone => f.write_str("the dyno is gone"),
            DynoFate::There(state) => {
                write!(f, "the dyno still exists ({state}) and the command may continue")
            }
            DynoFate::Unknown => f.write_str("bcops cannot read whether the dyno still runs"),
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StopReason::TotalTime => "the command took too long",
            StopReason::Silence => "the command was silent for too long",
            StopReason::Interrupted => "the command was interrupted",
        })
    }
}

fn stopped_in_words(stopped: &Option<String>) -> String {
    match stopped {
        Some(dyno) => format!("; {dyno} had started, and bcops asked it to stop"),
        None => ", and no dyno has started".to_owned(),
    }
}

fn stop_in_words(stop_failed: &Option<Box<HerokuError>>) -> &'static str {
    match stop_failed {
        None => "bcops asked the dyno to stop",
        Some(_) => "bcops could not stop the dyno, which may continue",
    }
}
