//! Tests `bcops purge-cache --backend`: removes only Django's keys from a real Redis and from the
//! cache table.

use crate::purge_cache::world::{PRODUCTION, STAGING, TOKEN, World};
use crate::standins::cloudflare::{Login, Plan};
use crate::support::postgres::Cluster;
use crate::support::redis::RedisServer;

const ROOTS: &str = "wagtail_site_root_paths";
/// Keys outside Django's default cache: a queue, another site's prefix, an invalid version.
const OTHERS: [&str; 4] = ["_kombu.binding.celery", "other:1:page", ":x:page", "session"];
/// Sorted.
const DJANGOS: [&str; 4] = [
    ":1:page",
    ":1:wagtail_site_root_paths",
    ":12:views.decorators.cache",
    ":2:wagtail_site_root_paths",
];

fn filled(server: &RedisServer) {
    server.set(0, &OTHERS);
    server.set(0, &DJANGOS);
    server.set(1, &[":1:rendition", OTHERS[0]]);
}

fn others() -> Vec<String> {
    let mut others = OTHERS.map(str::to_owned).to_vec();
    others.sort();
    others
}

fn staging_uses(world: &World, url: &str) {
    world.heroku.set_config_var(STAGING, "REDIS_TLS_URL", url);
}

#[test]
fn only_djangos_keys_are_deleted() {
    let (world, server) = (World::new(), RedisServer::start());
    filled(&server);
    staging_uses(&world, &server.tls_url());
    // Without TLS it is another server, which does not exist.
    world.heroku.set_config_var(STAGING, "REDIS_URL", "redis://127.0.0.1:1");
    let document = world.purge(&["staging", "--backend", "--dry-run", "--json"]).exits(0).json();
    let backend = &document["result"]["backend"];
    assert_eq!((&backend["store"], &backend["found"]), (&"redis".into(), &5.into()));
    assert_eq!(server.keys(0).len(), 8);
    let run = world.purge(&["staging", "--backend"]).exits(0);
    assert_eq!(run.stdout, "Cleared 5 keys\n");
    assert_eq!(server.keys(0), others());
    // The cache of renditions is Django's too, in the next database.
    assert_eq!(server.keys(1), OTHERS[..1]);
    world.assert_nothing_purged();
    let run = world.purge(&["staging", "--backend"]).exits(0);
    assert_eq!(run.stdout, "Cleared 0 keys\n");
}

#[test]
fn only_the_sites_cache_and_another_prefix() {
    let (world, server) = (World::new(), RedisServer::start());
    filled(&server);
    server.set(0, &[&format!("b[c]:2:{ROOTS}"), "b[c]:1:page", "bc:1:page"]);
    world.heroku.set_config_var(STAGING, "REDIS_URL", &server.url());
    let document = world.purge(&["staging", "--backend=sites", "--json"]).exits(0).json();
    assert_eq!(document["result"]["backend"]["cleared"], 2);
    assert!(server.keys(0).contains(&":1:page".to_owned()));
    assert!(!server.keys(0).contains(&format!(":2:{ROOTS}")));
    world.bcops.write("bcops.toml", "[cache]\nkey_prefix = \"b[c]\"\n");
    world.purge(&["staging", "--backend"]).exits(0);
    let keys = server.keys(0);
    assert!(!keys.iter().any(|key| key.starts_with("b[c]")), "{keys:?}");
    assert!(keys.contains(&"bc:1:page".to_owned()) && keys.contains(&":1:page".to_owned()));
}

#[test]
fn the_cache_of_renditions_is_where_the_configuration_says() {
    let (world, server) = (World::new(), RedisServer::start());
    let fill = || {
        filled(&server);
        server.set(3, &[":1:elsewhere"]);
    };
    staging_uses(&world, &format!("{}?ssl_cert_reqs=none", server.tls_url()));
    fill();
    world.bcops.write("bcops.toml", "[cache]\nrenditions_database = \"none\"\n");
    world.purge(&["staging", "--backend"]).exits(0);
    assert_eq!((server.keys(1).len(), server.keys(3).len()), (2, 1));
    fill();
    world.bcops.write("bcops.toml", "[cache]\nrenditions_database = \"3\"\n");
    world.purge(&["staging", "--backend"]).exits(0);
    assert_eq!((server.keys(1).len(), server.keys(3).len()), (2, 0));
    // Wagtail's cached sites are only in the first database.
    server.set(3, &[":1:wagtail_site_root_paths"]);
    world.purge(&["staging", "--backend=sites"]).exits(0);
    assert_eq!(server.keys(3).len(), 1);
    world.bcops.write("bcops.toml", "[cache]\nrenditions_database = \"many\"\n");
    world.purge(&["staging", "--backend"]).fails(3, &["renditions_database", "number"]);
}

#[test]
fn sessions_in_the_cache_are_reported_before_deletion() {
    let (world, server) = (World::new(), RedisServer::start());
    server.set(
        0,
        &[
            ":1:django.contrib.sessions.cacheabc",
            ":1:django.contrib.sessions.cachexyz",
            ":1:django.contrib.sessions.cached_dbabc",
            ":1:page",
        ],
    );
    staging_uses(&world, &server.url());
    let run = world.purge(&["staging", "--backend", "--dry-run"]).exits(0);
    assert!(run.stdout.contains("2 of them are sessions"), "{}", run.printed());
    let document = world.purge(&["staging", "--backend", "--json"]).exits(0).json();
    let backend = &document["result"]["backend"];
    assert_eq!((&backend["cleared"], &backend["sessions"]), (&4.into(), &2.into()));
}

#[test]
fn a_login_with_few_commands_still_deletes() {
    let (world, server) = (World::new(), RedisServer::start());
    let (_, place) =
        server.url().split_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("it");
    // Without UNLINK, PING and INFO, and with only one database, so the site has no second one
    // either.
    server.run::<()>(0, &["ACL", "SETUSER", "old", "on", ">redis-password", "~*", "+scan", "+del"]);
    filled(&server);
    staging_uses(&world, &format!("redis://old:redis-password@{place}"));
    world.purge(&["staging", "--backend"]).exits(0);
    assert_eq!((server.keys(0), server.keys(1).len()), (others(), 2));
    server.run::<()>(0, &["ACL", "SETUSER", "old", "+select"]);
    world.purge(&["staging", "--backend"]).exits(0);
    assert_eq!(server.keys(1), OTHERS[..1]);
}

#[test]
fn a_cluster_takes_keys_one_by_one() {
    let (world, server) = (World::new(), RedisServer::clustered());
    server.set(0, &OTHERS);
    server.set(0, &DJANGOS);
    staging_uses(&world, &server.url());
    let document = world.purge(&["staging", "--backend", "--json"]).exits(0).json();
    assert_eq!(document["result"]["backend"]["cleared"], 4);
    assert_eq!(server.keys(0), others());
}

#[test]
fn tens_of_thousands_of_keys() {
    let (world, server) = (World::new(), RedisServer::start());
    let script = "for i = 1, 30000 do redis.call('SET', ':1:key' .. i, 'x') end return 1";
    server.run::<i64>(0, &["EVAL", script, "0"]);
    filled(&server);
    staging_uses(&world, &server.url());
    let run = world.purge(&["staging", "--backend"]).exits(0);
    assert_eq!(run.stdout, "Cleared 30,005 keys\n");
    assert_eq!(server.keys(0), others());
}

#[test]
fn a_server_that_does_not_answer_or_refuses_the_login() {
    let (world, server) = (World::new(), RedisServer::start());
    let backend = ["staging", "--backend"];
    staging_uses(&world, &server.url().replace(":redis-password", ":wrong-password"));
    world.purge(&backend).fails(3, &["refused the login", "wrong user or password"]);
    let (_, place) =
        server.url().split_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("it");
    staging_uses(&world, &format!("redis://{place}"));
    world.purge(&backend).fails(3, &["refused the login", &place]);
    staging_uses(&world, "rediss://:redis-password@127.0.0.1:1");
    world.purge(&backend).fails(3, &["cannot connect to Redis at 127.0.0.1:1", "doctor"]);
    staging_uses(&world, &server.url().replace("redis://", "rediss://"));
    // A server without TLS reads the handshake as a command and waits for the rest.
    world.purge(&backend).fails(3, &["Redis at 127.0.0.1", "doctor"]);
    staging_uses(&world, "redis://:redis-password@redis.invalid:6379");
    world.purge(&backend).fails(3, &["unencrypted", "rediss://"]);
    staging_uses(&world, "memcached://x");
    world.purge(&backend).fails(3, &["REDIS_TLS_URL", STAGING]);
    server.run::<()>(
        0,
        &["ACL", "SETUSER", "reader", "on", ">redis-password", "~*", "+get", "+ping", "+select"],
    );
    staging_uses(&world, &format!("redis://reader:redis-password@{place}"));
    world.purge(&backend).fails(3, &["does not allow SCAN"]);
}

#[test]
fn productions_redis_is_not_mistaken_for_stagings() {
    let (mut world, server) = (World::new(), RedisServer::start());
    filled(&server);
    world.heroku.set_config_var(PRODUCTION, "HEROKU_REDIS_RED_URL", &server.url());
    staging_uses(&world, &server.url().replace("127.0.0.1", "localhost"));
    world.purge(&["staging", "--backend"]).fails(4, &["production", "HEROKU_REDIS_RED_URL"]);
    staging_uses(&world, "");
    world.bcops.set("BCOPS_STAGING_REDIS_URL", &server.tls_url());
    // Another port, but a password that only one server has.
    world.purge(&["staging", "--backend"]).fails(4, &["production"]);
    world.purge(&["content-prep", "--backend"]).fails(4, &["protected"]);
    assert_eq!(server.keys(0).len(), 8);
}

#[test]
fn the_cache_table_is_used_without_redis() {
    let world = World::new();
    let cluster = Cluster::shared();
    let database = "cache_of_staging";
    cluster.psql("postgres", &format!("CREATE DATABASE {database}"));
    let url = format!("{}?sslmode=disable", cluster.url(database));
    world.heroku.set_config_var(STAGING, "DATABASE_URL", &url);
    world
        .purge(&["staging", "--backend"])
        .fails(3, &["no table database_cache", "createcachetable"]);
    let table = "CREATE TABLE database_cache (cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL)";
    cluster.psql(database, table);
    for key in DJANGOS.iter().chain(&OTHERS) {
        cluster.psql(database, &format!("INSERT INTO database_cache VALUES ('{key}', 'x', now())"));
    }
    let document = world.purge(&["staging", "--backend=sites", "--json"]).exits(0).json();
    let backend = &document["result"]["backend"];
    assert_eq!((&backend["store"], &backend["cleared"]), (&"table".into(), &2.into()));
    world.purge(&["staging", "--backend"]).exits(0).says(&["database_cache"]);
    let left = cluster.psql(database, "SELECT cache_key FROM database_cache");
    let mut left: Vec<String> = left.lines().map(str::to_owned).collect();
    left.sort();
    assert_eq!(left, others());
    // The same database under another name is production's.
    world.heroku.set_config_var(PRODUCTION, "DATABASE_URL", &url.replace("127.0.0.1", "localhost"));
    world.purge(&["staging", "--backend"]).fails(4, &["production", "DATABASE_URL"]);
    cluster.psql("postgres", &format!("DROP DATABASE {database}"));
}

#[test]
fn site_records_name_the_hosts_of_a_zone_without_a_readable_name() {
    let world = World::with(Plan::Pro, 10.0, Login { reads_zones: false, ..Login::token(TOKEN) });
    let cluster = Cluster::shared();
    let database = "sites_of_staging";
    cluster.psql("postgres", &format!("CREATE DATABASE {database}"));
    cluster.psql(
        database,
        "CREATE TABLE wagtailcore_site AS SELECT 'Jobs.staging.torchbox.com' AS hostname",
    );
    let url = format!("{}?sslmode=disable", cluster.url(database));
    world.heroku.set_config_var(STAGING, "DATABASE_URL", &url);
    let jobs = "https://jobs.staging.torchbox.com/";
    world.purge(&["staging", "--url", jobs]).exits(0);
    let other = "https://other.staging.torchbox.com/";
    world.purge(&["staging", "--url", other]).fails(2, &[other, "the sites of staging"]);
    assert_eq!(world.cloudflare.purged("files"), [jobs]);
    cluster.psql("postgres", &format!("DROP DATABASE {database}"));
}
