//! Tests every command × every fault of every service that it uses: the exit code, an error with a
//! hint, no panic, no secret, and nothing written.
//!
//! Each row has its own Heroku, program and gateway. The services behind them are shared, and no
//! row changes them. Faults during the work are tested with each command (`*/faults.rs`), and
//! faults during a reset in `reset_staging/faults*.rs`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::command::{Bcops, Run, Running};
use crate::faults::gateway::{self, ALL, Fault, Service};
use crate::gitlab;
use crate::heroku::world::{PRODUCTION, STAGING};
use crate::pull_data::world::{COMPLETED, HOUR, digest, sample};
use crate::purge_cache::world::{
    BEARER, PRODUCTION_NAME, PRODUCTION_ZONE, STAGING_ZONE, TOKEN, ZONE,
};
use crate::standins::cloudflare::{CloudflareStandIn, Login, Plan};
use crate::standins::elasticsearch::{ElasticsearchStandIn, Options};
use crate::standins::gitlab::GitlabStandIn;
use crate::standins::heroku::{HerokuStandIn, Options as HerokuOptions};
use crate::standins::s3::S3StandIn;
use crate::support::postgres::Cluster;
use crate::whole_site::{blueprint::Blueprint, media};

/// How many rows run at once. Most of them wait.
const AT_ONCE: usize = 24;

/// Longer than any row takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

const CF_NAME: &str = crate::purge_cache::world::STAGING_NAME;

/// A command that uses a service, and the place of the fault.
struct Asks {
    words: &'static [&'static str],
    service: Service,
    /// The requests with this text in their path. There must be at least one.
    part: &'static str,
}

const fn asks(service: Service, part: &'static str, words: &'static [&'static str]) -> Asks {
    Asks { words, service, part }
}

const PULL: &[&str] = &["pull-data", "production", "--yes"];
const PULL_MEDIA: &[&str] = &["pull-media", "production", "--yes"];
const PUSH_MEDIA: &[&str] = &["push-media", "staging", "--confirm", STAGING];
const COPY_MEDIA: &[&str] =
    &["push-media", "staging", "--from", "production", "--confirm", STAGING];
const PURGE: &[&str] = &["purge-cache", "staging", "--everything", "--confirm", CF_NAME];
const BACKEND: &[&str] = &["purge-cache", "staging", "--backend"];
const SCRUB: &[&str] = &["scrub-pii", "staging", "--confirm", STAGING];
const REINDEX: &[&str] = &["search", "reindex", "staging", "--confirm", STAGING];
const CAPTURE: &[&str] = &["backups", "capture", "staging", "--confirm", STAGING];
const DOWNLOAD: &[&str] = &["backups", "download", "production", "out.dump"];
const RUN: &[&str] = &["run", "staging", "--", "true"];

const COMMANDS: &[Asks] = &[
    asks(Service::Heroku, "", PULL),
    asks(Service::Heroku, "/transfers", PULL),
    asks(Service::Heroku, "/public-url", PULL),
    asks(Service::Store, "", PULL),
    asks(Service::Heroku, "", SCRUB),
    asks(Service::Postgres, "", SCRUB),
    asks(Service::Heroku, "", PULL_MEDIA),
    asks(Service::S3, "", PULL_MEDIA),
    asks(Service::Heroku, "", PUSH_MEDIA),
    asks(Service::S3, "", PUSH_MEDIA),
    asks(Service::S3, "", COPY_MEDIA),
    asks(Service::Heroku, "", PURGE),
    asks(Service::Cloudflare, "", PURGE),
    asks(Service::Cloudflare, "purge_cache", PURGE),
    asks(Service::Redis, "", BACKEND),
    asks(Service::Heroku, "", &["search", "status", "staging"]),
    asks(Service::Search, "", &["search", "status", "staging"]),
    asks(Service::Heroku, "", REINDEX),
    asks(Service::Search, "", REINDEX),
    asks(Service::Postgres, "", REINDEX),
    asks(Service::Heroku, "", &["search", "open", "staging", "--url"]),
    asks(Service::Heroku, "", &["addons", "staging"]),
    asks(Service::Heroku, "", RUN),
    asks(Service::Heroku, "/dynos", RUN),
    asks(Service::Heroku, "", &["shell", "staging"]),
    asks(Service::Heroku, "", &["backups", "list", "production"]),
    asks(
        Service::Heroku,
        "",
        &["backups", "url", "production", "--i-need-personal-data", "a test"],
    ),
    asks(Service::Heroku, "", CAPTURE),
    asks(Service::Heroku, "/backups", CAPTURE),
    asks(Service::Heroku, "", DOWNLOAD),
    asks(Service::Store, "", DOWNLOAD),
    asks(Service::Heroku, "", &["doctor", "staging"]),
    asks(Service::Cloudflare, "", &["doctor", "staging"]),
    asks(Service::Search, "", &["doctor", "staging"]),
    asks(Service::S3, "", &["doctor", "staging"]),
    asks(Service::Gitlab, "", &["doctor", "staging"]),
    asks(Service::Gitlab, "", &["check", "staging"]),
];

struct Row {
    asks: &'static Asks,
    fault: Fault,
}

impl Row {
    /// The exit code of the contract: configuration (3) for credentials and settings, unexpected
    /// (1) for temporary failures.
    fn expected(&self) -> i32 {
        let denied = matches!(self.fault, Fault::Status(401 | 403 | 404));
        let in_doubt = matches!(
            self.fault,
            Fault::Hangs | Fault::Status(500) | Fault::Garbage | Fault::Truncated
        );
        let posts = ["/dynos", "/backups"].contains(&self.asks.part);
        let of_zone = self.asks.service == Service::Cloudflare && self.asks.part.is_empty();
        match (self.asks.service, self.asks.words[0]) {
            // For any fault, a check of it fails.
            (_, "doctor") => 3,
            // The pipeline is reported with the sites, but is not a site.
            (Service::Gitlab, _) => 0,
            // A zone whose name cannot be read is confirmed by its id.
            _ if of_zone && matches!(self.fault, Fault::Status(403 | 404)) => 5,
            // The job may have begun, but its end was not seen.
            _ if posts && in_doubt => 8,
            // No setting fixes a missing object, or a wrong URL for it.
            (Service::Store, _) => 1,
            (Service::Redis | Service::Postgres, _) => 3,
            _ if denied => 3,
            _ => 1,
        }
    }

    /// Combinations that are impossible, or take a minute because a download is retried for that
    /// long.
    fn is_left_out(&self) -> bool {
        let is_denied = matches!(self.fault, Fault::Status(401 | 403 | 404 | 429));
        match self.asks.service {
            _ if self.asks.part == "/public-url" => !is_denied,
            Service::Redis | Service::Postgres => {
                matches!(self.fault, Fault::Status(_) | Fault::WrongCertificate)
            }
            Service::Store => !is_denied && self.fault != Fault::Garbage,
            // Throttling is waited for.
            Service::S3 => self.fault == Fault::Status(429),
            _ => false,
        }
    }
}

/// What the rows share. No row may change it.
struct Services {
    runtime: Runtime,
    s3: S3StandIn,
    cloudflare: CloudflareStandIn,
    search: ElasticsearchStandIn,
    gitlab: GitlabStandIn,
    /// Staging's database.
    database: String,
    /// The address of staging's running site.
    site: String,
}

impl Services {
    fn start() -> Services {
        let runtime = Runtime::new().expect("a runtime");
        let blueprint = Blueprint::built_in().expect("the built-in site");
        let (s3, cloudflare, search, gitlab) = runtime.block_on(async {
            let cloudflare = CloudflareStandIn::start(Plan::Pro, 10.0).await;
            let search = ElasticsearchStandIn::start(Options::default()).await;
            (media::empty(&blueprint).await, cloudflare, search, gitlab::standin().await)
        });
        media::fill_more(&s3, &blueprint);
        cloudflare.add_zone(PRODUCTION_ZONE, PRODUCTION_NAME);
        cloudflare.add_zone(STAGING_ZONE, CF_NAME);
        cloudflare.add_login(Login::token(TOKEN));
        search.fill("wagtail__wagtailcore_page", 3);
        let database = crate::support::site::create("fault_table");
        Services { runtime, s3, cloudflare, search, gitlab, database, site: site() }
    }

    /// The authority behind a service's URL.
    fn upstream(&self, service: Service, heroku: &HerokuStandIn) -> String {
        let url = match service {
            Service::Heroku | Service::Store => heroku.url.clone(),
            Service::Cloudflare => self.cloudflare.url.clone(),
            Service::Search => self.search.url(),
            Service::Gitlab => self.gitlab.url.clone(),
            Service::S3 => self.s3.url.clone(),
            Service::Redis | Service::Postgres => return String::new(),
        };
        let url = url::Url::parse(&url).expect("a URL");
        format!("127.0.0.1:{}", url.port().expect("a port"))
    }

    fn objects(&self) -> Vec<(String, bytes::Bytes)> {
        let buckets = ["bc-production", "bc-staging", "bc-content-prep"];
        buckets.iter().flat_map(|bucket| self.s3.objects(bucket)).collect()
    }

    fn heroku(&self) -> HerokuStandIn {
        let heroku = self.runtime.block_on(HerokuStandIn::start(HerokuOptions::default()));
        let blueprint = Blueprint::built_in().expect("the built-in site");
        for environment in blueprint.environments() {
            let app = environment.app.value.clone();
            heroku.add_app(&app, &[("SECRET_KEY", "django-secret")]);
            let database = if app == STAGING { &self.database } else { "postgres" };
            let url = format!("{}?sslmode=disable", Cluster::shared().url(database));
            heroku.add_database(&app, "DATABASE", &url);
            for (name, value) in media::config_vars(&self.s3, &blueprint, environment) {
                heroku.set_config_var(&app, &name, &value);
            }
        }
        heroku.add_backup(PRODUCTION, &sample().small, 5 * HOUR, COMPLETED);
        heroku.add_backup(STAGING, &sample().small, 5 * HOUR, COMPLETED);
        heroku.add_addon(STAGING, "bonsai:sandbox", "BONSAI", ("BONSAI_URL", &self.search.url()));
        for (app, zone) in [(PRODUCTION, PRODUCTION_ZONE), (STAGING, STAGING_ZONE)] {
            heroku.set_config_var(app, BEARER, TOKEN);
            heroku.set_config_var(app, ZONE, zone);
        }
        heroku
    }

    fn bcops(&self, heroku: &HerokuStandIn, target: &str) -> Bcops {
        let mut bcops = Bcops::new();
        for (name, value) in [
            ("HEROKU_HOST", heroku.url.as_str()),
            ("HEROKU_DATA_HOST", &heroku.url),
            ("HEROKU_API_KEY", heroku.token()),
            ("CLOUDFLARE_BASE_URL", &self.cloudflare.url),
            ("GITLAB_URL", &self.gitlab.url),
            ("GITLAB_TOKEN", gitlab::TOKEN),
            ("BCOPS_NETWORK_TIMEOUT", "3s"),
            ("BCOPS_LOCAL_DATABASE_URL", &Cluster::shared().url(target)),
        ] {
            bcops.set(name, value);
        }
        let text = format!("[environments.staging]\nsites = [\"http://{}/\"]\n", self.site);
        bcops.write("bcops.toml", &text);
        fs::create_dir_all(bcops.directory().join("work/media/original_images")).expect("a folder");
        fs::write(bcops.directory().join("work/media/original_images/a.jpg"), "a").expect("a file");
        bcops
    }
}

/// A site that answers every request until the process ends.
fn site() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 14";
            let _ = write!(stream, "{head}\r\nConnection: close\r\n\r\n<p>Welcome</p>");
        }
    });
    address
}

/// Puts the gateway between the program and the service.
fn lead_through(row: &Row, gateway: &str, heroku: &HerokuStandIn, bcops: &mut Bcops) {
    let (_, authority) = gateway.split_once("://").expect("a URL");
    if row.asks.words[0] == "check" {
        // Without a token no Site records are read, which would lead to hosts that do not exist
        // here.
        bcops.unset("HEROKU_API_KEY");
    }
    match row.asks.service {
        Service::Heroku => {
            bcops.set("HEROKU_HOST", gateway);
            bcops.set("HEROKU_DATA_HOST", gateway);
        }
        Service::Store => heroku.sign_urls_for(gateway),
        Service::Cloudflare => bcops.set("CLOUDFLARE_BASE_URL", &format!("{gateway}/client/v4")),
        Service::Gitlab => bcops.set("GITLAB_URL", gateway),
        Service::Search => {
            let url = gateway.replacen("://", "://user:bonsai-password@", 1);
            heroku.set_config_var(STAGING, "BONSAI_URL", &url);
        }
        Service::S3 => {
            for app in [PRODUCTION, STAGING] {
                heroku.set_config_var(app, "AWS_ENDPOINT_URL_S3", gateway);
            }
        }
        Service::Redis => {
            let url = format!("redis://:redis-password@{authority}");
            heroku.set_config_var(STAGING, "REDIS_URL", &url);
        }
        Service::Postgres => {
            let url = format!("postgres://u:db-password@{authority}/d?sslmode=disable");
            heroku.set_config_var(STAGING, "DATABASE_URL", &url);
        }
    }
}

/// The name of the check with which `doctor` looks at a service.
fn checked(service: Service) -> &'static str {
    match service {
        Service::Cloudflare => "cache",
        Service::Search => "search",
        Service::S3 => "bucket",
        Service::Gitlab => "GitLab",
        _ => "Heroku",
    }
}

/// The broken rules of a run.
fn complaint(row: &Row, run: &Run) -> Option<String> {
    let wanted = row.expected();
    if run.code != Some(wanted) {
        return Some(format!("not exit {wanted}"));
    }
    if run.stderr.contains("panicked") {
        return Some("a panic".to_owned());
    }
    let has =
        |text: &str, start: &str| text.lines().any(|line| line.trim_start().starts_with(start));
    let is_told = match (row.asks.words[0], wanted) {
        ("doctor", _) => {
            let name = checked(row.asks.service);
            let is_it = |line: &str| line.starts_with("fail ") && line.contains(name);
            run.stdout.lines().any(is_it) && has(&run.stdout, "fix: ")
        }
        (_, 0) => has(&run.stderr, "warning: "),
        _ => has(&run.stderr, "error: ") && has(&run.stderr, "hint: "),
    };
    (!is_told).then(|| "not told, or without a hint".to_owned())
}

/// Every file below a folder, with its length, without the program's own records, because a purge
/// is journalled.
fn files(folder: &std::path::Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.file_name().is_some_and(|name| name == "state") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let length = entry.metadata().map_or(0, |file| file.len());
            found.push((path.display().to_string(), length));
        }
    }
    found.sort();
    found
}

/// The run, if it ends in time.
fn within(mut running: Running, patience: Duration) -> Option<Run> {
    let began = Instant::now();
    while running.is_running() {
        if began.elapsed() > patience {
            running.kill();
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(running.finish())
}

/// Plays one row, and returns what is wrong.
fn play(services: &Services, number: usize, row: &Row) -> Option<String> {
    let heroku = services.heroku();
    let target = format!("fault_row_{number:04}");
    let mut bcops = services.bcops(&heroku, &target);
    let Asks { words, service, part } = row.asks;
    let upstream = services.upstream(*service, &heroku);
    let gateway = gateway::start(&upstream, *service, part, row.fault);
    lead_through(row, &gateway, &heroku, &mut bcops);
    let before = files(bcops.directory());
    let Some(run) = within(bcops.start(words), PATIENCE) else {
        return Some(format!("=== {words:?} × {service:?} {part} {:?}: no end", row.fault));
    };
    let wrong = |what: String| {
        Some(format!(
            "=== {words:?} × {service:?} {part} {:?}: {what}\n{}",
            row.fault,
            run.printed()
        ))
    };
    if let Some(what) = complaint(row, &run) {
        return wrong(what);
    }
    let after = files(bcops.directory());
    if after != before {
        return wrong(format!("files were written: {before:?}, {after:?}"));
    }
    for app in [PRODUCTION, STAGING] {
        let writes = heroku.writes(app);
        if !writes.is_empty() {
            return wrong(format!("{app} was written to: {writes:?}"));
        }
    }
    let sql = format!("SELECT count(*) FROM pg_database WHERE starts_with(datname, '{target}')");
    if Cluster::shared().psql("postgres", &sql) != "0" {
        return wrong("a database was left".to_owned());
    }
    // No secret is printed.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let code = run.code.unwrap_or_default();
        Run {
            code: run.code,
            stdout: run.stdout.clone(),
            stderr: run.stderr.clone(),
            peak_memory: 0,
        }
        .exits(code);
    }));
    result.err().and_then(|_| wrong("a secret was printed".to_owned()))
}

#[test]
fn every_command_reports_every_fault_and_changes_nothing() {
    let services = Services::start();
    let cluster = Cluster::shared();
    let objects_before = services.objects();
    let rows_before = digest(cluster, &services.database);
    let rows: Vec<Row> = COMMANDS
        .iter()
        .flat_map(|asks| ALL.map(|fault| Row { asks, fault }))
        .filter(|row| !row.is_left_out())
        .collect();
    let (next, complaints) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(row) = rows.get(number) else { break };
                    if let Some(complaint) = play(&services, number, row) {
                        complaints.lock().expect("no panic").push(complaint);
                    }
                }
            });
        }
    });
    let complaints = complaints.into_inner().expect("no panic");
    let (count, all) = (complaints.len(), rows.len());
    assert!(count == 0, "{count} of {all} rows:\n{}", complaints.join("\n"));
    assert!(all > 290, "only {all} rows");
    assert_eq!(digest(cluster, &services.database), rows_before);
    assert_eq!(services.cloudflare.purges(), []);
    assert!(services.objects() == objects_before, "the buckets are not as they were");
    let requests = services.s3.requests().into_iter();
    let written = requests.filter(|one| one.writes() && one.bucket != "bc-staging");
    assert_eq!(written.count(), 0);
    let changes = services.search.requests().into_iter().filter(|one| one.method != "GET");
    assert_eq!(changes.count(), 0);
}
