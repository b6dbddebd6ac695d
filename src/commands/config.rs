//! `config`: what is in force, where it comes from, and a file to begin with.

mod init;
mod site;
mod trust;

use serde_json::{Value, json};

use crate::cli::{ConfigArgs, ConfigWork};
use crate::commands::{Context, Outcome};
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::runbook::Redactor;
use crate::settings::keys::KEYS;
use crate::settings::{Effective, RawValue};

pub fn run(context: &Context, args: &ConfigArgs) -> Result<Outcome, CommandError> {
    match &args.work {
        ConfigWork::Show => Ok(show(context)),
        ConfigWork::Path => Ok(path(context)),
        ConfigWork::Init(args) => init::run(context, args),
        ConfigWork::Trust(args) => trust::run(context, args),
        ConfigWork::Untrust(args) => trust::take_back(context, args),
    }
}

fn show(context: &Context) -> Outcome {
    let settings = context.settings.effective_with_defaults();
    let mut lines: Vec<String> = settings
        .iter()
        .map(|one| format!("{:<88} # {}", format!("{} = {}", one.name, shown(one)), one.origin))
        .collect();
    let mut values: Vec<Value> = settings.iter().map(described).collect();
    // Of environments, whatever has no value is left out: there would be lines for each.
    for key in KEYS.iter().filter(|key| !key.name.contains('*')) {
        if !settings.iter().any(|one| one.name == key.name) {
            lines.push(format!("# {} is not set", key.name));
            values.push(json!({ "key": key.name, "value": null, "origin": "not set" }));
        }
    }
    if let Some(problem) = &context.problem {
        context.ui.emit(Event::Warning(format!("{problem}; nothing of it is in force")));
        lines.extend(trust::lines_of_found_file(context));
    }
    let problem = context.problem.as_ref().map(|problem| problem.to_string());
    Outcome::done(json!({ "settings": values, "problem": problem }), lines.join("\n"))
}

/// In TOML, but for what must not be shown.
fn shown(one: &Effective) -> String {
    // A password may stand in the URL of a setting that needs none.
    if one.secret {
        "\"[secret]\"".to_owned()
    } else {
        Redactor::new().clean(&one.value.to_string())
    }
}

fn described(one: &Effective) -> Value {
    let value = match &one.value {
        _ if one.secret => json!("[secret]"),
        RawValue::Text(text) => json!(Redactor::new().clean(text)),
        RawValue::Boolean(value) => json!(value),
        RawValue::TextList(items) => json!(items),
    };
    json!({ "key": one.name, "value": value, "origin": one.origin.to_string() })
}

/// The files, with why each is believed, and the one that is not.
fn path(context: &Context) -> Outcome {
    let files: Vec<String> =
        context.settings.files.iter().map(|file| file.path.display().to_string()).collect();
    let trust: Vec<String> =
        context.settings.files.iter().map(|file| file.trust.to_string()).collect();
    let mut lines: Vec<String> = files.iter().zip(&trust).map(in_two_columns).collect();
    if let Some(problem) = &context.problem {
        lines.push(format!("not in force: {problem}"));
    }
    if lines.is_empty() {
        lines.push(
            "no file is read: the built-in defaults and the environment are all there is"
                .to_owned(),
        );
    }
    let problem = context.problem.as_ref().map(|problem| problem.to_string());
    Outcome::done(json!({ "files": files, "trust": trust, "problem": problem }), lines.join("\n"))
}

fn in_two_columns((file, trust): (&String, &String)) -> String {
    format!("{file:<60} # {trust}")
}
