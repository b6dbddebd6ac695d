//! Tests unusual but valid folders, buckets and servers.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant};

use crate::media::world::{DEV, PRODUCTION, STAGING, World, bytes, large};
use crate::standins::s3::{Fault, Rule};

#[test]
fn an_empty_folder_in_the_place_of_a_file_is_removed() {
    let world = World::new();
    world.s3.put(PRODUCTION, "images/a.jpg", "a");
    world.s3.put(PRODUCTION, "images/b.jpg", "b");
    fs::create_dir_all(world.media().join("images/a.jpg/in/side")).expect("a folder");
    fs::create_dir_all(world.media().join("images/b.jpg")).expect("a folder");
    std::os::unix::fs::symlink("/etc", world.media().join("images/b.jpg/link")).expect("a link");
    world.pull(&["--yes"]).exits(11).says(&["images/b.jpg"]);
    assert_eq!(fs::read(world.media().join("images/a.jpg")).expect("a file"), b"a");
    assert!(world.media().join("images/b.jpg/link").is_symlink(), "what holds anything stays");
}

#[test]
fn below_a_folder_with_names_that_are_not_utf8_nothing_is_deleted() {
    let world = World::new();
    world.fill(STAGING, 30);
    for key in ["images/caf\u{e9}/a.jpg", "images/caf\u{e9}.jpg", "images/x/y.jpg"] {
        world.s3.put(STAGING, key, key.to_owned());
    }
    for (key, body) in world.objects(STAGING) {
        if !key.starts_with("images/") {
            world.write(&key, body);
        }
    }
    world.s3.put(STAGING, "documents/stray.pdf", "stray");
    // Latin-1, as on an old disk.
    let folder = std::ffi::OsString::from_vec(b"caf\xe9".to_vec());
    let folder = world.media().join("images").join(folder);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("a.jpg"), "a").expect("a file");
    let before = world.objects(STAGING);
    world.push(&[]).exits(11).says(&["the name is not UTF-8"]);
    let now = world.objects(STAGING);
    assert!(!now.contains_key("documents/stray.pdf"), "other folders are as they should be");
    for key in before.keys().filter(|key| key.starts_with("images/")) {
        assert!(now.contains_key(key), "{key}");
    }
}

#[test]
fn a_server_may_answer_slowly() {
    let mut world = World::new();
    world.fill(PRODUCTION, 6);
    let slow = Fault::Slow(Duration::from_secs(12));
    world.s3.misbehave(Rule::once("GetObject", slow.clone()).on("File_0003"));
    world.s3.misbehave(Rule::once("ListObjectsV2", slow).on("/images/"));
    world.pull(&[]).exits(0);
    assert_eq!(world.count("GetObject"), 6, "no request was given up");
    world.assert_pulled(PRODUCTION);
    // Unless the user does not want to wait.
    world.bcops.set("BCOPS_NETWORK_TIMEOUT", "2s");
    world.s3.misbehave(Rule::always("ListObjectsV2", Fault::Hang));
    let started = Instant::now();
    world.pull(&[]).fails(1, &["sent nothing", "for 2 s"]);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn etags_may_be_other_than_md5() {
    for etag in ["0123456789abcdef0123456789abcdef", "CKicn4fknvECEAE="] {
        let world = World::with_checksums(false);
        world.fill(PRODUCTION, 9);
        world.s3.put(PRODUCTION, "documents/large.bin", large(70 << 20));
        world.s3.put(PRODUCTION, "documents/parts.bin", large(17 << 20));
        for (key, _) in world.objects(PRODUCTION) {
            world.s3.change(PRODUCTION, &key, |object| etag.clone_into(&mut object.etag));
        }
        let done = world.pull(&["--json"]).exits(0).json();
        assert_eq!(done["result"]["unverified"], 11, "{etag}: {done}");
        world.assert_pulled(PRODUCTION);
        let arguments =
            ["push-media", "dev", "--from", "production", "--confirm", "buckinghamshire-dev"];
        world.bcops.run(&arguments).exits(0);
        world.assert_copied(PRODUCTION, DEV);
        world.s3.forget_requests();
        world.pull(&[]).exits(0);
        world.bcops.run(&arguments).exits(0);
        assert_eq!(world.count("GetObject"), 0, "{etag}");
    }
}

#[test]
fn one_wrong_object_among_good_md5s_is_wrong() {
    let world = World::with_checksums(false);
    world.fill(PRODUCTION, 12);
    world.s3.misbehave(Rule::always("GetObject", Fault::FlippedByte(3)).on("File_0009"));
    world.pull(&["--jobs", "1"]).exits(11).says(&["File_0009", "do not match"]);
}

#[test]
fn metadata_may_hold_odd_spaces() {
    let world = World::new();
    let values = ["\u{a0}two \u{2003} words\u{a0}", "a\u{3000}b", "tab\tand  spaces", "plain"];
    for (number, value) in values.iter().enumerate() {
        let key = format!("images/{number}.jpg");
        world.s3.put(PRODUCTION, &key, bytes(number + 1));
        world.s3.change(PRODUCTION, &key, |object| {
            object.headers.metadata.insert("title".to_owned(), (*value).to_owned());
        });
    }
    let arguments =
        ["push-media", "dev", "--from", "production", "--confirm", "buckinghamshire-dev"];
    world.bcops.run(&arguments).exits(0);
    world.assert_copied(PRODUCTION, DEV);
    for (number, value) in values.iter().enumerate() {
        let copy = world.s3.object(DEV, &format!("images/{number}.jpg")).expect("a copy");
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(&copy.headers.metadata["title"]), words(value));
    }
}

#[test]
fn a_bucket_without_acls_names_the_setting_to_remove() {
    let world = World::new();
    world.fill(PRODUCTION, 200);
    world.bcops.write("bcops.toml", "[media]\nacl = \"public-read\"\n");
    for operation in ["CopyObject", "PutObject"] {
        world.s3.misbehave(Rule::always(operation, Fault::NoAcl));
    }
    world.copy(&[]).fails(11, &["AccessControlListNotSupported", "media.acl"]);
    assert!(world.count("CopyObject") < 150, "the rest is not tried");
    world.s3.forget_requests();
    world.bcops.write("bcops.toml", "");
    world.copy(&[]).exits(0);
    world.assert_copied(PRODUCTION, STAGING);
}

#[test]
fn endless_listings_end_the_work() {
    let world = World::new();
    world.write("images/a.jpg", "a");
    for (fault, words) in
        [(Fault::SameToken, "without a token"), (Fault::Endless, "nearly empty pages")]
    {
        world.s3.misbehave(Rule::always("ListObjectsV2", fault).on("/images/"));
        let started = Instant::now();
        world.pull(&["--yes"]).fails(1, &[words]);
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
        assert!(world.media().join("images/a.jpg").exists());
        world.s3.behave();
    }
}
