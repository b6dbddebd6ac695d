//! Tests `bcops check` with sites that are up, come from Site records, or come up in time.

mod faults;
mod junit;
mod storage;
pub mod world;

use serde_json::json;

use crate::check::world::{JOBS, LIVE, STAGING, World, assert_line, line};
use crate::gitlab::{PROJECT, SHA};
use crate::screens::assert_screen;
use crate::standins::certificates::Kind;
use crate::standins::dns::Zone;
use crate::standins::gitlab::{Fault, Rule};
use crate::standins::web::Page;
use crate::support::postgres::Cluster;

#[test]
fn all_is_well() {
    let world = World::new();
    world.dns.set(STAGING, Zone::Alias("ball-1.dns.example".to_owned()));
    world.dns.set(
        "ball-1.dns.example",
        Zone::Addresses(vec![[127, 0, 0, 1].into(), std::net::Ipv6Addr::LOCALHOST.into()]),
    );
    world.web.page(
        STAGING,
        "/",
        Page::new(200, "<p>").with("cf-cache-status", "HIT").with("server", "cloudflare"),
    );
    let document = world.json(0);
    assert_eq!((&document["status"], &document["result"]["up"]), (&json!("ok"), &json!(true)));
    assert_line(
        &document,
        STAGING,
        "dns",
        "pass",
        &["through ball-1.dns.example to 127.0.0.1, ::1"],
    );
    let dns = &line(&document, STAGING, "dns")["data"];
    assert_eq!(
        *dns,
        json!({ "a": ["127.0.0.1"], "aaaa": ["::1"], "cname": ["ball-1.dns.example"] })
    );
    assert_line(&document, STAGING, "tls", "pass", &["from Trusted Intermediate", "80 days left"]);
    let tls = &line(&document, STAGING, "tls")["data"];
    assert_eq!((&tls["names"], &tls["days_left"]), (&json!([STAGING]), &json!(80)));
    assert_eq!(tls["chain"], json!([STAGING, "Trusted Intermediate"]));
    assert_line(&document, STAGING, "http", "pass", &["HTTP 200", "ms to the first byte", "HIT"]);
    let http = &line(&document, STAGING, "http")["data"];
    assert_eq!((&http["server"], &http["cf_cache_status"]), (&json!("cloudflare"), &json!("HIT")));
    assert_line(&document, STAGING, "content", "pass", &["no URL of a protected environment"]);
    let pipeline = &document["result"]["pipeline"];
    assert_eq!((&pipeline["verdict"], &pipeline["pipeline"]["sha"]), (&json!("pass"), &json!(SHA)));
    let run = world.check(&["staging"]).exits(0);
    assert!(
        run.stdout.contains(&format!("{}/{PROJECT}/-/pipelines/1002", world.gitlab.url)),
        "{}",
        run.printed()
    );
    assert!(
        run.stdout.contains(&format!("up      site          {}", world.web.url(JOBS))),
        "{}",
        run.printed()
    );
    assert_screen("check", &run.stdout);
}

#[test]
fn a_protected_environment_may_lead_to_itself() {
    let world = World::new();
    world.web.page(LIVE, "/", Page::new(200, &format!("<a href='https://{LIVE}/news'>")));
    let run = world.check(&["live"]).exits(0);
    assert!(!run.stdout.contains("content"), "{}", run.printed());
}

#[test]
fn the_pipeline_never_makes_a_site_down() {
    let mut world = World::new();
    world.gitlab.set_status(1002, "failed");
    let run = world
        .check(&["staging"])
        .exits(0)
        .says(&["warning: pipeline: staging at 7b5c3cc8: failed"]);
    assert!(run.stdout.contains("warn    pipeline"), "{}", run.printed());
    world.gitlab.misbehave(Rule::always("/pipelines", Fault::Unauthorized));
    world.check(&["staging"]).exits(0).says(&["refused the token"]);
    world.bcops.unset("GITLAB_TOKEN");
    let run = world.check(&["staging"]).exits(0);
    assert!(
        run.stdout.contains("skip    pipeline      GITLAB_TOKEN is not set"),
        "{}",
        run.printed()
    );
    let file = std::fs::read_to_string(world.bcops.directory().join("work/bcops.toml"));
    world.bcops.write("bcops.toml", &file.expect("the file").replace(PROJECT, ""));
    let run = world.check(&["staging"]).exits(0);
    assert!(
        run.stdout.contains("skip    pipeline      gitlab.project is not set"),
        "{}",
        run.printed()
    );
}

/// A database with the Site records of an environment, given by a variable of the process.
fn records(world: &mut World, environment: &str, rows: &str) {
    let cluster = Cluster::shared();
    let database = cluster.create_database("check");
    cluster.psql(
        &database,
        &format!(
            "CREATE TABLE wagtailcore_site (id serial, hostname text, port int, site_name text, \
             is_default_site bool DEFAULT false, root_page_id int DEFAULT 1); \
             INSERT INTO wagtailcore_site (hostname, port) VALUES {rows}"
        ),
    );
    let name = format!("BCOPS_{}_DATABASE_URL", environment.to_uppercase());
    let url = cluster.url(&database);
    let separator = if url.contains('?') { '&' } else { '?' };
    world.bcops.set(&name, &format!("{url}{separator}sslmode=disable"));
}

#[test]
fn site_records_are_checked_too() {
    let mut world = World::new();
    let port = world.web.http.port();
    world.dns.set_loopback("news.staging.example");
    world.web.page("news.staging.example", "/", Page::new(200, "<a href='//old.live.example/'>"));
    records(&mut world, "staging", &format!("('localhost', 80), ('news.staging.example', {port})"));
    records(&mut world, "live", "('old.live.example', 443)");
    let document = world.json(8);
    // A host that is only in production's records.
    let words = ["old.live.example (1×)"];
    assert_line(&document, "news.staging.example", "content", "fail", &words);
    assert!(line(&document, "news.staging.example", "tls").is_null(), "{document:#}");
    assert_line(&document, STAGING, "content", "pass", &[]);
    assert!(document["warnings"].to_string().contains("names localhost"), "{document:#}");
}

#[test]
fn without_the_database_configured_sites_are_checked() {
    let mut world = World::new();
    let said = "cannot read the Site records of staging; only configured sites are checked";
    world.check(&["staging"]).exits(0).says(&[said]);
    world.bcops.set(
        "BCOPS_STAGING_DATABASE_URL",
        "postgres://u:db-password@127.0.0.1:1/x?sslmode=disable",
    );
    world.check(&["staging"]).exits(0).says(&[said, "cannot connect to 127.0.0.1:1"]);
    world.configure(&[], "");
    world.check(&["staging"]).fails(
        3,
        &["cannot check staging: it has no configured site", "environments.staging.sites"],
    );
    world.check(&["qa"]).fails(2, &["unknown environment `qa`"]);
}

#[test]
fn redirects_among_its_own_hosts_are_fine() {
    let world = World::new();
    let plain = world.web.plain_url("old.staging.example");
    world.dns.set_loopback("old.staging.example");
    world.web.page("old.staging.example", "/", Page::redirect(&world.web.url(STAGING)));
    world.web.page(STAGING, "/", Page::redirect("/en/"));
    world.web.page(STAGING, "/en/", Page::new(200, "<p>"));
    world.configure(&[&plain, &world.web.url(STAGING)], "");
    let document = world.json(0);
    let way = [plain, world.web.url(STAGING), format!("{}en/", world.web.url(STAGING))];
    assert_line(&document, "old.staging.example", "http", "pass", &[&way.join(" → ")]);
    assert_eq!(line(&document, "old.staging.example", "http")["data"]["way"], json!(way));
    assert_line(&document, STAGING, "http", "pass", &["HTTP 200"]);
}

#[test]
fn connections_can_be_redirected_by_settings() {
    let world = World::new();
    let connect = format!("connect = [\"{STAGING}:443={}\"]\n", world.web.https);
    world.configure(&[&format!("https://{STAGING}")], &connect);
    let document = world.json(0);
    assert_line(&document, STAGING, "dns", "skip", &["check.connect sets 127.0.0.1"]);
    assert_line(&document, STAGING, "tls", "pass", &[]);
    world.configure(&[], "connect = [\"nonsense\"]\n");
    world.check(&["staging"]).fails(3, &["`check.connect` is `nonsense`: write HOST:PORT"]);
}

#[test]
fn a_certificate_that_ends_soon_is_a_warning() {
    let world = World::new();
    world.web.host(STAGING, Kind::Ends(20)).host(JOBS, Kind::Ends(21));
    let document = world.json(0);
    assert_line(&document, STAGING, "tls", "warn", &["ends soon, 20 days left"]);
    assert_line(&document, JOBS, "tls", "pass", &["21 days left"]);
    assert!(document["warnings"].to_string().contains("20 days left"), "{document:#}");
}

#[test]
fn wait_ends_when_everything_is_up() {
    let world = World::new();
    let maintenance = Page::new(503, "<title>Offline for Maintenance</title>");
    world.web.page(JOBS, "/", maintenance);
    let mut running = world.bcops.start(&["check", "staging", "--wait", "5"]);
    assert!(running.wait_for(&format!("note: {JOBS}: HTTP 503, the site is in maintenance mode")));
    world.web.page(JOBS, "/", Page::new(200, "<p>"));
    running.finish().exits(0).says(&["every site is up (2 of 2)"]);
    world.web.page(JOBS, "/", Page::new(500, ""));
    let mut running = world.bcops.start(&["check", "staging", "--wait", "5"]);
    assert!(running.wait_for(&format!("note: {JOBS}: HTTP 500")));
    running.interrupt();
    running.finish().exits(130);
}

#[test]
fn wait_ends_when_the_time_is_over() {
    let world = World::new();
    world.web.page(JOBS, "/", Page::new(500, ""));
    let run = world.check(&["staging", "--wait", "1"]).exits(8);
    let run = run.says(&["1 of 2 sites are up, but the time is over", "… "]);
    // An unchanged result is reported once, however long each visit took.
    let told = run.stderr.matches(&format!("note: {JOBS}: HTTP 500")).count();
    assert_eq!(told, 1, "{}", run.printed());
    assert!(run.stdout.contains(&format!("{JOBS}: HTTP 500")), "{}", run.printed());
    world.check(&["staging", "--wait", "0"]).exits(2);
}
