//! Runs a real Redis for the tests, with a password and TLS.
//!
//! Like the Postgres cluster's, its keeper waits on a pipe from this process, so nothing is left
//! behind, however this process ends.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::wait;

/// The beginning of all passwords. Each server has its own, as on Heroku.
pub const PASSWORD: &str = "redis-password-0123456789";

const KEEPER: &str = r#"
redis-server "$1/redis.conf" </dev/null >"$1/log" 2>&1 &
server=$!
trap '' HUP INT TERM
while read -r line; do :; done
exec 2>/dev/null
kill -KILL "$server" 2>/dev/null
wait "$server"
"#;

pub struct RedisServer {
    keeper: Child,
    directory: TempDir,
    password: String,
    port: u16,
    tls_port: u16,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

impl RedisServer {
    /// With a self-signed certificate, like Heroku's.
    pub fn start() -> RedisServer {
        RedisServer::configured("")
    }

    /// A cluster of one node, which has every slot.
    pub fn clustered() -> RedisServer {
        let server = RedisServer::configured("cluster-enabled yes\n");
        let mut connection = server.client().get_connection().expect("a connection");
        redis::cmd("CLUSTER")
            .arg(&["ADDSLOTSRANGE", "0", "16383"])
            .exec(&mut connection)
            .expect("slots");
        let began = Instant::now();
        loop {
            let info: String =
                redis::cmd("CLUSTER").arg("INFO").query(&mut connection).expect("an answer");
            if info.contains("cluster_state:ok") {
                return server;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{info}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn configured(more: &str) -> RedisServer {
        // Two servers that start at once may get the same free port.
        static STARTING: Mutex<()> = Mutex::new(());
        let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let directory =
            tempfile::Builder::new().prefix("bcops-redis-").tempdir().expect("a folder");
        let path = |name: &str| directory.path().join(name).display().to_string();
        let certified = rcgen::generate_simple_self_signed(vec!["elsewhere.invalid".to_owned()])
            .expect("a certificate");
        std::fs::write(path("cert.pem"), certified.cert.pem()).expect("a file");
        std::fs::write(path("key.pem"), certified.signing_key.serialize_pem()).expect("a file");
        let (port, tls_port) = (free_port(), free_port());
        let password = format!("{PASSWORD}-{port}");
        let (cert, key, folder) = (path("cert.pem"), path("key.pem"), path(""));
        let configuration = format!(
            "bind 127.0.0.1\nport {port}\ntls-port {tls_port}\ntls-cert-file {cert}\n\
             tls-key-file {key}\ntls-auth-clients no\nrequirepass {password}\nsave \"\"\n\
             dir {folder}\n{more}"
        );
        std::fs::write(path("redis.conf"), configuration).expect("a file");
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let server = RedisServer { keeper, directory, password, port, tls_port };
        wait::until("Redis answers", || server.client().get_connection().is_ok());
        server
    }

    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}", self.password, self.port)
    }

    pub fn tls_url(&self) -> String {
        format!("rediss://:{}@127.0.0.1:{}", self.password, self.tls_port)
    }

    fn client(&self) -> redis::Client {
        redis::Client::open(self.url()).expect("a URL")
    }

    /// Runs a command in a database.
    pub fn run<T: redis::FromRedisValue>(&self, database: i64, words: &[&str]) -> T {
        let mut connection = self.client().get_connection().expect("a connection");
        redis::cmd("SELECT").arg(database).exec(&mut connection).expect("a database");
        redis::cmd(words[0]).arg(&words[1..]).query(&mut connection).expect("an answer")
    }

    pub fn set(&self, database: i64, keys: &[&str]) {
        for key in keys {
            self.run::<()>(database, &["SET", key, "x"]);
        }
    }

    /// Every key of a database, sorted.
    pub fn keys(&self, database: i64) -> Vec<String> {
        let mut keys: Vec<String> = self.run(database, &["KEYS", "*"]);
        keys.sort();
        keys
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
