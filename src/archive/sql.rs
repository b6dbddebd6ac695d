//! Reads the tokens of the SQL that pg_dump writes.
//!
//! It handles quoted identifiers, strings (including `E''`), dollar quotes and nested comments, so
//! their contents are never read as syntax. Tokens are made on request: nothing is stored, and
//! nothing recurses.

use crate::schema::TableName;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A bare word or number, as spelt.
    Word(&'a str),
    /// An identifier that was in double quotes.
    Quoted(String),
    /// A string or a dollar quote. Its content does not matter here.
    Literal,
    Symbol(char),
    End,
}

/// Why a statement cannot be read.
pub(super) type Reason = &'static str;

#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        Cursor { rest: sql }
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>, Reason> {
        self.skip_spaces_and_comments()?;
        let Some(first) = self.rest.chars().next() else {
            return Ok(Token::End);
        };
        match first {
            '"' => self.quoted_identifier().map(Token::Quoted),
            '\'' => self.string(false),
            '$' => self.dollar_quote(),
            _ if is_word(first) => self.word(),
            _ => {
                self.advance(first.len_utf8());
                Ok(Token::Symbol(first))
            }
        }
    }

    pub(super) fn peek(&self) -> Result<Token<'a>, Reason> {
        self.clone().next()
    }

    /// Takes the symbol if it is next.
    pub(super) fn take(&mut self, symbol: char) -> Result<bool, Reason> {
        self.take_if(|token| *token == Token::Symbol(symbol))
    }

    /// Takes the bare word if it is next, in any case.
    pub(super) fn take_word(&mut self, wanted: &str) -> Result<bool, Reason> {
        self.take_if(|token| token.is_word(wanted))
    }

    pub(super) fn identifier(&mut self) -> Result<String, Reason> {
        match self.next()? {
            Token::Quoted(name) if !name.is_empty() => Ok(name),
            Token::Word(name) if !name.starts_with(|c: char| c.is_ascii_digit()) => {
                Ok(name.to_ascii_lowercase())
            }
            _ => Err("an identifier is missing"),
        }
    }

    /// A table's name. Without a schema the table is in `default_schema`.
    pub(super) fn table_name(&mut self, default_schema: &str) -> Result<TableName, Reason> {
        let first = self.identifier()?;
        match self.take('.')? {
            true => Ok(TableName::new(first, self.identifier()?)),
            false => Ok(TableName::new(default_schema, first)),
        }
    }

    /// Skips the contents of parentheses after the opening one, and the closing one.
    pub(super) fn skip_parentheses(&mut self) -> Result<(), Reason> {
        let mut depth = 1usize;
        while depth > 0 {
            match self.next()? {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth -= 1,
                Token::End => return Err("a parenthesis is not closed"),
                _ => {}
            }
        }
        Ok(())
    }

    /// Skips the rest of a statement and its semicolon. Returns `false` at the end of the text.
    pub(super) fn skip_statement(&mut self) -> Result<bool, Reason> {
        loop {
            match self.next()? {
                Token::Symbol(';') => return Ok(true),
                Token::End => return Ok(false),
                _ => {}
            }
        }
    }

    /// The cursor's position in the text that it was made for.
    pub(super) fn offset_in(&self, sql: &str) -> usize {
        sql.len().saturating_sub(self.rest.len())
    }

    /// The text between here and a later state of this cursor.
    pub(super) fn text_until(&self, later: &Cursor<'_>) -> &'a str {
        let length = self.rest.len().saturating_sub(later.rest.len());
        self.rest.get(..length).unwrap_or_default().trim()
    }

    fn take_if(&mut self, is_wanted: impl Fn(&Token<'a>) -> bool) -> Result<bool, Reason> {
        let mut after = self.clone();
        if !is_wanted(&after.next()?) {
            return Ok(false);
        }
        *self = after;
        Ok(true)
    }

    fn advance(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    fn skip_spaces_and_comments(&mut self) -> Result<(), Reason> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
            if self.rest.starts_with("--") {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.advance(end);
            } else if self.rest.starts_with("/*") {
                self.block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    /// Skips a block comment. Block comments can be nested.
    fn block_comment(&mut self) -> Result<(), Reason> {
        let mut depth = 0usize;
        let mut at = 0;
        let bytes = self.rest.as_bytes();
        loop {
            match bytes.get(at..at + 2) {
                Some(b"/*") => (depth, at) = (depth + 1, at + 2),
                Some(b"*/") => (depth, at) = (depth - 1, at + 2),
                Some(_) => at += 1,
                None => return Err("a comment is not closed"),
            }
            if depth == 0 {
                self.advance(at);
                return Ok(());
            }
        }
    }

    fn quoted_identifier(&mut self) -> Result<String, Reason> {
        let mut name = String::new();
        self.advance(1);
        loop {
            let end = self.rest.find('"').ok_or("a quoted identifier is not closed")?;
            name.push_str(self.rest.get(..end).unwrap_or_default());
            self.advance(end + 1);
            if !self.rest.starts_with('"') {
                return Ok(name);
            }
            name.push('"');
            self.advance(1);
        }
    }

    /// Reads a string. A doubled quote stands for a quote and does not end it.
    fn string(&mut self, backslash_escapes: bool) -> Result<Token<'a>, Reason> {
        let bytes = self.rest.as_bytes();
        let mut at = 1;
        loop {
            match bytes.get(at) {
                Some(b'\\') if backslash_escapes => at += 2,
                Some(b'\'') if bytes.get(at + 1) == Some(&b'\'') => at += 2,
                Some(b'\'') => break,
                Some(_) => at += 1,
                None => return Err("a string is not closed"),
            }
        }
        self.advance(at + 1);
        Ok(Token::Literal)
    }

    fn dollar_quote(&mut self) -> Result<Token<'a>, Reason> {
        let rest = self.rest;
        let tag = rest.get(1..).and_then(|after| {
            let end = after.find(|c: char| !is_word(c))?;
            let is_tag = !after.starts_with(|c: char| c.is_ascii_digit());
            (is_tag && after.get(end..)?.starts_with('$')).then(|| rest.get(..end + 2))?
        });
        let Some(tag) = tag else {
            self.advance(1);
            return Ok(Token::Symbol('$'));
        };
        let body = rest.get(tag.len()..).unwrap_or_default();
        let length = body.find(tag).ok_or("a dollar quote is not closed")?;
        self.advance(tag.len() * 2 + length);
        Ok(Token::Literal)
    }

    fn word(&mut self) -> Result<Token<'a>, Reason> {
        let end = self.rest.find(|c: char| !is_word(c) && c != '$').unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        self.rest = after;
        if word.eq_ignore_ascii_case("e") && after.starts_with('\'') {
            return self.string(true);
        }
        if word.eq_ignore_ascii_case("u") && after.starts_with("&\"") {
            return Err("Unicode escapes in identifiers are not supported");
        }
        Ok(Token::Word(word))
    }
}

impl Token<'_> {
    pub(super) fn is_word(&self, wanted: &str) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(wanted))
    }
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_ascii_alphanumeric() || !character.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(sql: &str) -> Result<Vec<Token<'_>>, Reason> {
        let mut cursor = Cursor::new(sql);
        let mut tokens = Vec::new();
        loop {
            match cursor.next()? {
                Token::End => return Ok(tokens),
                token => tokens.push(token),
            }
        }
    }

    #[test]
    fn quotes_and_comments_hide_their_contents() {
        for (sql, expected) in [
            ("'a;''b(' x", vec![Token::Literal, Token::Word("x")]),
            ("E'a\\'; (' x", vec![Token::Literal, Token::Word("x")]),
            ("'a\\' x", vec![Token::Literal, Token::Word("x")]),
            ("$$ ; ' $$ x", vec![Token::Literal, Token::Word("x")]),
            ("$a$ $$ ; $b$ $a$ x", vec![Token::Literal, Token::Word("x")]),
            ("-- ; '\nx", vec![Token::Word("x")]),
            ("/* ; /* ' */ */x", vec![Token::Word("x")]),
            ("\"a\"\"b;\" x", vec![Token::Quoted("a\"b;".into()), Token::Word("x")]),
            ("$1", vec![Token::Symbol('$'), Token::Word("1")]),
            ("naïve_☃ a$b", vec![Token::Word("naïve_☃"), Token::Word("a$b")]),
            ("1.5", vec![Token::Word("1"), Token::Symbol('.'), Token::Word("5")]),
        ] {
            assert_eq!(tokens(sql), Ok(expected), "{sql}");
        }
    }

    #[test]
    fn an_unclosed_token_is_an_error() {
        for sql in ["'a", "\"a", "$$a", "$a$ $$", "/* /* */", "E'\\'", "U&\"d\\0061t\""] {
            assert!(tokens(sql).is_err(), "{sql}");
        }
    }

    proptest! {
        #![proptest_config(crate::property_test::config(256))]

        #[test]
        fn never_panics(sql in "[-/*'\"$eEuU&\\\\ab;( )é\n.]{0,40}") {
            let _ = tokens(&sql);
        }
    }
}
