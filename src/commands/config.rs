//! `config`: what is in force, where it comes from, and a file to begin with.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

use serde_json::{Value, json};

use crate::cli::{ConfigArgs, ConfigWork, InitArgs};
use crate::commands::{Context, Outcome};
use crate::error::{CommandError, Kind};
use crate::settings::keys::{self, KEYS};
use crate::settings::{Effective, RawValue};

pub fn run(context: &Context, args: &ConfigArgs) -> Result<Outcome, CommandError> {
    match &args.work {
        ConfigWork::Show => Ok(show(context)),
        ConfigWork::Path => Ok(path(context)),
        ConfigWork::Init(args) => init(args),
    }
}

fn show(context: &Context) -> Outcome {
    let settings = context.settings.effective();
    let lines: Vec<String> = settings
        .iter()
        .map(|one| format!("{:<44} {:<44} # {}", one.name, shown(one), one.origin))
        .collect();
    let values = settings.iter().map(
        |one| json!({ "key": one.name, "value": value(one), "origin": one.origin.to_string() }),
    );
    let result = json!({ "settings": values.collect::<Vec<_>>() });
    Outcome::done(result, lines.join("\n"))
}

/// In TOML, but for what must not be shown.
fn shown(one: &Effective<'_>) -> String {
    match one.value {
        _ if one.secret => "[secret]".to_owned(),
        RawValue::Text(text) => toml::Value::from(text.as_str()).to_string(),
        RawValue::Boolean(value) => value.to_string(),
        RawValue::TextList(items) => toml::Value::from(items.clone()).to_string(),
    }
}

fn value(one: &Effective<'_>) -> Value {
    match one.value {
        _ if one.secret => json!("[secret]"),
        RawValue::Text(text) => json!(text),
        RawValue::Boolean(value) => json!(value),
        RawValue::TextList(items) => json!(items),
    }
}

fn path(context: &Context) -> Outcome {
    let files: Vec<String> =
        context.settings.files.iter().map(|path| path.display().to_string()).collect();
    let text = match files.as_slice() {
        [] => {
            "no file is read: the built-in defaults and the environment are all there is".to_owned()
        }
        files => files.join("\n"),
    };
    Outcome::done(json!({ "files": files }), text)
}

fn init(args: &InitArgs) -> Result<Outcome, CommandError> {
    let text = template();
    let name = args.file.display().to_string();
    if args.dry_run {
        let result = json!({ "dry_run": true, "file": name, "text": text });
        return Ok(Outcome::done(result, text.trim_end().to_owned()));
    }
    let mut options = OpenOptions::new();
    options.write(true).create(args.force).truncate(args.force).create_new(!args.force);
    let written = options.open(&args.file).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            let text = format!("{name} exists already; nothing was changed");
            CommandError::new(Kind::Refused, text).hint("to replace it: --force")
        }
        _ => {
            CommandError::new(Kind::Configuration, format!("cannot write {name}")).with_cause(error)
        }
    })?;
    let result = json!({ "dry_run": false, "file": name });
    let text = format!("{name} is written; every setting in it is a comment until you change it");
    Ok(Outcome::done(result, text))
}

/// Every setting as a comment, with its meaning and its built-in value.
fn template() -> String {
    let mut text = String::from(
        "# Settings of bcops. What is commented out has the value that it shows, or none.\n\
         # `bcops config show` tells what is in force, and why.\n",
    );
    let built_in = keys::built_in_values();
    let mut tables: BTreeMap<String, String> = BTreeMap::new();
    for key in KEYS {
        // Another site has environments of its own: one is shown for all.
        let full = key.name.replace('*', "staging");
        let (table, name) = full.rsplit_once('.').unwrap_or(("", &full));
        let example = || key.value_type.example().to_owned();
        let value = built_in.get(&full).cloned().unwrap_or_else(example);
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
