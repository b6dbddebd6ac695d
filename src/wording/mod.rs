//! Checks that every sentence in the source follows docs/style.md: its words, its length, its form.
//!
//! A rule that needs judgement is not here. `texts.rs` collects the strings.

mod texts;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use texts::{Kind, Text};

/// The longest error, hint, warning or note, in words. What fills a `{}` counts as one.
const LIMIT: usize = 25;

/// Words of the table in docs/style.md: a pattern, what to write, and uses that are right.
const GLOSSARY: [(&str, &str, &[&str]); 16] = [
    ("go on|goes on|went on|gone on|going on", "continue or resume", &["going on the"]),
    ("mend|mends|mended|mending|put right|puts right", "fix", &[]),
    ("anew", "again or rebuild", &[]),
    ("tell|tells|telling|told", "report, print or show", &["tell us"]),
    ("somebody|somebody's|whoever|whomever", "someone, or name the person", &[]),
    ("nobody", "name the person, or no one", &["nobody else"]),
    ("is none|are none|was none|were none", "no X, or none are running", &[]),
    (
        "is no|are no|was no|were no",
        "is not a, or has no",
        &["there is no", "there are no", "there was no", "there were no", "no longer", "no more"],
    ),
    (", so that", "so, or to", &[]),
    (", as (?:it|they|there|the|this|that|these|no|bcops|Heroku|nothing)", "because", &[]),
    ("as it was|as they were", "unchanged", &[]),
    ("same as before", "unchanged", &[]),
    ("left out|leaves out|leaving out", "skipped", &[]),
    ("may not", "not allowed, lacks permission, or might not", &["may not have"]),
    ("may too little", "lacks permission", &[]),
    ("thereby|wherein|foremost|whereupon|thereof|therein|whence|lest", "a common word", &[]),
];

/// Words that are wrong in comments and pages too.
const OLD_WORDS: [(&str, &str, &[&str]); 4] = [
    ("anew", "again", &[]),
    ("mend|mends|mended|mending", "fix", &[]),
    ("whoever|whomever|somebody", "someone, or name the person", &[]),
    ("thereby|wherein|foremost", "a common word", &[]),
];

/// Value names of help texts that bcops knows when it prints a message.
const PLACEHOLDERS: [&str; 6] = ["ENV", "ENVIRONMENT", "APP", "RUN", "ZONE", "BRANCH"];

/// Names that begin an error with a capital letter, apart from words in capitals.
const NAMES: [&str; 14] = [
    "Bonsai",
    "Cloudflare",
    "Ctrl-C",
    "Django",
    "Elasticsearch",
    "GitLab",
    "Heroku",
    "Linux",
    "Postgres",
    "Python",
    "Redis",
    "Slack",
    "Wagtail",
    "Git",
];

/// A text that may break a rule: the file, a part of the text, and the reason.
const EXCEPTIONS: [(&str, &str, &str); 7] = [
    ("src/commands/schemas.rs", "", "usage lines of docs/json.md"),
    ("src/settings/keys/list.rs", "everything that takes ENV", "a cell of docs/configuration.md"),
    ("src/wording/", "", "lists the words"),
    (
        "src/runbook/report.rs",
        "left out",
        "the state of a step, beside another one that is `skipped`",
    ),
    ("docs/style.md", "", "lists the words"),
    ("docs/json.md", "[].mend`", "a field of --json"),
    ("docs/json.md", "\"mend\":", "a field of --json"),
];

struct Rules {
    words: Vec<(Regex, &'static str, &'static [&'static str])>,
}

impl Rules {
    fn new(table: &[(&str, &'static str, &'static [&'static str])]) -> Self {
        let compiled = |pattern: &str| {
            // A comma has no word boundary before it.
            let start = if pattern.starts_with(',') { "" } else { r"\b" };
            Regex::new(&format!(r"(?i){start}(?:{pattern})\b")).expect("a pattern")
        };
        let words =
            table.iter().map(|&(pattern, advice, right)| (compiled(pattern), advice, right));
        Rules { words: words.collect() }
    }

    fn broken_by(&self, text: &str) -> Vec<String> {
        let mut broken = Vec::new();
        for (pattern, advice, right) in &self.words {
            let mut rest = text.to_lowercase();
            for phrase in *right {
                rest = rest.replace(phrase, "…");
            }
            if let Some(found) = pattern.find(&rest) {
                let word = found.as_str().trim_start_matches([',', ' ']);
                broken.push(format!("`{word}`: write {advice}"));
            }
        }
        broken
    }
}

/// What stands for a name or a number that the program fills in.
fn without_arguments(text: &str) -> String {
    ARGUMENT.replace_all(text, "x").into_owned()
}

static ARGUMENT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{[^{}]*\}").expect("a pattern"));

fn form_broken_by(text: &Text) -> Vec<String> {
    let mut broken = Vec::new();
    let plain = without_arguments(&text.words);
    if text.kind != Kind::Help {
        let edges = ['`', '"', '\'', '(', ')', '[', ']', ',', ';', ':', '.'];
        let word = plain.split(' ').map(|word| word.trim_matches(edges));
        if let Some(name) = word.into_iter().find(|word| PLACEHOLDERS.contains(word)) {
            broken.push(format!("placeholder `{name}` on a screen: fill it in"));
        }
    }
    if matches!(text.kind, Kind::Error | Kind::Hint | Kind::Notice) {
        let count = plain.split(' ').count();
        if count > LIMIT {
            broken.push(format!("{count} words, {LIMIT} is the limit"));
        }
        if plain.matches(';').count() > 1 {
            broken.push("a chain of semicolons".to_owned());
        }
    }
    if text.kind == Kind::Error && plain.contains(' ') {
        let first = plain.split(' ').next().unwrap_or_default().trim_end_matches([',', ':']);
        let name = first.strip_suffix("'s").unwrap_or(first);
        let in_capitals = !name.chars().any(char::is_lowercase);
        if first.starts_with(char::is_uppercase) && !in_capitals && !NAMES.contains(&name) {
            broken.push("an error begins in lower case or with a name".to_owned());
        }
        if plain.ends_with('.') && !plain.ends_with("..") {
            broken.push("an error does not end in a full stop".to_owned());
        }
    }
    broken
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => files_below(&path, files),
            path => files.push(path),
        }
    }
    files.sort();
}

fn name_of(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn exception(file: &str, text: &str) -> Option<usize> {
    EXCEPTIONS.iter().position(|(path, part, _)| file.starts_with(path) && text.contains(part))
}

/// The violations, by file, as a failure prints them.
#[derive(Default)]
struct Report {
    files: BTreeMap<String, Vec<(usize, String)>>,
}

impl Report {
    fn add(&mut self, file: &str, line: usize, text: &str, rule: &str) {
        let lines = self.files.entry(file.to_owned()).or_default();
        lines.push((line, format!("{file}:{line}: {rule}\n    {text}")));
    }

    fn assert_empty(self) {
        let mut printed = String::new();
        let mut total = 0;
        for (file, lines) in self.files {
            total += lines.len();
            let _ = writeln!(printed, "{file} ({})", lines.len());
            for (_, line) in lines {
                let _ = writeln!(printed, "  {line}");
            }
        }
        assert!(total == 0, "{printed}{total} texts break a rule of docs/style.md");
    }
}

#[test]
fn sentences_in_the_source_follow_the_style() {
    let rules = Rules::new(&GLOSSARY);
    let mut report = Report::default();
    let mut count = 0;
    for path in texts::source_files(&root().join("src")) {
        let file = name_of(&path);
        let source = fs::read_to_string(&path).expect("a source file");
        for text in texts::of(&source, file.starts_with("src/cli/")) {
            count += 1;
            if exception(&file, &text.words).is_some() {
                continue;
            }
            for rule in rules.broken_by(&text.words).into_iter().chain(form_broken_by(&text)) {
                report.add(&file, text.line, &text.words, &rule);
            }
        }
    }
    assert!(count > 1500, "only {count} sentences were found");
    report.assert_empty();
}

/// The text of a comment line, or of a line of a page.
fn readable(path: &Path, line: &str) -> Option<String> {
    let mark = match path.extension().and_then(|end| end.to_str()) {
        Some("md") => return Some(line.to_owned()),
        Some("rs") => "//",
        _ => "#",
    };
    let (before, comment) = line.split_once(mark)?;
    let begins = before.is_empty() || before.ends_with(' ');
    begins.then(|| comment.trim_start_matches(['/', '!', ' ']).to_owned())
}

#[test]
fn comments_and_pages_have_no_old_words() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "docs", "scripts", "examples", "fuzz/targets"] {
        files_below(&root().join(folder), &mut files);
    }
    files.extend(
        ["README.md", "Makefile", "Cargo.toml", ".gitlab-ci.yml"].map(|name| root().join(name)),
    );
    let kinds = ["rs", "md", "py", "sh", "toml", "yml"];
    let rules = Rules::new(&OLD_WORDS);
    let mut report = Report::default();
    for path in files {
        let kind = path.extension().and_then(|end| end.to_str()).unwrap_or("sh");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let file = name_of(&path);
        for (index, line) in text.lines().enumerate().filter(|_| kinds.contains(&kind)) {
            let Some(words) = readable(&path, line) else { continue };
            if exception(&file, &words).is_some() {
                continue;
            }
            for rule in rules.broken_by(&words) {
                report.add(&file, index + 1, &words, &rule);
            }
        }
    }
    report.assert_empty();
}

/// Plural nouns that a module's first line must not begin with.
const NOUNS: [&str; 12] = [
    "Backups",
    "Branches",
    "Conditions",
    "Errors",
    "Its",
    "Keys",
    "Rows",
    "Settings",
    "Steps",
    "Tables",
    "Types",
    "Words",
];

#[test]
fn each_module_says_first_what_it_does() {
    let mut report = Report::default();
    for path in texts::source_files(&root().join("src")) {
        let source = fs::read_to_string(&path).expect("a source file");
        let Some(first) = source.lines().next().and_then(|line| line.strip_prefix("//! ")) else {
            continue;
        };
        let word = first.split(' ').next().unwrap_or_default().trim_end_matches([',', ':']);
        let is_verb =
            word.starts_with(char::is_uppercase) && word.ends_with('s') && !NOUNS.contains(&word);
        // The arguments of a command begin with its name.
        if !is_verb && !word.starts_with('`') {
            report.add(&name_of(&path), 1, first, "a module begins with a verb, such as `Reads`");
        }
    }
    report.assert_empty();
}

#[test]
fn each_exception_is_needed() {
    for (path, part, _) in EXCEPTIONS.iter().filter(|(_, part, _)| !part.is_empty()) {
        let text = fs::read_to_string(root().join(path)).expect("the file of an exception");
        assert!(text.contains(part), "{path} has no `{part}`: remove the exception");
    }
}

#[test]
fn rules_find_what_they_describe() {
    let rules = Rules::new(&GLOSSARY);
    for wrong in [
        "Go on with a run",
        "`x` is no host name",
        "nothing is known, so that it stops",
        "it fails, as the server is down",
        "the table was left out",
        "the role may not create databases",
    ] {
        assert_eq!(rules.broken_by(wrong).len(), 1, "{wrong}");
    }
    for right in
        ["there is no backup", "the lock is no longer held", "nobody else, the amended row"]
    {
        assert_eq!(rules.broken_by(right), Vec::<String>::new(), "{right}");
    }
    let error = |words: &str| {
        form_broken_by(&Text { line: 1, kind: Kind::Error, words: words.to_owned() }).len()
    };
    assert_eq!(error("cannot read {path}: {reason}"), 0);
    assert_eq!(error("Heroku's answer was lost"), 0);
    assert_eq!(error("HEROKU_API_KEY is empty"), 0);
    assert_eq!(error("Cannot read {path}."), 2);
    assert_eq!(error("the app ENV is missing; it was there; it is not"), 2);
    assert_eq!(error(&"word ".repeat(26)), 1);
}
