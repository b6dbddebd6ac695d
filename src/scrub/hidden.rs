//! Redacts what a value hides: `jo%40example.org`, an address in base64, JSON inside JSON.
//!
//! A plain redaction replaces matches in the text as written, but the audit decodes more. What
//! cannot be cut out is replaced as a whole: the string that holds it in JSON, or else the value.
//! Afterwards the audit finds nothing of these kinds.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::de::IgnoredAny;

use super::copy_text::{escape_into, unescape};
use super::encoded::{Effort, Form, look_into};
use super::patterns::Kind;
use super::tally::AllowList;

/// How many levels of JSON inside JSON are read. Deeper documents are replaced as a whole.
const DEEPEST: usize = 4;

/// Replaces what hides one of the kinds, in the value that `out` holds from `start` on in COPY's
/// form.
pub(super) fn redact(kinds: &BTreeSet<Kind>, start: usize, out: &mut Vec<u8>) {
    let field = out.get(start..).unwrap_or_default();
    let Some(kind) = hidden_kind(field, kinds) else { return };
    let value = unescape(field);
    let result = match in_document(&value, kinds, 0) {
        Some(document) if hidden_kind(&escaped(&document), kinds).is_none() => document,
        // A match across strings replaces the document by a single string.
        Some(_) => format!("\"{}\"", kind.replacement()).into_bytes(),
        None => kind.replacement().into(),
    };
    out.truncate(start);
    escape_into(&result, out);
}

/// The first of the kinds that is found in a decoded field.
fn hidden_kind(field: &[u8], kinds: &BTreeSet<Kind>) -> Option<Kind> {
    // A redaction ignores what the audit allows.
    let allow = AllowList::default();
    let mut tally = allow.tally(field);
    tally.add(look_into(field, Form::Any, Effort::Everything, &allow).tally);
    tally
        .by_kind()
        .find(|(kind, [count, _])| *count > 0 && kinds.contains(kind))
        .map(|(kind, _)| kind)
}

/// The document with its strings redacted. `None` if the text is not JSON.
fn in_document(text: &[u8], kinds: &BTreeSet<Kind>, depth: usize) -> Option<Vec<u8>> {
    serde_json::from_slice::<IgnoredAny>(text).ok()?;
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = memchr::memchr(b'"', rest) {
        let end = open + string_length(rest.get(open..)?)?;
        result.extend_from_slice(rest.get(..open)?);
        result.extend_from_slice(&in_string(rest.get(open..end)?, kinds, depth));
        rest = rest.get(end..)?;
    }
    result.extend_from_slice(rest);
    Some(result)
}

/// The length of the string at the start of the text, with both quotes.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut position = 1;
    loop {
        position += memchr::memchr2(b'"', b'\\', text.get(position..)?)?;
        if text.get(position) == Some(&b'"') {
            return Some(position + 1);
        }
        position += 2;
    }
}

/// A string literal of a document, unchanged or with its hidden content replaced.
fn in_string<'a>(literal: &'a [u8], kinds: &BTreeSet<Kind>, depth: usize) -> Cow<'a, [u8]> {
    let Ok(text) = serde_json::from_slice::<String>(literal) else {
        return Cow::Borrowed(literal);
    };
    let Some(kind) = hidden_kind(&escaped(text.as_bytes()), kinds) else {
        return Cow::Borrowed(literal);
    };
    let inner = (depth < DEEPEST && text.starts_with(['{', '[']))
        .then(|| in_document(text.as_bytes(), kinds, depth + 1))
        .flatten()
        .filter(|inner| hidden_kind(&escaped(inner), kinds).is_none())
        .map(|inner| String::from_utf8_lossy(&inner).into_owned());
    let new = inner.unwrap_or_else(|| kind.replacement().to_owned());
    Cow::Owned(serde_json::Value::from(new).to_string().into_bytes())
}

fn escaped(text: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    escape_into(text, &mut result);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(value: &str) -> String {
        let kinds = BTreeSet::from([Kind::Email, Kind::Phone]);
        let mut out = escaped(value.as_bytes());
        redact(&kinds, 0, &mut out);
        String::from_utf8(unescape(&out).into_owned()).unwrap()
    }

    #[test]
    fn a_value_that_hides_a_match_is_replaced_as_a_whole() {
        for value in
            ["mail jo%40example.org", "am9AZXhhbXBsZS5vcmcsIGNhbGw", r"jo\u0040example.org"]
        {
            assert_eq!(redacted(value), "[email removed]");
        }
        for value in ["50% of 12", r#"{"a": "council-tax-and-benefits"}"#, "HP19%208FF", ""] {
            assert_eq!(redacted(value), value);
        }
    }

    #[test]
    fn in_a_document_only_the_string_is_replaced() {
        let text = r#"{"a": "say \"no\"", "b": ["jo%40example.org", 1]}"#;
        assert_eq!(redacted(text), r#"{"a": "say \"no\"", "b": ["[email removed]", 1]}"#);
        let inner = serde_json::json!([{"by": "jo@example.org", "n": 1}]).to_string();
        let inner = inner.replace('@', r"\u0040");
        let document = serde_json::json!({ "body": inner, "title": "x" }).to_string();
        let result: serde_json::Value = serde_json::from_str(&redacted(&document)).unwrap();
        assert_eq!(result["title"], "x");
        assert_eq!(result["body"], r#"[{"by":"[email removed]","n":1}]"#);
    }

    proptest::proptest! {
        #![proptest_config(crate::property_test::config(256))]

        #[test]
        fn nothing_remains_and_documents_stay_documents(
            text in "[a-z]{1,3}(%40|\\\\u0040|@|%20|\")[a-z]{1,4}(\\.org|\"|\\\\)?"
        ) {
            let kinds = BTreeSet::from([Kind::Email]);
            let document = serde_json::json!({ "a": [text, 1] }).to_string();
            let result = redacted(&document);
            proptest::prop_assert!(hidden_kind(&escaped(result.as_bytes()), &kinds).is_none());
            proptest::prop_assert!(serde_json::from_str::<serde_json::Value>(&result).is_ok());
            proptest::prop_assert_eq!(redacted(&result), result);
        }
    }
}
