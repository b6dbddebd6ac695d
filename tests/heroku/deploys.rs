//! Tests builds, releases and rollbacks with real release phases.

use std::time::Duration;

use bcops::adapters::heroku::{CodeId, HerokuError, JobStatus, Release, Timing};

use crate::heroku::world::{STAGING, World, client, count, quick, world};
use crate::standins::heroku::{Deploy, Fault, Rule};

const COMMIT: &str = "5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e";

fn with_phase(command: &str) -> Deploy {
    Deploy { release_command: Some(command.to_owned()), ..Deploy::default() }
}

/// Watches a build and its release to the end. Also returns the output of both.
async fn watch(world: &World, id: &str) -> (Result<Release, HerokuError>, String, String) {
    let (mut built, mut released) = (Vec::new(), Vec::new());
    let build = world.heroku.watch_build(STAGING, id, &mut built).await.expect("built");
    let release = build.release.expect("a release").id;
    let release = world.heroku.watch_release(STAGING, &release, &mut released).await;
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (release, text(built), text(released))
}

#[tokio::test]
async fn a_deploy_is_watched_to_its_end() {
    let world = world().await;
    world.standin.set_config_var(STAGING, "GREETING", "from the app");
    let id = world.standin.deploy(STAGING, COMMIT, with_phase("echo $GREETING; sleep 0.1; echo b"));
    let newest = world.heroku.newest_builds(STAGING).await.expect("builds");
    assert_eq!((newest[0].id.as_str(), newest[0].commit()), (id.as_str(), Some(COMMIT)));
    let (release, built, released) = watch(&world, &id).await;
    let release = release.expect("released");
    assert!(built.contains("-----> Launching..."), "{built}");
    assert_eq!(released, "from the app\nb\n");
    assert_eq!(release.status, JobStatus::Succeeded);
    let newest = world.heroku.newest_releases(STAGING).await.expect("releases");
    assert!(newest[0].current && newest[0].id == release.id);
    let commit = world.heroku.commit_of(STAGING, &release).await.expect("a slug");
    assert_eq!(commit.as_ref().map(CodeId::as_str), Some(COMMIT));
    let dynos = world.heroku.dynos(STAGING).await.expect("dynos");
    assert_eq!(dynos[0].release.as_ref().map(|one| one.version), Some(release.version));
}

#[tokio::test]
async fn truncated_output_is_resumed() {
    let world = world().await;
    world.standin.cut_streams_after(7);
    let id = world.standin.deploy(STAGING, COMMIT, with_phase("seq 1 30"));
    let (release, built, released) = watch(&world, &id).await;
    release.expect("released");
    let expected: String = (1..=30).map(|number| format!("{number}\n")).collect();
    assert_eq!(released, expected);
    assert!(built.starts_with("-----> Building") && built.ends_with("Launching...\n"), "{built}");
}

#[tokio::test]
async fn failures_are_reported_as_failures() {
    let world = world().await;
    let plan = Deploy { build_succeeds: false, ..Deploy::default() };
    let id = world.standin.deploy(STAGING, COMMIT, plan);
    let error = world.heroku.watch_build(STAGING, &id, &mut Vec::new()).await.expect_err("failed");
    assert!(
        matches!(&error, HerokuError::JobFailed { status, .. } if status == "failed"),
        "{error:?}"
    );

    let id = world.standin.deploy(STAGING, COMMIT, with_phase("echo no; exit 1"));
    let (release, _, released) = watch(&world, &id).await;
    assert_eq!(released, "no\n");
    let error = release.expect_err("failed");
    assert!(
        matches!(&error, HerokuError::JobFailed { status, .. } if status == "failed"),
        "{error:?}"
    );

    let plan = Deploy { release_expires: true, ..with_phase("true") };
    let id = world.standin.deploy(STAGING, COMMIT, plan);
    let error = watch(&world, &id).await.0.expect_err("expired");
    assert!(
        matches!(&error, HerokuError::JobFailed { status, .. } if status == "expired"),
        "{error:?}"
    );
}

#[tokio::test]
async fn endless_jobs_fail_and_some_failed_polls_are_tolerated() {
    let world = world().await;
    let plan = Deploy { never_ends: true, ..Deploy::default() };
    let id = world.standin.deploy(STAGING, COMMIT, plan);
    let short = Duration::from_millis(200);
    let impatient = client(&world.standin, Timing { job: short, request: short, ..quick() });
    let error = impatient.watch_build(STAGING, &id, &mut Vec::new()).await.expect_err("no end");
    assert!(matches!(error, HerokuError::JobTooLong { .. }), "{error:?}");

    let id = world.standin.deploy(STAGING, COMMIT, with_phase("true"));
    world.standin.misbehave(Rule::times(12, "/builds/", Fault::ServerError));
    watch(&world, &id).await.0.expect("seen in the end");
    world.standin.misbehave(Rule::always("/builds/", Fault::CloseBefore));
    let error = world.heroku.watch_build(STAGING, &id, &mut Vec::new()).await.expect_err("unseen");
    assert!(matches!(error, HerokuError::JobUnseen { polls: 5, .. }), "{error:?}");
}

#[tokio::test]
async fn a_hook_gets_the_whole_output_of_a_deploy() {
    let world = world().await;
    let plan = with_phase("echo migrated");
    let deployed = world.standin.deploy_to_the_end(STAGING, COMMIT, plan).await;
    assert_eq!((deployed.build_status, deployed.release_status), ("succeeded", "succeeded"));
    assert!(deployed.output.ends_with("-----> Launching...\nmigrated\n"), "{}", deployed.output);
    let plan = Deploy { build_succeeds: false, ..Deploy::default() };
    let deployed = world.standin.deploy_to_the_end(STAGING, COMMIT, plan).await;
    assert_eq!((deployed.build_status, deployed.release_status), ("failed", ""));
}

#[tokio::test]
async fn a_rollback_is_a_new_release_of_the_old_slug() {
    let world = world().await;
    let staging = world.staging().await;
    for commit in ["aaaaaaaaaa", "bbbbbbbbbb"] {
        world.standin.deploy_to_the_end(STAGING, commit, Deploy::default()).await;
    }
    let releases = world.heroku.newest_releases(STAGING).await.expect("releases");
    let old = &releases[1];
    let made = world.heroku.roll_back(&staging, old).await.expect("rolled back");
    assert_eq!((made.version, &made.slug), (releases[0].version + 1, &old.slug));
    let commit = world.heroku.commit_of(STAGING, &made).await.expect("a slug");
    assert_eq!(commit.as_ref().map(CodeId::as_str), Some("aaaaaaaaaa"));

    world.standin.misbehave(Rule::once("/releases", Fault::CloseAfter).on("POST"));
    let found = world.heroku.roll_back(&staging, old).await.expect("found");
    assert_eq!(found.version, made.version + 1);
    world.standin.misbehave(Rule::once("/releases", Fault::CloseBefore).on("POST"));
    let error = world.heroku.roll_back(&staging, old).await.expect_err("lost");
    assert!(matches!(error, HerokuError::RollbackLost { .. }), "{error:?}");
    assert_eq!(count(&world.standin, "POST", "/releases"), 3);
}
