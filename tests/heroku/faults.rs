//! Tests the Heroku adapter with a bad stand-in.

use std::time::{Duration, Instant};

use bcops::adapters::heroku::{HerokuError, Timing};
use bcops::adapters::json_api::ErrorKind;
use bcops::events::Silent;

use crate::heroku::adapter::dump;
use crate::heroku::world::{PRODUCTION, World, client, count, quick, world};
use crate::standins::heroku::{CapturePlan, Fault, HerokuStandIn, Options, Outcome, Rule};
use crate::support::wait;

/// No error may show a secret.
fn assert_silent(error: &HerokuError, world: &World) {
    let shown = format!("{error} {error:?}");
    for secret in [world.standin.token(), "db-password", "X-Amz-Signature"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn kind(error: &HerokuError) -> Option<ErrorKind> {
    error.api().map(|error| error.kind())
}

#[tokio::test]
async fn refusals_have_their_own_errors_and_are_not_repeated() {
    let said = |world: &World| {
        format!("cannot use {} for postgres://u:db-password@h/d", world.standin.token())
    };
    for fault in 0..7 {
        let world = world().await;
        let (fault, matches): (Fault, fn(&HerokuError) -> bool) = match fault {
            0 => (Fault::Unauthorized, |e| kind(e) == Some(ErrorKind::Unauthorized)),
            1 => (Fault::TwoFactor, |e| kind(e) == Some(ErrorKind::TwoFactor)),
            2 => (Fault::Forbidden, |e| kind(e) == Some(ErrorKind::Forbidden)),
            3 => (Fault::NotFound, |e| kind(e) == Some(ErrorKind::NotFound)),
            4 => (Fault::Conflict, |e| kind(e) == Some(ErrorKind::Conflict)),
            5 => (Fault::HtmlPage, |e| e.to_string().contains("it is not JSON")),
            _ => (Fault::InvalidParams(said(&world)), |e| {
                let reason = e.api().map(|api| &api.reason);
                reason.is_some_and(|reason| {
                    reason.status.is_some_and(|status| status.as_u16() == 422)
                        && reason.id.as_deref() == Some("invalid_params")
                })
            }),
        };
        world.standin.misbehave(Rule::always("/apps/", fault.clone()));
        let error = world.heroku.app(PRODUCTION).await.expect_err("refused");
        assert!(matches(&error), "{fault:?}: {error:?}");
        assert_eq!(count(&world.standin, "GET", "/apps/"), 1, "{fault:?}");
        assert_silent(&error, &world);
    }
}

#[tokio::test]
async fn a_get_survives_temporary_failures() {
    for fault in [Fault::ServerError, Fault::HtmlUnavailable, Fault::CloseBefore, Fault::CloseAfter]
    {
        let world = world().await;
        world.standin.misbehave(Rule::times(3, "/account", fault.clone()));
        world.heroku.account().await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(count(&world.standin, "GET", "/account"), 4, "{fault:?}");
    }
}

#[tokio::test]
async fn a_get_fails_after_all_retries() {
    for fault in [Fault::ServerError, Fault::HtmlUnavailable, Fault::CloseBefore] {
        let world = world().await;
        world.standin.misbehave(Rule::always("/account", fault.clone()));
        let error = world.heroku.account().await.expect_err("no answer");
        assert!(error.is_transient(), "{error:?}");
        assert_eq!(count(&world.standin, "GET", "/account"), 5, "{fault:?}");
        assert_silent(&error, &world);
    }
}

#[tokio::test]
async fn the_rate_limit_is_waited_for_as_requested() {
    let world = world().await;
    world.standin.misbehave(Rule::once("/account", Fault::RateLimited(1)));
    let started = Instant::now();
    world.heroku.account().await.expect("after a second");
    assert!(started.elapsed() >= Duration::from_secs(1));

    // A wait beyond the limit fails at once.
    world.standin.misbehave(Rule::once("/account", Fault::RateLimited(3600)));
    let error = world.heroku.account().await.expect_err("too long");
    assert!(error.to_string().contains("wait 3600 seconds"), "{error}");
}

#[tokio::test]
async fn silence_ends_with_the_time_limit() {
    let world = world().await;
    let timing = Timing { request: Duration::from_millis(300), tries: 2, ..quick() };
    let heroku = client(&world.standin, timing);
    world.standin.misbehave(Rule::always("/account", Fault::Hang));
    let started = Instant::now();
    let error = heroku.account().await.expect_err("silence");
    assert_eq!(kind(&error), Some(ErrorKind::Timeout), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
    world.standin.misbehave(Rule::always("/apps/", Fault::Slow(Duration::from_millis(20))));
    assert!(heroku.app(PRODUCTION).await.is_ok());
}

#[tokio::test]
async fn a_redirect_takes_no_token_elsewhere() {
    let world = world().await;
    let elsewhere = HerokuStandIn::start(Options::default()).await;
    let target = format!("{}/account", elsewhere.url);
    world.standin.misbehave(Rule::once("/account", Fault::Redirect(target)));
    let error = world.heroku.account().await.expect_err("no token there");
    assert_eq!(kind(&error), Some(ErrorKind::Unauthorized), "{error:?}");
    let requests = elsewhere.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("authorization"), None);

    world.standin.misbehave(Rule::once("/apps/", Fault::Redirect("/account".to_owned())));
    assert!(world.heroku.app(PRODUCTION).await.is_err(), "an account is no app");
    let last = world.standin.requests().pop().expect("a request");
    assert_eq!((last.path.as_str(), last.header("authorization").is_some()), ("/account", true));

    let plain = "http://api.example.test/account".to_owned();
    world.standin.misbehave(Rule::once("/account", Fault::Redirect(plain)));
    let error = world.heroku.account().await.expect_err("not private");
    assert_eq!(kind(&error), Some(ErrorKind::Redirected), "{error:?}");
    world.standin.misbehave(Rule::always("/account", Fault::Redirect("/account".to_owned())));
    let error = world.heroku.account().await.expect_err("in circles");
    assert!(error.to_string().contains("redirects never end"), "{error:?}");
}

#[tokio::test]
async fn a_name_cannot_become_another_request() {
    let world = world().await;
    for name in ["..", ".", ""] {
        let error = world.heroku.config_vars(name).await.expect_err("no name");
        assert_eq!(kind(&error), Some(ErrorKind::Unusable), "{error:?}");
    }
    let error = world.heroku.app("../account").await.expect_err("no such app");
    assert!(error.is_not_found(), "{error:?}");
    assert_eq!(world.standin.requests()[0].path, "/apps/..%2Faccount");
}

async fn capturing(plan: CapturePlan) -> (World, bcops::adapters::heroku::DatabaseAttachment) {
    let world = world().await;
    world.standin.plan_captures(plan);
    let database = world.heroku.resolve_database(PRODUCTION, "DATABASE_URL").await.expect("one");
    (world, database)
}

#[tokio::test]
async fn a_capture_whose_answer_was_lost_is_found_and_not_repeated() {
    for fault in [Fault::CloseAfter, Fault::ServerError, Fault::HtmlPage] {
        let (folder, dump) = dump();
        let (world, database) = capturing(CapturePlan::default()).await;
        let hour = Duration::from_secs(3600);
        let outcome = Outcome::Completed { warnings: 0 };
        world.standin.add_backup(PRODUCTION, &dump, hour, outcome);
        world.standin.misbehave(Rule::once("/backups", fault.clone()).on("POST"));
        let started = world.heroku.start_capture(&database).await;
        match fault {
            Fault::CloseAfter => assert_eq!(started.expect("found").num, 2),
            _ => {
                let error = started.expect_err("nothing was started");
                assert!(matches!(error, HerokuError::TransferLost { .. }), "{error:?}");
                assert_silent(&error, &world);
            }
        }
        assert_eq!(count(&world.standin, "POST", "/backups"), 1, "{fault:?}");
        drop(folder);
    }
}

#[tokio::test]
async fn a_lost_capture_is_not_mistaken_for_a_colleagues() {
    let (world, database) = capturing(CapturePlan::default()).await;
    world.standin.misbehave(Rule::once("/backups", Fault::CloseAfter).on("POST"));
    // The second list, which looks for the lost capture, comes late.
    let late = Fault::Slow(Duration::from_millis(500));
    world.standin.misbehave(Rule::once("/transfers", late).on("GET").after(1));
    let colleague = async {
        let is_listed = || count(&world.standin, "GET", "/transfers") == 2;
        wait::until_async("the list that comes late was asked for", is_listed).await;
        world.heroku.start_capture(&database).await
    };
    let (lost, other) = tokio::join!(world.heroku.start_capture(&database), colleague);
    assert_eq!(other.expect("started").num, 2);
    let Err(HerokuError::TransferUnclear { names, .. }) = lost else { panic!("{lost:?}") };
    assert_eq!(names, ["b001", "b002"]);
}

#[tokio::test]
async fn a_capture_that_was_refused_or_redirected_is_not_looked_for() {
    let elsewhere = Fault::Redirect("/client/v11/databases/x/backups".to_owned());
    for fault in [Fault::RateLimited(3600), Fault::Conflict, elsewhere] {
        let (world, database) = capturing(CapturePlan::default()).await;
        world.standin.misbehave(Rule::once("/backups", fault.clone()).on("POST"));
        assert!(world.heroku.start_capture(&database).await.is_err(), "{fault:?}");
        assert_eq!(count(&world.standin, "POST", "/backups"), 1, "{fault:?}");
        assert_eq!(count(&world.standin, "GET", "/transfers"), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_capture_over_the_limit_is_repeated() {
    for fault in [Fault::RateLimited(0), Fault::RateLimitedForNow] {
        let (world, database) = capturing(CapturePlan::default()).await;
        world.standin.misbehave(Rule::times(2, "/backups", fault).on("POST"));
        assert_eq!(world.heroku.start_capture(&database).await.expect("started").num, 1);
        assert_eq!(count(&world.standin, "POST", "/backups"), 3);
    }
}

#[tokio::test]
async fn lost_polls_are_survived_for_a_while_and_are_never_a_success() {
    let (_folder, dump) = dump();
    let pending = Duration::from_secs(2);
    let plan = CapturePlan { pending, dump: Some(dump), ..CapturePlan::default() };
    let (world, database) = capturing(plan).await;
    let started = world.heroku.start_capture(&database).await.expect("started");
    // Four failed polls of five tries each, an answer, and the same again.
    world.standin.misbehave(Rule::times(20, "/transfers/", Fault::ServerError));
    world.standin.misbehave(Rule::times(20, "/transfers/", Fault::CloseBefore).after(1));
    let wait = world.heroku.wait_for_transfer(PRODUCTION, &started, "capture", &Silent);
    wait.await.expect("seen in the end");

    world.standin.misbehave(Rule::always("/transfers/", Fault::CloseBefore));
    let wait = world.heroku.wait_for_transfer(PRODUCTION, &started, "capture", &Silent);
    let error = wait.await.expect_err("never seen");
    assert!(matches!(error, HerokuError::TransferUnseen { polls: 5, .. }), "{error:?}");
    assert_silent(&error, &world);
}

#[tokio::test]
async fn an_endless_transfer_fails() {
    let plan = CapturePlan { pending: Duration::from_secs(600), ..CapturePlan::default() };
    let (world, database) = capturing(plan).await;
    let started = world.heroku.start_capture(&database).await.expect("started");
    let patience = Timing { transfer: Duration::from_millis(100), ..quick() };
    let heroku = client(&world.standin, patience);
    let error = heroku.wait_for_transfer(PRODUCTION, &started, "capture", &Silent).await;
    assert!(matches!(error, Err(HerokuError::TransferTooLong { .. })), "{error:?}");
}

#[tokio::test]
async fn minting_a_url_may_be_repeated_once() {
    let world = world().await;
    let (_folder, dump) = dump();
    let outcome = Outcome::Completed { warnings: 0 };
    let num = world.standin.add_backup(PRODUCTION, &dump, Duration::from_secs(60), outcome);
    world.standin.misbehave(Rule::once("/public-url", Fault::CloseAfter));
    let signed = world.heroku.public_url(PRODUCTION, num).await.expect("minted");
    assert!(signed.expires_at.is_some());
    assert!(!format!("{signed:?}").contains("Signature"), "{signed:?}");
    world.standin.misbehave(Rule::times(2, "/public-url", Fault::CloseBefore));
    assert!(world.heroku.public_url(PRODUCTION, num).await.is_err());
    assert_eq!(count(&world.standin, "POST", "/public-url"), 4);
}
