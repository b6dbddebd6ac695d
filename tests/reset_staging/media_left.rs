//! Tests media that cannot be copied: staging still opens, and the report names what is missing.

use crate::reset_staging::fault_cases::{CHOSEN, reset, runs, start, wait_for_step};
use crate::reset_staging::world::World;
use crate::standins::s3::{Archive, Fault, Rule};
use crate::whole_site::media::PRODUCTION;

/// The originals of production.
fn originals(world: &World) -> Vec<String> {
    let objects = world.whole.s3.objects(PRODUCTION).into_iter().map(|(key, _)| key);
    objects.filter(|key| key.starts_with("original_images/")).collect()
}

#[test]
fn objects_that_cannot_be_copied_are_warnings() {
    let mut world = World::new();
    let s3 = &world.whole.s3;
    let keys = originals(&world);
    for key in &keys[..3] {
        s3.put(PRODUCTION, key, format!("new {key}"));
    }
    s3.change(PRODUCTION, &keys[0], |object| object.archive = Archive::Class("GLACIER"));
    for operation in ["CopyObject", "GetObject"] {
        s3.misbehave(Rule::always(operation, Fault::AccessDenied).on(&keys[1]));
        s3.misbehave(Rule::always(operation, Fault::NotFound).on(&keys[2]));
    }
    let run = reset(&world, CHOSEN).exits(0);
    let again = "bcops push-media staging --from production --images";
    let run = run.says(&[
        "3 objects not copied",
        "1 archived",
        "1 refused",
        "1 listed but missing",
        again,
    ]);
    assert!(!world.staging().maintenance, "{}", run.printed());

    // No object can be written.
    world.reset();
    for operation in ["CopyObject", "PutObject"] {
        world.whole.s3.misbehave(Rule::always(operation, Fault::AccessDenied));
    }
    let run = reset(&world, CHOSEN).exits(0).says(&["not copied", "refused", again]);
    assert!(!world.staging().maintenance, "{}", run.printed());

    // One answer ends the copy before most objects are tried.
    world.reset();
    let s3 = &world.whole.s3;
    for number in 0..60 {
        s3.put(PRODUCTION, &format!("original_images/new_{number:02}.jpg"), "new");
    }
    for operation in ["CopyObject", "PutObject"] {
        s3.misbehave(Rule::always(operation, Fault::ExpiredToken));
    }
    let run = reset(&world, CHOSEN).exits(0).says(&[
        "the copy of media stopped after",
        "not tried",
        again,
    ]);
    assert!(!world.staging().maintenance, "{}", run.printed());
}

#[test]
fn a_bucket_that_cannot_be_listed_is_skipped() {
    let world = World::new();
    let running = start(&world, CHOSEN);
    wait_for_step(&world, "migrate");
    let rule = Rule::always("ListObjectsV2", Fault::AccessDenied);
    world.whole.s3.misbehave(rule.on(&format!("{PRODUCTION}/original_images")));
    let run = running.finish().fails(3, &["the step copy-media failed", "--media none"]);
    assert!(world.staging().maintenance, "{}", run.printed());
    let id = &runs(&world)[0];
    world.bcops(&["runs", "resume", id, "--skip", "git"]).fails(2, &["cannot skip git"]);
    world.bcops(&["runs", "resume", id, "--skip", "none"]).fails(2, &["there is no stage none"]);
    let run = world.bcops(&["runs", "resume", id, "--media", "none"]).exits(0);
    assert!(!world.staging().maintenance, "{}", run.printed());
    world.bcops(&["runs", "resume", id, "--media", "all"]).fails(2, &["cannot change --media"]);
}
