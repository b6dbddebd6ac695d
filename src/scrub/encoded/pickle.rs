//! Reads the texts and bytes in a Python pickle, without executing it.
//!
//! A pickle is a program for a small machine. Only the lengths of its instructions matter here: the
//! walk reports the strings in the instructions and does not build objects.

use super::escapes::hex_pair;

/// The content of an instruction.
#[derive(Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    /// A text of the oldest protocol, in which characters are escaped as in Python's source.
    Source(&'a [u8]),
    /// Everything from the place where the walk failed.
    Rest(&'a [u8]),
}

/// How the argument of an instruction is delimited.
enum Argument {
    None,
    Fixed(usize),
    /// The length comes first, in that many bytes.
    Counted(usize),
    Lines(usize),
}

/// Calls `found` with the content of every instruction, and returns whether the walk reached the
/// end.
pub fn walk<'a>(pickle: &'a [u8], mut found: impl FnMut(Payload<'a>)) -> bool {
    let mut rest = pickle;
    loop {
        let Some((argument, after)) = instruction(rest) else {
            found(Payload::Rest(rest));
            return false;
        };
        match rest.first() {
            Some(b'.') => return true,
            Some(b'X' | 0x8C | 0x8D) => found(Payload::Text(argument)),
            Some(b'U' | b'T' | b'B' | b'C' | 0x8E | 0x96) => found(Payload::Bytes(argument)),
            Some(b'S' | b'V' | b'P') => found(Payload::Source(argument)),
            _ => {}
        }
        rest = after;
    }
}

/// The argument of the first instruction, and the bytes after it.
fn instruction(code: &[u8]) -> Option<(&[u8], &[u8])> {
    let (opcode, rest) = code.split_first()?;
    match argument_of(*opcode)? {
        Argument::None => Some((&[], rest)),
        Argument::Fixed(length) => rest.split_at_checked(length),
        Argument::Counted(width) => {
            let (length, rest) = rest.split_at_checked(width)?;
            let length =
                length.iter().rev().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
            rest.split_at_checked(usize::try_from(length).ok()?)
        }
        Argument::Lines(count) => {
            let ends = memchr::memchr_iter(b'\n', rest).nth(count - 1)?;
            let (lines, rest) = rest.split_at_checked(ends)?;
            Some((lines, rest.get(1..)?))
        }
    }
}

/// The instructions of protocols 0 to 5.
fn argument_of(opcode: u8) -> Option<Argument> {
    Some(match opcode {
        b'(' | b'.' | b'0' | b'1' | b'2' | b'N' | b'Q' | b'R' | b'b' | b']' | b'a' | b'e'
        | b'}' | b'd' | b'l' | b't' | b')' | b'o' | b's' | b'u' => Argument::None,
        0x81 | 0x85..=0x89 | 0x8F..=0x94 | 0x97 | 0x98 => Argument::None,
        b'K' | b'h' | b'q' | 0x80 | 0x82 => Argument::Fixed(1),
        b'M' | 0x83 => Argument::Fixed(2),
        b'J' | b'j' | b'r' | 0x84 => Argument::Fixed(4),
        b'G' | 0x95 => Argument::Fixed(8),
        b'U' | b'C' | 0x8A | 0x8C => Argument::Counted(1),
        b'T' | b'X' | b'B' | 0x8B => Argument::Counted(4),
        0x8D | 0x8E | 0x96 => Argument::Counted(8),
        b'F' | b'I' | b'L' | b'S' | b'V' | b'P' | b'g' | b'p' => Argument::Lines(1),
        b'c' | b'i' => Argument::Lines(2),
        _ => return None,
    })
}

/// The text with `\xNN` resolved, as in [`Payload::Source`]. Its other escapes are like those of
/// JSON.
pub fn without_hex_escapes(source: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(source.len());
    let mut rest = source;
    while let Some((first, after)) = rest.split_first() {
        let code = match rest {
            [b'\\', b'x', high, low, ..] => hex_pair(*high, *low),
            _ => None,
        };
        match code {
            Some(code) => {
                let mut buffer = [0; 4];
                result.extend_from_slice(char::from(code).encode_utf8(&mut buffer).as_bytes());
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                result.push(*first);
                rest = after;
            }
        }
    }
    result
}

/// The bytes behind a text whose characters are all below 256. `None` if the text begins with plain
/// ASCII. Protocol 2 stores bytes this way.
pub fn latin_bytes(text: &[u8]) -> Option<Vec<u8>> {
    // Most packed data has a byte above 127 at its start.
    if text.get(..4)?.is_ascii() {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn carried(pickle: &[u8]) -> (Vec<Payload<'_>>, bool) {
        let mut payloads = Vec::new();
        let complete = walk(pickle, |payload| payloads.push(payload));
        (payloads, complete)
    }

    /// `pickle.dumps({"mail": "jo@example.org", "n": 7, "b": b"01296 395000"}, protocol=N)`
    const PICKLES: [&[u8]; 6] = [
        b"(dp0\nVmail\np1\nVjo@example.org\np2\nsVn\np3\nI7\nsVb\np4\nc_codecs\nencode\np5\n(V01296 395000\np6\nVlatin1\np7\ntp8\nRp9\ns.",
        b"}q\x00(X\x04\x00\x00\x00mailq\x01X\x0e\x00\x00\x00jo@example.orgq\x02X\x01\x00\x00\x00nq\x03K\x07X\x01\x00\x00\x00bq\x04c_codecs\nencode\nq\x05(X\x0c\x00\x00\x0001296 395000q\x06X\x06\x00\x00\x00latin1q\x07tq\x08Rq\tu.",
        b"\x80\x02}q\x00(X\x04\x00\x00\x00mailq\x01X\x0e\x00\x00\x00jo@example.orgq\x02X\x01\x00\x00\x00nq\x03K\x07X\x01\x00\x00\x00bq\x04c_codecs\nencode\nq\x05X\x0c\x00\x00\x0001296 395000q\x06X\x06\x00\x00\x00latin1q\x07\x86q\x08Rq\tu.",
        b"\x80\x03}q\x00(X\x04\x00\x00\x00mailq\x01X\x0e\x00\x00\x00jo@example.orgq\x02X\x01\x00\x00\x00nq\x03K\x07X\x01\x00\x00\x00bq\x04C\x0c01296 395000q\x05u.",
        b"\x80\x04\x956\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x04mail\x94\x8c\x0ejo@example.org\x94\x8c\x01n\x94K\x07\x8c\x01b\x94C\x0c01296 395000\x94u.",
        b"\x80\x05\x956\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x04mail\x94\x8c\x0ejo@example.org\x94\x8c\x01n\x94K\x07\x8c\x01b\x94C\x0c01296 395000\x94u.",
    ];

    #[test]
    fn every_protocol_is_walked() {
        for pickle in PICKLES {
            let (payloads, complete) = carried(pickle);
            assert!(complete, "{payloads:?}");
            for wanted in [&b"jo@example.org"[..], b"01296 395000"] {
                let holds = |payload: &Payload<'_>| match payload {
                    Payload::Text(text) | Payload::Bytes(text) | Payload::Source(text) => {
                        *text == wanted
                    }
                    Payload::Rest(_) => false,
                };
                assert!(payloads.iter().any(holds), "{payloads:?}");
            }
        }
    }

    #[test]
    fn broken_pickles_report_their_rest() {
        assert_eq!(carried(b"\x80\x04\xfejo@x.org"), (vec![Payload::Rest(b"\xfejo@x.org")], false));
        let too_long = b"X\xff\xff\xff\xffab";
        assert_eq!(carried(too_long), (vec![Payload::Rest(too_long)], false));
        assert_eq!(carried(b""), (vec![Payload::Rest(b"")], false));
    }

    #[test]
    fn old_forms_of_strings_are_resolved() {
        assert_eq!(without_hex_escapes(br"jo\x40x.org\n\x"), br"jo@x.org\n\x");
        assert_eq!(latin_bytes("x\u{9c}é".as_bytes()), Some(b"x\x9c\xe9".to_vec()));
        assert_eq!(latin_bytes("plain text".as_bytes()), None);
        assert_eq!(latin_bytes("é\u{100}ab".as_bytes()), None);
    }

    proptest! {
        #![proptest_config(crate::property_test::config(256))]

        #[test]
        fn any_bytes_are_walked(pickle in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut carried = 0;
            walk(&pickle, |payload| match payload {
                Payload::Text(part) | Payload::Bytes(part) | Payload::Source(part)
                | Payload::Rest(part) => carried += part.len(),
            });
            prop_assert!(carried <= pickle.len());
        }
    }
}
