//! Tests faults of other services during a reset: the search index, Redis, Cloudflare.

use std::cell::RefCell;

use crate::purge_cache::world::{
    BEARER, PRODUCTION_NAME, PRODUCTION_ZONE, STAGING_NAME, STAGING_ZONE, TOKEN, ZONE,
};
use crate::reset_staging::fault_cases::{Left, case, check_in};
use crate::reset_staging::run::arguments;
use crate::reset_staging::world::{Trouble, World};
use crate::standins::cloudflare::{self, CloudflareStandIn, Login, Plan};
use crate::standins::elasticsearch::{ElasticsearchStandIn, Fault, Options, Rule};
use crate::support::redis::RedisServer;
use crate::whole_site::{PRODUCTION, STAGING};

/// A world whose staging has a search cluster.
fn searching() -> (World, ElasticsearchStandIn) {
    let world = World::new();
    let cluster = world.runtime().block_on(ElasticsearchStandIn::start(Options::default()));
    world.whole.set_search(STAGING, &cluster.url());
    (world, cluster)
}

#[test]
fn an_index_that_is_not_built_keeps_staging_closed() {
    let (world, _cluster) = searching();
    let says = &["the step search failed", "update_index", "runs rollback"];
    let fails = case("update_index fails", 8, Left::Quarantine, says, |world| {
        world.make(Trouble::CommandFails("update_index"));
    });
    check_in(&world, fails.mended_by(|world| world.whole.code.control("update_index", None)));
}

/// The site's indices from before the run.
fn fill(cluster: &ElasticsearchStandIn) {
    for table in [
        "wagtailcore_page",
        "images_customimage",
        "documents_customdocument",
        "family_information_ehcco",
        "family_information_school",
    ] {
        cluster.fill(&format!("wagtail__{table}"), 3);
    }
}

#[track_caller]
fn opens_with_an_old_index(world: &World) {
    let run = world.bcops(&arguments(&["--media", "none"])).exits(0);
    run.says(&["update_index", "exit status", "bcops search reindex staging"]);
    let state = world.staging();
    assert!(!state.maintenance && state.is_deployed);
    assert_eq!(world.outcome("search"), "done, with a warning");
}

#[test]
fn an_index_that_is_not_rebuilt_is_a_warning() {
    let (world, cluster) = searching();
    fill(&cluster);
    world.make(Trouble::CommandFails("update_index"));
    opens_with_an_old_index(&world);
}

#[test]
fn a_search_cluster_that_refuses_changes_is_a_warning() {
    let (world, cluster) = searching();
    fill(&cluster);
    // Bonsai allows reading such a cluster.
    cluster.misbehave(Rule::always("_refresh", Fault::ReadOnly));
    world.make(Trouble::CommandFails("update_index"));
    opens_with_an_old_index(&world);
}

#[test]
fn an_index_that_is_empty_keeps_staging_closed() {
    let (world, _cluster) = searching();
    let says = &["the step search failed", "is empty, but the database has", "runs rollback"];
    let empty = case("update_index fills nothing", 8, Left::Quarantine, says, |world| {
        world.make(Trouble::EmptyIndex);
    });
    check_in(&world, empty.mended_by(|world| world.whole.code.control("update_index", None)));
}

#[test]
fn an_index_that_is_short_keeps_staging_closed() {
    let (world, cluster) = searching();
    let says = &["the step search failed", "is short:", "runs rollback"];
    let short = case("a document is lost", 8, Left::Quarantine, says, |_| {
        cluster.misbehave(Rule::always("_bulk", Fault::LostDocument));
    });
    check_in(&world, short.mended_by(|_| cluster.behave()));
}

#[test]
fn an_index_that_cannot_be_counted_is_a_warning() {
    let (world, cluster) = searching();
    let count = "wagtail__wagtailcore_page/_count";
    cluster.misbehave(Rule::always(count, Fault::FailedShard));
    let run = world.bcops(&arguments(&["--media", "none"])).exits(0);
    run.says(&[
        "wagtail__wagtailcore_page was not counted",
        "shards of the index did not take part",
    ]);
    let state = world.staging();
    assert!(!state.maintenance && state.is_deployed);
    assert_eq!(world.outcome("search"), "done");
}

#[test]
fn a_search_cluster_that_refuses_everything_keeps_staging_closed() {
    let (world, cluster) = searching();
    let says = &["the step search failed", "bcops search open", "runs rollback"];
    let full = case("the cluster refuses", 3, Left::Quarantine, says, |_| {
        cluster.misbehave(Rule::always("", Fault::ReadOnly));
    });
    check_in(&world, full.during("maintenance").mended_by(|_| cluster.behave()));
}

/// A world whose two apps have zones at Cloudflare.
pub fn behind_cloudflare() -> (World, CloudflareStandIn) {
    let mut world = World::new();
    let cloudflare = world.runtime().block_on(CloudflareStandIn::start(Plan::Pro, 10.0));
    cloudflare.add_zone(PRODUCTION_ZONE, PRODUCTION_NAME);
    cloudflare.add_zone(STAGING_ZONE, STAGING_NAME);
    cloudflare.add_login(Login::token(TOKEN));
    world.bcops.set("CLOUDFLARE_BASE_URL", &cloudflare.url);
    for (app, zone) in [(PRODUCTION, PRODUCTION_ZONE), (STAGING, STAGING_ZONE)] {
        world.whole.heroku.set_config_var(app, BEARER, TOKEN);
        world.whole.heroku.set_config_var(app, ZONE, zone);
    }
    world.furnished();
    (world, cloudflare)
}

#[test]
fn a_purge_that_is_forbidden_keeps_staging_closed() {
    let (world, cloudflare) = behind_cloudflare();
    let says = &["the step front-end-cache failed", "Cache Purge", "runs rollback"];
    let forbidden = case("the token may not purge", 3, Left::Quarantine, says, |_| {
        let rule = cloudflare::Rule::always("purge_cache", cloudflare::Fault::Forbidden);
        cloudflare.misbehave(rule);
    });
    check_in(&world, forbidden.mended_by(|_| cloudflare.behave()));
    let purged: Vec<String> = cloudflare.purges().into_iter().map(|one| one.zone).collect();
    assert_eq!(purged, [STAGING_ZONE]);
}

#[test]
fn a_purge_without_success_keeps_staging_closed() {
    let (world, cloudflare) = behind_cloudflare();
    let says = &["the step front-end-cache failed", "runs rollback"];
    let unsuccessful = case("200 with success: false", 1, Left::Quarantine, says, |_| {
        let rule = cloudflare::Rule::always("purge_cache", cloudflare::Fault::NotASuccess);
        cloudflare.misbehave(rule);
    });
    check_in(&world, unsuccessful.mended_by(|_| cloudflare.behave()));
}

#[test]
fn a_redis_that_goes_down_keeps_staging_closed() {
    let world = World::new();
    let server = RefCell::new(Some(RedisServer::start()));
    let tell = |world: &World| {
        let url = server.borrow().as_ref().map(RedisServer::url).expect("a server");
        world.whole.heroku.set_config_var(STAGING, "REDIS_URL", &url);
    };
    tell(&world);
    let says = &["the step cache failed", "cannot connect to Redis", "runs rollback"];
    let down = case("Redis is gone", 3, Left::Quarantine, says, |_| {
        server.take();
    });
    let down = down.during("maintenance").mended_by(|world| {
        server.replace(Some(RedisServer::start()));
        tell(world);
    });
    check_in(&world, down);
}
