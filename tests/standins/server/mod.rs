//! Runs the servers of all stand-ins: a port on loopback, the log of requests, the faults, and
//! answers in JSON.

mod answers;
mod faults;
mod requests;

use std::io;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

pub use answers::{Body, Reply, closed, full, html, response};
pub use faults::{Faults, Rule};
pub use requests::{Intake, Recorded};

/// Zero for any port that is free.
pub async fn bind(port: u16) -> TcpListener {
    TcpListener::bind(("127.0.0.1", port)).await.expect("a free port on loopback")
}

/// A running server. It stops when this is dropped, with all of its connections.
pub struct Server(JoinHandle<()>);

impl Server {
    /// Passes each connection to `speak`.
    pub fn of_connections<S, T>(listener: TcpListener, speak: S) -> Server
    where
        S: Fn(TcpStream) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        Server(tokio::spawn(async move {
            // The connections end together with the task that accepts them.
            let mut connections = JoinSet::new();
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                let _ = socket.set_nodelay(true);
                connections.spawn(speak(socket));
                while connections.try_join_next().is_some() {}
            }
        }))
    }

    /// Passes each HTTP request to `answer`. An error closes the connection without an answer.
    pub fn start<A, T>(listener: TcpListener, answer: A) -> Server
    where
        A: Fn(Request<Incoming>) -> T + Clone + Send + Sync + 'static,
        T: Future<Output = io::Result<Response<Body>>> + Send + 'static,
    {
        Server::with(http1::Builder::new(), listener, None, answer)
    }

    /// The same with TLS, or with HTTP in another way.
    pub fn with<A, T>(
        http: http1::Builder,
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        answer: A,
    ) -> Server
    where
        A: Fn(Request<Incoming>) -> T + Clone + Send + Sync + 'static,
        T: Future<Output = io::Result<Response<Body>>> + Send + 'static,
    {
        Server::of_connections(listener, move |socket| {
            let (http, tls, answer) = (http.clone(), tls.clone(), answer.clone());
            async move {
                match tls {
                    None => speak(&http, socket, answer).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(socket).await {
                            speak(&http, stream, answer).await;
                        }
                    }
                }
            }
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn speak<A, T>(http: &http1::Builder, stream: impl AsyncRead + AsyncWrite + Unpin, answer: A)
where
    A: Fn(Request<Incoming>) -> T,
    T: Future<Output = io::Result<Response<Body>>>,
{
    // Clients often disconnect early here.
    let _ = http.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}
