//! Reads the few forms of value that migrations use for their dependencies.

use super::tokens::Token;

/// A migration that another one depends on, replaces, or runs before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// `("app", "name")`.
    Pair(String, String),
    /// `migrations.swappable_dependency(settings.X)`: the first migration of an app that only the
    /// settings know.
    Swappable,
}

/// Reads a value that is only plain text. Adjacent strings are one text.
pub fn text(tokens: &[Token]) -> Option<String> {
    let parts = tokens.iter().map(|token| match token {
        Token::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let text: Option<String> = parts.collect();
    text.filter(|_| !tokens.is_empty())
}

/// Reads a list or tuple of only [`Value`]s.
pub fn values(tokens: &[Token]) -> Result<Vec<Value>, String> {
    let Some((Token::Sign(open), rest)) = tokens.split_first() else { return Err(unknown()) };
    let close = match open {
        '[' => ']',
        '(' => ')',
        _ => return Err(unknown()),
    };
    let (inner, after) = until_closed(rest, close).ok_or_else(unknown)?;
    if !after.is_empty() {
        return Err("something follows the list".to_owned());
    }
    // `(("app", "name"))` is one pair and not a tuple with one entry, because only a comma makes a
    // tuple.
    let parts = split(inner);
    if *open == '(' && parts.len() == 1 && inner.last() != Some(&Token::Sign(',')) {
        return Err(unknown());
    }
    parts.into_iter().map(value).collect()
}

fn unknown() -> String {
    "it is not a plain list".to_owned()
}

fn value(tokens: &[Token]) -> Result<Value, String> {
    match tokens {
        [Token::Sign('('), rest @ ..] => {
            pair(rest).ok_or_else(|| "an entry is not a pair of plain strings".to_owned())
        }
        _ => swappable(tokens).ok_or_else(|| {
            "an entry is neither a pair of strings nor a swappable_dependency".to_owned()
        }),
    }
}

fn pair(tokens: &[Token]) -> Option<Value> {
    let (inner, []) = until_closed(tokens, ')')? else { return None };
    match split(inner).as_slice() {
        [app, name] => Some(Value::Pair(text(app)?, text(name)?)),
        _ => None,
    }
}

/// `migrations.swappable_dependency(…)`, also imported by its own name.
fn swappable(tokens: &[Token]) -> Option<Value> {
    let call = tokens.iter().position(|token| token.is_name("swappable_dependency"))?;
    let (before, rest) = tokens.split_at(call);
    let qualified = before.iter().all(|token| matches!(token, Token::Name(_) | Token::Sign('.')));
    let [_, Token::Sign('('), rest @ ..] = rest else { return None };
    let (argument, []) = until_closed(rest, ')')? else { return None };
    if !qualified {
        return None;
    }
    match text(argument) {
        // The model is named directly, so the app is known.
        Some(model) => {
            let (app, _) = model.split_once('.')?;
            Some(Value::Pair(app.to_owned(), "__first__".to_owned()))
        }
        None => Some(Value::Swappable),
    }
}

/// The tokens up to the closing bracket, and those after it.
fn until_closed(tokens: &[Token], close: char) -> Option<(&[Token], &[Token])> {
    let mut depth = 0usize;
    for (place, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(sign @ (')' | ']' | '}')) => {
                if depth == 0 {
                    let (inner, rest) = tokens.split_at(place);
                    return (*sign == close).then(|| (inner, rest.get(1..).unwrap_or_default()));
                }
                depth -= 1;
            }
            _ => {}
        }
    }
    None
}

/// Splits at the commas outside brackets. A comma at the end adds nothing.
fn split(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0usize;
    let mut parts: Vec<&[Token]> = tokens
        .split(|token| {
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && *token == Token::Sign(',')
        })
        .collect();
    if parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    parts
}
