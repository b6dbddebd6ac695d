//! Lists the forms in which a secret can appear in a text, and skips values that are too ordinary
//! to search for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use url::{Url, form_urlencoded};

/// The shortest value to search for. Shorter words appear by chance, and removing them would
/// destroy every text.
const SHORTEST: usize = 6;
/// No word and no number of this length appears in a text by chance.
const LONGER_THAN_WORDS: usize = 16;

/// Every form of a value that is completely secret.
pub fn of_secret(value: &str) -> Vec<String> {
    let value = value.trim();
    let mut forms = within_url(value);
    if !is_mere_place(value) {
        forms.extend(encodings(value));
    }
    forms
}

/// Whether the value is only an address. A site's address may be the value of a variable like
/// `TOKEN_URL`, and appears in every report.
fn is_mere_place(value: &str) -> bool {
    let url = Url::parse(value).ok().filter(|_| value.contains("://"));
    url.is_some_and(|url| url.path().trim_matches('/').is_empty() && url.query().is_none())
}

/// Every form of the secret parts of a URL. The host stays readable.
pub fn within_url(value: &str) -> Vec<String> {
    let value = value.trim();
    let Some(url) = Url::parse(value).ok().filter(|_| value.contains("://")) else {
        return Vec::new();
    };
    let mut secrets: Vec<String> = Vec::new();
    let user = decoded(url.username());
    if let Some(password) = url.password() {
        let pair = format!("{user}:{}", decoded(password));
        secrets.extend([password.to_owned(), decoded(password), STANDARD.encode(&pair), pair]);
        secrets.push(format!("{}:{password}", url.username()));
    } else if is_token(&user) {
        secrets.push(user);
    }
    let fragment = form_urlencoded::parse(url.fragment().unwrap_or_default().as_bytes());
    let given = url.query_pairs().chain(fragment);
    let given = given.filter(|(name, value)| names_a_secret(name) || is_token(value));
    secrets.extend(given.map(|(_, value)| value.into_owned()));
    secrets.iter().flat_map(|secret| encodings(secret)).collect()
}

/// The value itself, percent-encoded, and as Base64.
fn encodings(value: &str) -> Vec<String> {
    if !is_found_by_purpose(value) {
        return Vec::new();
    }
    let encoded = percent_encode(value.as_bytes(), UNRESERVED).to_string();
    let mut forms = vec![value.to_owned(), STANDARD.encode(value)];
    if encoded != value {
        forms.push(encoded);
    }
    forms
}

/// The characters that a URL does not need to encode.
const UNRESERVED: &percent_encoding::AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Whether the value is unlikely to appear in a text by chance. A password that is a plain word
/// would hide that word in every report, and refuse data that a step must keep.
fn is_found_by_purpose(value: &str) -> bool {
    let kinds: [fn(&char) -> bool; 4] =
        [|c| c.is_lowercase(), |c| c.is_uppercase(), |c| c.is_numeric(), |c| !c.is_alphanumeric()];
    let mixed = kinds.iter().filter(|kind| value.chars().any(|c| kind(&c))).count() > 1;
    value.len() >= LONGER_THAN_WORDS || (value.len() >= SHORTEST && mixed)
}

/// Whether a user name or a value of a query can only be a token.
fn is_token(text: &str) -> bool {
    text.len() >= LONGER_THAN_WORDS && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether a variable of this name holds a complete secret.
pub fn names_a_secret(name: &str) -> bool {
    const MARKS: [&str; 8] =
        ["SECRET", "TOKEN", "PASSW", "PASSPHRASE", "CREDENTIAL", "DSN", "SALT", "WEBHOOK"];
    let name = name.to_uppercase();
    MARKS.iter().any(|mark| name.contains(mark)) || name.ends_with("KEY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_is_found_encoded_and_decoded() {
        let forms = within_url("https://oauth2:pass%21word@h/x.git?private_token=abc%2Bdef");
        for form in ["pass%21word", "pass!word", "abc%2Bdef", "abc+def"] {
            assert!(forms.iter().any(|one| one == form), "{form}");
        }
        assert!(within_url("postgres://h/d?sslmode=verify-full").is_empty());
        assert!(within_url("git@h:x/y.git").is_empty());
    }
}
