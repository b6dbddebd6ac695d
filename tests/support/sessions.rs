//! Runs SQL over a connection of this process, without a `psql` for each query.

use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result, anyhow};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// One query to one database, repeated over a kept connection, which is replaced after the server
/// has ended it.
pub struct Question {
    asked: mpsc::Sender<mpsc::Sender<Result<String>>>,
}

impl Question {
    pub fn new(config: Config, sql: String) -> Question {
        let (asked, questions) = mpsc::channel::<mpsc::Sender<Result<String>>>();
        // A separate thread, because the caller may be a task of a runtime.
        thread::spawn(move || {
            let mut session = None;
            for answers in questions {
                // The caller may be gone.
                let _ = answers.send(Session::ask(&mut session, &config, &sql));
            }
        });
        Question { asked }
    }

    /// The first value of the answer.
    pub fn ask(&self) -> Result<String> {
        let (sender, answers) = mpsc::channel();
        self.asked.send(sender).map_err(|_| anyhow!("the session's thread is gone"))?;
        answers.recv().context("the session's thread is gone")?
    }
}

struct Session {
    client: Client,
    // Dropped after the client, whose connection runs on it.
    runtime: Runtime,
}

impl Session {
    fn open(config: &Config) -> Result<Session> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (client, connection) = runtime.block_on(config.connect(NoTls))?;
        runtime.spawn(connection);
        Ok(Session { client, runtime })
    }

    fn ask(session: &mut Option<Session>, config: &Config, sql: &str) -> Result<String> {
        let open = match session.take().filter(|session| !session.client.is_closed()) {
            Some(open) => open,
            None => Session::open(config)?,
        };
        let answer = open.runtime.block_on(open.client.simple_query(sql));
        // After an error the next query gets a new connection.
        let messages = answer?;
        *session = Some(open);
        let row = messages.into_iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        row.context("the answer has no row")
    }
}
