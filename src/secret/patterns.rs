//! Recognizes texts that look like a secret, even if it is unknown.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::PLACEHOLDER;

/// Everything that follows `kept` in a match is a secret.
static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // A password in a URL. It may hold slashes and at signs, so the last at sign counts.
        r#"(?P<kept>[A-Za-z][A-Za-z0-9+.-]*://[^\s/@:"'?#]*:)[^\s"'<>]*@"#,
        // The secret parts of a signed URL, and tokens in queries.
        r#"(?i)(?P<kept>[?&](?:X-Amz-(?:Signature|Credential|Security-Token)|AWSAccessKeyId|Signature|sig|auth|authorization|[\w.%-]*(?:token|secret|passw|passphrase|api_?key|access_?key|private_?key|credential)[\w.%-]*)=)[^&\s"'<>]+"#,
        r"(?i)(?P<kept>\b(?:bearer|basic) )[A-Za-z0-9+/=._~-]{12,}",
        r"(?P<kept>\bhooks\.slack\.com/services/)[A-Za-z0-9/_-]+",
        r"(?P<kept>)\bHRKU-[A-Za-z0-9_-]{8,}",
        r"(?P<kept>)\bgl(?:pat|ptt|cbt|dt)-[A-Za-z0-9_.-]{8,}",
        r"(?P<kept>)\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"(?P<kept>)\bpbkdf2_sha256\$[^\s]+",
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

pub fn without_matches(mut text: String) -> String {
    for pattern in PATTERNS.iter() {
        let replaced = pattern.replace_all(&text, |found: &Captures<'_>| {
            let kept = found.name("kept").map_or("", |kept| kept.as_str());
            let ends_in_host = found.get(0).is_some_and(|all| all.as_str().ends_with('@'));
            format!("{kept}{PLACEHOLDER}{}", if ends_in_host { "@" } else { "" })
        });
        text = replaced.into_owned();
    }
    text
}
