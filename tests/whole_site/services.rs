//! Starts the apps' other services at once: Cloudflare in front of the sites, Redis, search
//! clusters, and GitLab, which runs a pipeline for every push to the origin.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bcops::settings::Environment;
use git2::Oid;

use super::WholeSite;
use super::blueprint::Blueprint;
use crate::standins::cloudflare::{CloudflareStandIn, Login, Plan};
use crate::standins::elasticsearch::{ElasticsearchStandIn, Options};
use crate::standins::gitlab::{GitlabStandIn, Project, Token};
use crate::support::redis::RedisServer;

const CLOUDFLARE_TOKEN: &str = "sandbox-cloudflare-token";
const GITLAB_TOKEN: &str = "glpat-sandbox-token";

/// Django's cache at the beginning of the rehearsal.
const CACHED: [&str; 3] =
    [":1:wagtail_site_root_paths", ":1:views.decorators.cache", ":1:navigation"];

/// The search indices, each with its table.
pub fn indices(blueprint: &Blueprint) -> Vec<(String, String)> {
    let rules = blueprint.settings.search.indices.iter();
    rules.filter_map(|rule| Some((rule.index.clone(), rule.rows.as_ref()?.table.clone()))).collect()
}

/// Running services. They end with it.
pub struct Services {
    pub cloudflare: CloudflareStandIn,
    pub gitlab: Arc<GitlabStandIn>,
    pub search: Vec<ElasticsearchStandIn>,
    /// Production's and staging's. None if `redis-server` is not installed.
    pub redis: Vec<RedisServer>,
    pipelines: tokio::task::JoinHandle<()>,
}

impl Services {
    /// Starts the services, and sets the apps' config vars.
    pub async fn start(whole: &WholeSite) -> Services {
        let redis = async {
            let start = || redis_is_there().then(RedisServer::start);
            let (one, other) = tokio::join!(
                tokio::task::spawn_blocking(start),
                tokio::task::spawn_blocking(start)
            );
            [one, other].into_iter().filter_map(|server| server.ok().flatten()).collect()
        };
        let cluster = |user: &str| {
            ElasticsearchStandIn::start(Options { user: user.to_owned(), ..Options::default() })
        };
        let (cloudflare, gitlab, production, staging, redis): (_, _, _, _, Vec<RedisServer>) = tokio::join!(
            // Limits of a real plan, ten times as fast.
            CloudflareStandIn::start(Plan::Pro, 10.0),
            GitlabStandIn::start(),
            cluster("production-user"),
            cluster("staging-user"),
            redis
        );
        let gitlab = Arc::new(gitlab);
        let pipelines = run_pipelines(whole, &gitlab);
        let services =
            Services { cloudflare, gitlab, search: vec![production, staging], redis, pipelines };
        services.tell(whole);
        services
    }

    /// Sets the config vars of production and staging.
    fn tell(&self, whole: &WholeSite) {
        let blueprint = &whole.blueprint;
        self.cloudflare.add_login(Login::token(CLOUDFLARE_TOKEN));
        let parts = [
            (&blueprint.production, &whole.databases.production),
            (&blueprint.staging, &whole.databases.staging),
        ];
        for (number, (environment, database)) in parts.into_iter().enumerate() {
            let app = environment.app.value.as_str();
            let set = |name: &str, value: &str| whole.heroku.set_config_var(app, name, value);
            let zone = format!("{:032x}", 0xc10d_f1a2_e000_u64 + number as u64);
            let name = match number {
                // A separate zone, also below the same domain.
                1 if domain(environment) == domain(&blueprint.production) => host(environment),
                _ => domain(environment),
            };
            self.cloudflare.add_zone(&zone, &name);
            set(&environment.cache_variables.bearer_token, CLOUDFLARE_TOKEN);
            set(&environment.cache_variables.zone, &zone);
            if let Some(redis) = self.redis.get(number) {
                redis.set(0, &CACHED);
                set(&environment.cache_variables.redis_url, &redis.url());
            }
            let search = &self.search[number];
            for (index, table) in indices(blueprint) {
                let sql = format!("SELECT to_regclass('public.{table}') IS NOT NULL");
                let cluster = whole.databases.cluster();
                if cluster.psql(database, &sql) == "t" {
                    let rows = cluster.psql(database, &format!("SELECT count(*) FROM {table}"));
                    search.fill(&index, rows.parse().expect("a number"));
                }
            }
            whole.set_search(app, &search.url());
            set(&environment.search_url_variable, &search.url());
        }
    }

    /// The program's variables.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("CLOUDFLARE_BASE_URL", self.cloudflare.url.clone()),
            ("GITLAB_URL", self.gitlab.url.clone()),
            ("GITLAB_TOKEN", GITLAB_TOKEN.to_owned()),
        ]
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.pipelines.abort();
    }
}

fn redis_is_there() -> bool {
    let mut command = Command::new("redis-server");
    let command = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The host of an environment's first configured site.
fn host(environment: &Environment) -> String {
    let site = environment.sites.first().and_then(|site| url::Url::parse(site).ok());
    let host = site.and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| format!("{}.sandbox.example", environment.name))
}

/// The domain that it is in.
fn domain(environment: &Environment) -> String {
    let host = host(environment);
    host.split_once('.').map_or(host.clone(), |(_, domain)| domain.to_owned())
}

/// GitLab with the project, and a pipeline for each tip of the two branches, including future tips:
/// each runs for some seconds and passes.
fn run_pipelines(whole: &WholeSite, gitlab: &Arc<GitlabStandIn>) -> tokio::task::JoinHandle<()> {
    let path = whole.blueprint.settings.gitlab.project.value.clone();
    let branches = whole.blueprint.branches().map(str::to_owned);
    let names: Vec<&str> = whole.code.tips.keys().map(String::as_str).collect();
    let mut project = Project::new(42, &path, &names);
    project.protect(&branches[0], false);
    project.protect(&branches[1], true);
    gitlab.add_token(Token::new(GITLAB_TOKEN));
    gitlab.add_project(project);
    let mut tips: Vec<Option<Oid>> = Vec::new();
    let origin = whole.code.origin();
    let look = move |branch: &str| {
        let repository = git2::Repository::open(&origin).ok()?;
        repository.refname_to_id(&format!("refs/heads/{branch}")).ok()
    };
    for branch in &branches {
        let tip = look(branch);
        if let Some(tip) = tip {
            gitlab.add_pipeline(&path, branch, "success", &tip.to_string());
        }
        tips.push(tip);
    }
    let gitlab = Arc::clone(gitlab);
    tokio::spawn(async move {
        let mut under_way: Vec<(u64, u32)> = Vec::new();
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            for (branch, known) in branches.iter().zip(&mut tips) {
                let tip = look(branch);
                if let (Some(new), true) = (tip, tip != *known) {
                    let id = gitlab.add_pipeline(&path, branch, "running", &new.to_string());
                    under_way.push((id, 6));
                }
                *known = tip;
            }
            for (id, left) in &mut under_way {
                *left -= 1;
                if *left == 0 {
                    gitlab.set_status(*id, "success");
                }
            }
            under_way.retain(|(_, left)| *left > 0);
        }
    })
}
