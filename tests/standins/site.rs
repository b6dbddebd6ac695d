//! Plays the websites of apps: each host is a port on loopback. While an app is in maintenance, or
//! has no web dyno, Heroku's router answers instead.

use std::io;
use std::sync::{Arc, Mutex};

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response};

use super::heroku::Glance;
use super::server::{Body, Server, bind, response};

const MAINTENANCE: &str = "<!DOCTYPE html><html><head><title>Offline for Maintenance</title></head>\
    <body><h1>Offline for Maintenance</h1><p>This application is undergoing maintenance right now. \
    Please check back later.</p></body></html>";
const NO_DYNO: &str = "<!DOCTYPE html><html><head><title>Application Error</title></head>\
    <body><h1>Application error</h1><p>An error occurred in the application and your page could \
    not be served.</p></body></html>";

/// A request, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    pub host: String,
    pub path: String,
    pub status: u16,
    /// Whether the app answered, and not the router.
    pub got_content: bool,
}

type Look = Arc<dyn Fn() -> Glance + Send + Sync>;
type Probe = Arc<dyn Fn() -> bool + Send + Sync>;

#[derive(Default)]
struct Shared {
    visits: Mutex<Vec<Visit>>,
    broken: Mutex<Vec<String>>,
    probe: Mutex<Option<Probe>>,
    exposed: Mutex<Vec<Visit>>,
}

struct Host {
    name: String,
    port: u16,
    _server: Server,
}

/// Running hosts. They stop when this is dropped.
#[derive(Default)]
pub struct SiteStandIn {
    shared: Arc<Shared>,
    hosts: Vec<Host>,
}

impl SiteStandIn {
    /// Another host of an app, whose state comes from `look`.
    pub async fn add_host(
        &mut self,
        name: &str,
        look: impl Fn() -> Glance + Send + Sync + 'static,
    ) {
        let listener = bind(0).await;
        let port = listener.local_addr().expect("an address").port();
        let (shared, look, host) = (Arc::clone(&self.shared), Arc::new(look), name.to_owned());
        let server = Server::start(listener, move |request| {
            answer(Arc::clone(&shared), host.clone(), Arc::clone(&look) as Look, request)
        });
        self.hosts.push(Host { name: name.to_owned(), port, _server: server });
    }

    pub fn port(&self, name: &str) -> u16 {
        self.hosts.iter().find(|host| host.name == name).expect("a host of the site").port
    }

    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}", self.port(name))
    }

    /// The name of the host with this port.
    pub fn name_of(&self, port: u16) -> Option<&str> {
        self.hosts.iter().find(|host| host.port == port).map(|host| host.name.as_str())
    }

    /// From now on the app behind this host answers 500.
    pub fn break_host(&self, name: &str) {
        self.shared.broken.lock().expect("no panic").push(name.to_owned());
    }

    pub fn mend_hosts(&self) {
        self.shared.broken.lock().expect("no panic").clear();
    }

    /// Every request so far.
    pub fn visits(&self) -> Vec<Visit> {
        self.shared.visits.lock().expect("no panic").clone()
    }

    /// Checks the state at every request that gets content from now on. See
    /// [`SiteStandIn::exposed`].
    pub fn served_while(&self, is_unsafe: impl Fn() -> bool + Send + Sync + 'static) {
        *self.shared.probe.lock().expect("no panic") = Some(Arc::new(is_unsafe));
    }

    /// Requests that got content while the state was unsafe.
    pub fn exposed(&self) -> Vec<Visit> {
        self.shared.exposed.lock().expect("no panic").clone()
    }
}

async fn answer(
    shared: Arc<Shared>,
    host: String,
    look: Look,
    request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    let glance = look();
    let is_broken = shared.broken.lock().expect("no panic").contains(&host);
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><title>Council</title></head>\
         <body><h1>Council</h1><p>This is {host}.</p></body></html>"
    );
    let (status, server, page) = match (glance.is_reachable(), is_broken) {
        (false, _) if glance.maintenance => (503, "Heroku", MAINTENANCE.to_owned()),
        (false, _) => (503, "Heroku", NO_DYNO.to_owned()),
        (true, true) => (500, "gunicorn", "<h1>Server Error (500)</h1>".to_owned()),
        (true, false) => (200, "gunicorn", page),
    };
    let path = request.uri().path().to_owned();
    let visit = Visit { host, path, status, got_content: glance.is_reachable() };
    if visit.got_content {
        let probe = shared.probe.lock().expect("no panic").clone();
        let is_unsafe = match probe {
            // It may wait for a database.
            Some(probe) => tokio::task::spawn_blocking(move || probe()).await.unwrap_or(true),
            None => false,
        };
        // Both were true at one moment only if the site is still up afterwards.
        if is_unsafe && look().is_reachable() {
            shared.exposed.lock().expect("no panic").push(visit.clone());
        }
    }
    shared.visits.lock().expect("no panic").push(visit);
    let mut response = response(status, "text/html; charset=utf-8", page);
    response.headers_mut().insert("server", HeaderValue::from_static(server));
    Ok(response)
}
