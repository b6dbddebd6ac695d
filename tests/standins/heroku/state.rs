//! Holds the state of the stand-in.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Options;
use super::dynos::Dyno;
use super::faults::Fault;
use super::logs;
use super::releases::{Build, Deploy, Release, Stream};
use super::rendezvous::Rendezvous;
use super::store::{Object, Signature, Throttle};
use crate::standins::server::{Intake, Recorded};

pub struct Shared {
    pub options: Options,
    pub intake: Intake<Fault>,
    pub throttle: Throttle,
    /// Dumps lie here.
    pub folder: tempfile::TempDir,
    world: Mutex<World>,
    /// Every request that changes something, with its app.
    writes: Mutex<Vec<(String, Recorded)>>,
    /// Of the stand-in itself.
    pub url: String,
    rendezvous_url: String,
}

impl Shared {
    pub fn new(options: Options, url: String, rendezvous_url: String) -> Self {
        Shared {
            throttle: Throttle::new(options.throttle),
            options,
            intake: Intake::default(),
            folder: tempfile::tempdir().expect("a temporary directory"),
            world: Mutex::new(World::new(url.clone())),
            writes: Mutex::default(),
            url,
            rendezvous_url,
        }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no panic while the world was held")
    }

    pub fn rendezvous_url(&self) -> &str {
        &self.rendezvous_url
    }

    /// Records a request, and returns its planned fault.
    pub fn take(&self, request: &Recorded) -> Option<Fault> {
        if let Some(app) = self.world().app_written_to(request) {
            self.writes.lock().expect("no panic").push((app, request.clone()));
        }
        self.intake.take(request)
    }

    pub fn writes(&self) -> Vec<(String, Recorded)> {
        self.writes.lock().expect("no panic").clone()
    }
}

pub struct World {
    pub apps: Vec<App>,
    pub addons: Vec<Addon>,
    pub attachments: Vec<Attachment>,
    pub capture_plan: CapturePlan,
    pub store_base: String,
    /// By the UUID of the transfer.
    pub objects: HashMap<String, Object>,
    pub signatures: HashMap<String, Signature>,
    /// The stand-in's own URL.
    pub base: String,
    pub restore_plan: CapturePlan,
    /// Archives of source code that were uploaded for a build, by the id of their source.
    pub sources: HashMap<String, Option<Bytes>>,
    /// Apps on the container stack cannot be rolled back.
    pub refuses_rollback: bool,
    pub rendezvous: Rendezvous,
    pub loses_logs: bool,
    pub log_sessions: HashMap<String, logs::Session>,
    pub streams: HashMap<String, Stream>,
    /// Every answer with output is truncated after this many bytes.
    pub stream_cut: Option<usize>,
    /// How deploys after a push go.
    pub deploy_plan: Deploy,
    /// The groups of processes of release phases that run.
    pub release_phases: Vec<i32>,
    last_id: u64,
}

/// The stack of an app, which decides what its releases show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stack {
    /// `heroku-24`: a build makes a slug.
    #[default]
    Slug,
    /// `container`: built by heroku.yml. Releases have no slug.
    Container,
    /// `cnb`, of the Fir generation: a release has an OCI image.
    CloudNative,
}

impl Stack {
    pub fn name(self) -> &'static str {
        match self {
            Stack::Slug => "heroku-24",
            Stack::Container => "container",
            Stack::CloudNative => "cnb",
        }
    }
}

pub struct App {
    pub id: String,
    pub name: String,
    pub stack: Stack,
    /// The folder of its builds' trees, and the program that plays Python in them.
    pub builder: Option<(PathBuf, PathBuf)>,
    pub maintenance: bool,
    pub config_vars: BTreeMap<String, String>,
    pub formation: Vec<Process>,
    pub transfers: Vec<Transfer>,
    pub dynos: Vec<Dyno>,
    pub builds: Vec<Build>,
    pub releases: Vec<Release>,
    pub logs: Vec<logs::Line>,
    /// Where its commands run.
    pub folder: Option<PathBuf>,
    /// The builds by slug.
    pub trees: HashMap<String, PathBuf>,
    /// The number of one-off dynos so far.
    pub one_offs: u64,
}

pub struct Process {
    pub kind: String,
    pub quantity: i64,
    pub size: String,
}

pub struct Addon {
    pub id: String,
    pub name: String,
    /// `heroku-postgresql:standard-0`.
    pub plan: String,
    pub app_id: String,
    pub config_vars: Vec<String>,
    /// Of a database.
    pub url: Option<String>,
    /// The value of its config var.
    pub value: String,
}

#[derive(Clone)]
pub struct Attachment {
    pub id: String,
    pub name: String,
    pub app_id: String,
    pub addon_id: String,
    pub namespace: Option<String>,
    pub config_vars: Vec<String>,
}

/// How a transfer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Completed { warnings: u64 },
    Failed,
    Canceled,
}

/// How captures go.
#[derive(Debug, Clone)]
pub struct CapturePlan {
    pub pending: Duration,
    /// At least this long, in addition to the dump itself.
    pub running: Duration,
    pub outcome: Outcome,
    /// The content of captures, instead of a dump of the database.
    pub dump: Option<PathBuf>,
}

impl Default for CapturePlan {
    fn default() -> Self {
        CapturePlan {
            pending: Duration::from_millis(50),
            running: Duration::from_millis(100),
            outcome: Outcome::Completed { warnings: 0 },
            dump: None,
        }
    }
}

pub struct Transfer {
    pub uuid: String,
    pub num: u64,
    pub from_name: String,
    pub deleted_at: Option<Timestamp>,
    pub from_url: String,
    /// Of a restore: the attachment and the URL of the database that is filled.
    pub into: Option<(String, String)>,
    /// The UUID of the schedule, for a scheduled backup.
    pub schedule: Option<String>,
    pub source_bytes: u64,
    pub processed_bytes: u64,
    pub succeeded: Option<bool>,
    pub warnings: u64,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub canceled_at: Option<Timestamp>,
    pub logs: Vec<(Timestamp, String)>,
}

impl Transfer {
    pub fn log(&mut self, message: &str) {
        self.logs.push((Timestamp::now(), message.to_owned()));
    }

    pub fn word(&self) -> &'static str {
        if self.into.is_some() { "Restore" } else { "Backup" }
    }

    /// The object as the data API shows it: logs only on request.
    pub fn json(&self, verbose: bool) -> Value {
        let at = |moment: &Timestamp| moment.strftime("%Y-%m-%d %H:%M:%S +0000").to_string();
        let maybe = |moment: &Option<Timestamp>| moment.as_ref().map(at);
        let mut json = json!({
            "uuid": self.uuid, "num": self.num,
            "from_name": self.from_name, "from_type": "pg_dump", "from_url": self.from_url,
            "to_name": "BACKUP", "to_type": "gof3r",
            "to_url": format!("https://pgbackups.stand-in.test/{}/backup.dump", self.uuid),
            "options": {}, "num_keep": 20,
            "source_bytes": self.source_bytes, "processed_bytes": self.processed_bytes,
            "succeeded": self.succeeded, "warnings": self.warnings,
            "created_at": at(&self.created_at), "started_at": maybe(&self.started_at),
            "updated_at": at(&Timestamp::now()), "finished_at": maybe(&self.finished_at),
            "canceled_at": maybe(&self.canceled_at), "deleted_at": maybe(&self.deleted_at), "purged_at": null,
        });
        if let Some((name, url)) = &self.into {
            json["from_type"] = "gof3r".into();
            json["to_type"] = "pg_restore".into();
            json["to_name"] = name.as_str().into();
            json["to_url"] = url.as_str().into();
        }
        if let Some(schedule) = &self.schedule {
            json["schedule"] = json!({ "uuid": schedule });
        }
        if verbose {
            let logs = self.logs.iter().map(|(moment, message)| {
                json!({ "created_at": at(moment), "level": "info", "message": message })
            });
            json["logs"] = logs.collect();
        }
        json
    }
}

impl World {
    fn new(base: String) -> Self {
        World {
            apps: Vec::new(),
            addons: Vec::new(),
            attachments: Vec::new(),
            capture_plan: CapturePlan::default(),
            store_base: base.clone(),
            base,
            restore_plan: CapturePlan::default(),
            sources: HashMap::new(),
            refuses_rollback: false,
            rendezvous: Rendezvous::Orderly,
            loses_logs: false,
            log_sessions: HashMap::new(),
            streams: HashMap::new(),
            stream_cut: None,
            deploy_plan: Deploy::default(),
            release_phases: Vec::new(),
            objects: HashMap::new(),
            signatures: HashMap::new(),
            last_id: 0,
        }
    }

    pub fn new_id(&mut self) -> String {
        self.last_id += 1;
        format!("5ca1ab1e-0000-4000-8000-{:012x}", self.last_id)
    }

    /// By name or by UUID.
    pub fn app(&self, app: &str) -> Option<&App> {
        self.apps.iter().find(|one| one.name == app || one.id == app)
    }

    pub fn app_mut(&mut self, app: &str) -> Option<&mut App> {
        self.apps.iter_mut().find(|one| one.name == app || one.id == app)
    }

    pub fn addon(&self, addon: &str) -> Option<&Addon> {
        self.addons.iter().find(|one| one.name == addon || one.id == addon)
    }

    /// By number or by UUID, of an app by name or UUID.
    pub fn transfer_mut(&mut self, app: &str, transfer: &str) -> Option<&mut Transfer> {
        let transfers = &mut self.app_mut(app)?.transfers;
        transfers.iter_mut().find(|one| one.uuid == transfer || one.num.to_string() == transfer)
    }

    pub fn add_app(&mut self, name: &str, config_vars: &[(&str, &str)]) -> String {
        let id = self.new_id();
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.apps.push(App {
            id: id.clone(),
            name: name.to_owned(),
            stack: Stack::default(),
            builder: None,
            maintenance: false,
            config_vars: config_vars.iter().map(pair).collect(),
            formation: vec![Process {
                kind: "web".to_owned(),
                quantity: 1,
                size: "Standard-1X".to_owned(),
            }],
            transfers: Vec::new(),
            dynos: Vec::new(),
            builds: Vec::new(),
            releases: Vec::new(),
            logs: Vec::new(),
            folder: None,
            trees: HashMap::new(),
            one_offs: 0,
        });
        self.follow_formation(name, Duration::ZERO);
        id
    }

    /// The app and the dyno of a rendezvous secret.
    pub fn dyno_behind(&self, secret: &str) -> Option<(String, String)> {
        let is_it = |dyno: &&Dyno| {
            dyno.one_off.as_ref().is_some_and(|one| one.secret.as_deref() == Some(secret))
        };
        let found = |app: &App| Some((app.id.clone(), app.dynos.iter().find(is_it)?.name.clone()));
        self.apps.iter().find_map(found)
    }

    /// The name of the app that a request would change.
    fn app_written_to(&self, request: &Recorded) -> Option<String> {
        let segments = request.segments();
        let name = |app: &str| self.app(app).map(|app| app.name.clone());
        match (request.method.as_str(), &segments[..]) {
            ("GET" | "HEAD", _) => None,
            // Making a URL or a log session changes nothing.
            (_, [.., "actions", "public-url"] | [.., "log-sessions"]) => None,
            (_, ["client", "v11", "apps", app, ..] | ["apps" | "pushes", app, ..]) => name(app),
            (_, ["client", "v11", "databases", id, ..]) => name(&self.addon(id)?.app_id),
            _ => None,
        }
    }

    pub fn add_database(&mut self, app: &str, name: &str, url: &str) -> String {
        let variable = format!("{name}_URL");
        let plan = "heroku-postgresql:standard-0";
        let id = self.add_addon(app, plan, name, (&variable, url));
        let addon = self.addons.iter_mut().find(|addon| addon.id == id);
        addon.expect("the add-on just added").url = Some(url.to_owned());
        id
    }

    pub fn add_addon(
        &mut self,
        app: &str,
        plan: &str,
        attachment: &str,
        (variable, value): (&str, &str),
    ) -> String {
        let id = self.new_id();
        let app = self.app_mut(app).expect("an app of the stand-in");
        // Some add-ons, for example the scheduler, have no config var.
        let config_vars = if variable.is_empty() { vec![] } else { vec![variable.to_owned()] };
        if !variable.is_empty() {
            app.config_vars.insert(variable.to_owned(), value.to_owned());
        }
        let (app_id, app_name) = (app.id.clone(), app.name.clone());
        let service = plan.split(':').next().unwrap_or(plan);
        let addon = Addon {
            name: format!("{service}-fitting-{:05}", self.last_id),
            id: id.clone(),
            plan: plan.to_owned(),
            app_id,
            config_vars,
            url: None,
            value: value.to_owned(),
        };
        self.addons.push(addon);
        self.attach(&id, &app_name, attachment, None);
        id
    }

    pub fn attach(&mut self, addon_id: &str, app: &str, name: &str, namespace: Option<&str>) {
        let addon = self.addon(addon_id).expect("an add-on of the stand-in");
        let suffix = if addon.url.is_some() || addon.plan.starts_with("heroku-postgresql") {
            vec![format!("{name}_URL")]
        } else {
            addon.config_vars.clone()
        };
        let url = addon.url.clone();
        let id = self.new_id();
        let app = self.app_mut(app).expect("an app of the stand-in");
        if let Some(url) = url {
            app.config_vars.insert(format!("{name}_URL"), url);
        }
        let app_id = app.id.clone();
        self.attachments.push(Attachment {
            id,
            name: name.to_owned(),
            app_id,
            addon_id: addon_id.to_owned(),
            namespace: namespace.map(str::to_owned),
            config_vars: suffix,
        });
    }
}
