//! Tests unreadable objects: each is skipped and named, its copy stays, and the rest is correct.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::command::Run;
use crate::media::world::{PRODUCTION, STAGING, World, bytes};
use crate::standins::s3::{Archive, Fault, Rule};

type Files = BTreeMap<String, Vec<u8>>;

/// Production with objects, copied to this machine and to staging, and then changed.
fn changed() -> World {
    let world = World::new();
    world.fill(PRODUCTION, 30);
    world.pull(&[]).exits(0);
    world.copy(&[]).exits(0);
    for number in 0..30 {
        let folder = ["images", "original_images", "documents"][number % 3];
        let key = format!("{folder}/File_{number:04}.jpg");
        world.s3.put(PRODUCTION, &key, bytes(number + 100));
    }
    world.s3.forget_requests();
    world
}

fn archive(world: &World, key: &str, archive: Archive) {
    world.s3.change(PRODUCTION, key, |object| object.archive = archive);
}

/// Pulls and copies, and returns both runs with the state before and after.
fn both(world: &World, more: &[&str]) -> Vec<(Run, Files, Files)> {
    let pull = [&["--yes"], more].concat();
    let (files, objects) = (world.files(), world.objects(STAGING));
    let pulled = world.pull(&pull);
    let copied = world.copy(more);
    vec![(pulled, files, world.files()), (copied, objects, world.objects(STAGING))]
}

/// Checks that exactly these keys are unchanged, and all others match the source.
#[track_caller]
fn assert_rest_is_right(world: &World, before: &Files, now: &Files, stay: &[&str]) {
    for (key, body) in world.objects(PRODUCTION) {
        let stays = stay.contains(&key.as_str());
        let wanted = if stays { before.get(&key) } else { Some(&body) };
        assert!(now.get(&key) == wanted, "{key}");
    }
    for key in stay {
        assert!(now.contains_key(*key), "the copy of {key} is gone");
    }
}

#[track_caller]
fn assert_counts(result: &Value, wanted: &[(&str, u64)]) {
    for fate in ["gone", "missing", "archived", "refused", "failing"] {
        let count = wanted.iter().find(|(name, _)| *name == fate).map_or(0, |(_, count)| *count);
        assert_eq!(result["skipped"][fate], count, "{fate}: {result:#}");
    }
}

const ARCHIVED: [&str; 2] = ["images/File_0003.jpg", "documents/File_0005.jpg"];

#[test]
fn archived_objects_are_a_warning() {
    let world = changed();
    archive(&world, ARCHIVED[0], Archive::Class("GLACIER"));
    archive(&world, ARCHIVED[1], Archive::Class("DEEP_ARCHIVE"));
    archive(&world, "images/File_0006.jpg", Archive::Restored("GLACIER"));
    // An object that was never here before.
    world.s3.put(PRODUCTION, "images/new.jpg", "new");
    archive(&world, "images/new.jpg", Archive::Class("GLACIER"));
    world.s3.remove(PRODUCTION, "images/File_0009.jpg");
    for (run, before, now) in both(&world, &[]) {
        let run = run.exits(0).says(&["skipped: `images/File_0003.jpg`: archived", "new.jpg"]);
        assert!(run.stdout.contains("3 objects skipped (3 archived)"), "{}", run.printed());
        assert!(!now.contains_key("images/File_0009.jpg"), "what is gone is deleted all the same");
        assert!(!now.contains_key("images/new.jpg"));
        let mut wanted = world.objects(PRODUCTION);
        for key in ARCHIVED {
            assert!(now.get(key) == before.get(key), "{key}");
            wanted.remove(key);
        }
        wanted.remove("images/new.jpg");
        assert!(wanted.iter().all(|(key, body)| now.get(key) == Some(body)));
    }
    for (run, ..) in both(&world, &["--json", "--strict"]) {
        let document = run.exits(8).json();
        assert_counts(&document["result"], &[("archived", 3)]);
        assert_eq!(document["result"]["skipped"]["keys"].as_array().map(Vec::len), Some(3));
        assert_eq!(document["result"]["skipped"]["keys"][0]["why"], "archived");
    }
}

#[test]
fn objects_that_are_listed_and_missing_are_a_warning() {
    let world = changed();
    for operation in ["GetObject", "CopyObject", "HeadObject"] {
        world.s3.misbehave(Rule::always(operation, Fault::NotFound).on("images/File_0003"));
    }
    let key = "images/File_0003.jpg";
    for (run, before, now) in both(&world, &[]) {
        run.exits(0).says(&["skipped: `images/File_0003.jpg`: listed but missing"]);
        assert_rest_is_right(&world, &before, &now, &[key]);
    }
    for (run, ..) in both(&world, &["--json", "--strict"]) {
        assert_counts(&run.exits(8).json()["result"], &[("missing", 1)]);
    }
}

#[test]
fn an_object_that_is_deleted_after_the_listing_is_not_a_failure() {
    let world = changed();
    let key = "images/File_0003.jpg";
    for (command, operation) in [("pull", "GetObject"), ("copy", "CopyObject")] {
        // Slow enough for the object to be deleted between the listing and its turn.
        let before = if command == "pull" { world.files() } else { world.objects(STAGING) };
        let object = world.s3.object(PRODUCTION, key).expect("an object");
        world.s3.misbehave(Rule::once(operation, Fault::Removed).on("images/File_0003"));
        let arguments = ["--json", "--strict"];
        let run = match command {
            "pull" => world.pull(&[&["--yes"], &arguments[..]].concat()),
            _ => world.copy(&arguments),
        };
        assert_counts(&run.exits(0).json()["result"], &[("gone", 1)]);
        let now = if command == "pull" { world.files() } else { world.objects(STAGING) };
        assert!(now.get(key) == before.get(key) && now.contains_key(key));
        world.s3.insert(PRODUCTION, key, (*object).clone());
    }
}

#[test]
fn refused_and_failing_objects_can_be_retried_alone() {
    let world = changed();
    let stay = ["images/File_0003.jpg", "original_images/File_0004.jpg", "documents/File_0005.jpg"];
    world.s3.remove(PRODUCTION, "images/File_0009.jpg");
    let faults = [Fault::AccessDenied, Fault::SignatureDoesNotMatch, Fault::ServerError];
    for (key, fault) in stay.iter().zip(faults) {
        for operation in ["GetObject", "CopyObject"] {
            world.s3.misbehave(Rule::always(operation, fault.clone()).on(key));
        }
    }
    let runs = both(&world, &[]);
    for (run, before, now) in &runs {
        assert_eq!(run.code, Some(11), "{}", run.printed());
        assert_rest_is_right(&world, before, now, &stay);
        assert!(now.contains_key("images/File_0009.jpg"), "nothing is deleted yet");
    }
    world.s3.behave();
    world.s3.forget_requests();
    for (run, ..) in &runs {
        let (_, typed) = run.stdout.split_once("try again: bcops ").expect("a command");
        let first = typed.lines().next().expect("a line");
        let words = shell_words::split(first).expect("words");
        assert!(words.contains(&"--only".to_owned()), "{first}");
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        if words[0] == "pull-media" && !words.contains(&"--yes") {
            words.push("--yes");
        }
        world.bcops.run(&words).exits(0);
        // And the names for the deletions.
        let (_, then) = typed.split_once("then: bcops ").expect("a second command");
        let then = shell_words::split(then.lines().next().expect("a line")).expect("words");
        let then: Vec<&str> = then.iter().map(String::as_str).collect();
        world.bcops.run(&then).exits(0);
    }
    assert_eq!(world.count("GetObject"), 3, "those alone");
    world.assert_pulled(PRODUCTION);
    world.assert_copied(PRODUCTION, STAGING);
}

#[test]
fn refusing_every_signature_ends_the_work() {
    let world = World::new();
    world.fill(PRODUCTION, 300);
    world.s3.misbehave(Rule::always("GetObject", Fault::SignatureDoesNotMatch));
    world.pull(&[]).fails(11, &["stopped after", "SignatureDoesNotMatch"]);
    assert!(world.count("GetObject") < 200, "{}", world.count("GetObject"));
    world.s3.behave();
    // One bad signature, even the first, affects only its key.
    world.s3.misbehave(Rule::always("GetObject", Fault::SignatureDoesNotMatch).on("File_0002"));
    let done = world.pull(&["--json", "--jobs", "1"]).exits(11).json();
    assert_eq!(done["result"]["transferred"]["objects"], 299);
}

#[test]
fn a_list_of_keys_is_read_strictly() {
    let world = World::new();
    world.fill(PRODUCTION, 6);
    world.pull(&["--only", "none.keys"]).fails(2, &["cannot read the keys of none.keys"]);
    world.bcops.write("empty.keys", "\n");
    world.pull(&["--only", "empty.keys"]).fails(2, &["it is empty"]);
    world.bcops.write("some.keys", "images/File_0003.jpg\nimages/none.jpg\n");
    let run = world.pull(&["--only", "some.keys"]).exits(0);
    run.says(&["1 key of some.keys is not in production"]);
    assert_eq!(world.files().len(), 1);
    world.pull(&["--only", "some.keys", "--max-delete", "5"]).exits(2);
}

#[test]
fn the_probe_of_a_copy_does_not_depend_on_one_object() {
    let world = World::new();
    world.fill(PRODUCTION, 30);
    for fault in [Fault::AccessDenied, Fault::NotFound, Fault::ServerError] {
        world.s3.misbehave(Rule::always("HeadObject", fault).on("documents/File_0002"));
        world.copy(&["--dry-run"]).exits(0).says(&["on the server"]);
        world.s3.behave();
    }
    world.copy(&[]).exits(0);
    assert_eq!(world.count("GetObject"), 0);
}

#[test]
fn a_deletion_that_cannot_be_confirmed_is_not_made() {
    let world = changed();
    let key = "images/File_0009.jpg";
    world.s3.remove(PRODUCTION, key);
    world.s3.remove(PRODUCTION, "images/File_0012.jpg");
    world.s3.misbehave(Rule::always("HeadObject", Fault::AccessDenied).on("File_0009"));
    for (run, _, now) in both(&world, &[]) {
        run.exits(11).says(&["images/File_0009.jpg", "not deleted: "]);
        assert!(now.contains_key(key) && !now.contains_key("images/File_0012.jpg"));
    }
    // A source that always fails for this key only.
    let world = changed();
    world.s3.remove(PRODUCTION, key);
    world.s3.remove(PRODUCTION, "images/File_0012.jpg");
    world.s3.misbehave(Rule::always("HeadObject", Fault::ServerError).on("File_0009"));
    for (run, _, now) in both(&world, &[]) {
        run.exits(11).says(&["images/File_0009.jpg", "not deleted: "]);
        assert!(now.contains_key(key) && !now.contains_key("images/File_0012.jpg"));
    }
}

#[test]
fn a_refused_batch_of_deletions_is_reported_and_the_rest_is_done() {
    let world = changed();
    let key = "images/File_0009.jpg";
    world.s3.remove(PRODUCTION, key);
    world.s3.misbehave(Rule::always("DeleteObjects", Fault::AccessDenied));
    let before = world.objects(STAGING);
    world.copy(&[]).exits(11).says(&[key, "AccessDenied"]);
    let now = world.objects(STAGING);
    assert!(now.contains_key(key));
    assert_ne!(now, before, "what was to be copied is there");
}
