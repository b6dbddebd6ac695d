//! Tests `bcops doctor` for Cloudflare's login and for Redis.

use crate::purge_cache::world::{
    BEARER, PRODUCTION_NAME, STAGING, STAGING_NAME, STAGING_ZONE, TOKEN, World, ZONE,
};
use crate::standins::cloudflare::{Fault, Login, Plan, Rule};
use crate::support::redis::RedisServer;

/// The verdict, the words and the fix of one check of staging.
#[track_caller]
fn check(world: &World, name: &str) -> (String, String, String) {
    let run = world.bcops.run(&["doctor", "staging", "--json"]);
    // Other checks fail in this world, but no secret may be printed.
    let document = run.exits(3).json();
    let checks = document["result"]["checks"].as_array().expect("checks").clone();
    let found = checks.iter().find(|one| one["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no check `{name}`: {document}"));
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("verdict"), text("detail"), text("mend"))
}

#[track_caller]
fn assert_check(world: &World, verdict: &str, detail: &str, mend: &str) {
    let found = check(world, "staging front-end cache");
    assert_eq!(found.0, verdict, "{found:?}");
    assert!(found.1.contains(detail) && found.2.contains(mend), "{found:?}");
    world.assert_nothing_purged();
}

#[test]
fn a_good_login_passes_and_nothing_is_purged() {
    let world = World::new();
    let said = format!("API token in {BEARER} is for {STAGING_NAME}");
    assert_check(&world, "pass", &said, "");
    world.heroku.set_config_var(STAGING, BEARER, "");
    assert_check(&world, "skip", "not configured", "");
    let document = world.bcops.run(&["doctor", "production", "--json"]).exits(3).json();
    let said = format!("is for {PRODUCTION_NAME}");
    assert!(document.to_string().contains(&said), "{document}");
    world.assert_nothing_purged();
}

#[test]
fn the_missing_permission_is_named() {
    for (login, verdict, detail, mend) in [
        // Only a purge would show it.
        (Login { purges: false, ..Login::token(TOKEN) }, "pass", STAGING_NAME, ""),
        (
            Login { reads_zones: false, ..Login::token(TOKEN) },
            "pass",
            "lacks the permission Zone / Zone / Read",
            "",
        ),
        (Login { of_account: true, ..Login::token(TOKEN) }, "pass", STAGING_NAME, ""),
        (
            Login { status: "expired", ..Login::token(TOKEN) },
            "fail",
            "the token is expired",
            "API token",
        ),
        (
            Login { zones: vec!["f".repeat(32)], ..Login::token(TOKEN) },
            "pass",
            "lacks the permission Zone / Zone / Read",
            "",
        ),
        (Login::token("cf-secret-other"), "fail", "refused the credentials", "API token"),
    ] {
        let world = World::with(Plan::Pro, 10.0, login.clone());
        println!("{login:?}");
        assert_check(&world, verdict, detail, mend);
    }
    let world = World::new();
    world.heroku.set_config_var(STAGING, ZONE, "staging.torchbox.com");
    assert_check(&world, "fail", "as a zone id", "the zone id");
    world.heroku.set_config_var(STAGING, ZONE, STAGING_ZONE);
    world.cloudflare.misbehave(Rule::always("/zones", Fault::HtmlPage));
    assert_check(&world, "fail", "is not Cloudflare's", "");
}

/// A token for one task could replace a key for everything.
#[test]
fn an_account_wide_key_is_warned_about() {
    let world = World::with(Plan::Pro, 10.0, Login::key("cf-secret-key", "ops@council.test"));
    for (name, value) in [
        (BEARER, ""),
        ("FRONTEND_CACHE_CLOUDFLARE_TOKEN", "cf-secret-key"),
        ("FRONTEND_CACHE_CLOUDFLARE_EMAIL", "ops@council.test"),
    ] {
        world.heroku.set_config_var(STAGING, name, value);
    }
    assert_check(&world, "warn", "account-wide key", "Zone / Cache Purge / Purge");
    let found = check(&world, "staging front-end purge");
    assert_eq!((found.0.as_str(), found.1.as_str()), ("skip", "cannot be shown without writing"));
    assert!(world.cloudflare.requests().iter().all(|one| one.method == "GET"));
}

#[test]
fn redis_answers_or_is_named() {
    let (world, server) = (World::new(), RedisServer::start());
    server.set(0, &[":1:page"]);
    world.heroku.set_config_var(STAGING, "REDIS_TLS_URL", &server.tls_url());
    let found = check(&world, "staging Redis");
    assert_eq!(found.0, "pass", "{found:?}");
    assert_eq!(server.keys(0), [":1:page"]);
    world.heroku.set_config_var(STAGING, "REDIS_TLS_URL", "rediss://:redis-password@127.0.0.1:1");
    let found = check(&world, "staging Redis");
    assert!(found.0 == "fail" && found.1.contains("127.0.0.1:1"), "{found:?}");
}
