//! Checks that every error has a hint: each variant of the error enums has one beside it, or stands in
//! a list here with the reason for none.
//!
//! The test reads the source, because most errors cannot be made without a server. The hint of a
//! variant stands in the `From` that makes it a
//! [`CommandError`](crate::failure::CommandError).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const IN_MESSAGE: &str = "the message itself says what to write or to do";
const OF_A_RUN: &str = "a step of a run: the run adds its resume and rollback commands";
const SERVERS_REASON: &str = "the server's own reason is the message";
const OWN_FAULT: &str = "a fault of bcops itself, which nothing that a user types fixes";
const INTERRUPTED: &str = "the user pressed Ctrl-C";
const ONLY_UNTIL: &str = "only until the real reason of the failure is known";
const BY_GUARD: &str = "gets its hint as a damaged archive, by a guard and not by its name";
const DAMAGED: &str = "a damaged journal: a person has to look at the file";

/// Variants without a hint, and why.
const WITHOUT: &[(&str, &str, &[&str])] = &[
    ("AccountsError", OF_A_RUN, &["Insert", "NoNewId"]),
    ("ArchiveError", BY_GUARD, &["Compressed", "Corrupt", "MissingBlocks", "Truncated"]),
    ("ArchiveError", IN_MESSAGE, &["NotUtf8", "UnsupportedEncoding", "UnsupportedVersion"]),
    (
        "ArchiveError",
        "the message names the place in a file that pg_dump does not write so",
        &["CopyStatement", "Definition", "Member", "TooLarge"],
    ),
    ("ArchiveError", "the cause is an error of its own", &["Consumer", "Lost", "Open", "Read"]),
    ("BackupFileError", IN_MESSAGE, &["NotAFile", "SameFile"]),
    ("BackupFileError", INTERRUPTED, &["Interrupted"]),
    ("BackupFileError", ONLY_UNTIL, &["WriterEnded"]),
    ("BadSelection", IN_MESSAGE, &["BadSelection"]),
    ("CacheError", IN_MESSAGE, &["BadTarget"]),
    ("InPlaceError", OF_A_RUN, &["NotEmpty", "NotScrubbed", "NotVerified", "RowsDiffer"]),
    (
        "HerokuError",
        "a guard: the database of another app is never written to",
        &["ForeignDatabase"],
    ),
    ("JournalError", DAMAGED, &["Damaged", "Gap", "NoBeginning"]),
    ("JournalError", OWN_FAULT, &["Unclean"]),
    ("ManifestError", IN_MESSAGE, &["ManifestError"]),
    ("PlanError", "the plan would hold a secret: see what the message names", &["Secret"]),
    ("PostgresError", SERVERS_REASON, &["Proof", "Server"]),
    ("PostgresError", "whoever read the URL names its variable", &["BadUrl"]),
    ("PrepareError", ONLY_UNTIL, &["ReaderEnded"]),
    ("RedisError", SERVERS_REASON, &["Command"]),
    ("RestoreError", SERVERS_REASON, &["After", "Copy"]),
    ("RestoreError", "no backup of this schema can be loaded", &["Cycle"]),
    ("RestoreError", ONLY_UNTIL, &["PartEnded"]),
    ("RunbookError", IN_MESSAGE, &["UnknownStage"]),
    ("RunbookError", OWN_FAULT, &["Reference", "Twice"]),
    ("SettingsError", "a guard: name another environment", &["Protected"]),
    ("SettingsError", IN_MESSAGE, &["Syntax"]),
    ("SitesError", OF_A_RUN, &["Changed", "NotRewritten"]),
    ("StoredError", OF_A_RUN, &["FieldCount", "Framing", "InsertStyle", "NoColumn", "NotUtf8"]),
];

/// A source file without the contents of its strings, its comments and its tests.
struct Source {
    path: PathBuf,
    text: String,
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => files.push(path),
            }
        }
    }
    let read = |path: PathBuf| {
        let text = masked(&fs::read_to_string(&path).expect("a source file"));
        let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
        Source { text: text[..end].to_owned(), path }
    };
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|one| one == "rs"))
        .map(read)
        .collect()
}

/// Strings keep their quotes only, and comments go.
fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(one) = rest.next() {
        match one {
            '/' if rest.peek() == Some(&'/') => {
                while rest.peek().is_some_and(|next| *next != '\n') {
                    rest.next();
                }
            }
            '"' => {
                out.push_str("\"\"");
                while let Some(next) = rest.next() {
                    match next {
                        '\\' => _ = rest.next(),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '\'' => {
                let ahead: Vec<char> = rest.clone().take(2).collect();
                match ahead.as_slice() {
                    ['\\', _] => {
                        // An escape such as '\n' or '\u{feff}'.
                        rest.next();
                        rest.next();
                        while rest.next().is_some_and(|next| next != '\'') {}
                    }
                    [_, '\''] => _ = rest.nth(1),
                    // A lifetime.
                    _ => out.push(one),
                }
            }
            _ => out.push(one),
        }
    }
    out
}

/// What stands between the first bracket at or after `start` and its counterpart.
fn inside(text: &str, start: usize) -> &str {
    let begin = text[start..].find('{').map_or(text.len(), |at| start + at + 1);
    let mut depth = 1;
    for (at, one) in text[begin..].char_indices() {
        match one {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[begin..begin + at];
        }
    }
    &text[begin..]
}

/// The parts of a text that a separator outside of all brackets divides.
fn split_outside(text: &str, ends_item: char) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0_i32, 0, Vec::new());
    for (at, one) in text.char_indices() {
        match one {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            _ if one == ends_item && depth == 0 => {
                parts.push(&text[from..at]);
                from = at + one.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// The names of an enum's variants; a struct has its own name.
fn variants(source: &Source, name: &str) -> Option<Vec<String>> {
    for kind in ["enum", "struct"] {
        let Some(at) = source.text.find(&format!("pub {kind} {name} ")).or_else(|| {
            source
                .text
                .find(&format!("pub {kind} {name};"))
                .or_else(|| source.text.find(&format!("pub {kind} {name}(")))
        }) else {
            continue;
        };
        if kind == "struct" {
            return Some(vec![name.to_owned()]);
        }
        let named = |item: &&str| -> Option<String> {
            let mut item = item.trim();
            while let Some(after) = item.strip_prefix('#') {
                let mut depth = 0;
                let end = after.char_indices().find(|(_, one)| {
                    depth += i32::from(*one == '[') - i32::from(*one == ']');
                    depth == 0
                });
                item = after[end.map_or(after.len(), |(at, _)| at + 1)..].trim_start();
            }
            let name: String = item.chars().take_while(|one| one.is_alphanumeric()).collect();
            (!name.is_empty()).then_some(name)
        };
        let body = inside(&source.text, at);
        return Some(split_outside(body, ',').iter().filter_map(named).collect());
    }
    None
}

/// The arms of every `match` in a text: patterns with what they give.
fn arms(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("match ") {
        let mut body = inside(text, at);
        while let Some(arrow) = arrow_outside(body) {
            let pattern = body[..arrow].to_owned();
            let after = body[arrow + 2..].trim_start();
            let (expression, rest) = if after.starts_with('{') {
                let inner = inside(after, 0);
                (inner, &after[(inner.len() + 2).min(after.len())..])
            } else {
                let expression = split_outside(after, ',').first().copied().unwrap_or_default();
                (expression, &after[expression.len()..])
            };
            found.push((pattern, expression.to_owned()));
            body = rest.trim_start_matches([',', ' ', '\n']);
        }
    }
    found
}

fn arrow_outside(text: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, one) in text.char_indices() {
        match one {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            '=' if depth == 0 && text[at..].starts_with("=>") => return Some(at),
            _ => {}
        }
    }
    None
}

/// The functions of a file that add hints.
fn hinting_functions(text: &str) -> Vec<String> {
    let mut names = vec!["personal_data".to_owned()];
    for (at, _) in text.match_indices("fn ") {
        let name: String =
            text[at + 3..].chars().take_while(|one| one.is_alphanumeric() || *one == '_').collect();
        if inside(text, at).contains("hint") && name != "from" {
            names.push(name);
        }
    }
    names
}

/// The variants of the error that get no hint.
fn without_hint(source: &Source, name: &str, variants: &[String]) -> BTreeSet<String> {
    let functions = hinting_functions(&source.text);
    let begin = format!("impl From<{name}> for CommandError");
    let body = inside(&source.text, source.text.find(&begin).expect("the impl"));
    // One hint for all.
    let is_struct = variants == [name];
    if is_struct && body.contains("hint") || !body.contains("match ") && body.contains(".hint(") {
        return BTreeSet::new();
    }
    let hinted = |expression: &str| {
        expression.contains("hint")
            || expression.contains(".into()")
            || expression.contains('"')
            || expression.contains("vec!")
            || functions.iter().any(|one| expression.contains(&format!("{one}(")))
    };
    // Some have their hints in a function of their own.
    let beside = source.text.match_indices("fn hints").map(|(at, _)| inside(&source.text, at));
    let arms: Vec<_> = std::iter::once(body).chain(beside).flat_map(arms).collect();
    let path = format!("{name}::");
    let has_hint = |variant: &&String| {
        arms.iter().any(|(pattern, expression)| {
            let mut names = pattern.split(&path).skip(1);
            let is_named = names.any(|rest| {
                rest.strip_prefix(variant.as_str())
                    .is_some_and(|rest| !rest.starts_with(|one: char| one.is_alphanumeric()))
            });
            is_named && hinted(expression)
        })
    };
    variants.iter().filter(|variant| !has_hint(variant)).cloned().collect()
}

#[test]
fn every_error_has_a_hint_or_a_reason_for_none() {
    let sources = sources();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut count = 0;
    for source in &sources {
        for (at, _) in source.text.match_indices("impl From<") {
            let rest = &source.text[at + "impl From<".len()..];
            let Some((name, after)) = rest.split_once('>') else { continue };
            if !after.starts_with(" for CommandError") {
                continue;
            }
            let beside = sources.iter().filter(|one| one.path.parent() == source.path.parent());
            let variants =
                std::iter::once(source).chain(beside).find_map(|one| variants(one, name));
            let variants =
                variants.unwrap_or_else(|| panic!("{}: no {name}", source.path.display()));
            count += variants.len();
            found.entry(name.to_owned()).or_default().extend(without_hint(source, name, &variants));
        }
    }
    assert!(count > 250, "only {count} errors were found");
    found.retain(|_, variants| !variants.is_empty());
    let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, reason, variants) in WITHOUT {
        assert!(reason.len() > 10, "{name} needs a reason");
        let variants = variants.iter().map(|one| (*one).to_owned());
        listed.entry((*name).to_owned()).or_default().extend(variants);
    }
    let missing = |wanted: &BTreeMap<String, BTreeSet<String>>,
                   from: &BTreeMap<String, BTreeSet<String>>| {
        let names = wanted.iter().flat_map(|(name, variants)| {
            let known = from.get(name);
            variants
                .iter()
                .filter(move |one| !known.is_some_and(|known| known.contains(*one)))
                .map(move |one| format!("{name}::{one}"))
        });
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        missing(&found, &listed),
        Vec::<String>::new(),
        "add a hint, or the reason for none"
    );
    assert_eq!(missing(&listed, &found), Vec::<String>::new(), "these have a hint by now");
}
