//! Tests `bcops search`: the state of the cluster, and its console.

mod names;
mod reindex;
pub mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use bcops::adapters::elasticsearch::{Cluster, ClusterAddress};
use bcops::adapters::json_api::{ErrorKind, Timing};
use bcops::secret::Secret;
use serde_json::Value;

use crate::heroku::world::{PRODUCTION, STAGING};
use crate::pull_data::world::World;
use crate::search::world::{PLAN, SearchWorld, differences, index};
use crate::standins::elasticsearch::{ElasticsearchStandIn, Fault, Flavour, Options, Rule};
use crate::standins::heroku;
use crate::support::wait;

#[test]
fn the_status_shows_indices_and_their_tables() {
    for flavour in Flavour::ALL {
        let world = SearchWorld::of(flavour);
        world.staging.fill("wagtail__documents_customdocument_abc1234", 3);
        world.staging.fill("wagtail__old_model", 3);
        world.staging.fill("somebody-elses", 1);
        world.staging.fill(".kibana_1", 1);
        let run = world.search(&["status", "staging"]).exits(0);
        let name = if flavour.is_opensearch() { "opensearch" } else { "elasticsearch" };
        let version = flavour.version();
        for text in [
            &format!("{name} {version}, yellow, 1 node"),
            "14 shards of 10 that the plan bonsai:sandbox allows",
            "wagtail__wagtailcore_page",
            "left over from an unfinished rebuild",
            "the database has no table for it",
            "its name is not one of the site's",
        ] {
            assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
        }
        assert!(
            run.stderr
                .contains("14 shards: the plan allows 10, so the provider will block changes"),
            "{}",
            run.stderr
        );

        let document = world.search(&["status", "staging", "--json"]).exits(0).json();
        let result = &document["result"];
        assert_eq!((&result["distribution"], &result["plan"]), (&name.into(), &PLAN.into()));
        assert_eq!(
            (&result["shards"]["used"], &result["shards"]["limit"]),
            (&14.into(), &10.into())
        );
        assert_eq!(result["compared_with_database"], true);
        let pages = index(&document, "wagtail__wagtailcore_page");
        assert_eq!((&pages["documents"], &pages["rows"]), (&5.into(), &5.into()));
        assert_eq!(pages["use"], "in-use");
        assert_eq!(index(&document, "wagtail__wagtailimages_image")["use"], "in-use");
        assert_eq!(index(&document, "wagtail__old_model")["use"], "unused");
        assert_eq!(index(&document, ".kibana_1")["use"], "system");
        let left = index(&document, "wagtail__documents_customdocument_abc1234");
        assert_eq!(left["use"], "left-over");
        assert_eq!(differences(&document), []);
        assert!(world.is_untouched());
    }
}

#[test]
fn missing_documents_fail_the_status() {
    let world = SearchWorld::new();
    let pages = "wagtail__wagtailcore_page";
    // Missing or extra documents are a warning, because search still works.
    world.staging.remove(pages);
    world.staging.fill(pages, 4);
    world.staging.fill("wagtail__utils_toptask", 3);
    let document = world.search(&["status", "staging", "--json"]).exits(0).json();
    let expected = [("wagtail__utils_toptask", "surplus"), (pages, "short")];
    let owned = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter().map(|(index, kind)| ((*index).to_owned(), (*kind).to_owned())).collect()
    };
    assert_eq!(differences(&document), owned(&expected));
    assert_eq!(document["warnings"].as_array().map(Vec::len), Some(2));

    world.staging.remove(pages);
    world.staging.fill(pages, 0);
    world.staging.remove("wagtail__utils_toptask");
    let run = world.search(&["status", "staging"]).exits(8);
    assert!(
        run.stdout.contains(&format!(
            "wrong: {pages} is empty, but the database has 5 \
        rows"
        )),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("bcops search reindex staging"), "{}", run.stdout);
    let document = world.search(&["status", "staging", "--json"]).exits(8).json();
    assert_eq!(document["status"], "failed");
    let expected = [("wagtail__utils_toptask", "missing"), (pages, "empty")];
    assert_eq!(differences(&document), owned(&expected));

    // A closed index answers no search.
    world.staging.fill("wagtail__utils_toptask", 2);
    world.staging.fill(pages, 5);
    world.search(&["status", "staging"]).exits(0);
    world.staging.close(pages);
    let document = world.search(&["status", "staging", "--json"]).exits(8).json();
    assert_eq!(differences(&document), owned(&[(pages, "missing")]));
    assert_eq!(index(&document, pages)["documents"], Value::Null);
}

#[test]
fn an_alias_counts_as_a_name() {
    let world = SearchWorld::new();
    let pages = "wagtail__wagtailcore_page";
    world.staging.remove(pages);
    world.staging.fill("wagtail__wagtailcore_page_ab12cd3", 5);
    world.staging.add_alias(pages, "wagtail__wagtailcore_page_ab12cd3");
    let document = world.search(&["status", "staging", "--json"]).exits(0).json();
    assert_eq!(differences(&document), []);
    let found = index(&document, "wagtail__wagtailcore_page_ab12cd3");
    assert_eq!((&found["use"], &found["rows"]), (&"in-use".into(), &5.into()));
    assert_eq!(found["aliases"][0], pages);
}

#[test]
fn the_configuration_says_which_rows_count() {
    let world = SearchWorld::new();
    let rules = "[search]\nshard_limit = \"40\"\nindices = [\
        \"wagtail__wagtailcore_page = wagtailcore_page where live\", \"wagtail__utils_toptask = ignore\", \
        \"tasks = utils_toptask\"]\n";
    world.world.bcops.write("bcops.toml", rules);
    world.staging.fill("tasks", 2);
    world.staging.remove("wagtail__utils_toptask");
    world.staging.fill("wagtail__utils_toptask", 1);
    let document = world.search(&["status", "staging", "--json"]).exits(0).json();
    let pages = index(&document, "wagtail__wagtailcore_page");
    assert_eq!(
        (&pages["rows"], &pages["rows_of"]),
        (&4.into(), &"wagtailcore_page where live".into())
    );
    assert_eq!(index(&document, "wagtail__utils_toptask")["rows"], Value::Null);
    assert_eq!(index(&document, "tasks")["rows"], 2);
    assert_eq!(document["result"]["shards"]["limit"], 40);
    let owned = ("wagtail__wagtailcore_page".to_owned(), "surplus".to_owned());
    assert_eq!(differences(&document), [owned]);

    for (wrong, reason) in [
        ("indices = [\"x = a; drop\"]", "write INDEX = TABLE"),
        ("shard_limit = \"many\"", "write a number"),
        ("reindex_command = \" \"", "write the command"),
    ] {
        world.world.bcops.write("bcops.toml", &format!("[search]\n{wrong}\n"));
        world.search(&["status", "staging"]).fails(3, &[reason, "bcops.toml:2"]);
    }
}

#[test]
fn without_the_database_the_cluster_is_still_reported() {
    let world = SearchWorld::new();
    world.production.fill("wagtail__wagtailcore_page", 7);
    // No server listens at production's database.
    let run = world.search(&["status", "production"]).exits(0);
    run.says(&["cannot compare the indices with the database"]);
    let document = world.search(&["status", "production", "--json"]).exits(0).json();
    assert_eq!(document["result"]["compared_with_database"], false);
    let pages = index(&document, "wagtail__wagtailcore_page");
    assert_eq!((&pages["documents"], &pages["rows"]), (&7.into(), &Value::Null));
    assert_eq!(pages["use"], "in-use");
    assert!(world.is_untouched());
}

#[test]
fn refusals_of_a_cluster_are_reported_with_their_fix() {
    let world = SearchWorld::new();
    for (path, fault, code, texts) in [
        ("/", Fault::Unauthorized, 3, &["401", "credentials"][..]),
        (
            "/_cluster",
            Fault::ReadOnly,
            3,
            &["403", "Cluster Read Only", "bcops search open staging"],
        ),
        ("/_cat", Fault::TooManyRequests(None), 1, &["429"]),
        ("/_cat", Fault::TooManyRequests(Some(600)), 1, &["429", "600 s"]),
        (
            "/_alias",
            Fault::ServerError("it broke for staging-user:bonsai-password"),
            1,
            &["500", "[secret]"],
        ),
        ("/", Fault::HtmlUnavailable, 1, &["503"]),
        ("/", Fault::HtmlPage, 1, &["looks like HTML"]),
        ("/_cluster", Fault::OtherJson, 1, &["JSON in another form"]),
        ("/", Fault::CloseBefore, 1, &["no answer from"]),
    ] {
        world.staging.misbehave(Rule::always(path, fault.clone()));
        let run = world.search(&["status", "staging"]).fails(code, texts);
        assert_eq!(run.stdout, "", "{fault:?}");
        let document = world.search(&["status", "staging", "--json"]).exits(code).json();
        assert_eq!(document["status"], "failed", "{fault:?}");
        world.staging.behave();
    }
    // A single failure is retried.
    world.staging.misbehave(Rule::once("/_cat", Fault::ServerError("a hiccup")));
    world.staging.misbehave(Rule::once("/_cluster", Fault::TooManyRequests(Some(0))));
    world.search(&["status", "staging"]).exits(0);
}

/// An index that cannot be counted has its reason in its row.
#[test]
fn one_index_that_cannot_be_counted_is_one_row() {
    let world = SearchWorld::new();
    let pages = "wagtail__wagtailcore_page";
    for (fault, reason) in [
        (Fault::HalfJson, "incomplete"),
        (Fault::FailedShard, "shards of the index did not take part"),
        (Fault::ReadOnly, "Cluster Read Only"),
        (Fault::ServerError("all shards failed"), "all shards failed"),
        (Fault::HtmlPage, "looks like HTML"),
        (Fault::OtherJson, "JSON in another form"),
    ] {
        let path = format!("{pages}/_count");
        world.staging.misbehave(Rule::always(&path, fault.clone()));
        let run = world.search(&["status", "staging"]).exits(8);
        let row = run.stdout.lines().find(|line| line.starts_with(pages)).expect("its row");
        assert!(row.contains(reason), "{fault:?}: {row}");
        assert!(run.stdout.contains("bcops search reindex staging"), "{}", run.stdout);
        let other = run.stdout.lines().find(|line| line.starts_with("wagtail__utils_toptask"));
        assert!(other.is_some_and(|row| !row.contains(reason)), "{}", run.stdout);
        let document = world.search(&["status", "staging", "--json"]).exits(8).json();
        assert_eq!(document["status"], "failed");
        let found = index(&document, pages);
        assert!(found["problem"].as_str().is_some_and(|why| why.contains(reason)), "{found}");
        assert_eq!(differences(&document), [], "what cannot be counted is not missing");
        world.staging.behave();
    }
}

#[test]
fn foreign_indices_are_ignored() {
    let world = SearchWorld::new();
    for (name, documents) in [(".kibana_1", 1), (".security-7", 1), ("somebody-elses", 4)] {
        world.staging.fill(name, documents);
        let path = format!("/{name}/_count");
        world.staging.misbehave(Rule::always(&path, Fault::ReadOnly));
    }
    let document = world.search(&["status", "staging", "--json"]).exits(0).json();
    assert_eq!(index(&document, "somebody-elses")["documents"], Value::Null);
    let asked = world.staging.requests();
    let is_theirs = |path: &str| path.contains("kibana") || path.contains("somebody");
    assert!(!asked.iter().any(|request| is_theirs(&request.path)));
}

#[test]
fn without_its_aliases_a_cluster_is_still_counted() {
    let world = SearchWorld::new();
    let pages = "wagtail__wagtailcore_page";
    world.staging.remove(pages);
    world.staging.fill("wagtail__wagtailcore_page_ab12cd3", 5);
    world.staging.add_alias(pages, "wagtail__wagtailcore_page_ab12cd3");
    world.staging.misbehave(Rule::always("/_alias", Fault::ReadOnly));
    let run = world.search(&["status", "staging"]).exits(8);
    run.says(&["cannot read the aliases of the indices"]);
    let document = world.search(&["status", "staging", "--json"]).exits(8).json();
    // The alias was counted under its name: nothing is missing.
    assert_eq!(differences(&document), []);
    assert_eq!(index(&document, pages)["documents"], 5);
}

#[tokio::test]
async fn a_silent_cluster_ends_the_command() {
    let standin = ElasticsearchStandIn::start(Options::default()).await;
    standin.misbehave(Rule::always("/_cluster", Fault::Hang));
    let url = Secret::new(standin.url());
    let address = ClusterAddress::parse(&url, "BONSAI_URL").expect("an address");
    let (request, try_for) = (Duration::from_millis(200), Duration::from_millis(700));
    let timing = Timing { request, try_for, ..Timing::default() };
    let cluster = Cluster::with_timing(address, timing).expect("a client");
    let error = cluster.health().await.unwrap_err();
    assert!(error.kind() == ErrorKind::Timeout, "{error}");
    assert!(!error.to_string().contains("bonsai-password"), "{error}");
    assert!(standin.requests().len() > 1, "once is not always");
    assert_eq!(cluster.info().await.expect("an answer").version, "7.10.2");
}

#[test]
fn ctrl_c_ends_the_wait_for_a_silent_cluster() {
    let world = SearchWorld::new();
    world.staging.misbehave(Rule::always("/", Fault::Hang));
    let running = world.world.bcops.start(&["search", "status", "staging"]);
    wait::until("it asks", || !world.staging.requests().is_empty());
    running.interrupt();
    running.finish().fails(130, &["interrupted"]);
}

#[test]
fn a_missing_cluster_is_named_with_its_config_var() {
    let world = World::empty(heroku::Options::default());
    let status = |world: &World| world.bcops.run(&["search", "status", "staging"]);
    status(&world)
        .fails(3, &[STAGING, "BONSAI_URL", "environments.staging.config_vars.search_url"]);
    world.bcops.run(&["search", "reindex", "staging", "--dry-run"]).fails(3, &["BONSAI_URL"]);
    world
        .bcops
        .run(&["search", "open", "staging"])
        .fails(3, &["BONSAI_URL", "bcops addons staging"]);
    world.bcops.run(&["search", "status", "nowhere"]).fails(2, &["unknown environment"]);
    for bad in
        ["redis://u:bonsai-password@h", "http://u:bonsai-password@search.example", "nonsense"]
    {
        world.standin.set_config_var(STAGING, "BONSAI_URL", bad);
        status(&world).fails(3, &["BONSAI_URL of buckinghamshire-staging"]);
    }
    world.standin.misbehave(heroku::Rule::always("/config-vars", heroku::Fault::Unauthorized));
    status(&world).fails(3, &["401"]);
}

#[test]
fn a_variable_of_the_process_has_priority_over_the_config_var() {
    let mut world = SearchWorld::new();
    world.world.bcops.unset("HEROKU_API_KEY");
    world.world.bcops.set("BCOPS_PRODUCTION_BONSAI_URL", &world.staging.url());
    let document = world.search(&["status", "production", "--json"]).exits(0).json();
    assert_eq!(document["result"]["host"], world.staging.place.as_str());
    assert_eq!(document["result"]["plan"], Value::Null);
}

#[test]
fn the_console_is_opened_or_its_url_printed() {
    let world = SearchWorld::new();
    for arguments in [&["open", "production", "--url"][..], &["open", "production"]] {
        let run = world.search(arguments).exits(0);
        let is_console = run.stdout.starts_with("https://addons-sso.heroku.com/apps/");
        assert!(is_console && run.stdout.lines().count() == 1, "{}", run.stdout);
    }
    let document = world.search(&["open", "production", "--json"]).exits(0).json();
    assert_eq!(
        (&document["result"]["app"], &document["result"]["opened"]),
        (&PRODUCTION.into(), &false.into())
    );

    // On a terminal a browser is opened. If that fails, the URL is printed.
    let open = ["search", "open", "production"];
    let (code, screen) = world.world.bcops.start_on_terminal(&open).finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(
        screen.contains("cannot open a browser") && screen.contains("https://addons-sso"),
        "{screen}"
    );
    let opener = world.world.bcops.directory().join("path/xdg-open");
    let seen = world.world.bcops.directory().join("opened");
    fs::write(&opener, format!("#!/bin/sh\nprintf %s \"$1\" > '{}'\n", seen.display()))
        .expect("a script");
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).expect("a mode");
    let (code, screen) = world.world.bcops.start_on_terminal(&open).finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("in the browser"), "{screen}");
    assert!(fs::read_to_string(&seen).expect("what was opened").starts_with("https://addons-sso"));
}
