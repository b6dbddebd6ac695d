//! Tests `bcops search reindex`: the index is rebuilt on a dyno, refreshed and counted.

use crate::heroku::world::{PRODUCTION, STAGING};
use crate::search::world::{SearchWorld, differences, index, rebuilding};
use crate::standins::elasticsearch::{Fault, Rule};
use crate::standins::heroku;

#[test]
fn the_index_is_built_refreshed_and_counted() {
    let world = SearchWorld::new();
    world.reindex_with(&rebuilding(5, 2));
    world.staging.remove("wagtail__wagtailcore_page");
    let run = world.reindex(&[]).exits(0);
    assert!(run.stdout.contains("Rebuilt the search indices in "), "{}", run.stdout);
    let run = run.says(&[
        "default: Rebuilding index wagtail__wagtailcore_page",
        "deletes and rebuilds each index",
        STAGING,
    ]);
    assert!(run.stderr.contains("7 documents in 3 indices"), "{}", run.stderr);
    assert_eq!(world.staging.documents("wagtail__wagtailcore_page").len(), 5);

    let document = world.reindex(&["--json"]).exits(0).json();
    let tasks = index(&document, "wagtail__utils_toptask");
    assert_eq!((&tasks["documents"], &tasks["rows"]), (&2.into(), &2.into()));
    assert_eq!(document["result"]["dyno"], "run.1002");
    assert!(world.production.requests().iter().all(|one| one.method == "GET"));
}

#[test]
fn a_successful_command_proves_nothing() {
    let world = SearchWorld::new();
    for (pages, tasks, lacking) in [
        (0, 2, "wagtail__wagtailcore_page is empty, but the database has 5 rows"),
        (4, 2, "wagtail__wagtailcore_page is short: 4 documents for 5 rows"),
    ] {
        world.reindex_with(&rebuilding(pages, tasks));
        world.reindex(&[]).fails(8, &["succeeded", lacking]);
    }
    world.reindex_with("true");
    world.staging.remove("wagtail__utils_toptask");
    let document = world.reindex(&["--json"]).exits(8).json();
    let found = differences(&document);
    assert!(
        found.contains(&("wagtail__utils_toptask".to_owned(), "missing".to_owned())),
        "{found:?}"
    );
    // Extra documents are reported too.
    world.reindex_with(&rebuilding(6, 2));
    world.reindex(&[]).exits(0).says(&["1 more than the database"]);
    // A failed refresh makes the count invalid.
    world.staging.misbehave(Rule::always("_refresh", Fault::FailedShard));
    world.reindex(&[]).fails(1, &["shards of the index did not take part"]);
    world.staging.behave();
    world.staging.misbehave(Rule::always("_refresh", Fault::ReadOnly));
    world.reindex(&[]).fails(3, &["Cluster Read Only"]);
}

#[test]
fn a_command_that_fails_is_quoted_without_secrets() {
    let world = SearchWorld::new();
    world.reindex_with("echo first; echo \"ConnectionError at $BONSAI_URL\" >&2; exit 7");
    let run = world
        .reindex(&[])
        .fails(8, &["exit status 7", "output: ConnectionError at http://[secret]@"]);
    assert!(run.stderr.contains("first"), "{}", run.stderr);
    world
        .world
        .standin
        .misbehave(heroku::Rule::once("/dynos", heroku::Fault::Forbidden).on("POST"));
    world.reindex(&[]).fails(3, &["lacks permission"]);
}

#[test]
fn ctrl_c_stops_the_dyno_and_reports_what_may_remain() {
    let world = SearchWorld::new();
    let folder = world.reindex_with("touch begun; echo deleted; sleep 600; touch ended");
    let mut running =
        world.world.bcops.start(&["search", "reindex", "staging", "--confirm", STAGING]);
    assert!(running.wait_for("deleted"));
    running.interrupt();
    running.finish().fails(130, &["asked the dyno to stop", "bcops search status staging"]);
    assert!(folder.join("begun").exists() && !folder.join("ended").exists());
    let stops = world.world.standin.writes(STAGING);
    assert!(stops.iter().any(|request| request.path.ends_with("/actions/stop")));
}

#[test]
fn nothing_is_built_without_the_apps_name() {
    let world = SearchWorld::new();
    world.reindex_with(&rebuilding(5, 2));
    world.search(&["reindex", "staging"]).fails(5, &[STAGING, "no terminal"]);
    world.search(&["reindex", "staging", "--confirm", "staging"]).fails(5, &["does not match"]);
    let run = world.search(&["reindex", "staging", "--dry-run"]).exits(0);
    assert!(
        run.stdout.contains("sh reindex.sh") && run.stdout.contains("dry run"),
        "{}",
        run.stdout
    );
    let document = world.search(&["reindex", "staging", "--dry-run", "--json"]).exits(0).json();
    assert_eq!(document["result"]["documents_before"], 7);
    assert_eq!(document["result"]["rows"], 7);
    assert!(world.is_untouched());
}

#[test]
fn a_protected_environments_index_is_never_built() {
    let mut world = SearchWorld::new();
    world.reindex_with(&rebuilding(5, 2));
    world.search(&["reindex", "production", "--confirm", PRODUCTION]).fails(4, &["protected"]);
    world.search(&["reindex", "content-prep", "--dry-run"]).fails(4, &["protected"]);

    // Production's cluster under staging's name, by host and by login.
    let by_login = world.production.url().replace("127.0.0.1", "localhost");
    let elsewhere = format!("https://production-user:bonsai-password@{}", "search.example");
    for url in [world.production.url(), by_login, elsewhere] {
        world.world.standin.set_config_var(STAGING, "BONSAI_URL", &url);
        world.reindex(&[]).fails(4, &["search cluster", "production"]);
        world.world.standin.set_config_var(STAGING, "BONSAI_URL", &world.staging.url());
        world.world.bcops.set("BCOPS_STAGING_BONSAI_URL", &url);
        world.reindex(&[]).fails(4, &["search cluster", "production"]);
        world.world.bcops.unset("BCOPS_STAGING_BONSAI_URL");
        world.world.bcops.set("BCOPS_PRODUCTION_BONSAI_URL", &world.staging.url());
        world.reindex(&[]).fails(4, &["search cluster", "production"]);
        world.world.bcops.unset("BCOPS_PRODUCTION_BONSAI_URL");
    }
    // A third cluster is neither production's nor the one that the dyno fills.
    world.world.bcops.set("BCOPS_STAGING_BONSAI_URL", "https://u:bonsai-password@other.example");
    world.reindex(&[]).fails(3, &["other.example", "unset BCOPS_STAGING_BONSAI_URL"]);
    world.world.bcops.unset("BCOPS_STAGING_BONSAI_URL");
    // A cluster that cannot be compared is refused, unless Heroku confirms that it is staging's
    // own.
    world.world.standin.set_config_var(PRODUCTION, "BONSAI_URL", "nonsense");
    world.search(&["reindex", "staging", "--dry-run"]).exits(0);
    let by_hand = world.staging.url().replace("127.0.0.1", "localhost");
    world.world.standin.set_config_var(STAGING, "BONSAI_URL", &by_hand);
    world.reindex(&[]).fails(4, &["could not be compared"]);
    assert!(world.is_untouched());
}

#[test]
fn an_unchecked_cluster_is_not_rebuilt() {
    let world = SearchWorld::new();
    world.reindex_with(&rebuilding(5, 2));
    let database = format!("{}?sslmode=disable", world.world.cluster.url("no_such_database"));
    let own = format!("{}?sslmode=disable", world.world.cluster.url(&world.world.target));
    world.world.standin.set_config_var(STAGING, "DATABASE_URL", &database);
    world.reindex(&[]).fails(3, &["cannot connect", "bcops doctor staging"]);
    world.world.standin.set_config_var(STAGING, "DATABASE_URL", &own);
    world.world.psql("DROP TABLE wagtailcore_page, utils_toptask, wagtailimages_image");
    world.reindex(&[]).fails(3, &["none of the site's tables", "search.indices"]);
    world.staging.misbehave(Rule::always("/_cat", Fault::Unauthorized));
    world.reindex(&[]).fails(3, &["401"]);
    world.staging.behave();
    assert!(world.is_untouched());
}

#[test]
fn an_unseen_end_is_not_a_success() {
    let world = SearchWorld::new();
    world.reindex_with(&rebuilding(5, 2));
    world.world.standin.plan_rendezvous(heroku::Rendezvous::CutAfter(10));
    world.reindex(&[]).fails(8, &["exit status", "bcops search status staging"]);
}
