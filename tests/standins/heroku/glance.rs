//! Summarizes an app for tests. Nothing depends on time or chance, so two summaries can be
//! compared.

use std::collections::BTreeMap;

use super::state::{Shared, World};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    pub maintenance: bool,
    /// Kind, quantity and size of each process.
    pub formation: Vec<(String, i64, String)>,
    /// The names of the formation's dynos, without one-off ones.
    pub dynos: Vec<String>,
    /// The commands that run on one-off dynos now.
    pub one_off_commands: Vec<String>,
    /// The total number of one-off dynos so far.
    pub one_offs: u64,
    pub config_vars: BTreeMap<String, String>,
    pub deployed_commit: Option<String>,
    /// The states of the releases and builds, oldest first.
    pub releases: Vec<&'static str>,
    pub builds: Vec<&'static str>,
    /// The states of the backups and of the restores, oldest first.
    pub backups: Vec<&'static str>,
    pub restores: Vec<&'static str>,
}

impl Glance {
    /// Whether a visitor reaches the site.
    pub fn is_reachable(&self) -> bool {
        !self.maintenance && self.dynos.iter().any(|name| name.starts_with("web."))
    }
}

/// The app must be one of the stand-in.
pub fn of(shared: &Shared, app: &str) -> Glance {
    let world = shared.world();
    let app = world.app(app).expect("an app of the stand-in");
    let state = |succeeded: Option<bool>, is_canceled: bool| match succeeded {
        None => "running",
        Some(true) => "completed",
        Some(false) if is_canceled => "canceled",
        Some(false) => "failed",
    };
    let transfers = |restores: bool| {
        let these = app.transfers.iter().filter(|one| one.into.is_some() == restores);
        these.map(|one| state(one.succeeded, one.canceled_at.is_some())).collect()
    };
    let of_formation = app.dynos.iter().filter(|dyno| dyno.one_off.is_none());
    let one_offs = app.dynos.iter().filter(|dyno| dyno.one_off.is_some());
    let process = |one: &super::state::Process| (one.kind.clone(), one.quantity, one.size.clone());
    Glance {
        maintenance: app.maintenance,
        formation: app.formation.iter().map(process).collect(),
        dynos: of_formation.map(|dyno| dyno.name.clone()).collect(),
        one_off_commands: one_offs.map(|dyno| dyno.command.clone()).collect(),
        one_offs: app.one_offs,
        config_vars: app.config_vars.clone(),
        deployed_commit: app.deployed_commit().map(str::to_owned),
        releases: app.releases.iter().map(|one| one.status).collect(),
        builds: app.builds.iter().map(|one| one.status).collect(),
        backups: transfers(false),
        restores: transfers(true),
    }
}

impl World {
    pub fn set_formation(&mut self, app: &str, processes: &[(&str, i64, &str)]) {
        let found = self.app_mut(app).expect("an app of the stand-in");
        let process = |(kind, quantity, size): &(&str, i64, &str)| super::state::Process {
            kind: (*kind).to_owned(),
            quantity: *quantity,
            size: (*size).to_owned(),
        };
        found.formation = processes.iter().map(process).collect();
        self.follow_formation(app, std::time::Duration::ZERO);
    }
}
