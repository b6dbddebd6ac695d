//! Runs the jobs of docs/ci.md word for word, as on a GitLab runner: a clone of twenty commits, and
//! no identity in git.

use std::fs;
use std::process::Command;

use crate::reset_staging::calm::deployed;
use crate::reset_staging::fault_cases::reset;
use crate::reset_staging::world::{Trouble, World};
use crate::support::git::text;
use crate::whole_site::{STAGING, history};

const PAGE: &str = include_str!("../../docs/ci.md");

/// The commands of a job's `script`, each as one line.
fn script(job: &str) -> Vec<String> {
    let mut lines = PAGE.lines().skip_while(|line| *line != format!("{job}:"));
    let mut commands: Vec<String> = Vec::new();
    lines.find(|line| line.trim() == "script:").expect("a script");
    for line in lines.take_while(|line| line.starts_with("    ")) {
        let line = line.trim();
        match line.strip_prefix("- ") {
            Some(command) => commands.push(command.to_owned()),
            None if line.starts_with('#') => {}
            None => {
                let last = commands.last_mut().expect("a command");
                last.push(' ');
                last.push_str(line);
            }
        }
    }
    assert!(!commands.is_empty(), "{job}");
    commands
}

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
    let project = origin.strip_suffix(".git").expect("a repository");
    world.bcops.set("CI_PROJECT_URL", project);
    world.bcops.set("STAGING_PUSH_TOKEN", "glpat-of-the-job");
    world.bcops.set("CI", "true");
}

#[track_caller]
fn runs(world: &World, job: &str) {
    let lines = script(job).join("\n");
    let mut shell = Command::new("sh");
    world.bcops.in_its_surroundings(&mut shell);
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_bcops"));
    let path = std::env::var("PATH").expect("a path");
    let folder = binary.parent().expect("a folder").display();
    shell.env("PATH", format!("{folder}:{path}")).args(["-e", "-c", &lines]);
    let output = shell.output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{job}: {lines}\n{said}");
}

#[test]
fn the_nightly_job_resets_staging() {
    let mut world = World::new();
    // A branch in conflict, which the page does not cover.
    let origin = world.whole.code.origin();
    let reference = format!("refs/heads/{}", history::SECOND_LEAF);
    world.whole.code.git(&origin, &["update-ref", "-d", &reference]);
    on_a_runner(&mut world);
    runs(&world, "nightly-staging");
    let state = world.staging();
    assert!(state.is_deployed && !state.maintenance);
    let result = fs::read_to_string(world.clone_folder().join("reset.json")).expect("a document");
    assert!(
        result.contains("\"status\":\"ok\"") || result.contains("\"status\": \"ok\""),
        "{result}"
    );
    assert!(!result.contains("glpat-of-the-job"));
    world.assert_production_untouched();
}

#[test]
fn a_plan_is_made_by_one_job_and_run_by_another() {
    let mut world = World::new();
    let origin = world.whole.code.origin();
    for branch in [history::SECOND_LEAF, history::CLASH] {
        let reference = format!("refs/heads/{branch}");
        world.whole.code.git(&origin, &["update-ref", "-d", &reference]);
    }
    on_a_runner(&mut world);
    runs(&world, "plan-reset");
    assert!(world.whole.heroku.writes(STAGING).is_empty());
    // Each job has its own clone.
    let plan = fs::read(world.clone_folder().join("plan.json")).expect("a plan");
    fs::write(world.bcops.directory().join("home/.gitconfig"), "").expect("written");
    on_a_runner(&mut world);
    fs::write(world.clone_folder().join("plan.json"), plan).expect("written");
    runs(&world, "reset-staging");
    assert!(world.staging().is_deployed);
    world.assert_production_untouched();
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
