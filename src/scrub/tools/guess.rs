//! Guesses what a column holds, from its name, its type and a sample of its values.
//!
//! A guess is a draft that a person confirms, so it prefers personal data. A column of unknown
//! meaning becomes operational only if values were seen and none shows a sign of personal data.

use super::super::column_type::ColumnType;
use super::super::encoded::Form;
use super::super::patterns::Kind;
use super::super::personal_words::is_about_people;
use super::super::rules::Class;
use super::super::suspicious_names::{self, has_part, meaning};
use super::sample::ColumnSample;
use crate::schema::{Column, Table, TableName};

/// A class and the reason for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    pub class: Class,
    pub reason: String,
}

/// Parts of names that mean personal data, and their meaning. A part with an equals sign must be
/// the whole name, because it also occurs in harmless names.
const PERSONAL: [(&str, &[&str]); 13] = [
    ("an e-mail address", &["email", "mail", "recipient", "sender", "to_address", "from_address"]),
    ("a telephone number", &["phone", "telephone", "tel", "mobile", "fax"]),
    (
        "a secret",
        &["password", "passwd", "secret", "token", "otp", "api_key", "private_key", "session"],
    ),
    ("a network address", &["ip", "ip_address", "remote_addr", "user_agent"]),
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
            "nick",
            "alias",
            "handle",
            "login",
            "screen_name",
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
        "what a person wrote",
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
    ("what a person searched for", &["query", "=search", "keywords"]),
    ("what a person sent", &["form_data", "submission", "payload", "request", "response", "=data"]),
];

/// Parts of names of published columns.
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

/// Parts of names of columns with a program's own codes.
const CODES: [&str; 31] = [
    "slug",
    "codename",
    "model",
    "app_label",
    "path",
    "url",
    "locale",
    "language",
    "lang",
    "mime",
    "content_type",
    "status",
    "type",
    "kind",
    "state",
    "format",
    "template",
    "version",
    "object_id",
    "task",
    "queue",
    "timezone",
    "currency",
    "colour",
    "color",
    "icon",
    "class",
    "module",
    "app",
    "method",
    "encoding",
];

/// Names of columns that hold a secret whatever their values look like. These words are harmless
/// inside other names, so each must be the whole name or its end.
const SECRETS: [&str; 9] =
    ["key", "digest", "salt", "seed", "nonce", "verifier", "hmac", "private", "hash"];

/// Words that mean the checksum of a file instead of a secret.
const OF_FILES: [&str; 7] =
    ["file", "content", "storage", "checksum", "etag", "name", "translation"];

/// Words in the names of tables that hold secrets, besides the words that suggest a secret
/// anywhere.
const TABLES_OF_SECRETS: [&str; 21] = [
    "otp",
    "totp",
    "hotp",
    "twofactor",
    "two_factor",
    "mfa",
    "webauthn",
    "u2f",
    "session",
    "sessions",
    "nonce",
    "apikey",
    "apikeys",
    "api_key",
    "api_keys",
    "authenticator",
    "recovery",
    "invitation",
    "emailconfirmation",
    "grant",
    "grants",
];

/// Fewer values prove nothing.
const ENOUGH_VALUES: u64 = 20;

/// The meaning of a name, if it suggests personal data.
pub fn by_name(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let found = PERSONAL.iter().find(|(_, parts)| parts.iter().any(|part| has_part(&name, part)));
    found.map(|(meaning, _)| *meaning).or_else(|| meaning(&name))
}

pub fn guess(name: &TableName, table: &Table, column: &Column, sample: &ColumnSample) -> Guess {
    let personal = |reason: String| Guess { class: Class::Personal, reason };
    let hit =
        sample.hits.iter().filter(|(_, values)| **values > 0).max_by_key(|(_, values)| **values);
    if let Some((kind, hits)) = hit {
        return personal(format!("{hits} of {} values hold {}", sample.values, article(*kind)));
    }
    if sample.unread > 0 {
        let (unread, values) = (sample.unread, sample.values);
        return personal(format!("{unread} of {values} values cannot be decoded"));
    }
    if let Some(reason) = personal_form(table, column) {
        return personal(reason.into());
    }
    let lower = column.name.to_lowercase();
    if let Some(meaning) = by_name(&lower) {
        return personal(format!("by its name, {meaning}"));
    }
    if let Some(reason) =
        suspicious_names::why_suspicious(table, column).filter(|_| column.is_plain_value())
    {
        return personal(format!("by its name or its comment, {reason}"));
    }
    if !column.can_hold_text() {
        return number(table, column);
    }
    let is_link = table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
    if !is_link && is_secret(&lower) {
        return personal("by its name, a secret".into());
    }
    if let Some(meaning) = by_table(name) {
        return personal(format!("by the name of its table, {meaning}"));
    }
    text(column, &lower, sample)
}

/// Judges text without a telling name by its values.
fn text(column: &Column, name: &str, sample: &ColumnSample) -> Guess {
    let personal = |reason: String| Guess { class: Class::Personal, reason };
    let (values, shapes) = (sample.values, &sample.shapes);
    if values < ENOUGH_VALUES {
        return personal(match values {
            0 => "to decide: no value was seen".into(),
            1 => "to decide: only 1 value was seen".into(),
            _ => format!("to decide: only {values} values were seen"),
        });
    }
    let is_code = CODES.iter().any(|part| has_part(name, part));
    if shapes.are_keys() && !is_code {
        return personal("most values look like keys or tokens".into());
    }
    if shapes.are_names() {
        return personal("most values look like names of people".into());
    }
    let seen = format!("no sign of personal data in {values} values: confirm");
    if CONTENT.iter().any(|part| has_part(name, part)) {
        let reason = format!("by its name, text that is published; {seen}");
        return Guess { class: Class::Content, reason };
    }
    if is_unbounded(column) {
        return personal(format!(
            "text without a length limit, in which anyone may have written; {seen}"
        ));
    }
    if !shapes.are_of_a_choice() {
        if shapes.written() > 0 {
            let written = shapes.written();
            return personal(format!("{written} of {values} values are words that someone wrote"));
        }
        if shapes.words() > 0 && !is_code {
            return personal(format!("{} of {values} values can be names", shapes.words()));
        }
    }
    Guess { class: Class::Operational, reason: seen }
}

fn is_secret(column: &str) -> bool {
    let ends_with = |word: &str| column == word || column.ends_with(&format!("_{word}"));
    SECRETS.iter().any(|word| ends_with(word))
        && !OF_FILES.iter().any(|part| has_part(column, part))
}

/// What the name of a table says about every text in it.
fn by_table(table: &TableName) -> Option<&'static str> {
    let name = table.name.to_lowercase();
    let meaning = meaning(&name);
    if TABLES_OF_SECRETS.iter().any(|part| has_part(&name, part)) {
        return Some("a secret");
    }
    meaning.or_else(|| is_about_people(&name).then_some("something about a person"))
}

/// Judges a number or a date without a telling name, about which a sample shows nothing more.
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
        return operational("a time or a flag whose name suggests no person: confirm");
    }
    let base = column.type_name.split(['(', '[']).next().unwrap_or_default().trim_end();
    let counts = matches!(base, "smallint" | "integer" | "bigint" | "real" | "double precision")
        || matches!(base, "numeric" | "uuid");
    match counts && column.is_plain_value() {
        true => operational("a number whose name suggests no person: confirm"),
        false => Guess {
            class: Class::Personal,
            reason: "a date, a place or an amount, which can be a person's".into(),
        },
    }
}

fn is_unbounded(column: &Column) -> bool {
    let family = ColumnType::of(column);
    let text = family.is_plain_text()
        || matches!(family, ColumnType::Json | ColumnType::Jsonb | ColumnType::TextArray);
    text && column.max_length().is_none()
}

fn personal_form(table: &Table, column: &Column) -> Option<&'static str> {
    match Form::of(table, column) {
        Form::Session => return Some("sessions of users, with what they typed"),
        Form::Cache => return Some("cached values, which can hold anything"),
        Form::SearchVector => return Some("a search index holds the words of what it indexes"),
        Form::Any => {}
    }
    match column.type_name.trim_end_matches("[]") {
        "inet" | "cidr" => Some("a network address, by its type"),
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
