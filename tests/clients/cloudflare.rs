//! Proves the Cloudflare stand-in: the real `cloudflare` package and Wagtail's own backend work
//! with it, and purge the same as `bcops`.
//!
//! `BCOPS_PYTHON_CLIENTS` names the environment that `tests/install-python-clients.sh` makes.
//! Without it these tests print that they are skipped.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::purge_cache::world::{STAGING_NAME, STAGING_SITE, STAGING_ZONE, TOKEN, World, urls};
use crate::standins::cloudflare::{Fault, Login, Plan, Purge, Rule};

fn python() -> Option<PathBuf> {
    let found = std::env::var_os("BCOPS_PYTHON_CLIENTS");
    if found.is_none() {
        eprintln!(
            "skipped: BCOPS_PYTHON_CLIENTS is not set, so there are no Python clients to run"
        );
    }
    Some(PathBuf::from(found?).join("bin/python"))
}

/// Runs one client of the driver, and returns what it saw.
#[track_caller]
fn drive(world: &World, client: &str, order: &Value) -> Option<Value> {
    let mut command = Command::new(python()?);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/cloudflare_client.py"));
    command.args([client, &world.cloudflare.url, STAGING_ZONE]).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("Python");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(order.to_string().as_bytes()).expect("an order");
    drop(input);
    let output = child.wait_with_output().expect("its output");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    Some(serde_json::from_slice(&output.stdout).expect("one JSON document"))
}

/// The purged items, with any method, because the old backend sends DELETE.
fn purged(world: &World) -> Vec<(String, Vec<String>)> {
    world.cloudflare.purges().into_iter().map(|Purge { kind, items, .. }| (kind, items)).collect()
}

#[test]
fn the_cloudflare_package_and_bcops_purge_the_same() {
    let (host, urls) = ("buckinghamshire-staging.staging.torchbox.com", urls(100));
    let prefix = format!("{host}/news");
    let order = json!({
        "login": { "api_token": TOKEN },
        "purges": [
            { "files": urls }, { "hosts": [host] }, { "prefixes": [prefix] }, { "tags": ["a"] },
            { "purge_everything": true },
        ],
        "failing": [
            { "files": ["https://www.buckinghamshire.gov.uk/"] },
            { "files": crate::purge_cache::world::urls(101) },
        ],
    });
    let world = World::new();
    let Some(seen) = drive(&world, "package", &order) else { return };
    let wanted = json!({
        "status": "active",
        "zone": STAGING_NAME,
        "found": [STAGING_ZONE],
        "failures": [[400, 1134], [400, 1094]],
    });
    assert_eq!(seen, wanted);
    assert!(world.cloudflare.purges().iter().all(|one| one.method == "POST"));
    let ours = World::new();
    let others = ["--url", "-", "--host", host, "--prefix", &prefix, "--tag", "a"];
    ours.purge_reading(&[&["staging"], &others[..]].concat(), &urls).exits(0);
    ours.purge(&["staging", "--everything", "--confirm", STAGING_NAME]).exits(0);
    assert_eq!(purged(&ours), purged(&world));
}

#[test]
fn the_cloudflare_package_sees_limits_and_logins() {
    let world = World::with(Plan::Free, 1.0, Login::key("cf-secret-key", "ops@council.test"));
    let tags = |count: usize| vec![json!({ "tags": ["a"] }); count];
    let login = json!({ "api_key": "cf-secret-key", "api_email": "ops@council.test" });
    let order = json!({ "login": login, "purges": tags(25), "failing": tags(1) });
    let Some(seen) = drive(&world, "package", &order) else { return };
    assert_eq!(seen["failures"], json!([[429, 971]]));
    world.cloudflare.add_login(Login { purges: false, ..Login::token("cf-secret-reader") });
    let login = json!({ "api_token": "cf-secret-reader" });
    let order = json!({ "login": login, "purges": [], "failing": tags(1) });
    let seen = drive(&world, "package", &order).expect("Python");
    assert_eq!(seen["failures"], json!([[403, 10000]]));
}

#[test]
fn wagtails_backend_and_bcops_purge_the_same() {
    let world = World::new();
    let urls = urls(65);
    let order = json!({ "login": { "BEARER_TOKEN": TOKEN }, "urls": urls });
    let Some(seen) = drive(&world, "wagtail", &order) else { return };
    assert_eq!(seen["told"], json!([]));
    let sizes: Vec<usize> = world.cloudflare.purges().iter().map(|one| one.items.len()).collect();
    assert_eq!(sizes, [30, 30, 5]);
    assert!(world.cloudflare.purges().iter().all(|one| one.method == "DELETE"));
    let ours = World::new();
    ours.purge_reading(&["staging", "--url", "-"], &urls).exits(0);
    assert_eq!(ours.cloudflare.purged("files"), world.cloudflare.purged("files"));
    // bcops fails where Wagtail only writes to a log.
    for world in [&world, &ours] {
        world.cloudflare.misbehave(Rule::times(1, "/purge_cache", Fault::NotASuccess));
    }
    let page = format!("{STAGING_SITE}/news/");
    let order = json!({ "login": { "BEARER_TOKEN": TOKEN }, "urls": [page] });
    let seen = drive(&world, "wagtail", &order).expect("Python");
    let told = seen["told"][0].as_str().expect("a line").to_owned();
    assert!(told.contains(&page) && told.contains("Unable to purge"), "{told}");
    ours.purge(&["staging", "--url", &page]).fails(1, &["Unable to purge"]);
}
