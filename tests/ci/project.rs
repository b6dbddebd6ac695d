//! Plays the GitLab of a runner: the site's repository over HTTP, and the packages of the release.
//!
//! A job's own token reads the repository and the packages, as at GitLab. Only the project access token
//! pushes.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::standins::server::{Body, Recorded, Server, bind, full, response};

pub const JOB_TOKEN: &str = "glcbt-of-the-job";
pub const PUSH_TOKEN: &str = "glpat-that-pushes";

/// The path of the package registry on the page.
const PACKAGES: &str = "/api/v4/projects/infrastructure%2Fbcops/packages/generic/bcops/";

const STORAGE: &str = "/storage/";

struct Shared {
    /// Bare repositories by their paths.
    repositories: PathBuf,
    /// The files of the release.
    packages: PathBuf,
    /// Pushes, each with its user.
    pushes: Mutex<Vec<String>>,
}

pub struct Project {
    /// Without a slash at the end.
    pub url: String,
    shared: Arc<Shared>,
    _server: Server,
}

impl Project {
    pub async fn start(repositories: PathBuf, packages: PathBuf) -> Project {
        let listener = bind(0).await;
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared { repositories, packages, pushes: Mutex::default() });
        let of_server = Arc::clone(&shared);
        let answer = move |request| answer(Arc::clone(&of_server), request);
        Project { url, shared, _server: Server::start(listener, answer) }
    }

    pub fn pushes(&self) -> Vec<String> {
        self.shared.pushes.lock().expect("no panic").clone()
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let request = Recorded::read(request).await?;
    if let Some(name) = request.path.strip_prefix(PACKAGES) {
        let known = login(&request).is_some_and(|(user, token)| {
            (user.as_str(), token.as_str()) == ("gitlab-ci-token", JOB_TOKEN)
        });
        return Ok(match known {
            true => elsewhere(&request, name),
            false => response(401, "application/json", r#"{"message":"401 Unauthorized"}"#),
        });
    }
    if let Some(name) = request.path.strip_prefix(STORAGE) {
        return Ok(stored(&shared, &request, name));
    }
    if request.path.starts_with("/api/") {
        return Ok(response(404, "application/json", r#"{"message":"404 Not Found"}"#));
    }
    repository(&shared, &request).await
}

/// GitLab redirects to its storage, which is another host.
fn elsewhere(request: &Recorded, name: &str) -> Response<Body> {
    let port = request.header("host").and_then(|host| host.split(':').next_back());
    let address = format!("http://localhost:{}{STORAGE}{name}", port.unwrap_or_default());
    let mut answer = response(302, "text/html", "<html>moved</html>");
    answer.headers_mut().insert("location", address.parse().expect("an address"));
    answer
}

/// A storage refuses a login beside the signature of its address.
fn stored(shared: &Shared, request: &Recorded, name: &str) -> Response<Body> {
    let has_token =
        request.headers.values().any(|value| value.as_bytes().ends_with(JOB_TOKEN.as_bytes()));
    if has_token || request.header("authorization").is_some() {
        return response(400, "application/xml", "<Error>Only one auth mechanism allowed</Error>");
    }
    match std::fs::read(shared.packages.join(name)) {
        Ok(bytes) => response(200, "application/octet-stream", bytes),
        Err(_) => response(404, "application/xml", "<Error>NoSuchKey</Error>"),
    }
}

async fn repository(shared: &Shared, request: &Recorded) -> io::Result<Response<Body>> {
    let is_push = request.path.contains("git-receive-pack");
    let Some((user, password)) = login(request) else {
        let mut asks = response(401, "text/plain", "HTTP Basic: Access denied");
        let realm = "Basic realm=\"GitLab\"".parse().expect("a header");
        asks.headers_mut().insert("www-authenticate", realm);
        return Ok(asks);
    };
    match (password.as_str(), is_push) {
        (PUSH_TOKEN, _) | (JOB_TOKEN, false) => {}
        (JOB_TOKEN, true) => {
            return Ok(response(403, "text/plain", "You are not allowed to upload code."));
        }
        _ => return Ok(response(403, "text/plain", "HTTP Basic: Access denied")),
    }
    if request.path.ends_with("/git-receive-pack") {
        shared.pushes.lock().expect("no panic").push(user.clone());
    }
    backend(shared, request, &user).await
}

fn login(request: &Recorded) -> Option<(String, String)> {
    let encoded = request.header("authorization")?.strip_prefix("Basic ")?;
    let plain = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let plain = String::from_utf8(plain).ok()?;
    plain.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// Git's own server.
async fn backend(shared: &Shared, request: &Recorded, user: &str) -> io::Result<Response<Body>> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &shared.repositories)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", &shared.repositories)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &request.method)
        .env("REMOTE_USER", user)
        .env("CONTENT_LENGTH", request.bytes.len().to_string());
    for (name, header) in [
        ("CONTENT_TYPE", "content-type"),
        ("HTTP_CONTENT_ENCODING", "content-encoding"),
        ("GIT_PROTOCOL", "git-protocol"),
    ] {
        if let Some(value) = request.header(header) {
            command.env(name, value);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut input = child.stdin.take().expect("its input");
    let bytes = request.bytes.clone();
    let feeding = tokio::spawn(async move { input.write_all(&bytes).await });
    let output = child.wait_with_output().await?;
    // A backend that refuses does not read everything.
    let _ = feeding.await;
    Ok(of_cgi(&output.stdout))
}

fn of_cgi(output: &[u8]) -> Response<Body> {
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(output.len());
    let head = String::from_utf8_lossy(output.get(..end).unwrap_or_default()).into_owned();
    let mut builder = Response::builder();
    for line in head.lines() {
        let Some((name, value)) = line.split_once(": ") else { continue };
        builder = match name {
            "Status" => builder.status(value.split(' ').next().unwrap_or("500")),
            _ => builder.header(name, value),
        };
    }
    let body = output.get(end + 4..).unwrap_or_default().to_vec();
    builder.body(full(body)).expect("a response")
}
