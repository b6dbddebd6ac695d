//! Tests `bcops purge-cache`: what is purged, asked and refused.

mod backend;
mod doctor;
mod limits;
pub mod world;

use crate::purge_cache::world::{
    BEARER, PRODUCTION, PRODUCTION_NAME, PRODUCTION_ZONE, STAGING, STAGING_NAME, STAGING_SITE,
    STAGING_ZONE, TOKEN, World, ZONE, urls,
};
use crate::standins::cloudflare::{Login, Plan};

const KEY: &str = "FRONTEND_CACHE_CLOUDFLARE_TOKEN";
const EMAIL: &str = "FRONTEND_CACHE_CLOUDFLARE_EMAIL";
const PAGE: &str = "https://buckinghamshire-staging.staging.torchbox.com/news/";
const LIVE_PAGE: &str = "https://www.buckinghamshire.gov.uk/news/";

#[test]
fn urls_of_staging_are_purged_without_a_question() {
    let world = World::new();
    let twice = format!("{PAGE}#top");
    let run = world.purge(&["staging", "--url", PAGE, "--url", &twice]).exits(0);
    assert_eq!(run.stdout, "Purged 1 URL in 1 request\n");
    let run = run.says(&[STAGING_NAME, STAGING_ZONE, "pro plan", "more than once"]);
    assert!(!run.stderr.contains("http://"), "{}", run.printed());
    let purges = world.cloudflare.purges();
    assert_eq!(purges.len(), 1);
    assert_eq!((purges[0].zone.as_str(), purges[0].method.as_str()), (STAGING_ZONE, "POST"));
    assert_eq!(purges[0].items, [PAGE]);
    let journal = std::fs::read_to_string(world.bcops.state_directory().join("journal.jsonl"));
    let journal = journal.expect("a journal");
    assert!(journal.lines().count() == 2 && !journal.contains(TOKEN), "{journal}");
}

#[test]
fn every_kind_in_one_go_and_as_json() {
    let world = World::new();
    let host = "buckinghamshire-staging.staging.torchbox.com";
    let prefix = format!("https://{host}/jobs");
    let document = world
        .purge_reading(
            &["staging", "--url", "-", "--host", host, "--prefix", &prefix, "--tag", "a", "--json"],
            &["".to_owned(), format!("  {PAGE} "), "http://x.staging.torchbox.com/".to_owned()],
        )
        .exits(0)
        .json();
    let result = &document["result"];
    assert_eq!(
        (&document["status"], &result["zone"]["name"]),
        (&"ok".into(), &STAGING_NAME.into())
    );
    assert_eq!(
        result["purged"],
        serde_json::json!({ "urls": 2, "hosts": 1, "prefixes": 1, "tags": 1 })
    );
    assert_eq!((&result["left"], &result["requests"]), (&serde_json::json!({}), &4.into()));
    assert_eq!(world.cloudflare.purged("files"), [PAGE, "http://x.staging.torchbox.com/"]);
    assert_eq!(world.cloudflare.purged("hosts"), [host]);
    assert_eq!(world.cloudflare.purged("prefixes"), [format!("{host}/jobs")]);
    assert_eq!(world.cloudflare.purged("tags"), ["a"]);
}

#[test]
fn urls_outside_the_zone_are_named() {
    let world = World::new();
    world
        .purge(&["staging", "--url", PAGE, "--url", LIVE_PAGE])
        .fails(2, &[LIVE_PAGE, STAGING_NAME]);
    let lookalike = "https://evilstaging.torchbox.com/";
    world.purge(&["staging", "--url", lookalike]).fails(2, &[lookalike]);
    world.purge(&["staging", "--host", "gov.uk"]).fails(2, &["gov.uk"]);
    world.purge(&["staging", "--prefix", "www.e.org/x"]).fails(2, &["www.e.org"]);
    world.purge(&["staging", "--url", "/news/"]).fails(2, &["`/news/`", "https://"]);
    world.purge_reading(&["staging", "--url", "-"], &[]).fails(2, &["nothing to purge"]);
    world.purge(&["staging", "--url", "-", "--tag", "-"]).fails(2, &["standard input"]);
    world.purge(&["staging"]).exits(2);
    world.purge(&["staging", "--everything", "--url", PAGE]).exits(2);
    world.purge(&["nowhere", "--url", PAGE]).fails(2, &["nowhere", "content-prep"]);
    let login = "https://user:cf-secret@buckinghamshire-staging.staging.torchbox.com/";
    world.purge(&["staging", "--url", login]).fails(2, &["password"]);
    world.assert_nothing_purged();
}

#[test]
fn a_whole_zone_is_confirmed_by_its_name() {
    let world = World::new();
    let run = world.purge(&["staging", "--everything"]).fails(5, &[STAGING_NAME, STAGING_ZONE]);
    assert!(run.stderr.contains(&format!("--confirm {STAGING_NAME}")), "{}", run.printed());
    world
        .purge(&["staging", "--everything", "--confirm", "torchbox.com"])
        .fails(5, &["torchbox.com"]);
    world.assert_nothing_purged();
    let asking = || world.bcops.start_on_terminal(&["purge-cache", "staging", "--everything"]);
    let mut terminal = asking();
    terminal.wait_for(&format!("Type {STAGING_NAME} to continue"));
    terminal.type_line("yes");
    assert_eq!(terminal.finish().0, Some(5));
    world.assert_nothing_purged();
    let mut terminal = asking();
    terminal.wait_for("to continue");
    terminal.type_line(STAGING_NAME);
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(0), "{screen}");
    world.purge(&["staging", "--everything", "--confirm", STAGING_NAME]).exits(0);
    let kinds: Vec<String> = world.cloudflare.purges().into_iter().map(|one| one.kind).collect();
    assert_eq!(kinds, ["purge_everything", "purge_everything"]);
}

#[test]
fn production_is_purged_on_request_only() {
    let world = World::new();
    let purge = ["production", "--url", LIVE_PAGE];
    world.purge(&purge).fails(5, &[PRODUCTION_NAME, "no terminal"]);
    let document = world.purge(&[&purge[..], &["--json"]].concat()).exits(5).json();
    assert_eq!(document["status"], "refused");
    world.assert_nothing_purged();
    // All requests are about one zone.
    world.purge(&[&purge[..], &["--confirm", STAGING_NAME]].concat()).exits(5);
    world.assert_nothing_purged();
    world.purge(&[&purge[..], &["--confirm", PRODUCTION_NAME]].concat()).exits(0);
    assert_eq!(world.cloudflare.purges()[0].zone, PRODUCTION_ZONE);
    world
        .purge(&["production", "--backend", "--confirm", PRODUCTION_NAME])
        .fails(4, &["protected", "Django"]);
}

#[test]
fn staging_may_not_have_productions_zone() {
    let mut world = World::new();
    world.heroku.set_config_var(STAGING, ZONE, &PRODUCTION_ZONE.to_uppercase());
    let live = ["staging", "--url", LIVE_PAGE, "--confirm", PRODUCTION_NAME];
    world.purge(&live).fails(4, &[PRODUCTION_NAME, "production", ZONE]);
    world.heroku.set_config_var(STAGING, ZONE, STAGING_ZONE);
    world.purge(&["staging", "--url", PAGE]).exits(0);
    // The effective value counts, on both sides.
    world.bcops.set(&format!("BCOPS_STAGING_{ZONE}"), PRODUCTION_ZONE);
    world.purge(&live).fails(4, &["production"]);
    world.bcops.unset(&format!("BCOPS_STAGING_{ZONE}"));
    world.bcops.set(&format!("BCOPS_PRODUCTION_{ZONE}"), STAGING_ZONE);
    world.purge(&["staging", "--url", PAGE]).fails(4, &["production"]);
    world.bcops.unset(&format!("BCOPS_PRODUCTION_{ZONE}"));
    // A protected environment that names no zone has the one in which its sites lie.
    world.heroku.set_config_var(PRODUCTION, ZONE, "");
    world.heroku.set_config_var(STAGING, ZONE, PRODUCTION_ZONE);
    world.purge(&live).fails(4, &["production"]);
    // A zone that cannot be read cannot be compared.
    world.heroku.set_config_var(PRODUCTION, ZONE, "www.buckinghamshire.gov.uk");
    world.purge(&["staging", "--url", PAGE]).fails(4, &["could not be compared"]);
    assert_eq!(world.cloudflare.purges().len(), 1);
}

#[test]
fn without_heroku_the_overrides_must_name_every_environment() {
    // The login may not read the zone's name, which would distinguish the sites.
    let login = Login { reads_zones: false, ..Login::token(TOKEN) };
    let mut world = World::with(Plan::Pro, 10.0, login);
    world.bcops.unset("HEROKU_API_KEY");
    world.bcops.set(&format!("BCOPS_STAGING_{ZONE}"), STAGING_ZONE);
    world.bcops.set(&format!("BCOPS_STAGING_{BEARER}"), TOKEN);
    world.purge(&["staging", "--url", PAGE]).fails(4, &["could not be compared"]);
    world.bcops.set(&format!("BCOPS_PRODUCTION_{ZONE}"), PRODUCTION_ZONE);
    world.purge(&["staging", "--url", PAGE]).fails(4, &["content-prep"]);
    world.bcops.set(&format!("BCOPS_CONTENT_PREP_{ZONE}"), PRODUCTION_ZONE);
    world.purge(&["staging", "--url", PAGE]).exits(0);
}

#[test]
fn the_zone_is_found_by_the_sites_name() {
    let world = World::new();
    world.heroku.set_config_var(STAGING, ZONE, "");
    world.purge(&["staging", "--url", PAGE]).exits(0).says(&[STAGING_ZONE]);
    let asked = world.cloudflare.requests();
    let asked: Vec<&str> = asked.iter().map(|one| one.path.as_str()).collect();
    assert!(
        asked.contains(&"/zones?name=buckinghamshire-staging.staging.torchbox.com"),
        "{asked:?}"
    );
    world.bcops.write("bcops.toml", "[environments.staging]\nsites = [\"https://www.e.org\"]\n");
    world.purge(&["staging", "--url", PAGE]).fails(3, &["www.e.org", ZONE]);
}

#[test]
fn a_zone_without_a_readable_name_is_confirmed_by_its_id() {
    let world = World::with(Plan::Free, 60.0, Login { reads_zones: false, ..Login::token(TOKEN) });
    world.purge(&["staging", "--url", PAGE]).exits(0).says(&["cannot be read", STAGING_ZONE]);
    let foreign = format!("{}x/", STAGING_SITE.replace("staging.", "other."));
    let run = world.purge(&["staging", "--url", &foreign]);
    run.fails(2, &["does not belong to the sites of staging", "Zone / Zone / Read"]);
    let purge = ["production", "--url", LIVE_PAGE, "--confirm"];
    world.purge(&[&purge[..], &[PRODUCTION_NAME]].concat()).exits(5);
    world.purge(&[&purge[..], &[PRODUCTION_ZONE]].concat()).exits(0);
    assert_eq!(world.cloudflare.purges().len(), 2);
}

#[test]
fn the_account_wide_key_wins_as_it_does_for_the_site() {
    let world = World::with(Plan::Pro, 10.0, Login::key("cf-secret-key", "ops@council.test"));
    world.heroku.set_config_var(STAGING, KEY, "cf-secret-key");
    world.purge(&["staging", "--url", PAGE]).fails(3, &[EMAIL, "cloudflare_email"]);
    world.heroku.set_config_var(STAGING, EMAIL, "ops@council.test");
    world.purge(&["staging", "--url", PAGE]).exits(0).says(&["warning", KEY, BEARER]);
    let request = world.cloudflare.requests().pop().expect("a request");
    assert_eq!(request.headers["x-auth-email"], "ops@council.test");
    assert_eq!(request.headers["x-auth-key"], "cf-secret-key");
    assert!(!request.headers.contains_key("authorization"));
    // A second site has other names for them.
    let lines = "[environments.staging.config_vars]\ncloudflare_token = \"CF_KEY\"\n\
                 cloudflare_email = \"CF_EMAIL\"\ncloudflare_zone = \"CF_ZONE\"\n";
    world.bcops.write("bcops.toml", lines);
    for (name, value) in
        [("CF_KEY", "cf-secret-key"), ("CF_EMAIL", "ops@council.test"), ("CF_ZONE", STAGING_ZONE)]
    {
        world.heroku.set_config_var(STAGING, name, value);
    }
    world.purge(&["staging", "--url", PAGE]).exits(0);
}

#[test]
fn a_dry_run_changes_nothing_and_asks_nothing() {
    let world = World::new();
    let run = world.purge(&["production", "--everything", "--dry-run"]).exits(0);
    assert!(run.stdout.contains(PRODUCTION_NAME) && run.stdout.contains("nothing was changed"));
    let document = world
        .purge_reading(&["staging", "--url", "-", "--dry-run", "--json"], &urls(250))
        .exits(0)
        .json();
    assert_eq!(
        (&document["result"]["asked"]["urls"], &document["result"]["dry_run"]),
        (&250.into(), &true.into())
    );
    world.assert_nothing_purged();
    assert!(!world.bcops.state_directory().exists());
}

#[test]
fn missing_and_wrong_values_are_named() {
    let mut world = World::new();
    let purge = ["staging", "--url", PAGE];
    world.purge(&["dev", "--url", PAGE]).fails(3, &[BEARER, KEY, "cannot purge a front-end cache"]);
    world.heroku.set_config_var(STAGING, ZONE, STAGING_NAME);
    world.purge(&purge).fails(3, &[ZONE, "looks like the zone's name"]);
    world.heroku.set_config_var(STAGING, ZONE, &"0".repeat(32));
    world.purge(&purge).fails(3, &["cannot find the zone"]);
    world.heroku.set_config_var(STAGING, ZONE, STAGING_ZONE);
    world.heroku.set_config_var(STAGING, BEARER, "cf-secret-wrong");
    world.purge(&purge).fails(3, &["refused the credentials", "bcops doctor"]);
    world.heroku.set_config_var(STAGING, BEARER, "two\nlines");
    world.purge(&purge).fails(3, &["API token", "set it again"]);
    world.heroku.set_config_var(STAGING, BEARER, "cf-secret-reader");
    world.cloudflare.add_login(Login { purges: false, ..Login::token("cf-secret-reader") });
    let run = world.purge(&purge).fails(3, &["Cache Purge", "the login itself is good"]);
    assert!(run.stderr.contains("0 purged, 1 URL left"), "{}", run.printed());
    world.bcops.set("CLOUDFLARE_BASE_URL", "http://gateway.example/client/v4");
    world.purge(&purge).fails(3, &["be sent unencrypted"]);
    world.assert_nothing_purged();
}
