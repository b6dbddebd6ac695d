//! What git and a server print, made fit for a message: one line of bounded length without
//! control characters, without known secrets, and without the user part of any URL.

use crate::secret::Secret;

const LONGEST_LINE: usize = 500;

/// Cleans one line.
pub fn clean(line: &str, secrets: &[Secret]) -> String {
    let mut text = without_control(line);
    for secret in secrets.iter().map(Secret::expose).filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "[secret]");
    }
    without_user_parts(&text).trim_end().chars().take(LONGEST_LINE).collect()
}

/// Drops control characters and the colour sequences that begin with one of them.
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

/// `https://user:password@host/path` becomes `https://host/path`: a CI clone's URL holds a token.
pub fn without_user_parts(text: &str) -> String {
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

    #[test]
    fn lines_lose_their_secrets_and_colours() {
        let secrets = [Secret::new("HRKU-1"), Secret::new("")];
        let line = "\u{1b}[1;31mfatal\u{1b}[0m: 'https://ci:tok@en@git.test/a.git' HRKU-1\u{7}";
        assert_eq!(clean(line, &secrets), "fatal: 'https://git.test/a.git' [secret]");
        assert_eq!(clean("ssh://git@h.test and http://h", &[]), "ssh://h.test and http://h");
        assert_eq!(clean("a\tb", &[]), "a b");
        assert!(clean(&"x".repeat(9000), &[]).len() <= LONGEST_LINE);
    }
}
