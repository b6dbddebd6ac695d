//! What was found, line by line.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

use super::pipeline::PipelineDocument;
use super::storage::StorageDocument;
use super::{PipelineLook, StorageReport};
use crate::json;

/// Whether all is well with what was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    /// It works, and something about it is not as it should be.
    Warn,
    Fail,
    /// It was not looked at.
    Skip,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&json::name(self))
    }
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    Dns,
    Tls,
    Http,
    Content,
}

/// What a line was read from.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum LineData {
    /// Of `dns`.
    Names { a: Vec<IpAddr>, aaaa: Vec<IpAddr>, cname: Vec<String> },
    /// Of `tls`.
    Certificate {
        subject: String,
        issuer: String,
        names: Vec<String>,
        not_before: Timestamp,
        not_after: Timestamp,
        days_left: i64,
        chain: Vec<String>,
        problems: Vec<String>,
    },
    /// Of `http`, where a page answered.
    Answer {
        status: u16,
        /// The URLs of the redirects, the first and the last included.
        way: Vec<String>,
        first_byte_ms: u64,
        server: Option<String>,
        cf_cache_status: Option<String>,
        cf_mitigated: Option<String>,
    },
    /// Of `http`, where none did.
    Way { way: Vec<String> },
    /// Of `content`.
    Page {
        /// Hosts of protected environments, and how often each is linked to.
        urls: BTreeMap<String, usize>,
        bytes: usize,
        /// Whether only the beginning was read.
        cut: bool,
    },
}

/// One finding, in words and for programs.
#[derive(Debug, Clone)]
pub struct Line {
    pub aspect: Aspect,
    pub verdict: Verdict,
    pub text: String,
    /// What differs from one look to the next although the finding is the same: how long it took.
    pub measured: String,
    pub data: Option<LineData>,
}

impl Line {
    pub(super) fn new(aspect: Aspect, verdict: Verdict, text: impl Into<String>) -> Line {
        Line { aspect, verdict, text: text.into(), measured: String::new(), data: None }
    }

    pub(super) fn with(self, data: LineData) -> Line {
        Line { data: Some(data), ..self }
    }

    pub(super) fn measured(self, measured: String) -> Line {
        Line { measured, ..self }
    }

    fn document(&self) -> LineDocument<'_> {
        let Line { aspect, verdict, data, .. } = self;
        LineDocument { aspect: *aspect, verdict: *verdict, text: self.in_full(), data }
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

    fn document(&self) -> SiteDocument<'_> {
        SiteDocument {
            url: self.url.as_str(),
            host: self.url.host_str(),
            up: self.is_up(),
            maintenance: self.in_maintenance,
            problem: self.problem(),
            lines: self.lines.iter().map(Line::document).collect(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct SiteDocument<'a> {
    url: &'a str,
    host: Option<&'a str>,
    up: bool,
    /// It says that it is being worked on.
    maintenance: bool,
    /// The first thing that fails.
    problem: Option<&'a str>,
    lines: Vec<LineDocument<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct LineDocument<'a> {
    aspect: Aspect,
    verdict: Verdict,
    text: String,
    data: &'a Option<LineData>,
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

    pub fn document<'a>(&'a self, environment: &'a str) -> ReportDocument<'a> {
        ReportDocument {
            environment,
            up: !self.is_down(),
            sites: self.sites.iter().map(SiteReport::document).collect(),
            storage: self.storage.document(),
            pipeline: self.pipeline.document(),
        }
    }
}

/// What a look at the sites showed.
#[derive(Serialize, JsonSchema)]
pub struct ReportDocument<'a> {
    environment: &'a str,
    /// Whether every site is.
    up: bool,
    sites: Vec<SiteDocument<'a>>,
    storage: StorageDocument<'a>,
    pipeline: PipelineDocument<'a>,
}
