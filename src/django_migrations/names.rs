//! Resolves names of a Python file: what it imports, and the values that it gives to names.

use std::collections::BTreeMap;

use super::expression::{Expression, Kind};
use super::tokens::{Line, Token};

/// The names of one file.
#[derive(Debug, Default)]
pub struct Names {
    /// The full name behind each imported name. `None` if two imports differ.
    imports: BTreeMap<String, Option<String>>,
    /// The values of names at the top of the file. `None` if a name has several.
    values: BTreeMap<String, Option<Expression>>,
    /// The functions of the file, each with the position of its first line.
    functions: BTreeMap<String, usize>,
}

impl Names {
    pub fn of(lines: &[Line]) -> Names {
        let mut names = Names::default();
        for (position, line) in lines.iter().enumerate() {
            match line.tokens.as_slice() {
                [import, rest @ ..] if import.is_name("import") => names.import(rest),
                [from, rest @ ..] if from.is_name("from") => names.import_from(rest),
                [def, Token::Name(name), ..] if def.is_name("def") => {
                    names.functions.insert(name.clone(), position);
                }
                [Token::Name(name), ..] if line.indent == 0 => {
                    if let Some(value) = line.assigned_expression(name) {
                        let known = names.values.insert(name.clone(), Some(value));
                        if known.is_some() {
                            names.values.insert(name.clone(), None);
                        }
                    }
                }
                _ => {}
            }
        }
        names
    }

    /// The position of a function's first line.
    pub fn function(&self, name: &str) -> Option<usize> {
        self.functions.get(name).copied()
    }

    /// The full name of a path, such as `django.db.models.CharField` of `models.CharField`. Ends in
    /// the path as it is written if the first name is not imported.
    pub fn qualify(&self, path: &[String]) -> String {
        let Some((first, rest)) = path.split_first() else { return String::new() };
        let first = match self.imports.get(first) {
            Some(Some(full)) => full.as_str(),
            // Two imports give it: neither is certain.
            Some(None) => "",
            None => first.as_str(),
        };
        std::iter::once(first).chain(rest.iter().map(String::as_str)).collect::<Vec<_>>().join(".")
    }

    /// The expression itself, or the value of the name that it is.
    pub fn value<'a>(&'a self, expression: &'a Expression) -> &'a Expression {
        match &expression.kind {
            Kind::Path(path) => match path.as_slice() {
                [name] => self.values.get(name).and_then(Option::as_ref).unwrap_or(expression),
                _ => expression,
            },
            _ => expression,
        }
    }

    fn add_import(&mut self, name: &str, full: String) {
        let full = Some(full);
        match self.imports.get_mut(name) {
            Some(known) if *known != full => *known = None,
            Some(_) => {}
            None => drop(self.imports.insert(name.to_owned(), full)),
        }
    }

    /// `a.b, c as d`
    fn import(&mut self, tokens: &[Token]) {
        for part in parts(tokens) {
            // `import a.b` gives the name `a`, which is its own full name.
            if let Some((path, Some(name))) = with_alias(part) {
                self.add_import(name, path);
            }
        }
    }

    /// `a.b import c, d as e`
    fn import_from(&mut self, tokens: &[Token]) {
        let Some(place) = tokens.iter().position(|token| token.is_name("import")) else { return };
        let (module, rest) = tokens.split_at(place);
        let module = path_of(module);
        let listed: Vec<Token> = rest
            .iter()
            .skip(1)
            .filter(|token| !matches!(token, Token::Sign('(' | ')')))
            .cloned()
            .collect();
        for part in parts(&listed) {
            if let Some((name, alias)) = with_alias(part) {
                let full = format!("{module}.{name}");
                self.add_import(alias.unwrap_or(&name), full);
            }
        }
    }
}

fn parts(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    tokens.split(|token| *token == Token::Sign(',')).filter(|part| !part.is_empty())
}

/// `a.b as c`
fn with_alias(tokens: &[Token]) -> Option<(String, Option<&str>)> {
    match tokens {
        [path @ .., keyword, Token::Name(alias)] if keyword.is_name("as") => {
            Some((path_of(path), Some(alias.as_str())))
        }
        _ => Some((path_of(tokens), None)),
    }
}

/// The names with full stops between them. A relative import keeps its full stops.
fn path_of(tokens: &[Token]) -> String {
    let words = tokens.iter().map(|token| match token {
        Token::Name(name) => name.as_str(),
        _ => ".",
    });
    words.collect()
}
