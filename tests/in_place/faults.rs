//! Tests failures of a load in place: the error names them, staging is reset again, and the next
//! load brings the same as an undisturbed one.

use std::error::Error;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bcops::activity::{Activity, Timing};
use bcops::events::{Event, Reporter, SharedReporter};
use bcops::failure::{CommandError, FailureKind};
use bcops::restore::in_place::{self, InPlaceError, InPlaceOptions};
use bcops::restore::{Contents, OpenBackup, Prepared};

use crate::in_place::world::{
    POLICY, Staging, backup_of, built_in, impatient, manifest, parse, silent,
};
use crate::pull_data::world::sample;
use crate::scrub_pii::world::rows;
use crate::support::wait;

/// The message and everything behind it.
fn in_full(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_was_cut_short_is_an_error_and_the_next_load_is_whole() {
    let archive = fs::read(&sample().archive).expect("the backup");
    let folder = tempfile::tempdir().expect("a folder");
    let cut = folder.path().join("cut.dump");
    fs::write(&cut, &archive[..archive.len() * 9 / 10]).expect("a file");
    let staging = Staging::new(&cut).await;
    staging.reset().await;
    let error = staging.load(&built_in()).await.expect_err("the end is missing");
    assert!(matches!(error, InPlaceError::HalfLoaded { .. }), "{error:?}");
    assert!(error.to_string().contains("a part of the backup"), "{error}");
    assert_eq!(CommandError::from(error).kind, FailureKind::Unexpected);

    assert!(staging.tables() > 80, "it was half loaded");
    let error = staging.load(&built_in()).await.expect_err("it was not reset");
    assert!(matches!(error, InPlaceError::NotEmpty { .. }), "{error:?}");
    assert_reset_and_load_bring_everything(&staging).await;
}

/// Resets, loads the whole sample site, and compares with an undisturbed load.
async fn assert_reset_and_load_bring_everything(staging: &Staging) {
    let undisturbed = Staging::new(&sample().archive).await;
    for one in [&undisturbed, staging] {
        one.reset().await;
        let backup = OpenBackup::file(&sample().archive).expect("a file");
        let contents = Contents::read(backup).await.expect("an archive");
        let prepared = Prepared::scrubbed(contents, &built_in(), POLICY).expect("it fits");
        let options = InPlaceOptions::default();
        let loaded = in_place::load(&one.url, prepared, &options, &silent()).await.expect("loaded");
        one.verify(&built_in(), &loaded).await.expect("verified");
    }
    let cluster = staging.cluster;
    assert_eq!(rows(cluster, &staging.name), rows(cluster, &undisturbed.name));
}

/// Returns its bytes slowly, so there is time to interfere.
struct Slow(fs::File);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        std::thread::sleep(Duration::from_millis(10));
        let length = buffer.len().min(4096);
        self.0.read(&mut buffer[..length])
    }
}

async fn prepared_slowly(archive: &Path) -> Prepared {
    let backup = OpenBackup::read_once(Slow(fs::File::open(archive).expect("the backup")));
    let contents = Contents::read(backup).await.expect("an archive");
    Prepared::scrubbed(contents, &built_in(), POLICY).expect("it fits")
}

const CHILD_URL: &str = "BCOPS_TEST_IN_PLACE_URL";

/// The process that [`a_killed_load_is_repeated_after_a_reset`] starts and kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is the child of another test"]
async fn loads_slowly_for_its_parent() {
    let Ok(url) = std::env::var(CHILD_URL) else { return };
    let archive = std::env::var_os("BCOPS_TEST_IN_PLACE_ARCHIVE").expect("an archive");
    let prepared = prepared_slowly(Path::new(&archive)).await;
    let options = InPlaceOptions::default();
    in_place::load(&parse(&url), prepared, &options, &silent()).await.expect("loaded");
}

fn start_child(staging: &Staging) -> Child {
    let url = staging.cluster.url(&staging.name);
    let url = url.replace("postgres@", &format!("{}@", staging.name));
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "in_place::faults::loads_slowly_for_its_parent", "--ignored"])
        .env(CHILD_URL, url)
        .env("BCOPS_TEST_IN_PLACE_ARCHIVE", &sample().archive)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child")
}

/// Waits until rows are being sent.
async fn wait_for_rows(staging: &Staging) {
    let loaded = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace \
        AND relkind = 'r' AND pg_relation_size(oid) > 0";
    let are_coming = || staging.psql(loaded).parse::<u64>().expect("a number") >= 5;
    wait::until_async("rows come", are_coming).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_load_is_repeated_after_a_reset() {
    let staging = Staging::new(&sample().archive).await;
    for _ in 0..2 {
        staging.reset().await;
        let mut child = start_child(&staging);
        wait_for_rows(&staging).await;
        child.kill().expect("killed");
        let status = child.wait().expect("ended");
        assert!(!status.success(), "it was through before it was killed");
        let contents = in_place::contents(&staging.url).await.expect("an answer");
        assert!(!contents.is_empty());
    }
    assert_reset_and_load_bring_everything(&staging).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_load_ends_and_a_lost_connection_is_reported() {
    let staging = Staging::new(&sample().archive).await;
    staging.reset().await;
    let prepared = prepared_slowly(&sample().archive).await;
    let (url, options, reporter) = (staging.url.clone(), InPlaceOptions::default(), silent());
    tokio::select! {
        _ = in_place::load(&url, prepared, &options, &reporter) => panic!("it was too fast"),
        () = wait_for_rows(&staging) => {}
    }
    // A reset ends running statements, and the lock ends with the session.
    staging.reset().await;
    let prepared = prepared_slowly(&sample().archive).await;
    let loading = in_place::load(&url, prepared, &options, &reporter);
    let ending = async {
        wait_for_rows(&staging).await;
        staging.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    };
    let started = Instant::now();
    let (loaded, ()) = tokio::join!(loading, ending);
    let error = loaded.expect_err("its sessions are gone");
    assert!(matches!(error, InPlaceError::HalfLoaded { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(60), "it took {:?}", started.elapsed());
    assert!(
        in_full(&error).contains("terminat") || in_full(&error).contains("clos"),
        "{}",
        in_full(&error)
    );
    assert_reset_and_load_bring_everything(&staging).await;
}

const NOTES: &str = "[tables.note]\nclass = \"operational\"\noperational = [\"text\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn unexpected_personal_data_stops_the_load_before_it_is_written() {
    let (_folder, archive) = backup_of(
        "CREATE TABLE note (id int PRIMARY KEY, text text); \
         INSERT INTO note SELECT n, 'note ' || n FROM generate_series(1, 20000) n; \
         INSERT INTO note VALUES (20001, 'ask ann.canary@people.example')",
    );
    let staging = Staging::new(&archive).await;
    staging.reset().await;
    let error = staging.load(&manifest(NOTES)).await.expect_err("an address is in it");
    assert!(matches!(error, InPlaceError::PersonalData { .. }), "{error:?}");
    let error = CommandError::from(error);
    assert_eq!(error.kind, FailureKind::PersonalData);
    assert!(error.hint_texts().iter().any(|hint| hint.contains("note.text")), "{:?}", error.hints);
    assert_eq!(error.result["findings"][0]["count"], 1);
    assert!(!error.to_string().contains("canary"));
    assert_eq!(staging.psql("SELECT count(*) FROM note WHERE text LIKE '%@%'"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_sees_changes_after_the_load() {
    let (_folder, archive) = backup_of(
        "CREATE TABLE note (id int PRIMARY KEY, text text) PARTITION BY RANGE (id); \
         CREATE TABLE low PARTITION OF note FOR VALUES FROM (0) TO (10); \
         CREATE TABLE high PARTITION OF note FOR VALUES FROM (10) TO (100); \
         INSERT INTO note SELECT n, 'note ' || n FROM generate_series(1, 50) n",
    );
    let staging = Staging::new(&archive).await;
    staging.reset().await;
    let manifest = manifest(NOTES);
    let loaded = staging.load(&manifest).await.expect("loaded");
    assert_eq!(loaded.rows.0["public.note"], 50);
    assert_eq!(loaded.rows.total(), 50);
    staging.verify(&manifest, &loaded).await.expect("as it was loaded");

    staging.psql("DELETE FROM note WHERE id = 7");
    let error = staging.verify(&manifest, &loaded).await.expect_err("a row is gone");
    assert!(error.to_string().contains("public.note has 49 instead of 50"), "{error}");
    assert_eq!(CommandError::from(error).kind, FailureKind::Unexpected);
    staging.psql("INSERT INTO note VALUES (7, 'ann.canary@people.example')");
    let error = staging.verify(&manifest, &loaded).await.expect_err("an address is in it");
    assert!(matches!(error, InPlaceError::Remains { .. }), "{error:?}");
    assert_eq!(CommandError::from(error).kind, FailureKind::PersonalData);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_another_sessions_lock_has_a_limit() {
    let staging = Staging::new(&sample().small).await;
    staging.reset().await;
    // A table of the same name, which is invisible until it is committed.
    let hold = format!(
        "BEGIN; SET ROLE {}; CREATE TABLE auth_group (a int); SELECT pg_sleep(20)",
        staging.name
    );
    let mut psql = staging.cluster.tool("psql");
    let mut holder = psql.args(["-X", "-d", &staging.name, "-c", &hold]).spawn().expect("psql");
    let asleep = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event = 'PgSleep'";
    wait::until_async("the lock is held", || staging.psql(asleep) != "0").await;
    let started = Instant::now();
    let error = staging.load_with(&built_in(), &impatient(), &silent()).await.expect_err("locked");
    assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
    assert!(in_full(&error).contains("lock timeout"), "{}", in_full(&error));
    let error = CommandError::from(error);
    assert_eq!(error.kind, FailureKind::Unexpected);
    assert!(
        error.hint_texts().iter().any(|hint| hint.contains("stop the dynos")),
        "{:?}",
        error.hints
    );
    holder.kill().expect("killed");
    holder.wait().expect("ended");
    staging.reset().await;
    staging.load(&built_in()).await.expect("nobody is in the way");
}

/// Keeps the events, for [`a_waiting_statement_reports_its_reason`].
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Reporter for Heard {
    fn emit(&self, event: Event) {
        if let Event::Note(text) = event {
            self.0.lock().expect("no panic").push(text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_statement_waits_for_is_told() {
    let staging = Staging::new(&sample().small).await;
    staging.reset().await;
    let hold = format!(
        "BEGIN; SET ROLE {}; CREATE TABLE auth_group (a int); SELECT pg_sleep(60)",
        staging.name
    );
    let mut psql = staging.cluster.tool("psql");
    let mut holder = psql.args(["-X", "-d", &staging.name, "-c", &hold]).spawn().expect("psql");
    let asleep = "SELECT max(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event = 'PgSleep'";
    let mut session = String::new();
    let is_held = || {
        session = staging.psql(asleep);
        !session.is_empty()
    };
    wait::until_async("the lock is held", is_held).await;
    let timing = Timing {
        look_every: Duration::from_millis(20),
        tell_every: Duration::from_millis(300),
        ..Timing::default()
    };
    let activity = Activity::with_timing(timing);
    let backup = OpenBackup::file(&sample().small).expect("a file");
    let backup = OpenBackup { activity, ..backup };
    let contents = Contents::read(backup).await.expect("an archive");
    let prepared = Prepared::scrubbed(contents, &built_in(), POLICY).expect("it fits");
    let heard = Arc::new(Heard::default());
    let reporter: SharedReporter = heard.clone();
    let options = InPlaceOptions::default();
    let loading = in_place::load(&staging.url, prepared, &options, &reporter);
    let expected = format!("the statement waits for a lock of session {session}");
    let ending = async {
        let is_told =
            || heard.0.lock().expect("no panic").iter().any(|note| note.contains(&expected));
        wait::until_async("the lock is told of", is_told).await;
        holder.kill().expect("killed");
        let stop = format!("SELECT pg_terminate_backend({session})");
        staging.psql(&stop);
    };
    let (loaded, ()) = tokio::join!(loading, ending);
    loaded.expect("nobody is in the way");
    holder.wait().expect("ended");
    let notes = heard.0.lock().expect("no panic");
    assert!(notes.iter().any(|note| note.starts_with("still creating the schema")), "{notes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_reported_as_one() {
    // The server's own words for a full disk, because the rows go to a remote server.
    let (_folder, archive) = backup_of(
        "CREATE FUNCTION fits(id int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN \
           IF starts_with(current_database(), 'in_place_source') THEN RETURN true; END IF; \
           RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$; \
         CREATE TABLE note (id int CHECK (public.fits(id)), text text); \
         INSERT INTO note VALUES (1, 'a'), (2, 'b')",
    );
    let staging = Staging::new(&archive).await;
    staging.reset().await;
    let error = staging.load(&manifest(NOTES)).await.expect_err("there is no room");
    assert!(in_full(&error).contains("could not extend file"), "{}", in_full(&error));
    let error = CommandError::from(error);
    assert!(
        error.hint_texts().iter().any(|hint| hint.contains("larger plan")),
        "{:?}",
        error.hints
    );
    assert!(error.to_string().contains("a part of the backup"), "{error}");
}
