//! Puts the words of a search index back into the order of the text.
//!
//! A tsvector is sorted by word, which tears a number of two words apart: `'395000':7` is far from
//! `'01296':6`. Vectors without positions cannot be put in order, nor can words beyond position
//! 16383, which all have that position.

use std::borrow::Cow;

/// Above every position that the server gives.
const WITHOUT_POSITION: u32 = 1 << 20;

/// The words of a tsvector by position: spaces join neighbours, and everything else is on its own
/// line.
pub fn reassemble(vector: &[u8]) -> Vec<u8> {
    let mut words = words(vector);
    words.sort_unstable_by_key(|(position, _)| *position);
    let mut text = Vec::with_capacity(vector.len());
    let mut last: Option<u32> = None;
    for (position, word) in words {
        let follows = last.is_some_and(|last| last + 1 == position);
        if last.is_some() {
            text.push(if follows { b' ' } else { b'\n' });
        }
        text.extend_from_slice(&word);
        last = Some(position);
    }
    text
}

/// Every occurrence of a word. Words without a position get numbers that are not neighbours.
fn words(vector: &[u8]) -> Vec<(u32, Cow<'_, [u8]>)> {
    let mut words = Vec::new();
    let mut rest = vector;
    let mut without_position = WITHOUT_POSITION;
    while let Some(quote) = memchr::memchr(b'\'', rest) {
        let (word, after) = quoted(rest.get(quote + 1..).unwrap_or_default());
        let (places, after) = positions(after);
        let known = words.len();
        words.extend(places.map(|position| (position, word.clone())));
        if words.len() == known {
            without_position = without_position.saturating_add(2);
            words.push((without_position, word));
        }
        rest = after;
    }
    words
}

/// A word after its opening quote, and what follows its closing quote.
fn quoted(text: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let mut word = Cow::Borrowed(&[][..]);
    let mut rest = text;
    loop {
        let at = memchr::memchr2(b'\'', b'\\', rest).unwrap_or(rest.len());
        let (plain, after) = rest.split_at(at);
        if word.is_empty() {
            word = Cow::Borrowed(plain);
        } else {
            word.to_mut().extend_from_slice(plain);
        }
        let (escaped, after) = match after {
            [b'\'', b'\'', after @ ..] => (b'\'', after),
            [b'\\', escaped, after @ ..] => (*escaped, after),
            _ => return (word, after.get(1..).unwrap_or_default()),
        };
        word.to_mut().push(escaped);
        rest = after;
    }
}

/// The positions `:1,2A` without their weights, and what follows them.
fn positions(text: &[u8]) -> (impl Iterator<Item = u32>, &[u8]) {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b',' | b':');
    let length = if text.starts_with(b":") {
        text.iter().take_while(|byte| is_part(byte)).count()
    } else {
        0
    };
    let (list, after) = text.split_at(length);
    let list = list.strip_prefix(b":").unwrap_or_default();
    let position = |item: &[u8]| {
        let digits = item.iter().take_while(|byte| byte.is_ascii_digit());
        let number = digits.fold(0_u32, |number, digit| {
            number.saturating_mul(10).saturating_add(u32::from(digit - b'0'))
        });
        Some(number).filter(|number| *number > 0 && *number < WITHOUT_POSITION)
    };
    (list.split(|byte| *byte == b',').filter_map(position), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(vector: &str) -> String {
        String::from_utf8(reassemble(vector.as_bytes())).unwrap()
    }

    #[test]
    fn numbers_are_put_together_again() {
        let vector = "'01296':2 '395000':3A '8ff':8B 'call':1 'hp19':7,12 'o''brien':9";
        assert_eq!(text(vector), "call 01296 395000\nhp19 8ff o'brien\nhp19");
        assert_eq!(text(r"'a' 'b\\c' 'd':1"), "d\na\nb\\c");
        assert_eq!(text(""), "");
    }

    proptest::proptest! {
        #![proptest_config(crate::property_test::config(256))]

        #[test]
        fn any_text_is_read(vector in "['a-b:0-9, \\\\]{0,60}") {
            reassemble(vector.as_bytes());
        }
    }
}
