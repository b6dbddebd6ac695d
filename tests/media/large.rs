//! Tests large objects: limited turns, resumed ranges, parts copied by the server, lost answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bcops::adapters::s3::{BucketSettings, Credentials, DestinationBucket, SourceBucket};
use bcops::events::Silent;
use bcops::media::{CopyMethod, CopyParts, Copying, Progression, Uploads, copy_objects, list};
use bcops::secret::Secret;
use bcops::settings::{ProcessEnv, Settings};

use crate::media::world::{DEV, PRODUCTION, SECRET, STAGING, World, large};
use crate::standins::s3::{Fault, Headers, Rule};

const KEY: &str = "documents/film.mp4";
/// Seven ranges.
const LENGTH: usize = 100 << 20;
const TO_DEV: [&str; 6] =
    ["push-media", "dev", "--from", "production", "--confirm", "buckinghamshire-dev"];

#[test]
fn multipart_objects_need_no_second_turn() {
    let world = World::with_checksums(false);
    for number in 0..40 {
        let key = format!("documents/{number}.bin");
        world.s3.put_in_parts(PRODUCTION, &key, &large((6 << 20) + number), 5 << 20);
    }
    let started = Instant::now();
    world.pull(&["--jobs", "1"]).exits(0);
    world.assert_pulled(PRODUCTION);
    world.bcops.run(&[&TO_DEV[..], &["--jobs", "1"]].concat()).exits(0);
    world.assert_copied(PRODUCTION, DEV);
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
}

#[test]
fn a_large_object_is_resumed_where_a_run_stopped() {
    let world = World::new();
    world.s3.put(PRODUCTION, KEY, large(LENGTH));
    let leftovers =
        |world: &World| world.files().into_keys().filter(|key| key.contains(".bcops-")).count();
    world.s3.misbehave(Rule::always("GetObject", Fault::AccessDenied).after(4));
    world.pull(&[]).exits(11);
    assert_eq!(leftovers(&world), 1);
    world.s3.behave();
    // Killed this time.
    world.s3.misbehave(Rule::always("GetObject", Fault::Hang).after(1));
    let running = world.bcops.start(&["pull-media", "production"]);
    let started = Instant::now();
    world.s3.forget_requests();
    while world.count("GetObject") < 2 && started.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(500));
    running.kill();
    assert_eq!(leftovers(&world), 1);
    world.s3.behave();
    world.s3.forget_requests();
    world.pull(&[]).exits(0);
    // Ranges that were in transfer when one failed are repeated.
    assert!((1..=5).contains(&world.count("GetObject")), "{}", world.count("GetObject"));
    world.assert_pulled(PRODUCTION);
}

#[test]
fn data_of_another_version_is_discarded() {
    let world = World::new();
    world.s3.put(PRODUCTION, KEY, large(LENGTH));
    world.s3.misbehave(Rule::always("GetObject", Fault::AccessDenied).after(4));
    world.pull(&[]).exits(11);
    world.s3.behave();
    let mut other = large(LENGTH);
    other[5] ^= 1;
    world.s3.put(PRODUCTION, KEY, other);
    world.s3.forget_requests();
    world.pull(&[]).exits(0);
    assert_eq!(world.count("GetObject"), 7);
    world.assert_pulled(PRODUCTION);
}

#[test]
fn a_damaged_unfinished_file_is_detected() {
    let world = World::new();
    world.s3.put(PRODUCTION, KEY, large(LENGTH));
    world.s3.misbehave(Rule::always("GetObject", Fault::AccessDenied).after(5));
    world.pull(&[]).exits(11);
    world.s3.behave();
    let key = world.files().into_keys().find(|key| key.contains(".bcops-")).expect("a leftover");
    let file = std::fs::File::options().write(true).open(world.media().join(key)).expect("a file");
    std::os::unix::fs::FileExt::write_all_at(&file, b"damage", 1000).expect("written");
    world.pull(&[]).exits(0);
    world.assert_pulled(PRODUCTION);
}

#[test]
fn data_without_a_proving_etag_is_read_twice() {
    let world = World::with_checksums(false);
    world.s3.put(PRODUCTION, KEY, large(20 << 20));
    world.s3.change(PRODUCTION, KEY, |object| object.etag = format!("{}-3", "0a".repeat(16)));
    let done = world.bcops.run(&[&TO_DEV[..], &["--json"]].concat()).exits(0).json();
    assert_eq!(done["result"]["unverified"], 1);
    assert_eq!(world.count("GetObject"), 6, "three parts, twice");
    world.assert_copied(PRODUCTION, DEV);
    world.s3.empty(DEV);
    world.s3.misbehave(Rule::once("GetObject", Fault::FlippedByte(5)));
    world.bcops.run(&TO_DEV).exits(11).says(&["second reading"]);
    assert_eq!(world.s3.object(DEV, KEY), None);
    assert_eq!(world.s3.unfinished_uploads(), 0);
}

#[test]
fn an_upload_whose_last_answer_is_lost_is_done() {
    let world = World::new();
    world.write("documents/large.bin", large(20 << 20));
    world.s3.misbehave(Rule::once("CompleteMultipartUpload", Fault::CloseAfter));
    world.push(&[]).exits(0);
    assert_eq!(world.objects(STAGING), world.files());
    assert_eq!(world.s3.unfinished_uploads(), 0);
}

#[test]
fn a_bucket_in_another_region_is_found_there() {
    for redirects in [true, false] {
        let world = World::new();
        world.fill(PRODUCTION, 30);
        for operation in ["ListObjectsV2", "GetObject", "PutObject", "CopyObject", "HeadObject"] {
            let fault = Fault::InRegion { region: "eu-central-1", redirects };
            world.s3.misbehave(Rule::always(operation, fault));
        }
        world.pull(&[]).exits(0);
        world.assert_pulled(PRODUCTION);
        world.copy(&[]).exits(0);
        world.assert_copied(PRODUCTION, STAGING);
        let lost = world.s3.requests().iter().filter(|one| one.region == "eu-west-2").count();
        // The first requests of each bucket run at once, including the nine of the probe.
        assert!(lost < 30, "{lost} requests went to the region that is not the bucket's");
    }
}

fn bucket(world: &World, name: &str) -> BucketSettings {
    BucketSettings {
        bucket: name.to_owned(),
        credentials: Credentials {
            access_key: "key-staging".to_owned(),
            secret_key: Secret::new(SECRET),
            session_token: None,
        },
        region: None,
        endpoint: Some(world.s3.url.clone()),
        timeout: None,
    }
}

/// An object that the stand-in treats as larger than 5 GiB, with parts of 5 MiB.
#[test]
fn the_server_copies_large_objects_in_parts() {
    let world = World::new();
    let headers = Headers {
        content_type: Some("video/mp4".to_owned()),
        cache_control: Some("max-age=60".to_owned()),
        ..Headers::default()
    };
    world.s3.put(PRODUCTION, KEY, large((12 << 20) + 7));
    world.s3.change(PRODUCTION, KEY, |object| object.headers = headers.clone());
    world.s3.misbehave(Rule::once("UploadPartCopy", Fault::ErrorIn200));
    let directory = tempfile::tempdir().expect("a folder");
    let settings = Settings::load(&ProcessEnv {
        variable: &|_| None,
        working_directory: directory.path(),
        home: None,
        config_file: None,
    })
    .expect("settings");
    let staging = settings.environment("staging").expect("staging").as_destination();
    let staging = staging.expect("a destination");
    let source = SourceBucket::new(&bucket(&world, PRODUCTION), 8).expect("a bucket");
    #[expect(clippy::disallowed_methods, reason = "the bucket is a stand-in's")]
    let to = DestinationBucket::new(&bucket(&world, STAGING), &staging, None, 8).expect("a bucket");
    let uploads = Uploads::open(directory.path(), &to).expect("a state").expect("nobody else");
    let second = Uploads::open(directory.path(), &to).expect("a state");
    assert!(second.is_none(), "one at a time writes to a bucket");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let prefixes = ["documents/".to_owned()];
    let outcome = runtime.block_on(async {
        let listing = list(&source, &prefixes, &|_| {}).await.expect("a listing");
        let progression = Progression::new("copy", Arc::new(Silent), 1, listing.bytes());
        let parts = CopyParts { above: 5 << 20, size: 5 << 20 };
        let how = (CopyMethod::OnServer, parts);
        let copying = Copying::new(source, to, how, progression, uploads);
        copy_objects(&copying, listing.objects, 4).await
    });
    assert_eq!((outcome.objects, outcome.bytes), (1, (12 << 20) + 7), "{:?}", outcome.failures);
    world.assert_copied(PRODUCTION, STAGING);
    let copy = world.s3.object(STAGING, KEY).expect("a copy");
    assert_eq!((copy.parts.len(), &copy.headers), (3, &headers));
    assert_eq!(world.count("GetObject"), 0);
    assert_eq!(world.s3.unfinished_uploads(), 0);
}
