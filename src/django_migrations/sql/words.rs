//! Splits SQL into words, names, strings and signs.

/// A part of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// A word or a name without quotes, in lower case as in the catalog.
    Bare(String),
    /// A name in quotes.
    Quoted(String),
    /// A string or a number.
    Value(String),
    Sign(char),
}

impl Word {
    pub fn is(&self, key: &str) -> bool {
        matches!(self, Word::Bare(word) if word == key)
    }

    /// For a message. A value may be of a person, so it is not repeated.
    pub fn written(&self) -> String {
        match self {
            Word::Bare(word) => word.to_uppercase(),
            Word::Quoted(name) => name.clone(),
            Word::Value(_) => "…".to_owned(),
            Word::Sign(sign) => sign.to_string(),
        }
    }
}

/// # Errors
/// A string, a name or a comment is never closed.
pub fn split(text: &str) -> Result<Vec<Word>, String> {
    let mut splitter = Splitter { rest: text };
    let mut words = Vec::new();
    while let Some(first) = splitter.rest.chars().next() {
        if let Some(word) = splitter.next(first)? {
            words.push(word);
        }
    }
    Ok(words)
}

struct Splitter<'a> {
    rest: &'a str,
}

impl<'a> Splitter<'a> {
    fn next(&mut self, first: char) -> Result<Option<Word>, String> {
        let rest = self.rest;
        if rest.starts_with("--") {
            self.rest = rest.find('\n').and_then(|end| rest.get(end..)).unwrap_or_default();
            return Ok(None);
        }
        if let Some(inside) = rest.strip_prefix("/*") {
            self.until(inside, "*/", "a comment")?;
            return Ok(None);
        }
        if let Some(inside) = rest.strip_prefix('\'') {
            let value = self.until(inside, "'", "a string")?;
            return Ok(Some(Word::Value(value.to_owned())));
        }
        if let Some(inside) = rest.strip_prefix('"') {
            let name = self.until(inside, "\"", "a name")?;
            return Ok(Some(Word::Quoted(name.to_owned())));
        }
        if let Some(mark) = dollar_mark(rest) {
            let inside = rest.get(mark.len()..).unwrap_or_default();
            let value = self.until(inside, mark, "a string")?;
            return Ok(Some(Word::Value(value.to_owned())));
        }
        let is_letter = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        if is_letter(first) {
            let end = rest.find(|c| !is_letter(c)).unwrap_or(rest.len());
            let (word, rest) = rest.split_at(end);
            self.rest = rest;
            if word.eq_ignore_ascii_case("e") && rest.starts_with('\'') {
                return Err("a string of its SQL has escapes".to_owned());
            }
            return Ok(Some(match first.is_ascii_digit() {
                true => Word::Value(word.to_owned()),
                false => Word::Bare(word.to_lowercase()),
            }));
        }
        self.rest = rest.get(first.len_utf8()..).unwrap_or_default();
        Ok((!first.is_whitespace()).then_some(Word::Sign(first)))
    }

    fn until(&mut self, inside: &'a str, mark: &str, what: &str) -> Result<&'a str, String> {
        let end = inside.find(mark).ok_or_else(|| format!("{what} of its SQL is never closed"))?;
        self.rest = inside.get(end + mark.len()..).unwrap_or_default();
        Ok(inside.get(..end).unwrap_or_default())
    }
}

/// `$$` or `$name$` at the beginning of a string.
fn dollar_mark(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('$')?;
    let end = inside.find('$')?;
    let is_plain = inside.get(..end)?.chars().all(|c| c.is_alphanumeric() || c == '_');
    text.get(..end + 2).filter(|_| is_plain)
}
