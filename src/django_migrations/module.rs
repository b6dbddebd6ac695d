//! Reads one migration: what it depends on, what it replaces, what it runs before.
//!
//! Every unknown form is an error, because a wrong guess could miss a conflict.

use super::SourceFile;
use super::literal::{self, Value};
use super::tokens::{self, Line, Token};

/// A migration as the graph needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migration {
    pub name: String,
    pub dependencies: Vec<Value>,
    pub replaces: Vec<Value>,
    pub run_before: Vec<Value>,
}

const ATTRIBUTES: [&str; 3] = ["dependencies", "replaces", "run_before"];

/// Reads a file. The error completes "cannot be read: ".
pub fn read(file: &SourceFile) -> Result<Migration, String> {
    let lines = tokens::lines(file)?;
    let name = name_of(file);
    let (body, outside) = class_body(&lines)?;
    if outside.iter().any(|line| changes_from_outside(line)) {
        return Err("it changes its class `Migration` from outside".to_owned());
    }
    let mut found: [Option<Vec<Value>>; 3] = [None, None, None];
    let indent = body.first().map(|line| line.indent).unwrap_or_default();
    for line in body {
        for (attribute, slot) in ATTRIBUTES.iter().zip(found.iter_mut()) {
            let Some(value) = value_of(line, attribute, indent)? else { continue };
            let values = literal::values(value)
                .map_err(|reason| format!("`{attribute}` cannot be read: {reason}"))?;
            if slot.replace(values).is_some() {
                return Err(format!("`{attribute}` is set twice"));
            }
        }
    }
    let [dependencies, replaces, run_before] = found.map(Option::unwrap_or_default);
    Ok(Migration { name, dependencies, replaces, run_before })
}

/// The name of a migration is that of its file.
pub fn name_of(file: &SourceFile) -> String {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    name.strip_suffix(".py").unwrap_or(name).to_owned()
}

/// The lines of the class `Migration`, and all others.
pub(super) fn class_body(lines: &[Line]) -> Result<(&[Line], Vec<&Line>), String> {
    let is_head = |line: &Line| {
        matches!(line.tokens.as_slice(), [class, name, ..]
            if class.is_name("class") && name.is_name("Migration"))
    };
    let mut heads = lines.iter().enumerate().filter(|(_, line)| is_head(line));
    let Some((start, head)) = heads.next() else {
        return Err("it has no class `Migration`".to_owned());
    };
    if heads.next().is_some() || head.indent > 0 {
        return Err("its class `Migration` depends on a condition, or appears twice".to_owned());
    }
    if !has_plain_head(head) {
        return Err("its class `Migration` is not simply a `migrations.Migration`".to_owned());
    }
    let (before, rest) = lines.split_at(start);
    let rest = rest.get(1..).unwrap_or_default();
    let end = rest.iter().position(|line| line.indent == 0).unwrap_or(rest.len());
    let (body, after) = rest.split_at(end);
    Ok((body, before.iter().chain(after).collect()))
}

/// Whether the head is `class Migration(migrations.Migration):` with nothing after the colon.
/// Another base class could bring its own dependencies.
fn has_plain_head(head: &Line) -> bool {
    let Some([Token::Sign('('), base @ .., Token::Sign(')'), Token::Sign(':')]) =
        head.tokens.get(2..)
    else {
        return false;
    };
    base.last().is_some_and(|token| token.is_name("Migration"))
        && base.iter().all(|token| matches!(token, Token::Name(_) | Token::Sign('.')))
}

/// The value that a line of the class body gives to an attribute.
fn value_of<'a>(
    line: &'a Line,
    attribute: &str,
    indent: usize,
) -> Result<Option<&'a [Token]>, String> {
    let unclear = || Err(format!("`{attribute}` is set in a way that cannot be followed"));
    match line.assigned(attribute) {
        Some(value) if line.indent == indent => return Ok(Some(value)),
        Some(_) => return unclear(),
        None => {}
    }
    // `dependencies += …`, `dependencies.append(…)`, `other = dependencies = …`, `del …`.
    if outside_brackets(&line.tokens).any(|token| token.is_name(attribute)) {
        return unclear();
    }
    Ok(None)
}

/// The tokens of a line outside of brackets, because arguments of calls can have any name.
pub(super) fn outside_brackets(tokens: &[Token]) -> impl Iterator<Item = &Token> {
    let mut depth = 0usize;
    tokens.iter().filter(move |token| {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

/// Whether the line uses `Migration.dependencies…`, or gives the name `Migration` another meaning.
fn changes_from_outside(line: &Line) -> bool {
    let attribute = line.tokens.windows(3).any(|part| {
        matches!(part, [class, Token::Sign('.'), name] if class.is_name("Migration")
            && (name.is_name("operations")
                || ATTRIBUTES.iter().any(|attribute| name.is_name(attribute))))
    });
    attribute || line.assigned("Migration").is_some()
}
