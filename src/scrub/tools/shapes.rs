//! Classifies values by their look: words that a person wrote, names, keys, or codes of a program.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// A vocabulary with more words is not a closed one.
const MOST_WORDS: usize = 12;

/// How often each word of a closed vocabulary occurs on average.
const REPEATED: u64 = 4;

/// The length of the shortest value that can be a key.
const SHORTEST_KEY: usize = 20;

/// How many values have which shape.
#[derive(Debug, Clone, Default)]
pub struct Shapes {
    values: u64,
    /// Hashes of the distinct values, up to one more than a closed vocabulary has.
    different: HashSet<u64, BuildHasherDefault<DefaultHasher>>,
    written: u64,
    words: u64,
    names: u64,
    keys: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Two or more words, or one with a capital letter, as a person writes.
    Written,
    /// Only two to four words with capital letters.
    Name,
    /// One word in lower case: a value of a program, or an account name.
    Word,
    /// Long, with letters and digits in no order.
    Key,
    /// Anything else without spaces: numbers, paths, identifiers, times.
    Code,
}

impl Shapes {
    pub(super) fn take(&mut self, field: &[u8]) {
        self.values += 1;
        if self.different.len() <= MOST_WORDS {
            let hash = self.different.hasher().hash_one(field);
            self.different.insert(hash);
        }
        match Shape::of(&String::from_utf8_lossy(field)) {
            Shape::Written => self.written += 1,
            Shape::Name => self.names += 1,
            Shape::Word => self.words += 1,
            Shape::Key => self.keys += 1,
            Shape::Code => {}
        }
    }

    /// Whether the same few values occur again and again, as in a choice field.
    pub(super) fn are_of_a_choice(&self) -> bool {
        let different = self.different.len() as u64;
        self.different.len() <= MOST_WORDS && self.values >= different * REPEATED
    }

    /// Whether most values look like names of people.
    pub(super) fn are_names(&self) -> bool {
        self.names > 0 && self.names * 2 >= self.values
    }

    pub(super) fn are_keys(&self) -> bool {
        self.keys > 0 && self.keys * 2 >= self.values
    }

    /// How many values hold words as people write them.
    pub(super) fn written(&self) -> u64 {
        self.written + self.names
    }

    /// How many values are single words.
    pub(super) fn words(&self) -> u64 {
        self.words
    }
}

impl Shape {
    fn of(value: &str) -> Shape {
        let has_letter = |word: &&str| word.chars().any(char::is_alphabetic);
        let is_capital = |word: &str| {
            let mut characters = word.chars();
            characters.next().is_some_and(char::is_uppercase)
                && characters.all(|one| one.is_lowercase() || matches!(one, '-' | '\'' | '.'))
        };
        let words: Vec<&str> = value.split_whitespace().filter(has_letter).collect();
        match words.as_slice() {
            [] => Shape::Code,
            [word] => {
                let only_letters = word.chars().all(char::is_alphabetic);
                if !word.is_ascii() || word.contains('@') || (only_letters && is_capital(word)) {
                    Shape::Written
                } else if only_letters {
                    Shape::Word
                } else if is_key(word) {
                    Shape::Key
                } else {
                    Shape::Code
                }
            }
            words if words.len() <= 4 && words.iter().all(|word| is_capital(word)) => Shape::Name,
            _ => Shape::Written,
        }
    }
}

fn is_key(word: &str) -> bool {
    let of = |is: fn(&u8) -> bool| word.bytes().filter(is).count();
    let (letters, digits) = (of(u8::is_ascii_alphabetic), of(u8::is_ascii_digit));
    word.len() >= SHORTEST_KEY
        && letters > 0
        && digits * 8 >= word.len()
        && (letters + digits) * 10 >= word.len() * 8
        && !word.contains(['/', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_classified_by_their_shape() {
        for (value, shape) in [
            ("Zebedia One", Shape::Name),
            ("Anne-Marie O'Neil", Shape::Written),
            ("Zebedia", Shape::Written),
            ("zebedia nick", Shape::Written),
            ("Zoë", Shape::Written),
            ("zebedia", Shape::Word),
            ("R1203", Shape::Code),
            ("images/a.jpg", Shape::Code),
            ("add_logentry", Shape::Code),
            ("2026-01-01T00:00:00", Shape::Code),
            ("12,3", Shape::Code),
            ("9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b", Shape::Key),
            ("d290f1ee-6c54-4b01-90e6-d701748f0851", Shape::Key),
            ("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", Shape::Key),
        ] {
            assert_eq!(Shape::of(value), shape, "{value}");
        }
        let mut shapes = Shapes::default();
        (0..100).for_each(|number| shapes.take([&b"live"[..], b"draft"][number % 2]));
        assert!(shapes.are_of_a_choice());
        (0..100).for_each(|number| shapes.take(format!("ann{number}").as_bytes()));
        assert!(!shapes.are_of_a_choice());
    }
}
