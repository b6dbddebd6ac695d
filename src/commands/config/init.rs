//! `config init`: writes a bcops.toml for another site, from answers or as a template.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::site::{self, Site};
use super::trust;
use crate::cli::InitArgs;
use crate::commands::{Context, Outcome};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::settings::FOUND_NAME;
use crate::settings::keys::{self, KEYS};

/// The file that was written.
#[derive(Serialize, JsonSchema)]
pub struct Written<'a> {
    dry_run: bool,
    file: String,
    /// Whether the file is in force without being named. Absent with `--dry-run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    trusted: Option<bool>,
    /// The text of the file, with `--dry-run` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

pub fn run(context: &Context, args: &InitArgs) -> Result<Outcome, CommandError> {
    let name = args.file.display().to_string();
    // Before the questions, whose answers would be lost.
    if args.file.symlink_metadata().is_ok() && !args.dry_run {
        return Err(is_there(&name));
    }
    if let Some(outer) = outer_file(context, &args.file) {
        let text = format!("{} is in force here; {name} will replace it", outer.display());
        context.ui.emit(Event::Warning(text));
    }
    let asks = !args.template && context.ui.prompter().can_ask();
    let text = if asks { Site::ask(context, &folder_name())?.text() } else { template() };
    if args.dry_run {
        let file = Written { dry_run: true, file: name, trusted: None, text: Some(&text) };
        return Ok(Outcome::done(file, text.trim_end()));
    }
    let manifest = asks.then(|| manifest_beside(&args.file)).transpose()?;
    write(&args.file, &text).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => is_there(&name),
        _ => cannot_write(&args.file, error),
    })?;
    let next = match (asks, is_found(&args.file)) {
        (true, true) => "next: bcops config show, then bcops doctor".to_owned(),
        (true, false) => {
            format!("next: bcops --config {name} config show, then bcops --config {name} doctor")
        }
        (false, _) => "every setting is a comment until you change it".to_owned(),
    };
    // The user has just written the file. A file of comments needs no trust.
    let is_trusted = asks && is_found(&args.file) && trust::record(context, &args.file);
    let trusted = if is_trusted { " and trusted" } else { "" };
    let manifest = manifest.flatten().map(|path| format!("wrote {}\n", path.display()));
    let text = format!("{}wrote{trusted} {name}; {next}", manifest.unwrap_or_default());
    let file = Written { dry_run: false, file: name, trusted: Some(is_trusted), text: None };
    Ok(Outcome::done(file, text))
}

/// Writes the manifest that the settings name, unless the site has one. Before the settings, which
/// cannot be used without it.
fn manifest_beside(settings: &Path) -> Result<Option<PathBuf>, CommandError> {
    let path = settings.with_file_name(site::MANIFEST_NAME);
    match write(&path, site::MANIFEST) {
        Ok(()) => Ok(Some(path)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(cannot_write(&path, error)),
    }
}

fn cannot_write(path: &Path, error: std::io::Error) -> CommandError {
    let text = format!("cannot write {}", path.display());
    CommandError::new(FailureKind::Configuration, text)
        .with_cause(error)
        .hint("name a file in a folder that you may write to: bcops config init FILE")
}

/// Whether a file of this name is read without being named.
fn is_found(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == FOUND_NAME)
}

/// The file in a folder above that is in force until this one exists.
fn outer_file<'a>(context: &'a Context, file: &Path) -> Option<&'a PathBuf> {
    let here = std::env::current_dir().ok()?;
    let folder = here.join(file.parent()?);
    let is_above = |path: &&PathBuf| {
        let above = path.parent().filter(|above| folder.starts_with(above));
        is_found(path) && above.is_some_and(|above| above != folder)
    };
    let mut paths = context.settings.files.iter().map(|file| &file.path);
    paths.find(is_above).filter(|_| is_found(file))
}

fn is_there(name: &str) -> CommandError {
    CommandError::new(
        FailureKind::Refused,
        format!("cannot write {name}: it exists already; nothing was changed"),
    )
    .hint("move it away, or name another file: bcops config init FILE")
}

/// Writes a new file, never over another. A half-written file is removed, because it would be read.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

/// A likely name for the site in this folder.
fn folder_name() -> String {
    let folder = std::env::current_dir().unwrap_or_default();
    let name = folder.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let name: String = name
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name = name.trim_matches(|c: char| c == '-' || c.is_ascii_digit()).to_owned();
    if name.is_empty() { "site".to_owned() } else { name }
}

/// Every setting as a comment, with its meaning and its built-in value.
fn template() -> String {
    let mut text = String::from(
        "# Settings of bcops. A setting that is commented out has the value shown, or none.\n\
         # `bcops config show` prints what is in force, and why.\n",
    );
    let built_in = keys::built_in_values();
    let mut tables: BTreeMap<String, String> = BTreeMap::new();
    for key in KEYS {
        // Another site has its own environments, so one stands for all.
        let full = key.name.replace('*', "staging");
        let (table, name) = full.rsplit_once('.').unwrap_or(("", &full));
        let value = match (built_in.get(&full), key.default) {
            (Some(value), _) => value.clone(),
            (None, Some(default)) => default.to_string(),
            (None, None) => key.value_type.example().to_owned(),
        };
        let variable = key.variable.map_or_else(String::new, |name| format!(" ({name})"));
        let lines = format!("# {}{variable}\n# {name} = {value}\n", key.meaning);
        tables.entry(table.to_owned()).or_default().push_str(&lines);
    }
    for (table, lines) in tables {
        if !table.is_empty() {
            text.push_str(&format!("\n# [{table}]\n"));
        }
        text.push_str(&lines);
    }
    text
}
