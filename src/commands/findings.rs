//! What an audit saw, in words and for programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::scrub::{AuditCount, UnreadValues, Verdict};
use crate::words;

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Content => "content",
        Verdict::Allowed => "allowed",
        Verdict::Finding => "finding",
    }
}

pub fn unread_json(values: &UnreadValues) -> Value {
    json!({
        "table": values.table.short(),
        "column": values.column,
        "count": values.count,
        "verdict": verdict(values.verdict),
    })
}

pub fn json(count: &AuditCount) -> Value {
    json!({
        "table": count.table.short(),
        "column": count.column,
        "kind": count.kind.to_string(),
        "count": count.count,
        "verdict": verdict(count.verdict),
    })
}

/// The lines about an audit that found nothing wrong.
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
