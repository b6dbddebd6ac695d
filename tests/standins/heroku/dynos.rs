//! Plays dynos: those of the formation, which only seem to run, and one-off ones, which really run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::logs;
use super::process::{self, Process};
use super::rendezvous::Rendezvous;
use super::server::{not_found, refusal};
use super::state::{App, Shared, Stack, World};
use crate::standins::server::{Recorded, Reply};

pub struct Dyno {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub command: String,
    pub size: String,
    pub created_at: Timestamp,
    pub up_from: Instant,
    pub version: u64,
    pub one_off: Option<OneOff>,
}

/// The additional parts of a one-off dyno.
pub struct OneOff {
    /// The secret of the rendezvous.
    pub secret: Option<String>,
    pub environment: BTreeMap<String, String>,
    pub on_terminal: bool,
    /// The group of processes, once they run.
    pub group: Option<i32>,
}

impl Dyno {
    pub fn json(&self, app: &App) -> Value {
        let state = if Instant::now() < self.up_from { "starting" } else { "up" };
        json!({
            "id": self.id, "name": self.name, "type": self.kind, "state": state,
            "command": self.command, "size": self.size,
            "app": { "id": app.id, "name": app.name },
            "created_at": self.created_at.to_string(), "updated_at": self.created_at.to_string(),
            "release": { "id": app.id, "version": self.version }, "attach_url": null,
        })
    }

    fn of(&self, name: &str) -> bool {
        self.name == name || self.id == name
    }
}

pub fn answer(shared: &Arc<Shared>, request: &Recorded) -> Option<Reply> {
    let segments = request.segments();
    let mut world = shared.world();
    let reply = match (request.method.as_str(), &segments[..]) {
        ("GET", ["apps", app, "dynos"]) => match world.app(app) {
            Some(app) => Reply::ok(app.dynos.iter().map(|dyno| dyno.json(app)).collect()),
            None => not_found("app"),
        },
        ("GET", ["apps", app, "dynos", name]) => {
            let app = world.app(app)?;
            match app.dynos.iter().find(|dyno| dyno.of(name)) {
                Some(dyno) => Reply::ok(dyno.json(app)),
                None => not_found("dyno"),
            }
        }
        ("POST", ["apps", app, "dynos"]) => {
            let reply = start(shared, &mut world, app, &request.json());
            return Some(reply);
        }
        ("DELETE", ["apps", app, "dynos"]) => {
            world.replace_dynos(app, |_| true, shared.options.dyno_start);
            accepted()
        }
        ("DELETE", ["apps", app, "formations", kind]) => {
            world.replace_dynos(app, |dyno| dyno.kind == *kind, shared.options.dyno_start);
            accepted()
        }
        ("DELETE", ["apps", app, "dynos", name]) => {
            if world.app(app)?.dynos.iter().all(|dyno| !dyno.of(name)) {
                return Some(not_found("dyno"));
            }
            world.replace_dynos(app, |dyno| dyno.of(name), shared.options.dyno_start);
            accepted()
        }
        ("POST", ["apps", app, "dynos", name, "actions", "stop"]) => {
            let app = world.app_mut(app)?;
            let Some(dyno) = app.dynos.iter().find(|dyno| dyno.of(name)) else {
                return Some(not_found("dyno"));
            };
            end(dyno);
            let name = dyno.name.clone();
            app.dynos.retain(|dyno| dyno.name != name);
            accepted()
        }
        _ => return None,
    };
    Some(reply)
}

fn accepted() -> Reply {
    Reply::new(202, json!({}))
}

fn end(dyno: &Dyno) {
    if let Some(group) = dyno.one_off.as_ref().and_then(|one_off| one_off.group) {
        process::stop(group);
    }
}

impl World {
    /// Starts and ends dynos to match the formation.
    pub fn follow_formation(&mut self, app: &str, start: Duration) {
        let id = self.new_id();
        let Some(app) = self.app_mut(app) else { return };
        let version = app.version();
        let wanted: Vec<(String, String, String)> = app
            .formation
            .iter()
            .flat_map(|one| {
                let name = |number| format!("{}.{number}", one.kind);
                (1..=one.quantity)
                    .map(move |number| (name(number), one.kind.clone(), one.size.clone()))
            })
            .collect();
        app.dynos.retain(|dyno| {
            dyno.one_off.is_some() || wanted.iter().any(|(name, ..)| *name == dyno.name)
        });
        for (name, kind, size) in wanted {
            if app.dynos.iter().any(|dyno| dyno.name == name) {
                continue;
            }
            app.dynos.push(Dyno {
                id: format!("{id}-{name}"),
                name,
                kind,
                command: "gunicorn bc.wsgi".to_owned(),
                size,
                created_at: Timestamp::now(),
                up_from: Instant::now() + start,
                version,
                one_off: None,
            });
        }
    }

    /// Ends every command that still runs.
    pub fn end_commands(&self) {
        self.apps.iter().flat_map(|app| &app.dynos).for_each(end);
        self.release_phases.iter().for_each(|group| process::stop(*group));
    }

    /// Ends these dynos. The formation starts new ones.
    pub fn replace_dynos(&mut self, app: &str, meant: impl Fn(&Dyno) -> bool, start: Duration) {
        let Some(found) = self.app_mut(app) else { return };
        found.dynos.iter().filter(|dyno| meant(dyno)).for_each(end);
        found.dynos.retain(|dyno| !meant(dyno));
        self.follow_formation(app, start);
    }
}

fn start(shared: &Arc<Shared>, world: &mut World, app: &str, body: &Value) -> Reply {
    let id = world.new_id();
    let secret = world.new_id();
    let how = world.rendezvous;
    let Some(app) = world.app_mut(app) else { return not_found("app") };
    let Some(command) = body["command"].as_str() else {
        return refusal(422, "invalid_params", "A command is required.");
    };
    let attach = body["attach"] == json!(true);
    let given = body["env"].as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut environment = app.config_vars.clone();
    environment.extend(given.map(|(name, value)| (name.clone(), text(value))));
    app.one_offs += 1;
    // Images of Cloud Native Buildpacks find their programs only through the launcher.
    if app.stack == Stack::CloudNative && !command.contains("launcher ") {
        return refusal(422, "invalid_params", "The stand-in knows no such program.");
    }
    let dyno = Dyno {
        id,
        name: format!("run.{}", 1000 + app.one_offs),
        kind: body["type"].as_str().unwrap_or("run").to_owned(),
        command: command.to_owned(),
        size: body["size"].as_str().unwrap_or("Standard-1X").to_owned(),
        created_at: Timestamp::now(),
        up_from: Instant::now() + shared.options.dyno_start,
        version: app.version(),
        one_off: Some(OneOff {
            secret: attach.then(|| secret.clone()),
            environment,
            on_terminal: body["force_no_tty"] != json!(true),
            group: None,
        }),
    };
    let mut json = dyno.json(app);
    if attach {
        let url = match how {
            Rendezvous::PrivateSpace => "https://rendezvous.space.example".to_owned(),
            _ => shared.rendezvous_url().to_owned(),
        };
        json["attach_url"] = format!("{url}/{secret}").into();
    } else {
        tokio::spawn(run_detached(Arc::clone(shared), app.id.clone(), dyno.name.clone()));
    }
    if let Some(seconds) = body["time_to_live"].as_u64() {
        let life = Duration::from_secs(seconds);
        tokio::spawn(end_later(Arc::clone(shared), app.id.clone(), dyno.name.clone(), life));
    }
    app.dynos.push(dyno);
    Reply::new(201, json)
}

async fn end_later(shared: Arc<Shared>, app: String, name: String, life: Duration) {
    tokio::time::sleep(life).await;
    let mut world = shared.world();
    let Some(app) = world.app_mut(&app) else { return };
    app.dynos.iter().filter(|dyno| dyno.name == name).for_each(end);
    app.dynos.retain(|dyno| dyno.name != name);
}

/// Starts the command of a one-off dyno, which must exist.
pub fn start_process(shared: &Shared, app: &str, name: &str) -> Option<Process> {
    let mut world = shared.world();
    let app = world.app_mut(app)?;
    let folder = app.command_folder().cloned();
    let folder = folder.unwrap_or_else(|| shared.folder.path().to_owned());
    let dyno = app.dynos.iter_mut().find(|dyno| dyno.name == name)?;
    let one_off = dyno.one_off.as_mut()?;
    let mut environment = one_off.environment.clone();
    environment.insert("DYNO".to_owned(), name.to_owned());
    let process = Process::start(&dyno.command, &environment, &folder, one_off.on_terminal);
    let process = process.expect("a shell");
    one_off.group = Some(process.group);
    Some(process)
}

/// Removes the dyno when its command has ended.
pub async fn bury(shared: &Shared, app: &str, name: &str, process: Process) {
    let status = process.wait().await;
    logs::write(shared, app, "heroku", name, &format!("Process exited with status {status}"));
    logs::write(shared, app, "heroku", name, "State changed from up to complete");
    if let Some(app) = shared.world().app_mut(app) {
        app.dynos.retain(|dyno| dyno.name != name);
    }
}

async fn run_detached(shared: Arc<Shared>, app: String, name: String) {
    tokio::time::sleep(shared.options.dyno_start).await;
    let Some(mut process) = start_process(&shared, &app, &name) else { return };
    let mut line = Vec::new();
    while let Some(bytes) = process.output.recv().await {
        for byte in bytes {
            if byte == b'\n' {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
                logs::write(&shared, &app, "app", &name, &text);
                line.clear();
            } else {
                line.push(byte);
            }
        }
    }
    if !line.is_empty() {
        logs::write(&shared, &app, "app", &name, &String::from_utf8_lossy(&line));
    }
    bury(&shared, &app, &name, process).await;
}
