//! Builds the world for tests of the Heroku adapter and of downloads: a stand-in with the council's
//! apps, and clients with short time limits.

use std::time::Duration;

use bcops::adapters::heroku::{DestinationApp, Endpoints, Heroku, Timing};
use bcops::secret::Secret;
use bcops::settings::{Destination, ProcessEnv, Settings};

use crate::standins::heroku::{HerokuStandIn, Options};

pub const PRODUCTION: &str = "buckinghamshire-production";
pub const STAGING: &str = "buckinghamshire-staging";
/// No server listens there, so a real dump fails.
pub const PRODUCTION_URL: &str = "postgres://u:db-password@127.0.0.1:1/production";

pub struct World {
    pub standin: HerokuStandIn,
    pub heroku: Heroku,
    /// Of production.
    pub database_id: String,
}

pub async fn world() -> World {
    world_with(Options::default()).await
}

pub async fn world_with(options: Options) -> World {
    let standin = HerokuStandIn::start(options).await;
    standin.add_app(PRODUCTION, &[("SECRET_KEY", "django-secret"), ("EMPTY", "")]);
    standin.add_app(STAGING, &[]);
    let database_id = standin.add_database(PRODUCTION, "DATABASE", PRODUCTION_URL);
    let heroku = client(&standin, quick());
    World { standin, heroku, database_id }
}

pub fn client(standin: &HerokuStandIn, timing: Timing) -> Heroku {
    let endpoints = Endpoints::resolve(Some(&standin.url), Some("127.0.0.1")).expect("endpoints");
    let token = Secret::new(standin.token());
    let heroku = Heroku::with_timing(endpoints, token, timing).expect("a client");
    heroku.with_rendezvous_authority(standin.authority_pem.as_bytes())
}

/// The built-in settings, whose apps are the stand-in's.
pub fn settings() -> Settings {
    let nowhere = tempfile::tempdir().expect("a directory");
    let process = ProcessEnv {
        variable: &|_| None,
        working_directory: nowhere.path(),
        home: None,
        config_file: None,
    };
    Settings::load(&process).expect("settings")
}

pub fn staging_destination() -> Destination {
    settings().environment("staging").expect("staging").as_destination().expect("unprotected")
}

impl World {
    /// Staging, which may be written to.
    pub async fn staging(&self) -> DestinationApp {
        self.heroku.destination_app(&staging_destination()).await.expect("staging")
    }
}

/// The real waits, a hundred times shorter.
pub fn quick() -> Timing {
    let mut timing = Timing {
        connect: Duration::from_secs(1),
        request: Duration::from_secs(5),
        poll: Duration::from_millis(20),
        job: Duration::from_secs(20),
        dynos: Duration::from_secs(5),
        grace: Duration::from_millis(300),
        ..Timing::default()
    };
    timing.backoff.first = Duration::from_millis(5);
    timing.backoff.longest = Duration::from_millis(50);
    timing
}

/// How many requests had this method and a path with this text.
pub fn count(standin: &HerokuStandIn, method: &str, path: &str) -> usize {
    let requests = standin.requests();
    requests.iter().filter(|one| one.method == method && one.path.contains(path)).count()
}
