//! Tests a reset in a clone like a runner's: twenty commits, and no identity in git. `tests/ci/` runs the
//! jobs of docs/ci.md.

use std::fs;

use crate::reset_staging::calm::deployed;
use crate::reset_staging::fault_cases::reset;
use crate::reset_staging::world::{Trouble, World};
use crate::support::git::text;
use crate::whole_site::STAGING;

/// A runner: a clone at GitLab's default depth, no identity, and the variables of a job.
fn on_a_runner(world: &mut World) {
    fs::remove_file(world.bcops.directory().join("home/.gitconfig")).expect("removed");
    fs::remove_dir_all(world.clone_folder()).expect("removed");
    let origin = format!("file://{}", text(&world.whole.code.origin()));
    let folder = text(&world.clone_folder());
    let top = world.bcops.directory().to_owned();
    world.whole.code.git(&top, &["clone", "-q", "--depth=20", &origin, &folder]);
    // The history of the tests may have fewer commits than that.
    let shallow = world.clone_folder().join(".git/shallow");
    if !shallow.is_file() {
        let tip = world.whole.code.git(&world.clone_folder(), &["rev-parse", "HEAD"]);
        fs::write(shallow, format!("{tip}\n")).expect("written");
    }
    world.bcops.set("CI", "true");
}

/// The identity is checked before a backup is made.
#[test]
fn without_an_identity_nothing_begins() {
    let mut world = World::new();
    let before = world.staging();
    on_a_runner(&mut world);
    let run = world.bcops(&crate::reset_staging::run::arguments(&[]));
    run.fails(3, &["cannot make a commit", "user.name", "GIT_COMMITTER_NAME"]);
    assert_eq!(world.staging(), before);
    assert!(world.whole.heroku.writes(STAGING).is_empty());
    assert!(!world.bcops.state_directory().join("runs").exists(), "a run was begun");
}

/// The merged tip is no longer in the clone, but on the origin's staging branch.
#[test]
fn a_run_in_a_shallow_clone_resumes_after_master_has_moved() {
    let mut world = World::new();
    on_a_runner(&mut world);
    for (name, value) in [("NAME", "CI"), ("EMAIL", "ci@example.test")] {
        world.bcops.set(&format!("GIT_AUTHOR_{name}"), value);
        world.bcops.set(&format!("GIT_COMMITTER_{name}"), value);
    }
    world.make(Trouble::ReleaseFails);
    let plain = &["--branches", "none"];
    reset(&world, plain).fails(8, &["the step release failed", "bcops runs resume"]);
    let (code, folder) = (&world.whole.code, world.bcops.directory().join("colleague"));
    code.clone_into(&folder);
    let git = |arguments: &[&str]| code.git(&folder, arguments);
    git(&["config", "user.name", "Colleague"]);
    git(&["config", "user.email", "colleague@example.test"]);
    git(&["checkout", "-q", "origin/master"]);
    git(&["commit", "-q", "--allow-empty", "-m", "Meanwhile"]);
    git(&["push", "-q", &text(&code.origin()), "HEAD:refs/heads/master"]);
    world.whole.heroku.plan_deploys(world.whole.deploy());
    let tip = code.origin_tip("refs/heads/staging").map(|tip| tip.to_string());
    world.bcops(&["runs", "resume", &world.newest_run()]).exits(0);
    assert_eq!(deployed(&world), tip);
    assert!(!world.staging().maintenance);
}
