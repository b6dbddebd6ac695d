//! Tests `bcops pull-media`: what is downloaded, unchanged and deleted.

use std::fs;
use std::time::UNIX_EPOCH;

use crate::media::world::{PRODUCTION, World, bytes, large, modified, set_modified};
use crate::standins::s3::{Fault, Rule};
use crate::support::postgres::Cluster;
use crate::support::wait;

#[test]
fn a_pull_brings_everything_and_a_second_one_nothing() {
    let world = World::new();
    world.fill(PRODUCTION, 120);
    let done = world.pull(&["--json"]).exits(0).json();
    assert_eq!(done["result"]["transferred"]["objects"], 120);
    assert_eq!(done["result"]["unverified"], 0);
    world.assert_pulled(PRODUCTION);
    let path = world.media().join("images/File_0000.jpg");
    let object = world.s3.object(PRODUCTION, "images/File_0000.jpg").expect("an object");
    let seconds = object.modified.duration_since(UNIX_EPOCH).expect("a time").as_secs();
    assert_eq!(modified(&path), i64::try_from(seconds).expect("a time"));
    world.s3.forget_requests();
    let again = world.bcops.run(&["pull-production-media", "--json"]).exits(0).json();
    assert_eq!(again["result"]["transferred"]["objects"], 0);
    assert_eq!(again["result"]["unchanged"], 120);
    assert_eq!(again["result"]["hashed"], 0, "nothing has to be read");
    assert_eq!(world.count("GetObject"), 0);
    world.assert_production_untouched();
}

#[test]
fn differences_are_found_regardless_of_times() {
    let world = World::new();
    world.fill(PRODUCTION, 90);
    world.pull(&[]).exits(0);
    // Overwritten within the same second, with the same size.
    world.s3.misbehave(Rule::once("GetObject", Fault::Replaced).on("nothing"));
    let key = "images/File_0003.jpg";
    let size = bytes(3).len();
    let before = world.s3.object(PRODUCTION, key).expect("an object").modified;
    world.s3.put(PRODUCTION, key, vec![7; size]);
    world.s3.change(PRODUCTION, key, |object| object.modified = before);
    // Damaged here, once with its time kept.
    let damaged = world.media().join("images/File_0006.jpg");
    let time = modified(&damaged);
    fs::write(&damaged, vec![1; bytes(6).len()]).expect("a file");
    set_modified(&damaged, u64::try_from(time).expect("a time"));
    fs::write(world.media().join("images/File_0009.jpg"), vec![1; bytes(9).len()]).expect("a file");
    // Gone here, gone there, and new.
    fs::remove_file(world.media().join("documents/File_0002.jpg")).expect("the file");
    world.s3.remove(PRODUCTION, "documents/File_0005.jpg");
    world.s3.put(PRODUCTION, "documents/deep/er/new.pdf", "new");
    // Touched only: the bytes are the same.
    set_modified(&world.media().join("images/File_0012.jpg"), 1_000_000_000);
    world.s3.forget_requests();
    let done = world.pull(&["--json", "--yes"]).exits(0).json();
    assert_eq!(done["result"]["transferred"]["objects"], 5, "{done}");
    assert_eq!(done["result"]["deleted"], 1);
    assert_eq!(world.count("GetObject"), 5);
    world.assert_pulled(PRODUCTION);
    let journal = world.bcops.state_directory().join("media/deleted.jsonl");
    assert!(fs::read_to_string(journal).expect("a journal").contains("documents/File_0005.jpg"));
}

#[test]
fn nothing_is_replaced_or_deleted_without_a_yes() {
    let world = World::new();
    world.fill(PRODUCTION, 30);
    // Only new files, so there is no question.
    world.pull(&[]).exits(0);
    world.s3.put(PRODUCTION, "images/File_0003.jpg", "other");
    world.s3.remove(PRODUCTION, "images/File_0006.jpg");
    let before = world.files();
    world.pull(&[]).fails(5, &["--yes", "1 of them in place of another", "1 to delete"]);
    assert_eq!(world.files(), before);
    let dry = world.pull(&["--dry-run", "--json"]).exits(0).json();
    assert_eq!(dry["result"]["delete"]["keys"][0]["key"], "images/File_0006.jpg");
    assert_eq!(dry["result"]["transfer"]["keys"][0]["key"], "images/File_0003.jpg");
    let dry = world.pull(&["--dry-run"]).exits(0);
    assert!(dry.stdout.contains("images/File_0006.jpg"), "{}", dry.printed());
    assert_eq!(world.files(), before);
    let kept = world.pull(&["--no-delete", "--yes"]).exits(0);
    assert!(kept.stdout.contains("0 deleted"), "{}", kept.printed());
    assert!(world.files().contains_key("images/File_0006.jpg"));
    world.pull(&["--yes"]).exits(0);
    world.assert_pulled(PRODUCTION);
}

#[test]
fn files_elsewhere_do_not_change() {
    let world = World::new();
    world.fill(PRODUCTION, 30);
    let mine = world.write("cache/mine.txt", "mine");
    world.pull(&[]).exits(0);
    assert!(mine.exists());
    assert!(!world.media().join("elsewhere").exists());
    world.bcops.write("bcops.toml", "[media]\nprefixes = [\"documents\"]\nfolder = \"other\"\n");
    world.pull(&[]).exits(0);
    let names: Vec<_> = fs::read_dir(world.bcops.directory().join("work/other"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["documents"]);
}

#[test]
fn checksum_finds_what_the_index_cannot() {
    let world = World::new();
    world.fill(PRODUCTION, 30);
    world.pull(&[]).exits(0);
    world.s3.forget_requests();
    let done = world.pull(&["--checksum", "--json"]).exits(0).json();
    assert_eq!(done["result"]["hashed"], 30);
    assert_eq!(done["result"]["unchanged"], 30);
    // Without an index the bytes decide too.
    fs::remove_dir_all(world.bcops.state_directory()).expect("the state");
    let done = world.pull(&["--json"]).exits(0).json();
    assert_eq!(done["result"]["unchanged"], 30);
    assert_eq!(world.count("GetObject"), 0);
}

#[test]
fn objects_in_parts_and_large_ones_are_verified() {
    for checksums in [true, false] {
        let world = World::with_checksums(checksums);
        let body = large(70 << 20);
        world.s3.put_in_parts(PRODUCTION, "documents/parts.bin", &body[..12 << 20], 5 << 20);
        world.s3.put(PRODUCTION, "documents/ranges.bin", body);
        world.s3.put(PRODUCTION, "documents/empty", "");
        let done = world.pull(&["--json"]).exits(0).json();
        assert_eq!(done["result"]["unverified"], 0, "{done}");
        assert!(world.count("GetObject") > 5, "the large one comes in ranges");
        world.assert_pulled(PRODUCTION);
        world.s3.forget_requests();
        fs::remove_dir_all(world.bcops.state_directory()).expect("the state");
        world.pull(&[]).exits(0);
        assert_eq!(world.count("GetObject"), 0, "an ETag of parts is recognised");
    }
}

#[test]
fn images_brings_originals_and_deletes_rendition_rows() {
    let mut world = World::new();
    world.fill(PRODUCTION, 30);
    let cluster = Cluster::shared();
    let database = cluster.create_database("renditions");
    cluster.psql(&database, "CREATE TABLE images_rendition AS SELECT generate_series(1, 7) AS id");
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &cluster.url(&database));
    world.pull(&["--images"]).fails(5, &["7 rows of renditions"]);
    let done = world.bcops.run(&["pull-production-images", "--yes", "--json"]).exits(0).json();
    assert_eq!(done["result"]["rendition_rows"], 7);
    assert_eq!(done["result"]["transferred"]["objects"], 10);
    assert_eq!(cluster.psql(&database, "SELECT count(*) FROM images_rendition"), "0");
    assert!(world.files().keys().all(|key| key.starts_with("original_images/")));
    // The database of an environment is not a local one.
    world.heroku.set_config_var(
        "buckinghamshire-production",
        "DATABASE_URL",
        &cluster.url(&database),
    );
    world.pull(&["--images", "--yes"]).fails(4, &["DATABASE_URL", "nothing was changed"]);
}

#[test]
fn an_unfinished_transfer_is_cleaned_and_a_second_run_waits_its_turn() {
    let world = World::new();
    world.fill(PRODUCTION, 12);
    let leftover = world.write("images/.bcops-0123456789abcdef.part", "half");
    let mine = world.write("images/.hidden", "mine");
    world.s3.put(PRODUCTION, "images/.hidden", "mine");
    world.pull(&["--yes"]).exits(0);
    assert!(!leftover.exists() && mine.exists());
    world.s3.put(PRODUCTION, "images/new.jpg", "new");
    world.s3.misbehave(Rule::once("GetObject", Fault::Hang));
    let first = world.bcops.start(&["pull-media", "production"]);
    wait::until("the new one is asked for", || world.count("GetObject") == 13);
    world.pull(&[]).fails(7, &["another bcops"]);
    first.interrupt();
    first.finish().fails(130, &["interrupted"]);
    world.pull(&[]).exits(0);
    world.assert_pulled(PRODUCTION);
}

#[test]
fn a_folder_becomes_a_file_and_a_file_a_folder() {
    let world = World::new();
    world.fill(PRODUCTION, 9);
    world.s3.put(PRODUCTION, "images/album/one.jpg", "one");
    world.s3.put(PRODUCTION, "images/plain", "a file");
    world.pull(&[]).exits(0);
    world.s3.remove(PRODUCTION, "images/album/one.jpg");
    world.s3.remove(PRODUCTION, "images/plain");
    world.s3.put(PRODUCTION, "images/album", "a file now");
    world.s3.put(PRODUCTION, "images/plain/inner.jpg", "in a folder now");
    world.pull(&["--yes", "--no-delete"]).exits(11);
    world.pull(&["--yes"]).exits(0);
    world.assert_pulled(PRODUCTION);
    let again = world.pull(&["--json"]).exits(0).json();
    assert_eq!(again["result"]["hashed"], 0);
}
