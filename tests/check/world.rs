//! Builds the world for the tests of `bcops check`: two environments, DNS, hosts with certificates,
//! GitLab.

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::command::{Bcops, Run};
use crate::gitlab::{self, PROJECT};
use crate::standins::certificates::Kind;
use crate::standins::dns::DnsStandIn;
use crate::standins::gitlab::GitlabStandIn;
use crate::standins::web::Web;

pub const LIVE: &str = "www.live.example";
pub const STAGING: &str = "staging.example";
pub const JOBS: &str = "jobs.staging.example";

pub struct World {
    pub web: Web,
    pub dns: DnsStandIn,
    pub gitlab: GitlabStandIn,
    pub bcops: Bcops,
    pub runtime: Runtime,
}

impl World {
    /// The protected environment `live` and the environment `staging` with two sites, all well.
    pub fn new() -> World {
        let runtime = Runtime::new().expect("a runtime");
        let (web, dns, gitlab) = runtime.block_on(async {
            (Web::start().await, DnsStandIn::start().await, gitlab::standin().await)
        });
        let mut bcops = Bcops::new();
        let authorities = bcops.write("authorities.pem", &web.authorities.trusted_pem);
        bcops.set("SSL_CERT_FILE", authorities.to_str().expect("a path in UTF-8"));
        bcops.set("GITLAB_URL", &gitlab.url);
        bcops.set("GITLAB_TOKEN", gitlab::TOKEN);
        let world = World { web, dns, gitlab, bcops, runtime };
        for host in [LIVE, STAGING, JOBS] {
            world.dns.set_loopback(host);
            world.web.host(host, Kind::Good);
        }
        world.configure(&[&world.web.url(STAGING), &world.web.url(JOBS)], "");
        world
    }

    /// Writes the configuration, with these sites of staging.
    pub fn configure(&self, sites: &[&str], more: &str) {
        let (dns, live) = (self.dns.address, self.web.url(LIVE));
        let text = format!(
            "inherit = false\n[environments.live]\napp = \"app-live\"\nprotected = true\n\
             branch = \"master\"\nsites = [\"{live}\"]\n\
             [environments.staging]\napp = \"app-staging\"\nprotected = false\n\
             branch = \"staging\"\nsites = {sites:?}\n\
             [gitlab]\nproject = \"{PROJECT}\"\n[check]\ndns_server = \"{dns}\"\n{more}"
        );
        self.bcops.write("bcops.toml", &text);
    }

    pub fn check(&self, arguments: &[&str]) -> Run {
        self.bcops.run(&[&["check"], arguments].concat())
    }

    /// The lines of `--json` about a host, by aspect: verdicts and texts.
    pub fn json(&self, code: i32) -> Value {
        self.check(&["staging", "--json"]).exits(code).json()
    }
}

/// The line about one aspect of a host.
#[track_caller]
pub fn line<'v>(document: &'v Value, host: &str, aspect: &str) -> &'v Value {
    let sites = document["result"]["sites"].as_array().expect("sites");
    let site = sites.iter().find(|site| site["host"] == host).expect("the site");
    let lines = site["lines"].as_array().expect("lines");
    lines.iter().find(|line| line["aspect"] == aspect).unwrap_or(&Value::Null)
}

/// Checks the verdict and the words of a line.
#[track_caller]
pub fn assert_line(document: &Value, host: &str, aspect: &str, verdict: &str, words: &[&str]) {
    let line = line(document, host, aspect);
    assert_eq!(line["verdict"], verdict, "{host} {aspect}: {document:#}");
    let text = line["text"].as_str().unwrap_or_default();
    assert!(words.iter().all(|word| text.contains(word)), "{words:?} in {text}");
}
