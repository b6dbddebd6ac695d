//! Tests bad buckets: never a wrong file, never a deletion after an incomplete listing, an end
//! within seconds, and the right exit code.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::media::world::{PRODUCTION, World, bytes, large};
use crate::standins::s3::{Fault, Limits, Rule};

/// More than two pages of a listing, pulled once. Ten objects have gone since.
fn pulled() -> (World, BTreeMap<String, Vec<u8>>) {
    let world = World::new();
    for number in 0..2500 {
        world.s3.put(PRODUCTION, &format!("images/f{number:05}"), format!("body {number}"));
    }
    world.pull(&[]).exits(0);
    for number in 100..110 {
        world.s3.remove(PRODUCTION, &format!("images/f{number:05}"));
    }
    let files = world.files();
    assert_eq!(files.len(), 2500);
    (world, files)
}

/// The second page of the listing always fails like this.
#[track_caller]
fn listing_fails(fault: Fault, code: i32, words: &[&str]) {
    let (world, before) = pulled();
    world.s3.misbehave(Rule::always("ListObjectsV2", fault).on("/images/").after(1));
    let started = Instant::now();
    world.pull(&["--yes"]).fails(code, words);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert!(world.files() == before, "something was changed");
    world.s3.behave();
    world.pull(&["--yes"]).exits(0);
    world.assert_pulled(PRODUCTION);
}

#[test]
fn a_listing_with_a_server_error_deletes_nothing() {
    listing_fails(Fault::ServerError, 1, &["InternalError"]);
}

#[test]
fn a_listing_with_expired_credentials_deletes_nothing() {
    listing_fails(Fault::ExpiredToken, 3, &["ExpiredToken"]);
}

#[test]
fn a_listing_that_is_reset_deletes_nothing() {
    listing_fails(Fault::CloseBefore, 1, &["no answer"]);
}

#[test]
fn a_listing_that_is_cut_deletes_nothing() {
    listing_fails(Fault::ShortBody(20_000), 1, &["does not understand the answer"]);
}

#[test]
fn a_listing_whose_body_breaks_off_deletes_nothing() {
    listing_fails(Fault::CutBody(20_000), 1, &["no answer"]);
}

#[test]
fn a_listing_that_is_denied_or_gone_deletes_nothing() {
    listing_fails(Fault::AccessDenied, 3, &["AccessDenied"]);
    listing_fails(Fault::NotFound, 3, &["NoSuchBucket"]);
}

#[test]
fn a_listing_that_throttles_for_ever_deletes_nothing() {
    listing_fails(Fault::SlowDown, 1, &["SlowDown"]);
}

#[test]
fn a_listing_that_stops_early_or_is_empty_deletes_nothing() {
    let (world, before) = pulled();
    // A page of a thousand objects that claims to be the last: 1,500 files would be deleted.
    world.s3.misbehave(Rule::once("ListObjectsV2", Fault::StopsEarly).on("/images/"));
    world.pull(&["--yes"]).fails(4, &["1,500 of the 2,500 objects"]);
    world.s3.misbehave(Rule::once("ListObjectsV2", Fault::StopsEarly).on("/images/"));
    // Deletion is allowed here, but the bucket still has each of the objects when asked.
    let allowed = world.pull(&["--yes", "--max-delete", "100%"]);
    allowed.fails(1, &["cannot trust the listing", "nothing was deleted"]);
    world.s3.misbehave(Rule::once("ListObjectsV2", Fault::EmptyListing).on("/images/"));
    world.pull(&["--yes"]).fails(4, &["holds no media"]);
    assert!(world.files() == before);
    // The order of a listing is not trusted.
    world.s3.misbehave(Rule::times(2, "ListObjectsV2", Fault::Reversed).on("/images/"));
    world.pull(&["--yes"]).exits(0);
    world.assert_pulled(PRODUCTION);
}

#[test]
fn a_listing_that_recovers_is_right() {
    let (world, _) = pulled();
    for fault in [Fault::ServerError, Fault::CloseBefore, Fault::SlowDown] {
        world.s3.misbehave(Rule::times(2, "ListObjectsV2", fault).on("/images/").after(1));
    }
    world.pull(&["--yes"]).exits(0);
    world.assert_pulled(PRODUCTION);
}

#[test]
fn objects_from_the_future_are_objects() {
    let world = World::new();
    world.fill(PRODUCTION, 12);
    world.pull(&[]).exits(0);
    let future = std::time::SystemTime::now() + Duration::from_secs(86_400);
    world.s3.change(PRODUCTION, "images/File_0003.jpg", |object| object.modified = future);
    world.pull(&["--yes"]).exits(0);
    world.assert_pulled(PRODUCTION);
}

#[test]
fn a_wrong_clock_is_corrected() {
    let world = World::new();
    world.fill(PRODUCTION, 12);
    world.s3.misbehave(Rule::once("ListObjectsV2", Fault::Skewed(0)));
    world.pull(&[]).exits(0);
    world.assert_pulled(PRODUCTION);
}

#[test]
fn transfers_with_temporary_failures_succeed() {
    for checksums in [true, false] {
        let world = World::with_checksums(checksums);
        world.fill(PRODUCTION, 60);
        world.s3.put(PRODUCTION, "documents/large.bin", large(70 << 20));
        for (number, fault) in [
            Fault::ServerError,
            Fault::CloseBefore,
            Fault::CutBody(9000),
            Fault::ShortBody(9000),
            Fault::LongerLength(77),
            Fault::FlippedByte(100),
            Fault::TooManyRequests,
            Fault::Replaced,
            Fault::Slow(Duration::from_millis(300)),
        ]
        .into_iter()
        .enumerate()
        {
            let key = format!("File_{:04}", number + 10);
            world.s3.misbehave(Rule::once("GetObject", fault.clone()).on(&key));
            if !matches!(fault, Fault::FlippedByte(_) | Fault::Replaced) {
                world.s3.misbehave(Rule::once("GetObject", fault).on("large").after(1));
            }
        }
        let done = world.pull(&["--json"]).exits(0).json();
        assert_eq!(done["result"]["transferred"]["objects"], 61);
        world.assert_pulled(PRODUCTION);
    }
}

#[test]
fn parts_of_unknown_sizes_are_read_twice() {
    let world = World::with_checksums(false);
    let body = large(12_000_000);
    world.s3.put_in_parts(PRODUCTION, "documents/flipped.bin", &body, 5 << 20);
    world.s3.put_in_parts(PRODUCTION, "documents/odd.bin", &body, 5 << 20);
    // As if the parts had different sizes.
    world.s3.change(PRODUCTION, "documents/odd.bin", |object| {
        object.etag = "0123456789abcdef0123456789abcdef-3".to_owned();
    });
    for key in ["flipped", "odd"] {
        world.s3.misbehave(Rule::once("GetObject", Fault::FlippedByte(99)).on(key));
    }
    let done = world.pull(&["--json"]).exits(0).json();
    assert_eq!(done["result"]["unverified"], 1, "{done}");
    world.assert_pulled(PRODUCTION);
}

#[test]
fn a_storm_of_throttling_is_survived() {
    let world = World::new();
    world.fill(PRODUCTION, 60);
    for number in 0..60 {
        let key = format!("File_{number:04}");
        world.s3.misbehave(Rule::times(2, "GetObject", Fault::SlowDown).on(&key));
    }
    let started = Instant::now();
    world.pull(&[]).exits(0);
    assert!(started.elapsed() < Duration::from_secs(45), "{:?}", started.elapsed());
    world.assert_pulled(PRODUCTION);
}

#[test]
fn requests_slow_down_for_a_slow_server() {
    let world = World::new();
    world.fill(PRODUCTION, 1500);
    world.s3.limit(Limits { latency: Duration::from_millis(10), reads: 100, writes: 100 });
    world.pull(&[]).exits(0);
    world.assert_pulled(PRODUCTION);
    let (served, refused) =
        world.s3.counts().iter().fold((0, 0), |(served, refused), one| {
            (served + one.2.served, refused + one.2.refused)
        });
    assert!(served > 1500 && refused > 0, "{served} served, {refused} refused");
    assert!(refused < 3 * served, "{served} served, {refused} refused");
}

#[test]
fn one_bad_key_is_named_and_the_rest_is_right() {
    let world = World::new();
    world.fill(PRODUCTION, 30);
    world.pull(&[]).exits(0);
    for number in 0..30 {
        let folder = ["images", "original_images", "documents"][number % 3];
        let key = format!("{folder}/File_{number:04}.jpg");
        world.s3.put(PRODUCTION, &key, bytes(number + 100));
    }
    world.s3.put(PRODUCTION, "documents/large.bin", large(70 << 20));
    world.s3.remove(PRODUCTION, "images/File_0027.jpg");
    let old = world.files();
    let bad = [
        ("File_0003", Fault::AccessDenied, "AccessDenied"),
        ("File_0004", Fault::NotFound, "does not have it"),
        ("File_0005", Fault::ServerError, "InternalError"),
        ("File_0006", Fault::FlippedByte(3), "do not match"),
        ("File_0007", Fault::ShortBody(3), "bytes came"),
        ("File_0008", Fault::CutBody(0), "no answer"),
        ("large.bin", Fault::FlippedByte(3), "do not match"),
    ];
    for (key, fault, _) in &bad {
        world.s3.misbehave(Rule::always("GetObject", fault.clone()).on(key));
    }
    let started = Instant::now();
    let run = world.pull(&["--yes"]).exits(11);
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    for (key, _, words) in &bad {
        let told = run.stderr.lines().any(|line| line.contains(key) && line.contains(words));
        assert!(told, "{key}: {words}\n{}", run.printed());
    }
    assert!(run.stdout.contains("bcops pull-media production"), "{}", run.printed());
    let (files, objects) = (world.files(), world.objects(PRODUCTION));
    for (key, body) in &objects {
        let is_bad = bad.iter().any(|(bad, ..)| key.contains(bad));
        let expected = if is_bad { old.get(key) } else { Some(body) };
        assert!(files.get(key) == expected, "{key}");
    }
    assert!(files.contains_key("images/File_0027.jpg"), "nothing is deleted before all is here");
    assert!(!files.keys().any(|key| key.ends_with(".part")), "{:?}", files.keys());
    world.s3.behave();
    world.pull(&["--yes"]).exits(0);
    world.assert_pulled(PRODUCTION);
}

#[test]
fn a_server_that_hangs_ends_the_work() {
    let mut world = World::new();
    world.bcops.set("BCOPS_NETWORK_TIMEOUT", "8s");
    world.fill(PRODUCTION, 6);
    world.s3.misbehave(Rule::always("GetObject", Fault::Hang).on("File_0003"));
    let started = Instant::now();
    world.pull(&[]).exits(11).says(&["File_0003", "sent nothing"]);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn expired_credentials_end_the_work() {
    let world = World::new();
    world.fill(PRODUCTION, 200);
    world.s3.misbehave(Rule::always("GetObject", Fault::ExpiredToken).after(50));
    world.pull(&[]).fails(11, &["stopped after", "ExpiredToken", "bcops pull-media production"]);
    assert!(world.count("GetObject") < 200, "the rest is not tried");
    world.s3.behave();
    let done = world.pull(&["--json"]).exits(0).json();
    assert_eq!(done["result"]["transferred"]["objects"], 150, "only what was missing");
    world.assert_pulled(PRODUCTION);
}

#[test]
fn a_disk_that_fills_up_ends_the_work() {
    // A small disk needs the right to mount one.
    let mut world = World::new();
    let small = world.bcops.directory().join("small");
    std::fs::create_dir(&small).expect("a folder");
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&small)
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("skipped: a small disk cannot be mounted without the right to do so");
        return;
    }
    world.bcops.set("BCOPS_MEDIA_FOLDER", small.to_str().expect("a path"));
    for number in 0..60 {
        world.s3.put(PRODUCTION, &format!("images/f{number:02}"), large(50_000));
    }
    let run = world.pull(&[]);
    let mut sizes = Vec::new();
    for entry in std::fs::read_dir(small.join("images")).expect("a folder") {
        let entry = entry.expect("an entry");
        sizes.push((entry.file_name(), entry.metadata().expect("a file").len()));
    }
    let unmounted = std::process::Command::new("umount").arg(&small).status();
    assert!(unmounted.expect("umount").success());
    run.fails(11, &["stopped after", "No space left"]);
    assert!(!sizes.is_empty() && sizes.iter().all(|(_, size)| *size == 50_000), "{sizes:?}");
}

#[test]
fn an_unreadable_folder_does_not_stop_the_rest() {
    let world = World::new();
    world.fill(PRODUCTION, 30);
    for number in 0..150 {
        world.s3.put(PRODUCTION, &format!("documents/private/{number}.pdf"), bytes(number));
    }
    world.s3.misbehave(Rule::always("GetObject", Fault::AccessDenied).on("private"));
    let done = world.pull(&["--json"]).exits(11).json();
    assert_eq!(done["result"]["transferred"]["objects"], 30);
    assert_eq!(done["result"]["failed"].as_array().map(Vec::len), Some(150));
}
