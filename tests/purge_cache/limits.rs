//! Tests many URLs, rate limits and failures: no URL is lost or sent twice, and the rest is
//! reported.

use std::time::{Duration, Instant};

use bcops::adapters::cloudflare::{Cloudflare, Credentials, ItemKind, Timing, ZoneId};
use bcops::caches::{Ending, FrontEnd, Purged, Targets, Work, purge};
use bcops::events::{SharedReporter, Silent};
use bcops::secret::Secret;

use crate::command::Run;
use crate::purge_cache::world::{STAGING_NAME, STAGING_ZONE, TOKEN, World, urls};
use crate::standins::cloudflare::{CloudflareStandIn, Fault, Login, Plan, Rule};
use crate::support::wait;

const PURGE: &str = "/purge_cache";

async fn standin(plan: Plan, scale: f64) -> CloudflareStandIn {
    let standin = CloudflareStandIn::start(plan, scale).await;
    standin.add_zone(STAGING_ZONE, STAGING_NAME);
    standin.add_login(Login::token(TOKEN));
    standin
}

/// The library's purge, with the time limits of a test.
async fn purge_all(standin: &CloudflareStandIn, kind: ItemKind, items: &[String]) -> Purged {
    let mut timing = Timing { request: Duration::from_secs(2), ..Timing::default() };
    timing.backoff.first = Duration::from_millis(5);
    timing.backoff.longest = Duration::from_millis(20);
    let login = Credentials::Token(Secret::new(TOKEN));
    let client = Cloudflare::with_timing(Some(&standin.url), login, timing).expect("a client");
    let id = ZoneId::parse(STAGING_ZONE).expect("an id");
    let zone = match client.zone(&id).await {
        Ok(zone) => FrontEnd { id, zone: Ok(zone) },
        Err(error) => FrontEnd { id, zone: Err(error.to_string()) },
    };
    let targets = Targets::parse(&[(kind, items)]).expect("targets");
    let reporter: SharedReporter = std::sync::Arc::new(Silent);
    purge(&client, &zone, &Work::Some(targets), std::future::pending(), &reporter).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_urls_within_the_limit_of_each_plan() {
    let urls = urls(10_000);
    // At the real speed, and all four plans at once.
    futures_util::future::join_all(Plan::ALL.map(|plan| ten_thousand(plan, &urls))).await;
}

async fn ten_thousand(plan: Plan, urls: &[String]) {
    let standin = standin(plan, 1.0).await;
    let started = Instant::now();
    let purged = purge_all(&standin, ItemKind::Urls, urls).await;
    assert!(matches!(purged.ending, Ending::Done), "{plan:?}: {:?}", purged.ending);
    assert!(purged.left.is_empty() && purged.sent_again == 0 && purged.in_doubt == 0);
    assert_eq!(purged.done[&ItemKind::Urls], 10_000);
    assert!(standin.purged("files") == urls, "{plan:?}: each once, and in order");
    let largest = standin.purges().iter().map(|purge| purge.items.len()).max();
    assert_eq!(largest, Some(plan.most("files")), "{plan:?}");
    // Beyond the first burst nothing is faster than the plan allows.
    let least = (10_000.0 - plan.urls_a_second()) / plan.urls_a_second();
    assert!(started.elapsed().as_secs_f64() >= least - 0.1, "{plan:?}");
    assert!(purged.waited.as_secs_f64() < 2.5 * least + 2.0, "{plan:?}: {:?}", purged.waited);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_limit_is_kept_without_refusals() {
    let tags: Vec<String> = (0..3_000).map(|number| format!("page-{number}")).collect();
    for plan in Plan::ALL {
        // A minute of the Free plan in a second.
        let standin = standin(plan, if plan == Plan::Free { 60.0 } else { 1.0 }).await;
        let purged = purge_all(&standin, ItemKind::Tags, &tags).await;
        assert!(matches!(purged.ending, Ending::Done), "{plan:?}");
        assert!(standin.purged("tags") == tags, "{plan:?}");
        assert_eq!((standin.turned_away(), purged.turned_away), (0, 0), "{plan:?}");
        assert_eq!(purged.requests, 30);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_is_sent_exactly_once_more() {
    let standin = standin(Plan::Business, 10.0).await;
    standin.misbehave(Rule::times(2, PURGE, Fault::RateLimited(1)).after(1));
    let urls = urls(300);
    let purged = purge_all(&standin, ItemKind::Urls, &urls).await;
    assert!(matches!(purged.ending, Ending::Done));
    assert_eq!(standin.purged("files"), urls);
    assert_eq!((purged.requests, purged.turned_away, purged.sent_again), (5, 2, 0));
    assert!(purged.waited >= Duration::from_millis(1900));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_repeats_its_own_batch_and_is_counted() {
    for (fault, twice) in [
        (Fault::CloseBefore, false),
        (Fault::CloseAfter, true),
        (Fault::ServerError, false),
        (Fault::HtmlUnavailable, false),
        (Fault::Hang, false),
    ] {
        let standin = standin(Plan::Business, 10.0).await;
        standin.misbehave(Rule::times(1, PURGE, fault).after(1));
        let urls = urls(250);
        let purged = purge_all(&standin, ItemKind::Urls, &urls).await;
        assert!(matches!(purged.ending, Ending::Done), "{fault:?}: {:?}", purged.ending);
        assert_eq!((purged.done[&ItemKind::Urls], purged.sent_again), (250, 100), "{fault:?}");
        let mut taken = standin.purged("files");
        assert_eq!(taken.len(), if twice { 350 } else { 250 }, "{fault:?}");
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), 250, "{fault:?}: none is lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_that_is_refused_once_is_tried_again() {
    let standin = standin(Plan::Business, 10.0).await;
    standin.misbehave(Rule::times(1, PURGE, Fault::Unauthorized));
    let purged = purge_all(&standin, ItemKind::Urls, &urls(1)).await;
    assert!(matches!(purged.ending, Ending::Done));
    standin.misbehave(Rule::always(PURGE, Fault::Unauthorized));
    let purged = purge_all(&standin, ItemKind::Urls, &urls(1)).await;
    assert!(matches!(purged.ending, Ending::Failed(_)) && purged.requests == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn anything_except_success_is_a_failure() {
    for fault in [Fault::NotASuccess, Fault::HtmlPage, Fault::NoVerdict, Fault::Forbidden] {
        let standin = standin(Plan::Business, 10.0).await;
        standin.misbehave(Rule::always(PURGE, fault));
        let urls = urls(150);
        let purged = purge_all(&standin, ItemKind::Urls, &urls).await;
        assert!(matches!(purged.ending, Ending::Failed(_)), "{fault:?}: {:?}", purged.ending);
        assert_eq!(purged.left[&ItemKind::Urls], urls, "{fault:?}");
        assert!(purged.done.is_empty() && purged.requests == 1, "{fault:?}");
    }
}

/// A run that stopped after two batches, and what its hint does.
#[track_caller]
fn assert_resumes(world: &World, run: &Run, urls: &[String]) {
    let left = world.left();
    assert_eq!(left, urls[200..], "{}", run.printed());
    assert!(run.stderr.contains("bcops purge-cache staging --url - < '"), "{}", run.printed());
    assert!(run.stderr.contains(&urls[200]) && run.stderr.contains("40 more"), "{}", run.printed());
}

#[test]
fn a_purge_that_fails_half_way_reports_the_rest() {
    let world = World::with(Plan::Business, 10.0, Login::token(TOKEN));
    let urls = urls(250);
    world.cloudflare.misbehave(Rule::times(1, PURGE, Fault::NotASuccess).after(2));
    let run = world.purge_reading(&["staging", "--url", "-"], &urls);
    let run = run.fails(11, &["200 purged, 50 URLs left", "Unable to purge"]);
    assert_resumes(&world, &run, &urls);
    world.purge_reading(&["staging", "--url", "-"], &world.left()).exits(0);
    assert_eq!(world.cloudflare.purged("files"), urls, "all of them, each once");
    // With nothing done it is a plain failure.
    world.cloudflare.misbehave(Rule::always(PURGE, Fault::HtmlPage));
    let document = world.purge(&["staging", "--url", &urls[0], "--json"]).exits(1).json();
    assert_eq!(
        (&document["error"]["kind"], &document["status"]),
        (&"unexpected".into(), &"failed".into())
    );
    assert_eq!(document["result"]["left"]["urls"], serde_json::json!([urls[0]]));
    assert_eq!(document["result"]["in_doubt"], 1);
}

#[test]
fn ctrl_c_stops_at_once_and_reports_the_rest() {
    let world = World::with(Plan::Business, 10.0, Login::token(TOKEN));
    let urls = urls(250);
    let input = world.bcops.write("urls.txt", &urls.join("\n"));
    world.cloudflare.misbehave(Rule::always(PURGE, Fault::RateLimited(300)).after(2));
    let list = input.to_str().expect("a path");
    let lines = std::fs::read_to_string(list).expect("the list");
    let flags: Vec<&str> = lines.lines().flat_map(|url| ["--url", url]).collect();
    let arguments = [&["purge-cache", "staging"], &flags[..]].concat();
    let mut running = world.bcops.start(&arguments);
    assert!(running.wait_for("rate limit: continuing in 300 s (200 of 250 done)"));
    let pressed = Instant::now();
    running.interrupt();
    let run = running.finish().fails(130, &["interrupted: 200 purged, 50 URLs left"]);
    assert!(pressed.elapsed() < Duration::from_secs(5), "{:?}", pressed.elapsed());
    assert_resumes(&world, &run, &urls);
    assert_eq!(world.cloudflare.purged("files"), urls[..200]);
}

#[test]
fn ctrl_c_while_an_answer_is_awaited_counts_it_as_left() {
    let world = World::with(Plan::Business, 10.0, Login::token(TOKEN));
    let urls = urls(150);
    world.cloudflare.misbehave(Rule::always(PURGE, Fault::Hang).after(1));
    let flags: Vec<&str> = urls.iter().flat_map(|url| ["--url", url.as_str()]).collect();
    let arguments = [&["purge-cache", "staging", "--json"], &flags[..]].concat();
    let running = world.bcops.start(&arguments);
    let hangs = || {
        let requests = world.cloudflare.requests();
        requests.iter().filter(|one| one.path.contains(PURGE)).count() == 2
    };
    wait::until("the second request comes", hangs);
    running.interrupt();
    let document = running.finish().exits(130).json();
    let result = &document["result"];
    assert_eq!(result["left"]["urls"].as_array().map(Vec::len), Some(50));
    assert_eq!((&result["purged"]["urls"], &result["in_doubt"]), (&100.into(), &50.into()));
}
