//! Forwards a port to another one: the same server under another address.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// It takes no further connections once it is dropped.
pub struct Forward {
    pub port: u16,
    stopped: Arc<AtomicBool>,
}

impl Forward {
    pub fn to(target: u16) -> Forward {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let both = (client.try_clone(), server.try_clone());
                if let (Ok(from_client), Ok(to_server)) = both {
                    thread::spawn(move || pass(from_client, to_server));
                    thread::spawn(move || pass(server, client));
                }
            }
        });
        Forward { port, stopped }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 << 10];
    let copied: io::Result<()> = (|| {
        loop {
            match from.read(&mut buffer)? {
                0 => return Ok(()),
                count => to.write_all(&buffer[..count])?,
            }
        }
    })();
    let _ = copied;
    let _ = to.shutdown(Shutdown::Write);
}
