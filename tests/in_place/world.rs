//! Builds a staging like Heroku's for the tests of loading in place: a database that belongs to a
//! role with few rights, and that only Heroku can empty.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use std::sync::Arc;

use bcops::adapters::heroku::DestinationDatabase;
use bcops::adapters::postgres::{DatabaseUrl, Defaults, SslMode};
use bcops::events::{Event, Reporter, SharedReporter, Silent};
use bcops::restore::in_place::{self, InPlaceError, InPlaceOptions, Loaded, Verified};
use bcops::restore::{Contents, OpenBackup, Prepared};
use bcops::scrub::Manifest;
use bcops::scrub::live::Limits;

use crate::heroku::world::{PRODUCTION, STAGING, World, world_with};
use crate::pull_data::world::{COMPLETED, HOUR};
use crate::standins::heroku::Options;
use crate::support::postgres::Cluster;

pub const POLICY: &str = "staging";

pub struct Staging {
    pub world: World,
    pub destination: DestinationDatabase,
    /// The name of the database and of its role.
    pub name: String,
    pub url: DatabaseUrl,
    pub cluster: &'static Cluster,
}

impl Staging {
    /// Production has this backup, and staging's database is not empty.
    pub async fn new(archive: &Path) -> Staging {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let cluster = Cluster::shared();
        let pg_dump = cluster.programs().join("pg_dump");
        let administrator = Some(cluster.url("postgres"));
        let world = world_with(Options { pg_dump, administrator, ..Options::default() }).await;
        world.standin.add_backup(PRODUCTION, archive, 5 * HOUR, COMPLETED);
        let name = format!("in_place_{:04}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let role = format!("CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE");
        cluster.psql("postgres", &role);
        let create = format!("CREATE DATABASE {name} OWNER {name} TEMPLATE template0");
        cluster.psql("postgres", &create);
        let note = format!("SET ROLE {name}; CREATE TABLE note AS SELECT 'from before' AS text");
        cluster.psql(&name, &format!("GRANT ALL ON SCHEMA public TO {name}; {note}"));
        let url = cluster.url(&name).replace("postgres@", &format!("{name}@"));
        world.standin.add_database(STAGING, "DATABASE", &url);
        let app = world.staging().await;
        let destination =
            world.heroku.destination_database(&app, "DATABASE_URL").await.expect("owned");
        Staging { url: parse(&url), world, destination, name, cluster }
    }

    pub async fn reset(&self) {
        self.world.heroku.reset_database(&self.destination, &[]).await.expect("empty");
    }

    /// Reads production's backup through a signed URL.
    pub async fn prepared(&self, manifest: &Manifest) -> Prepared {
        Prepared::scrubbed(self.contents().await, manifest, POLICY).expect("it fits")
    }

    pub async fn contents(&self) -> Contents {
        let backup = OpenBackup::download(&self.world.heroku, PRODUCTION, 1).await;
        Contents::read(backup.expect("a backup")).await.expect("an archive")
    }

    pub async fn load(&self, manifest: &Manifest) -> Result<Loaded, InPlaceError> {
        self.load_with(manifest, &InPlaceOptions::default(), &silent()).await
    }

    pub async fn load_with(
        &self,
        manifest: &Manifest,
        options: &InPlaceOptions,
        reporter: &SharedReporter,
    ) -> Result<Loaded, InPlaceError> {
        in_place::load(&self.url, self.prepared(manifest).await, options, reporter).await
    }

    pub async fn verify(
        &self,
        manifest: &Manifest,
        loaded: &Loaded,
    ) -> Result<Verified, InPlaceError> {
        let expected = Some(&loaded.rows);
        in_place::verify(&self.url, manifest, POLICY, expected, &Limits::default(), &silent()).await
    }

    /// As the administrator.
    #[track_caller]
    pub fn psql(&self, sql: &str) -> String {
        self.cluster.psql(&self.name, sql)
    }

    /// The number of tables that other roles can see.
    #[track_caller]
    pub fn tables(&self) -> u64 {
        let sql = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
        self.psql(sql).parse().expect("a number")
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let name = &self.name;
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let _ = self.cluster.try_psql("postgres", &drop);
            let _ = self.cluster.try_psql("postgres", &format!("DROP ROLE IF EXISTS {name}"));
        }
    }
}

pub fn parse(url: &str) -> DatabaseUrl {
    let defaults = Defaults { variable: &|_| None, home: None, ssl_mode: SslMode::Disable };
    DatabaseUrl::parse(url, &defaults).expect("a URL")
}

pub fn silent() -> SharedReporter {
    Arc::new(Silent)
}

pub fn built_in() -> Manifest {
    Manifest::built_in().expect("the built-in manifest")
}

/// The test's own manifest.
pub fn manifest(text: &str) -> Manifest {
    Manifest::parse("test.toml", &format!("schema_version = 1\n{text}")).expect("a manifest")
}

/// Keeps the warnings.
#[derive(Default)]
pub struct Warnings(Mutex<Vec<String>>);

impl Warnings {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }
}

impl Reporter for Warnings {
    fn emit(&self, event: Event) {
        if let Event::Warning(text) = event {
            self.0.lock().expect("no panic").push(text);
        }
    }
}

/// The backup of a new database that this SQL fills, and its folder.
#[track_caller]
pub fn backup_of(sql: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let cluster = Cluster::shared();
    let source = cluster.create_database("in_place_source");
    cluster.psql(&source, sql);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("b001.dump");
    crate::support::site::back_up(cluster, &source, &path).expect("a backup");
    (folder, path)
}

/// Options for tests that never get a lock.
pub fn impatient() -> InPlaceOptions {
    InPlaceOptions { lock_timeout: Duration::from_millis(300), ..InPlaceOptions::default() }
}
