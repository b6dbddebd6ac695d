//! Tests which code staging runs in the end, after a reset or a rollback: with another person's
//! rollback, a failed release phase, a refused rollback, and code that only Heroku had.

use crate::reset_staging::calm::deployed;
use crate::reset_staging::fault_cases::{reset, start, wait_for_step};
use crate::reset_staging::run::arguments;
use crate::reset_staging::world::{Trouble, World};
use crate::standins::heroku::{Fault, Rule};
use crate::support::git::text;
use crate::whole_site::{STAGING, stack};

const PLAIN: &[&str] = &["--branches", "none"];

fn tip(world: &World) -> Option<String> {
    world.whole.code.origin_tip("refs/heads/staging").map(|tip| tip.to_string())
}

fn requests(world: &World, method: &str, end: &str) -> usize {
    let requests = world.whole.heroku.requests();
    requests.iter().filter(|one| one.method == method && one.path.ends_with(end)).count()
}

fn roll_back(world: &World) -> crate::command::Run {
    world.bcops(&["runs", "rollback", &world.newest_run(), "--confirm", STAGING])
}

/// Pushes a commit only to Heroku, which builds and releases it. The origin never gets it.
fn deploy_from_a_laptop(world: &World) -> String {
    let folder = world.bcops.directory().join("laptop");
    let code = &world.whole.code;
    code.clone_into(&folder);
    let git = |arguments: &[&str]| code.git(&folder, arguments);
    git(&["config", "user.name", "Laptop"]);
    git(&["config", "user.email", "laptop@example.test"]);
    git(&["checkout", "-q", "origin/staging"]);
    git(&["commit", "-q", "--allow-empty", "-m", "Hot fix"]);
    git(&["push", "-q", "--force", &text(&code.app_repository(STAGING)), "HEAD:refs/heads/master"]);
    git(&["rev-parse", "HEAD"]).trim().to_owned()
}

#[test]
fn a_foreign_rollback_is_noticed_and_the_tip_is_deployed_again() {
    let world = World::new();
    reset(&world, PLAIN).exits(0);
    let wanted = tip(&world);
    assert_eq!(deployed(&world), wanted);
    let before = world.whole.heroku.glance(STAGING).releases.len() as u64;
    world.whole.heroku.somebody_rolls_back(STAGING, 2);
    assert_ne!(deployed(&world), wanted);
    // The same commit is at the tip of Heroku's repository, so a push would build nothing.
    let run = reset(&world, PLAIN).exits(0);
    assert_eq!((deployed(&world), tip(&world)), (wanted.clone(), wanted));
    assert_eq!(requests(&world, "POST", "/builds"), 1, "{}", run.printed());
    let newest = before + 3;
    let messages = world.bcops.state_directory().join("runs").join(world.newest_run());
    let messages = std::fs::read_to_string(messages.join("messages.md")).expect("the messages");
    assert!(messages.contains(&format!("v{newest}")), "{messages}");
    // And running code is not built again.
    reset(&world, PLAIN).exits(0);
    assert_eq!(requests(&world, "POST", "/builds"), 1);
    world.assert_production_untouched();
}

#[test]
fn a_rollback_during_a_run_is_corrected_before_staging_opens() {
    let world = World::new();
    let running = start(&world, PLAIN);
    wait_for_step(&world, "verify");
    world.whole.heroku.somebody_rolls_back(STAGING, 2);
    let run = running.finish().exits(0);
    assert_eq!(deployed(&world), tip(&world));
    assert!(run.stderr.contains("(Rollback to v2) has replaced"), "{}", run.printed());
    assert!(!world.staging().maintenance);
}

#[test]
fn a_failed_release_phase_is_built_again_once_its_cause_is_fixed() {
    let world = World::new();
    world.make(Trouble::ReleaseFails);
    let stopped = reset(&world, PLAIN);
    stopped.fails(8, &["the step release failed", "bcops runs resume"]);
    let resume = ["runs", "resume", &world.newest_run()];
    // The cause is not fixed: the second attempt has its own release, and fails like the first.
    let releases = world.whole.heroku.glance(STAGING).releases.len();
    world.bcops(&resume).fails(8, &["the step release failed"]);
    assert_eq!(world.whole.heroku.glance(STAGING).releases.len(), releases + 1);
    world.whole.heroku.plan_deploys(world.whole.deploy());
    world.bcops(&resume).exits(0);
    assert_eq!(deployed(&world), tip(&world));
    assert!(!world.staging().maintenance);
    world.assert_production_untouched();
}

#[test]
fn the_old_code_is_built_if_a_rollback_is_refused() {
    let world = World::new();
    let before = deployed(&world);
    world.whole.heroku.refuse_rollbacks();
    world.bcops(&arguments(&[])).exits(0);
    assert_ne!(deployed(&world), before);
    roll_back(&world).exits(0);
    assert_eq!(deployed(&world), before);
    assert_eq!(world.litter(), Vec::<String>::new());
}

/// A push would build nothing, because the old commit is at the tip of Heroku's repository again.
#[test]
fn the_old_code_is_built_if_heroku_has_it_at_its_tip() {
    let world = World::new();
    let before = deployed(&world).expect("a commit");
    world.whole.heroku.refuse_rollbacks();
    world.bcops(&arguments(&[])).exits(0);
    let repository = world.whole.code.app_repository(STAGING);
    world.whole.code.git(&repository, &["update-ref", "refs/heads/master", &before]);
    // The answer to the request for the build is lost, and the request is not sent again.
    world.whole.heroku.misbehave(Rule::once("/builds", Fault::CloseAfter).on("POST"));
    roll_back(&world).exits(0);
    assert_eq!(deployed(&world), Some(before));
    assert_eq!(requests(&world, "POST", "/builds"), 1);
}

#[test]
fn code_that_only_heroku_had_comes_back() {
    let world = World::new();
    let commit = deploy_from_a_laptop(&world);
    assert_eq!(deployed(&world), Some(commit.clone()));
    world.whole.heroku.refuse_rollbacks();
    world.bcops(&arguments(&[])).exits(0);
    assert_ne!(deployed(&world), Some(commit.clone()));
    // Only the origin still has it.
    let again = world.bcops.directory().join("work");
    std::fs::remove_dir_all(&again).expect("removed");
    world.whole.code.clone_into(&again);
    roll_back(&world).exits(0);
    assert_eq!(deployed(&world), Some(commit));
}

#[test]
fn a_rollback_with_a_failed_release_phase_resumes_once_fixed() {
    let world = World::new();
    let before = deployed(&world);
    world.whole.heroku.refuse_rollbacks();
    world.bcops(&arguments(&[])).exits(0);
    world.make(Trouble::ReleaseFails);
    let stopped = roll_back(&world);
    assert_ne!(stopped.code, Some(0), "{}", stopped.printed());
    world.whole.heroku.plan_deploys(world.whole.deploy());
    roll_back(&world).exits(0);
    assert_eq!(deployed(&world), before);
}

#[test]
fn the_stack_is_the_councils_unless_set() {
    let world = World::new();
    let app = world.runtime().block_on(async {
        let url = format!("{}/apps/{STAGING}", world.whole.heroku.url);
        let client = reqwest::Client::new().get(url);
        let client = client.header("accept", "application/vnd.heroku+json; version=3");
        let token = format!("Bearer {}", world.whole.heroku.token());
        client.header("authorization", token).send().await.expect("an answer").text().await
    });
    assert!(app.expect("text").contains(stack().name()));
}
