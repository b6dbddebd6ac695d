//! `config`: what is in force, where it comes from, and a file to begin with.

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

/// Of `config show`.
#[derive(Serialize, JsonSchema)]
pub struct Shown {
    /// In the order of their names, those without a value at the end.
    settings: Vec<Setting>,
    /// Why the file that was found is not in force.
    problem: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Setting {
    key: String,
    /// `[secret]` where it is one, and `null` where there is none.
    value: Option<RawValue>,
    /// Where it comes from.
    origin: String,
}

/// Of `config path`.
#[derive(Serialize, JsonSchema)]
pub struct Files<'a> {
    /// Those that were read, the strongest first.
    files: Vec<Cow<'a, str>>,
    /// Why each is believed.
    trust: Vec<FileTrust>,
    /// Why the file that was found is not in force.
    problem: Option<String>,
}

fn show(context: &Context) -> Outcome {
    let all = context.settings.effective_with_defaults();
    let mut settings: Vec<Setting> = all.into_iter().map(Setting::from).collect();
    // Of environments, whatever has no value is left out: there would be lines for each.
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
        context.ui.emit(Event::Warning(format!("{problem}; nothing of it is in force")));
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
            // A password may stand in the URL of a setting that needs none.
            RawValue::Text(text) => RawValue::Text(shown(text)),
            RawValue::TextList(items) => RawValue::TextList(items.into_iter().map(shown).collect()),
            RawValue::Boolean(value) => RawValue::Boolean(value),
        };
        Setting { key: one.name, value: Some(value), origin: one.origin.to_string() }
    }
}

/// The user beside a password may be read: it helps to see which login is meant.
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

/// The files, with why each is believed, and the one that is not.
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
                "no file is read: the built-in defaults and the environment are all there is",
            ),
            false => f.write_str(&lines.join("\n")),
        }
    }
}
