//! Reads Python expressions as migrations write them: calls, lists, dictionaries, texts and names.
//!
//! Everything else becomes [`Kind::Other`], so no reader takes it for a known value.

use super::tokens::Token;

/// Deeper expressions are not read. The definitions of StreamField blocks have about 40 levels.
const DEEPEST: usize = 200;

/// An expression, and the line of the file on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    pub row: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Text(String),
    Number(String),
    /// A name, or names with full stops between them. `True` and `None` are names too.
    Path(Vec<String>),
    /// A list, a tuple or a set.
    List(Vec<Expression>),
    Dictionary(Vec<(Expression, Expression)>),
    Call(Call),
    /// An operator, a comprehension, a lambda: anything whose value is not written there.
    Other,
}

/// A call of a function or a class that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub function: Vec<String>,
    pub arguments: Vec<Argument>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// `None` for an argument by position.
    pub name: Option<String>,
    pub value: Expression,
}

impl Expression {
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn list(&self) -> Option<&[Expression]> {
        match &self.kind {
            Kind::List(entries) => Some(entries),
            _ => None,
        }
    }

    /// Whether it is this name alone, such as `None`.
    pub fn is_name(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Path(path) if matches!(path.as_slice(), [one] if one == name))
    }
}

impl Call {
    /// An argument by its name, or else by its position.
    pub fn argument(&self, name: &str, position: usize) -> Option<&Expression> {
        self.named(name).or_else(|| {
            let mut by_position = self.arguments.iter().filter(|one| one.name.is_none());
            by_position.nth(position).map(|one| &one.value)
        })
    }

    pub fn named(&self, name: &str) -> Option<&Expression> {
        let mut arguments = self.arguments.iter();
        arguments.find(|one| one.name.as_deref() == Some(name)).map(|one| &one.value)
    }

    /// Whether `*x` or `**x` brings arguments that are not written there.
    pub fn has_hidden_arguments(&self) -> bool {
        self.arguments.iter().any(|one| one.name.as_deref() == Some(STARRED))
    }
}

/// Stands for the name of `*x` and `**x`.
const STARRED: &str = "*";

/// Reads tokens with their rows as one expression.
pub fn read(tokens: &[Token], rows: &[usize]) -> Expression {
    let mut parser = Parser { tokens, rows, depth: 0 };
    let mut expression = parser.expression();
    if !parser.tokens.is_empty() {
        // `x = 1, 2`
        expression.kind = Kind::Other;
    }
    expression
}

struct Parser<'a> {
    tokens: &'a [Token],
    rows: &'a [usize],
    depth: usize,
}

impl<'a> Parser<'a> {
    fn next_is(&self, sign: char) -> bool {
        self.tokens.first() == Some(&Token::Sign(sign))
    }

    fn advance(&mut self) -> Option<&'a Token> {
        let (token, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        self.rows = self.rows.get(1..).unwrap_or_default();
        Some(token)
    }

    /// Passes a sign if it is next.
    fn pass(&mut self, sign: char) -> bool {
        let is_next = self.next_is(sign);
        if is_next {
            self.advance();
        }
        is_next
    }

    fn expression(&mut self) -> Expression {
        let row = self.rows.first().copied().unwrap_or_default();
        self.depth += 1;
        let mut kind = if self.depth > DEEPEST { Kind::Other } else { self.primary() };
        self.depth -= 1;
        if !self.is_at_end() {
            self.skip();
            kind = Kind::Other;
        }
        Expression { row, kind }
    }

    fn is_at_end(&self) -> bool {
        matches!(self.tokens.first(), None | Some(Token::Sign(',' | ')' | ']' | '}' | ':')))
    }

    /// Passes the rest of an expression that is not understood.
    fn skip(&mut self) {
        let mut depth = 0usize;
        while let Some(token) = self.tokens.first() {
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') if depth == 0 => return,
                Token::Sign(')' | ']' | '}') => depth -= 1,
                Token::Sign(',' | ':') if depth == 0 => return,
                _ => {}
            }
            self.advance();
        }
    }

    fn primary(&mut self) -> Kind {
        match self.tokens.first() {
            Some(Token::Text(_)) => self.texts(),
            Some(Token::Number(number)) => {
                self.advance();
                Kind::Number(number.clone())
            }
            Some(Token::Name(_)) => self.path_or_call(),
            Some(Token::Sign('(')) => self.parenthesis(),
            Some(Token::Sign('[')) => {
                self.advance();
                let (entries, _) = self.entries(']');
                Kind::List(entries)
            }
            Some(Token::Sign('{')) => self.braces(),
            _ => Kind::Other,
        }
    }

    /// Adjacent strings are one text.
    fn texts(&mut self) -> Kind {
        let mut text = String::new();
        while let Some(Token::Text(part)) = self.tokens.first() {
            text.push_str(part);
            self.advance();
        }
        Kind::Text(text)
    }

    fn path_or_call(&mut self) -> Kind {
        let mut path = Vec::new();
        while let Some(Token::Name(name)) = self.tokens.first() {
            path.push(name.clone());
            self.advance();
            if !self.pass('.') {
                break;
            }
        }
        match self.pass('(') {
            true => Kind::Call(Call { function: path, arguments: self.arguments() }),
            false => Kind::Path(path),
        }
    }

    fn parenthesis(&mut self) -> Kind {
        self.advance();
        let (mut entries, commas) = self.entries(')');
        match (entries.len(), commas) {
            // Only a comma makes a tuple.
            (1, 0) => entries.pop().map_or(Kind::Other, |one| one.kind),
            _ => Kind::List(entries),
        }
    }

    /// The entries up to the closing bracket, and how many commas there are.
    fn entries(&mut self, close: char) -> (Vec<Expression>, usize) {
        let (mut entries, mut commas) = (Vec::new(), 0);
        while !self.tokens.is_empty() && !self.pass(close) {
            let entry = self.expression();
            entries.push(entry);
            if self.pass(',') {
                commas += 1;
            } else if !self.next_is(close) {
                self.lose(&mut entries);
            }
        }
        (entries, commas)
    }

    /// Passes a sign that cannot be there, and gives up the value before it.
    fn lose(&mut self, entries: &mut [Expression]) {
        if let Some(last) = entries.last_mut() {
            last.kind = Kind::Other;
        }
        self.advance();
    }

    fn braces(&mut self) -> Kind {
        self.advance();
        let (mut pairs, mut entries) = (Vec::new(), Vec::new());
        while !self.tokens.is_empty() && !self.pass('}') {
            let key = self.expression();
            if self.pass(':') {
                pairs.push((key, self.expression()));
            } else {
                entries.push(key);
            }
            if !self.pass(',') && !self.next_is('}') {
                self.lose(&mut entries);
                pairs.clear();
                entries.resize(1, Expression { row: 0, kind: Kind::Other });
            }
        }
        match (pairs.is_empty(), entries.is_empty()) {
            (_, true) => Kind::Dictionary(pairs),
            (true, false) => Kind::List(entries),
            // `{**x, "a": 1}`
            (false, false) => Kind::Other,
        }
    }

    fn arguments(&mut self) -> Vec<Argument> {
        let mut arguments = Vec::new();
        while !self.tokens.is_empty() && !self.pass(')') {
            let name = self.argument_name();
            let mut value = self.expression();
            if !self.pass(',') && !self.next_is(')') {
                value.kind = Kind::Other;
                self.skip();
                if !self.next_is(')') {
                    self.advance();
                }
            }
            arguments.push(Argument { name, value });
        }
        arguments
    }

    fn argument_name(&mut self) -> Option<String> {
        match self.tokens {
            [Token::Name(name), Token::Sign('='), rest @ ..]
                if rest.first() != Some(&Token::Sign('=')) =>
            {
                self.advance();
                self.advance();
                Some(name.clone())
            }
            [Token::Sign('*'), ..] => Some(STARRED.to_owned()),
            _ => None,
        }
    }
}
