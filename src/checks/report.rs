//! What was found, line by line.

use serde_json::{Value, json};
use url::Url;

use super::{PipelineLook, StorageReport};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Warn,
    Fail,
    Skip,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
            Verdict::Skip => "skip",
        }
    }
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    Dns,
    Tls,
    Http,
    Content,
}

impl Aspect {
    pub fn name(self) -> &'static str {
        match self {
            Aspect::Dns => "dns",
            Aspect::Tls => "tls",
            Aspect::Http => "http",
            Aspect::Content => "content",
        }
    }
}

/// One finding, in words and for programs.
#[derive(Debug, Clone)]
pub struct Line {
    pub aspect: Aspect,
    pub verdict: Verdict,
    pub text: String,
    /// What differs from one look to the next although the finding is the same: how long it took.
    pub measured: String,
    pub data: Value,
}

impl Line {
    pub(super) fn new(aspect: Aspect, verdict: Verdict, text: impl Into<String>) -> Line {
        Line { aspect, verdict, text: text.into(), measured: String::new(), data: Value::Null }
    }

    pub(super) fn with(self, data: Value) -> Line {
        Line { data, ..self }
    }

    pub(super) fn measured(self, measured: String) -> Line {
        Line { measured, ..self }
    }

    /// The finding with what was measured.
    pub fn in_full(&self) -> String {
        match self.measured.is_empty() {
            true => self.text.clone(),
            false => format!("{}, {}", self.text, self.measured),
        }
    }
}

/// What came back from a site in the end, whatever else is to be said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    None,
    /// Heroku's own page: it has no app for this host.
    NoSuchApp,
    /// An error of the site or of what stands before it (5xx), Heroku's pages included.
    Error,
    /// Any other answer. That may be a refusal, or a redirect.
    Answer,
}

/// One site.
#[derive(Debug, Clone)]
pub struct SiteReport {
    pub url: Url,
    pub lines: Vec<Line>,
    pub reply: Reply,
    /// It says that it is being worked on, and nothing else is wrong with its answer.
    pub in_maintenance: bool,
}

impl SiteReport {
    pub fn is_up(&self) -> bool {
        self.lines.iter().all(|line| line.verdict != Verdict::Fail)
    }

    /// The first thing that fails.
    pub fn problem(&self) -> Option<&str> {
        let failed = self.lines.iter().find(|line| line.verdict == Verdict::Fail);
        failed.map(|line| line.text.as_str())
    }

    pub fn json(&self) -> Value {
        json!({
            "url": self.url.as_str(),
            "host": self.url.host_str(),
            "up": self.is_up(),
            "maintenance": self.in_maintenance,
            "problem": self.problem(),
            "lines": self.lines.iter().map(|line| json!({
                "aspect": line.aspect.name(),
                "verdict": line.verdict.name(),
                "text": line.in_full(),
                "data": line.data,
            })).collect::<Vec<_>>(),
        })
    }
}

/// An environment.
#[derive(Debug, Clone)]
pub struct Report {
    pub sites: Vec<SiteReport>,
    pub storage: StorageReport,
    pub pipeline: PipelineLook,
}

impl Report {
    pub fn is_down(&self) -> bool {
        self.sites.iter().any(|site| !site.is_up())
    }

    pub fn json(&self) -> Value {
        json!({
            "up": !self.is_down(),
            "sites": self.sites.iter().map(SiteReport::json).collect::<Vec<_>>(),
            "storage": self.storage.json(),
            "pipeline": self.pipeline.json(),
        })
    }
}
