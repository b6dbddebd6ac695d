//! Plays builds without git: an archive of the source is uploaded to a signed URL, and a build
//! fetches it from another.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use hyper::Response;
use serde_json::json;

use super::releases::{self, Deploy};
use super::server::{not_found, refusal};
use super::state::Shared;
use crate::standins::server::{Body, Recorded, Reply, full};

pub fn answer(shared: &Arc<Shared>, request: &Recorded) -> Option<Reply> {
    let segments = request.segments();
    match (request.method.as_str(), &segments[..]) {
        ("POST", ["sources"]) => Some(make_source(shared)),
        ("POST", ["apps", app, "builds"]) => Some(build(shared, app, request)),
        _ => None,
    }
}

fn make_source(shared: &Shared) -> Reply {
    let mut world = shared.world();
    let id = world.new_id();
    let url = format!("{}/source-blobs/{id}", world.base);
    world.sources.insert(id, None);
    let blob = json!({ "get_url": format!("{url}?get"), "put_url": format!("{url}?put") });
    Reply::new(201, json!({ "source_blob": blob }))
}

/// The URL is signed for a PUT without a content type and without other credentials.
pub fn upload(shared: &Shared, request: &Recorded, id: &str) -> Response<Body> {
    let answer = |status| Response::builder().status(status).body(full("")).expect("a response");
    let typed = request.header("content-type").is_some_and(|kind| !kind.is_empty());
    let is_signed = request.method == "PUT"
        && request.path.ends_with("?put")
        && !typed
        && request.header("authorization").is_none()
        && request.header("content-length").is_some();
    match shared.world().sources.get_mut(id) {
        Some(source) if is_signed => *source = Some(request.bytes.clone()),
        _ => return answer(403),
    }
    answer(200)
}

fn build(shared: &Arc<Shared>, app: &str, request: &Recorded) -> Reply {
    let body = request.json();
    let blob = &body["source_blob"];
    let mut world = shared.world();
    let Some(found) = world.app(app) else { return not_found("app") };
    let (name, builder) = (found.name.clone(), found.builder.clone());
    let url = blob["url"].as_str().unwrap_or_default();
    let id = url.strip_suffix("?get").and_then(|url| url.rsplit('/').next()).unwrap_or_default();
    let Some(Some(bytes)) = world.sources.get(id).cloned() else {
        return refusal(422, "invalid_params", "The source cannot be fetched.");
    };
    let commit = blob["version"].as_str().unwrap_or_default().to_owned();
    let tree = shared.folder.path().join(world.new_id());
    let tree = builder.as_ref().map_or(tree, |(trees, _)| trees.join(world.new_id()));
    let is_good = unpack(&bytes, &tree, builder.as_ref().map(|(_, python)| python.as_path()));
    let plan = world.deploy_plan.clone();
    let plan = Deploy {
        build_succeeds: plan.build_succeeds && is_good,
        tree: builder.is_some().then_some(tree),
        ..plan
    };
    let build = releases::begin(shared, &mut world, &name, &commit, plan);
    let app = world.app(&name).expect("found before");
    let build = app.builds.iter().find(|one| one.id == build).expect("just made");
    Reply::new(201, releases::build_json(&world, app, build))
}

fn unpack(archive: &[u8], tree: &Path, python: Option<&Path>) -> bool {
    std::fs::create_dir_all(tree).expect("a folder");
    let mut tar = Command::new("tar");
    tar.args(["-xz", "-C"]).arg(tree).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = tar.spawn().expect("tar");
    let written = std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), archive);
    let is_good = child.wait().expect("tar ends").success() && written.is_ok();
    if let Some(python) = python {
        let programs = tree.join(".heroku/python/bin");
        std::fs::create_dir_all(&programs).expect("a folder");
        std::fs::copy(python, programs.join("python")).expect("a copy");
    }
    is_good
}
