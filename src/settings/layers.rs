//! Reads the layers of configuration into one flat map of dotted keys, the strongest winning.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use toml::de::{DeTable, DeValue};

use super::files::Files;
use super::keys::{self, Declaration, KEYS, ValueType};
use super::manifest_file::Belief;
use super::owner::Operator;
use super::trust::{Candidate, Standing, Store};
use super::{ProcessEnv, SettingsError, Untrusted, built_in_rules, files};
use crate::json::written_as_text;

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Variable(&'static str),
    File { path: PathBuf, line: usize },
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Variable(name) => write!(f, "environment variable {name}"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::BuiltIn => f.write_str("built-in default"),
        }
    }
}

/// A value with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    pub value: T,
    pub origin: Origin,
}

impl<T> Sourced<T> {
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced { value: change(self.value), origin: self.origin }
    }
}

/// A value as a file may hold it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum RawValue {
    Text(String),
    Boolean(bool),
    TextList(Vec<String>),
}

/// As in a file.
impl fmt::Display for RawValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RawValue::Text(text) => write!(f, "{}", toml::Value::from(text.as_str())),
            RawValue::Boolean(value) => write!(f, "{value}"),
            RawValue::TextList(items) => write!(f, "{}", toml::Value::from(items.clone())),
        }
    }
}

/// A configuration file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFile {
    pub path: PathBuf,
    pub trust: FileTrust,
}

/// Why a file is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileTrust {
    /// `--config` or `BCOPS_CONFIG` names it.
    Named,
    /// It is the user's own, under the configuration home.
    Own,
    /// It was found, and `bcops config trust` has recorded its current content.
    Trusted,
    /// It was found, and sets nothing that needs trust.
    Harmless,
}

written_as_text!(FileTrust, FileTrust::to_string);

impl fmt::Display for FileTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileTrust::Named => "named",
            FileTrust::Own => "your own",
            FileTrust::Trusted => "trusted",
            FileTrust::Harmless => "sets nothing that needs trust",
        })
    }
}

/// Every value that was given, by dotted key.
#[derive(Debug, Default)]
pub struct Layers {
    pub values: BTreeMap<Vec<String>, Sourced<RawValue>>,
    pub files: Vec<ReadFile>,
    /// How far the manifest of a found file is trusted, if there is such a file.
    pub found_manifest: Option<Belief>,
}

impl Layers {
    pub fn read(process: &ProcessEnv<'_>) -> Result<Layers, SettingsError> {
        Layers::read_files(process, Files::of(process))
    }

    pub fn read_without_found_file(process: &ProcessEnv<'_>) -> Result<Layers, SettingsError> {
        Layers::read_files(process, Files { found: None, ..Files::of(process) })
    }

    fn read_files(process: &ProcessEnv<'_>, files: Files) -> Result<Layers, SettingsError> {
        let named = files.named.as_deref().map(Layers::of_named_file).transpose()?;
        let own = files.own.as_deref().map(|path| Layers::of_own_file(path, process));
        let own = own.transpose()?;
        let found = files.found.as_deref();
        let found = found.map(|path| Layers::of_found_file(path, own.as_ref(), process));
        let found = found.transpose()?;

        let mut layers = Layers::default();
        layers.add_variables(process);
        let files: Vec<Layers> = [named, found, own].into_iter().flatten().collect();
        for file in &files {
            layers.add_layer(file);
        }
        let built_in = Layers::built_in()?;
        if layers.inherits() {
            for file in &files {
                built_in_rules::check_unchanged(file, &built_in)?;
            }
            layers.add_layer(&built_in);
        }
        Ok(layers)
    }

    fn of_named_file(path: &Path) -> Result<Layers, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::unreadable(path, source))?;
        Layers::of_text(path, &text, FileTrust::Named)
    }

    fn of_own_file(path: &Path, process: &ProcessEnv<'_>) -> Result<Layers, SettingsError> {
        let contents = files::Contents::of_the_operator(path, &Operator::of(process))?;
        Layers::of_text(path, contents.text()?, FileTrust::Own)
    }

    /// Refuses a file that sets more than it may. `own` is the weaker layer below it.
    fn of_found_file(
        path: &Path,
        own: Option<&Layers>,
        process: &ProcessEnv<'_>,
    ) -> Result<Layers, SettingsError> {
        let candidate = Candidate::read(path, process)?;
        let keys = candidate.keys_that_need_trust(own.unwrap_or(&Layers::default()));
        let standing = Store::of(process).and_then(|store| candidate.standing(&store));
        let (standing, obstacle) = match standing {
            Ok(standing) => (standing, None),
            Err(error) => (Standing::Unknown, Some(error)),
        };
        let is_trusted = standing == Standing::Trusted;
        if !is_trusted && !keys.is_empty() {
            return Err(SettingsError::Untrusted(Box::new(Untrusted {
                path: path.display().to_string(),
                changed: standing == Standing::Changed,
                keys,
                environments: candidate.environments(),
                obstacle,
            })));
        }
        candidate.check()?;
        let compared = || {
            let manifest = candidate.files.iter().find(|file| file.key == "scrub.manifest")?;
            manifest.bytes.as_deref().map(Arc::from)
        };
        let found_manifest = match is_trusted.then(compared).flatten() {
            Some(bytes) => Belief::Compared(bytes),
            None => Belief::TakingAwayOnly,
        };
        let trust = if is_trusted { FileTrust::Trusted } else { FileTrust::Harmless };
        let files = vec![ReadFile { path: path.to_owned(), trust }];
        Ok(Layers { files, found_manifest: Some(found_manifest), ..candidate.layers })
    }

    fn of_text(path: &Path, text: &str, trust: FileTrust) -> Result<Layers, SettingsError> {
        let mut layers = Layers::default();
        layers.add_text(text, &|line| Origin::File { path: path.to_owned(), line })?;
        layers.files.push(ReadFile { path: path.to_owned(), trust });
        Ok(layers)
    }

    /// Adds the values of a weaker layer that no stronger layer has set.
    fn add_layer(&mut self, weaker: &Layers) {
        for (name, value) in &weaker.values {
            self.values.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self.files.extend(weaker.files.iter().cloned());
        if self.found_manifest.is_none() {
            self.found_manifest = weaker.found_manifest.clone();
        }
    }

    /// The weakest layer only.
    pub fn built_in() -> Result<Layers, SettingsError> {
        let mut layers = Layers::default();
        layers.add_text(keys::BUILT_IN, &|_| Origin::BuiltIn)?;
        Ok(layers)
    }

    /// Whether the built-in site is inherited.
    pub fn inherits(&self) -> bool {
        keys::INHERIT.value(self).unwrap_or(true)
    }

    fn add_variables(&mut self, process: &ProcessEnv<'_>) {
        for Declaration { name, variable, .. } in KEYS {
            let Some(variable) = variable else { continue };
            // An empty variable counts as unset, because CI systems set unknown variables to
            // nothing.
            if let Some(text) = (process.variable)(variable).filter(|text| !text.is_empty()) {
                let name = name.split('.').map(str::to_owned).collect();
                let origin = Origin::Variable(variable);
                self.values.insert(name, Sourced { value: RawValue::Text(text), origin });
            }
        }
    }

    /// Adds the values of a file that no stronger layer has set.
    pub(super) fn add_text(
        &mut self,
        text: &str,
        origin: &dyn Fn(usize) -> Origin,
    ) -> Result<(), SettingsError> {
        let line_of =
            |offset: usize| text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1);
        let table = DeTable::parse(text).map_err(|error| {
            let line = line_of(error.span().map_or(0, |span| span.start));
            SettingsError::Syntax {
                path: place(&origin(line)),
                line,
                message: error.message().to_owned(),
            }
        })?;
        let mut flattener = Flattener { line_of: &line_of, origin, found: Vec::new() };
        flattener.table(&mut Vec::new(), table.get_ref())?;
        for (name, value) in flattener.found {
            self.values.entry(name).or_insert(value);
        }
        Ok(())
    }
}

fn place(origin: &Origin) -> String {
    match origin {
        Origin::File { path, .. } => path.display().to_string(),
        other => other.to_string(),
    }
}

struct Flattener<'a> {
    line_of: &'a dyn Fn(usize) -> usize,
    origin: &'a dyn Fn(usize) -> Origin,
    found: Vec<(Vec<String>, Sourced<RawValue>)>,
}

impl Flattener<'_> {
    fn table(&mut self, path: &mut Vec<String>, table: &DeTable<'_>) -> Result<(), SettingsError> {
        for (name, value) in table {
            path.push(name.get_ref().to_string());
            let line = (self.line_of)(name.span().start);
            let parts: Vec<&str> = path.iter().map(String::as_str).collect();
            match (keys::find(&parts), value.get_ref()) {
                (Some(key), value) => {
                    let origin = (self.origin)(line);
                    let value = raw_value(key.value_type, value).ok_or_else(|| {
                        SettingsError::WrongType {
                            origin: origin.to_string(),
                            key: path.join("."),
                            expected: key.value_type.describe(),
                        }
                    })?;
                    self.found.push((path.clone(), Sourced { value, origin }));
                }
                (None, DeValue::Table(inner)) if keys::is_table(&parts) => {
                    self.table(path, inner)?
                }
                (None, _) => {
                    return Err(SettingsError::UnknownKey {
                        path: place(&(self.origin)(line)),
                        line,
                        key: path.join("."),
                        suggestion: keys::nearest_key(&parts),
                    });
                }
            }
            path.pop();
        }
        Ok(())
    }
}

fn raw_value(expected: ValueType, value: &DeValue<'_>) -> Option<RawValue> {
    match (expected, value) {
        (ValueType::Text, DeValue::String(text)) => Some(RawValue::Text(text.to_string())),
        (ValueType::Boolean, DeValue::Boolean(value)) => Some(RawValue::Boolean(*value)),
        (ValueType::TextList, DeValue::Array(items)) => items
            .iter()
            .map(|item| item.get_ref().as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .map(RawValue::TextList),
        _ => None,
    }
}
