//! Tests clones that lack history or files, or that libgit2 cannot read: a temporary repository
//! with the clone's own settings replaces them.

use std::path::{Path, PathBuf};

use bcops::adapters::git::{Assembled, GitError, Repository};

use super::merge_feature_x;
use crate::support::git::{World, files, text};

fn world() -> World {
    let world = World::with_clone();
    let first = world.origin_tip("refs/heads/master").expect("master");
    let with = |list: &str| files(&[("README", "hello\n"), ("list.txt", list)]);
    let base = world.commit("master", &[first], &with("a\n"), 1);
    world.commit("feature/x", &[base], &with("a\ntheirs\n"), 2);
    world.commit("master", &[base], &with("a\nours\n"), 3);
    world
}

/// Each of them counts as an unusable clone.
fn odd_clones(world: &World) -> Vec<PathBuf> {
    let url = format!("file://{}", text(&world.origin()));
    let top = world.path("");
    world.git(&world.origin(), &["config", "uploadpack.allowFilter", "true"]);
    world.git(&top, &["clone", "-q", "--depth=1", &url, "shallow"]);
    world.git(&top, &["clone", "-q", "--filter=blob:none", &url, "partial"]);
    // An extension that git supports and libgit2 does not.
    world.git(&top, &["clone", "-q", &url, "extended"]);
    world.git(&world.path("extended"), &["config", "core.repositoryFormatVersion", "1"]);
    world.git(&world.path("extended"), &["config", "extensions.noop-v1", "true"]);
    ["shallow", "partial", "extended"].iter().map(|name| world.path(name)).collect()
}

fn set(world: &World, clone: &Path, settings: &[(&str, &str)]) {
    for (name, value) in settings {
        world.git(clone, &["config", name, value]);
    }
}

async fn author(world: &World, clone: &Path) -> Result<String, GitError> {
    let repository = world.open(clone, "run-1").await.expect("a repository");
    assert!(repository.is_temporary(), "{}", clone.display());
    let identity = repository.identity().await?;
    assert_eq!(identity.author.name, identity.committer.name);
    Ok(format!("{} <{}>", identity.author.name, identity.author.email))
}

async fn merged(repository: &Repository) -> Assembled {
    merge_feature_x(repository).await.expect("assembled").1
}

#[tokio::test]
async fn the_user_of_the_clone_makes_the_merges() {
    let world = world();
    std::fs::write(world.path("gitconfig"), "").expect("written");
    for clone in odd_clones(&world) {
        let error = author(&world, &clone).await.expect_err("nobody yet");
        assert!(matches!(error, GitError::NoIdentity { .. }), "{error}");
        set(&world, &clone, &[("user.name", "Clo Ne"), ("user.email", "clone@example.test")]);
        assert_eq!(author(&world, &clone).await.expect("known"), "Clo Ne <clone@example.test>");
    }
}

/// Settings in files that are included because of the clone's location, and in a work tree's own
/// file.
#[tokio::test]
async fn settings_count_in_every_file_of_git() {
    let world = world();
    let [shallow, ..] = odd_clones(&world).try_into().map(|all: [PathBuf; 3]| all).expect("three");
    std::fs::write(world.path("there"), "[user]\nname = In Cluded\nemail = i@example.test\n")
        .expect("written");
    let global = format!(
        "[includeIf \"gitdir:{}/\"]\npath = {}\n[user]\nuseConfigOnly = true\n",
        text(&shallow),
        text(&world.path("there"))
    );
    std::fs::write(world.path("gitconfig"), global).expect("written");
    assert_eq!(author(&world, &shallow).await.expect("known"), "In Cluded <i@example.test>");

    set(&world, &shallow, &[("extensions.worktreeConfig", "true")]);
    world.git(&shallow, &["config", "--worktree", "user.name", "Tree Of"]);
    assert_eq!(author(&world, &shallow).await.expect("known"), "Tree Of <i@example.test>");

    // A later value in the user's own file wins in both.
    let global = std::fs::read_to_string(world.path("gitconfig")).expect("read");
    std::fs::write(world.path("gitconfig"), format!("{global}[user]\nname = La Ter\n"))
        .expect("written");
    world.git(&shallow, &["config", "--worktree", "--unset", "user.name"]);
    assert_eq!(author(&world, &shallow).await.expect("known"), "La Ter <i@example.test>");
}

#[tokio::test]
async fn the_merge_drivers_of_the_clone_are_used() {
    let world = world();
    for clone in odd_clones(&world) {
        let repository = world.open(&clone, "run-1").await.expect("a repository");
        assert!(!merged(&repository).await.is_complete(), "a conflict without the driver");
        set(&world, &clone, &[("merge.both.driver", "printf 'both\\n' > %A")]);
        std::fs::create_dir_all(clone.join(".git/info")).expect("a folder");
        std::fs::write(clone.join(".git/info/attributes"), "list.txt merge=both\n")
            .expect("written");
        let repository = world.open(&clone, "run-2").await.expect("a repository");
        let assembled = merged(&repository).await;
        assert!(assembled.is_complete(), "{}: {assembled:?}", clone.display());
        let found = repository.files(assembled.tip, 100, |path| path == "list.txt").expect("files");
        assert!(format!("{found:?}").contains(&format!("{:?}", b"both\n")), "{found:?}");
    }
}

/// Files that a setting names by a relative path are read from the clone.
#[tokio::test]
async fn relative_paths_in_settings_lead_to_the_clone() {
    let world = world();
    for clone in odd_clones(&world) {
        std::fs::write(clone.join("attributes"), "list.txt merge=union\n").expect("written");
        let path = text(&clone.join("attributes"));
        set(&world, &clone, &[("core.attributesFile", &path)]);
        set(&world, &clone, &[("remote.origin.url", "../origin.git")]);
        let repository = world.open(&clone, "run-1").await.expect("a repository");
        assert!(merged(&repository).await.is_complete(), "{}", clone.display());
    }
}
