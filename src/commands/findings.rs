//! Writes what an audit found, for people and programs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::Context;
use crate::events::{Event, Reporter};
use crate::scrub::{AuditCount, UnreadValues, Verdict};
use crate::words;

/// A place where the audit found something, and its verdict.
#[derive(Serialize, JsonSchema)]
pub struct Judged<'a, T> {
    #[serde(flatten)]
    place: &'a T,
    verdict: Verdict,
}

pub type Audited<'a> = Judged<'a, AuditCount>;

pub fn judged<'a>(counts: impl IntoIterator<Item = &'a AuditCount>) -> Vec<Audited<'a>> {
    counts.into_iter().map(|place| Judged { place, verdict: place.verdict }).collect()
}

pub fn judged_unread(values: &[UnreadValues]) -> Vec<Judged<'_, UnreadValues>> {
    values.iter().map(|place| Judged { place, verdict: place.verdict }).collect()
}

/// The lines of an audit without findings.
pub fn passed(audit: &[AuditCount]) -> String {
    let mut text = "audit: no e-mail address, telephone number, National Insurance number or postcode\n       \
                    outside published content and what the manifest allows\n"
        .to_owned();
    for (verdict, what) in [
        (Verdict::Content, "published content holds"),
        (Verdict::Allowed, "allowed by the manifest:"),
    ] {
        let kinds = kinds(audit, verdict);
        if !kinds.is_empty() {
            text.push_str(&format!("       {what} {kinds}\n"));
        }
    }
    text
}

/// Warns about values that were replaced in published content, because the live page shows them.
pub fn warn_of_replaced(context: &Context, audit: &[AuditCount]) {
    for count in audit.iter().filter(|count| count.verdict == Verdict::Replaced) {
        let numbers = words::plural(count.count, &count.kind.to_string());
        let rows = crate::scrub::rows_in_words(&count.rows);
        context.ui.emit(Event::Warning(format!(
            "{numbers} in published content replaced: {}{rows}; take them off the site",
            count.place()
        )));
    }
}

/// Warns about values that may be personal data, in places where they are allowed.
pub fn warn_of_doubts(context: &Context, audit: &[AuditCount]) {
    let mut places: BTreeMap<String, u64> = BTreeMap::new();
    for count in audit.iter().filter(|count| count.is_a_doubt()) {
        *places.entry(count.place()).or_default() += count.count;
    }
    let total: u64 = places.values().sum();
    let named: Vec<&str> = places.keys().take(NAMED).map(String::as_str).collect();
    let more = match places.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {}", words::plural(more as u64, "further place")),
    };
    let named = named.join(", ");
    let values = words::plural(total, "value");
    if total > 0 {
        context.ui.emit(Event::Warning(format!(
            "{values} in an unusual form may be personal data; check {named}{more}"
        )));
    }
}

/// How many places a warning names.
const NAMED: usize = 5;

/// `5 postcodes, 2 telephone numbers`: everything that was found under one verdict.
fn kinds(audit: &[AuditCount], verdict: Verdict) -> String {
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for count in audit.iter().filter(|count| count.verdict == verdict) {
        *kinds.entry(count.kind.to_string()).or_default() += count.count;
    }
    let kinds: Vec<String> =
        kinds.iter().map(|(kind, count)| words::plural(*count, kind)).collect();
    kinds.join(", ")
}
