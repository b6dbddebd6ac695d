//! Tests keys of objects: each is stored unchanged, or refused by name while the rest continues.

use std::fs;
use std::os::unix::fs::symlink;

use crate::media::world::{PRODUCTION, STAGING, World};

/// Keys that a disk can hold unchanged.
fn faithful() -> Vec<String> {
    let long = format!("images/{}/{}", "d".repeat(255), "f".repeat(255));
    let longest = format!("images/{}{}", format!("{}/", "k".repeat(200)).repeat(5), "x".repeat(12));
    assert_eq!(longest.len(), 1024);
    let mut keys: Vec<String> = [
        "images/a b.jpg",
        "images/plus+sign.jpg",
        "images/percent%41%2F%.jpg",
        "images/hash#query?amp&eq=.jpg",
        "images/quote'\"<>.jpg",
        "images/back\\slash.jpg",
        "images/ünïcödé-日本-😀.jpg",
        "images/nfd-e\u{301}.jpg",
        "images/tilde~star*(parens)!.jpg",
        "images/new\nline\ttab\r.jpg",
        "images/control\u{1}\u{7f}.jpg",
        "images/...",
        "images/.hidden",
        "images/ ",
        "images/trailing ",
        "images/-rf",
        "images/Img.jpg",
        "images/img.jpg",
        "images/a-b",
        "images/deep/er/and/deep er",
    ]
    .map(str::to_owned)
    .to_vec();
    keys.extend([long, longest]);
    keys
}

#[test]
fn odd_keys_go_there_and_back() {
    let world = World::new();
    for key in faithful() {
        world.s3.put(PRODUCTION, &key, key.clone());
    }
    world.pull(&[]).exits(0);
    world.assert_pulled(PRODUCTION);
    world.pull(&["--json"]).exits(0);
    world.push(&[]).exits(0);
    world.assert_copied(PRODUCTION, STAGING);
    world.s3.empty(STAGING);
    world.copy(&[]).exits(0);
    world.assert_copied(PRODUCTION, STAGING);
    // And away again.
    world.s3.empty(PRODUCTION);
    world.s3.put(PRODUCTION, "images/a b.jpg", "images/a b.jpg");
    world.copy(&["--max-delete", "100"]).exits(0);
    assert_eq!(world.objects(STAGING).len(), 1);
    world.pull(&["--yes", "--max-delete", "100"]).exits(0);
    world.assert_pulled(PRODUCTION);
}

#[test]
fn hostile_keys_are_refused_by_name_and_the_rest_continues() {
    let world = World::new();
    let hostile = [
        "images/../../evil",
        "images/a/../../../evil2",
        "images/./dot",
        "images//double",
        "images/dir-with-content/",
        "images/clash",
        "images/.bcops-0123456789abcdef.part",
    ];
    let long = format!("images/{}", "n".repeat(256));
    for key in hostile.iter().copied().chain([long.as_str()]) {
        world.s3.put(PRODUCTION, key, "evil");
    }
    world.s3.put(PRODUCTION, "images/clash/inner", "inner");
    world.s3.put(PRODUCTION, "images/marker/", "");
    world.s3.put(PRODUCTION, "images/good.jpg", "good");
    let run = world.pull(&["--json"]).exits(11);
    let told = run.json();
    for key in hostile.iter().copied().chain([long.as_str()]) {
        let refused = told["result"]["refused"].as_array().expect("a list");
        assert!(refused.iter().any(|one| one["key"] == key), "{key}: {told}");
    }
    let files: Vec<String> = world.files().into_keys().collect();
    assert_eq!(files, ["images/clash/inner", "images/good.jpg"]);
    let around = world.bcops.directory();
    assert!(!around.join("work/evil").exists() && !around.join("evil").exists());
    assert!(!around.join("evil2").exists() && !around.join("work/evil2").exists());
    // Keys with dots cannot be copied either. The others are copied.
    world.copy(&[]).exits(11).says(&["images/./dot"]);
    assert!(world.s3.object(STAGING, "images//double").is_some());
    assert!(world.s3.object(STAGING, "images/dir-with-content/").is_some());
    assert!(world.s3.object(STAGING, "images/clash").is_some());
}

#[test]
fn a_link_in_the_folder_is_not_followed() {
    let world = World::new();
    let outside = world.bcops.directory().join("outside");
    fs::create_dir(&outside).expect("a folder");
    fs::write(outside.join("theirs.txt"), "theirs").expect("a file");
    fs::create_dir_all(world.media().join("images")).expect("a folder");
    symlink(&outside, world.media().join("images/link")).expect("a link");
    symlink(outside.join("theirs.txt"), world.media().join("images/b.txt")).expect("a link");
    for key in ["images/link/new.jpg", "images/b.txt", "images/good.jpg"] {
        world.s3.put(PRODUCTION, key, key);
    }
    world.pull(&["--yes"]).exits(11).says(&["images/link/new.jpg", "symbolic link"]);
    assert_eq!(fs::read(outside.join("theirs.txt")).expect("a file"), b"theirs");
    assert!(!outside.join("new.jpg").exists());
    assert_eq!(fs::read(world.media().join("images/b.txt")).expect("a file"), b"images/b.txt");
    let replaced = fs::symlink_metadata(world.media().join("images/b.txt")).expect("a file");
    assert!(replaced.is_file(), "the link is replaced, and not what it leads to");
}

#[test]
fn the_umask_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.s3.put(PRODUCTION, "images/a.jpg", "a");
    world.pull(&[]).exits(0);
    let mine = world.bcops.write("mine", "x");
    let mode =
        |path: &std::path::Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&world.media().join("images/a.jpg")), mode(&mine));
}
