//! Tests `bcops push-media --from`: from bucket to bucket.

use crate::media::world::{DEV, PRODUCTION, STAGING, World, bytes, large};
use crate::standins::s3::{Fault, Headers, Rule};

fn headers() -> Headers {
    Headers {
        content_type: Some("image/png".to_owned()),
        cache_control: Some("max-age=86400".to_owned()),
        content_disposition: Some("inline; filename=\"x.png\"".to_owned()),
        content_encoding: Some("identity".to_owned()),
        content_language: Some("en-GB".to_owned()),
        metadata: [("owner".to_owned(), "some  body".to_owned())].into(),
    }
}

fn fill(world: &World) {
    world.fill(PRODUCTION, 60);
    for key in ["images/a b+c%d#e?f&é~'().png", "images/plain.png"] {
        world.s3.put(PRODUCTION, key, "odd");
        world.s3.change(PRODUCTION, key, |object| object.headers = headers());
    }
    world.s3.put_in_parts(PRODUCTION, "documents/parts.bin", &large(12 << 20), 5 << 20);
    world.s3.put(PRODUCTION, "documents/large.bin", large(20 << 20));
    world.s3.change(PRODUCTION, "documents/large.bin", |object| object.headers = headers());
}

#[test]
fn the_server_copies_if_one_pair_of_keys_may_read_and_write() {
    let world = World::new();
    fill(&world);
    let done = world.copy(&["--json"]).exits(0).says(&["on the server"]).json();
    assert_eq!(done["result"]["transferred"]["objects"], 64);
    world.assert_copied(PRODUCTION, STAGING);
    assert_eq!(world.count("CopyObject"), 64);
    assert_eq!(world.count("GetObject"), 0);
    let copied = world.s3.object(STAGING, "images/a b+c%d#e?f&é~'().png").expect("a copy");
    assert_eq!(copied.headers, headers());
    assert_eq!(copied.acl, None);
    world.s3.forget_requests();
    let again = world.copy(&["--json"]).exits(0).json();
    assert_eq!(again["result"]["unchanged"], 64, "that of parts has another ETag now");
    world.assert_nothing_written();
    world.assert_production_untouched();
}

#[test]
fn otherwise_it_goes_through_memory_with_its_metadata() {
    let world = World::new();
    fill(&world);
    let copy = |arguments: &[&str]| {
        let base =
            ["push-media", "dev", "--from", "production", "--confirm", "buckinghamshire-dev"];
        world.bcops.run(&[&base, arguments].concat())
    };
    let done = copy(&["--json"]).exits(0).says(&["memory"]).json();
    assert_eq!(done["result"]["unverified"], 0);
    world.assert_copied(PRODUCTION, DEV);
    assert_eq!(world.count("CopyObject"), 0);
    for key in ["images/a b+c%d#e?f&é~'().png", "documents/large.bin"] {
        assert_eq!(world.s3.object(DEV, key).expect("a copy").headers, headers(), "{key}");
    }
    assert_eq!(world.s3.unfinished_uploads(), 0);
    world.s3.forget_requests();
    let again = copy(&["--json"]).exits(0).json();
    assert_eq!(again["result"]["unchanged"], 64);
    world.assert_nothing_written();
    world.assert_production_untouched();
    assert!(!world.media().exists(), "nothing comes to this disk");
}

#[test]
fn differences_and_deletions_follow_the_source() {
    let world = World::new();
    world.fill(PRODUCTION, 90);
    world.copy(&[]).exits(0);
    world.s3.put(PRODUCTION, "images/File_0003.jpg", vec![1; bytes(3).len()]);
    world.s3.remove(PRODUCTION, "images/File_0006.jpg");
    world.s3.put(STAGING, "images/stray.jpg", "stray");
    let done = world.copy(&["--json"]).exits(0).json();
    assert_eq!(done["result"]["transferred"]["objects"], 1);
    assert_eq!(done["result"]["deleted"], 2);
    world.assert_copied(PRODUCTION, STAGING);
    let other = world.s3.object(STAGING, "elsewhere/keep.txt");
    assert!(other.is_none(), "what is not media is not copied");
}

/// Also by a server that does not know the condition of a copy.
#[test]
fn an_object_that_is_replaced_after_the_listing_is_copied_again() {
    for is_ignored in [false, true] {
        let world = World::new();
        world.fill(PRODUCTION, 12);
        world.s3.put_in_parts(PRODUCTION, "documents/parts.bin", &large(12 << 20), 5 << 20);
        if is_ignored {
            world.s3.ignore_conditions();
        }
        for key in ["File_0003", "parts.bin"] {
            world.s3.misbehave(Rule::once("CopyObject", Fault::Replaced).on(key));
        }
        let done = world.copy(&["--json"]).exits(0).json();
        assert_eq!(done["result"]["unverified"], 0, "{done}");
        world.assert_copied(PRODUCTION, STAGING);
        assert_ne!(
            world.s3.object(STAGING, "images/File_0003.jpg").expect("a copy").body,
            bytes(3)
        );
        assert_eq!(world.count("CopyObject"), 15, "two of them twice");
        let again = world.copy(&["--json"]).exits(0).json();
        assert_eq!(again["result"]["unchanged"], 13, "{is_ignored}");
    }
}

#[test]
fn a_copy_that_fails_with_status_200_is_a_failure() {
    let world = World::new();
    world.fill(PRODUCTION, 30);
    world.s3.misbehave(Rule::times(2, "CopyObject", Fault::ErrorIn200));
    world.s3.misbehave(Rule::times(2, "CopyObject", Fault::SlowDown));
    world.s3.misbehave(Rule::times(1, "CopyObject", Fault::CloseAfter));
    world.copy(&[]).exits(0);
    world.assert_copied(PRODUCTION, STAGING);
}

#[test]
fn a_key_that_may_not_be_copied_on_the_server_is_streamed() {
    let world = World::new();
    world.fill(PRODUCTION, 12);
    world.s3.misbehave(Rule::always("CopyObject", Fault::AccessDenied).on("File_0003"));
    world.copy(&[]).exits(0);
    world.assert_copied(PRODUCTION, STAGING);
}

#[test]
fn a_damaged_stream_is_not_written() {
    let world = World::new();
    world.fill(PRODUCTION, 12);
    world.s3.put(PRODUCTION, "documents/large.bin", large(20 << 20));
    world.s3.misbehave(Rule::once("GetObject", Fault::FlippedByte(5)).on("File_0003"));
    world.s3.misbehave(Rule::always("GetObject", Fault::FlippedByte(5)).on("File_0004"));
    world.s3.misbehave(Rule::always("GetObject", Fault::FlippedByte(5)).on("large"));
    let arguments =
        ["push-media", "dev", "--from", "production", "--confirm", "buckinghamshire-dev"];
    world.bcops.run(&arguments).exits(11).says(&["File_0004", "large.bin"]);
    assert_eq!(world.s3.object(DEV, "documents/large.bin"), None);
    assert_eq!(world.s3.object(DEV, "images/File_0004.jpg"), None);
    assert_eq!(world.s3.object(DEV, "images/File_0003.jpg").expect("a copy").body, bytes(3));
    assert_eq!(world.s3.unfinished_uploads(), 0);
    world.s3.behave();
    world.bcops.run(&arguments).exits(0);
    world.assert_copied(PRODUCTION, DEV);
}
