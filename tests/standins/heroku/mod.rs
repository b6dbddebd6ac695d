//! Plays Heroku's platform API, the data API of Heroku Postgres, and the store of backups.
//!
//! All three answer on one HTTP port, and also on an HTTPS port for clients that require it.
//! Captures run the real `pg_dump` and restores the real `pg_restore`; transfers take their time
//! and end in every state. One-off dynos and release phases run real commands, which a client meets
//! at a rendezvous over TLS.

mod captures;
mod data;
mod dynos;
mod faults;
mod glance;
mod logs;
mod platform;
mod process;
mod pushes;
mod releases;
mod rendezvous;
mod restores;
mod server;
mod sources;
mod state;
mod store;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use faults::{Fault, Rule, StoreFault};
pub use glance::Glance;
pub use releases::{Deploy, Deployed};
pub use rendezvous::Rendezvous;
pub use state::{CapturePlan, Outcome, Stack};

pub use super::server::Recorded;

use super::server::{Server, bind};
use super::tls::LoopbackTls;

/// The fixed settings of the stand-in.
pub struct Options {
    /// The port for HTTP; zero for any that is free.
    pub port: u16,
    pub token: String,
    /// How many entries a page of a platform list has.
    pub page_size: usize,
    /// Of signed URLs.
    pub url_lifetime: Duration,
    /// The store's bytes a second for all connections together.
    pub throttle: Option<u64>,
    /// `pg_restore` and `psql` are looked for beside it.
    pub pg_dump: PathBuf,
    /// The URL of a superuser on the server of every database that is reset. With it a reset works
    /// like Heroku's, for databases whose roles have few rights. Without it a reset does what the
    /// database's own role may.
    pub administrator: Option<String>,
    /// How long a dyno takes to come up.
    pub dyno_start: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            port: 0,
            token: "HRKU-stand-in-token".to_owned(),
            page_size: 200,
            url_lifetime: Duration::from_secs(3600),
            throttle: None,
            pg_dump: PathBuf::from("pg_dump"),
            administrator: None,
            dyno_start: Duration::from_millis(30),
        }
    }
}

/// A running stand-in. It stops when it is dropped.
pub struct HerokuStandIn {
    shared: Arc<state::Shared>,
    servers: Vec<Server>,
    /// For `HEROKU_HOST` and, as a URL, for `HEROKU_DATA_HOST`.
    pub url: String,
    pub https_url: String,
    pub authority_pem: String,
}

impl HerokuStandIn {
    pub async fn start(options: Options) -> Self {
        let tls = LoopbackTls::new();
        let http = bind(options.port).await;
        let https = bind(0).await;
        let url = format!("http://{}", http.local_addr().expect("an address"));
        let https_url = format!("https://{}", https.local_addr().expect("an address"));
        let meeting = bind(0).await;
        let place = format!("rendezvous://{}", meeting.local_addr().expect("an address"));
        let shared = Arc::new(state::Shared::new(options, url.clone(), place));
        let servers = vec![
            rendezvous::serve(meeting, tls.acceptor.clone(), Arc::clone(&shared)),
            server::serve(http, None, Arc::clone(&shared)),
            server::serve(https, Some(tls.acceptor), Arc::clone(&shared)),
        ];
        HerokuStandIn { shared, servers, url, https_url, authority_pem: tls.authority_pem }
    }

    pub fn token(&self) -> &str {
        &self.shared.options.token
    }

    /// Adds an app with its config vars and one web dyno. Gives its UUID.
    pub fn add_app(&self, name: &str, config_vars: &[(&str, &str)]) -> String {
        self.shared.world().add_app(name, config_vars)
    }

    pub fn set_config_var(&self, app: &str, name: &str, value: &str) {
        let mut world = self.shared.world();
        let app = world.app_mut(app).expect("an app of the stand-in");
        app.config_vars.insert(name.to_owned(), value.to_owned());
    }

    /// Adds a database that `app` owns, attached as `name` (`DATABASE`, `HEROKU_POSTGRESQL_RED`),
    /// with the config var `NAME_URL`. Gives the add-on's UUID.
    pub fn add_database(&self, app: &str, name: &str, url: &str) -> String {
        self.shared.world().add_database(app, name, url)
    }

    /// Attaches an add-on under one more name to an app, perhaps another one.
    pub fn attach(&self, addon_id: &str, app: &str, name: &str, namespace: Option<&str>) {
        self.shared.world().attach(addon_id, app, name, namespace);
    }

    pub fn add_addon(&self, app: &str, plan: &str, attachment: &str, config_var: (&str, &str)) {
        self.shared.world().add_addon(app, plan, attachment, config_var);
    }

    /// Adds a backup that ended `age` ago, with `dump` in the store. Gives its number.
    pub fn add_backup(&self, app: &str, dump: &Path, age: Duration, outcome: Outcome) -> u64 {
        captures::add_finished(&self.shared, app, dump, age, outcome)
    }

    /// Makes a backup one of the nightly ones, which are called `a001` and so on.
    /// Makes a backup one of another database: by the attachment's name and by its URL.
    pub fn backup_is_of(&self, app: &str, num: u64, name: &str, url: &str) {
        self.change_backup(app, num, |one| {
            one.from_name = name.to_owned();
            one.from_url = url.to_owned();
        });
    }

    /// Deletes a backup as a person does. Heroku lists it for some time.
    pub fn delete_backup(&self, app: &str, num: u64) {
        self.change_backup(app, num, |one| one.deleted_at = Some(jiff::Timestamp::now()));
    }

    fn change_backup(&self, app: &str, num: u64, change: impl FnOnce(&mut state::Transfer)) {
        let mut world = self.shared.world();
        let app = world.app_mut(app).expect("an app of the stand-in");
        change(app.transfers.iter_mut().find(|one| one.num == num).expect("a backup"));
    }

    pub fn mark_scheduled(&self, app: &str, num: u64) {
        let mut world = self.shared.world();
        let schedule = world.new_id();
        let transfer = world.transfer_mut(app, &num.to_string()).expect("a backup of the app");
        transfer.schedule = Some(schedule);
    }

    /// Sets how captures go from now on.
    pub fn plan_captures(&self, plan: CapturePlan) {
        self.shared.world().capture_plan = plan;
    }

    /// Sets how restores go from now on. A plan's dump is restored instead of the backup asked for.
    pub fn plan_restores(&self, plan: CapturePlan) {
        self.shared.world().restore_plan = plan;
    }

    /// Sets how clients meet their one-off dynos from now on.
    pub fn plan_rendezvous(&self, how: Rendezvous) {
        self.shared.world().rendezvous = how;
    }

    /// Sets where the commands of an app run. By default the stand-in's own folder.
    pub fn run_commands_in(&self, app: &str, folder: &Path) {
        let mut world = self.shared.world();
        world.app_mut(app).expect("an app of the stand-in").folder = Some(folder.to_owned());
    }

    /// Turns maintenance mode on or off, as if someone did it by hand.
    pub fn somebody_sets_maintenance(&self, app: &str, on: bool) {
        self.shared.world().app_mut(app).expect("an app of the stand-in").maintenance = on;
    }

    /// Sets the processes of the app: kind, quantity and size of each.
    pub fn set_formation(&self, app: &str, processes: &[(&str, i64, &str)]) {
        self.shared.world().set_formation(app, processes);
    }

    /// Adds a commit as deployed some time ago, built from this tree.
    pub fn add_deployed(&self, app: &str, commit: &str, tree: Option<&Path>) {
        let tree = tree.map(Path::to_owned);
        releases::add_finished(&mut self.shared.world(), app, commit, tree);
    }

    /// Sets how deploys after a push go from now on. The pushed tree replaces the plan's.
    pub fn plan_deploys(&self, plan: Deploy) {
        self.shared.world().deploy_plan = plan;
    }

    /// The hook that turns a bare repository into an app's: it builds pushes.
    pub fn push_hook(&self, app: &str, trees: &Path, python: &Path) -> String {
        let mut world = self.shared.world();
        let found = world.app_mut(app).expect("an app of the stand-in");
        found.builder = Some((trees.to_owned(), python.to_owned()));
        pushes::hook(&self.url, app, trees, python)
    }

    /// What an app is built as from now on.
    pub fn set_stack(&self, app: &str, stack: Stack) {
        self.shared.world().app_mut(app).expect("an app of the stand-in").stack = stack;
    }

    /// Refuses rollbacks from now on.
    pub fn refuse_rollbacks(&self) {
        self.shared.world().refuses_rollback = true;
    }

    /// Rolls an app back as another person does, by the version of the release.
    pub fn somebody_rolls_back(&self, app: &str, version: u64) {
        releases::roll_back_to(&self.shared, app, version);
    }

    /// The app as seen from outside.
    pub fn glance(&self, app: &str) -> Glance {
        glance::of(&self.shared, app)
    }

    /// The same for repeated use.
    pub fn watcher(&self, app: &str) -> impl Fn() -> Glance + Send + Sync + 'static {
        let (shared, app) = (Arc::clone(&self.shared), app.to_owned());
        move || glance::of(&shared, &app)
    }

    /// From now on nothing is written into any log.
    pub fn lose_logs(&self) {
        self.shared.world().loses_logs = true;
    }

    /// Truncates every output of a build or a release after this many bytes.
    pub fn cut_streams_after(&self, bytes: usize) {
        self.shared.world().stream_cut = Some(bytes);
    }

    /// Does what a push of a commit does: a build and a release. Returns the build's id.
    pub fn deploy(&self, app: &str, commit: &str, plan: Deploy) -> String {
        releases::deploy(&self.shared, app, commit, plan)
    }

    /// The same until its end, as a hook that receives a push waits for it.
    pub async fn deploy_to_the_end(&self, app: &str, commit: &str, plan: Deploy) -> Deployed {
        let id = releases::deploy(&self.shared, app, commit, plan);
        releases::wait(&self.shared, app, &id).await
    }

    /// Every request so far that would change this app or its resources, including refused ones.
    pub fn writes(&self, app: &str) -> Vec<Recorded> {
        let writes = self.shared.writes().into_iter();
        writes.filter(|(written, _)| written == app).map(|(_, request)| request).collect()
    }

    /// Misbehave as told, until the rule is used up. Rules are tried in the order of their coming.
    pub fn misbehave(&self, rule: Rule) {
        self.shared.intake.misbehave(rule);
    }

    /// Behave again, whatever was told.
    pub fn behave(&self) {
        self.shared.intake.behave();
    }

    /// A backup that its owner, or Heroku's retention, deletes.
    pub fn lose_backup(&self, app: &str, num: u64) {
        let mut world = self.shared.world();
        let app = world.app_mut(app).expect("an app of the stand-in");
        let lost = app.transfers.iter().position(|one| one.num == num).expect("a backup");
        let uuid = app.transfers.remove(lost).uuid;
        world.objects.remove(&uuid);
    }

    /// Sets the address in signed URLs. By default the HTTP port.
    pub fn sign_urls_for(&self, base: &str) {
        self.shared.world().store_base = base.to_owned();
    }

    /// Every request so far, faulty ones included.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.intake.requests()
    }

    pub fn forget_requests(&self) {
        self.shared.intake.forget_requests();
    }
}

impl Drop for HerokuStandIn {
    fn drop(&mut self) {
        self.servers.clear();
        self.shared.world().end_commands();
    }
}
