//! Tests one-off dynos without a connection, followed through the log.

use std::future::pending;
use std::time::Duration;

use bcops::adapters::heroku::{DynoFate, HerokuError, Limits, OneOff, OneOffError, StopReason};

use crate::heroku::world::{STAGING, World, count, world};
use crate::standins::heroku::{Fault, Rendezvous, Rule, Stack};

async fn follow(world: &World, command: &str, limits: Limits) -> (Result<u8, HerokuError>, String) {
    let staging = world.staging().await;
    let started = world.heroku.start_detached(&staging, &OneOff::new(command)).await;
    let started = started.expect("started");
    // Another run of bcops may follow it.
    let kept = serde_json::to_string(&started).expect("json");
    let started = serde_json::from_str(&kept).expect("kept");
    let mut output = Vec::new();
    let follow = world.heroku.follow_detached(&staging, &started, &mut output, &limits, pending());
    let status = follow.await;
    (status, String::from_utf8_lossy(&output).into_owned())
}

#[tokio::test]
async fn the_exit_status_comes_through_the_log() {
    let world = world().await;
    let (status, said) = follow(&world, "echo a; echo b: c >&2; exit 4", Limits::default()).await;
    assert_eq!((status.expect("known"), said.as_str()), (4, "a\nb: c\n"));
    let (status, said) = follow(&world, "sleep 0.3; true", Limits::default()).await;
    assert_eq!((status.expect("known"), said.as_str()), (0, ""));
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_at_first_is_opened_later() {
    let world = world().await;
    world.standin.misbehave(Rule::times(2, "/log-sessions", Fault::ServerError));
    world.standin.misbehave(Rule::once("/logs/", Fault::CloseBefore));
    let (status, said) = follow(&world, "echo a; sleep 0.5; echo b", Limits::default()).await;
    assert_eq!((status.expect("known"), said.as_str()), (0, "a\nb\n"));
}

/// If the rendezvous cannot be reached, a command without input starts without a connection.
#[tokio::test]
async fn a_blocked_port_is_bypassed() {
    let world = world().await;
    world.standin.plan_rendezvous(Rendezvous::Refused);
    let staging = world.staging().await;
    let command = OneOff::new("echo by itself; exit 3");
    let mut told = Vec::new();
    let limits = Limits::default();
    let run = world.heroku.run_captured(&staging, &command, &limits, pending(), |error| {
        told.push(error.to_string());
    });
    let finished = run.await.expect("finished");
    assert_eq!((finished.exit_status, finished.output.as_slice()), (3, &b"by itself\n"[..]));
    assert!(told.len() == 1 && told[0].contains("cannot reach the rendezvous"), "{told:?}");
    // An attached dyno that no one meets, its end, and a dyno without a connection.
    assert_eq!(count(&world.standin, "POST", "/dynos"), 3);
}

/// The log of an app of the Fir generation has no earlier lines.
#[tokio::test]
async fn an_app_of_fir_is_followed_through_its_log() {
    let world = world().await;
    world.standin.set_stack(STAGING, Stack::CloudNative);
    world.standin.plan_rendezvous(Rendezvous::PrivateSpace);
    let staging = world.staging().await;
    let command = OneOff::new("sh -c 'sleep 1; echo by itself; exit 3'");
    let limits = Limits::default();
    let run = world.heroku.run_captured(&staging, &command, &limits, pending(), |_| {});
    let finished = run.await.expect("finished");
    assert_eq!((finished.exit_status, finished.output.as_slice()), (3, &b"by itself\n"[..]));
}

#[tokio::test]
async fn a_log_that_falls_silent_ends_the_wait() {
    let world = world().await;
    // Long enough for a busy machine to start a shell, because silence counts from the first read.
    let limits = Limits { idle: Some(Duration::from_secs(3)), ..Limits::default() };
    let (status, said) = follow(&world, "echo a; sleep 600", limits).await;
    let Err(HerokuError::OneOff(OneOffError::GivenUp { reason, .. })) = status else {
        panic!("{status:?}")
    };
    assert_eq!((reason, said.as_str()), (StopReason::Silence, "a\n"));
}

#[tokio::test]
async fn a_silent_log_proves_nothing() {
    let world = world().await;
    world.standin.lose_logs();
    let (status, said) = follow(&world, "echo a", Limits::default()).await;
    let Err(HerokuError::OneOff(OneOffError::ExitUnknown { fate, .. })) = status else {
        panic!("{status:?}")
    };
    assert_eq!((fate, said.as_str()), (DynoFate::Gone, ""));
}

#[tokio::test]
async fn a_command_that_hangs_is_stopped() {
    let world = world().await;
    let limits = Limits { total: Duration::from_secs(3), ..Limits::default() };
    let (status, said) = follow(&world, "echo a; sleep 600", limits).await;
    let Err(HerokuError::OneOff(OneOffError::GivenUp { reason, .. })) = status else {
        panic!("{status:?}")
    };
    assert_eq!((reason, said.as_str()), (StopReason::TotalTime, "a\n"));
    let dynos = world.heroku.dynos(STAGING).await.expect("dynos");
    assert!(dynos.iter().all(|dyno| !dyno.is_one_off()));
}
