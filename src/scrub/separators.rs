//! Recognises what people put between the parts of a number: spaces, dashes, dots, slashes and
//! brackets of every kind.
//!
//! The text is COPY's. In a value, a line break or a tab is a backslash and a letter; the bytes
//! themselves are borders.

/// The separators that one kind of number may have between its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    /// Spaces, dashes, dots, slashes and brackets.
    Phone,
    /// Spaces, dashes, dots and slashes, and the forms of a no-break space in HTML and JSON.
    Nino,
    /// Spaces, dashes, tabs and line breaks.
    Postcode,
}

/// The forms of some separators in HTML and in the addresses of pages.
const WRITTEN_OUT: [&[u8]; 7] =
    [b"&nbsp;", b"&#160;", b"&#xa0;", b"&#xA0;", b"&ndash;", b"&#8211;", b"&thinsp;"];

/// The end of the separator at `position`.
pub(super) fn end(text: &[u8], position: usize, between: Between) -> Option<usize> {
    let rest = text.get(position..)?;
    let length = match rest.first()? {
        byte if is_ascii_separator(*byte, between) => 1,
        b'&' if between == Between::Nino => written_out(|one| rest.starts_with(one))?,
        b'\\' => escaped(rest, between)?,
        0x80.. => unicode(rest)?,
        _ => return None,
    };
    Some(position + length)
}

/// The start of the separator that ends at `end`.
pub(super) fn start(text: &[u8], end: usize, between: Between) -> Option<usize> {
    let before = text.get(..end)?;
    let length = match before.last()? {
        byte if is_ascii_separator(*byte, between) => 1,
        b';' if between == Between::Nino => written_out(|one| before.ends_with(one))?,
        0x80.. => [2, 3].into_iter().find(|length| {
            end.checked_sub(*length)
                .and_then(|start| unicode(before.get(start..)?))
                .is_some_and(|whole| whole == *length)
        })?,
        _ => escaped_before(before, between)?,
    };
    Some(end - length)
}

fn is_ascii_separator(byte: u8, between: Between) -> bool {
    match byte {
        b' ' | b'-' => true,
        b'.' | b'/' => between != Between::Postcode,
        b'(' | b')' => between == Between::Phone,
        _ => false,
    }
}

fn written_out(fits: impl Fn(&[u8]) -> bool) -> Option<usize> {
    WRITTEN_OUT.into_iter().find(|one| fits(one)).map(<[u8]>::len)
}

/// The length of a space or a dash that is not ASCII.
fn unicode(text: &[u8]) -> Option<usize> {
    match text {
        // No-break space, soft hyphen, middle dot.
        [0xC2, 0xA0 | 0xAD | 0xB7, ..] => Some(2),
        // Spaces of all widths, dashes of all lengths, and invisible characters.
        [0xE2, 0x80, 0x80..=0x95 | 0xAF, ..] | [0xE2, 0x81, 0x83 | 0x9F | 0xA0, ..] => Some(3),
        // Minus, ideographic space, small and full-width hyphens, and the byte order mark.
        [0xE2, 0x88, 0x92, ..]
        | [0xE3, 0x80, 0x80, ..]
        | [0xEF, 0xB9, 0x98 | 0xA3, ..]
        | [0xEF, 0xBC, 0x8D, ..]
        | [0xEF, 0xBB, 0xBF, ..] => Some(3),
        _ => None,
    }
}

/// Whether the character with this code is such a space or dash.
fn is_unicode_separator(code: u32) -> bool {
    let mut buffer = [0; 4];
    char::from_u32(code)
        .is_some_and(|one| unicode(one.encode_utf8(&mut buffer).as_bytes()).is_some())
}

/// The length of an escape that begins with any number of backslashes.
fn escaped(text: &[u8], between: Between) -> Option<usize> {
    let backslashes = text.iter().take_while(|byte| **byte == b'\\').count();
    match (text.get(backslashes)?, between) {
        (b'n' | b'r' | b't', Between::Postcode) => Some(backslashes + 1),
        (b'u', Between::Nino) => {
            let code = text.get(backslashes + 1..backslashes + 5)?;
            is_unicode_separator(number(code)?).then_some(backslashes + 5)
        }
        _ => None,
    }
}

/// The length of an escape at the end of the text.
fn escaped_before(text: &[u8], between: Between) -> Option<usize> {
    let letters = match (text, between) {
        ([.., b'n' | b'r' | b't'], Between::Postcode) => 1,
        ([.., b'u', a, b, c, d], Between::Nino) => {
            is_unicode_separator(number(&[*a, *b, *c, *d])?).then_some(5)?
        }
        _ => return None,
    };
    let before = text.get(..text.len() - letters)?;
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
    (backslashes > 0).then_some(backslashes + letters)
}

fn number(hex: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

/// Whether a word, a path or a token continues before `start` or after `end`.
pub(super) fn is_joined(text: &[u8], start: usize, end: usize) -> bool {
    let joins = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'/' | b'+' | b'$' | b'.' | b'#' | b'@' | b'~' | b'%')
    };
    let before = start.checked_sub(1).and_then(|index| text.get(index)).copied();
    let (next, second) = (text.get(end).copied(), text.get(end + 1).copied());
    let ends_sentence = |byte: u8| {
        matches!(byte, b'.' | b'-' | b'/')
            && !second.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let follows_escape = super::patterns::after_escape(text, start);
    (before.is_some_and(joins) && !follows_escape)
        || next.is_some_and(|byte| (joins(byte) || byte == b'=') && !ends_sentence(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_and_the_end_of_a_separator_agree() {
        for (text, between) in [
            (" ", Between::Phone),
            ("(", Between::Phone),
            ("/", Between::Nino),
            ("\u{a0}", Between::Postcode),
            ("\u{2011}", Between::Phone),
            ("\u{2013}", Between::Nino),
            ("\u{2212}", Between::Postcode),
            ("\u{ff0d}", Between::Phone),
            ("\u{3000}", Between::Phone),
            ("&nbsp;", Between::Nino),
            ("&#160;", Between::Nino),
            (r"\\u00a0", Between::Nino),
            (r"\u2011", Between::Nino),
            (r"\t", Between::Postcode),
            (r"\\\\n", Between::Postcode),
        ] {
            let framed = format!("A{text}B");
            let inner = 1 + text.len();
            assert_eq!(end(framed.as_bytes(), 1, between), Some(inner), "{text}");
            assert_eq!(start(framed.as_bytes(), inner, between), Some(1), "{text}");
        }
        for (text, between) in [
            ("\t", Between::Postcode),
            ("\n", Between::Postcode),
            (r"\n", Between::Phone),
            ("é", Between::Phone),
            ("x", Between::Nino),
            ("(", Between::Nino),
        ] {
            assert_eq!(end(text.as_bytes(), 0, between), None, "{text:?}");
            assert_eq!(start(text.as_bytes(), text.len(), between), None, "{text:?}");
        }
    }
}
