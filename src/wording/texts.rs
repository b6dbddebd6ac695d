//! Collects the sentences of a source file, with the line and the use of each. Code that only tests
//! build is skipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proc_macro2::{Delimiter, Group, Literal, TokenStream, TokenTree};
use regex::Regex;

/// The use of a string, as far as its place in the source shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `#[error("…")]`, or the sentence of a `CommandError`.
    Error,
    Hint,
    /// A warning, a note or a question.
    Notice,
    /// A doc comment or an attribute of the command line, where value names are right.
    Help,
    /// Any other sentence: a part of one, a report, a table.
    Other,
}

/// A sentence, with single spaces.
#[derive(Debug, PartialEq, Eq)]
pub struct Text {
    pub line: usize,
    pub kind: Kind,
    pub words: String,
}

const ERRORS: [&str; 5] = ["CommandError::new", "context", "refuse", "refused", "usage"];
const HINTS: [&str; 6] =
    ["hint", "hint_instead", "with_hints", "Hint::run", "Hint::Run", "Hint::Text"];
const NOTICES: [&str; 9] = [
    "Event::Note",
    "Event::Warning",
    "confirm::yes",
    "note",
    "question",
    "text_or",
    "warn",
    "warning",
    "yes",
];

/// Calls whose argument is a part of what the call around them says.
const INNER_CALLS: [&str; 13] = [
    "Box::new",
    "Err",
    "Ok",
    "Some",
    "String::from",
    "concat",
    "format",
    "from",
    "into",
    "map",
    "push_str",
    "vec",
    "words::plural",
];

/// What stands before a group without being its function.
const KEYWORDS: [&str; 9] = ["else", "for", "if", "in", "loop", "match", "move", "return", "while"];

/// Every source file below a folder that the program is built from.
pub fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    super::files_below(folder, &mut files);
    files.retain(|path| path.extension().is_some_and(|end| end == "rs"));
    let module =
        Regex::new(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))? )?mod (\w+);");
    let module = module.expect("a pattern");
    let mut only_for_tests = Vec::new();
    for path in &files {
        let text = fs::read_to_string(path).expect("a source file");
        let holds_its_modules =
            ["mod.rs", "lib.rs", "main.rs"].iter().any(|end| path.ends_with(end));
        let base = if holds_its_modules {
            path.parent().expect("a folder").to_owned()
        } else {
            path.with_extension("")
        };
        for found in module.captures_iter(&text) {
            only_for_tests.push(base.join(&found[1]));
        }
    }
    files.retain(|path| {
        let is_of = |test: &PathBuf| path.starts_with(test) || path.with_extension("") == *test;
        !only_for_tests.iter().any(is_of)
    });
    files
}

/// The sentences of a source file. Doc comments are among them where they become help texts.
pub fn of(source: &str, docs_are_help: bool) -> Vec<Text> {
    let tokens: TokenStream = source.parse().expect("a source file that compiles");
    let mut collector = Collector { docs_are_help, texts: Vec::new() };
    collector.walk(tokens, "");
    collector.texts
}

struct Collector {
    docs_are_help: bool,
    texts: Vec<Text>,
}

impl Collector {
    /// `call` is the function, macro or variant whose arguments these tokens are.
    fn walk(&mut self, tokens: TokenStream, call: &str) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut docs: Option<(usize, String)> = None;
        let mut index = 0;
        while let Some(token) = tokens.get(index) {
            if let Some((attribute, next)) = attribute_at(&tokens, index) {
                index = next;
                match name_of(attribute).as_str() {
                    "cfg" if is_for_tests(attribute) => index = end_of_item(&tokens, index),
                    "doc" if self.docs_are_help && !is_inner(&tokens, next) => {
                        let (line, text) = literals(attribute).next().unwrap_or_default();
                        let (_, words) = docs.get_or_insert((line, String::new()));
                        words.push_str(&text);
                    }
                    "error" => {
                        let first = inner(attribute)
                            .into_iter()
                            .flat_map(|group| literals(&group).take(1).collect::<Vec<_>>());
                        self.add(first, Kind::Error);
                    }
                    "arg" | "clap" | "command" | "value" => {
                        let all = inner(attribute)
                            .into_iter()
                            .flat_map(|group| literals(&group).collect::<Vec<_>>());
                        self.add(all, Kind::Help);
                    }
                    _ => {}
                }
                continue;
            }
            if let Some(help) = docs.take() {
                self.add([help], Kind::Help);
            }
            match token {
                TokenTree::Group(group) => {
                    let own = function_before(&tokens, index, group);
                    self.walk(group.stream(), own.as_deref().unwrap_or(call));
                }
                TokenTree::Literal(literal) => {
                    let text = value(literal).map(|text| (line_of(literal), text));
                    self.add(text, kind_of(call));
                }
                _ => {}
            }
            index += 1;
        }
    }

    fn add(&mut self, texts: impl IntoIterator<Item = (usize, String)>, kind: Kind) {
        for (line, text) in texts {
            if kind != Kind::Other || is_sentence(&text) {
                let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
                self.texts.push(Text { line, kind, words });
            }
        }
    }
}

fn kind_of(call: &str) -> Kind {
    if ERRORS.contains(&call) {
        Kind::Error
    } else if HINTS.contains(&call) {
        Kind::Hint
    } else if NOTICES.contains(&call) {
        Kind::Notice
    } else {
        Kind::Other
    }
}

/// The attribute that begins at a token, and the place after it.
fn attribute_at(tokens: &[TokenTree], index: usize) -> Option<(&Group, usize)> {
    let is = |index: usize, mark: char| matches!(tokens.get(index), Some(TokenTree::Punct(punct)) if punct.as_char() == mark);
    if !is(index, '#') {
        return None;
    }
    let place = index + 1 + usize::from(is(index + 1, '!'));
    match tokens.get(place) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            Some((group, place + 1))
        }
        _ => None,
    }
}

/// Whether the attribute before a place is one of the whole module, such as `//!`.
fn is_inner(tokens: &[TokenTree], after: usize) -> bool {
    let mark = after.checked_sub(2).and_then(|place| tokens.get(place));
    matches!(mark, Some(TokenTree::Punct(punct)) if punct.as_char() == '!')
}

fn name_of(attribute: &Group) -> String {
    attribute.stream().into_iter().next().map_or_else(String::new, |name| name.to_string())
}

fn inner(attribute: &Group) -> Option<Group> {
    attribute.stream().into_iter().find_map(|token| match token {
        TokenTree::Group(group) => Some(group),
        _ => None,
    })
}

fn is_for_tests(attribute: &Group) -> bool {
    inner(attribute).is_some_and(|condition| condition.stream().to_string() == "test")
}

/// The place after an item: its body, or its semicolon.
fn end_of_item(tokens: &[TokenTree], mut index: usize) -> usize {
    while let Some(token) = tokens.get(index) {
        index += 1;
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
            TokenTree::Punct(punct) if punct.as_char() == ';' => break,
            _ => {}
        }
    }
    index
}

/// The function, macro or variant that a group holds the arguments of, with the segment before it.
fn function_before(tokens: &[TokenTree], index: usize, group: &Group) -> Option<String> {
    let before = |back: usize| index.checked_sub(back).and_then(|place| tokens.get(place));
    let is = |back: usize, mark: char| matches!(before(back), Some(TokenTree::Punct(punct)) if punct.as_char() == mark);
    let mut back = 1;
    if is(back, '!') {
        back += 1;
    }
    let Some(TokenTree::Ident(name)) = before(back) else { return None };
    let name = name.to_string();
    // A block such as the arms of a `match` speaks for the call around it, a variant for itself.
    let is_block = group.delimiter() == Delimiter::Brace && !name.starts_with(char::is_uppercase);
    if is_block || KEYWORDS.contains(&name.as_str()) {
        return None;
    }
    let path = match before(back + 3) {
        Some(TokenTree::Ident(first)) if is(back + 1, ':') && is(back + 2, ':') => {
            format!("{first}::{name}")
        }
        _ => name.clone(),
    };
    let is_inner = [&path, &name].iter().any(|one| INNER_CALLS.contains(&one.as_str()));
    (!is_inner).then_some(path)
}

fn literals(group: &Group) -> impl Iterator<Item = (usize, String)> {
    group.stream().into_iter().filter_map(|token| match token {
        TokenTree::Literal(literal) => Some((line_of(&literal), value(&literal)?)),
        _ => None,
    })
}

fn line_of(literal: &Literal) -> usize {
    literal.span().start().line
}

/// The text of a string in the source. Bytes and characters are none.
fn value(literal: &Literal) -> Option<String> {
    let source = literal.to_string();
    if let Some(raw) = source.strip_prefix('r') {
        return Some(raw.trim_matches('#').trim_matches('"').to_owned());
    }
    let quoted = source.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    let mut characters = quoted.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('\n') => while characters.next_if(|next| next.is_whitespace()).is_some() {},
            Some('n' | 't' | 'r') => text.push(' '),
            Some('u') => {
                let code: String = characters.by_ref().skip(1).take_while(|c| *c != '}').collect();
                text.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
            }
            Some(other) => text.push(other),
            None => {}
        }
    }
    Some(text)
}

/// Two words of lower case side by side, and no SQL.
fn is_sentence(text: &str) -> bool {
    let statement = text.split_whitespace().next().is_some_and(|word| {
        word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase()) && SQL.contains(&word)
    });
    !statement && TWO_WORDS.is_match(text)
}

static TWO_WORDS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[a-z]{2,}[,;:)]? +[a-z({]").expect("a pattern"));

const SQL: [&str; 34] = [
    "ALTER", "ANALYZE", "AND", "BEGIN", "CASE", "COMMENT", "COMMIT", "COPY", "CREATE", "DECLARE",
    "DELETE", "DO", "DROP", "EXPLAIN", "FETCH", "FROM", "GRANT", "INSERT", "JOIN", "LEFT", "LOCK",
    "ON", "OR", "ORDER", "REFRESH", "REVOKE", "SELECT", "SET", "TRUNCATE", "UNION", "UPDATE",
    "VALUES", "WHERE", "WITH",
];

#[test]
fn texts_are_found_with_their_use() {
    let source = r#"
        #[error("cannot read {path}")]
        fn fail() {
            if bad { return Err(CommandError::new(Kind::X, format!("a file \
                of {x}")).hint(match one { A => "type this now", B => "or that" })); }
            ui.emit(Event::Warning("it was slow".into()));
            let sql = "SELECT one from two";
            let word = "single";
        }
        #[cfg(test)]
        mod tests { const TEXT: &str = "not for a person"; }
        const LAST: &str = "some other text";
    "#;
    let found: Vec<_> = of(source, false).into_iter().map(|t| (t.kind, t.words)).collect();
    let expected = [
        (Kind::Error, "cannot read {path}"),
        (Kind::Error, "a file of {x}"),
        (Kind::Hint, "type this now"),
        (Kind::Hint, "or that"),
        (Kind::Notice, "it was slow"),
        (Kind::Other, "some other text"),
    ];
    assert_eq!(found, expected.map(|(kind, words)| (kind, words.to_owned())));
    let help =
        of("//! The module.\n/// Copy the\n/// media.\n#[arg(help = \"in ENV\")]\nstruct A;", true);
    let expected = [(4, "in ENV"), (2, "Copy the media.")];
    let found: Vec<_> = help.iter().map(|text| (text.line, text.words.as_str())).collect();
    assert_eq!(found, expected);
}
