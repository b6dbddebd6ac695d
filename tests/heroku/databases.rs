//! Tests resets, restores and cancelled transfers on a real database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bcops::adapters::heroku::{
    BackupSource, DestinationDatabase, HerokuError, Timing, TransferState,
};
use bcops::events::Silent;

use crate::heroku::world::{PRODUCTION, STAGING, World, client, count, quick, world_with};
use crate::standins::heroku::{CapturePlan, Fault, Options, Outcome, Rule};
use crate::support::postgres::Cluster;

/// Production has one backup, `b001`, of one table; staging has a database with another.
struct Databases {
    world: World,
    staging: DestinationDatabase,
    name: String,
    _folder: tempfile::TempDir,
}

const HOUR: Duration = Duration::from_secs(3600);

fn dump(cluster: &Cluster, folder: &Path) -> PathBuf {
    let source = cluster.create_database("restore_source");
    cluster.psql(&source, "CREATE TABLE page (id int); INSERT INTO page VALUES (1), (2), (3)");
    let path = folder.join("latest.dump");
    let url = cluster.url(&source);
    cluster.run_tool("pg_dump", &["-Fc", "-f", path.to_str().expect("UTF-8"), &url]);
    path
}

async fn databases() -> Databases {
    let cluster = Cluster::shared();
    let pg_dump = cluster.programs().join("pg_dump");
    let world = world_with(Options { pg_dump, ..Options::default() }).await;
    let folder = tempfile::tempdir().expect("a directory");
    let dump = dump(cluster, folder.path());
    world.standin.add_backup(PRODUCTION, &dump, HOUR, Outcome::Completed { warnings: 0 });
    let name = cluster.create_database("restore_target");
    cluster.psql(&name, "CREATE SCHEMA other; CREATE TABLE other.old (id int)");
    world.standin.add_database(STAGING, "DATABASE", &cluster.url(&name));
    let app = world.staging().await;
    let staging = world.heroku.destination_database(&app, "DATABASE_URL").await.expect("owned");
    Databases { world, staging, name, _folder: folder }
}

impl Databases {
    async fn source(&self) -> BackupSource {
        self.world.heroku.backup_source(PRODUCTION, "b001").await.expect("a backup")
    }

    fn tables(&self) -> String {
        let sql = "SELECT string_agg(schemaname || '.' || tablename, ' ') FROM pg_tables
            WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
        Cluster::shared().psql(&self.name, sql)
    }
}

#[tokio::test]
async fn a_reset_empties_the_database() {
    let databases = databases().await;
    assert_eq!(databases.tables(), "other.old");
    let heroku = &databases.world.heroku;
    let extensions = ["PgCrypto ".to_owned(), "citext".to_owned()];
    heroku.reset_database(&databases.staging, &extensions).await.expect("empty");
    assert_eq!(databases.tables(), "");
    let body = databases.world.standin.writes(STAGING).pop().expect("a write").body;
    assert_eq!(body, r#"{"extensions":["citext","pgcrypto"]}"#);
    databases.world.standin.misbehave(Rule::once("/reset", Fault::CloseAfter));
    let error = heroku.reset_database(&databases.staging, &[]).await.expect_err("in doubt");
    assert!(matches!(error, HerokuError::ResetUnclear { .. }), "{error:?}");
    assert_eq!(count(&databases.world.standin, "PUT", "/reset"), 2);
}

#[tokio::test]
async fn productions_backup_is_restored_into_staging() {
    let databases = databases().await;
    let (heroku, standin) = (&databases.world.heroku, &databases.world.standin);
    let source = databases.source().await;
    assert!(!format!("{source:?}").contains("://"), "{source:?}");
    let started = heroku.start_restore(&databases.staging, &source, &[]).await.expect("started");
    assert_eq!(started.name(), "r001");
    heroku.wait_for_transfer(STAGING, &started, "restore", &Silent).await.expect("restored");
    assert_eq!(databases.tables(), "public.page");
    assert_eq!(Cluster::shared().psql(&databases.name, "SELECT count(*) FROM page"), "3");
    // No signed URL was made, and production saw no write.
    assert_eq!(count(standin, "POST", "/public-url"), 0);
    assert!(standin.writes(PRODUCTION).is_empty());

    let signed = heroku.public_url(PRODUCTION, 1).await.expect("signed");
    let source = BackupSource::signed("b001", &signed);
    let started = heroku.start_restore(&databases.staging, &source, &[]).await.expect("started");
    heroku.wait_for_transfer(STAGING, &started, "restore", &Silent).await.expect("restored");
}

#[tokio::test]
async fn a_restore_that_fails_is_a_failure() {
    let databases = databases().await;
    let (heroku, standin) = (&databases.world.heroku, &databases.world.standin);
    let source = databases.source().await;
    for (outcome, words) in [(Outcome::Failed, "failed"), (Outcome::Canceled, "cancelled")] {
        standin.plan_restores(CapturePlan { outcome, ..CapturePlan::default() });
        let started = heroku.start_restore(&databases.staging, &source, &[]).await.expect("begun");
        let error = heroku.wait_for_transfer(STAGING, &started, "restore", &Silent).await;
        let error = error.expect_err("no success").to_string();
        assert!(error.contains(words), "{error}");
    }
    // Twenty-one lost polls are where Heroku's own CLI ends with success.
    standin.plan_restores(CapturePlan::default());
    let started = heroku.start_restore(&databases.staging, &source, &[]).await.expect("begun");
    standin.misbehave(Rule::times(21, "/transfers/", Fault::ServerError));
    let impatient = client(standin, Timing { tries: 1, ..quick() });
    let error = impatient.wait_for_transfer(STAGING, &started, "restore", &Silent).await;
    assert!(matches!(error, Err(HerokuError::TransferUnseen { .. })), "{error:?}");
}

#[tokio::test]
async fn a_restore_whose_answer_was_lost_is_found_and_not_repeated() {
    let databases = databases().await;
    let (heroku, standin) = (&databases.world.heroku, &databases.world.standin);
    let source = databases.source().await;
    standin.misbehave(Rule::once("/restores", Fault::CloseAfter));
    let started = heroku.start_restore(&databases.staging, &source, &[]).await.expect("found");
    heroku.wait_for_transfer(STAGING, &started, "restore", &Silent).await.expect("restored");
    assert_eq!(count(standin, "POST", "/restores"), 1);
    standin.misbehave(Rule::once("/restores", Fault::ServerError));
    let error = heroku.start_restore(&databases.staging, &source, &[]).await.expect_err("lost");
    assert!(matches!(error, HerokuError::TransferLost { .. }), "{error:?}");
    assert!(error.to_string().contains("a restore of b001 into"), "{error}");
}

#[tokio::test]
async fn running_transfers_are_seen_and_can_be_cancelled() {
    let databases = databases().await;
    let (heroku, standin) = (&databases.world.heroku, &databases.world.standin);
    let attachment = databases.staging.attachment();
    assert!(heroku.transfers_under_way(attachment).await.expect("read").is_empty());
    // A transfer that never ends by itself.
    standin.plan_restores(CapturePlan { pending: HOUR, ..CapturePlan::default() });
    let source = databases.source().await;
    let started = heroku.start_restore(&databases.staging, &source, &[]).await.expect("started");
    let under_way = heroku.transfers_under_way(attachment).await.expect("read");
    assert_eq!(under_way.iter().map(|one| one.name()).collect::<Vec<_>>(), ["r001"]);
    let app = databases.world.staging().await;
    let ended = heroku.cancel_transfer(&app, &started).await.expect("cancelled");
    assert_eq!(ended.state(), TransferState::Canceled);
    let again = heroku.cancel_transfer(&app, &started).await.expect("it has ended already");
    assert_eq!(again.state(), TransferState::Canceled);
    assert!(heroku.transfers_under_way(attachment).await.expect("read").is_empty());
    let patience = Timing { transfer: Duration::from_millis(50), ..quick() };
    let started = heroku.start_restore(&databases.staging, &source, &[]).await.expect("started");
    let impatient = client(standin, patience);
    let error = impatient.wait_for_transfer(STAGING, &started, "restore", &Silent).await;
    assert!(matches!(error, Err(HerokuError::TransferTooLong { .. })), "{error:?}");
}

#[tokio::test]
async fn only_a_complete_backup_is_a_source() {
    let databases = databases().await;
    let (heroku, standin) = (&databases.world.heroku, &databases.world.standin);
    let dump = tempfile::NamedTempFile::new().expect("a file");
    standin.add_backup(PRODUCTION, dump.path(), HOUR, Outcome::Failed);
    let error = heroku.backup_source(PRODUCTION, "b002").await.expect_err("failed");
    assert_eq!(error.to_string(), "cannot restore backup b002: it failed");
    for name in ["a001", "b009"] {
        let error = heroku.backup_source(PRODUCTION, name).await.expect_err("none");
        assert!(matches!(error, HerokuError::NoBackup { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn attaching_productions_database_to_staging_does_not_make_it_writable() {
    let databases = databases().await;
    let world = &databases.world;
    world.standin.attach(&world.database_id, STAGING, "LIVE", None);
    let app = world.staging().await;
    let error = world.heroku.destination_database(&app, "LIVE_URL").await.expect_err("foreign");
    let HerokuError::ForeignDatabase { owner, .. } = &error else { panic!("{error:?}") };
    assert_eq!(owner, PRODUCTION);
}
