//! Tests what is found on staging that master does not have.

use std::time::Duration;

use bcops::adapters::git::inventory::{Inventory, Landed, Question};
use bcops::adapters::git::{GitError, Oid};
use jiff::Timestamp;

use crate::support::git::{Files, START, World, files};

async fn inventory(world: &World) -> Result<Inventory, GitError> {
    let repository = world.fetched("run").await;
    let question = Question {
        master: "master",
        staging: "staging",
        stale_after: Duration::from_secs(3600),
        now: Timestamp::from_second(START + 100 * 60).expect("a moment"),
    };
    repository.inventory(&question)
}

fn plus(files: &Files, more: &[(&str, &str)]) -> Files {
    let more = more.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    files.clone().into_iter().chain(more).collect()
}

/// Merges into staging, keeping both sides.
fn stage(world: &World, tip: Oid, minute: i64, message: &str) -> Oid {
    let staging = world.origin_tip("refs/heads/staging").expect("staging");
    let number = format!("merge-{minute}");
    let files = files(&[("README", "hello\n"), (&number, "merged")]);
    world.commit_saying("staging", &[staging, tip], &files, minute, message)
}

#[tokio::test]
async fn branches_on_staging_are_reported_with_details() {
    let world = World::with_clone();
    let readme = files(&[("README", "hello\n")]);
    let first = world.origin_tip("refs/heads/master").expect("master");
    world.point("staging", Some(first));
    let fresh = world.commit("feature/fresh", &[first], &plus(&readme, &[("f", "1")]), 90);
    let fresh = world.commit("feature/fresh", &[fresh], &plus(&readme, &[("f", "2")]), 91);
    let old = world.commit("feature/old", &[first], &plus(&readme, &[("o", "1")]), 1);
    let onward = world.commit("feature/onward", &[first], &plus(&readme, &[("w", "1")]), 80);
    let squashed = world.commit("feature/squashed", &[first], &plus(&readme, &[("s", "1")]), 70);
    let squashed = world.commit("feature/squashed", &[squashed], &plus(&readme, &[("s", "2")]), 71);
    let picked = world.commit("feature/picked", &[first], &plus(&readme, &[("p", "1")]), 72);
    world.commit("feature/unmerged", &[first], &plus(&readme, &[("u", "1")]), 73);
    for (minute, tip) in (92..).zip([fresh, old, onward, squashed, picked]) {
        stage(&world, tip, minute, "Merge branch 'x' into 'staging'");
    }
    world.commit("feature/onward", &[onward], &plus(&readme, &[("w", "2")]), 99);
    let done = plus(&readme, &[("s", "2")]);
    let master = world.commit("master", &[first], &done, 95);
    let done = plus(&done, &[("p", "1")]);
    let master = world.commit("master", &[master], &done, 96);
    world.commit("master", &[master], &plus(&done, &[("p", "2")]), 97);
    world.commit("feature/on-master", &[first], &readme, 2);
    world.point("feature/on-master", Some(master));

    let found = inventory(&world).await.expect("compared");
    let told: Vec<_> = found
        .branches
        .iter()
        .map(|b| (b.name.as_str(), b.stale, b.ahead_of_master, b.ahead_of_staging, b.landed))
        .collect();
    let expected = [
        ("feature/fresh", false, 2, 0, None),
        ("feature/old", true, 1, 0, None),
        ("feature/onward", false, 2, 1, None),
        ("feature/picked", false, 1, 0, Some(Landed::EachPatch)),
        ("feature/squashed", false, 2, 0, Some(Landed::NothingNew)),
    ];
    assert_eq!(told, expected);
    assert_eq!(found.branches[0].author, "feature/fresh author");
    assert_eq!(found.branches[0].last.subject, "Change feature/fresh");
    assert_eq!(found.branches[0].age, Duration::from_secs(9 * 60));
    assert!(found.former.is_empty(), "{:?}", found.former);
    assert!(found.unaccounted.is_empty(), "{:?}", found.unaccounted);
}

#[tokio::test]
async fn commits_without_a_branch_are_found() {
    let world = World::with_clone();
    let readme = files(&[("README", "hello\n")]);
    let first = world.origin_tip("refs/heads/master").expect("master");
    world.point("staging", Some(first));
    let gone = world.commit("feature/gone", &[first], &plus(&readme, &[("g", "1")]), 10);
    stage(&world, gone, 11, "Merge remote-tracking branch 'origin/feature/gone' into staging");
    world.point("feature/gone", None);
    let rewritten = world.commit("fix/it", &[first], &plus(&readme, &[("r", "1")]), 90);
    stage(&world, rewritten, 91, "Merge branch 'fix/it' into 'staging'\n\nSee merge request !7");
    world.commit("fix/it", &[first], &plus(&readme, &[("r", "2")]), 92);
    let staging = world.origin_tip("refs/heads/staging").expect("staging");
    let direct = plus(&readme, &[("quick", "fix")]);
    let direct = world.commit_saying("staging", &[staging], &direct, 93, "A quick fix on staging");
    // A person's own copy of staging, merged by a pull, with another quick fix.
    let copy = plus(&readme, &[("quick", "fix"), ("own", "copy")]);
    let copy = world.commit_saying("copy", &[staging], &copy, 94, "From a copy of staging");
    world.point("copy", None);
    stage(&world, copy, 95, "Merge branch 'staging' of git.torchbox.com:a/b into staging");
    let master = world.commit("master", &[first], &plus(&readme, &[("m", "m")]), 96);
    stage(&world, master, 97, "Merge remote-tracking branch 'origin/master' into staging");

    let found = inventory(&world).await.expect("compared");
    assert!(found.branches.is_empty(), "{:?}", found.branches);
    let former: Vec<_> = found
        .former
        .iter()
        .map(|f| (f.name.as_deref(), f.tip.commit, f.rewritten, f.stale, f.ahead_of_master))
        .collect();
    let expected =
        [(Some("fix/it"), rewritten, true, false, 1), (Some("feature/gone"), gone, false, true, 1)];
    assert_eq!(former, expected);
    assert_eq!(found.former[1].author, "feature/gone author");
    let direct_first: Vec<_> = found.unaccounted.iter().map(|c| c.subject.as_str()).collect();
    assert_eq!(direct_first, ["From a copy of staging", "A quick fix on staging"]);
    assert_eq!(found.unaccounted[1].commit, direct);
}

#[tokio::test]
async fn a_missing_branch_is_named() {
    let world = World::with_clone();
    let error = inventory(&world).await.expect_err("no staging");
    assert!(matches!(&error, GitError::NoSuchBranch { name, .. } if name == "staging"), "{error}");
}
