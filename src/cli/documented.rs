//! Checks the documents and the examples of the help: bcops understands each line that a reader would
//! type.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::{command, parse};

/// Those of the built-in configuration, and those of the second site's.
const ENVIRONMENTS: [&str; 6] = ["production", "staging", "content-prep", "dev", "live", "preview"];

/// The command lines in the blocks of code of a Markdown file. A line that goes on after a
/// backslash, or further indented as YAML allows, is one.
fn lines_of_markdown(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let (mut in_code, mut indent) = (false, None);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            (in_code, indent) = (!in_code, None);
            continue;
        }
        let depth = line.len() - line.trim_start().len();
        let start = line.trim_start().trim_start_matches("- ").trim_start_matches("$ ");
        let goes_on = lines.last().is_some_and(|last| last.ends_with('\\'))
            || (line.trim_start().starts_with("--") && indent.is_some_and(|before| depth > before));
        match (in_code, lines.last_mut()) {
            (true, Some(last)) if goes_on => {
                let joined = format!("{} {}", last.trim_end_matches('\\'), line.trim());
                *last = joined;
            }
            (true, _) if start.starts_with("bcops ") => {
                lines.push(start.to_owned());
                indent = Some(depth);
            }
            _ => indent = None,
        }
    }
    lines
}

/// The words of a command line, without what a shell keeps for itself: comments, pipes,
/// redirections.
fn words(line: &str) -> Vec<OsString> {
    let words = shell_words::split(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let ends = |word: &&String| {
        !matches!(word.as_str(), "#" | "|" | "&&" | "||" | ";")
            && !word.starts_with(['>', '<', '#'])
    };
    words.iter().take_while(ends).map(OsString::from).collect()
}

/// A pattern such as `runs list|show` or `[ENV]` is no line to type.
fn is_pattern(line: &str) -> bool {
    ["[", "…", "..."].iter().any(|mark| line.contains(mark))
}

fn assert_understood(place: &str, line: &str) {
    let environments = ENVIRONMENTS.map(str::to_owned);
    // A stand-in for an environment's name is one of them, for the commands that check it.
    let words = words(line).into_iter().map(|word| match word.to_str() {
        Some("ENV") => OsString::from("staging"),
        _ => word,
    });
    if let Err(error) = parse(words, &environments) {
        assert!(!error.use_stderr(), "{place}: {line}\n{error}");
    }
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.to_owned(), root.join("docs"), root.join("examples/second-site")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let paths = files.map(|file| file.expect("a file").path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "md")).collect()
}

#[test]
fn every_line_of_the_documents_is_understood() {
    let mut count = 0;
    for path in documents() {
        let text = fs::read_to_string(&path).expect("a document");
        for line in lines_of_markdown(&text).iter().filter(|line| !is_pattern(line)) {
            assert_understood(&path.display().to_string(), line);
            count += 1;
        }
    }
    assert!(count > 30, "only {count} lines were found");
}

#[test]
fn every_example_of_the_help_is_understood() {
    let mut count = 0;
    let mut commands = vec![command(&ENVIRONMENTS.map(str::to_owned))];
    while let Some(one) = commands.pop() {
        commands.extend(one.get_subcommands().cloned());
        let after = [one.get_after_help(), one.get_after_long_help()];
        for text in after.into_iter().flatten().map(ToString::to_string) {
            let lines = text.lines().map(str::trim).filter(|line| line.starts_with("bcops "));
            for line in lines.filter(|line| !is_pattern(line)) {
                assert_understood(one.get_name(), line);
                count += 1;
            }
        }
    }
    assert!(count > 30, "only {count} examples were found");
}

#[test]
fn lines_are_found_as_they_are_written() {
    let text = "bcops no\n```yaml\n  - bcops a \\\n    --b\n  - bcops c\n      --d > e.json\n  - f\n```\nbcops no";
    assert_eq!(lines_of_markdown(text), ["bcops a  --b", "bcops c --d > e.json"]);
    assert_eq!(words("bcops c --d='x y' # z"), ["bcops", "c", "--d=x y"]);
}
