//! Cleans lines of git and of servers for messages: bounded length, no control characters, no known
//! secrets, no user part in URLs, and no values in queries.

use crate::secret::redacted;

const LONGEST_LINE: usize = 500;

/// Cleans one line.
pub fn clean(line: &str) -> String {
    let text = redacted(&without_control(line));
    without_queries(&without_users(&text)).trim_end().chars().take(LONGEST_LINE).collect()
}

/// Removes control characters and colour sequences.
fn without_control(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' && characters.peek() == Some(&'[') {
            characters.next();
            // A sequence ends with its first letter.
            for part in characters.by_ref() {
                if part.is_ascii_alphabetic() {
                    break;
                }
            }
        } else if character == '\t' {
            kept.push(' ');
        } else if !character.is_control() {
            kept.push(character);
        }
    }
    kept
}

/// The URL of a remote without user part and query: `https://user:password@host/path?token=x`
/// becomes `https://host/path`. The URL of a CI clone holds a token in one of these parts.
pub fn without_user_parts(url: &str) -> String {
    let url = without_users(url);
    let Some((scheme, rest)) = url.split_once("://") else { return url };
    let plain = rest.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{plain}")
}

/// A query that is kept, because it is a useful link to a merge request: `merge_request[…]=…`.
const KEPT_IN_QUERIES: &str = "merge_request";

/// Hides the values of all queries in URLs.
fn without_queries(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>');
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let (url, tail) = after.split_at(after.find(is_end).unwrap_or(after.len()));
        kept.push_str(before);
        kept.push_str("://");
        match url.find(['?', '#']).map(|at| url.split_at(at)) {
            None => kept.push_str(url),
            Some((path, query)) => kept.push_str(&format!("{path}{}", hidden(query))),
        }
        rest = tail;
    }
    kept.push_str(rest);
    kept
}

/// A query or a fragment, with its mark and its names, but without values.
fn hidden(query: &str) -> String {
    let (mark, rest) = query.split_at(query.len().min(1));
    let parts = rest.split('&').map(|part| match part.split_once('=') {
        _ if part.is_empty() || part.starts_with(KEPT_IN_QUERIES) => part.to_owned(),
        Some((name, _)) => format!("{name}=[secret]"),
        None => "[secret]".to_owned(),
    });
    format!("{mark}{}", parts.collect::<Vec<_>>().join("&"))
}

fn without_users(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        kept.push_str(before);
        kept.push_str("://");
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '\'' | '"' | '<' | '>'))
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        kept.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        rest = tail;
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn queries_lose_their_values() {
        let url = "fatal: unable to access 'https://h.test/a.git?private_token=hu&x=sh/': 403";
        let clean_url =
            "fatal: unable to access 'https://h.test/a.git?private_token=[secret]&x=[secret]': 403";
        assert_eq!(clean(url), clean_url);
        assert_eq!(
            clean("http://h/?hush http://i/#tok=hush"),
            "http://h/?[secret] http://i/#tok=[secret]"
        );
        let merge = "https://h/-/merge_requests/new?merge_request%5Bsource_branch%5D=x";
        assert_eq!(clean(merge), merge);
        assert_eq!(without_user_parts("https://a:b@h/x.git?token=c#d"), "https://h/x.git");
        assert_eq!(without_user_parts("git@h:x/y.git"), "git@h:x/y.git");
        assert_eq!(without_user_parts("/srv/a?b"), "/srv/a?b");
    }

    #[test]
    fn lines_lose_their_secrets_and_colours() {
        Secret::new("HRKU-1");
        let line = "\u{1b}[1;31mfatal\u{1b}[0m: 'https://ci:tok@en@git.test/a.git' HRKU-1\u{7}";
        assert_eq!(clean(line), "fatal: 'https://git.test/a.git' [secret]");
        assert_eq!(clean("ssh://git@h.test and http://h"), "ssh://h.test and http://h");
        assert_eq!(clean("a\tb"), "a b");
        assert!(clean(&"x".repeat(9000)).len() <= LONGEST_LINE);
    }
}
