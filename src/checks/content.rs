//! Finds URLs of protected environments in a page of another environment.

use std::collections::{BTreeMap, BTreeSet};

/// Counts the URLs of each of these hosts in a page: with `//`, with JSON's escaped slashes, or
/// percent-encoded. A host name without slashes, as in an e-mail address, does not count.
pub fn urls_of(body: &[u8], hosts: &BTreeSet<String>) -> BTreeMap<String, usize> {
    let text = body.to_ascii_lowercase();
    let counts = hosts.iter().map(|host| (host.clone(), count(&text, host.as_bytes())));
    counts.filter(|(_, count)| *count > 0).collect()
}

fn count(text: &[u8], host: &[u8]) -> usize {
    let begins_a_url = |before: &[u8]| {
        [&b"//"[..], br"\/\/", b"%2f%2f"].iter().any(|slashes| before.ends_with(slashes))
    };
    memchr::memmem::find_iter(text, host)
        .filter(|at| {
            text.get(..*at).is_some_and(begins_a_url)
                && text.get(at + host.len()..).is_some_and(ends_the_host)
        })
        .count()
}

/// Whether the host ends here. A dot may be the end of a sentence.
fn ends_the_host(after: &[u8]) -> bool {
    let continues = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_';
    match after {
        [b'.', next, ..] => !continues(next),
        [first, ..] => !continues(first),
        [] => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_count_and_host_names_do_not() {
        let hosts = BTreeSet::from(["www.live.example".to_owned()]);
        let count = |body: &str| urls_of(body.as_bytes(), &hosts).into_values().sum::<usize>();
        for url in [
            "<a href='https://www.live.example/news'>",
            "//WWW.Live.Example",
            r#"{"url": "https:\/\/www.live.example\/"}"#,
            "?next=https%3A%2F%2Fwww.live.example%2F",
            "See https://www.live.example.",
            "http://www.live.example:8000/",
        ] {
            assert_eq!(count(url), 1, "{url}");
        }
        for other in [
            "mail web@www.live.example",
            "www.live.example",
            "https://www.live.example.staging.example/",
            "https://www.live.examples/",
            "https://not-www.live.example/",
            "https://web.archive.example/www.live.example",
        ] {
            assert_eq!(count(other), 0, "{other}");
        }
    }
}
