//! Runs hosts on loopback with and without TLS, each with its certificate and its planned answers.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::certificates::{Authorities, Kind};
use super::server::{Body, Server, bind, full};

/// An answer that is planned for a path of a host.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// Nothing comes, ever.
    pub hangs: bool,
}

impl Page {
    pub fn new(status: u16, body: &str) -> Page {
        let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
        Page { status, headers, body: body.to_owned(), hangs: false }
    }

    pub fn redirect(to: &str) -> Page {
        Page::new(302, "").with("location", to)
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Page {
        self.headers.push((name, value.to_owned()));
        self
    }
}

#[derive(Debug, Default)]
struct Plan {
    certificates: BTreeMap<String, Arc<CertifiedKey>>,
    pages: BTreeMap<(String, String), Page>,
    requests: Vec<String>,
}

type Shared = Arc<Mutex<Plan>>;

/// Running servers. They stop when this is dropped.
pub struct Web {
    plan: Shared,
    _servers: Vec<Server>,
    pub authorities: Authorities,
    /// With TLS.
    pub https: SocketAddr,
    pub http: SocketAddr,
}

impl Web {
    pub async fn start() -> Web {
        let plan = Shared::default();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ByName(Arc::clone(&plan))));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut servers = Vec::new();
        let mut addresses = Vec::new();
        for tls in [Some(acceptor), None] {
            let listener = bind(0).await;
            addresses.push(listener.local_addr().expect("an address"));
            let plan = Arc::clone(&plan);
            let answer = move |request| answer(Arc::clone(&plan), request);
            servers.push(Server::with(http1::Builder::new(), listener, tls, answer));
        }
        let (https, http) = (addresses[0], addresses[1]);
        Web { plan, _servers: servers, authorities: Authorities::new(), https, http }
    }

    /// A host whose front page is good.
    pub fn host(&self, host: &str, kind: Kind) -> &Web {
        let certificate = self.authorities.issue(host, kind);
        self.plan.lock().expect("no panic").certificates.insert(host.to_owned(), certificate);
        self.page(host, "/", Page::new(200, "<p>Welcome</p>"))
    }

    pub fn page(&self, host: &str, path: &str, page: Page) -> &Web {
        let key = (host.to_owned(), path.to_owned());
        self.plan.lock().expect("no panic").pages.insert(key, page);
        self
    }

    /// The URL of a host's front page over TLS.
    pub fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.https.port())
    }

    pub fn plain_url(&self, host: &str) -> String {
        format!("http://{host}:{}/", self.http.port())
    }

    /// Hosts and paths, in order.
    pub fn requests(&self) -> Vec<String> {
        self.plan.lock().expect("no panic").requests.clone()
    }
}

#[derive(Debug)]
struct ByName(Shared);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let plan = self.0.lock().expect("no panic");
        plan.certificates.get(hello.server_name()?).cloned()
    }
}

async fn answer(plan: Shared, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    let path = request.uri().path().to_owned();
    let page = {
        let mut plan = plan.lock().expect("no panic");
        plan.requests.push(format!("{host}{path}"));
        plan.pages.get(&(host, path)).cloned()
    };
    let page = page.ok_or(io::ErrorKind::ConnectionReset)?;
    if page.hangs {
        std::future::pending::<()>().await;
    }
    let mut builder = Response::builder().status(page.status);
    for (name, value) in page.headers {
        builder = builder.header(name, value);
    }
    Ok(builder.body(full(page.body)).expect("a response"))
}
