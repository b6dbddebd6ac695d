//! Tests buckets under another port, an alias or other keys, and buckets that only look alike.

use super::world::{PRODUCTION, STAGING, World};
use crate::standins::s3::{Key, Options, Right, S3StandIn};
use crate::support::forward::Forward;

const SECRET: &str = "s3-secret-key";

struct Media {
    world: World,
    s3: S3StandIn,
}

impl Media {
    fn new() -> Media {
        let world = World::new();
        let buckets = vec!["live-media", "test-media"];
        let all = |access_key| Key {
            access_key,
            secret_key: SECRET,
            rights: vec![("live-media", Right::Write), ("test-media", Right::Write)],
        };
        let s3 = world.runtime.block_on(S3StandIn::start(Options {
            port: 0,
            buckets,
            keys: vec![all("key-live"), all("key-test")],
            checksum_by_default: true,
            keep_log: true,
        }));
        let media = Media { world, s3 };
        media.set(PRODUCTION, "live-media", "key-live", &media.s3.url);
        media.set(STAGING, "test-media", "key-test", &media.s3.url);
        for number in 0..12 {
            let key = format!("original_images/{number}.jpg");
            media.s3.put("live-media", &key, vec![number; 20]);
        }
        media
    }

    fn set(&self, app: &str, bucket: &str, key: &str, endpoint: &str) {
        for (name, value) in [
            ("AWS_STORAGE_BUCKET_NAME", bucket),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_ENDPOINT_URL_S3", endpoint),
        ] {
            self.world.set(app, name, value);
        }
    }

    fn push(&self) -> crate::command::Run {
        self.world.bcops.run(&[
            "push-media",
            "staging",
            "--from",
            "production",
            "--images",
            "--no-delete",
            "--confirm",
            STAGING,
        ])
    }

    fn writes(&self) -> usize {
        self.s3.requests().iter().filter(|one| one.writes() && one.bucket == "live-media").count()
    }
}

#[test]
fn productions_bucket_is_recognized_by_its_content() {
    let media = Media::new();
    let port: u16 = media.s3.url.rsplit(':').next().unwrap().parse().expect("a port");
    let forward = Forward::to(port);
    for endpoint in
        [format!("http://127.0.0.1:{}", forward.port), format!("http://localhost:{}", forward.port)]
    {
        media.set(STAGING, "live-media", "key-test", &endpoint);
        media.push().fails(4, &["bucket", "belongs to production"]);
    }
    assert_eq!(media.writes(), 0);
    // Three objects are enough to decide, two are not.
    for number in 3..12 {
        media.s3.remove("live-media", &format!("original_images/{number}.jpg"));
    }
    media.push().fails(4, &["belongs to production"]);
    media.s3.remove("live-media", "original_images/2.jpg");
    media.push().fails(4, &["could not be compared", "known.buckets"]);
    assert_eq!(media.writes(), 0);
}

#[test]
fn another_bucket_passes_with_any_content() {
    let media = Media::new();
    let port: u16 = media.s3.url.rsplit(':').next().unwrap().parse().expect("a port");
    let forward = Forward::to(port);
    // Empty, at another address.
    media.set(STAGING, "test-media", "key-test", &format!("http://localhost:{}", forward.port));
    let run = media.push();
    assert_ne!(run.code, Some(4), "{}", run.printed());
    // A copy of production's, made later.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    for number in 0..12 {
        media.s3.put("test-media", &format!("original_images/{number}.jpg"), vec![number; 20]);
    }
    let run = media.push();
    assert_ne!(run.code, Some(4), "{}", run.printed());
    assert_eq!(media.writes(), 0);
}

#[test]
fn an_access_point_is_not_mistaken_for_a_separate_bucket() {
    let media = Media::new();
    for name in ["live-ap-1a2b3c-s3alias", "live-media--ol-s3"] {
        // At AWS, which does not answer here.
        media.set(STAGING, name, "key-test", "");
        media.push().fails(4, &["bucket"]);
    }
    assert_eq!(media.writes(), 0);
}

#[test]
fn a_bucket_of_production_in_any_variable_is_refused() {
    let media = Media::new();
    media.world.set(STAGING, "BACKUP_BUCKET", "live-media");
    media.push().fails(4, &["BACKUP_BUCKET", "production"]);
    media.world.set(STAGING, "BACKUP_BUCKET", "");
    media.world.set(STAGING, "STORE", "s3://live-media/path");
    media.push().fails(4, &["STORE", "production"]);
    assert_eq!(media.writes(), 0);
}
