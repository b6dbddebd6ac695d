//! Finds e-mail addresses in a form that programs do not read as addresses: with spaces around the
//! at sign, or with `[at]` instead of it.

use super::patterns::{Kind, Match, Strength, domain_end, is_letter, local_part_start};

/// How many spaces may be on either side of the sign.
const BLANKS: usize = 2;

/// Top-level domains that count after a sign with spaces, besides those of countries. Without this
/// list, sentences with an at sign and a full stop would match.
const KNOWN_ENDS: [&[u8]; 21] = [
    b"com", b"org", b"net", b"gov", b"edu", b"info", b"biz", b"mil", b"int", b"nhs", b"police",
    b"london", b"wales", b"cymru", b"scot", b"email", b"mail", b"online", b"example", b"test",
    b"invalid",
];

/// Every such address in `text`, from left to right. Plain addresses are left to `find_emails`.
pub(super) fn find_loose_emails(text: &[u8], mut found: impl FnMut(Match)) {
    let mut free_from = 0;
    for at in memchr::memchr3_iter(b'@', b'[', b'(', text) {
        if at < free_from {
            continue;
        }
        let hit = match text.get(at) {
            Some(b'@') => around_blanks(text, free_from, at),
            _ => around_bracket(text, free_from, at),
        };
        if let Some(hit) = hit {
            free_from = hit.range.end;
            found(hit);
        }
    }
}

/// Only addresses with spaces around the sign: at signs are rare and brackets are not.
pub(super) fn find_blank_emails(text: &[u8], mut found: impl FnMut(Match)) {
    let mut free_from = 0;
    for at in memchr::memchr_iter(b'@', text) {
        if at >= free_from
            && let Some(hit) = around_blanks(text, free_from, at)
        {
            free_from = hit.range.end;
            found(hit);
        }
    }
}

fn around_blanks(text: &[u8], free_from: usize, at: usize) -> Option<Match> {
    let (before, after) = (blanks_start(text, at), blanks_end(text, at + 1));
    if before == at && after == at + 1 {
        return None;
    }
    let start = local_part_start(text, free_from, before);
    let end = domain_end(text, after);
    let domain = text.get(after..end)?;
    let top = domain.rsplit(|byte| *byte == b'.').next()?;
    let known = top.len() == 2 || KNOWN_ENDS.iter().any(|one| top.eq_ignore_ascii_case(one));
    let fits = start < before && known && domain.contains(&b'.');
    fits.then_some(Match { kind: Kind::Email, strength: Strength::Weak, range: start..end })
}

fn around_bracket(text: &[u8], free_from: usize, open: usize) -> Option<Match> {
    let after = bracketed(text, open, b"at")?;
    let before = blanks_start(text, open);
    let start = local_part_start(text, free_from, before);
    let end = spelled_domain_end(text, blanks_end(text, after))?;
    (start < before).then_some(Match {
        kind: Kind::Email,
        strength: Strength::Strong,
        range: start..end,
    })
}

/// The end of `[word]` or `(word)`.
fn bracketed(text: &[u8], open: usize, word: &[u8]) -> Option<usize> {
    let close = match text.get(open)? {
        b'[' => b']',
        b'(' => b')',
        _ => return None,
    };
    let inside = blanks_end(text, open + 1);
    let end = inside + word.len();
    let close_at = blanks_end(text, end);
    let fits =
        text.get(inside..end)?.eq_ignore_ascii_case(word) && text.get(close_at) == Some(&close);
    fits.then_some(close_at + 1)
}

/// The end of a domain name whose dots may be spelled out: `example [dot] org`.
fn spelled_domain_end(text: &[u8], start: usize) -> Option<usize> {
    let (mut position, mut end) = (start, None);
    loop {
        let label = position;
        while text
            .get(position)
            .is_some_and(|byte| is_letter(*byte) || byte.is_ascii_digit() || *byte == b'-')
        {
            position += 1;
        }
        let letters = text.get(label..position)?.iter().take_while(|byte| is_letter(**byte));
        let letters = letters.count();
        if label > start && letters >= 2 {
            end = Some(label + letters);
        }
        if position == label {
            return end;
        }
        position = match text.get(position) {
            Some(b'.') => position + 1,
            _ => match bracketed(text, blanks_end(text, position), b"dot") {
                Some(after) => blanks_end(text, after),
                None => return end,
            },
        };
    }
}

fn blanks_end(text: &[u8], position: usize) -> usize {
    let mut position = position;
    for _ in 0..BLANKS {
        match text.get(position..) {
            Some([b' ', ..]) => position += 1,
            Some([0xC2, 0xA0, ..]) => position += 2,
            _ => break,
        }
    }
    position
}

fn blanks_start(text: &[u8], end: usize) -> usize {
    let mut start = end;
    for _ in 0..BLANKS {
        match text.get(..start) {
            Some([.., b' ']) => start -= 1,
            Some([.., 0xC2, 0xA0]) => start -= 2,
            _ => break,
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&str, Strength)> {
        let mut hits = Vec::new();
        find_loose_emails(text.as_bytes(), |hit| hits.push((&text[hit.range], hit.strength)));
        hits
    }

    #[test]
    fn everyday_writings_are_found() {
        for text in ["jo @ example.org", "jo@ example.org", "jo @example.co.uk", "jo\u{a0}@ x.com"]
        {
            assert_eq!(found(&format!("write to {text}, please")), [(text, Strength::Weak)]);
        }
        for text in [
            "jo[at]example.org",
            "jo (at) example.org",
            "jo.b [AT] example [dot] co [dot] uk",
            "jo(at)example(dot)org",
            "jo [ at ] example.canary",
        ] {
            assert_eq!(found(&format!("write to {text}, please")), [(text, Strength::Strong)]);
        }
    }

    #[test]
    fn harmless_text_has_no_address() {
        for text in [
            "jo@example.org",
            "meet us @ cafe.nero at 5",
            "5 kg @ 2.50 each",
            "[at](https://example.org)",
            "look (at) this. Then go",
            "a @media print",
            "logo @ 2x.png",
            "@ example.org",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
