//! What a column is likely to hold, from its name, its type and what a sample of it shows.
//!
//! A guess is a draft for a person to confirm, so it errs to the side of personal data: only a
//! sample without any sign of it makes a column of unknown meaning operational.

use std::collections::BTreeMap;

use super::super::encoded::Form;
use super::super::families::Family;
use super::super::patterns::Kind;
use super::super::rules::Class;
use super::super::telling::{self, has_part, meaning};
use crate::schema::{Column, Table};

/// A class with the reason for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    pub class: Class,
    pub reason: String,
}

/// Parts of names that mean personal data, and what they mean. What begins with an equals sign has
/// to be the whole name, as it is a part of harmless ones.
const PERSONAL: [(&str, &[&str]); 13] = [
    ("an e-mail address", &["email", "mail", "recipient", "sender", "to_address", "from_address"]),
    ("a telephone number", &["phone", "telephone", "tel", "mobile", "fax"]),
    (
        "a secret",
        &["password", "passwd", "secret", "token", "otp", "api_key", "private_key", "session"],
    ),
    ("an address of the network", &["ip", "ip_address", "remote_addr", "user_agent"]),
    (
        "the name of a person",
        &[
            "first_name",
            "last_name",
            "full_name",
            "middle_name",
            "surname",
            "forename",
            "username",
            "user_name",
            "nickname",
            "contact",
            "author",
            "creator",
            "editor",
            "owner",
            "submitter",
        ],
    ),
    ("a date of birth", &["dob", "birth", "birthday", "age"]),
    ("a National Insurance number", &["nino", "ni_number", "national_insurance"]),
    ("a postal address", &["postcode", "post_code", "zip", "address", "street", "town", "uprn"]),
    ("a trait of a person", &["gender", "sex", "ethnicity", "religion", "disability", "signature"]),
    ("a picture of a person or their name", &["avatar", "photo", "portrait"]),
    (
        "what somebody wrote",
        &[
            "comment",
            "comments",
            "message",
            "note",
            "notes",
            "feedback",
            "reply",
            "question",
            "answer",
            "answers",
            "complaint",
            "issue",
            "reason",
            "review",
            "remarks",
        ],
    ),
    ("what somebody searched for", &["query", "=search", "keywords"]),
    ("what somebody sent", &["form_data", "submission", "payload", "request", "response", "=data"]),
];

/// Parts of names under which a site publishes.
const CONTENT: [&str; 14] = [
    "title",
    "heading",
    "body",
    "content",
    "introduction",
    "intro",
    "summary",
    "description",
    "caption",
    "alt_text",
    "html",
    "text",
    "standfirst",
    "subtitle",
];

/// So few rows show nothing.
const ENOUGH_ROWS: u64 = 20;

/// What the sample of a column showed.
#[derive(Debug, Clone, Default)]
pub struct Sampled {
    pub rows: u64,
    /// In how many of the rows each kind was found.
    pub hits: BTreeMap<Kind, u64>,
}

/// What a name means, if it suggests personal data.
pub fn by_name(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let found = PERSONAL.iter().find(|(_, parts)| parts.iter().any(|part| has_part(&name, part)));
    found.map(|(meaning, _)| *meaning).or_else(|| meaning(&name))
}

pub fn guess(table: &Table, column: &Column, sampled: &Sampled) -> Guess {
    let personal = |reason: String| Guess { class: Class::Personal, reason };
    let hit = sampled.hits.iter().filter(|(_, rows)| **rows > 0).max_by_key(|(_, rows)| **rows);
    if let Some((kind, hits)) = hit {
        return personal(format!(
            "{hits} of {} sampled rows hold {}",
            sampled.rows,
            article(*kind)
        ));
    }
    if let Some(reason) = personal_form(table, column) {
        return personal(reason.into());
    }
    let name = column.name.to_lowercase();
    if let Some(meaning) = by_name(&name) {
        return personal(format!("by its name, {meaning}"));
    }
    if let Some(reason) = telling::why_telling(table, column).filter(|_| column.is_plain_value()) {
        return personal(format!("by its name or its comment, {reason}"));
    }
    if !column.can_hold_text() {
        return number(table, column);
    }
    if sampled.rows < ENOUGH_ROWS {
        return personal(format!(
            "too little is known of what it holds: {} sampled rows",
            sampled.rows
        ));
    }
    let seen = format!("no sign of personal data in {} sampled rows: confirm", sampled.rows);
    match CONTENT.iter().any(|part| has_part(&name, part)) {
        true => Guess {
            class: Class::Content,
            reason: format!("by its name, text that is published; {seen}"),
        },
        false if is_unbounded(column) => {
            personal(format!("text without a limit, in which anybody may have written; {seen}"))
        }
        false => Guess { class: Class::Operational, reason: seen },
    }
}

/// A number or a date without a telling name, of which no sample could show more.
fn number(table: &Table, column: &Column) -> Guess {
    let operational = |reason: &str| Guess { class: Class::Operational, reason: reason.into() };
    let mut primary = table.unique_keys.iter().filter(|key| key.primary);
    if primary.any(|key| key.columns.contains(&column.name)) {
        return operational("the table's key");
    }
    if let Some(key) = table.foreign_keys.iter().find(|key| key.columns.contains(&column.name)) {
        return operational(&format!("points to {}", key.references.short()));
    }
    if column.type_name == "boolean" || column.type_name.starts_with("timestamp") {
        return operational("a moment or a flag without a telling name: confirm");
    }
    let base = column.type_name.split(['(', '[']).next().unwrap_or_default().trim_end();
    let counts = matches!(base, "smallint" | "integer" | "bigint" | "real" | "double precision")
        || matches!(base, "numeric" | "uuid");
    match counts && column.is_plain_value() {
        true => operational("a number without a telling name: confirm"),
        false => Guess {
            class: Class::Personal,
            reason: "a date, a place or an amount, which can be a person's".into(),
        },
    }
}

fn is_unbounded(column: &Column) -> bool {
    let family = Family::of(column);
    let text = family.is_plain_text()
        || matches!(family, Family::Json | Family::Jsonb | Family::TextArray);
    text && column.max_length().is_none()
}

fn personal_form(table: &Table, column: &Column) -> Option<&'static str> {
    match Form::of(table, column) {
        Form::Session => return Some("sessions of users, with what they have typed"),
        Form::Cache => return Some("cached values, which can be anything"),
        Form::SearchVector => return Some("a search index holds the words of what it indexes"),
        Form::Any => {}
    }
    match column.type_name.trim_end_matches("[]") {
        "inet" | "cidr" => Some("an address of the network, by its type"),
        "bytea" => Some("bytes, which can hold anything"),
        _ => None,
    }
}

fn article(kind: Kind) -> String {
    match kind {
        Kind::Email => format!("an {kind}"),
        Kind::Phone | Kind::Nino | Kind::Postcode => format!("a {kind}"),
    }
}
