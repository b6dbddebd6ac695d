//! Tests Redis and the search cluster under another port, another variable, and another database of
//! one server.

use super::world::{PRODUCTION, STAGING, World};
use crate::standins::elasticsearch::{ElasticsearchStandIn, Options};
use crate::support::forward::Forward;
use crate::support::redis::RedisServer;

fn clear(world: &World) -> crate::command::Run {
    world.bcops.run(&["purge-cache", "staging", "--backend"])
}

#[test]
fn productions_redis_is_recognized_by_its_run_id() {
    let world = World::new();
    let (production, staging) = (RedisServer::start(), RedisServer::start());
    let keys = [":1:a-page", ":1:wagtail_site_root_paths"];
    production.set(0, &keys);
    staging.set(0, &keys);
    world.set(PRODUCTION, "REDIS_URL", &production.url());
    let port: u16 = production.url().rsplit(':').next().unwrap().parse().expect("a port");
    let forward = Forward::to(port);
    // Another user with another password, at another port.
    let rights = ["ACL", "SETUSER", "second", "on", ">another-long-password-1", "~*", "+@all"];
    production.run::<()>(0, &rights);
    let second = format!("redis://second:another-long-password-1@127.0.0.1:{}", forward.port);
    let by_forward = second.replace("127.0.0.1", "localhost.");
    for (variable, value) in [
        ("REDIS_URL", second.as_str()),
        ("REDIS_URL", by_forward.as_str()),
        ("REDIS_TLS_URL", production.tls_url().as_str()),
        ("CACHE_URL", production.tls_url().as_str()),
        ("CACHE_URL", second.as_str()),
        ("ANYTHING", second.replace("redis://", "REDIS://").as_str()),
    ] {
        world.set(STAGING, "REDIS_URL", &staging.url());
        world.set(STAGING, variable, value);
        clear(&world).fails(4, &["Redis", "production"]);
        world.set(STAGING, variable, "");
    }
    assert_eq!(production.keys(0).len(), 2);
    // In any variable of production.
    world.set(PRODUCTION, "REDIS_URL", "");
    world.set(PRODUCTION, "CELERY_BROKER", &production.url());
    world.set(STAGING, "REDIS_URL", &second);
    clear(&world).fails(4, &["Redis", "CELERY_BROKER"]);
    // Another server passes.
    world.set(STAGING, "REDIS_URL", &staging.url());
    clear(&world).exits(0);
    assert_eq!((production.keys(0).len(), staging.keys(0).len()), (2, 0));
}

#[test]
fn the_database_of_the_query_counts() {
    let world = World::new();
    let staging = RedisServer::start();
    for number in [0, 1, 2, 3] {
        staging.set(number, &[":1:a-page"]);
    }
    world.set(STAGING, "REDIS_URL", &format!("{}/1?db=2", staging.url()));
    clear(&world).exits(0);
    // The cache of renditions is the site's second one, in database 1 by default.
    let left: Vec<usize> = (0..4).map(|number| staging.keys(number).len()).collect();
    assert_eq!(left, [1, 0, 0, 1]);
    for bad in ["?host=other", "?db=x", "?db=1&db=2"] {
        world.set(STAGING, "REDIS_URL", &format!("{}/1{bad}", staging.url()));
        clear(&world).exits(3);
    }
}

#[test]
fn productions_search_cluster_is_recognized_by_its_uuid() {
    let world = World::new();
    let start = |user: &str, uuid: Option<&str>| {
        let mut options = Options { user: user.to_owned(), ..Options::default() };
        if let Some(uuid) = uuid {
            options.cluster_uuid = uuid.to_owned();
        }
        world.runtime.block_on(ElasticsearchStandIn::start(options))
    };
    let production = start("production-user", None);
    production.fill("wagtail__page", 3);
    let port: u16 = production.place.rsplit(':').next().unwrap().parse().expect("a port");
    let forward = Forward::to(port);
    let by_forward =
        production.url().replace(&production.place, &format!("localhost:{}", forward.port));
    let reindex = || world.bcops.run(&["search", "reindex", "staging", "--confirm", STAGING]);
    world.set(PRODUCTION, "BONSAI_URL", &production.url());
    world.set(STAGING, "BONSAI_URL", &by_forward);
    reindex().fails(4, &["search cluster", "production"]);
    // Under other names of the variable, on either side.
    let mine = start("staging-user", None);
    for variable in ["ELASTICSEARCH_URL", "SEARCHBOX_URL", "FOUNDELASTICSEARCH_URL"] {
        world.set(STAGING, "BONSAI_URL", &mine.url());
        world.set(STAGING, variable, &by_forward);
        reindex().fails(4, &["search cluster", variable]);
        world.set(STAGING, variable, "");
        world.set(PRODUCTION, "BONSAI_URL", "");
        world.set(PRODUCTION, variable, &production.url());
        world.set(STAGING, "BONSAI_URL", &by_forward);
        reindex().fails(4, &["search cluster", variable]);
        world.set(PRODUCTION, variable, "");
        world.set(PRODUCTION, "BONSAI_URL", &production.url());
    }
    // Two customers of one cluster, each with their own indices.
    let neighbour = start("staging-user", Some("one-cluster"));
    let theirs = start("production-user", Some("one-cluster"));
    neighbour.fill("wagtail__test", 1);
    theirs.fill("wagtail__page", 1);
    world.set(PRODUCTION, "BONSAI_URL", &theirs.url());
    world.set(STAGING, "BONSAI_URL", &neighbour.url());
    let dry = ["search", "reindex", "staging", "--dry-run"];
    let run = world.bcops.run(&dry);
    assert_ne!(run.code, Some(4), "{}", run.printed());
    // A common index shows that they are the same cluster.
    neighbour.fill("wagtail__page", 1);
    world.bcops.run(&dry).fails(4, &["search cluster", "production"]);
}
