//! Tests the lock and the backup of a tip, both refs on the origin.

use bcops::adapters::git::{BackupPlace, GitError, Holder, Lease, Update};
use jiff::Timestamp;

use crate::support::git::{World, text};

const LOCK: &str = "refs/bcops/lock/staging";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + second).expect("a moment")
}

fn holder(run: &str) -> Holder {
    Holder::new("ada", "laptop", run, "bcops reset-staging", at(0))
}

#[tokio::test]
async fn one_holds_the_lock_and_the_other_learns_who() {
    let world = World::with_clone();
    let ada = world.open(&world.clone(), "run-a").await.expect("a clone");
    let lock = ada.take_lock("staging", &holder("run-a")).await.expect("free");
    assert_eq!(world.origin_tip(LOCK), Some(lock.commit));

    // Another person, on a machine without a clone.
    let nowhere = world.path("nowhere");
    std::fs::create_dir(&nowhere).expect("a folder");
    let url = text(&world.origin());
    let bob = world.open_with(world.program(), &nowhere, Some(&url), "run-b").await.expect("ok");
    let error = bob.take_lock("staging", &holder("run-b")).await.expect_err("taken");
    let GitError::Locked(found) = &error else { panic!("{error:?}") };
    assert_eq!(**found, holder("run-a"));
    for word in ["ada", "laptop", "run-a", "bcops reset-staging"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    // The same run gets it again, as when it is resumed.
    let again = ada.take_lock("staging", &holder("run-a")).await.expect("ours");
    assert_eq!(again, lock);

    let lock = ada.refresh_lock(&lock, at(60)).await.expect("refreshed");
    let seen = bob.read_lock("staging").await.expect("read").expect("there");
    assert_eq!((seen.commit, seen.holder.refreshed), (lock.commit, at(60)));
    assert_eq!(seen.holder.since, at(0));
    ada.release_lock(&lock).await.expect("released");
    ada.release_lock(&lock).await.expect("gone already");
    assert_eq!(bob.read_lock("staging").await.expect("read"), None);
    bob.take_lock("staging", &holder("run-b")).await.expect("free");
}

#[tokio::test]
async fn of_many_at_once_one_wins() {
    let world = World::with_clone();
    let mut takers = Vec::new();
    for number in 0..4 {
        let run = format!("run-{number}");
        let repository = world.open(&world.clone(), &run).await.expect("a clone");
        takers.push(tokio::spawn(async move {
            repository.take_lock("staging", &holder(&run)).await.map(|lock| lock.holder.run)
        }));
    }
    let mut winners = Vec::new();
    for taker in takers {
        match taker.await.expect("no panic") {
            Ok(run) => winners.push(run),
            Err(GitError::Locked(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
}

#[tokio::test]
async fn a_lock_is_broken_by_its_run_only() {
    let world = World::with_clone();
    let repository = world.open(&world.clone(), "run-b").await.expect("a clone");
    let error = repository.break_lock("staging", "run-a").await.expect_err("no lock");
    assert!(matches!(error, GitError::NotLocked { .. }), "{error:?}");
    let lock = repository.take_lock("staging", &holder("run-a")).await.expect("free");
    let error = repository.break_lock("staging", "run-b").await.expect_err("another's");
    assert!(matches!(error, GitError::AnothersLock { .. }), "{error:?}");
    let broken = repository.break_lock("staging", "run-a").await.expect("broken");
    assert_eq!(broken, holder("run-a"));
    // The former holder notices.
    let error = repository.refresh_lock(&lock, at(60)).await.expect_err("broken");
    assert!(matches!(error, GitError::LeaseRejected { now: None, .. }), "{error:?}");
}

#[tokio::test]
async fn other_content_is_not_mistaken_for_a_lock() {
    let world = World::with_clone();
    let repository = world.fetched("run").await;
    let master = world.origin_tip("refs/heads/master");
    let update = Update { reference: LOCK.into(), to: master, lease: Lease::Absent };
    repository.push(repository.origin(), &[update], None).await.expect("pushed");
    for error in [
        repository.read_lock("staging").await.expect_err("no lock"),
        repository.take_lock("staging", &holder("run")).await.expect_err("no lock"),
        repository.break_lock("staging", "run").await.expect_err("no lock"),
    ] {
        assert!(matches!(error, GitError::UnreadableLock { .. }), "{error:?}");
    }
    assert_eq!(world.origin_tip(LOCK), master);
}

#[tokio::test]
async fn a_tip_is_backed_up_where_the_origin_allows_it() {
    let world = World::with_clone();
    let repository = world.fetched("run").await;
    let tip = world.origin_tip("refs/heads/master").expect("master");
    let expected = BackupPlace::Origin { reference: "refs/bcops/backup/run".into() };
    for _ in 0..2 {
        assert_eq!(repository.back_up_tip(tip).await.expect("kept"), expected);
    }
    repository.forget().expect("forgotten");
    assert_eq!(repository.backed_up_tip().await.expect("found"), Some(tip));
    repository.forget_backup().await.expect("removed");
    repository.forget_backup().await.expect("gone already");
    assert_eq!(world.origin_tip("refs/bcops/backup/run"), None);
}

#[tokio::test]
async fn a_tip_that_the_origin_refuses_is_kept_in_the_clone() {
    let world = World::with_clone();
    let repository = world.fetched("run").await;
    let tip = world.origin_tip("refs/heads/master").expect("master");
    world.hook(&world.origin(), "update", "case $1 in refs/bcops/*) echo no >&2; exit 1;; esac");
    let place = repository.back_up_tip(tip).await.expect("kept");
    assert!(
        matches!(&place, BackupPlace::Clone { refused, .. } if refused.contains("no")),
        "{place:?}"
    );
    assert_eq!(repository.backed_up_tip().await.expect("found"), Some(tip));

    let url = text(&world.origin());
    let nowhere = world.path("nowhere");
    std::fs::create_dir(&nowhere).expect("a folder");
    let opened = world.open_with(world.program(), &nowhere, Some(&url), "run-b").await;
    let temporary = opened.expect("temporary");
    temporary.fetch_branches(None).await.expect("fetched");
    let error = temporary.back_up_tip(tip).await.expect_err("nowhere to keep it");
    assert!(matches!(error, GitError::HookDeclined { .. }), "{error:?}");
}

#[tokio::test]
async fn another_process_of_the_run_takes_the_lock_over() {
    let world = World::with_clone();
    let ada = world.open(&world.clone(), "run-a").await.expect("a clone");
    let first = ada.take_lock("staging", &holder("run-a").with_process(1)).await.expect("free");
    let later = Holder { refreshed: at(90), since: at(90), ..holder("run-a").with_process(2) };
    let second = ada.take_lock("staging", &later).await.expect("ours");
    assert_eq!((second.holder.process, second.holder.since), (2, at(0)));
    assert!(!second.holder.is_same_process(&first.holder));
    // The first process can no longer change it.
    let error = ada.refresh_lock(&first, at(100)).await.expect_err("taken over");
    assert!(matches!(error, GitError::LeaseRejected { .. }), "{error:?}");
}

#[tokio::test]
async fn a_broken_lock_is_kept_until_it_is_forgotten() {
    let world = World::with_clone();
    let ada = world.open(&world.clone(), "run-a").await.expect("a clone");
    let seen = ada.take_lock("staging", &holder("run-a")).await.expect("free");
    let alive = ada.refresh_lock(&seen, at(60)).await.expect("refreshed");
    // The holder refreshed it after it was read.
    let error = ada.break_this_lock(&seen).await.expect_err("another lock");
    assert!(matches!(error, GitError::LeaseRejected { .. }), "{error:?}");
    assert_eq!(ada.read_broken_lock("staging").await.expect("read"), None);
    ada.break_this_lock(&alive).await.expect("broken");
    assert_eq!(ada.read_lock("staging").await.expect("read"), None);
    let kept = ada.read_broken_lock("staging").await.expect("read").expect("kept");
    assert_eq!((kept.commit, &kept.holder), (alive.commit, &alive.holder));
    let branches = ada.branches_with_locks().await.expect("listed");
    assert_eq!(branches.into_iter().collect::<Vec<_>>(), ["staging"]);
    // The next removed lock replaces it.
    let next = ada.take_lock("staging", &holder("run-b")).await.expect("free");
    ada.break_this_lock(&next).await.expect("broken");
    ada.forget_broken_lock("staging").await.expect("forgotten");
    ada.forget_broken_lock("staging").await.expect("gone already");
    assert!(ada.branches_with_locks().await.expect("listed").is_empty());
}

/// A lock of an older bcops has neither a journal nor the state from before.
#[tokio::test]
async fn the_lock_of_an_older_version_is_read() {
    let world = World::with_clone();
    let ada = world.open(&world.clone(), "run-a").await.expect("a clone");
    let text = serde_json::to_value(holder("run-a")).expect("JSON");
    let fields: Vec<&String> = text.as_object().expect("fields").keys().collect();
    let old = ["command", "host", "process", "refreshed", "run", "since", "version", "who"];
    assert_eq!(fields, old, "what an older version wrote is all that is needed");
    let read: Holder = serde_json::from_value(text).expect("read");
    assert_eq!(read, holder("run-a"));
    let lock = ada.take_lock("staging", &read).await.expect("free");
    assert_eq!(ada.read_lock("staging").await.expect("read"), Some(lock));
}
