//! Checks the modules against docs/architecture.md: each uses only the modules below it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules that everything may use: words, values and events without their own policy.
const GROUND: [&str; 14] = [
    "activity",
    "child_environment",
    "events",
    "failure",
    "hardening",
    "json",
    "loopback",
    "plain_text",
    "private_folder",
    "process_id",
    "property_test",
    "schema",
    "secret",
    "words",
];

/// Each module with the modules that it may use in addition, lowest first.
const LAYERS: [(&str, &[&str]); 16] = [
    ("settings", &[]),
    ("adapters", &["settings"]),
    ("archive", &[]),
    ("django_migrations", &[]),
    ("caches", &["adapters", "settings"]),
    ("checks", &["adapters", "settings"]),
    ("search", &["adapters", "settings"]),
    ("media", &["adapters"]),
    ("scrub", &["adapters", "archive", "settings"]),
    ("restore", &["adapters", "archive", "scrub"]),
    ("runbook", &[]),
    // The only way to an environment.
    ("deployment", &["adapters", "caches", "scrub", "settings"]),
    (
        "reset",
        &[
            "adapters",
            "archive",
            "caches",
            "checks",
            "deployment",
            "django_migrations",
            "media",
            "restore",
            "runbook",
            "scrub",
            "search",
            "settings",
        ],
    ),
    ("ui", &["settings"]),
    // The flags have values of these types.
    ("cli", &["caches", "media", "reset", "settings", "ui"]),
    (
        "commands",
        &[
            "adapters",
            "caches",
            "checks",
            "cli",
            "deployment",
            "django_migrations",
            "media",
            "reset",
            "restore",
            "runbook",
            "scrub",
            "search",
            "settings",
            "ui",
        ],
    ),
];

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => files_below(&path, files),
            path => files.push(path),
        }
    }
}

/// The modules of the crate that a text names.
fn used(text: &str) -> BTreeSet<String> {
    names_after(text, "crate::")
}

/// The names that a text uses from a module, alone and in lists.
fn names_after(text: &str, module: &str) -> BTreeSet<String> {
    let names = |rest: &str| -> Vec<String> {
        let list = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        let words =
            list.unwrap_or(rest).split(',').take(if list.is_some() { usize::MAX } else { 1 });
        words
            .map(|word| {
                word.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
            })
            .collect()
    };
    text.split(module).skip(1).flat_map(names).filter(|name| !name.is_empty()).collect()
}

#[test]
fn each_module_uses_only_modules_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (module, below) in LAYERS {
        let mut files = Vec::new();
        files_below(&source.join(module), &mut files);
        assert!(!files.is_empty(), "there is no module {module}");
        for path in files {
            let text = fs::read_to_string(&path).expect("a source file");
            for name in used(&text) {
                let is_allowed = name == module
                    || GROUND.contains(&name.as_str())
                    || below.contains(&name.as_str());
                assert!(is_allowed, "{} uses {name}", path.display());
            }
        }
    }
}

/// The parts of `commands` that every command may use, in addition to its own folder.
const SHARED_BY_COMMANDS: [&str; 15] = [
    "Context",
    "Outcome",
    "backup_file",
    "capture",
    "confirm",
    "dropped",
    "findings",
    "journal",
    "junit",
    "manifest",
    "reason",
    "rows",
    "scrub_target",
    "superusers",
    "unscrubbed",
];

/// Commands about the same runs.
const OF_RUNS: [&str; 2] = ["reset_staging", "unfinished"];

#[test]
fn commands_do_not_use_each_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands");
    let mut files = Vec::new();
    files_below(&folder, &mut files);
    for path in files {
        let inside = path.strip_prefix(&folder).expect("a file below the folder");
        let own = inside.iter().next().and_then(|name| name.to_str()).unwrap_or_default();
        let own = own.trim_end_matches(".rs");
        let text = fs::read_to_string(&path).expect("a source file");
        for name in names_after(&text, "crate::commands::") {
            let is_of_runs =
                ["doctor", "runs", "unfinished"].contains(&own) || name == "unfinished";
            let is_allowed = name == own
                || SHARED_BY_COMMANDS.contains(&name.as_str())
                || is_of_runs && OF_RUNS.contains(&name.as_str());
            assert!(is_allowed, "{} uses {name}", inside.display());
        }
    }
}

#[test]
fn every_module_has_a_layer() {
    let library = include_str!("lib.rs");
    let modules = library.lines().filter_map(|line| {
        let (_, name) = line.split_once("mod ")?;
        name.strip_suffix(';')
    });
    for module in modules.filter(|module| !["hints", "layers", "wording"].contains(module)) {
        let has_place = GROUND.contains(&module) || LAYERS.iter().any(|(name, _)| *name == module);
        assert!(has_place, "{module} is in no layer");
    }
}
