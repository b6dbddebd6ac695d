//! Tests the long jobs of the world of `reset-staging`: resets, restores and backups of real
//! databases by roles with few rights, and filling an index.

use std::future::pending;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use bcops::adapters::heroku::{HerokuError, Limits, OneOff, Timing};
use bcops::events::Silent;

use crate::heroku::world::{client, quick, staging_destination};
use crate::pull_data::world::digest;
use crate::reset_staging::world::{Trouble, World};
use crate::standins::heroku::{Outcome, Rendezvous};
use crate::whole_site::{PRODUCTION, STAGING};

const COUNT: &str = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";

#[test]
fn a_backup_of_production_is_restored_into_a_database_that_was_reset() {
    let world = World::new();
    let databases = &world.whole.databases;
    let heroku = client(&world.whole.heroku, quick());
    world.runtime().block_on(async {
        let staging = heroku.destination_app(&staging_destination()).await.expect("staging");
        let database = heroku.destination_database(&staging, "DATABASE_URL").await;
        let database = database.expect("its database");
        heroku.reset_database(&database, &[]).await.expect("empty");
        assert_eq!(databases.staging(COUNT), "0");
        // Heroku's own objects in a database come back.
        let extensions = "SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'";
        assert_eq!(databases.staging(extensions), databases.production(extensions));

        let source = heroku.backup_source(PRODUCTION, "b003").await.expect("a backup");
        let started = heroku.start_restore(&database, &source, &[]).await.expect("started");
        heroku.wait_for_transfer(STAGING, &started, "restore", &Silent).await.expect("restored");
    });
    let cluster = databases.cluster();
    assert_eq!(digest(cluster, &databases.staging), digest(cluster, &databases.production));
    assert!(world.holds_unscrubbed_rows());
    assert_eq!(world.staging().restores, ["completed"]);
    world.assert_production_untouched();
}

#[test]
fn staging_is_backed_up_and_restored() {
    let world = World::new();
    let before = world.staging();
    let heroku = client(&world.whole.heroku, quick());
    world.runtime().block_on(async {
        let staging = heroku.destination_app(&staging_destination()).await.expect("staging");
        let database = heroku.destination_database(&staging, "DATABASE_URL").await;
        let database = database.expect("its database");
        let attachment =
            heroku.resolve_database(STAGING, "DATABASE_URL").await.expect("its database");
        let started = heroku.start_capture(&attachment).await.expect("started");
        heroku.wait_for_transfer(STAGING, &started, "backup", &Silent).await.expect("backed up");
        heroku.reset_database(&database, &[]).await.expect("empty");
        let source = heroku.backup_source(STAGING, &started.name()).await.expect("a backup");
        let started = heroku.start_restore(&database, &source, &[]).await.expect("started");
        heroku.wait_for_transfer(STAGING, &started, "restore", &Silent).await.expect("restored");
    });
    let after = world.staging();
    assert_eq!(after.backups, ["completed", "completed"]);
    assert_eq!(after.restores, ["completed"]);
    assert_eq!(after.without_history(), before.without_history());
}

#[test]
fn transfers_and_dynos_fail_as_set() {
    let world = World::new();
    let heroku = client(&world.whole.heroku, Timing { tries: 1, ..quick() });
    world.runtime().block_on(async {
        let attachment =
            heroku.resolve_database(STAGING, "DATABASE_URL").await.expect("its database");
        world.make(Trouble::CaptureEnds(Outcome::Failed));
        let started = heroku.start_capture(&attachment).await.expect("started");
        let error = heroku.wait_for_transfer(STAGING, &started, "backup", &Silent).await;
        error.expect_err("it failed");
        world.make(Trouble::CaptureNeverEnds);
        let started = heroku.start_capture(&attachment).await.expect("started");
        world.make(Trouble::LostPolls(21));
        let error = heroku.wait_for_transfer(STAGING, &started, "backup", &Silent).await;
        assert!(matches!(error, Err(HerokuError::TransferUnseen { .. })), "{error:?}");

        let staging = heroku.destination_app(&staging_destination()).await.expect("staging");
        world.make(Trouble::Rendezvous(Rendezvous::Refused));
        let check = OneOff::new("python manage.py migrate --check");
        let limits = Limits::default();
        let ends = (tokio::io::empty(), &mut tokio::io::sink());
        let run = heroku.run_streamed(&staging, &check, ends, &limits, pending()).await;
        run.expect_err("nobody is met");
    });
    assert_eq!(world.staging().backups, ["completed", "failed", "running"]);
}

#[test]
fn an_index_gets_a_document_for_each_row() {
    let world = World::new();
    let (url, requests) = search_server();
    world.whole.set_search(STAGING, &url);
    world.whole.databases.staging("INSERT INTO birdbath_execution (date_executed) VALUES (now())");
    let heroku = client(&world.whole.heroku, quick());
    world.runtime().block_on(async {
        let staging = heroku.destination_app(&staging_destination()).await.expect("staging");
        let command = OneOff::new("python manage.py update_index");
        let run =
            heroku.run_captured(&staging, &command, &Limits::default(), pending(), |_| {}).await;
        let run = run.expect("run");
        assert_eq!(run.exit_status, 0, "{}", String::from_utf8_lossy(&run.output));
    });
    let requests = requests.lock().expect("no panic").clone();
    let of_pages: Vec<&(String, usize)> =
        requests.iter().filter(|(line, _)| line.contains("wagtail__wagtailcore_page")).collect();
    let lines: Vec<&str> = of_pages.iter().map(|(line, _)| line.as_str()).collect();
    let index = "/wagtail__wagtailcore_page";
    assert_eq!(
        lines,
        [
            format!("DELETE {index}"),
            format!("PUT {index}"),
            format!("POST {index}/_bulk"),
            format!("POST {index}/_refresh"),
        ]
    );
    // Two lines for each document: the action, and the document.
    let pages = world.whole.databases.staging("SELECT count(*) FROM wagtailcore_page");
    assert_eq!((of_pages[2].1 / 2).to_string(), pages);
}

type Requests = Arc<Mutex<Vec<(String, usize)>>>;

/// Accepts everything, and records method and path with the number of lines of the body.
fn search_server() -> (String, Requests) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://user:db-password@{}", listener.local_addr().expect("an address"));
    let requests = Requests::default();
    let written = Arc::clone(&requests);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut bytes = Vec::new();
            let mut buffer = [0; 4096];
            let (head, body) = loop {
                let Ok(length @ 1..) = stream.read(&mut buffer) else { return };
                bytes.extend_from_slice(&buffer[..length]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let wanted = head
                    .lines()
                    .find_map(|line| {
                        line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
                    })
                    .unwrap_or(0);
                if head.contains("100-continue") && body.is_empty() {
                    let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                if body.len() >= wanted {
                    break (head.to_owned(), body.to_owned());
                }
            };
            let line = head.split(" HTTP").next().unwrap_or_default().to_owned();
            written.lock().expect("no panic").push((line, body.lines().count()));
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, requests)
}
