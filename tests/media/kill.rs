//! Tests kills at any moment: every file or object with its final name is complete, and a second
//! run reaches the same end and transfers only what was missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::media::world::{PRODUCTION, STAGING, STAGING_APP, World, bytes, large};
use crate::standins::s3::{Fault, Rule};
use crate::support::wait;

/// Over pulls, pushes and copies together.
const KILLS: u32 = 200;

/// Small objects and a multipart one, slightly different in each round.
fn content(round: u32) -> BTreeMap<String, Vec<u8>> {
    let mut content: BTreeMap<String, Vec<u8>> = (0..60)
        .map(|number| {
            let seed = number + if number % 3 == 0 { round as usize } else { 0 };
            (format!("images/f{number:03}"), bytes(seed))
        })
        .collect();
    static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| large(17 << 20));
    let mut body = LARGE.clone();
    body[0] = round as u8;
    content.insert("documents/large.bin".to_owned(), body);
    content
}

fn fill(world: &World, bucket: &str, content: &BTreeMap<String, Vec<u8>>) {
    for (key, body) in content {
        let now = world.s3.object(bucket, key);
        if now.is_none_or(|object| object.body != *body) {
            world.s3.put(bucket, key, body.clone());
        }
    }
}

/// Every existing key has the old bytes or the new ones.
#[track_caller]
fn assert_whole(
    found: &BTreeMap<String, Vec<u8>>,
    before: &BTreeMap<String, Vec<u8>>,
    now: &BTreeMap<String, Vec<u8>>,
) {
    for (key, body) in found.iter().filter(|(key, _)| !key.contains(".bcops-")) {
        let known = [before.get(key), now.get(key)].into_iter().flatten().any(|one| one == body);
        assert!(known, "{key} is neither the old nor the new one");
    }
}

/// A rerun ends like an undisturbed run.
#[track_caller]
fn assert_same(found: &BTreeMap<String, Vec<u8>>, wanted: &BTreeMap<String, Vec<u8>>) {
    let keys: BTreeSet<&String> = found.keys().chain(wanted.keys()).collect();
    let differ = keys.into_iter().filter(|key| found.get(*key) != wanted.get(*key));
    let tell = |key: &String| {
        let length = |all: &BTreeMap<String, Vec<u8>>| all.get(key).map(Vec::len);
        format!("{key}: {:?} bytes instead of {:?}", length(found), length(wanted))
    };
    let differ: Vec<String> = differ.map(tell).collect();
    assert!(differ.is_empty(), "a rerun does not end in the same place: {differ:#?}");
}

/// Kills `arguments` after a different time in each round, and lets every fifth round finish.
fn rounds(
    arguments: &[&str],
    found: fn(&World) -> BTreeMap<String, Vec<u8>>,
    fill_source: fn(&World, &BTreeMap<String, Vec<u8>>),
) {
    let world = World::new();
    let mut before = BTreeMap::new();
    let mut whole = Duration::from_millis(300);
    let mut round = 0;
    for kill in 0..KILLS / 3 + 1 {
        let now = content(round);
        fill_source(&world, &now);
        let running = world.bcops.start(arguments);
        // Spread over the time that a whole run takes.
        thread::sleep(whole.mul_f64(f64::from(kill * 37 % 100) / 100.0));
        running.kill();
        assert_whole(&found(&world), &before, &now);
        if kill % 5 == 4 {
            let started = Instant::now();
            world.bcops.run(arguments).exits(0);
            whole = whole.max(started.elapsed()).min(Duration::from_millis(600));
            assert_same(&found(&world), &now);
            // An upload is recorded once the server has named it. A kill in between leaves an
            // unknown upload, as docs/media.md explains. All others are deleted.
            let unknown = world.s3.unfinished_uploads();
            assert!(unknown <= (kill as usize).div_ceil(10), "{unknown} uploads stayed");
            before = now;
            round += 1;
        }
    }
    world.bcops.run(arguments).exits(0);
    assert_same(&found(&world), &content(round));
    world.assert_production_untouched();
}

#[test]
fn a_killed_pull_is_resumed() {
    rounds(&["pull-media", "production", "--yes"], World::files, |world, content| {
        fill(world, PRODUCTION, content)
    });
}

#[test]
fn a_killed_push_is_resumed() {
    rounds(
        &["push-media", "staging", "--confirm", STAGING_APP],
        |world| world.objects(STAGING),
        |world, content| {
            for (key, body) in content {
                if std::fs::read(world.media().join(key)).ok().as_ref() != Some(body) {
                    world.write(key, body);
                }
            }
        },
    );
}

#[test]
fn a_killed_copy_is_resumed() {
    rounds(
        &["push-media", "staging", "--from", "production", "--confirm", STAGING_APP],
        |world| world.objects(STAGING),
        |world, content| fill(world, PRODUCTION, content),
    );
}

#[test]
fn a_rerun_transfers_only_what_is_missing() {
    let world = World::new();
    for number in 0..200 {
        world.s3.put(PRODUCTION, &format!("images/f{number:03}"), bytes(number));
    }
    world.s3.misbehave(Rule::always("GetObject", Fault::Hang).after(120));
    let running = world.bcops.start(&["pull-media", "production"]);
    // As many as were answered.
    let arrived = || world.files().into_keys().filter(|key| !key.contains(".bcops-")).count();
    wait::until("120 files are there", || world.count("GetObject") >= 150 && arrived() == 120);
    running.kill();
    world.s3.behave();
    world.s3.forget_requests();
    world.pull(&["--yes"]).exits(0);
    assert_eq!(world.count("GetObject"), 80);
    world.assert_pulled(PRODUCTION);
    assert!(world.files().keys().all(|key| !key.contains(".bcops-")));
}
