//! Holds the results of the checks, line by line.

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

/// The result of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    /// It works, but something is not as it should be.
    Warn,
    Fail,
    /// It was not checked.
    Skip,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&json::name(self))
    }
}

/// The subject of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    Dns,
    Tls,
    Http,
    Content,
}

/// The facts behind a line.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum LineData {
    /// For `dns`.
    Names { a: Vec<IpAddr>, aaaa: Vec<IpAddr>, cname: Vec<String> },
    /// For `tls`.
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
    /// For `http`, if a page answered.
    Answer {
        status: u16,
        /// The URLs of the redirects, including the first and the last.
        way: Vec<String>,
        first_byte_ms: u64,
        server: Option<String>,
        cf_cache_status: Option<String>,
        cf_mitigated: Option<String>,
    },
    /// For `http`, if no page answered.
    Way { way: Vec<String> },
    /// For `content`.
    Page {
        /// Hosts of protected environments, and how many links lead to each.
        urls: BTreeMap<String, usize>,
        bytes: usize,
        /// Whether only the beginning was read.
        cut: bool,
    },
}

/// One result, in words and for programs.
#[derive(Debug, Clone)]
pub struct Line {
    pub aspect: Aspect,
    pub verdict: Verdict,
    pub text: String,
    /// The part that differs between checks with the same result, such as the time taken.
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

    /// The text with the measured part.
    pub fn in_full(&self) -> String {
        match self.measured.is_empty() {
            true => self.text.clone(),
            false => format!("{}, {}", self.text, self.measured),
        }
    }
}

/// The kind of the final answer of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// No answer.
    None,
    /// Heroku's own page: Heroku has no app for this host.
    NoSuchApp,
    /// An error (5xx) of the site or of a server in front of it, including Heroku's pages.
    Error,
    /// Any other answer, such as a page, a refusal or a redirect.
    Answer,
}

/// The results for one site.
#[derive(Debug, Clone)]
pub struct SiteReport {
    pub url: Url,
    pub lines: Vec<Line>,
    pub reply: Reply,
    /// The site shows a maintenance page, and nothing else is wrong with its answer.
    pub in_maintenance: bool,
}

impl SiteReport {
    pub fn is_up(&self) -> bool {
        self.lines.iter().all(|line| line.verdict != Verdict::Fail)
    }

    /// The first failed check.
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
    /// Whether the site shows a maintenance page.
    maintenance: bool,
    /// The first failed check.
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

/// The results for an environment.
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

/// The results of a check of the sites.
#[derive(Serialize, JsonSchema)]
pub struct ReportDocument<'a> {
    environment: &'a str,
    /// Whether every site is up.
    up: bool,
    sites: Vec<SiteDocument<'a>>,
    storage: StorageDocument<'a>,
    pipeline: PipelineDocument<'a>,
}
