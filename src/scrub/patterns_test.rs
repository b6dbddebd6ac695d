//! Tests the scanners against the definitions of the patterns, written as plain regular
//! expressions.

use proptest::prelude::*;
use regex::bytes::Regex;

use super::super::copy_text::escape_into;
use super::super::postcodes::AREAS;
use super::*;

fn found(text: &str) -> Vec<(Kind, &str)> {
    let all = find_all(text.as_bytes(), |_| true);
    all.into_iter().map(|hit| (hit.kind, &text[hit.range])).collect()
}

#[test]
fn usual_forms_are_found() {
    for (text, kind, value) in [
        (
            "mail Alan+Bcc.Jenkins449@Inbox.Example now",
            Kind::Email,
            "Alan+Bcc.Jenkins449@Inbox.Example",
        ),
        ("<a href=\"mailto:o'brien_x@a-b.co.uk\">", Kind::Email, "o'brien_x@a-b.co.uk"),
        ("josé@example.com.", Kind::Email, "josé@example.com"),
        ("'foo@bar.com':1", Kind::Email, "foo@bar.com"),
        ("ring 07700 900123 today", Kind::Phone, "07700 900123"),
        ("tel:+447700900123\"", Kind::Phone, "+447700900123"),
        ("+44 7700 900123", Kind::Phone, "+44 7700 900123"),
        ("+44 (0)20 7946 0569", Kind::Phone, "+44 (0)20 7946 0569"),
        ("00441632960122", Kind::Phone, "00441632960122"),
        ("(01632) 960227", Kind::Phone, "(01632) 960227"),
        ("020 7946 0123.", Kind::Phone, "020 7946 0123"),
        ("07700-900-460", Kind::Phone, "07700-900-460"),
        ("01697\u{a0}73456", Kind::Phone, "01697\u{a0}73456"),
        ("AB 21 82 04 C", Kind::Nino, "AB 21 82 04 C"),
        ("no. gt327951c was", Kind::Nino, "gt327951c"),
        ("QQ123456C", Kind::Nino, "QQ123456C"),
        ("at HP19 8FF,", Kind::Postcode, "HP19 8FF"),
        ("\"HP64XS\"", Kind::Postcode, "HP64XS"),
        ("sw1a 1aa", Kind::Postcode, "sw1a 1aa"),
        ("?postcode=HP19+8FF&", Kind::Postcode, "HP19+8FF"),
        ("E1 6AN", Kind::Postcode, "E1 6AN"),
        ("hp12 7th", Kind::Postcode, "hp12 7th"),
    ] {
        assert_eq!(found(text), [(kind, value)], "{text}");
    }
}

#[test]
fn escapes_are_not_parts_of_words() {
    for (text, value) in [
        (r"\nfoo@bar.com", "foo@bar.com"),
        (r"\\nfoo@bar.com\\n", "foo@bar.com"),
        (r"\u00a0foo@bar.com", "foo@bar.com"),
        (r"\n07700900123\n", "07700900123"),
        (r"\\u00a007700900123", "07700900123"),
        (r"%20HP19 8FF", "HP19 8FF"),
        (r"\tHP19 8FF\\", "HP19 8FF"),
        (r"\ne1 6an", "e1 6an"),
        (r"\rAB123456C", "AB123456C"),
    ] {
        let values: Vec<&str> = found(text).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, [value], "{text}");
    }
}

#[test]
fn harmless_lookalikes_are_not_found() {
    for text in [
        "00010001000D000X",
        "000100010003",
        "dQw4w9WgXcQ 0123456789_ 0a1b2c3d4e5",
        "7b295380-95fa-5117-92c0-23c46a06e9b7 01234567-0123-0456-0789-012345678901",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "2025-09-25 03:00:00+00 2025-01-11 08:01:10.123456+00",
        "0.12345678901 -0.8123456789 51.012345678901",
        "012345678901234567890",
        "1234567890 44",
        "logo@2x.png @media user@localhost a@b.c",
        "pbkdf2_sha256$600000$XWuRtckYzVQF0zHwgrGphd$ppy0Xr+0ukmYjAYzaZNUnsOSZPakJjIpKg45gP/BYL0=",
        "E1 2nd M1 1pm AB12 1 ABCDE12 3FG",
        "the 3rd of A4 paper",
        "DA123456A AB12345C ABC123456D",
        "/0123456789/ 1.0123456789 12-0123456789",
        "eH64xS",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

/// What can precede a word: nothing, any byte except a letter, digit, underscore or backslash, or
/// an escape. After a backslash, the word's first letter decides.
const WORD_START: &str = r"(?:^|[^\w\\]|\\[bfnrtv]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2})$";

fn bytes_regex(pattern: &str) -> Regex {
    Regex::new(&format!("(?s-u){}", pattern.replace(r"\w", "0-9A-Za-z_"))).unwrap()
}

struct Reference {
    word_start: Regex,
    local: Regex,
    domain: Regex,
    escape: Regex,
    /// The part of an escape after its backslash.
    tail: Regex,
    digits: Regex,
    phones: [Regex; 2],
    without_plus: Regex,
    bare: Regex,
    joined_before: Regex,
    goes_on: Regex,
    nino: Regex,
    gap_and_digit: Regex,
    postcode: Regex,
}

/// Spaces and dashes that are not ASCII.
const UNICODE: &str = r"\xC2[\xA0\xAD\xB7]|\xE2\x80[\x80-\x95\xAF]|\xE2\x81[\x83\x9F\xA0]|\xE2\x88\x92|\xE3\x80\x80|\xEF\xB9[\x98\xA3]|\xEF\xBC\x8D|\xEF\xBB\xBF";

impl Reference {
    fn new() -> Self {
        let separators = format!("(?:[ ./()-]|{UNICODE}){{0,4}}");
        let two = format!("(?:[ ./()-]|{UNICODE}){{0,3}}");
        let after = format!(r"44(?:{two}\(0\)|{separators}){separators}");
        let phone = |count: usize| {
            bytes_regex(&format!(
                r"^(?:(?:\+|00){after}[1-357-9](?:{separators}[0-9]){{{}}}|0(?:[()] ?)?[1-357-9][0-9](?:{separators}[0-9]){{{}}})",
                count - 2,
                count - 3
            ))
        };
        let gap = format!(
            r"(?:[ ./-]|{UNICODE}|\\+u(?:00(?:[aA][0dD]|[bB]7)|20(?:0[0-9a-fA-F]|1[0-5]|2[fF]))|&nbsp;)?"
        );
        Reference {
            word_start: bytes_regex(WORD_START),
            local: bytes_regex(r"[\w.%+'\x80-\xFF-]*$"),
            domain: bytes_regex(r"^(?:[0-9A-Za-z\x80-\xFF-]+\.)+([A-Za-z\x80-\xFF]{2,})"),
            escape: bytes_regex(r"(?:%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4})"),
            tail: bytes_regex(r"^(?:u[0-9A-Fa-f]{4}|[bfnrtvu])"),
            digits: bytes_regex("[0-9]+"),
            phones: [phone(11), phone(10)],
            without_plus: bytes_regex(&format!(
                r"^{after}([1-357-9])(?:{separators}([0-9]))(?:{separators}[0-9]){{8}}"
            )),
            bare: bytes_regex("^(?:7[1-57-9][0-9]{8}|20[3478][0-9]{7})$"),
            joined_before: bytes_regex(r"(?:[0-9]:|[-_/.#$%+@~*]|\xC2\xA3|\xE2\x82[\x80-\xBF])$"),
            goes_on: bytes_regex("^(?:[-_/:.,=@+][0-9A-Za-z]|%)"),
            nino: bytes_regex(&format!(
                "^([A-CEGHJ-TW-Za-ceghj-tw-z][A-CEGHJ-NP-TW-Za-ceghj-np-tw-z])({gap})\
                 ([0-9]{{2}})({gap})[0-9]{{2}}({gap})([0-9]{{2}})(?:{gap}([A-Da-d]))?"
            )),
            gap_and_digit: bytes_regex(&format!("^{gap}[0-9]")),
            postcode: bytes_regex(&format!(
                r"^([A-Za-z]{{1,2}})((?:[0-9][A-Za-z]|[1-9][0-9]|[0-9]))((?:[ -]|{UNICODE}|\\+[nrt]){{0,3}}?)( | {{2}}|\+|\xC2\xA0|%20)?([0-9][ABD-HJLNP-UW-Zabd-hjlnp-uw-z]{{2}})$"
            )),
        }
    }

    fn emails(&self, text: &[u8]) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        for at in (0..text.len()).filter(|index| text[*index] == b'@') {
            let free_from = matches.last().map_or(0, |hit| hit.range.end);
            if at < free_from {
                continue;
            }
            let local = self.local.find(&text[free_from..at]).unwrap();
            let mut start = free_from + local.start();
            if start > 0 && text[start - 1] == b'\\' {
                start += self.tail.find(&text[start..at]).map_or(0, |escape| escape.len());
            }
            while start < at && matches!(text[start], b'.' | b'_' | b'%' | b'+' | b'\'' | b'-') {
                start += 1;
            }
            let Some(domain) = self.domain.captures(&text[at + 1..]) else { continue };
            let top = domain[1].to_ascii_lowercase();
            let is_file = FILE_ENDINGS.contains(&top.as_slice());
            if start < at && !is_file {
                matches.push(Match {
                    kind: Kind::Email,
                    strength: Strength::Strong,
                    range: start..at + 1 + domain[0].len(),
                });
            }
        }
        matches
    }

    fn starts_word(&self, text: &[u8], position: usize) -> bool {
        // The letter of an escape is judged together with its backslash.
        if position > 0 && text[position - 1] == b'\\' {
            return !text.get(position).is_some_and(|byte| b"bfnrtvu".contains(byte));
        }
        self.word_start.is_match(&text[..position])
    }

    fn ends_word(text: &[u8], position: usize) -> bool {
        !text.get(position).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    }

    fn numbers(&self, text: &[u8]) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        let escapes: Vec<_> = self.escape.find_iter(text).map(|escape| escape.range()).collect();
        for digits in self.digits.find_iter(text) {
            let within = escapes.iter().find(|escape| escape.contains(&digits.start()));
            let start = within.map_or(digits.start(), |escape| escape.end);
            let free_from = matches.last().map_or(0, |hit| hit.range.end);
            if start >= digits.end() || digits.start() < free_from {
                continue;
            }
            let hit = self
                .phone(text, start)
                .or_else(|| self.nino(text, start))
                .or_else(|| self.postcode(text, digits.end()));
            matches.extend(hit.filter(|hit| hit.range.start >= free_from));
        }
        matches
    }

    fn phone(&self, text: &[u8], digit: usize) -> Option<Match> {
        let with_plus = text[..digit].ends_with(b"+") && text[digit..].starts_with(b"44");
        let start = if with_plus { digit - 1 } else { digit };
        let part_of_more =
            |start: usize| bytes_regex(r"(?:/|[0-9][-.:,])$").is_match(&text[..start]);
        let can_start = |start: usize| !part_of_more(start) && self.starts_word(text, start);
        let goes_on = bytes_regex("^[-./:][0-9]");
        let can_end = |end: usize| Self::ends_word(text, end) && !goes_on.is_match(&text[end..]);
        let written_out = can_start(start)
            .then(|| {
                self.phones.iter().find_map(|phone| {
                    let end = start + phone.find(&text[start..])?.end();
                    can_end(end).then_some(end)
                })
            })
            .flatten();
        if let Some(end) = written_out {
            let national = !with_plus && !text[start..].starts_with(b"00");
            let bracket =
                national && text[..start].ends_with(b"(") && text[start..end].contains(&b')');
            return Some(phone_match(start - usize::from(bracket)..end));
        }
        if !can_start(digit) || self.joined_before.is_match(&text[..digit]) {
            return None;
        }
        if let Some(found) = self.without_plus.captures(&text[digit..]) {
            let end = digit + found[0].len();
            let second = found[2][0];
            let given_out = match found[1][0] {
                b'1' => second != b'0',
                b'2' => b"03489".contains(&second),
                b'3' => b"0347".contains(&second),
                b'5' => b"56".contains(&second),
                b'7' => second != b'6',
                b'8' => b"047".contains(&second),
                _ => false,
            };
            if given_out && can_end(end) && !self.goes_on.is_match(&text[end..]) {
                return Some(phone_match(digit..end));
            }
        }
        let run = text[digit..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = digit + run;
        let bare = self.bare.is_match(&text[digit..end])
            && Self::ends_word(text, end)
            && !self.goes_on.is_match(&text[end..]);
        bare.then(|| phone_match(digit..end))
    }

    fn nino(&self, text: &[u8], digit: usize) -> Option<Match> {
        (digit.saturating_sub(14)..digit)
            .find_map(|start| {
                let number = self.nino.captures(&text[start..])?;
                let here = start + number.get(3)?.start() == digit;
                if !here || !self.starts_word(text, start) {
                    return None;
                }
                let end = start + number[0].len();
                if number.get(7).is_some() && Self::ends_word(text, end) {
                    return Some(start..end);
                }
                let end = start + number.get(6)?.end();
                let prefix = number[1].to_ascii_uppercase();
                let not_given_out = [b"BG", b"GB", b"NK", b"KN", b"TN", b"NT", b"ZZ"];
                let given_out = !prefix.contains(&b'Q')
                    && !not_given_out.iter().any(|one| one[..] == prefix[..]);
                let one_case = number[1].to_ascii_lowercase() == number[1] || prefix == number[1];
                let apart = !super::super::separators::is_joined(text, start, end)
                    && !self.gap_and_digit.is_match(&text[end..]);
                let [first, second, third] = [&number[2], &number[4], &number[5]];
                let alike = second == third
                    && (first == second || first.is_empty() && second == b" ")
                    && (first.is_empty() || prefix == number[1]);
                (given_out && one_case && apart && alike).then_some(start..end)
            })
            .map(|range| Match { kind: Kind::Nino, strength: Strength::Strong, range })
    }

    fn postcode(&self, text: &[u8], digits_end: usize) -> Option<Match> {
        let end = digits_end + 2;
        if end > text.len() || !Self::ends_word(text, end) {
            return None;
        }
        (end.saturating_sub(40)..digits_end).find_map(|start| {
            let code = self.postcode.captures(&text[start..end])?;
            let area = code[1].to_ascii_uppercase();
            let known = match area.len() {
                1 => b"BEGLMNSW".contains(&area[0]),
                _ => AREAS.iter().any(|one| one[..] == area[..]),
            };
            let (loose, blanks) = (&code[3], code.get(4).is_some());
            let letters = [&code[1], &code[2], &code[5]].concat();
            let lower = letters.to_ascii_lowercase() == letters;
            let upper = letters.to_ascii_uppercase() == letters;
            let plain = loose.is_empty();
            let case = match (plain, blanks) {
                (true, false) => lower || upper,
                (true, true) if lower || upper => true,
                (true, true) if code.get(4).is_some_and(|gap| gap.as_bytes() == b"+") => false,
                _ => upper || !is_unit(&code[5][1..]),
            };
            let single = bytes_regex(&format!("^(?:[ -]|{UNICODE})$")).is_match(loose);
            let narrow = !blanks && (plain || single);
            let apart = !narrow
                || !bytes_regex(r"[-_/+$.]$").is_match(&text[..start])
                    && !bytes_regex(r"^[-_/+$=]").is_match(&text[end..]);
            (known && case && apart && self.starts_word(text, start)).then_some(Match {
                kind: Kind::Postcode,
                strength: Strength::Strong,
                range: start..end,
            })
        })
    }
}

fn phone_match(range: Range<usize>) -> Match {
    Match { kind: Kind::Phone, strength: Strength::Strong, range }
}

fn is_unit(letters: &[u8]) -> bool {
    super::super::postcodes::UNITS.iter().any(|unit| unit[..] == *letters)
}

/// Pieces that are combined in every order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "n",
        "u",
        "HP",
        "e",
        "SW",
        "ab",
        "C",
        "d",
        "0",
        "1",
        "07",
        "44",
        "19",
        "8",
        "123",
        "900123",
        "00",
        "+",
        "@",
        ".",
        "-",
        "_",
        "%",
        "20",
        "'",
        " ",
        "  ",
        "\\",
        "\\n",
        "\\u00a0",
        "\u{a0}",
        "é",
        "(",
        ")",
        "(0)",
        "/",
        ":",
        "\"",
        "\t",
        "\n",
        "=",
        "co",
        "com",
        "png",
        "foo@bar.com",
        "07700 900123",
        "+44 20 7946 0123",
        "AB123456C",
        "HP19 8FF",
        "8FF",
        "st",
        "01632",
        "960227",
        "7700900123",
        "447700900123",
        "\u{2011}",
        "\u{2013}",
        "&nbsp;",
        "BH",
        "Gt",
        "\\t",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(crate::property_test::config(2_000))]

    #[test]
    fn emails_match_the_definition(text in pieces()) {
        let mut matches = Vec::new();
        find_emails(text.as_bytes(), |hit| matches.push(hit));
        prop_assert_eq!(matches, REFERENCE.with(|reference| reference.emails(text.as_bytes())));
    }

    #[test]
    fn numbers_match_the_definition(text in pieces()) {
        let kinds = |matches: Vec<Match>| -> Vec<(Kind, Range<usize>)> {
            matches.into_iter().map(|hit| (hit.kind, hit.range)).collect()
        };
        let mut matches = Vec::new();
        find_numbers(text.as_bytes(), |hit| matches.push(hit));
        let defined = REFERENCE.with(|reference| reference.numbers(text.as_bytes()));
        prop_assert_eq!(kinds(matches), kinds(defined));
    }

    /// The matches are the same, however deep a text is escaped.
    #[test]
    fn the_depth_of_escapes_does_not_matter(value in pieces()) {
        let mut field = Vec::new();
        escape_into(value.as_bytes(), &mut field);
        let mut deeper = Vec::new();
        escape_into(&field, &mut deeper);
        let texts = |text: &[u8]| -> Vec<(Kind, Strength, Vec<u8>)> {
            let matches = find_all(text, |_| true).into_iter();
            let value = |hit: Match| text[hit.range].iter().copied().filter(|byte| *byte != b'\\');
            matches.map(|hit| (hit.kind, hit.strength, value(hit.clone()).collect())).collect()
        };
        prop_assert_eq!(texts(&field), texts(&deeper));
    }
}

thread_local! {
    static REFERENCE: Reference = Reference::new();
}
