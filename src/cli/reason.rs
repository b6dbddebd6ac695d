//! Reads the reason why someone needs personal data.

/// The fillers of Hangul: Unicode calls them letters, and they are drawn as blanks.
const BLANK_LETTERS: [char; 4] = ['\u{115F}', '\u{1160}', '\u{3164}', '\u{FFA0}'];

/// The reason without the blanks around it.
///
/// # Errors
///
/// The text has no letter or digit that a reader can see.
pub fn parse(text: &str) -> Result<String, String> {
    let is_seen = |one: char| one.is_alphanumeric() && !BLANK_LETTERS.contains(&one);
    if text.chars().any(is_seen) {
        Ok(text.trim().to_owned())
    } else {
        Err("the reason is blank: write what the data is needed for".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn what_a_reader_cannot_see_is_not_a_reason() {
        for text in [
            "",
            " ",
            "\t\n",
            "\u{a0}\u{2003}\u{202f}",
            "\u{200b}\u{200d}\u{feff}",
            "\u{2060}\u{ad}\u{e0041}",
            "\u{3164}\u{115f}\u{1160}\u{ffa0}",
            "\u{2800}",
            "\u{301}",
            ".",
            "-- \"\"",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert_eq!(parse("  a bug in form 12 ").as_deref(), Ok("a bug in form 12"));
        assert_eq!(parse("調査").as_deref(), Ok("調査"));
    }
}
