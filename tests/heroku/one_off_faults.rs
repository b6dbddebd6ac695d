//! Tests one-off dynos over the rendezvous with faults.

use std::future::pending;
use std::time::{Duration, Instant};

use bcops::adapters::heroku::{
    DynoFate, Endpoints, Heroku, HerokuError, Limits, OneOff, OneOffError, StopReason, Timing,
};
use bcops::secret::Secret;

use crate::heroku::world::{STAGING, World, client, count, quick, world};
use crate::standins::heroku::{Fault, Rendezvous, Rule};

const LONG: &str = "echo begun; sleep 600";

async fn try_run(
    world: &World,
    command: &str,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> Result<(String, u8), HerokuError> {
    let staging = world.staging().await;
    let ends = (tokio::io::empty(), &mut tokio::io::sink());
    world.heroku.run_streamed(&staging, &OneOff::new(command), ends, &limits, stop).await
}

async fn error_of(world: &World, command: &str) -> OneOffError {
    match try_run(world, command, Limits::default(), pending()).await {
        Err(HerokuError::OneOff(error)) => error,
        other => panic!("{other:?}"),
    }
}

async fn one_offs(world: &World) -> usize {
    let dynos = world.heroku.dynos(STAGING).await.expect("dynos");
    dynos.iter().filter(|dyno| dyno.is_one_off()).count()
}

fn assert_silent(error: &OneOffError) {
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("5ca1ab1e-0000") && !shown.contains("rendezvous://"), "{shown}");
}

#[tokio::test]
async fn a_dyno_that_cannot_be_met_is_stopped() {
    for how in [Rendezvous::Refused, Rendezvous::ClosedEarly, Rendezvous::Silent] {
        let mut world = world().await;
        let dynos = Duration::from_millis(300);
        world.heroku = client(&world.standin, Timing { dynos, ..quick() });
        world.standin.plan_rendezvous(how);
        let error = error_of(&world, LONG).await;
        let expected = match how {
            Rendezvous::Refused => matches!(error, OneOffError::Unreachable { .. }),
            Rendezvous::Silent => matches!(error, OneOffError::NeverCame { .. }),
            _ => matches!(error, OneOffError::Refused { .. }),
        };
        assert!(expected, "{how:?}: {error:?}");
        assert_silent(&error);
        assert_eq!(one_offs(&world).await, 0, "{how:?}");
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let mut world = world().await;
    // This client trusts the machine's authorities, which do not include the stand-in's.
    let endpoints = Endpoints::resolve(Some(&world.standin.url), Some("127.0.0.1"));
    let token = Secret::new(world.standin.token());
    world.heroku =
        Heroku::with_timing(endpoints.expect("endpoints"), token, quick()).expect("a client");
    let error = error_of(&world, LONG).await;
    let refused =
        matches!(error, OneOffError::Unreachable { .. } | OneOffError::Certificates { .. });
    assert!(refused, "{error:?}");
    assert_eq!(one_offs(&world).await, 0);
}

#[tokio::test]
async fn an_end_without_an_exit_status_is_unknown() {
    let world = world().await;
    world.standin.plan_rendezvous(Rendezvous::CutAfter(3));
    let error = error_of(&world, LONG).await;
    let OneOffError::ExitUnknown { fate, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*fate, DynoFate::There("up".to_owned()));
    assert!(error.to_string().contains("may continue"), "{error}");

    world.standin.plan_rendezvous(Rendezvous::Orderly);
    let error = error_of(&world, "kill -9 $$").await;
    let OneOffError::ExitUnknown { fate, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*fate, DynoFate::Gone);
    world.standin.plan_rendezvous(Rendezvous::CutAfter(3));
    world.standin.misbehave(Rule::always("/dynos/", Fault::ServerError));
    let error = error_of(&world, LONG).await;
    assert!(matches!(error, OneOffError::ExitUnknown { fate: DynoFate::Unknown, .. }), "{error:?}");
}

#[tokio::test]
async fn limits_and_interrupts_stop_the_dyno() {
    let short = Duration::from_millis(400);
    for expected in [StopReason::TotalTime, StopReason::Silence, StopReason::Interrupted] {
        let world = world().await;
        let limits = match expected {
            StopReason::TotalTime => Limits { total: short, ..Limits::default() },
            StopReason::Silence => Limits { idle: Some(short), ..Limits::default() },
            StopReason::Interrupted => Limits::default(),
        };
        let stop = async {
            match expected {
                StopReason::Interrupted => tokio::time::sleep(short).await,
                _ => pending().await,
            }
        };
        let started = Instant::now();
        let result = try_run(&world, LONG, limits, stop).await;
        let Err(HerokuError::OneOff(OneOffError::GivenUp { reason, stop_failed, .. })) = result
        else {
            panic!("{result:?}")
        };
        assert_eq!(reason, expected);
        assert!(stop_failed.is_none() && started.elapsed() < Duration::from_secs(5));
        assert_eq!(one_offs(&world).await, 0);
    }
}

#[tokio::test]
async fn a_dyno_that_could_not_be_stopped_may_continue() {
    let world = world().await;
    world.standin.misbehave(Rule::always("/actions/stop", Fault::ServerError));
    let limits = Limits { total: Duration::from_millis(100), ..Limits::default() };
    let error = try_run(&world, LONG, limits, pending()).await.expect_err("given up");
    assert!(error.to_string().contains("may continue"), "{error}");
    assert_eq!(one_offs(&world).await, 1);
}

#[tokio::test]
async fn the_time_to_live_ends_a_dyno() {
    let world = world().await;
    let staging = world.staging().await;
    let one_off = OneOff { time_to_live: Duration::from_secs(1), ..OneOff::new(LONG) };
    let run =
        world.heroku.run_captured(&staging, &one_off, &Limits::default(), pending(), |_| {}).await;
    let error = run.expect_err("ended");
    let HerokuError::OneOff(OneOffError::ExitUnknown { fate, .. }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(fate, DynoFate::Gone);
}

#[tokio::test]
async fn a_dyno_whose_answer_was_lost_is_stopped_and_not_repeated() {
    let world = world().await;
    world.standin.misbehave(Rule::once("/dynos", Fault::CloseAfter).on("POST"));
    let error = error_of(&world, LONG).await;
    let OneOffError::NotStarted { stopped, .. } = &error else { panic!("{error:?}") };
    assert_eq!(stopped.as_deref(), Some("run.1001"));
    assert_eq!(one_offs(&world).await, 0);
    world.standin.misbehave(Rule::once("/dynos", Fault::CloseBefore).on("POST"));
    let error = error_of(&world, LONG).await;
    assert!(matches!(error, OneOffError::NotStarted { stopped: None, .. }), "{error:?}");
    for fault in [Fault::RateLimited(3600), Fault::Conflict] {
        world.standin.misbehave(Rule::once("/dynos", fault).on("POST"));
        let error = try_run(&world, LONG, Limits::default(), pending()).await.expect_err("refused");
        assert!(!matches!(error, HerokuError::OneOff(_)), "{error:?}");
    }
    let creations = world.standin.writes(STAGING);
    let is_creation = |one: &&crate::standins::heroku::Recorded| one.path.ends_with("/dynos");
    assert_eq!(creations.iter().filter(is_creation).count(), 4);
    assert_eq!(count(&world.standin, "POST", "/actions/stop"), 1);
}

#[tokio::test]
async fn output_that_cannot_be_written_stops_the_dyno() {
    let world = world().await;
    let staging = world.staging().await;
    let (closed, output) = tokio::io::duplex(16);
    drop(closed);
    let both = (tokio::io::empty(), output);
    let run = world
        .heroku
        .run_streamed(&staging, &OneOff::new(LONG), both, &Limits::default(), pending())
        .await;
    let error = run.expect_err("nobody listens");
    assert!(matches!(error, HerokuError::OneOff(OneOffError::Output { .. })), "{error:?}");
    assert_eq!(one_offs(&world).await, 0);
}
