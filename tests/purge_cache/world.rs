//! Builds the world for tests of `purge-cache`: Cloudflare with the council's zones, the stand-in
//! for Heroku with their config vars, and the program.

use std::fs;

use tokio::runtime::Runtime;

use crate::command::{Bcops, Run};
use crate::standins::cloudflare::{CloudflareStandIn, Login, Plan};
use crate::standins::heroku::{HerokuStandIn, Options};

pub const PRODUCTION: &str = "buckinghamshire-production";
pub const STAGING: &str = "buckinghamshire-staging";

pub const PRODUCTION_ZONE: &str = "0123456789abcdef0123456789abcdef";
pub const STAGING_ZONE: &str = "fedcba9876543210fedcba9876543210";
pub const PRODUCTION_NAME: &str = "buckinghamshire.gov.uk";
pub const STAGING_NAME: &str = "staging.torchbox.com";
pub const STAGING_SITE: &str = "https://buckinghamshire-staging.staging.torchbox.com";

pub const TOKEN: &str = "cf-secret-token";
pub const BEARER: &str = "FRONTEND_CACHE_CLOUDFLARE_BEARER_TOKEN";
pub const ZONE: &str = "FRONTEND_CACHE_CLOUDFLARE_ZONEID";

pub struct World {
    pub cloudflare: CloudflareStandIn,
    pub heroku: HerokuStandIn,
    pub bcops: Bcops,
    _runtime: Runtime,
}

impl World {
    pub fn new() -> World {
        World::with(Plan::Pro, 10.0, Login::token(TOKEN))
    }

    /// `scale` is the speed-up of the rate limits, and `login` owns the only token.
    pub fn with(plan: Plan, scale: f64, login: Login) -> World {
        let runtime = Runtime::new().expect("a runtime");
        let cloudflare = runtime.block_on(CloudflareStandIn::start(plan, scale));
        cloudflare.add_zone(PRODUCTION_ZONE, PRODUCTION_NAME);
        cloudflare.add_zone(STAGING_ZONE, STAGING_NAME);
        cloudflare.add_login(login);
        let heroku = runtime.block_on(HerokuStandIn::start(Options::default()));
        for (app, zone) in [(PRODUCTION, PRODUCTION_ZONE), (STAGING, STAGING_ZONE)] {
            heroku.add_app(app, &[(BEARER, TOKEN), (ZONE, zone)]);
        }
        heroku.add_app("buckinghamshire-content-prep", &[]);
        heroku.add_app("buckinghamshire-dev", &[]);
        let mut bcops = Bcops::new();
        bcops.set("HEROKU_HOST", &heroku.url);
        bcops.set("HEROKU_DATA_HOST", &heroku.url);
        bcops.set("HEROKU_API_KEY", heroku.token());
        bcops.set("CLOUDFLARE_BASE_URL", &cloudflare.url);
        World { cloudflare, heroku, bcops, _runtime: runtime }
    }

    pub fn purge(&self, arguments: &[&str]) -> Run {
        self.bcops.run(&[&["purge-cache"], arguments].concat())
    }

    /// The same with these lines as its standard input.
    pub fn purge_reading(&self, arguments: &[&str], lines: &[String]) -> Run {
        let input = self.bcops.write("input.txt", &(lines.join("\n") + "\n"));
        self.bcops.run_reading(&[&["purge-cache"], arguments].concat(), &input)
    }

    #[track_caller]
    pub fn assert_nothing_purged(&self) {
        assert_eq!(self.cloudflare.purges(), []);
    }

    /// The lines of the only file with a run's unpurged URLs.
    #[track_caller]
    pub fn left(&self) -> Vec<String> {
        let folder = self.bcops.state_directory().join("purge-cache");
        let mut files = fs::read_dir(folder).expect("the folder");
        let file = files.next().expect("a file").expect("a file");
        assert!(files.next().is_none(), "one file for one run");
        let text = fs::read_to_string(file.path()).expect("its text");
        text.lines().map(str::to_owned).collect()
    }
}

/// URLs of staging, all different.
pub fn urls(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{STAGING_SITE}/news/{number}/")).collect()
}
