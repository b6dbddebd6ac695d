//! Tests the Heroku adapter with a good stand-in.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bcops::adapters::download::{self, DownloadClient, DownloadOptions, MintUrl};
use bcops::adapters::heroku::{
    HerokuError, TransferState, Verbosity, backup_named, newest_completed,
};
use bcops::events::{Event, Reporter, Silent};
use futures_util::FutureExt;

use crate::heroku::world::{PRODUCTION, PRODUCTION_URL, STAGING, count, world, world_with};
use crate::standins::heroku::{CapturePlan, Options, Outcome};

/// Keeps the reported events.
#[derive(Default)]
struct Events(Mutex<Vec<Event>>);

impl Reporter for Events {
    fn emit(&self, event: Event) {
        self.0.lock().expect("no panic").push(event);
    }
}

/// A file that stands for a dump, in a directory that must outlive it.
pub fn dump() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("latest.dump");
    let mut file = std::fs::File::create(&path).expect("a file");
    file.write_all(b"PGDMP and so on").expect("written");
    (folder, path)
}

fn completed(warnings: u64) -> Outcome {
    Outcome::Completed { warnings }
}

#[tokio::test]
async fn reads_account_app_and_config_vars() {
    let world = world().await;
    assert_eq!(world.heroku.account().await.expect("account").email, "operator@stand-in.test");
    let app = world.heroku.app(PRODUCTION).await.expect("the app");
    assert_eq!((app.name.as_str(), app.maintenance), (PRODUCTION, false));
    let vars = world.heroku.config_vars(&app.id).await.expect("by UUID");
    assert_eq!(vars.get("SECRET_KEY").map(|value| value.expose()), Some("django-secret"));
    assert_eq!(vars.get("EMPTY").map(|value| value.expose()), Some(""));
    assert!(vars.get("ABSENT").is_none());
    for request in world.standin.requests() {
        assert_eq!(request.header("accept"), Some("application/vnd.heroku+json; version=3"));
        let agent = request.header("user-agent").unwrap_or_default();
        assert!(agent.starts_with("bcops/"), "{agent}");
    }
}

#[tokio::test]
async fn lists_are_read_to_the_last_page() {
    let world = world_with(Options { page_size: 2, ..Options::default() }).await;
    for number in 0..4 {
        let name = format!("SEARCH{number}");
        let url = ("BONSAI_URL", "https://k:s@bonsai.test");
        world.standin.add_addon(PRODUCTION, "bonsai:standard", &name, url);
    }
    let addons = world.heroku.addons(PRODUCTION).await.expect("add-ons");
    assert_eq!(addons.len(), 5);
    assert_eq!(addons[0].service.name, "heroku-postgresql");
    assert_eq!(addons[4].plan.name, "bonsai:standard");
    assert_eq!(count(&world.standin, "GET", "/addons"), 3);
}

#[tokio::test]
async fn the_database_is_resolved_with_its_owner() {
    let world = world().await;
    let database = world.heroku.resolve_database(PRODUCTION, "DATABASE_URL").await.expect("one");
    assert_eq!(database.addon_id, world.database_id);
    assert_eq!(database.plan, "heroku-postgresql:standard-0");
    assert_eq!(database.billing_app.name, PRODUCTION);
    assert_eq!(database.config_vars, ["DATABASE_URL"]);

    // Staging may read production's database, which still belongs to production.
    world.standin.attach(&world.database_id, STAGING, "LIVE", None);
    let shared = world.heroku.resolve_database(STAGING, "LIVE_URL").await.expect("one");
    assert_eq!((shared.app.name.as_str(), shared.billing_app.name.as_str()), (STAGING, PRODUCTION));
}

#[tokio::test]
async fn a_copied_config_var_means_the_database_with_its_value() {
    let world = world().await;
    world.standin.set_config_var(PRODUCTION, "MAIN_DB_URL", PRODUCTION_URL);
    for name in ["MAIN_DB_URL", "MAIN_DB"] {
        let database = world.heroku.resolve_database(PRODUCTION, name).await.expect(name);
        assert_eq!(database.addon_id, world.database_id);
    }
}

#[tokio::test]
async fn several_attachments_are_accepted_only_for_one_database() {
    let world = world().await;
    // The same database under two names and once with restricted credentials.
    world.standin.attach(&world.database_id, PRODUCTION, "BLUE", None);
    world.standin.attach(&world.database_id, PRODUCTION, "REPORTS", Some("credential:reports"));
    let found = world.heroku.resolve_database(PRODUCTION, &world.database_id).await.expect("one");
    assert_eq!(found.addon_id, world.database_id);

    world.standin.add_database(PRODUCTION, "RED", "postgres://other");
    let error = world.heroku.resolve_database(PRODUCTION, "heroku-postgresql").await;
    let Err(HerokuError::AmbiguousDatabase { candidates, .. }) = error else { panic!("{error:?}") };
    assert_eq!(candidates, ["DATABASE", "BLUE", "RED"]);
}

#[tokio::test]
async fn an_unknown_database_names_those_that_exist() {
    let world = world().await;
    let error = world.heroku.resolve_database(PRODUCTION, "NO_SUCH").await.expect_err("none");
    assert!(error.to_string().contains("its databases: DATABASE"), "{error}");
    let url = ("BONSAI_URL", "https://k:s@bonsai.test");
    world.standin.add_addon(STAGING, "bonsai:standard", "BONSAI", url);
    let error = world.heroku.resolve_database(STAGING, "BONSAI").await.expect_err("no database");
    assert!(matches!(error, HerokuError::UnknownDatabase { .. }), "{error}");
    let error = world.heroku.resolve_database("no-such-app", "DATABASE_URL").await;
    assert!(error.as_ref().is_err_and(HerokuError::is_not_found), "{error:?}");
}

#[tokio::test]
async fn the_newest_completed_backup_is_chosen() {
    let world = world().await;
    let (_folder, dump) = dump();
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    let add = |age, outcome| world.standin.add_backup(PRODUCTION, &dump, hours(age), outcome);
    add(50, completed(0));
    let scheduled = add(26, completed(3));
    world.standin.mark_scheduled(PRODUCTION, scheduled);
    add(2, Outcome::Failed);
    add(1, Outcome::Canceled);
    let transfers = world.heroku.transfers(PRODUCTION).await.expect("transfers");
    let states: Vec<_> = transfers.iter().map(|one| one.state()).collect();
    use TransferState::{Canceled, Completed, Failed};
    assert_eq!(states, [Completed, Completed, Failed, Canceled]);
    let newest = newest_completed(&transfers).expect("a completed one");
    assert_eq!((newest.name().as_str(), newest.warnings()), ("a002", 3));
    assert_eq!(backup_named(&transfers, "b001").map(|one| one.num), Some(1));

    let plain = world.heroku.transfer(PRODUCTION, "2", Verbosity::Plain).await.expect("by number");
    assert!(plain.logs.is_empty());
    let verbose = world.heroku.transfer(PRODUCTION, &plain.uuid, Verbosity::WithLogs).await;
    assert_eq!(verbose.expect("by UUID").logs[0].message, "Backup completed");
}

#[tokio::test]
async fn a_capture_is_followed_to_its_end() {
    let world = world().await;
    let (_folder, dump) = dump();
    let plan = CapturePlan {
        pending: Duration::from_millis(300),
        running: Duration::from_millis(300),
        outcome: completed(1),
        dump: Some(dump),
    };
    world.standin.plan_captures(plan);
    let database = world.heroku.resolve_database(PRODUCTION, "DATABASE_URL").await.expect("one");
    let started = world.heroku.start_capture(&database).await.expect("started");
    assert_eq!(started.state(), TransferState::Pending);

    let events = Events::default();
    let wait = world.heroku.wait_for_transfer(PRODUCTION, &started, "capture", &events);
    let ended = wait.await.expect("completed");
    assert_eq!((ended.state(), ended.warnings()), (TransferState::Completed, 1));
    let shown = format!("{:?}", events.0.lock().expect("no panic"));
    assert!(shown.contains("b001 is queued") && shown.contains("b001 is running"), "{shown}");
    assert!(world.heroku.public_url(PRODUCTION, ended.num).await.is_ok());
}

#[tokio::test]
async fn a_capture_dumps_the_real_database() {
    let Ok(url) = std::env::var("BCOPS_TEST_DATABASE_URL") else {
        eprintln!("skipped: BCOPS_TEST_DATABASE_URL is not set, so there is no database to dump");
        return;
    };
    let world = world().await;
    world.standin.add_database(STAGING, "DATABASE", &url);
    let database = world.heroku.resolve_database(STAGING, "DATABASE_URL").await.expect("one");
    let started = world.heroku.start_capture(&database).await.expect("started");
    let wait = world.heroku.wait_for_transfer(STAGING, &started, "capture", &Silent);
    let num = wait.await.expect("completed").num;
    let heroku = world.heroku.clone();
    let mint: MintUrl = Arc::new(move || {
        let heroku = heroku.clone();
        async move { heroku.public_url(STAGING, num).await }.boxed()
    });
    let client = DownloadClient::new().expect("a client");
    let mut reader =
        download::start(&client, mint, DownloadOptions::default()).await.expect("begun");
    let read = move || {
        let mut magic = [0; 5];
        reader.read_exact(&mut magic).map(|()| magic)
    };
    let magic = tokio::task::spawn_blocking(read).await.expect("no panic").expect("read");
    assert_eq!(&magic, b"PGDMP");
}

#[tokio::test]
async fn a_capture_that_fails_shows_the_last_lines_of_its_log() {
    // The stand-in runs the real pg_dump here, which finds no server.
    let world = world().await;
    let database = world.heroku.resolve_database(PRODUCTION, "DATABASE_URL").await.expect("one");
    let started = world.heroku.start_capture(&database).await.expect("started");
    let wait = world.heroku.wait_for_transfer(PRODUCTION, &started, "capture", &Silent);
    let error = wait.await.expect_err("failed").to_string();
    assert!(error.starts_with("transfer b001 failed: "), "{error}");
    assert!(error.contains("Backup failed"), "{error}");
    assert!(!error.contains("db-password"), "{error}");
    let url = world.heroku.public_url(PRODUCTION, started.num).await;
    let status = url.as_ref().err().and_then(|error| error.api()?.reason.status);
    assert_eq!(status.map(|status| status.as_u16()), Some(400), "{url:?}");
}

#[tokio::test]
async fn a_cancelled_capture_is_distinguished_from_a_failed_one() {
    let world = world().await;
    let (_folder, dump) = dump();
    let outcome = Outcome::Canceled;
    world.standin.plan_captures(CapturePlan { dump: Some(dump), outcome, ..Default::default() });
    let database = world.heroku.resolve_database(PRODUCTION, "DATABASE_URL").await.expect("one");
    let started = world.heroku.start_capture(&database).await.expect("started");
    let wait = world.heroku.wait_for_transfer(PRODUCTION, &started, "capture", &Silent);
    let error = wait.await.expect_err("cancelled");
    assert!(matches!(error, HerokuError::TransferCanceled { .. }), "{error}");
}
