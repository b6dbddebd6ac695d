//! Turns full-width characters, which East Asian keyboards write, into ASCII: `ｊｏ＠ｅｘａｍｐｌｅ．ｏｒｇ`.

/// The text with full-width characters as ASCII. `None` if it has none.
pub fn fold(text: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr_iter(0xEF, text)
        .find(|at| narrow(text.get(*at..).unwrap_or_default()).is_some())?;
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        let length = match narrow(rest) {
            Some(byte) => {
                result.push(byte);
                3
            }
            None => {
                result.push(*first);
                1
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    Some(result)
}

/// The ASCII form of the full-width character at the start of the text. A backslash stays, because
/// it would begin an escape.
fn narrow(text: &[u8]) -> Option<u8> {
    let character = match text {
        // From U+FF01 on, in the order of ASCII from `!` on.
        [0xEF, 0xBC, last @ 0x81..=0xBF, ..] => last - 0x81 + 0x21,
        [0xEF, 0xBD, last @ 0x80..=0x9E, ..] => last - 0x80 + 0x60,
        // Small commercial at, and the half-width full stop of Japanese.
        [0xEF, 0xB9, 0xAB, ..] => b'@',
        [0xEF, 0xBD, 0xA1, ..] => b'.',
        _ => return None,
    };
    (character != b'\\').then_some(character)
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn wide_characters_become_narrow() {
        let wide = "ａ ｊｏ＠ｅｘａｍｐｌｅ．ｏｒｇ，０７７００ Ｚ～ é";
        let narrow = "a jo@example.org,07700 Z~ é";
        assert_eq!(fold(wide.as_bytes()).as_deref(), Some(narrow.as_bytes()));
        assert_eq!(fold("jo﹫x.org".as_bytes()).as_deref(), Some(&b"jo@x.org"[..]));
        assert_eq!(fold("plain ﬁ \u{feff}".as_bytes()), None);
        assert_eq!(fold("＼".as_bytes()), None);
    }
}
