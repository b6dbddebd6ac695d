//! Tests builds from uploaded source, and the commit of a release, on each stack.

use bcops::adapters::heroku::{CodeId, HerokuError};
use bytes::Bytes;
use flate2::write::GzEncoder;

use crate::heroku::world::{STAGING, World, count, world};
use crate::standins::heroku::{Deploy, Fault, Rule, Stack};

const OLD: &str = "0123456789012345678901234567890123456789";
const NEW: &str = "abcdefabcdefabcdefabcdefabcdefabcdefabcd";
const STACKS: [Stack; 3] = [Stack::Slug, Stack::Container, Stack::CloudNative];

pub fn archive() -> Bytes {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    header.set_mode(0o644);
    archive.append_data(&mut header, "heroku.yml", &b"{}"[..]).expect("written");
    archive.into_inner().and_then(GzEncoder::finish).expect("an archive").into()
}

async fn code_in_force(world: &World) -> Option<String> {
    let releases = world.heroku.releases(STAGING).await.expect("releases");
    let now = releases.current().expect("a release");
    releases.code(now).map(|code| CodeId::as_str(code).to_owned())
}

#[tokio::test]
async fn the_current_code_is_known_on_every_stack() {
    for stack in STACKS {
        let world = world().await;
        let staging = world.staging().await;
        world.standin.set_stack(STAGING, stack);
        for commit in [OLD, NEW] {
            world.standin.deploy_to_the_end(STAGING, commit, Deploy::default()).await;
            assert_eq!(code_in_force(&world).await.as_deref(), Some(commit), "{stack:?}");
        }
        let old = world.heroku.newest_releases(STAGING).await.expect("releases")[1].clone();
        world.heroku.roll_back(&staging, &old).await.expect("rolled back");
        assert_eq!(code_in_force(&world).await.as_deref(), Some(OLD), "{stack:?}");
        let plan = Deploy { release_command: Some("exit 1".to_owned()), ..Deploy::default() };
        world.standin.deploy_to_the_end(STAGING, NEW, plan).await;
        assert_eq!(code_in_force(&world).await.as_deref(), Some(OLD), "{stack:?}");
    }
}

#[tokio::test]
async fn uploaded_source_is_built() {
    for stack in STACKS {
        let world = world().await;
        let staging = world.staging().await;
        world.standin.set_stack(STAGING, stack);
        world.standin.misbehave(Rule::once("/source-blobs/", Fault::ServerError).on("PUT"));
        let source = world.heroku.upload_source(archive()).await.expect("uploaded");
        let build = world.heroku.start_build(&staging, &source, NEW).await.expect("begun");
        world.heroku.watch_build(STAGING, &build.id, &mut Vec::new()).await.expect("built");
        assert_eq!(code_in_force(&world).await.as_deref(), Some(NEW), "{stack:?}");
        assert_eq!(count(&world.standin, "POST", "/sources"), 1);
    }
}

#[tokio::test]
async fn a_request_for_a_build_is_sent_once() {
    let world = world().await;
    let staging = world.staging().await;
    let source = world.heroku.upload_source(archive()).await.expect("uploaded");
    world.standin.misbehave(Rule::once("/builds", Fault::CloseAfter).on("POST"));
    let error = world.heroku.start_build(&staging, &source, NEW).await.expect_err("lost");
    assert!(error.is_unanswered(), "{error:?}");
    assert_eq!(count(&world.standin, "POST", "/builds"), 1);
    let builds = world.heroku.newest_builds(STAGING).await.expect("builds");
    assert_eq!(builds[0].commit(), Some(NEW));
}

#[tokio::test]
async fn a_file_that_is_not_an_archive_fails_to_build() {
    let world = world().await;
    let staging = world.staging().await;
    let source = world.heroku.upload_source(Bytes::from_static(b"text")).await.expect("uploaded");
    let build = world.heroku.start_build(&staging, &source, NEW).await.expect("begun");
    let error = world.heroku.watch_build(STAGING, &build.id, &mut Vec::new()).await;
    assert!(matches!(error, Err(HerokuError::JobFailed { .. })), "{error:?}");
}
