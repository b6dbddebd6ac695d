//! What can go wrong with a one-off dyno.

use std::fmt;
use std::io;

use thiserror::Error;

use crate::adapters::heroku::HerokuError;

#[derive(Debug, Error)]
pub enum OneOffError {
    #[error(
        "the answer to the request for a one-off dyno was lost{}; try again",
        stopped_in_words(.stopped)
    )]
    NotStarted {
        stopped: Option<String>,
        #[source]
        cause: Box<HerokuError>,
    },
    #[error(
        "the answer to the request for a one-off dyno was lost; the command may be running, so look at `heroku ps` before trying again"
    )]
    StartUnclear {
        #[source]
        cause: Box<HerokuError>,
    },
    #[error(
        "Heroku gives {dyno} no rendezvous that bcops can speak to, as in a private space; the dyno was asked to stop"
    )]
    NoRendezvous { dyno: String },
    #[error(
        "cannot reach the rendezvous of {dyno} at {host}; is its port open for this network? The dyno was asked to stop"
    )]
    Unreachable {
        dyno: String,
        host: String,
        #[source]
        cause: io::Error,
    },
    #[error("the rendezvous closed before {dyno} was there; the dyno was asked to stop")]
    Refused { dyno: String },
    #[error("{dyno} did not come to the rendezvous within {seconds} seconds; it was asked to stop")]
    NeverCame { dyno: String, seconds: u64 },
    #[error("the exit status of {dyno} is not known, because its output ended without one; {fate}")]
    ExitUnknown { dyno: String, fate: DynoFate },
    #[error("{dyno} was given up: {reason}; {}", stop_in_words(.stop_failed))]
    GivenUp {
        dyno: String,
        reason: StopReason,
        /// Why it could not be stopped: then it may go on until its time is up.
        #[source]
        stop_failed: Option<Box<HerokuError>>,
    },
    #[error("the output of {dyno} cannot be passed on, so that it was asked to stop")]
    Output {
        dyno: String,
        #[source]
        cause: io::Error,
    },
    #[error("the certificates for the rendezvous cannot be used: {reason}")]
    Certificates { reason: String },
}

/// What is known of a dyno whose connection has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DynoFate {
    Gone,
    /// It is still there, in this state.
    There(String),
    /// Heroku could not be asked.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// It took longer than it may.
    TotalTime,
    /// Nothing came or went for longer than may be.
    Silence,
    /// Somebody wanted it to stop.
    Interrupted,
}

impl fmt::Display for DynoFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DynoFate::Gone => f.write_str("the dyno is gone"),
            DynoFate::There(state) => {
                write!(f, "the dyno is still there ({state}) and the command may go on")
            }
            DynoFate::Unknown => f.write_str("whether the dyno still runs could not be read"),
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StopReason::TotalTime => "it took too long",
            StopReason::Silence => "it was silent for too long",
            StopReason::Interrupted => "it was interrupted",
        })
    }
}

fn stopped_in_words(stopped: &Option<String>) -> String {
    match stopped {
        Some(dyno) => format!(", and {dyno}, which had started, was asked to stop"),
        None => ", and none has started".to_owned(),
    }
}

fn stop_in_words(stop_failed: &Option<Box<HerokuError>>) -> &'static str {
    match stop_failed {
        None => "it was asked to stop",
        Some(_) => "it could not be stopped and may go on",
    }
}
