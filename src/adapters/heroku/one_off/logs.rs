//! Reads the log of one dyno, a stream of server-sent events.
//!
//! Delivery is best effort: lines get lost or arrive twice. A missing line proves nothing.

use std::collections::HashSet;

use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::adapters::heroku::{DestinationApp, Heroku, HerokuError};
use crate::adapters::transport;
use crate::secret::Secret;

/// The number of lines that Heroku keeps.
const LINES: u32 = 1500;
const LONGEST_LINE: usize = 64 << 10;

#[derive(Deserialize)]
struct LogSession {
    logplex_url: Secret,
}

/// One new line of the log.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line of the command's output.
    Command(String),
    /// `Process exited with status 1`: the status that Heroku reports.
    Exited(u8),
}

/// Reads events, and skips those that were read before.
pub struct Reader {
    dyno: String,
    buffer: Vec<u8>,
    id: String,
    seen: HashSet<String>,
}

impl Heroku {
    /// Opens the log of a dyno from the first line that Heroku kept. Apps of the Fir generation have
    /// no such lines: their logs begin now.
    pub(super) async fn open_log(
        &self,
        app: &DestinationApp,
        dyno: &str,
    ) -> Result<Response, HerokuError> {
        let what = format!("the log of {dyno}");
        let path = ["apps", app.id(), "log-sessions"];
        let request = self.platform_sdk(&path, what.clone());
        let body = match app.is_fir() {
            true => json!({ "dyno": dyno }),
            false => json!({ "dyno": dyno, "lines": LINES, "tail": true }),
        };
        let session: LogSession = self.post(request, Some(&body)).await?;
        let url = Url::parse(session.logplex_url.expose()).ok().filter(transport::is_private);
        let url = url.ok_or_else(|| HerokuError::OutputElsewhere { what: what.clone() })?;
        let follow = |request: RequestBuilder| {
            request.timeout(self.timing.job).header(ACCEPT, "text/event-stream")
        };
        let response = self.api.to_signed_url(Method::GET, &url, &what, follow).await?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(self.api.status_of_signed_url(&what, &url, status).into()),
        }
    }
}

impl Reader {
    pub fn new(dyno: &str) -> Self {
        Reader {
            dyno: dyno.to_owned(),
            buffer: Vec::new(),
            id: String::new(),
            seen: HashSet::new(),
        }
    }

    /// Prepares for another stream, which may repeat lines.
    pub fn restart(&mut self) {
        self.buffer.clear();
        self.id.clear();
    }

    pub fn pass(&mut self, bytes: &[u8]) -> Vec<Line> {
        self.buffer.extend_from_slice(bytes);
        let mut lines = Vec::new();
        while let Some(end) = memchr::memchr(b'\n', &self.buffer) {
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            lines.extend(self.read(String::from_utf8_lossy(&line).trim_end()));
        }
        if self.buffer.len() > LONGEST_LINE {
            self.buffer.clear();
        }
        lines
    }

    fn read(&mut self, line: &str) -> Option<Line> {
        if let Some(id) = line.strip_prefix("id:") {
            id.trim().clone_into(&mut self.id);
        }
        let data = line.strip_prefix("data:")?.trim_start();
        // Without an id, the line with its timestamp serves as the key.
        let key = if self.id.is_empty() { data.to_owned() } else { std::mem::take(&mut self.id) };
        if !self.seen.insert(key) {
            return None;
        }
        let (head, message) = data.split_once(": ").unwrap_or((data.trim_end_matches(':'), ""));
        let source = head.split_whitespace().nth(1)?;
        if source == format!("app[{}]", self.dyno) {
            return Some(Line::Command(message.to_owned()));
        }
        if source == format!("heroku[{}]", self.dyno) {
            let status = message.strip_prefix("Process exited with status ")?;
            return status.trim().parse().ok().map(Line::Exited);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_once_and_by_source() {
        let text = "id: 1\ndata: 2026-01-01T00:00:00+00:00 app[run.7]: a: b\n\n\
            id: 2\ndata: 2026-01-01T00:00:00+00:00 app[web.1]: other\n\n\
            : a comment\n\
            id: 3\ndata: 2026-01-01T00:00:00+00:00 app[run.7]: \n\n\
            id: 4\ndata: 2026-01-01T00:00:01+00:00 heroku[run.7]: Process exited with status 3\n\n";
        let expected =
            [Line::Command("a: b".to_owned()), Line::Command(String::new()), Line::Exited(3)];
        let mut reader = Reader::new("run.7");
        assert_eq!(reader.pass(text.as_bytes()), expected);
        reader.restart();
        assert_eq!(reader.pass(text.as_bytes()), []);
        let mut reader = Reader::new("run.7");
        let split: Vec<Line> = text.bytes().flat_map(|byte| reader.pass(&[byte])).collect();
        assert_eq!(split, expected);
    }
}
