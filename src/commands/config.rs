//! `config`: shows the configuration and its origins, writes a first file, and keeps trust.

mod init;
mod site;
mod trust;

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::{ConfigArgs, ConfigWork};
use crate::commands::{Context, Outcome};
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::secret::{redacted, without_matches};
use crate::settings::keys::KEYS;
use crate::settings::{Effective, FileTrust, RawValue};
use crate::ui::table::{Column, Table};

pub use init::Written;
pub use trust::{Trusted, Untrusted};

pub fn run(context: &Context, args: &ConfigArgs) -> Result<Outcome, CommandError> {
    match &args.work {
        ConfigWork::Show => Ok(show(context)),
        ConfigWork::Path => Ok(path(context)),
        ConfigWork::Init(args) => init::run(context, args),
        ConfigWork::Trust(args) => trust::run(context, args),
        ConfigWork::Untrust(args) => trust::take_back(context, args),
    }
}

/// The result of `config show`.
#[derive(Serialize, JsonSchema)]
pub struct Shown {
    /// Sorted by name, those without a value last.
    settings: Vec<Setting>,
    /// Why the found file is not in force.
    problem: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Setting {
    key: String,
    /// `[secret]` for a secret, and `null` for no value.
    value: Option<RawValue>,
    /// The file and line, the variable, or the built-in default.
    origin: String,
}

/// The result of `config path`.
#[derive(Serialize, JsonSchema)]
pub struct Files<'a> {
    /// The files that were read, the strongest first.
    files: Vec<Cow<'a, str>>,
    /// Why each file is trusted.
    trust: Vec<FileTrust>,
    /// Why the found file is not in force.
    problem: Option<String>,
}

fn show(context: &Context) -> Outcome {
    let all = context.settings.effective_with_defaults();
    let mut settings: Vec<Setting> = all.into_iter().map(Setting::from).collect();
    // Settings of environments without a value are skipped: each environment would have many.
    for key in KEYS.iter().filter(|key| !key.name.contains('*')) {
        if !settings.iter().any(|one| one.key == key.name) {
            let (key, origin) = (key.name.to_owned(), "not set".to_owned());
            settings.push(Setting { key, value: None, origin });
        }
    }
    let shown = Shown { settings, problem: problem(context) };
    // A comment, because the output is a file that bcops can read.
    let mut table = Table::new([Column::text("# SETTING"), Column::text("# ORIGIN")]);
    shown.settings.iter().for_each(|setting| table.row(setting.cells()));
    let mut lines = vec![table.to_string()];
    if let Some(problem) = &shown.problem {
        context.ui.emit(Event::Warning(format!("{problem}; none of its settings is in force")));
        lines.extend(trust::lines_of_found_file(context));
    }
    Outcome::done(shown, lines.join("\n"))
}

fn problem(context: &Context) -> Option<String> {
    context.problem.as_ref().map(|problem| problem.to_string())
}

impl From<Effective> for Setting {
    fn from(one: Effective) -> Self {
        let value = match one.value {
            _ if one.secret => RawValue::Text("[secret]".to_owned()),
            // The URL of a setting can hold a password.
            RawValue::Text(text) => RawValue::Text(shown(text)),
            RawValue::TextList(items) => RawValue::TextList(items.into_iter().map(shown).collect()),
            RawValue::Boolean(value) => RawValue::Boolean(value),
        };
        Setting { key: one.name, value: Some(value), origin: one.origin.to_string() }
    }
}

/// Hides passwords, but not the user names beside them, which show the login that is meant.
pub(super) fn shown(text: String) -> String {
    redacted(&without_matches(text))
}

impl Setting {
    /// In TOML.
    fn cells(&self) -> [String; 2] {
        let Setting { key, value, origin } = self;
        match value {
            Some(value) => [format!("{key} = {value}"), format!("# {origin}")],
            None => [format!("# {key}"), format!("# {origin}")],
        }
    }
}

/// The files with the reason for their trust, and the file without trust.
fn path(context: &Context) -> Outcome {
    let read = &context.settings.files;
    let files = Files {
        files: read.iter().map(|file| file.path.to_string_lossy()).collect(),
        trust: read.iter().map(|file| file.trust).collect(),
        problem: problem(context),
    };
    Outcome::of(&files)
}

impl fmt::Display for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.files.iter().zip(&self.trust);
        let files = files.map(|(file, trust)| format!("{file:<60} # {trust}"));
        let problem = self.problem.iter().map(|problem| format!("not in force: {problem}"));
        let lines: Vec<String> = files.chain(problem).collect();
        match lines.is_empty() {
            true => f.write_str(
                "no file is read: only built-in defaults and environment variables are in force",
            ),
            false => f.write_str(&lines.join("\n")),
        }
    }
}
