//! Tests `bcops push-media`: from the folder into a bucket.

use std::fs;
use std::os::unix::fs::symlink;

use crate::media::world::{PRODUCTION, STAGING, STAGING_APP, World, bytes, large, set_modified};
use crate::standins::s3::{Fault, Headers, Rule};
use crate::support::postgres::Cluster;

fn write_files(world: &World, count: usize) {
    for number in 0..count {
        world.write(&format!("images/File_{number:04}.jpg"), bytes(number));
    }
}

#[track_caller]
fn assert_pushed(world: &World) {
    let (files, objects) = (world.files(), world.objects(STAGING));
    assert_eq!(files.keys().collect::<Vec<_>>(), objects.keys().collect::<Vec<_>>());
    assert!(files == objects, "the bytes differ");
}

#[test]
fn a_push_sends_everything_and_a_second_one_nothing() {
    let world = World::new();
    write_files(&world, 60);
    world.write("documents/large.pdf", large(20 << 20));
    world.s3.put(STAGING, "elsewhere/keep.txt", "not media");
    let done = world.push(&["--json"]).exits(0).json();
    assert_eq!(done["result"]["transferred"]["objects"], 61);
    assert_pushed(&world);
    assert!(world.s3.object(STAGING, "elsewhere/keep.txt").is_some());
    let object = world.s3.object(STAGING, "documents/large.pdf").expect("an object");
    assert_eq!(object.headers.content_type.as_deref(), Some("application/pdf"));
    assert_eq!(object.parts.len(), 3, "it went in parts");
    assert_eq!(object.acl, None, "no ACL is sent");
    assert_eq!(world.s3.unfinished_uploads(), 0);
    world.s3.forget_requests();
    let again = world.bcops.run(&["push-staging-media", "--confirm", STAGING_APP, "--json"]);
    let again = again.exits(0).json();
    assert_eq!(again["result"]["unchanged"], 61);
    assert_eq!(again["result"]["hashed"], 0);
    world.assert_nothing_written();
    // Touched files are read, and not sent.
    set_modified(&world.media().join("images/File_0003.jpg"), 1_000_000_000);
    let again = world.push(&["--json"]).exits(0).json();
    assert_eq!(
        (&again["result"]["hashed"], &again["result"]["unchanged"]),
        (&1.into(), &61.into())
    );
    world.assert_nothing_written();
}

#[test]
fn a_file_that_came_from_elsewhere_needs_no_reading() {
    let world = World::new();
    world.fill(PRODUCTION, 30);
    // The same times and content in both buckets would look like one bucket.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    world.fill(STAGING, 30);
    world.pull(&[]).exits(0);
    world.s3.forget_requests();
    let done = world.push(&["--json"]).exits(0).json();
    assert_eq!((&done["result"]["hashed"], &done["result"]["unchanged"]), (&0.into(), &30.into()));
    world.assert_nothing_written();
}

#[test]
fn an_older_file_of_the_same_size_is_sent() {
    let world = World::new();
    write_files(&world, 12);
    world.push(&[]).exits(0);
    let path = world.write("images/File_0003.jpg", vec![9; bytes(3).len()]);
    set_modified(&path, 1_000_000_000);
    fs::remove_file(world.media().join("images/File_0006.jpg")).expect("the file");
    let done = world.push(&["--json"]).exits(0).json();
    assert_eq!(done["result"]["transferred"]["objects"], 1);
    assert_eq!(done["result"]["deleted"], 1);
    assert_pushed(&world);
}

#[test]
fn a_missing_or_empty_folder_deletes_nothing() {
    let world = World::new();
    world.fill(STAGING, 30);
    let before = world.objects(STAGING);
    world.push(&[]).fails(4, &["does not exist", "media.folder"]);
    fs::create_dir_all(world.media().join("images")).expect("a folder");
    world.push(&[]).fails(4, &["holds no media", "30 objects", "nothing was changed"]);
    world.push(&["--max-delete", "100%"]).fails(4, &["holds no media"]);
    world.write("images/File_0000.jpg", bytes(0));
    world.push(&[]).fails(4, &["nothing below documents/"]);
    assert_eq!(world.objects(STAGING), before);
    world.assert_nothing_written();
    world.push(&["--max-delete", "29"]).exits(0);
    assert_pushed(&world);
}

#[test]
fn too_many_deletions_are_refused_with_their_numbers() {
    let world = World::new();
    write_files(&world, 20);
    for number in 0..80 {
        world.s3.put(STAGING, &format!("images/File_{number:04}.jpg"), bytes(number));
    }
    world.push(&[]).fails(4, &["60 of the 80 objects", "the limit is 50", "--max-delete"]);
    world.push(&["--max-delete", "59"]).fails(4, &["the limit is 59"]);
    let refused = world.push(&["--json"]).exits(4).json();
    assert_eq!(refused["status"], "refused");
    world.assert_nothing_written();
    world.push(&["--no-delete"]).exits(0);
    assert_eq!(world.objects(STAGING).len(), 80);
    world.push(&["--max-delete", "75%"]).exits(0);
    assert_pushed(&world);
}

#[test]
fn links_are_named_and_never_followed() {
    let world = World::new();
    write_files(&world, 6);
    let outside = world.bcops.directory().join("outside");
    fs::create_dir(&outside).expect("a folder");
    fs::write(outside.join("secret.txt"), "secret").expect("a file");
    for (link, to) in [
        ("images/dangling", "nowhere".into()),
        ("images/loop", ".".into()),
        ("images/folder", outside.clone()),
        ("images/file", outside.join("secret.txt")),
    ] {
        symlink(to, world.media().join(link)).expect("a link");
    }
    // Objects in the bucket with the names of links are neither replaced nor deleted.
    world.s3.put(STAGING, "images/folder/theirs.jpg", "theirs");
    world.s3.put(STAGING, "images/file", "theirs");
    let run = world.push(&[]).exits(11).says(&["images/dangling", "images/loop", "symbolic link"]);
    assert!(run.stdout.contains("bcops push-media staging"), "{}", run.printed());
    let mut expected = world.files();
    expected.insert("images/folder/theirs.jpg".to_owned(), b"theirs".to_vec());
    expected.insert("images/file".to_owned(), b"theirs".to_vec());
    assert_eq!(world.objects(STAGING), expected);
    // A whole folder that is a link would look like an empty one.
    fs::rename(world.media().join("images"), world.media().join("moved")).expect("renamed");
    symlink(&outside, world.media().join("images")).expect("a link");
    world.push(&[]).fails(4, &["is a symbolic link"]);
    world.pull(&[]).fails(4, &["is a symbolic link"]);
}

#[test]
fn a_folder_that_cannot_be_read_stops_everything() {
    // Root can read everything, so the unreadable part is a file in the place of a folder.
    let world = World::new();
    write_files(&world, 3);
    world.fill(STAGING, 30);
    fs::write(world.media().join("documents"), "a file").expect("a file");
    world.push(&[]).fails(1, &["documents"]);
    world.assert_nothing_written();
}

#[test]
fn unfinished_transfers_stay_here_and_foreign_names_are_reported() {
    use std::os::unix::ffi::OsStrExt;
    let world = World::new();
    write_files(&world, 3);
    world.write("images/.bcops-0123456789abcdef.part", "half");
    let name = std::ffi::OsStr::from_bytes(b"images/\xff.jpg");
    fs::write(world.media().join(name), "x").expect("a file");
    world.push(&[]).exits(11).says(&["not UTF-8"]);
    assert_eq!(world.objects(STAGING).len(), 3);
}

#[test]
fn a_push_survives_throttling_and_skips_bad_keys() {
    let world = World::new();
    write_files(&world, 40);
    world.s3.misbehave(Rule::times(40, "PutObject", Fault::SlowDown));
    world.push(&[]).exits(0);
    assert_pushed(&world);
    world.write("images/File_0003.jpg", "other");
    world.write("images/File_0004.jpg", "other");
    fs::remove_file(world.media().join("images/File_0009.jpg")).expect("the file");
    world.s3.misbehave(Rule::always("PutObject", Fault::AccessDenied).on("File_0003"));
    let run = world.push(&[]).exits(11).says(&["File_0003", "AccessDenied"]);
    assert!(run.stdout.contains("nothing was deleted"), "{}", run.printed());
    assert!(world.s3.object(STAGING, "images/File_0009.jpg").is_some());
    assert_eq!(world.s3.object(STAGING, "images/File_0004.jpg").expect("it").body, "other");
    world.s3.behave();
    world.push(&[]).exits(0);
    assert_pushed(&world);
}

#[test]
fn a_failed_multipart_upload_leaves_nothing_behind() {
    let world = World::new();
    world.write("documents/large.bin", large(20 << 20));
    world.s3.misbehave(Rule::always("UploadPart", Fault::AccessDenied).after(1));
    world.push(&[]).exits(11);
    assert_eq!(world.s3.unfinished_uploads(), 0);
    // The next run deletes an upload that could not be deleted.
    world.s3.misbehave(Rule::times(1, "AbortMultipartUpload", Fault::AccessDenied));
    world.push(&[]).exits(11);
    assert_eq!(world.s3.unfinished_uploads(), 1);
    world.s3.behave();
    world.push(&[]).exits(0);
    assert_eq!(world.s3.unfinished_uploads(), 0);
    assert_pushed(&world);
}

#[test]
fn the_acl_is_sent_if_configured() {
    let world = World::new();
    write_files(&world, 2);
    world.bcops.write("bcops.toml", "[media]\nacl = \"public-read\"\n");
    world.push(&[]).exits(0);
    let object = world.s3.object(STAGING, "images/File_0001.jpg").expect("an object");
    assert_eq!(object.acl.as_deref(), Some("public-read"));
}

#[test]
fn images_deletes_the_rows_in_the_destinations_database() {
    let world = World::new();
    write_files(&world, 2);
    world.write("original_images/a.jpg", "a");
    let cluster = Cluster::shared();
    let database = cluster.create_database("staging_renditions");
    let sql = "CREATE TABLE wagtailimages_rendition AS SELECT generate_series(1, 5) AS id";
    cluster.psql(&database, sql);
    let url = format!("{}?sslmode=disable", cluster.url(&database));
    world.heroku.set_config_var(STAGING_APP, "DATABASE_URL", &url);
    world.heroku.set_config_var("buckinghamshire-production", "OLD_URL", &url);
    world.push(&["--images"]).fails(4, &["OLD_URL", "nothing was changed"]);
    world.assert_nothing_written();
    world.heroku.set_config_var("buckinghamshire-production", "OLD_URL", "");
    let done = world.push(&["--images", "--json"]).exits(0).json();
    assert_eq!(done["result"]["rendition_rows"], 5);
    assert_eq!(world.objects(STAGING).keys().collect::<Vec<_>>(), ["original_images/a.jpg"]);
    assert_eq!(cluster.psql(&database, "SELECT count(*) FROM wagtailimages_rendition"), "0");
}

#[test]
fn a_replaced_object_keeps_its_settings() {
    let world = World::new();
    let headers = Headers {
        content_type: Some("image/webp".to_owned()),
        cache_control: Some("max-age=86400".to_owned()),
        content_disposition: Some("attachment; filename=\"a.jpg\"".to_owned()),
        content_encoding: None,
        content_language: Some("en-GB".to_owned()),
        metadata: [("owner".to_owned(), "somebody".to_owned())].into(),
    };
    for key in ["images/a.jpg", "documents/large.pdf"] {
        world.s3.put(STAGING, key, "old");
        world.s3.change(STAGING, key, |object| object.headers = headers.clone());
    }
    world.write("images/a.jpg", "new bytes");
    world.write("images/new.jpg", "new");
    world.write("documents/large.pdf", large(17 << 20));
    world.push(&[]).exits(0);
    assert_pushed(&world);
    for key in ["images/a.jpg", "documents/large.pdf"] {
        assert_eq!(world.s3.object(STAGING, key).expect("an object").headers, headers, "{key}");
    }
    let new = world.s3.object(STAGING, "images/new.jpg").expect("an object").headers.clone();
    assert_eq!((new.content_type.as_deref(), new.cache_control), (Some("image/jpeg"), None));
    assert_eq!(world.count("HeadObject"), 2, "only what is replaced is looked at");
}

#[test]
fn a_session_token_is_sent_and_signed_and_not_shown() {
    let world = World::new();
    world.heroku.set_config_var("buckinghamshire-staging", "AWS_SESSION_TOKEN", "lent-token/+=");
    write_files(&world, 3);
    let run = world.push(&["-v"]).exits(0);
    let requests = world.s3.requests();
    let tokens = requests.iter().filter(|one| one.bucket == STAGING);
    assert!(tokens.map(|one| one.session_token.as_deref()).all(|one| one == Some("lent-token/+=")));
    assert!(!run.printed().contains("lent-token"));
}
