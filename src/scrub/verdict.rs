//! Decides whether a CHECK accepts values, as far as that is possible without a server.
//!
//! Evaluates only what means the same on every server: comparisons of integers, equality of texts,
//! lists, NULL tests, lengths, and AND, OR and NOT around them. Everything else is open.

use std::collections::BTreeMap;

/// The result of a condition for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// True or NULL. A CHECK accepts both.
    Passes,
    Fails,
    /// It depends on unknown values, or was not understood.
    Open,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Text(String),
    Integer(i64),
    Boolean(bool),
    Open,
}

/// The deepest nesting of parentheses. The server's own conditions have fewer.
const MAXIMUM_DEPTH: usize = 40;

/// The condition's result with these values. A column without a value here can hold anything.
pub(super) fn verdict(expression: &str, values: &BTreeMap<&str, Value>) -> Verdict {
    let Some(tokens) = tokens(expression) else { return Verdict::Open };
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0, values };
    match parser.disjunction() {
        Some(value) if parser.at == tokens.len() => match value {
            Value::Boolean(true) | Value::Null => Verdict::Passes,
            Value::Boolean(false) => Verdict::Fails,
            _ => Verdict::Open,
        },
        _ => Verdict::Open,
    }
}

/// Whether a condition that is false with NULL for unknown values is false for every value. True if
/// it has only comparisons, AND, OR, NOT, and functions known to return NULL for NULL.
pub(super) fn null_stands_for_anything(expression: &str) -> bool {
    const STRICT: [&str; 14] = [
        "length",
        "char_length",
        "character_length",
        "octet_length",
        "lower",
        "upper",
        "btrim",
        "ltrim",
        "rtrim",
        "abs",
        "strpos",
        "left",
        "right",
        "date_part",
    ];
    const NOT_STRICT: [&str; 7] =
        ["is", "case", "isnull", "notnull", "row", "operator", "distinct"];
    let Some(tokens) = tokens(expression) else { return false };
    let mut pairs = tokens.iter().zip(tokens.iter().skip(1).map(Some).chain([None]));
    pairs.all(|(token, next)| match token {
        Token::Word(word) => {
            let is_call = next == Some(&Token::Open)
                && !matches!(word.as_str(), "and" | "or" | "not" | "any" | "array");
            !NOT_STRICT.contains(&word.as_str()) && (!is_call || STRICT.contains(&word.as_str()))
        }
        Token::Name(_) => next != Some(&Token::Open),
        _ => true,
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A bare word in lower case, or a number.
    Word(String),
    /// In double quotes.
    Name(String),
    Text(String),
    Sign(String),
    Open,
    Close,
}

fn tokens(expression: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => {
                let (text, length) = quoted(rest, first)?;
                // Only a backslash makes the reading of strings depend on settings.
                if first == '\'' && text.contains('\\') {
                    return None;
                }
                let token = if first == '"' { Token::Name(text) } else { Token::Text(text) };
                tokens.push(token);
                length
            }
            '(' | '[' => push(&mut tokens, Token::Open),
            ')' | ']' => push(&mut tokens, Token::Close),
            ',' => push(&mut tokens, Token::Sign(",".into())),
            ':' if rest.starts_with("::") => {
                tokens.push(Token::Sign("::".into()));
                2
            }
            _ if first.is_whitespace() => first.len_utf8(),
            _ if first.is_alphanumeric() || first == '_' => {
                let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.' || c == '$';
                let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest.get(..end)?.to_lowercase()));
                end
            }
            _ => {
                let is_operator = |c: char| "<>=!~+-*/%|&#@?^".contains(c);
                let end = rest.find(|c: char| !is_operator(c)).unwrap_or(rest.len());
                if end == 0 {
                    return None;
                }
                tokens.push(Token::Sign(rest.get(..end)?.to_owned()));
                end
            }
        };
        rest = rest.get(length..)?;
    }
    Some(tokens)
}

fn push(tokens: &mut Vec<Token>, token: Token) -> usize {
    tokens.push(token);
    1
}

/// The quoted text at the start, and its length with the quotes.
fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((index, character)) = characters.next() {
        if character != quote {
            text.push(character);
        } else if characters.peek().is_some_and(|(_, next)| *next == quote) {
            characters.next();
            text.push(quote);
        } else {
            return Some((text, index + quote.len_utf8()));
        }
    }
    None
}

/// Evaluates while it reads. `None` if something is not understood.
struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    values: &'a BTreeMap<&'a str, Value>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, token: &Token) -> bool {
        let is_next = self.peek() == Some(token);
        self.at += usize::from(is_next);
        is_next
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Word(next)) if next == word);
        self.at += usize::from(is_next);
        is_next
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Sign(next)) if next == sign);
        self.at += usize::from(is_next);
        is_next
    }

    fn disjunction(&mut self) -> Option<Value> {
        let mut value = self.conjunction()?;
        while self.take_word("or") {
            value = join(value, self.conjunction()?, true)?;
        }
        Some(value)
    }

    fn conjunction(&mut self) -> Option<Value> {
        let mut value = self.negation()?;
        while self.take_word("and") {
            value = join(value, self.negation()?, false)?;
        }
        Some(value)
    }

    fn negation(&mut self) -> Option<Value> {
        if !self.take_word("not") {
            return self.comparison();
        }
        self.depth += 1;
        if self.depth > MAXIMUM_DEPTH {
            return None;
        }
        let value = self.negation()?;
        self.depth -= 1;
        match value {
            Value::Boolean(value) => Some(Value::Boolean(!value)),
            Value::Null | Value::Open => Some(value),
            _ => None,
        }
    }

    fn comparison(&mut self) -> Option<Value> {
        let left = self.operand()?;
        if self.take_word("is") {
            let negated = self.take_word("not");
            if !self.take_word("null") {
                return None;
            }
            return Some(match left {
                Value::Open => Value::Open,
                value => Value::Boolean((value == Value::Null) != negated),
            });
        }
        let Some(Token::Sign(sign)) = self.peek().cloned() else { return Some(left) };
        if sign == "," || sign == "::" {
            return Some(left);
        }
        self.at += 1;
        if self.take_word("any") {
            let list = self.list()?;
            if sign != "=" {
                return Some(Value::Open);
            }
            let equal = list.into_iter().map(|one| compare(&left, "=", &one));
            return equal.reduce(|one, other| join(one, other, true).unwrap_or(Value::Open));
        }
        let right = self.operand()?;
        Some(compare(&left, &sign, &right))
    }

    /// `(ARRAY['a'::text, 'b'::text])`, possibly with a cast around it.
    fn list(&mut self) -> Option<Vec<Value>> {
        self.enter()?;
        let values = match self.take_word("array") {
            true => {
                let mut values = Vec::new();
                self.enter()?;
                loop {
                    values.push(self.operand()?);
                    if !self.take_sign(",") {
                        break;
                    }
                }
                self.leave()?;
                values
            }
            false => self.list()?,
        };
        if self.take_sign("::") {
            self.type_name()?;
        }
        self.leave()?;
        Some(values)
    }

    fn enter(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= MAXIMUM_DEPTH && self.take(&Token::Open)).then_some(())
    }

    fn leave(&mut self) -> Option<()> {
        self.depth = self.depth.saturating_sub(1);
        self.take(&Token::Close).then_some(())
    }

    fn operand(&mut self) -> Option<Value> {
        let mut value = match self.peek()?.clone() {
            Token::Open => {
                self.enter()?;
                let value = self.disjunction()?;
                self.leave()?;
                value
            }
            Token::Text(text) => {
                self.at += 1;
                Value::Text(text)
            }
            Token::Sign(sign) if sign == "-" => {
                self.at += 1;
                let Token::Word(word) = self.peek()?.clone() else { return None };
                self.at += 1;
                Value::Integer(word.parse::<i64>().ok()?.checked_neg()?)
            }
            Token::Name(name) => {
                self.at += 1;
                self.column(&name)
            }
            Token::Word(word) => {
                self.at += 1;
                self.word(&word)?
            }
            Token::Sign(_) | Token::Close => return None,
        };
        while self.take_sign("::") {
            let type_name = self.type_name()?;
            value = cast(value, &type_name);
        }
        Some(value)
    }

    fn column(&self, name: &str) -> Value {
        self.values.get(name).cloned().unwrap_or(Value::Open)
    }

    fn word(&mut self, word: &str) -> Option<Value> {
        if self.peek() == Some(&Token::Open) {
            return self.call(word);
        }
        Some(match word {
            "null" => Value::Null,
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            "and" | "or" | "not" | "is" | "any" | "all" | "array" | "case" | "between" | "in"
            | "collate" | "at" => return None,
            _ if word.starts_with(|c: char| c.is_ascii_digit()) => {
                word.parse().map_or(Value::Open, Value::Integer)
            }
            _ => self.column(word),
        })
    }

    fn call(&mut self, function: &str) -> Option<Value> {
        self.enter()?;
        let mut arguments = Vec::new();
        if self.peek() != Some(&Token::Close) {
            loop {
                arguments.push(self.disjunction()?);
                if !self.take_sign(",") {
                    break;
                }
            }
        }
        self.leave()?;
        Some(match (function, arguments.as_slice()) {
            ("length" | "char_length" | "character_length", [Value::Text(text)]) => {
                i64::try_from(text.chars().count()).map_or(Value::Open, Value::Integer)
            }
            ("length" | "char_length" | "character_length", [Value::Null]) => Value::Null,
            ("lower" | "upper", [Value::Text(text)]) if text.is_ascii() => {
                Value::Text(match function {
                    "lower" => text.to_ascii_lowercase(),
                    _ => text.to_ascii_uppercase(),
                })
            }
            ("lower" | "upper", [Value::Null]) => Value::Null,
            _ => Value::Open,
        })
    }

    /// The type after `::`, without its length.
    fn type_name(&mut self) -> Option<String> {
        const FURTHER: [&str; 8] =
            ["varying", "precision", "with", "without", "time", "zone", "day", "to"];
        let mut name = match self.peek()?.clone() {
            Token::Word(name) => name,
            Token::Name(name) => format!("\"{name}\""),
            _ => return None,
        };
        self.at += 1;
        while let Some(Token::Word(word)) = self.peek().cloned() {
            if !FURTHER.contains(&word.as_str()) {
                break;
            }
            name = format!("{name} {word}");
            self.at += 1;
        }
        while self.take(&Token::Open) {
            // A length, or the brackets of an array.
            name.push_str("()");
            while !self.take(&Token::Close) {
                self.peek()?;
                self.at += 1;
            }
        }
        Some(name)
    }
}

/// AND or OR of two conditions.
fn join(one: Value, other: Value, or: bool) -> Option<Value> {
    let decides = Value::Boolean(or);
    if one == decides || other == decides {
        return Some(decides);
    }
    let is_condition =
        |value: &Value| matches!(value, Value::Boolean(_) | Value::Null | Value::Open);
    if !is_condition(&one) || !is_condition(&other) {
        return None;
    }
    Some(match (one, other) {
        (Value::Open, _) | (_, Value::Open) => Value::Open,
        (Value::Null, _) | (_, Value::Null) => Value::Null,
        _ => Value::Boolean(!or),
    })
}

fn compare(left: &Value, sign: &str, right: &Value) -> Value {
    const KNOWN: [&str; 6] = ["=", "<>", "<", ">", "<=", ">="];
    if !KNOWN.contains(&sign) {
        return Value::Open;
    }
    match (left, right) {
        // A NULL on either side makes the result NULL.
        (Value::Null, _) | (_, Value::Null) => Value::Null,
        (Value::Integer(left), Value::Integer(right)) => Value::Boolean(match sign {
            "=" => left == right,
            "<>" => left != right,
            "<" => left < right,
            ">" => left > right,
            "<=" => left <= right,
            _ => left >= right,
        }),
        (Value::Text(left), Value::Text(right)) if sign == "=" => Value::Boolean(left == right),
        (Value::Text(left), Value::Text(right)) if sign == "<>" => Value::Boolean(left != right),
        _ => Value::Open,
    }
}

fn cast(value: Value, type_name: &str) -> Value {
    match (value, type_name) {
        (value @ (Value::Null | Value::Text(_)), "text" | "character varying") => value,
        (value @ (Value::Null | Value::Integer(_)), "integer" | "bigint" | "smallint") => value,
        (Value::Text(text), "integer" | "bigint" | "smallint") => {
            text.parse().map_or(Value::Open, Value::Integer)
        }
        (Value::Null, _) => Value::Null,
        _ => Value::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expression: &str) -> Verdict {
        let values = BTreeMap::from([
            ("t", Value::Text("000".into())),
            ("n", Value::Integer(5)),
            ("z", Value::Null),
        ]);
        verdict(expression, &values)
    }

    #[test]
    fn only_certain_results_are_decided() {
        use Verdict::{Fails, Open, Passes};
        for (expression, expected) in [
            ("((n > 4))", Passes),
            ("((n > 5))", Fails),
            ("((n >= '-1'::integer))", Passes),
            ("((n < (-1)))", Fails),
            ("((z > 5))", Passes),
            ("((z IS NOT NULL))", Fails),
            ("((other IS NOT NULL))", Open),
            ("(((n > 5) AND (other > 1)))", Fails),
            ("(((n > 5) OR (other > 1)))", Open),
            ("(((n > 4) OR (other > 1)))", Passes),
            ("((NOT (n > 4)))", Fails),
            ("((t = '000'::text))", Passes),
            ("(((t)::text <> ''::text))", Passes),
            (
                "(((t)::text = ANY ((ARRAY['a'::character varying, '000'::character varying])::text[])))",
                Passes,
            ),
            ("((t = ANY (ARRAY['a'::text, 'b'::text])))", Fails),
            ("((t = ANY (ARRAY['a'::text, other])))", Open),
            ("((length(t) >= 3))", Passes),
            ("((char_length((t)::text) > 3))", Fails),
            ("((upper(t) = '000'::text))", Passes),
            ("((t ~ '^Z[0-9]+$'::text))", Open),
            ("((t < 'a'::text))", Open),
            ("((public.odd(t)))", Open),
            ("((COALESCE(z, 1) > 0))", Open),
            ("((t = 'a\\'::text))", Open),
            ("((n > 5)", Open),
            ("", Open),
        ] {
            assert_eq!(of(expression), expected, "{expression}");
        }
    }

    #[test]
    fn null_stands_for_anything_only_in_strict_conditions() {
        for (expression, expected) in [
            ("(((t ~ '^Z'::text) AND (other > 1)))", true),
            ("((lower(t) = other))", true),
            ("(((t IS NULL) = (other IS NULL)))", false),
            ("((public.odd(t, other)))", false),
            ("((COALESCE(other, 1) > 0))", false),
            ("((\"Odd\"(t)))", false),
            ("((t = ANY (ARRAY['a'::text, other])))", true),
        ] {
            assert_eq!(null_stands_for_anything(expression), expected, "{expression}");
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::property_test::config(256))]

        #[test]
        fn no_expression_causes_a_panic(expression in "[-a-cn0-9 '\":()\\[\\],<>=éANDORT]{0,60}") {
            of(&expression);
            null_stands_for_anything(&expression);
        }
    }
}
