//! Decides whether a CHECK accepts a value, as far as that is possible without a server.

/// A value that a column could have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Candidate {
    Null,
    Text(String),
}

/// Words with which an expression may be false for a NULL, or that reverse a meaning.
const TURNS: [&str; 9] =
    ["not", "is", "coalesce", "case", "nullif", "num_nulls", "num_nonnulls", "distinct", "concat"];

/// Whether the expression certainly holds for the candidate, whatever the other columns hold.
pub(super) fn holds(expression: &str, column: &str, candidate: &Candidate) -> bool {
    let tokens = tokens(expression);
    if !tokens.iter().any(|token| token.is_column(column)) {
        return true;
    }
    match candidate {
        // Comparisons with NULL are neither true nor false, and a CHECK fails only for false. AND
        // and OR do not change that.
        Candidate::Null => !tokens.iter().any(|token| TURNS.contains(&token.word())),
        Candidate::Text(value) => conjuncts(&tokens)
            .is_some_and(|parts| parts.iter().all(|part| comparison_holds(part, column, value))),
    }
}

/// Values in the expressions themselves, because one of them may pass.
pub(super) fn mentioned(expression: &str) -> Vec<String> {
    let mut values = Vec::new();
    for token in tokens(expression) {
        match token {
            Lexeme::Text(text) => values.push(text),
            Lexeme::Word(word) => {
                if let Ok(number) = word.parse::<i64>() {
                    let around = [Some(number), number.checked_add(1), number.checked_sub(1)];
                    values.extend(around.into_iter().flatten().map(|one| one.to_string()));
                }
            }
            _ => {}
        }
    }
    values
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Lexeme {
    /// A bare word or a number, in lower case.
    Word(String),
    Quoted(String),
    Text(String),
    Sign(String),
}

impl Lexeme {
    fn word(&self) -> &str {
        match self {
            Lexeme::Word(word) => word,
            _ => "",
        }
    }

    fn is_column(&self, column: &str) -> bool {
        matches!(self, Lexeme::Word(name) | Lexeme::Quoted(name) if name == column)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self, Lexeme::Sign(own) if own == sign)
    }
}

/// The expression without parentheses and casts.
fn tokens(expression: &str) -> Vec<Lexeme> {
    let mut result: Vec<Lexeme> = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => {
                let (text, length) = quoted(rest, first);
                let lexeme = if first == '"' { Lexeme::Quoted(text) } else { Lexeme::Text(text) };
                result.push(lexeme);
                length
            }
            ':' if rest.starts_with("::") => cast_length(rest),
            '(' | ')' => 1,
            _ if first.is_whitespace() => first.len_utf8(),
            _ if first.is_alphanumeric() || first == '_' => {
                let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
                let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
                let word = rest.get(..end).unwrap_or_default().to_lowercase();
                match result.last() {
                    // A minus before a number belongs to the number, unless a value precedes it.
                    Some(Lexeme::Sign(sign)) if sign == "-" && word.parse::<f64>().is_ok() => {
                        result.pop();
                        result.push(Lexeme::Word(format!("-{word}")));
                    }
                    _ => result.push(Lexeme::Word(word)),
                }
                end
            }
            _ => {
                let is_operator = |c: char| "<>=!~+-*/%|&#@?^".contains(c);
                let end = rest.find(|c: char| !is_operator(c)).unwrap_or(rest.len());
                let end = end.max(first.len_utf8());
                result.push(Lexeme::Sign(rest.get(..end).unwrap_or_default().to_owned()));
                end
            }
        };
        rest = rest.get(length.max(1)..).unwrap_or_default();
    }
    result
}

/// The quoted text at the start, and its length with the quotes.
fn quoted(rest: &str, quote: char) -> (String, usize) {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((index, character)) = characters.next() {
        if character != quote {
            text.push(character);
        } else if characters.peek().is_some_and(|(_, next)| *next == quote) {
            characters.next();
            text.push(quote);
        } else {
            return (text, index + quote.len_utf8());
        }
    }
    (text, rest.len())
}

/// The length of a cast such as `::character varying(5)[]`.
fn cast_length(rest: &str) -> usize {
    const WORDS: [&str; 9] = [
        "double",
        "precision",
        "character",
        "varying",
        "timestamp",
        "time",
        "with",
        "without",
        "zone",
    ];
    let mut end = 2;
    loop {
        let after = rest.get(end..).unwrap_or_default();
        let word = after.find(|c: char| !(c.is_alphanumeric() || "_.\"".contains(c)));
        end += word.unwrap_or(after.len());
        let tail = rest.get(end..).unwrap_or_default();
        let next = tail.strip_prefix(' ').unwrap_or_default();
        let first = next.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        if !WORDS.contains(&first) {
            break;
        }
        end += 1;
    }
    for (open, close) in [('(', ')'), ('[', ']')] {
        let tail = rest.get(end..).unwrap_or_default();
        if tail.starts_with(open) {
            end += tail.find(close).map_or(0, |position| position + 1);
        }
    }
    end
}

/// The parts between ANDs. `None` if anything else joins or reverses them.
fn conjuncts(tokens: &[Lexeme]) -> Option<Vec<&[Lexeme]>> {
    let joins = |token: &Lexeme| token.word() == "or" || TURNS.contains(&token.word());
    if tokens.iter().any(joins) {
        return None;
    }
    Some(tokens.split(|token| token.word() == "and").collect())
}

fn comparison_holds(part: &[Lexeme], column: &str, value: &str) -> bool {
    if !part.iter().any(|token| token.is_column(column)) {
        // It held for the original row.
        return true;
    }
    match part {
        [left, Lexeme::Sign(sign), right] if left.is_column(column) => {
            let Some(right) = constant(right) else { return false };
            compare(value, sign, right)
        }
        [left, equal, any, array, list @ ..]
            if left.is_column(column)
                && equal.is_sign("=")
                && any.word() == "any"
                && array.word() == "array" =>
        {
            list.iter().filter_map(constant).any(|one| one == value)
        }
        _ => false,
    }
}

fn constant(lexeme: &Lexeme) -> Option<&str> {
    match lexeme {
        Lexeme::Text(text) => Some(text),
        Lexeme::Word(word) if word.parse::<f64>().is_ok() => Some(word),
        _ => None,
    }
}

fn compare(left: &str, sign: &str, right: &str) -> bool {
    let numbers = left.parse::<f64>().ok().zip(right.parse::<f64>().ok());
    match (sign, numbers) {
        ("=", _) => left == right,
        ("<>" | "!=", Some((left, right))) => left != right,
        ("<>" | "!=", None) => left != right,
        (">=", Some((left, right))) => left >= right,
        (">", Some((left, right))) => left > right,
        ("<=", Some((left, right))) => left <= right,
        ("<", Some((left, right))) => left < right,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comparisons_and_lists_are_understood() {
        let text = |value: &str| Candidate::Text(value.into());
        for (expression, candidate, expected) in [
            ("((count >= 0))", text("0"), true),
            ("((count > 0))", text("0"), false),
            ("((count > '-1'::integer))", text("0"), true),
            ("(((count >= 18) AND (count < 99)))", text("18"), true),
            ("(((count >= 18) AND (other < 99)))", text("18"), true),
            ("(((count >= 18) OR (other < 99)))", text("18"), false),
            ("(((count)::text <> ''::text))", text(""), false),
            (
                "(((count)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying(5)])::text[])))",
                text("b"),
                true,
            ),
            ("((char_length(count) > 0))", text(""), false),
            ("((other > 0))", text("x"), true),
            ("((count > 0))", Candidate::Null, true),
            ("(((count > 0) OR (other > 1)))", Candidate::Null, true),
            ("((count IS NOT NULL))", Candidate::Null, false),
            ("((NOT (count > 0)))", Candidate::Null, false),
            ("((COALESCE(count, 0) > 0))", Candidate::Null, false),
            ("((\"count\" > 0))", Candidate::Null, true),
            ("((count > (other + 1)))", text("0"), false),
        ] {
            assert_eq!(
                holds(expression, "count", &candidate),
                expected,
                "{expression} {candidate:?}"
            );
        }
        assert!(mentioned("((age >= 18))").contains(&"18".to_owned()));
        assert_eq!(mentioned("((x = ANY (ARRAY['a'::text])))"), ["a"]);
    }

    proptest::proptest! {
        #![proptest_config(crate::property_test::config(256))]

        #[test]
        fn no_expression_causes_a_panic(expression in "[-a-c0-9 '\":()\\[\\]<>=é]{0,40}") {
            holds(&expression, "a", &Candidate::Text("1".into()));
            mentioned(&expression);
        }
    }
}
