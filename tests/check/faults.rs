//! Tests `bcops check` with sites that are down in every way: exit code 8, the host and the reason.

use std::time::{Duration, Instant};

use bcops::adapters::site::Timing;
use bcops::checks::{CheckOptions, check_sites};
use url::Url;

use crate::check::world::{JOBS, LIVE, STAGING, World, assert_line, line};
use crate::standins::certificates::Kind;
use crate::standins::dns::Zone;
use crate::standins::web::Page;

/// Checks that this site is down for this reason, that the other site is up, and the hint.
#[track_caller]
fn assert_down(world: &World, aspect: &str, words: &[&str], mend: &str) {
    let document = world.json(8);
    assert_eq!(document["status"], "failed");
    assert_line(&document, STAGING, aspect, "fail", words);
    assert_line(&document, JOBS, "http", "pass", &["HTTP 200"]);
    let run = world.check(&["staging"]).exits(8);
    assert!(run.stdout.contains("1 site of 2 down"), "{}", run.printed());
    let reason = run.stdout.lines().find(|line| line.starts_with(&format!("  {STAGING}: ")));
    assert!(
        words.iter().all(|word| reason.is_some_and(|line| line.contains(word))),
        "{}",
        run.printed()
    );
    assert!(run.stdout.contains(mend), "{}", run.printed());
}

#[test]
fn names_that_lead_nowhere() {
    let world = World::new();
    for (zone, words) in [
        (Zone::Empty, "the name has no address"),
        (Zone::ServerFailure, "the DNS server failed"),
        (Zone::Refused, "the DNS server failed"),
        (Zone::Alias("gone.example".to_owned()), "NXDOMAIN"),
    ] {
        world.dns.set(STAGING, zone);
        assert_down(&world, "dns", &[words], "heroku domains --app app-staging");
    }
    world.configure(&[&world.web.url("none.example"), &world.web.url(JOBS)], "");
    let document = world.json(8);
    assert_line(&document, "none.example", "dns", "fail", &["there is no such name (NXDOMAIN)"]);
    assert!(line(&document, "none.example", "http").is_null(), "{document:#}");
}

#[test]
fn dns_that_says_nothing_or_nonsense() {
    let world = World::new();
    for zone in [Zone::Silence, Zone::Garbage] {
        world.dns.set(STAGING, zone);
        let started = Instant::now();
        let document = world.json(8);
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        assert_line(&document, STAGING, "dns", "fail", &["no DNS server answered in time"]);
        assert_line(&document, JOBS, "http", "pass", &[]);
    }
}

#[test]
fn no_server_accepts_the_connection() {
    let world = World::new();
    world.dns.set(STAGING, Zone::Addresses(vec![[127, 0, 0, 9].into()]));
    // Nothing listens at that address.
    assert_down(&world, "http", &["127.0.0.9", "refused the connection"], "down");
    // The second address is tried.
    world.dns.set(STAGING, Zone::Addresses(vec![[127, 0, 0, 9].into(), [127, 0, 0, 1].into()]));
    assert_line(&world.json(0), STAGING, "http", "pass", &["HTTP 200"]);
}

#[test]
fn certificates_that_must_not_be_trusted() {
    let world = World::new();
    let mend = "heroku certs:auto --app app-staging";
    for (kind, words) in [
        (Kind::Expired, vec!["the certificate has expired", "from Trusted Root"]),
        (Kind::NotYet, vec!["the certificate is not valid yet"]),
        (Kind::WrongName, vec!["the certificate is for elsewhere.example"]),
        (Kind::SelfSigned, vec!["the certificate is self-signed"]),
        (Kind::Stranger, vec!["comes from Stranger, which this machine does not trust ("]),
        (Kind::Incomplete, vec!["comes from Trusted Intermediate", "its chain may be incomplete"]),
    ] {
        world.web.host(STAGING, kind);
        assert_down(&world, "tls", &words, mend);
        let document = world.json(8);
        // The certificate and the site's answer are still reported.
        assert!(line(&document, STAGING, "tls")["data"]["not_after"].is_string(), "{document:#}");
        assert_line(&document, STAGING, "http", "pass", &["HTTP 200"]);
        let problems = line(&document, STAGING, "tls")["data"]["problems"].clone();
        assert_eq!(problems.as_array().map(Vec::len), Some(1), "{kind:?}: {problems}");
    }
}

#[test]
fn no_tls_where_it_should_be() {
    let world = World::new();
    let url = format!("https://{STAGING}:{}/", world.web.http.port());
    world.configure(&[&url, &world.web.url(JOBS)], "");
    assert_down(&world, "tls", &["the TLS handshake failed"], "heroku certs:auto");
}

#[test]
fn answers_of_a_site_that_is_down() {
    let world = World::new();
    let maintenance = "<iframe src='//www.herokucdn.com/error-pages/maintenance-mode.html'>";
    let crashed = "<iframe src='//www.herokucdn.com/error-pages/application-error.html'>";
    let no_app = "<iframe src='//www.herokucdn.com/error-pages/no-such-app.html'>";
    for (page, words, mend) in [
        (
            Page::new(503, maintenance),
            "HTTP 503, the site is in maintenance mode",
            "heroku maintenance:off",
        ),
        (Page::new(503, crashed), "HTTP 503, the app crashed", "heroku logs --tail"),
        (Page::new(500, "Server Error"), "HTTP 500", "heroku logs --tail --app app-staging"),
        (Page::new(404, no_app), "HTTP 404, Heroku has no app for this host", "down"),
        (Page::new(404, "Not Found"), "HTTP 404", "down"),
    ] {
        world.web.page(STAGING, "/", page);
        assert_down(&world, "http", &[words], mend);
    }
    let document = world.json(8);
    assert!(line(&document, STAGING, "content").is_null(), "an error page is no page of the site");
}

#[test]
fn answers_that_are_worth_a_warning() {
    let world = World::new();
    for (page, words) in [
        (Page::new(401, ""), "asks for a password"),
        (Page::new(403, ""), "refuses visitors"),
        (Page::new(503, "").with("cf-mitigated", "challenge"), "Cloudflare blocked this check"),
        (
            Page::redirect("https://login.example/?next=/"),
            "which is not a host of this environment",
        ),
    ] {
        world.web.page(STAGING, "/", page);
        assert_line(&world.json(0), STAGING, "http", "warn", &[words]);
    }
    assert!(world.web.requests().iter().all(|request| !request.starts_with("login.example")));
}

#[test]
fn redirects_without_an_end() {
    let world = World::new();
    world.web.page(STAGING, "/", Page::redirect("/a/"));
    world.web.page(STAGING, "/a/", Page::redirect(&world.web.url(STAGING)));
    assert_down(&world, "http", &["form a loop", "/a/ → "], "down");
    for number in 0..12 {
        let path = if number == 0 { "/".to_owned() } else { format!("/{number}/") };
        world.web.page(STAGING, &path, Page::redirect(&format!("/{}/", number + 1)));
    }
    assert_down(&world, "http", &["more than 10 redirects"], "down");
    world.web.page(STAGING, "/", Page::new(301, ""));
    assert_down(&world, "http", &["redirects without a valid address"], "down");
    world.web.page(STAGING, "/", Page::redirect("javascript:alert(1)"));
    assert_down(&world, "http", &["redirects without a valid address"], "down");
}

#[test]
fn staging_that_leads_to_production() {
    let world = World::new();
    world.web.page(STAGING, "/", Page::redirect(&world.web.url(LIVE)));
    assert_down(&world, "http", &["redirects to a protected environment", LIVE], "down");
    assert!(
        world.web.requests().iter().all(|request| !request.starts_with(LIVE)),
        "nothing is asked there"
    );
    let page = format!(
        "<a href='https://{LIVE}/a'><script>{{\"url\": \"https:\\/\\/{LIVE}\\/\"}}</script>"
    );
    world.web.page(STAGING, "/", Page::new(200, &page));
    assert_down(
        &world,
        "content",
        &["the page links to a protected environment", "www.live.example (2×)"],
        "bcops purge-cache staging --backend=sites",
    );
    // Only a limited part is read.
    let padding = "x".repeat(1 << 20);
    world.web.page(STAGING, "/", Page::new(200, &format!("{padding}{page}")));
    let document = world.json(0);
    assert_line(&document, STAGING, "content", "pass", &["in the part that was read"]);
}

#[test]
fn silence_ends_in_time() {
    let world = World::new();
    world.web.page(STAGING, "/", Page { hangs: true, ..Page::new(200, "") });
    let urls = [Url::parse(&world.web.plain_url("127.0.0.1")).expect("a URL")];
    world.web.page("127.0.0.1", "/", Page { hangs: true, ..Page::new(200, "") });
    let timing = Timing { answer: Duration::from_secs(1), ..Timing::default() };
    let options = CheckOptions { timing, ..CheckOptions::default() };
    let started = Instant::now();
    let reports = world.runtime.block_on(check_sites(&urls, &options)).expect("a look");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(reports[0].problem(), Some("no answer within 1 s"));
}

#[test]
fn an_answer_that_breaks_off() {
    let world = World::new();
    // No page is configured there, so the connection closes without an answer.
    world.configure(&[&format!("{}none/", world.web.url(STAGING)), &world.web.url(JOBS)], "");
    assert_down(&world, "http", &["the connection brought no answer"], "down");
}
