//! Cleans foreign text for a screen or a page.
//!
//! Anyone may write titles of pages, names of branches, keys of objects and servers' messages.
//! Escape sequences in them could move the cursor and overwrite other text, and characters that
//! change the direction of writing could make one name look like another. Both are removed wherever
//! a person reads the text, and nothing else is changed.

use std::borrow::Cow;

/// Whether a character changes how others are shown, and shows nothing itself: control characters
/// of both sets (and with them the beginning of every escape sequence), the separators of lines and
/// paragraphs, and Unicode's marks, embeddings, overrides and isolates of direction.
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Cleans text for a screen. Line breaks and tabs stay.
pub fn for_screen(text: &str) -> Cow<'_, str> {
    let stays = |c: char| matches!(c, '\n' | '\t') || !is_deceptive(c);
    match text.chars().all(stays) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.chars().filter(|c| stays(*c)).collect()),
    }
}

/// Cleans text for one line. Line breaks and tabs become spaces.
pub fn on_one_line(text: &str) -> String {
    text.chars()
        .map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c })
        .filter(|c| !is_deceptive(*c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deceptive_characters_are_removed_and_others_stay() {
        let hostile = "a\x1b]0;title\x07b\u{9b}2Jc\rd\u{202e}e\u{2066}f\u{200f}g\u{2028}h\u{61c}i";
        assert_eq!(for_screen(hostile), "a]0;titleb2Jcdefghi");
        assert_eq!(on_one_line(hostile), "a]0;titleb2Jc defghi");
        let harmless = "naïve  ünï\n\t日本 🏴󠁧󠁢 👩‍💻 עברית";
        assert!(matches!(for_screen(harmless), Cow::Borrowed(text) if text == harmless));
        assert_eq!(on_one_line("a\r\n\tb"), "a   b");
    }

    #[test]
    fn every_override_and_isolate_is_known() {
        let all = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        assert_eq!(all.clone().count(), 9);
        assert!(all.clone().all(is_deceptive));
        assert_eq!(for_screen(&all.collect::<String>()), "");
    }
}
