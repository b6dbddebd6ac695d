//! Tests `bcops doctor` for git, the clone, its origin, and the branch on GitLab.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tokio::runtime::Runtime;

use crate::doctor::{assert_lines, good_world};
use crate::gitlab::{TOKEN, standin};
use crate::heroku::world::STAGING;
use crate::pull_data::world::{DEV, World};
use crate::standins::gitlab::Project;
use crate::support::git::{self, files, text};

/// A world with a clone in the working directory, and its git.
fn in_a_clone() -> (World, git::World) {
    let (mut world, git) = (good_world(), git::World::new());
    for app in [STAGING, DEV] {
        let repository = git.path(&format!("heroku/{app}.git"));
        git2::Repository::init_bare(repository).expect("a repository");
    }
    let heroku = format!("file://{}", text(&git.path("heroku")));
    world.bcops.set("HEROKU_GIT_HOST", &heroku);
    let tip = git.commit("master", &[], &files(&[("manage.py", "print")]), 1);
    for branch in ["staging", "dev"] {
        git.point(branch, Some(tip));
    }
    git.git(&work(&world), &["clone", "-q", &text(&git.origin()), "."]);
    (world, git)
}

fn work(world: &World) -> PathBuf {
    world.bcops.directory().join("work")
}

fn install_git(world: &World) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = std::env::split_paths(&path).map(|folder| folder.join("git"));
    let program = program.into_iter().find(|program| program.is_file()).expect("git");
    symlink(program, world.bcops.directory().join("path/git")).expect("a link");
}

fn introduce(world: &World) {
    let config = "[user]\nname = Ada\nemail = ada@x.test\n";
    fs::write(world.bcops.directory().join("home/.gitconfig"), config).expect("a file");
}

#[test]
fn a_clone_that_a_reset_can_work_in() {
    let (world, git) = in_a_clone();
    let run = world.bcops.run(&["doctor"]).exits(3);
    assert_lines(&run, &["fail git", "fix: install git"]);
    install_git(&world);
    let run = world.bcops.run(&["doctor"]).exits(3);
    let mend = "fix: git config --global user.name";
    assert_lines(&run, &["pass git version", "fail git identity", mend]);
    introduce(&world);
    let run = world.bcops.run(&["doctor"]).exits(0);
    assert_lines(&run, &["pass git identity Ada", "pass git origin every branch"]);
    assert_lines(&run, &["pass git push may push", "pass staging deploys may push"]);
    // An origin that allows reading and refuses pushes.
    git.git(&work(&world), &["config", "remote.origin.receivepack", "false"]);
    let run = world.bcops.run(&["doctor", "staging"]).exits(3);
    assert_lines(&run, &["pass git origin", "fail git push", "fix: Developer"]);
    git.git(&work(&world), &["config", "--unset", "remote.origin.receivepack"]);

    git.point("dev", None);
    let run = world.bcops.run(&["doctor"]).exits(0);
    assert_lines(&run, &["pass git origin lacks dev (dev)"]);
    // The clone is read and does not change.
    let references = git.git(&work(&world), &["for-each-ref", "refs/bcops"]);
    assert_eq!(references.trim(), "");
}

#[test]
fn an_origin_that_is_not_the_sites() {
    let (world, git) = in_a_clone();
    install_git(&world);
    introduce(&world);
    world.bcops.write("bcops.toml", "[gitlab]\nproject = \"council/site\"\n");
    let run = world.bcops.run(&["doctor"]).exits(3);
    assert_lines(&run, &["fail git origin not council/site", "fix: gitlab.project"]);
    world.bcops.write("bcops.toml", "");
    fs::rename(git.origin(), git.path("elsewhere")).expect("a move");
    let run = world.bcops.run(&["doctor"]).exits(3);
    assert_lines(&run, &["fail git origin", "pass git identity"]);
}

#[test]
fn the_branch_that_is_force_pushed() {
    let runtime = Runtime::new().expect("a runtime");
    let gitlab = runtime.block_on(standin());
    let mut world = good_world();
    world.bcops.set("GITLAB_URL", &gitlab.url);
    world.bcops.set("GITLAB_TOKEN", TOKEN);
    let run = world.bcops.run(&["doctor"]).exits(0);
    assert_lines(&run, &["pass GitLab branch staging may be force-pushed"]);
    let mut strict = Project::new(43, "council/strict", &["master", "staging"]);
    strict.protect("st*", false);
    gitlab.add_project(strict);
    world.bcops.write("bcops.toml", "[gitlab]\nproject = \"council/strict\"\n");
    let run = world.bcops.run(&["doctor"]).exits(3);
    assert_lines(
        &run,
        &["fail GitLab branch staging not allowed to force-push", "fix: Protected branches"],
    );
}
