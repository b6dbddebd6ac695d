//! Plays builds and releases after a push, with a real release phase.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use hyper::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::process::Process;
use super::server::{not_found, refusal};
use super::state::{App, Shared, Stack, World};
use crate::standins::server::{Body, Recorded, Reply, full};

/// How a deploy goes.
#[derive(Debug, Clone)]
pub struct Deploy {
    /// The build's output, with a pause after each line.
    pub build_lines: Vec<String>,
    pub pause: Duration,
    pub build_succeeds: bool,
    /// The release phase: a command that runs in the app's folder with its config vars.
    pub release_command: Option<String>,
    /// The release phase counts as too long, whatever the command does.
    pub release_expires: bool,
    /// Neither the build nor the release ever ends.
    pub never_ends: bool,
    /// The tree that is built. The release phase runs in it, and so do commands after the release.
    pub tree: Option<PathBuf>,
}

impl Default for Deploy {
    fn default() -> Self {
        let lines = ["-----> Building on the Heroku-24 stack", "-----> Launching..."];
        Deploy {
            build_lines: lines.map(str::to_owned).to_vec(),
            pause: Duration::from_millis(20),
            build_succeeds: true,
            release_command: None,
            release_expires: false,
            never_ends: false,
            tree: None,
        }
    }
}

/// The result of a deploy, as `git push` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    pub build: String,
    /// `succeeded`, `failed`, or `expired` of a release; empty if there is none.
    pub build_status: &'static str,
    pub release_status: &'static str,
    pub output: String,
    /// The part of the output from the release phase.
    pub release_output: String,
}

pub struct Build {
    pub id: String,
    pub status: &'static str,
    pub commit: String,
    pub release: Option<String>,
    pub stream: String,
    pub created_at: Timestamp,
}

pub struct Release {
    pub id: String,
    pub version: u64,
    pub status: &'static str,
    pub description: String,
    pub slug: String,
    pub stream: Option<String>,
    pub created_at: Timestamp,
}

/// Output with its own URL.
#[derive(Default)]
pub struct Stream {
    pub bytes: Vec<u8>,
    /// Before it has begun, the URL is unknown.
    pub has_begun: bool,
    pub has_ended: bool,
}

impl App {
    /// The version of the release that the dynos run.
    pub fn version(&self) -> u64 {
        let good = self.releases.iter().filter(|one| one.status == "succeeded");
        good.map(|one| one.version).max().unwrap_or(1)
    }

    /// Where commands run: in the tree of the release, if that is known.
    pub fn command_folder(&self) -> Option<&PathBuf> {
        let version = self.version();
        let current = self.releases.iter().find(|one| one.version == version);
        current.and_then(|release| self.trees.get(&release.slug)).or(self.folder.as_ref())
    }

    /// The commit whose slug the dynos run, if it was built.
    pub fn deployed_commit(&self) -> Option<&str> {
        let version = self.version();
        let release = self.releases.iter().find(|one| one.version == version)?;
        let build = self.builds.iter().find(|one| release.slug.starts_with(&one.id))?;
        Some(&build.commit)
    }

    fn next_version(&self) -> u64 {
        self.releases.iter().map(|one| one.version).max().unwrap_or(1) + 1
    }
}

impl World {
    /// A release of the same slug, as after a change of config vars.
    pub fn add_release(&mut self, app: &str, id: String, description: &str) {
        let Some(app) = self.app_mut(app) else { return };
        let slug = app.releases.last().map(|one| one.slug.clone()).unwrap_or_default();
        app.releases.push(Release {
            id,
            version: app.next_version(),
            status: "succeeded",
            description: description.to_owned(),
            slug,
            stream: None,
            created_at: Timestamp::now(),
        });
    }
}

pub fn build_json(world: &World, app: &App, build: &Build) -> Value {
    json!({
        "id": build.id, "status": build.status, "created_at": build.created_at.to_string(),
        "updated_at": build.created_at.to_string(), "stack": app.stack.name(),
        "app": { "id": app.id, "name": app.name },
        "source_blob": { "url": "https://source.stand-in.test/", "version": build.commit },
        "slug": slug_json(app, &format!("{}-{}", build.id, build.commit)),
        "release": build.release.as_ref().map(|id| json!({ "id": id })),
        "output_stream_url": format!("{}/streams/{}", world.base, build.stream),
        "user": { "id": app.id, "email": "operator@stand-in.test" },
    })
}

/// Only releases of slugs name one.
fn slug_json(app: &App, slug: &str) -> Value {
    if app.stack == Stack::Slug { json!({ "id": slug }) } else { Value::Null }
}

fn image_json(app: &App, slug: &str) -> Value {
    if app.stack == Stack::CloudNative { json!({ "id": slug }) } else { Value::Null }
}

fn release_json(world: &World, app: &App, release: &Release) -> Value {
    let url = |stream: &String| format!("{}/streams/{stream}", world.base);
    json!({
        "id": release.id, "version": release.version, "status": release.status,
        "description": release.description, "current": release.version == app.version(),
        "slug": slug_json(app, &release.slug), "oci_image": image_json(app, &release.slug), "app": { "id": app.id, "name": app.name },
        "output_stream_url": release.stream.as_ref().map(url), "eligible_for_rollback": true,
        "created_at": release.created_at.to_string(), "updated_at": release.created_at.to_string(),
        "user": { "id": app.id, "email": "operator@stand-in.test" }, "addon_plan_names": [],
    })
}

pub fn answer(shared: &Arc<Shared>, request: &Recorded) -> Option<Reply> {
    let segments = request.segments();
    let mut world = shared.world();
    let reply = match (request.method.as_str(), &segments[..]) {
        ("GET", ["apps", app, "builds"]) => {
            let app = world.app(app)?;
            let all = app.builds.iter().map(|one| build_json(&world, app, one)).collect();
            newest_first(all, request)
        }
        ("GET", ["apps", app, "builds", id]) => {
            let app = world.app(app)?;
            let found = app.builds.iter().find(|one| one.id == *id);
            found.map_or_else(|| not_found("build"), |one| Reply::ok(build_json(&world, app, one)))
        }
        ("GET", ["apps", app, "releases"]) => {
            let app = world.app(app)?;
            let all = app.releases.iter().map(|one| release_json(&world, app, one)).collect();
            newest_first(all, request)
        }
        ("GET", ["apps", app, "releases", id]) => {
            let app = world.app(app)?;
            let id = id.trim_start_matches('v');
            let is_it = |one: &&Release| one.id == id || one.version.to_string() == id;
            let found = app.releases.iter().find(is_it);
            found.map_or_else(
                || not_found("release"),
                |one| Reply::ok(release_json(&world, app, one)),
            )
        }
        ("POST", ["apps", app, "releases"]) => {
            let name = world.app(app)?.name.clone();
            let body = request.json();
            if body["release"].is_null() {
                retry(shared, &mut world, &name, &body)
            } else {
                roll_back(&mut world, &name, &body, shared.options.dyno_start)
            }
        }
        ("GET", ["apps", app, "slugs", id]) => {
            if world.app(app)?.stack != Stack::Slug {
                return Some(not_found("slug"));
            }
            let commit = world.app(app)?.builds.iter().find(|one| id.starts_with(&one.id));
            let commit = commit.map(|one| one.commit.clone());
            Reply::ok(json!({ "id": id, "commit": commit, "process_types": {} }))
        }
        _ => return None,
    };
    Some(reply)
}

/// A list by its last column, in the order and the number that `Range` asks for.
fn newest_first(mut all: Vec<Value>, request: &Recorded) -> Reply {
    let range = request.header("range").unwrap_or_default();
    if range.contains("order=desc") {
        all.reverse();
    }
    let most = range
        .split("max=")
        .nth(1)
        .and_then(|rest| rest.split([',', ';', ' ']).next()?.parse().ok());
    let length = all.len();
    all.truncate(most.unwrap_or(200));
    if all.len() == length {
        return Reply::ok(all.into());
    }
    let next = vec![("Next-Range", "version ]1..".to_owned())];
    Reply { status: 206, body: all.into(), headers: next }
}

/// Rolls an app back without a request.
pub fn roll_back_to(shared: &Shared, app: &str, version: u64) {
    let mut world = shared.world();
    let found = world.app(app).expect("an app of the stand-in");
    let target = found.releases.iter().find(|one| one.version == version).expect("a release");
    let body = json!({ "release": target.id });
    roll_back(&mut world, app, &body, shared.options.dyno_start);
}

/// Runs the release phase of a slug again, like `heroku releases:retry`.
fn retry(shared: &Arc<Shared>, world: &mut World, app: &str, body: &Value) -> Reply {
    let (id, stream, plan) = (world.new_id(), world.new_id(), world.deploy_plan.clone());
    let slug = body["slug"].as_str().unwrap_or_default().to_owned();
    let found = world.app(app).expect("found before");
    if found.stack != Stack::Slug || !found.releases.iter().any(|one| one.slug == slug) {
        return refusal(422, "invalid_params", "You must specify a slug to release.");
    }
    world.streams.insert(stream.clone(), Stream::default());
    let found = world.app_mut(app).expect("found before");
    found.releases.push(Release {
        id: id.clone(),
        version: found.next_version(),
        status: "pending",
        description: body["description"].as_str().unwrap_or_default().to_owned(),
        slug,
        stream: Some(stream),
        created_at: Timestamp::now(),
    });
    let (task, name, release) = (Arc::clone(shared), app.to_owned(), id.clone());
    tokio::spawn(async move {
        let command = plan.release_command.clone().unwrap_or_else(|| "true".to_owned());
        run_release(&task, &name, &release, &command, &plan).await;
    });
    let app = world.app(app).expect("found before");
    let release = app.releases.iter().find(|one| one.id == id).expect("just made");
    Reply::new(201, release_json(world, app, release))
}

fn roll_back(world: &mut World, app: &str, body: &Value, start: Duration) -> Reply {
    let id = world.new_id();
    let target = body["release"].as_str().unwrap_or_default();
    if world.refuses_rollback {
        return refusal(422, "invalid_params", "This release cannot be rolled back to.");
    }
    let Some(found) = world.app_mut(app) else { return not_found("app") };
    let Some(old) = found.releases.iter().find(|one| one.id == target) else {
        return not_found("release");
    };
    let release = Release {
        id: id.clone(),
        version: found.next_version(),
        status: "succeeded",
        description: format!("Rollback to v{}", old.version),
        slug: old.slug.clone(),
        stream: None,
        created_at: Timestamp::now(),
    };
    found.releases.push(release);
    world.replace_dynos(app, |dyno| dyno.one_off.is_none(), start);
    let app = world.app(app).expect("found before");
    let release = app.releases.iter().find(|one| one.id == id).expect("just made");
    Reply::new(201, release_json(world, app, release))
}

/// Adds a build of a commit and runs it.
pub fn deploy(shared: &Arc<Shared>, app: &str, commit: &str, plan: Deploy) -> String {
    begin(shared, &mut shared.world(), app, commit, plan)
}

/// The same for a caller who holds the world.
pub fn begin(
    shared: &Arc<Shared>,
    world: &mut World,
    app: &str,
    commit: &str,
    plan: Deploy,
) -> String {
    let (id, stream) = (world.new_id(), world.new_id());
    world.streams.insert(stream.clone(), Stream { has_begun: true, ..Stream::default() });
    let found = world.app_mut(app).expect("an app of the stand-in");
    found.builds.push(Build {
        id: id.clone(),
        status: "pending",
        commit: commit.to_owned(),
        release: None,
        stream: stream.clone(),
        created_at: Timestamp::now(),
    });
    let run = run(Arc::clone(shared), found.id.clone(), id.clone(), stream, plan);
    tokio::spawn(run);
    id
}

async fn run(shared: Arc<Shared>, app: String, id: String, stream: String, plan: Deploy) {
    for line in &plan.build_lines {
        say(&shared, &stream, format!("{line}\n").as_bytes());
        tokio::time::sleep(plan.pause).await;
    }
    if plan.never_ends && plan.release_command.is_none() {
        return;
    }
    let release = plan.build_succeeds.then(|| enter_release(&shared, &app, &id, &plan));
    {
        let mut world = shared.world();
        let found = world.app_mut(&app).expect("an app of the stand-in");
        let build = found.builds.iter_mut().find(|one| one.id == id).expect("entered");
        build.status = if plan.build_succeeds { "succeeded" } else { "failed" };
        build.release = release.clone();
    }
    end_stream(&shared, &stream);
    if let (Some(release), Some(command)) = (release, &plan.release_command) {
        run_release(&shared, &app, &release, command, &plan).await;
    }
}

fn enter_release(shared: &Shared, app: &str, build: &str, plan: &Deploy) -> String {
    let mut world = shared.world();
    let (id, stream) = (world.new_id(), world.new_id());
    let has_phase = plan.release_command.is_some();
    if has_phase {
        world.streams.insert(stream.clone(), Stream::default());
    }
    let found = world.app_mut(app).expect("an app of the stand-in");
    let commit = found.builds.iter().find(|one| one.id == build).map(|one| one.commit.clone());
    let commit = commit.unwrap_or_default();
    let slug = format!("{build}-{commit}");
    if let Some(tree) = &plan.tree {
        found.trees.insert(slug.clone(), tree.clone());
    }
    found.releases.push(Release {
        id: id.clone(),
        version: found.next_version(),
        status: if has_phase { "pending" } else { "succeeded" },
        description: format!("Deploy {}", commit.get(..8).unwrap_or(&commit)),
        slug,
        stream: has_phase.then_some(stream),
        created_at: Timestamp::now(),
    });
    if !has_phase {
        world.replace_dynos(app, |dyno| dyno.one_off.is_none(), shared.options.dyno_start);
    }
    id
}

async fn run_release(shared: &Shared, app: &str, id: &str, command: &str, plan: &Deploy) {
    // For a moment the URL of the output exists, but the output does not.
    tokio::time::sleep(plan.pause).await;
    let (folder, vars, stream) = {
        let world = shared.world();
        let app = world.app(app).expect("an app of the stand-in");
        let release = app.releases.iter().find(|one| one.id == id).expect("entered");
        let folder = app.trees.get(&release.slug).or(app.folder.as_ref()).cloned();
        let folder = folder.unwrap_or_else(|| shared.folder.path().to_owned());
        (folder, app.config_vars.clone(), release.stream.clone().expect("a stream"))
    };
    let mut process = Process::start(command, &vars, &folder, false).expect("a shell");
    let group = process.group;
    {
        let mut world = shared.world();
        world.release_phases.push(group);
        if let Some(stream) = world.streams.get_mut(&stream) {
            stream.has_begun = true;
        }
    }
    while let Some(bytes) = process.output.recv().await {
        say(shared, &stream, &bytes);
    }
    let status = process.wait().await;
    shared.world().release_phases.retain(|one| *one != group);
    if plan.never_ends {
        return;
    }
    end_stream(shared, &stream);
    tokio::time::sleep(plan.pause).await;
    let mut world = shared.world();
    let found = world.app_mut(app).expect("an app of the stand-in");
    let release = found.releases.iter_mut().find(|one| one.id == id).expect("entered");
    release.status = match (plan.release_expires, status) {
        (true, _) => "expired",
        (false, 0) => "succeeded",
        (false, _) => "failed",
    };
    if release.status == "succeeded" {
        world.replace_dynos(app, |dyno| dyno.one_off.is_none(), shared.options.dyno_start);
    }
}

/// Adds a commit as built and released before everything else.
pub fn add_finished(world: &mut World, app: &str, commit: &str, tree: Option<PathBuf>) {
    let (build, release, stream) = (world.new_id(), world.new_id(), world.new_id());
    world
        .streams
        .insert(stream.clone(), Stream { has_begun: true, has_ended: true, bytes: vec![] });
    let found = world.app_mut(app).expect("an app of the stand-in");
    let slug = format!("{build}-{commit}");
    if let Some(tree) = tree {
        found.trees.insert(slug.clone(), tree);
    }
    found.releases.push(Release {
        id: release.clone(),
        version: found.next_version(),
        status: "succeeded",
        description: format!("Deploy {}", commit.get(..8).unwrap_or(commit)),
        slug,
        stream: None,
        created_at: Timestamp::now(),
    });
    found.builds.push(Build {
        id: build,
        status: "succeeded",
        commit: commit.to_owned(),
        release: Some(release),
        stream,
        created_at: Timestamp::now(),
    });
    world.replace_dynos(app, |dyno| dyno.one_off.is_none(), Duration::ZERO);
}

/// Waits for the end of a deploy like a pusher, and returns the output.
pub async fn wait(shared: &Shared, app: &str, id: &str) -> Deployed {
    loop {
        if let Some(deployed) = look(shared, app, id) {
            return deployed;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn look(shared: &Shared, app: &str, id: &str) -> Option<Deployed> {
    let world = shared.world();
    let app = world.app(app).expect("an app of the stand-in");
    let build = app.builds.iter().find(|one| one.id == id).expect("a build of the app");
    let release = app.releases.iter().find(|one| Some(&one.id) == build.release.as_ref());
    if build.status == "pending" || release.is_some_and(|one| one.status == "pending") {
        return None;
    }
    let said = |stream: Option<&String>| {
        let stream = stream.and_then(|stream| world.streams.get(stream));
        String::from_utf8_lossy(stream.map_or(&[], |stream| &stream.bytes)).into_owned()
    };
    let release_output = said(release.and_then(|one| one.stream.as_ref()));
    Some(Deployed {
        build: id.to_owned(),
        build_status: build.status,
        release_status: release.map_or("", |one| one.status),
        output: said(Some(&build.stream)) + &release_output,
        release_output,
    })
}

/// The URL of a build's output.
pub fn stream_of(shared: &Shared, app: &str, build: &str) -> Option<String> {
    let world = shared.world();
    Some(world.app(app)?.builds.iter().find(|one| one.id == build)?.stream.clone())
}

fn say(shared: &Shared, stream: &str, bytes: &[u8]) {
    if let Some(stream) = shared.world().streams.get_mut(stream) {
        stream.bytes.extend_from_slice(bytes);
    }
}

fn end_stream(shared: &Shared, stream: &str) {
    if let Some(stream) = shared.world().streams.get_mut(stream) {
        stream.has_ended = true;
    }
}

/// The output from the start of `Range`, until it ends or the stand-in truncates it.
pub fn stream(shared: &Arc<Shared>, request: &Recorded, id: &str) -> Response<Body> {
    let begun = shared.world().streams.get(id).map(|one| (one.has_begun, one.bytes.len()));
    let Some((true, length)) = begun else {
        return Response::builder().status(404).body(full("")).expect("a response");
    };
    let range = request.header("range").and_then(|range| range.strip_prefix("bytes="));
    let start = range.and_then(|range| range.strip_suffix('-')?.parse().ok()).unwrap_or(0);
    if start > 0 && start >= length && shared.world().streams[id].has_ended {
        return Response::builder().status(416).body(full("")).expect("a response");
    }
    let (shared, id) = (Arc::clone(shared), id.to_owned());
    let most = shared.world().stream_cut.unwrap_or(usize::MAX);
    let pieces = stream::unfold((start, most), move |(next, left)| {
        let (shared, id) = (Arc::clone(&shared), id.clone());
        async move {
            if left == 0 {
                // Lets earlier bytes leave first.
                tokio::time::sleep(Duration::from_millis(20)).await;
                return Some((Err(std::io::ErrorKind::ConnectionReset.into()), (next, left)));
            }
            loop {
                let (mut bytes, has_ended) = {
                    let world = shared.world();
                    let stream = world.streams.get(&id)?;
                    (stream.bytes.get(next..).unwrap_or_default().to_vec(), stream.has_ended)
                };
                bytes.truncate(left);
                if !bytes.is_empty() {
                    let state = (next + bytes.len(), left - bytes.len());
                    return Some((Ok(Frame::data(Bytes::from(bytes))), state));
                }
                if has_ended {
                    return None;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    });
    let status = if start > 0 { 206 } else { 200 };
    let builder = Response::builder().status(status).header(CONTENT_TYPE, "text/plain");
    builder.body(StreamBody::new(pieces).boxed_unsync()).expect("a response")
}
