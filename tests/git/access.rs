//! Tests which repository is used, and that the operator's clone does not change.

use std::path::Path;

use bcops::adapters::git::{GitError, Lease, Pushed, Repository, Update};

use super::merge_feature_x;
use crate::support::git::{World, files, text};

/// Everything in a clone that its owner could notice.
fn state_of(world: &World, clone: &Path) -> Vec<String> {
    let inside = |name: &str| clone.join(".git").join(name);
    let mut state: Vec<String> = ["HEAD", "index", "config", "FETCH_HEAD", "ORIG_HEAD", "shallow"]
        .iter()
        .map(|name| format!("{name} {:?}", std::fs::read(inside(name)).ok()))
        .collect();
    let references = world.git(clone, &["for-each-ref", "--format=%(refname) %(objectname)"]);
    state.extend(references.lines().filter(|l| !l.contains("refs/bcops/")).map(str::to_owned));
    state.push(world.git(clone, &["stash", "list"]));
    state.push(world.git(clone, &["status", "--porcelain", "--ignored"]));
    state.push(world.git(clone, &["reflog", "--all"]));
    state
}

/// Goes through a reset of staging, from the fetch to the push.
async fn reset_staging(repository: &Repository) -> Result<Pushed, GitError> {
    let (tip, assembled) = merge_feature_x(repository).await?;
    assert!(assembled.is_complete());
    repository.keep("staging", assembled.tip)?;
    let update = Update {
        reference: "refs/heads/staging".into(),
        to: Some(assembled.tip),
        lease: Lease::At(tip("staging")),
    };
    let pushed = repository.push(repository.origin(), &[update], None).await?;
    Ok(pushed[0])
}

/// A clone, and later a new branch and a diverged staging on the origin.
fn world() -> World {
    let world = World::with_clone();
    let first = world.origin_tip("refs/heads/master").expect("master");
    let master = world.commit("master", &[first], &files(&[("README", "hello\n"), ("m", "m")]), 1);
    world.commit("feature/x", &[first], &files(&[("README", "hello\n"), ("x", "x")]), 2);
    world.commit("staging", &[master], &files(&[("old", "old\n")]), 3);
    world
}

fn staging_files(world: &World) -> String {
    world.git(&world.origin(), &["ls-tree", "-r", "--name-only", "staging"]).replace('\n', " ")
}

#[tokio::test]
async fn the_operators_clone_does_not_change() {
    let world = world();
    let clone = world.clone();
    std::fs::write(clone.join("README"), "half a thought\n").expect("written");
    world.git(&clone, &["stash"]);
    std::fs::write(clone.join("README"), "another\n").expect("written");
    std::fs::write(clone.join("staged"), "staged\n").expect("written");
    world.git(&clone, &["add", "staged"]);
    for hook in ["pre-push", "reference-transaction", "post-merge", "pre-merge-commit"] {
        world.hook(&clone.join(".git"), hook, "touch \"$GIT_DIR/hook-was-run\"; exit 1");
    }
    world.git(&clone, &["config", "push.followTags", "true"]);
    world.git(&clone, &["config", "fetch.prune", "true"]);
    std::fs::create_dir(clone.join("inside")).expect("a folder");
    let before = state_of(&world, &clone);

    let repository = world.open(&clone.join("inside"), "run-1").await.expect("a clone");
    assert!(!repository.is_temporary());
    assert_eq!(reset_staging(&repository).await.expect("reset"), Pushed::Changed);
    assert_eq!(staging_files(&world), "README m x");
    assert_eq!(state_of(&world, &clone), before);
    assert!(!clone.join(".git/hook-was-run").exists());

    let ours = || world.git(&clone, &["for-each-ref", "--format=%(refname)", "refs/bcops"]);
    assert!(ours().contains("refs/bcops/run-1/staging"), "{}", ours());
    repository.forget().expect("forgotten");
    assert_eq!(ours(), "");
    assert_eq!(state_of(&world, &clone), before);
}

#[tokio::test]
async fn bare_clones_and_linked_worktrees_work_too() {
    let world = world();
    let top = world.path("");
    world.git(&top, &["clone", "-q", "--bare", &text(&world.origin()), "bare.git"]);
    world.git(&world.path("bare.git"), &["worktree", "add", "-q", "../linked", "feature/x"]);
    for (number, folder) in ["bare.git", "linked"].iter().enumerate() {
        world.point("staging", world.origin_tip("refs/heads/feature/x"));
        let run = format!("run-{number}");
        let repository = world.open(&world.path(folder), &run).await.expect(folder);
        assert!(!repository.is_temporary());
        assert_eq!(reset_staging(&repository).await.expect(folder), Pushed::Changed);
        assert_eq!(staging_files(&world), "README m x");
    }
}

#[tokio::test]
async fn an_incomplete_clone_does_not_change() {
    let world = world();
    let url = format!("file://{}", text(&world.origin()));
    let top = world.path("");
    world.git(&world.origin(), &["config", "uploadpack.allowFilter", "true"]);
    world.git(&top, &["clone", "-q", "--depth=1", &url, "shallow"]);
    world.git(&top, &["clone", "-q", "--filter=blob:none", &url, "partial"]);
    for folder in ["shallow", "partial"] {
        world.point("staging", world.origin_tip("refs/heads/feature/x"));
        let clone = world.path(folder);
        let before = state_of(&world, &clone);
        let repository = world.open(&clone, "run-1").await.expect(folder);
        assert!(repository.is_temporary(), "{folder}");
        assert_eq!(reset_staging(&repository).await.expect(folder), Pushed::Changed);
        assert_eq!(staging_files(&world), "README m x");
        assert_eq!(state_of(&world, &clone), before);
        drop(repository);
    }
    let left = std::fs::read_dir(world.path("scratch")).expect("a folder").count();
    assert_eq!(left, 0, "temporary folders are removed");
}

#[tokio::test]
async fn without_a_clone_a_temporary_one_is_made() {
    let world = world();
    let folder = world.path("nowhere");
    std::fs::create_dir(&folder).expect("a folder");
    let error = world.open(&folder, "run-1").await.expect_err("no clone");
    assert!(matches!(error, GitError::NotARepository { .. }), "{error}");

    let url = text(&world.origin());
    let opened = world.open_with(world.program(), &folder, Some(&url), "run-1").await;
    let repository = opened.expect("temporary");
    assert!(repository.is_temporary());
    assert_eq!(repository.origin_url().await.expect("a URL"), url);
    assert_eq!(reset_staging(&repository).await.expect("reset"), Pushed::Changed);
    assert_eq!(staging_files(&world), "README m x");
}

#[tokio::test]
async fn a_clone_without_the_remote_is_not_replaced_by_another() {
    let world = world();
    world.git(&world.clone(), &["remote", "rename", "origin", "other"]);
    let url = text(&world.origin());
    let opened = world.open_with(world.program(), &world.clone(), Some(&url), "run-1").await;
    let error = opened.expect_err("no origin");
    assert!(matches!(error, GitError::UnknownRemote { .. }), "{error}");
    assert!(world.open(&world.clone(), "a/b").await.is_err(), "a run's id is one word");
}

#[tokio::test]
async fn the_token_of_a_ci_clone_is_on_no_command_line() {
    let world = world();
    let url = format!("file://{}", text(&world.origin()));
    world.git(&world.path(""), &["clone", "-q", "--depth=1", &url, "shallow"]);
    let clone = world.path("shallow");
    // A port without a server, because only git's arguments matter.
    let with_token = "https://gitlab-ci-token:glpat-hush@127.0.0.1:1/a/b.git";
    world.git(&clone, &["remote", "set-url", "origin", with_token]);
    world.git(&clone, &["config", "http.extraheader", "X-Token: hush-too"]);
    let (program, log) = world.recorded_program();
    let repository = world.open_with(program, &clone, None, "run-1").await.expect("temporary");
    assert_eq!(repository.origin_url().await.expect("a URL"), "https://127.0.0.1:1/a/b.git");
    let error = repository.fetch_branches(None).await.expect_err("nobody listens");
    assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(log.contains("fetch"), "{log}");
    for text in [log, error.to_string(), format!("{error:?} {repository:?}")] {
        assert!(!text.contains("hush"), "{text}");
    }
}

#[tokio::test]
async fn the_author_is_never_guessed() {
    let world = world();
    std::fs::write(world.path("gitconfig"), "").expect("written");
    let repository = world.open(&world.clone(), "run-1").await.expect("a clone");
    let error = repository.identity().await.expect_err("nobody");
    assert!(matches!(error, GitError::NoIdentity { .. }), "{error}");
}
