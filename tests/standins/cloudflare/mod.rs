//! Plays Cloudflare's API for purges: zones, logins with permissions, `purge_cache`, and the rate
//! limits of every plan.
//!
//! The limits are token buckets, as documented under `/cache/how-to/purge-cache`: URLs by their
//! number a second, everything else by requests. An empty bucket refuses a whole request. `scale`
//! speeds up their time, so a test of a minute takes a second.

mod faults;
mod limits;
mod server;

use std::sync::{Arc, Mutex};

pub use faults::{Fault, Rule};
pub use limits::Plan;

use limits::Limits;

use super::server::{Intake, Recorded, Server, bind};

/// What a login may do.
#[derive(Debug, Clone)]
pub struct Login {
    pub secret: String,
    /// Of an account-wide key; a token has none.
    pub email: Option<String>,
    /// `active`, `disabled` or `expired`.
    pub status: &'static str,
    pub reads_zones: bool,
    pub purges: bool,
    /// The ids of its zones. Empty means all.
    pub zones: Vec<String>,
    /// It belongs to an account: it works, except where tokens of persons are verified.
    pub of_account: bool,
}

impl Login {
    pub fn token(secret: &str) -> Login {
        Login {
            secret: secret.to_owned(),
            email: None,
            status: "active",
            reads_zones: true,
            purges: true,
            zones: Vec::new(),
            of_account: false,
        }
    }

    pub fn key(secret: &str, email: &str) -> Login {
        Login { email: Some(email.to_owned()), ..Login::token(secret) }
    }
}

/// An accepted purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    pub method: String,
    pub zone: String,
    /// `files`, `hosts`, `prefixes`, `tags` or `purge_everything`.
    pub kind: String,
    pub items: Vec<String>,
}

struct World {
    /// Ids and names.
    zones: Vec<(String, String)>,
    logins: Vec<Login>,
    purges: Vec<Purge>,
    limits: Limits,
    turned_away: usize,
}

pub(crate) struct Shared {
    world: Mutex<World>,
    intake: Intake<Fault>,
    plan: Plan,
}

/// A running stand-in. It stops when it is dropped.
pub struct CloudflareStandIn {
    shared: Arc<Shared>,
    _server: Server,
    /// For `CLOUDFLARE_BASE_URL`.
    pub url: String,
}

impl CloudflareStandIn {
    pub async fn start(plan: Plan, scale: f64) -> CloudflareStandIn {
        let listener = bind(0).await;
        let url = format!("http://{}/client/v4", listener.local_addr().expect("an address"));
        let world = World {
            zones: Vec::new(),
            logins: Vec::new(),
            purges: Vec::new(),
            limits: Limits::new(plan, scale),
            turned_away: 0,
        };
        let shared = Arc::new(Shared { world: Mutex::new(world), intake: Intake::default(), plan });
        let of_server = Arc::clone(&shared);
        let answer = move |request| server::answer(Arc::clone(&of_server), request);
        CloudflareStandIn { shared, _server: Server::start(listener, answer), url }
    }

    pub fn add_zone(&self, id: &str, name: &str) {
        self.shared.lock().zones.push((id.to_owned(), name.to_owned()));
    }

    pub fn add_login(&self, login: Login) {
        self.shared.lock().logins.push(login);
    }

    /// Misbehave as told, until the rule is used up.
    pub fn misbehave(&self, rule: Rule) {
        self.shared.intake.misbehave(rule);
    }

    /// Behave again, whatever was told.
    pub fn behave(&self) {
        self.shared.intake.behave();
    }

    /// The purges, in order.
    pub fn purges(&self) -> Vec<Purge> {
        self.shared.lock().purges.clone()
    }

    /// All purged items of one kind, in order.
    pub fn purged(&self, kind: &str) -> Vec<String> {
        self.purges().into_iter().filter(|one| one.kind == kind).flat_map(|one| one.items).collect()
    }

    /// How many requests the rate limit refused.
    pub fn turned_away(&self) -> usize {
        self.shared.lock().turned_away
    }

    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.intake.requests()
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().expect("no panic")
    }
}
