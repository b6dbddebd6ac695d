//! `config`: what is in force, where it comes from, and a file to begin with.

mod init;
mod site;

use serde_json::{Value, json};

use crate::cli::{ConfigArgs, ConfigWork};
use crate::commands::{Context, Outcome};
use crate::error::CommandError;
use crate::settings::keys::KEYS;
use crate::settings::{Effective, RawValue};

pub fn run(context: &Context, args: &ConfigArgs) -> Result<Outcome, CommandError> {
    match &args.work {
        ConfigWork::Show => Ok(show(context)),
        ConfigWork::Path => Ok(path(context)),
        ConfigWork::Init(args) => init::run(context, args),
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
    Outcome::done(json!({ "settings": values }), lines.join("\n"))
}

/// In TOML, but for what must not be shown.
fn shown(one: &Effective) -> String {
    if one.secret { "\"[secret]\"".to_owned() } else { one.value.to_string() }
}

fn described(one: &Effective) -> Value {
    let value = match &one.value {
        _ if one.secret => json!("[secret]"),
        RawValue::Text(text) => json!(text),
        RawValue::Boolean(value) => json!(value),
        RawValue::TextList(items) => json!(items),
    };
    json!({ "key": one.name, "value": value, "origin": one.origin.to_string() })
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
