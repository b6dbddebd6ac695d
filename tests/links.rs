//! Checks every link of the pages, and every page and file that source and pages name. No network.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use regex::Regex;

/// Pages for contributors: the source files that they name are checked.
const OF_CONTRIBUTORS: [&str; 5] =
    ["architecture.md", "benchmarks.md", "releasing.md", "style.md", "testing.md"];

/// Folders that hold nothing of the project's own.
const NOT_OURS: [&str; 4] = [".git", ".cargo-home", ".sandbox", "target"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the project, relative to its root.
fn files() -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !NOT_OURS.iter().any(|name| path.ends_with(name)) {
                    collect(&path, found);
                }
            } else {
                found.push(path.strip_prefix(root()).expect("a file of the project").to_owned());
            }
        }
    }
    let mut found = Vec::new();
    collect(root(), &mut found);
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

fn ends_in(path: &Path, ends: &[&str]) -> bool {
    path.extension().and_then(|end| end.to_str()).is_some_and(|end| ends.contains(&end))
}

/// README.md, the pages of docs/ and those beside the examples.
fn pages() -> Vec<PathBuf> {
    let is_page = |path: &PathBuf| {
        ends_in(path, &["md"])
            && (path.components().count() == 1
                || path.starts_with("docs")
                || path.starts_with("examples"))
    };
    files().into_iter().filter(is_page).collect()
}

/// The lines of a page outside of its blocks of code, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut in_code = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            lines.push((index + 1, line));
        }
    }
    lines
}

/// The anchors of a page's headings, as GitLab and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let link = Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap();
    let mut anchors = BTreeSet::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        let depth = line.len() - title.len();
        if depth == 0 || depth > 6 || !title.starts_with(' ') {
            continue;
        }
        let title = link.replace_all(title.trim(), "$1").to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let again = (1..).map(|count| format!("{anchor}-{count}"));
        let mut names = [anchor.clone()].into_iter().chain(again);
        let free = names.find(|name| !anchors.contains(name)).expect("a free name");
        anchors.insert(free);
    }
    anchors
}

/// The targets of links and pictures in a page that are not on the network.
fn targets(text: &str) -> Vec<(usize, String)> {
    let patterns = [
        r"\]\(([^()\s]+)(?:\s[^()]*)?\)",
        r#"(?:src|href|srcset)="([^"]+)""#,
        r"^\[[^\]]+\]:\s*(\S+)",
    ];
    let patterns = patterns.map(|pattern| Regex::new(pattern).unwrap());
    let code = Regex::new("`[^`]*`").unwrap();
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        // A link within code is an example of one. The text of a link may be code.
        let line = code.replace_all(line, "x");
        for captures in patterns.iter().flat_map(|pattern| pattern.captures_iter(&line)) {
            let target = &captures[1];
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

/// `docs/../src/a.rs` as `src/a.rs`. A path that leaves the project keeps its dots.
fn tidy(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        let can_go_up = tidied.file_name().is_some();
        match part {
            Component::ParentDir if can_go_up => {
                tidied.pop();
            }
            Component::CurDir => {}
            part => tidied.push(part),
        }
    }
    tidied
}

/// Why a link leads nowhere.
fn fault(page: &Path, target: &str) -> Option<String> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => page.to_owned(),
        file => tidy(&page.parent().expect("a folder").join(file)),
    };
    if !root().join(&path).exists() {
        return Some(format!("there is no {}", path.display()));
    }
    if anchor.is_empty() || !ends_in(&path, &["md"]) {
        return None;
    }
    let known = anchors(&read(&path));
    (!known.contains(anchor)).then(|| format!("{} has no heading #{anchor}", path.display()))
}

fn assert_none(faults: &[String], rule: &str) {
    assert!(faults.is_empty(), "{}\n{} times: {rule}", faults.join("\n"), faults.len());
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let mut faults = Vec::new();
    let mut count = 0;
    for page in pages() {
        for (line, target) in targets(&read(&page)) {
            count += 1;
            let fault = fault(&page, &target);
            faults.extend(fault.map(|why| format!("{}:{line}: {target}: {why}", page.display())));
        }
    }
    assert!(count > 40, "only {count} links were found");
    assert_none(&faults, "a link leads nowhere");
}

/// Hints, help, comments, scripts and tests name pages, sometimes with a heading.
#[test]
fn every_page_that_the_source_names_exists() {
    let name = Regex::new(r"docs/[\w-]+\.md(?:#[\w-]+)?").unwrap();
    let kinds = ["md", "py", "rs", "sh", "sql", "toml", "yml"];
    let mut faults = Vec::new();
    let mut count = 0;
    for file in files().iter().filter(|file| ends_in(file, &kinds) || file.ends_with("Makefile")) {
        for (index, line) in read(file).lines().enumerate() {
            for found in name.find_iter(line).map(|found| found.as_str()) {
                count += 1;
                let fault = fault(Path::new("README.md"), found);
                let place = format!("{}:{}", file.display(), index + 1);
                faults.extend(fault.map(|why| format!("{place}: {found}: {why}")));
            }
        }
    }
    assert!(count > 15, "only {count} names were found");
    assert_none(&faults, "a page that is named does not exist");
}

/// A page for contributors names files by the end of their path, such as `runbook/essence.rs`.
#[test]
fn every_file_that_contributors_are_sent_to_exists() {
    let name = Regex::new(r"`([\w./-]+\.(?:py|rs|sh|sql|toml|yml)|[\w./-]+/)`").unwrap();
    let files: Vec<String> = files().iter().map(|path| format!("/{}", path.display())).collect();
    let mut faults = Vec::new();
    let mut count = 0;
    for page in OF_CONTRIBUTORS {
        for (line, text) in prose(&read(&Path::new("docs").join(page))) {
            for captures in name.captures_iter(text) {
                let wanted = &captures[1];
                // Made by a command, the reader's own, or not a file.
                let elsewhere = ["target/", "refs/", "bcops.toml"];
                if wanted.contains("NAME") || elsewhere.iter().any(|one| wanted.starts_with(one)) {
                    continue;
                }
                count += 1;
                let known = match wanted.strip_suffix('/') {
                    Some(folder) => files.iter().any(|file| file.contains(&format!("/{folder}/"))),
                    None => files.iter().any(|file| file.ends_with(&format!("/{wanted}"))),
                };
                if !known {
                    faults.push(format!("docs/{page}:{line}: {wanted}"));
                }
            }
        }
    }
    assert!(count > 100, "only {count} files were found");
    assert_none(&faults, "a file that a page names does not exist");
}

/// `make book` shows the pages of docs/SUMMARY.md and no other.
#[test]
fn the_book_has_every_page_once() {
    let listed: Vec<String> = targets(&read(Path::new("docs/SUMMARY.md")))
        .into_iter()
        .map(|(_, target)| format!("docs/{target}"))
        .collect();
    let mut sorted = listed.clone();
    sorted.sort();
    let in_docs = |path: &PathBuf| path.starts_with("docs") && !path.ends_with("SUMMARY.md");
    let pages: Vec<String> = pages()
        .iter()
        .filter(|path| in_docs(path))
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(sorted, pages);
}

#[test]
fn anchors_and_targets_are_read_as_they_are_meant() {
    let text = "# A `b`, c\n```\n# no\n[no](no.md)\n```\n## Twice\n## Twice\n#no\n## See [d](e.md)";
    let expected = ["a-b-c", "see-d", "twice", "twice-1"];
    assert_eq!(anchors(text), expected.map(str::to_owned).into());
    let text = "[a](b.md#c) ![d](e.svg \"f\") `[no](no.md)` [`g`](h.md) <https://i> [j](https://k)\n[l]: m.md";
    let found: Vec<String> = targets(text).into_iter().map(|(_, target)| target).collect();
    assert_eq!(found, ["b.md#c", "e.svg", "h.md", "m.md"]);
    assert_eq!(tidy(Path::new("docs/../src/./a.rs")), Path::new("src/a.rs"));
}
