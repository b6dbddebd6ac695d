//! Tests a colleague whose login sees only staging: trusted configuration names production's
//! resources.

use std::fs;

use super::world::{CONTENT_PREP, PRODUCTION, STAGING, World, by_port, url};
use crate::standins::cloudflare::{CloudflareStandIn, Login, Plan};
use crate::standins::elasticsearch::{ElasticsearchStandIn, Options as SearchOptions};
use crate::standins::heroku::{Fault, Rule};
use crate::standins::s3::{Key, Options, Right, S3StandIn};
use crate::support::forward::Forward;

const LIVE_ZONE: &str = "0123456789abcdef0123456789abcdef";
const TEST_ZONE: &str = "fedcba9876543210fedcba9876543210";

struct Colleague {
    world: World,
    s3: S3StandIn,
    cloudflare: CloudflareStandIn,
    search: ElasticsearchStandIn,
}

impl Colleague {
    fn new() -> Colleague {
        let mut world = World::new();
        for app in [PRODUCTION, CONTENT_PREP] {
            for path in [format!("/apps/{app}"), format!("/apps/{app}/config-vars")] {
                world.heroku.misbehave(Rule::always(&path, Fault::Forbidden));
            }
        }
        world.heroku.add_database(STAGING, "DATABASE", &url(world.cluster, &world.staging));
        let keys = vec![Key {
            access_key: "key-test",
            secret_key: "s3-secret-key",
            rights: vec![("test-media", Right::Write), ("live-media", Right::Write)],
        }];
        let s3 = world.runtime.block_on(S3StandIn::start(Options {
            port: 0,
            buckets: vec!["live-media", "test-media"],
            keys,
            checksum_by_default: true,
            keep_log: true,
        }));
        for (name, value) in [
            ("AWS_STORAGE_BUCKET_NAME", "test-media"),
            ("AWS_ACCESS_KEY_ID", "key-test"),
            ("AWS_SECRET_ACCESS_KEY", "s3-secret-key"),
            ("AWS_ENDPOINT_URL_S3", &s3.url),
            ("FRONTEND_CACHE_CLOUDFLARE_BEARER_TOKEN", "cf-secret-token"),
            ("FRONTEND_CACHE_CLOUDFLARE_ZONEID", TEST_ZONE),
        ] {
            world.set(STAGING, name, value);
        }
        let cloudflare = world.runtime.block_on(CloudflareStandIn::start(Plan::Pro, 10.0));
        cloudflare.add_zone(LIVE_ZONE, "buckinghamshire.gov.uk");
        cloudflare.add_zone(TEST_ZONE, "staging.torchbox.com");
        cloudflare.add_login(Login::token("cf-secret-token"));
        world.bcops.set("CLOUDFLARE_BASE_URL", &cloudflare.url);
        let search = world.runtime.block_on(ElasticsearchStandIn::start(SearchOptions::default()));
        world.heroku.add_addon(STAGING, "bonsai:sandbox", "BONSAI", ("BONSAI_URL", &search.url()));
        let media = world.bcops.directory().join("work/media/original_images");
        fs::create_dir_all(&media).expect("a folder");
        fs::write(media.join("one.jpg"), "an image").expect("written");
        Colleague { world, s3, cloudflare, search }
    }

    fn trust(&self, text: &str) {
        let home = self.world.bcops.directory().join("home/.config/bcops");
        fs::create_dir_all(&home).expect("a folder");
        fs::write(home.join("config.toml"), text).expect("written");
    }

    fn known_buckets(&self) -> String {
        format!(
            "[environments.production.known]\nbuckets = [\"live-media@{0}\"]\n\
             [environments.content-prep.known]\nbuckets = [\"prep-media@{0}\"]\n",
            self.s3.url
        )
    }

    fn push(&self) -> crate::command::Run {
        self.world.bcops.run(&["push-media", "staging", "--confirm", STAGING])
    }
}

#[test]
fn a_login_that_sees_only_staging_can_work_there() {
    let colleague = Colleague::new();
    let world = &colleague.world;
    // Production's bucket is unknown.
    colleague
        .push()
        .fails(4, &["could not be compared", "environments.content-prep.known.buckets"]);
    colleague.trust(&colleague.known_buckets());
    colleague.push().exits(0);
    assert_eq!(colleague.s3.objects("test-media").len(), 1);
    world
        .bcops
        .run(&["purge-cache", "staging", "--everything", "--confirm", "staging.torchbox.com"])
        .exits(0);
    let page = "https://buckinghamshire-staging.staging.torchbox.com/";
    world.bcops.run(&["purge-cache", "staging", "--url", page]).exits(0);
    world.scrub().exits(0);
    let run = world.bcops.run(&["search", "reindex", "staging", "--dry-run"]);
    assert_ne!(run.code, Some(4), "{}", run.printed());
    assert!(colleague.search.requests().iter().all(|one| one.method == "GET"));
}

#[test]
fn production_resources_in_trusted_configuration_are_refused() {
    let colleague = Colleague::new();
    let world = &colleague.world;
    colleague.trust(&format!(
        "[environments.production.known]\nbuckets = [\"live-media@{0}\"]\nzones = [\"{LIVE_ZONE}\"]\n\
         databases = [\"127.0.0.1/{1}\"]\nredis = [\"redis.example:6379\"]\nsearch = [\"localhost:9243\"]\n\
         apps = [\"buckinghamshire-live\"]\n\
         [environments.content-prep.known]\nbuckets = [\"prep-media@{0}\"]\n",
        colleague.s3.url, world.production
    ));
    colleague.push().exits(0);
    world.set(STAGING, "AWS_STORAGE_BUCKET_NAME", "live-media");
    colleague.push().fails(4, &["known.buckets"]);
    assert!(colleague.s3.objects("live-media").is_empty());
    world.set(STAGING, "AWS_STORAGE_BUCKET_NAME", "test-media");
    world.set(STAGING, "FRONTEND_CACHE_CLOUDFLARE_ZONEID", LIVE_ZONE);
    let live = ["purge-cache", "staging", "--everything", "--confirm", "buckinghamshire.gov.uk"];
    world.bcops.run(&live).fails(4, &["known.zones"]);
    assert_eq!(colleague.cloudflare.purges(), []);
    world.set(STAGING, "FRONTEND_CACHE_CLOUDFLARE_ZONEID", TEST_ZONE);
    world.set(STAGING, "BONSAI_URL", "https://u:bonsai-password@localhost:9243");
    world.bcops.run(&["search", "reindex", "staging", "--dry-run"]).fails(4, &["known.search"]);
    world.set(STAGING, "BONSAI_URL", "");
    let forward = Forward::to(world.cluster.port());
    world.set(STAGING, "DATABASE_URL", &by_port(forward.port, &world.production));
    world.assert_refused(&["known.databases"]);
    world.set(STAGING, "REDIS_URL", "redis://redis.example");
    world.set(STAGING, "DATABASE_URL", &url(world.cluster, &world.staging));
    world.bcops.run(&["purge-cache", "staging", "--backend"]).fails(4, &["known.redis"]);
}

#[test]
fn without_a_known_zone_the_sites_decide() {
    let colleague = Colleague::new();
    let world = &colleague.world;
    // Production's zone cannot be read, but its site is known to be in this zone.
    world.set(STAGING, "FRONTEND_CACHE_CLOUDFLARE_ZONEID", LIVE_ZONE);
    let live = ["purge-cache", "staging", "--everything", "--confirm", "buckinghamshire.gov.uk"];
    world.bcops.run(&live).fails(4, &["production"]);
    assert_eq!(colleague.cloudflare.purges(), []);
}
