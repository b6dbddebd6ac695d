//! Reads the layers of configuration into one flat map of dotted keys, the strongest winning.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::keys::{self, KEYS, Key, ValueType};
use super::{SettingsError, Surroundings, found_file};

/// Where a value came from.
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

#[derive(Debug, Clone, PartialEq)]
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

/// Every value that was given, by dotted key.
#[derive(Debug, Default)]
pub struct Layers {
    pub values: BTreeMap<Vec<String>, Sourced<RawValue>>,
    pub files: Vec<PathBuf>,
}

impl Layers {
    pub fn read(surroundings: &Surroundings<'_>) -> Result<Layers, SettingsError> {
        let mut layers = Layers::default();
        layers.add_variables(surroundings);
        let files = configuration_files(surroundings);
        for path in files.all() {
            let text = std::fs::read_to_string(path).map_err(|source| {
                SettingsError::Unreadable { path: path.display().to_string(), source }
            })?;
            layers.add_text(&text, &|line| Origin::File { path: path.clone(), line })?;
            layers.files.push(path.clone());
        }
        let built_in = Layers::built_in()?;
        if layers.inherits() {
            for (name, value) in &built_in.values {
                layers.values.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        if let Some(found) = &files.found {
            found_file::check(&layers, found, &built_in)?;
        }
        Ok(layers)
    }

    /// The weakest layer alone.
    pub fn built_in() -> Result<Layers, SettingsError> {
        let mut layers = Layers::default();
        layers.add_text(keys::BUILT_IN, &|_| Origin::BuiltIn)?;
        Ok(layers)
    }

    /// Whether the built-in site is there as well.
    pub fn inherits(&self) -> bool {
        !matches!(self.get(&["inherit"]), Some(Sourced { value: RawValue::Boolean(false), .. }))
    }

    /// A value as the list of settings declares it. `None` if it is of no type that a setting has.
    pub(super) fn default_value(text: &str) -> Option<RawValue> {
        let document = format!("value = {text}");
        let table = DeTable::parse(&document).ok()?;
        let (_, value) = table.get_ref().iter().next()?;
        [ValueType::Text, ValueType::Boolean, ValueType::TextList]
            .into_iter()
            .find_map(|one| raw_value(one, value.get_ref()))
    }

    pub fn get(&self, name: &[&str]) -> Option<&Sourced<RawValue>> {
        let name: Vec<String> = name.iter().map(|part| (*part).to_owned()).collect();
        self.values.get(&name)
    }

    fn add_variables(&mut self, surroundings: &Surroundings<'_>) {
        for Key { name, variable, .. } in KEYS {
            let Some(variable) = variable else { continue };
            // An empty variable counts as unset, as CI systems set variables that they do not know.
            if let Some(text) = (surroundings.variable)(variable).filter(|text| !text.is_empty()) {
                let name = name.split('.').map(str::to_owned).collect();
                let origin = Origin::Variable(variable);
                self.values.insert(name, Sourced { value: RawValue::Text(text), origin });
            }
        }
    }

    /// Adds what a file holds where no stronger layer has said something.
    fn add_text(
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

/// The files that are read, the strongest first.
#[derive(Default)]
struct Files {
    /// `--config`.
    named: Option<PathBuf>,
    /// The nearest `bcops.toml` upwards, where none is named.
    found: Option<PathBuf>,
    /// The user's own.
    own: Option<PathBuf>,
}

impl Files {
    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.named, &self.found, &self.own].into_iter().flatten()
    }
}

fn configuration_files(surroundings: &Surroundings<'_>) -> Files {
    let mut files = Files::default();
    match surroundings.config_file {
        Some(path) => files.named = Some(path.to_owned()),
        None => {
            let folders = surroundings.working_directory.ancestors();
            files.found = folders.map(|one| one.join("bcops.toml")).find(|path| path.is_file());
        }
    }
    let user_folder = (surroundings.variable)("XDG_CONFIG_HOME")
        .filter(|folder| Path::new(folder).is_absolute())
        .map(PathBuf::from)
        .or_else(|| surroundings.home.map(|home| home.join(".config")));
    if let Some(folder) = user_folder {
        let path = folder.join("bcops/config.toml");
        if path.is_file() {
            files.own = Some(path);
        }
    }
    files
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
                        suggestion: keys::nearest(&parts),
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
