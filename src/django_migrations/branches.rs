//! Follows `if connection.vendor == "…"` in the body of a migration: the database is Postgres.

use super::tokens::{Line, Token};

/// The lines of the body that count, each with its indentation inside of the branch taken away. A
/// condition that is not about the vendor leaves its lines as they are.
pub fn taken(body: &[Line]) -> Vec<(usize, &Line)> {
    let indent = body.first().map(|line| line.indent).unwrap_or_default();
    let mut lines = Vec::new();
    let mut branch = Branch::Outside;
    let mut inner = None;
    for line in body {
        if line.indent > indent {
            match branch {
                Branch::Outside => lines.push((line.indent, line)),
                Branch::Taken => {
                    let first = *inner.get_or_insert(line.indent);
                    lines.push((line.indent - first.min(line.indent) + indent, line));
                }
                Branch::Skipped | Branch::Over => {}
            }
            continue;
        }
        inner = None;
        branch = branch.next(line);
        if branch == Branch::Outside {
            lines.push((line.indent, line));
        }
    }
    lines
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    /// Not in a condition about the vendor.
    Outside,
    Taken,
    Skipped,
    /// After the branch that was taken.
    Over,
}

impl Branch {
    fn next(self, line: &Line) -> Branch {
        let Some(Token::Name(word)) = line.tokens.first() else { return Branch::Outside };
        match (word.as_str(), self) {
            ("if", _) => Branch::of(line),
            ("elif" | "else", Branch::Taken | Branch::Over) => Branch::Over,
            ("elif", Branch::Skipped) => Branch::of(line),
            ("else", Branch::Skipped) => Branch::Taken,
            _ => Branch::Outside,
        }
    }

    fn of(line: &Line) -> Branch {
        match is_for_postgres(line.tokens.get(1..).unwrap_or_default()) {
            Some(true) => Branch::Taken,
            Some(false) => Branch::Skipped,
            None => Branch::Outside,
        }
    }
}

/// Whether `connection.vendor == "…":`, alone or with more conditions after `and`, is true.
fn is_for_postgres(tokens: &[Token]) -> Option<bool> {
    let [
        connection,
        Token::Sign('.'),
        vendor,
        Token::Sign(sign),
        Token::Sign('='),
        Token::Text(name),
        rest @ ..,
    ] = tokens
    else {
        return None;
    };
    if !connection.is_name("connection") || !vendor.is_name("vendor") {
        return None;
    }
    let is_true = match sign {
        '=' => name == "postgresql",
        '!' => name != "postgresql",
        _ => return None,
    };
    match rest {
        [Token::Sign(':')] => Some(is_true),
        [and, ..] if and.is_name("and") && !is_true => Some(false),
        _ => None,
    }
}
