//! Splits Python into logical lines of words, strings and signs, as far as migrations need it.
//!
//! A plain search would fail on comments, docstrings, continuation lines and brackets over many
//! lines, so the text is split as Python itself splits it.

use super::SourceFile;
use super::expression::{self, Expression};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Name(String),
    /// A string whose value is known.
    Text(String),
    /// A string whose value is not known: with a placeholder or a rare escape, or of bytes.
    OtherText,
    Number(String),
    Sign(char),
}

/// A statement, or the head of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The indentation. A tab goes to the next multiple of eight.
    pub indent: usize,
    pub tokens: Vec<Token>,
    /// The line of the file on which each token begins, counted from 1.
    pub rows: Vec<usize>,
}

impl Line {
    /// The value of `NAME = value` or `NAME: annotation = value`.
    pub fn assigned(&self, name: &str) -> Option<&[Token]> {
        let (first, rest) = self.tokens.split_first()?;
        if !first.is_name(name) {
            return None;
        }
        let equals = match rest.first()? {
            Token::Sign('=') => 0,
            Token::Sign(':') => rest.iter().position(|token| *token == Token::Sign('='))?,
            _ => return None,
        };
        let value = rest.get(equals + 1..)?;
        // `==` is a comparison.
        (value.first() != Some(&Token::Sign('='))).then_some(value)
    }

    /// The line of the file on which it begins.
    pub fn row(&self) -> usize {
        self.rows.first().copied().unwrap_or_default()
    }

    /// The value of `NAME = value` as an expression.
    pub fn assigned_expression(&self, name: &str) -> Option<Expression> {
        let value = self.assigned(name)?;
        let start = self.tokens.len() - value.len();
        Some(expression::read(value, self.rows.get(start..).unwrap_or_default()))
    }
}

impl Token {
    pub fn is_name(&self, name: &str) -> bool {
        matches!(self, Token::Name(own) if own == name)
    }
}

/// Splits a file into logical lines.
pub fn lines(file: &SourceFile) -> Result<Vec<Line>, String> {
    let bytes = file.text.as_ref().map_err(Clone::clone)?;
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Cutter { rest: text, depth: Vec::new(), lines: Vec::new(), counted: text, row: 1 }.cut()
}

struct Cutter<'a> {
    rest: &'a str,
    /// The open brackets.
    depth: Vec<char>,
    lines: Vec<Line>,
    /// The text from the last place whose row is known.
    counted: &'a str,
    row: usize,
}

impl<'a> Cutter<'a> {
    fn cut(mut self) -> Result<Vec<Line>, String> {
        while !self.rest.is_empty() {
            let indent = self.indent();
            self.statements(indent)?;
        }
        match self.depth.pop() {
            Some(bracket) => Err(format!("a `{bracket}` is never closed")),
            None => Ok(self.lines),
        }
    }

    fn indent(&mut self) -> usize {
        let mut indent = 0;
        while let Some(space) =
            self.rest.chars().next().filter(|c| matches!(c, ' ' | '\t' | '\u{c}'))
        {
            indent = match space {
                '\t' => (indent / 8 + 1) * 8,
                ' ' => indent + 1,
                _ => 0,
            };
            self.advance(space);
        }
        indent
    }

    /// Reads to the end of the logical line, which semicolons split into several statements.
    fn statements(&mut self, indent: usize) -> Result<(), String> {
        let (mut tokens, mut rows) = (Vec::new(), Vec::new());
        while let Some(next) = self.rest.chars().next() {
            let row = self.row();
            match next {
                '\n' | '\r' if self.depth.is_empty() => {
                    self.advance(next);
                    break;
                }
                '#' => {
                    self.rest = self
                        .rest
                        .find(['\n', '\r'])
                        .and_then(|end| self.rest.get(end..))
                        .unwrap_or("")
                }
                '\\' => self.continuation()?,
                ';' if self.depth.is_empty() => {
                    self.advance(next);
                    self.end_statement(indent, &mut tokens, &mut rows);
                }
                space if space.is_whitespace() || space == '\u{c}' => self.advance(space),
                '"' | '\'' => tokens.push(self.string("")?),
                letter if letter == '_' || letter.is_alphabetic() => tokens.push(self.word()?),
                digit if digit.is_ascii_digit() => tokens.push(self.number()),
                sign => {
                    self.bracket(sign)?;
                    self.advance(sign);
                    tokens.push(Token::Sign(sign));
                }
            }
            rows.resize(tokens.len(), row);
        }
        self.end_statement(indent, &mut tokens, &mut rows);
        Ok(())
    }

    fn end_statement(&mut self, indent: usize, tokens: &mut Vec<Token>, rows: &mut Vec<usize>) {
        if !tokens.is_empty() {
            let (tokens, rows) = (std::mem::take(tokens), std::mem::take(rows));
            self.lines.push(Line { indent, tokens, rows });
        }
    }

    fn row(&mut self) -> usize {
        let passed = self.counted.len() - self.rest.len();
        let passed = self.counted.as_bytes().get(..passed).unwrap_or_default();
        self.row += memchr::memchr_iter(b'\n', passed).count();
        self.counted = self.rest;
        self.row
    }

    fn advance(&mut self, character: char) {
        self.rest = self.rest.strip_prefix(character).unwrap_or(self.rest);
    }

    fn continuation(&mut self) -> Result<(), String> {
        self.advance('\\');
        let after = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix(['\n', '\r']));
        self.rest = after.ok_or("a backslash is in a place where Python does not allow it")?;
        Ok(())
    }

    fn bracket(&mut self, sign: char) -> Result<(), String> {
        let opening = match sign {
            '(' | '[' | '{' => {
                self.depth.push(sign);
                return Ok(());
            }
            ')' => '(',
            ']' => '[',
            '}' => '{',
            _ => return Ok(()),
        };
        match self.depth.pop() {
            Some(open) if open == opening => Ok(()),
            _ => Err(format!("a `{sign}` closes nothing")),
        }
    }

    /// Reads a word, which may be the prefix of a string.
    fn word(&mut self) -> Result<Token, String> {
        let word = self.take_while(|c| c == '_' || c.is_alphanumeric());
        let is_prefix = word.len() <= 2 && word.chars().all(|c| "rRbBuUfFtT".contains(c));
        if is_prefix && self.rest.starts_with(['"', '\'']) {
            return self.string(word);
        }
        Ok(Token::Name(word.to_owned()))
    }

    fn number(&mut self) -> Token {
        let number = self.take_while(|c| c == '_' || c == '.' || c.is_alphanumeric());
        Token::Number(number.to_owned())
    }

    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn string(&mut self, prefix: &str) -> Result<Token, String> {
        let mark = ["\"\"\"", "'''", "\"", "'"]
            .into_iter()
            .find(|mark| self.rest.starts_with(mark))
            .ok_or("a string does not begin")?;
        let inside = self.rest.strip_prefix(mark).unwrap_or("");
        let end = end_of_string(inside, mark).ok_or("a string is never closed")?;
        let value = inside.get(..end).unwrap_or("");
        self.rest = inside.get(end + mark.len()..).unwrap_or("");
        let raw = prefix.contains(['r', 'R']);
        if prefix.contains(['b', 'B', 'f', 'F', 't', 'T']) {
            return Ok(Token::OtherText);
        }
        let value = if raw { Some(value.to_owned()) } else { without_escapes(value) };
        Ok(value.map_or(Token::OtherText, Token::Text))
    }
}

/// The value of a string with the usual escapes. `None` for the others, which need a table.
fn without_escapes(text: &str) -> Option<String> {
    let mut value = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            value.push(character);
            continue;
        }
        match characters.next()? {
            '\n' => {}
            '\\' => value.push('\\'),
            quote @ ('\'' | '"') => value.push(quote),
            'n' => value.push('\n'),
            'r' => value.push('\r'),
            't' => value.push('\t'),
            _ => return None,
        }
    }
    Some(value)
}

/// Finds the closing mark. A backslash escapes the next character, in raw strings too.
fn end_of_string(inside: &str, mark: &str) -> Option<usize> {
    let mut escaped = false;
    for (place, character) in inside.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if inside.get(place..)?.starts_with(mark) {
            return Some(place);
        } else if character == '\n' && mark.len() == 1 {
            return None;
        }
    }
    None
}
