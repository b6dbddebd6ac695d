//! Generates pages from the program's own definitions, and tests that they are up to date.

mod json;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use bcops::settings::keys::{Declaration, KEYS, ValueType, built_in_values};

const BEGINNING: &str = "<!-- made by `make docs` from src/settings/keys/list.rs: begin -->\n";
const END: &str = "<!-- made by `make docs`: end -->\n";

/// Each page that is generated, or has a generated part, with its expected text.
pub fn pages() -> Result<Vec<(PathBuf, String)>, String> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let configuration = docs.join("configuration.md");
    let text = fs::read_to_string(&configuration).map_err(|error| error.to_string())?;
    let (before, rest) = text.split_once(BEGINNING).ok_or("configuration.md has lost its marks")?;
    let (_, after) = rest.split_once(END).ok_or("configuration.md has lost its last mark")?;
    let configuration_text = format!("{before}{BEGINNING}{}{END}{after}", key_table());
    Ok(vec![
        (configuration, configuration_text),
        (docs.join("commands.md"), commands()),
        (docs.join("json.md"), json::page()),
    ])
}

fn key_table() -> String {
    let mut text = String::from(
        "| key | type | default | variable | meaning | used by |\n|---|---|---|---|---|---|\n",
    );
    let built_in = built_in_values();
    for key in KEYS {
        let code = |one: &str| format!("`{}`", one.replace('|', "\\|"));
        let declared = key.default.map(|default| default.to_string());
        let mut default = match declared.as_deref() {
            Some("\"\"" | "[]") | None => String::new(),
            Some(default) => code(default),
        };
        let councils = built_in.get(key.name).filter(|value| declared.as_ref() != Some(value));
        if let Some(value) = councils {
            let value = if value.starts_with('[') { "its own".to_owned() } else { code(value) };
            let and = if default.is_empty() { "" } else { "; " };
            let _ = write!(default, "{and}the council's: {value}");
        }
        let variable = key.variable.map_or_else(String::new, code);
        let name = key.name.replace('*', "NAME");
        let Declaration { value_type, meaning, used_by, .. } = key;
        let kind = match value_type {
            ValueType::Text => "string",
            ValueType::Boolean => "boolean",
            ValueType::TextList => "list",
        };
        let meaning = meaning.replace('|', "\\|").replace('<', "&lt;").replace('*', "\\*");
        let _ = writeln!(
            text,
            "| `{name}` | {kind} | {default} | {variable} | {meaning} | {used_by} |"
        );
    }
    text
}

fn commands() -> String {
    let mut text = String::from(
        "# Commands\n\nMade by `make docs` from the definitions of the command line. The options of every command are\n\
         listed once, under `bcops`. The fab names (`pull-production-data`, `push-staging-images`,\n\
         `staging-shell`, …) are made from the configured environments.\n",
    );
    let mut whole = bcops::cli::command(&[]).term_width(100);
    whole.build();
    let global = whole.get_arguments().find(|argument| argument.is_global_set());
    let heading = global.and_then(|argument| argument.get_help_heading());
    let heading = heading.map(|heading| format!("{heading}:")).unwrap_or_default();
    add(&mut text, &mut whole, None);
    add_inner(&mut text, &mut whole, &heading);
    text
}

fn add_inner(text: &mut String, command: &mut clap::Command, heading: &str) {
    for inner in command.get_subcommands_mut().filter(|inner| inner.get_name() != "help") {
        add(text, inner, Some(heading));
        add_inner(text, inner, heading);
    }
}

/// Adds the help of one command, without the options below the heading `skipped`.
fn add(text: &mut String, command: &mut clap::Command, skipped: Option<&str>) {
    let name = command.get_bin_name().unwrap_or("bcops").to_owned();
    let help = command.render_long_help().to_string();
    let mut is_skipped = false;
    let lines = help.trim_end().lines().map(str::trim_end).filter(|line| {
        if !line.is_empty() && !line.starts_with(' ') {
            is_skipped = skipped == Some(*line);
        }
        !is_skipped
    });
    let lines: Vec<&str> = lines.collect();
    let _ = write!(text, "\n## {name}\n\n```\n{}\n```\n", lines.join("\n").trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_are_fresh() {
        for (path, wanted) in pages().expect("the pages") {
            let found = fs::read_to_string(&path).unwrap_or_default();
            assert!(found == wanted, "{} is stale: run `make docs`", path.display());
        }
    }

    /// What docs/when-it-stops.md quotes as a message is what the program prints.
    #[test]
    fn the_messages_of_when_it_stops_are_in_the_source() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = fs::read_to_string(root.join("docs/when-it-stops.md")).expect("the page");
        let mut source = String::new();
        collect(&root.join("src"), &mut source);
        let source = plain(&source);
        let (mut count, mut in_messages) = (0, false);
        for line in page.lines() {
            in_messages = line.starts_with("| message |") || (in_messages && line.starts_with('|'));
            let cell = line.split(" | ").next().filter(|_| in_messages).unwrap_or_default();
            for quoted in cell.split('`').skip(1).step_by(2) {
                count += 1;
                assert!(source.contains(&plain(quoted)), "nothing in src says `{quoted}`");
            }
        }
        assert!(count > 20, "only {count} texts were found in the page");
    }

    /// Every proof that a page names is a test, or a module of tests.
    #[test]
    fn the_tests_that_pages_name_exist() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut source = String::new();
        for folder in ["src", "tests"] {
            collect(&root.join(folder), &mut source);
        }
        let mut count = 0;
        for page in ["docs/threat-model.md", "docs/media.md", "README.md"] {
            let text = fs::read_to_string(root.join(page)).expect("the page");
            for (_, name) in
                text.split('`').skip(1).step_by(2).filter_map(|one| one.rsplit_once("::"))
            {
                let (name, mark) = match name.strip_suffix('…') {
                    Some(beginning) => (beginning, ""),
                    None => (name, "("),
                };
                let known = source.contains(&format!("fn {name}{mark}"))
                    || source.contains(&format!("mod {name};"));
                assert!(known, "{page} names a test {name}, and there is none");
                count += 1;
            }
        }
        assert!(count > 30, "only {count} names were found");
    }

    /// The text without the line breaks of a string in the source.
    fn plain(text: &str) -> String {
        let text = text.replace("\\\n", " ").replace("\\\"", "\"");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn collect(folder: &Path, text: &mut String) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&fs::read_to_string(path).expect("a file"));
            }
        }
    }
}
