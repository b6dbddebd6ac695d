//! The council's whole site on this machine: Heroku's apps with real databases, repositories and
//! commands, buckets, and the websites that visitors see. The tests of `reset-staging` and
//! `make rehearse` share it. Nothing here needs or can reach anything but loopback.

#![allow(dead_code, reason = "the tests and the sandbox each use a part")]

pub mod code;
pub mod databases;
pub mod history;
pub mod media;

use std::time::Duration;

use anyhow::Result;

use crate::standins::heroku::{Deploy, HerokuStandIn, Options as HerokuOptions, Outcome};
use crate::standins::s3::{S3StandIn, council};
use crate::standins::site::SiteStandIn;
use crate::support::postgres::Cluster;
use code::Code;
use databases::{Databases, Production, Templates};

pub const PRODUCTION: &str = "buckinghamshire-production";
pub const STAGING: &str = "buckinghamshire-staging";
pub const CONTENT_PREP: &str = "buckinghamshire-content-prep";

/// What the apps do when a release is made.
pub const RELEASE_COMMAND: &str =
    "python manage.py createcachetable && python manage.py migrate --noinput";

const HOUR: Duration = Duration::from_secs(3600);

/// How long Heroku takes for things.
#[derive(Debug, Clone)]
pub struct Pace {
    pub dyno_start: Duration,
    /// Between the lines of a build.
    pub build: Duration,
}

impl Pace {
    /// As short as it can be without being instant.
    pub fn of_tests() -> Pace {
        Pace { dyno_start: Duration::from_millis(5), build: Duration::from_millis(5) }
    }

    /// So that a person sees something going on.
    pub fn of_a_rehearsal() -> Pace {
        Pace { dyno_start: Duration::from_millis(800), build: Duration::from_millis(500) }
    }
}

pub struct WholeSite {
    pub heroku: HerokuStandIn,
    pub s3: S3StandIn,
    pub site: SiteStandIn,
    pub code: Code,
    pub databases: Databases,
    /// The identities of the databases on Heroku.
    pub production_database: String,
    pub staging_database: String,
    pace: Pace,
}

impl WholeSite {
    pub async fn start(cluster: &'static Cluster, pace: Pace) -> Result<WholeSite> {
        WholeSite::start_with(cluster, pace, None).await
    }

    /// The same with production's database of a world before, which must be as it was.
    pub async fn start_with(
        cluster: &'static Cluster,
        pace: Pace,
        production: Option<Production>,
    ) -> Result<WholeSite> {
        let templates = Templates::of(cluster);
        let code = Code::new(&templates.migrations);
        let heroku = HerokuStandIn::start(HerokuOptions {
            pg_dump: cluster.programs().join("pg_dump"),
            dyno_start: pace.dyno_start,
            ..HerokuOptions::default()
        })
        .await;
        let s3 = council::empty().await;
        for app in [PRODUCTION, STAGING, CONTENT_PREP] {
            heroku.add_app(app, &[("SECRET_KEY", "django-secret")]);
        }
        // Each Site of staging has a port of its own; production's site is one.
        let names: Vec<String> =
            (1..=templates.hosts.len()).map(|number| format!("staging-{number}")).collect();
        let mut site = SiteStandIn::default();
        site.add_host("production", heroku.watcher(PRODUCTION)).await;
        for name in &names {
            site.add_host(name, heroku.watcher(STAGING)).await;
        }
        let ports: Vec<u16> = names.iter().map(|name| site.port(name)).collect();
        let databases = Databases::new(cluster, &ports, production)?;
        media::fill(&s3, &databases);

        let mut whole = WholeSite {
            heroku,
            s3,
            site,
            code,
            databases,
            production_database: String::new(),
            staging_database: String::new(),
            pace,
        };
        whole.furnish(templates);
        Ok(whole)
    }

    /// Gives the apps what real ones have.
    fn furnish(&mut self, templates: &Templates) {
        let heroku = &self.heroku;
        for (app, environment, branch) in [
            (PRODUCTION, "production", "master"),
            (STAGING, "staging", "staging"),
            (CONTENT_PREP, "content-prep", "master"),
        ] {
            for (name, value) in council::config_vars(&self.s3, environment) {
                heroku.set_config_var(app, name, &value);
            }
            heroku.set_config_var(app, "HEROKU_APP_NAME", app);
            if environment != "staging" {
                heroku.set_config_var(app, "BIRDBATH_REQUIRED", "false");
            }
            let database = heroku.add_database(app, "DATABASE", &self.databases.url(environment));
            match environment {
                "production" => self.production_database = database,
                "staging" => self.staging_database = database,
                _ => {}
            }
            heroku.add_addon(app, "scheduler:standard", "SCHEDULER", ("", ""));
            let psql = self.databases.cluster().programs().join("psql");
            let python = self.code.write_python(&psql);
            self.code.deploy_first(heroku, app, self.code.tips[branch], &python);
        }
        heroku.set_formation(PRODUCTION, &[("web", 2, "Standard-2X")]);
        heroku.set_formation(STAGING, &[("web", 1, "Standard-1X")]);
        let completed = Outcome::Completed { warnings: 0 };
        for (age, outcome) in
            [(53, completed), (29, completed), (5, completed), (1, Outcome::Failed)]
        {
            heroku.add_backup(PRODUCTION, &templates.backup, age * HOUR, outcome);
        }
        // From a reset long ago. Which backup is meant has to be told by its age and its app.
        heroku.add_backup(STAGING, &templates.staging_backup, 90 * 24 * HOUR, completed);
        heroku.plan_deploys(self.deploy());
    }

    /// A deploy as it goes when nothing is wrong.
    pub fn deploy(&self) -> Deploy {
        Deploy {
            pause: self.pace.build,
            release_command: Some(RELEASE_COMMAND.to_owned()),
            ..Deploy::default()
        }
    }

    /// From now on the apps have a search server: `url` is the value of `BONSAI_URL`.
    pub fn set_search(&self, app: &str, url: &str) {
        self.heroku.set_config_var(app, "BONSAI_URL", url);
    }

    /// Production's hosts, in the order of its Site records, each with the URL of staging's.
    pub fn hosts(&self) -> Vec<(String, String)> {
        let hosts = &Templates::of(self.databases.cluster()).hosts;
        let pair = |(number, host): (usize, &String)| {
            (host.clone(), self.site.url(&format!("staging-{}", number + 1)))
        };
        hosts.iter().enumerate().map(pair).collect()
    }

    /// The program's configuration: where the sites are.
    pub fn config(&self) -> String {
        let staging: Vec<String> =
            self.hosts().iter().map(|(_, url)| format!("\"{url}\"")).collect();
        format!(
            "[environments.production]\nsites = [\"{}\"]\n\n[environments.staging]\nsites = [{}]\n\n\
             [environments.content-prep]\nsites = []\n",
            self.site.url("production"),
            staging.join(", ")
        )
    }

    /// What the program's environment has to hold, besides its own folders.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let authority = self.code.folder("authority.pem");
        std::fs::write(&authority, &self.heroku.authority_pem).expect("written");
        vec![
            ("HEROKU_HOST", self.heroku.url.clone()),
            ("HEROKU_DATA_HOST", self.heroku.url.clone()),
            ("HEROKU_API_KEY", self.heroku.token().to_owned()),
            ("HEROKU_GIT_HOST", self.code.heroku_host()),
            ("SSL_CERT_FILE", crate::git_world::text(&authority)),
        ]
    }
}
