//! Runs a gateway between the program and a service that misbehaves for some requests: the same ten
//! faults for every service, each with the service's own words.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::{self, ServerConnection, Stream};

use crate::standins::tls::LoopbackTls;

/// The service whose words an error uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Heroku,
    /// The store of Heroku's backups.
    Store,
    Cloudflare,
    Search,
    Gitlab,
    S3,
    /// Services without HTTP.
    Redis,
    Postgres,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No server listens.
    Refused,
    /// The request is accepted, and no answer ever comes.
    Hangs,
    /// The service's own error.
    Status(u16),
    /// A success that is not an answer of the service.
    Garbage,
    /// The connection ends during the answer.
    Truncated,
    /// TLS with an untrusted certificate.
    WrongCertificate,
}

pub const ALL: [Fault; 10] = [
    Fault::Refused,
    Fault::Hangs,
    Fault::Status(401),
    Fault::Status(403),
    Fault::Status(404),
    Fault::Status(429),
    Fault::Status(500),
    Fault::Garbage,
    Fault::Truncated,
    Fault::WrongCertificate,
];

/// Longer than the time limit of any row.
const NEVER: Duration = Duration::from_secs(600);

/// Starts a gateway to `upstream`, an authority (`127.0.0.1:PORT`), with the fault for requests
/// whose path holds `part`. Returns its own authority, with `http://` or, for a wrong certificate,
/// `https://`. It runs until the process ends.
pub fn start(upstream: &str, service: Service, part: &'static str, fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    if fault == Fault::Refused {
        // A released port would soon belong to another row.
        return "http://127.0.0.1:1".to_owned();
    }
    let tls = (fault == Fault::WrongCertificate).then(LoopbackTls::new);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let tls = tls.map(|tls| tls.acceptor.config().clone());
    let upstream = upstream.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (upstream, tls) = (upstream.clone(), tls.clone());
            std::thread::spawn(move || {
                // Clients often disconnect early here.
                let _ = match tls {
                    Some(tls) => shake_hands(stream, tls),
                    None => serve(stream, &upstream, service, part, fault),
                };
            });
        }
    });
    format!("{scheme}://{address}")
}

fn shake_hands(mut stream: TcpStream, tls: Arc<rustls::ServerConfig>) -> std::io::Result<()> {
    let mut connection = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut stream = Stream::new(&mut connection, &mut stream);
    stream.read(&mut [0; 1024]).map(drop)
}

fn serve(
    mut stream: TcpStream,
    upstream: &str,
    service: Service,
    part: &str,
    fault: Fault,
) -> std::io::Result<()> {
    if matches!(service, Service::Redis | Service::Postgres) {
        return serve_bytes(stream, fault);
    }
    let (head, body) = receive(&mut stream)?;
    let path = head.split(' ').nth(1).unwrap_or_default();
    if path.contains(part) {
        return misbehave(&mut stream, service, fault);
    }
    let mut other = TcpStream::connect(upstream)?;
    let is_kept = |line: &&str| !line.to_ascii_lowercase().starts_with("connection:");
    let lines: Vec<&str> = head.split("\r\n").filter(is_kept).collect();
    write!(other, "{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"))?;
    other.write_all(&body)?;
    std::io::copy(&mut other, &mut stream)?;
    stream.shutdown(Shutdown::Both)
}

/// For protocols without paths.
fn serve_bytes(mut stream: TcpStream, fault: Fault) -> std::io::Result<()> {
    match fault {
        Fault::Hangs => std::thread::sleep(NEVER),
        Fault::Garbage => {
            _ = stream.read(&mut [0; 1024])?;
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
        }
        _ => {}
    }
    stream.shutdown(Shutdown::Both)
}

/// A request's head without the empty line, and its body.
fn receive(stream: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut request = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&buffer[..length]);
        let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&request[..end]).into_owned();
        let announced = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
        });
        let mut body = request.split_off(end + 4);
        let mut rest = vec![0; announced.unwrap_or(0_usize).saturating_sub(body.len())];
        stream.read_exact(&mut rest)?;
        body.extend(rest);
        return Ok((head, body));
    }
}

fn misbehave(stream: &mut TcpStream, service: Service, fault: Fault) -> std::io::Result<()> {
    let kind = if service == Service::S3 { "application/xml" } else { "application/json" };
    let (status, length, body) = match fault {
        Fault::Hangs => {
            std::thread::sleep(NEVER);
            return Ok(());
        }
        Fault::Status(status) => {
            let body = words(service, status);
            (status, body.len(), body)
        }
        Fault::Garbage => (200, 12, "\u{1}{[<garbage>".to_owned()),
        _ => (200, 4096, "{\"id\": \"01".to_owned()),
    };
    // An exhausted limit with a long wait, so a correct client does not return.
    let later = if status == 429 { "Retry-After: 3600\r\n" } else { "" };
    write!(
        stream,
        "HTTP/1.1 {status} Told\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{later}\
         Connection: close\r\n\r\n{body}"
    )?;
    stream.shutdown(Shutdown::Both)
}

/// An error in the service's own form.
fn words(service: Service, status: u16) -> String {
    match service {
        Service::Heroku => {
            let id = match status {
                401 => "unauthorized",
                403 => "forbidden",
                404 => "not_found",
                429 => "rate_limit",
                _ => "internal_server_error",
            };
            format!("{{\"id\":\"{id}\",\"message\":\"Told to answer so.\"}}")
        }
        Service::Cloudflare => format!(
            "{{\"success\":false,\"result\":null,\"messages\":[],\
             \"errors\":[{{\"code\":{},\"message\":\"Told to answer so\"}}]}}",
            if status == 401 { 1000 } else { 10000 }
        ),
        Service::Search => format!(
            "{{\"error\":{{\"type\":\"told\",\"reason\":\"told to answer so\"}},\"status\":{status}}}"
        ),
        Service::S3 | Service::Store => {
            let code = match status {
                401 | 403 => "AccessDenied",
                404 => "NoSuchBucket",
                _ => "InternalError",
            };
            format!(
                "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Told</Message></Error>"
            )
        }
        _ => format!("{{\"message\":\"{status} Told\"}}"),
    }
}
