//! Tests `-v`, `-vv` and `BCOPS_LOG`: requests are shown without secrets.

use crate::command::Run;
use crate::doctor::good_world;
use crate::pull_data::world::World;

const SECRETS: [&str; 4] =
    ["HRKU-stand-in-token", "db-password", "X-Amz-Signature", "django-secret"];

#[track_caller]
fn assert_silent(run: &Run) {
    for secret in SECRETS {
        let line = run.stderr.lines().chain(run.stdout.lines()).find(|line| line.contains(secret));
        assert!(line.is_none(), "`{secret}` is printed: {}", line.unwrap_or_default());
    }
}

fn requests(run: &Run) -> Vec<&str> {
    run.stderr.lines().filter(|line| line.contains("http: ")).collect()
}

#[test]
fn a_pull_shows_its_requests_and_no_secret() {
    let world = World::small();
    let run = world.pull(&["--yes", "-vv"]).exits(0);
    assert_silent(&run);
    let place = world.standin.url.trim_start_matches("http://");
    let vars = format!("http: GET {place}/apps/buckinghamshire-production/config-vars");
    run.says(&[
        &format!("{vars}: 200 service=Heroku attempt=1"),
        &format!("{vars} < ["),
        "(a hidden body)",
        "/actions/public-url: 20",
        "(a signed URL): 200",
    ]);
}

#[test]
fn the_log_goes_to_stderr_and_respects_its_filter() {
    let mut world = good_world();
    let plain = world.bcops.run(&["doctor"]).exits(0);
    assert_eq!(requests(&plain), Vec::<&str>::new());
    let told = world.bcops.run(&["doctor", "-v"]).exits(0);
    assert_silent(&told);
    assert!(requests(&told).len() > 10, "{}", told.printed());
    assert!(requests(&told).iter().all(|line| !line.contains(" < [")), "{}", told.printed());
    assert!(!told.stdout.contains("http: "), "{}", told.printed());
    let document = world.bcops.run(&["doctor", "-vv", "--json"]).exits(0);
    assert_silent(&document);
    assert!(requests(&document).iter().any(|line| line.contains(" < [")));
    assert_eq!(document.json()["status"], "ok");

    world.bcops.set("BCOPS_LOG", "bcops::http=debug");
    let told = world.bcops.run(&["doctor"]).exits(0);
    assert!(requests(&told).len() > 10, "{}", told.printed());
    // Messages of other crates may hold secrets.
    world.bcops.set("BCOPS_LOG", "trace");
    let told = world.bcops.run(&["doctor", "-q"]).exits(0);
    assert_silent(&told);
    assert!(!told.stderr.contains("hyper"), "{}", told.printed());
    world.bcops.set("BCOPS_LOG", "off");
    assert_eq!(requests(&world.bcops.run(&["doctor", "-vv"]).exits(0)), Vec::<&str>::new());
    world.bcops.set("BCOPS_LOG", "bcops=loud");
    world.bcops.run(&["doctor"]).exits(0).says(&["BCOPS_LOG is not a filter, so bcops ignores it"]);
}
