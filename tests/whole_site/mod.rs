//! Builds a whole site on this machine, the council's or another: Heroku's apps with real
//! databases, repositories and commands, buckets, and websites. The tests of `reset-staging` and
//! `make rehearse` share it. It uses only loopback.

#![allow(dead_code, reason = "the tests and the sandbox each use a part")]

pub mod blueprint;
pub mod code;
pub mod configuration;
pub mod databases;
pub mod history;
pub mod media;
pub mod services;

use std::time::Duration;

use anyhow::Result;
use bcops::settings::Environment;

use crate::standins::heroku::{Deploy, HerokuStandIn, Options as HerokuOptions, Outcome, Stack};
use crate::standins::s3::S3StandIn;
use crate::standins::site::SiteStandIn;
use crate::support::postgres::Cluster;
use blueprint::{Blueprint, Sample};
use code::Code;
use databases::{Databases, Production, Templates};

pub const PRODUCTION: &str = "buckinghamshire-production";
pub const STAGING: &str = "buckinghamshire-staging";
pub const CONTENT_PREP: &str = "buckinghamshire-content-prep";

/// The release phase of the apps.
pub const RELEASE_COMMAND: &str =
    "python manage.py createcachetable && python manage.py migrate --noinput";

/// The stack of the apps: `container` like the council's, or the value of `BCOPS_TEST_STACK`.
pub fn stack() -> Stack {
    match std::env::var("BCOPS_TEST_STACK").as_deref() {
        Ok("heroku-24") => Stack::Slug,
        Ok("cnb") => Stack::CloudNative,
        _ => Stack::Container,
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// The delays of Heroku.
#[derive(Debug, Clone)]
pub struct Pace {
    pub dyno_start: Duration,
    /// Between the lines of a build.
    pub build: Duration,
}

impl Pace {
    /// As short as possible without being instant.
    pub fn of_tests() -> Pace {
        Pace { dyno_start: Duration::from_millis(5), build: Duration::from_millis(5) }
    }

    /// Long enough for a person to see progress.
    pub fn of_a_rehearsal() -> Pace {
        Pace { dyno_start: Duration::from_millis(800), build: Duration::from_millis(500) }
    }
}

pub struct WholeSite {
    pub blueprint: Blueprint,
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

    /// Another site than the council's.
    pub async fn start_site(
        cluster: &'static Cluster,
        pace: Pace,
        blueprint: Blueprint,
    ) -> Result<WholeSite> {
        WholeSite::build(cluster, pace, blueprint, None).await
    }

    /// The same with production's database of an earlier world, which must be unchanged.
    pub async fn start_with(
        cluster: &'static Cluster,
        pace: Pace,
        production: Option<Production>,
    ) -> Result<WholeSite> {
        WholeSite::build(cluster, pace, Blueprint::council(), production).await
    }

    async fn build(
        cluster: &'static Cluster,
        pace: Pace,
        blueprint: Blueprint,
        production: Option<Production>,
    ) -> Result<WholeSite> {
        let templates = Templates::of_site(cluster, &blueprint);
        let code = Code::new(&blueprint, &templates.migrations);
        let heroku = HerokuStandIn::start(HerokuOptions {
            pg_dump: cluster.programs().join("pg_dump"),
            dyno_start: pace.dyno_start,
            ..HerokuOptions::default()
        })
        .await;
        let s3 = media::empty(&blueprint).await;
        for environment in blueprint.environments() {
            heroku.add_app(&environment.app.value, &[("SECRET_KEY", "django-secret")]);
            heroku.set_stack(&environment.app.value, stack());
        }
        // Each Site of staging has its own port. Production has one site.
        let names: Vec<String> =
            (1..=templates.hosts.len()).map(|number| format!("staging-{number}")).collect();
        let mut site = SiteStandIn::default();
        site.add_host("production", heroku.watcher(&blueprint.production.app.value)).await;
        for name in &names {
            site.add_host(name, heroku.watcher(&blueprint.staging.app.value)).await;
        }
        let ports: Vec<u16> = names.iter().map(|name| site.port(name)).collect();
        let databases = Databases::new(cluster, templates, &ports, production)?;
        media::fill(&s3, &blueprint, &databases);

        let mut whole = WholeSite {
            blueprint,
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

    /// Gives the apps the config vars and add-ons of real ones.
    fn furnish(&mut self, templates: &Templates) {
        let (heroku, blueprint) = (&self.heroku, &self.blueprint);
        let [main, _] = blueprint.branches();
        for environment in blueprint.environments() {
            let app = environment.app.value.as_str();
            for (name, value) in media::config_vars(&self.s3, blueprint, environment) {
                heroku.set_config_var(app, &name, &value);
            }
            heroku.set_config_var(app, "HEROKU_APP_NAME", app);
            let part = self.part(environment);
            if part != "staging" || !matches!(blueprint.sample, Sample::Council) {
                heroku.set_config_var(app, "BIRDBATH_REQUIRED", "false");
            }
            let variable = environment.database_url_variable.as_str();
            let attachment = variable.strip_suffix("_URL").unwrap_or(variable);
            let database = heroku.add_database(app, attachment, &self.databases.url(part));
            match part {
                "production" => self.production_database = database,
                "staging" => self.staging_database = database,
                _ => {}
            }
            heroku.add_addon(app, "scheduler:standard", "SCHEDULER", ("", ""));
            let psql = self.databases.cluster().programs().join("psql");
            let vars = [variable, environment.search_url_variable.as_str()];
            let python = self.code.write_python(&psql, vars, &services::indices(blueprint));
            let branch = environment.branch.as_deref().unwrap_or(main);
            let tip = self.code.tips.get(branch).unwrap_or(&self.code.tips[main]);
            self.code.deploy_first(heroku, app, *tip, &python);
        }
        let (production, staging) = (self.production_app(), self.staging_app());
        heroku.set_formation(production, &[("web", 2, "Standard-2X")]);
        heroku.set_formation(staging, &[("web", 1, "Standard-1X")]);
        let completed = Outcome::Completed { warnings: 0 };
        for (age, outcome) in
            [(53, completed), (29, completed), (5, completed), (1, Outcome::Failed)]
        {
            heroku.add_backup(production, &templates.backup, age * HOUR, outcome);
        }
        // From a reset long ago. A backup is identified by its age and its app.
        heroku.add_backup(staging, &templates.staging_backup, 90 * 24 * HOUR, completed);
        heroku.plan_deploys(self.deploy());
    }

    /// Additions that `doctor` expects: fresh backups of the other apps, and a branch for each
    /// environment.
    pub fn complete(&self) {
        let templates = self.databases.templates;
        let completed = Outcome::Completed { warnings: 0 };
        let staging = self.staging_app();
        self.heroku.add_backup(staging, &templates.staging_backup, 20 * HOUR, completed);
        for environment in &self.blueprint.others {
            let app = &environment.app.value;
            self.heroku.add_backup(app, &templates.empty_backup, 10 * HOUR, completed);
            if let Some(branch) = &environment.branch {
                self.code.ensure_branch(branch);
            }
        }
    }

    /// Whether an environment plays production or staging.
    fn part(&self, environment: &Environment) -> &'static str {
        let blueprint = &self.blueprint;
        match environment.name.as_str() {
            name if name == blueprint.production.name => "production",
            name if name == blueprint.staging.name => "staging",
            _ => "other",
        }
    }

    pub fn production_app(&self) -> &str {
        &self.blueprint.production.app.value
    }

    pub fn staging_app(&self) -> &str {
        &self.blueprint.staging.app.value
    }

    /// A deploy without faults.
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
        let hosts = &self.databases.templates.hosts;
        let pair = |(number, host): (usize, &String)| {
            (host.clone(), self.site.url(&format!("staging-{}", number + 1)))
        };
        hosts.iter().enumerate().map(pair).collect()
    }

    /// The program's configuration: where the sites are.
    pub fn config(&self) -> String {
        let section = |environment: &Environment| {
            let sites: Vec<String> = self.sites(environment);
            let sites: Vec<String> = sites.iter().map(|url| format!("\"{url}\"")).collect();
            format!("[environments.{}]\nsites = [{}]\n", environment.name, sites.join(", "))
        };
        self.blueprint.environments().map(section).collect::<Vec<_>>().join("\n")
    }

    /// The URLs of an environment's sites in this world.
    pub fn sites(&self, environment: &Environment) -> Vec<String> {
        match self.part(environment) {
            "production" => vec![self.site.url("production")],
            "staging" => self.hosts().into_iter().map(|(_, url)| url).collect(),
            _ => Vec::new(),
        }
    }

    /// The program's variables, in addition to its own folders.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let authority = self.code.folder("authority.pem");
        std::fs::write(&authority, &self.heroku.authority_pem).expect("written");
        vec![
            ("HEROKU_HOST", self.heroku.url.clone()),
            ("HEROKU_DATA_HOST", self.heroku.url.clone()),
            ("HEROKU_API_KEY", self.heroku.token().to_owned()),
            ("HEROKU_GIT_HOST", self.code.heroku_host()),
            ("SSL_CERT_FILE", crate::support::git::text(&authority)),
        ]
    }
}
