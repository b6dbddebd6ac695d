//! Plays the rendezvous, where a client meets its one-off dyno.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::dynos;
use super::state::Shared;
use crate::standins::server::Server;

/// How rendezvous go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendezvous {
    /// The greeting alone, and then the output.
    Orderly,
    /// Every byte alone.
    Bytewise,
    /// The greeting and all of the output at once, when the command has ended.
    Coalesced,
    /// The connection is closed before the TLS handshake.
    Refused,
    /// The connection is closed instead of the greeting.
    ClosedEarly,
    /// The greeting never comes.
    Silent,
    /// The connection is closed after this many bytes of output. The command continues.
    CutAfter(usize),
    /// The connection stays open after the command has ended.
    NeverClosed,
    /// The address is of another kind, as in a private space, where all apps of Fir are.
    PrivateSpace,
}

pub fn serve(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) -> Server {
    Server::of_connections(listener, move |socket| {
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        let how = shared.world().rendezvous;
        async move {
            if how == Rendezvous::Refused {
                return;
            }
            if let Ok(stream) = tls.accept(socket).await {
                // Clients often disconnect early here.
                let _ = meet(stream, &shared, how).await;
            }
        }
    })
}

async fn meet(
    stream: TlsStream<TcpStream>,
    shared: &Arc<Shared>,
    how: Rendezvous,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut secret = String::new();
    stream.read_line(&mut secret).await?;
    let Some((app, name)) = shared.world().dyno_behind(secret.trim_end()) else { return Ok(()) };
    tokio::time::sleep(shared.options.dyno_start).await;
    match how {
        Rendezvous::ClosedEarly => return stream.shutdown().await,
        Rendezvous::Silent => std::future::pending::<()>().await,
        Rendezvous::Coalesced => {}
        _ => {
            write(&mut stream, b"rendezvous\r\n", how).await?;
            // The CLI treats the whole first read as the greeting.
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
    attach(stream, shared, how, &app, &name).await
}

async fn attach(
    mut stream: BufReader<TlsStream<TcpStream>>,
    shared: &Arc<Shared>,
    how: Rendezvous,
    app: &str,
    name: &str,
) -> std::io::Result<()> {
    let Some(mut process) = dynos::start_process(shared, app, name) else { return Ok(()) };
    let mut together = b"rendezvous\r\n".to_vec();
    let mut left = match how {
        Rendezvous::CutAfter(bytes) => bytes,
        _ => usize::MAX,
    };
    let mut is_there = true;
    let mut buffer = [0; 4096];
    loop {
        tokio::select! {
            said = process.output.recv() => {
                let Some(mut bytes) = said else { break };
                bytes.truncate(left);
                left -= bytes.len();
                if how == Rendezvous::Coalesced {
                    together.extend(bytes);
                } else if is_there {
                    is_there = write(&mut stream, &bytes, how).await.is_ok();
                }
                if left == 0 && is_there {
                    is_there = false;
                    let _ = stream.shutdown().await;
                }
            }
            typed = stream.read(&mut buffer), if is_there => match typed {
                Ok(length @ 1..) => _ = process.input.send(buffer[..length].to_vec()),
                _ => is_there = false,
            },
        }
    }
    if how == Rendezvous::Coalesced {
        write(&mut stream, &together, how).await?;
    }
    dynos::bury(shared, app, name, process).await;
    if how == Rendezvous::NeverClosed {
        std::future::pending::<()>().await;
    }
    stream.shutdown().await
}

async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    how: Rendezvous,
) -> std::io::Result<()> {
    let size = if how == Rendezvous::Bytewise { 1 } else { bytes.len().max(1) };
    for piece in bytes.chunks(size) {
        stream.write_all(piece).await?;
        stream.flush().await?;
        if size == 1 {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
    Ok(())
}
