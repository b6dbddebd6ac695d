//! Defines one setting: its declaration, and the only way to its value.

use std::fmt;
use std::marker::PhantomData;

use super::value::{Unfit, Value};
use crate::settings::SettingsError;
use crate::settings::layers::{Layers, Origin, RawValue, Sourced};

/// What a setting's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    Text,
    Boolean,
    TextList,
}

impl ValueType {
    pub fn describe(self) -> &'static str {
        match self {
            ValueType::Text => "a string",
            ValueType::Boolean => "true or false",
            ValueType::TextList => "a list of strings",
        }
    }

    /// An empty value of this type.
    pub fn example(self) -> &'static str {
        match self {
            ValueType::Text => "\"\"",
            ValueType::Boolean => "false",
            ValueType::TextList => "[]",
        }
    }
}

/// Whether a `bcops.toml` that was found, and that the user has not trusted, may set a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// No: the key names a host, an app, a file, a command, a table, or what is protected.
    Needed,
    /// Yes: the worst effect of a hostile value is a nuisance.
    Harmless,
    /// Yes, if the manifest that it names only removes more than the built-in one.
    ByItsManifest,
}

/// A default value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literal {
    Text(&'static str),
    Boolean(bool),
    TextList(&'static [&'static str]),
}

impl Literal {
    pub fn raw(self) -> RawValue {
        match self {
            Literal::Text(text) => RawValue::Text(text.to_owned()),
            Literal::Boolean(value) => RawValue::Boolean(value),
            Literal::TextList(items) => {
                RawValue::TextList(items.iter().map(|one| (*one).to_owned()).collect())
            }
        }
    }
}

/// As in a file.
impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw().fmt(f)
    }
}

/// No default, or one that depends on the machine.
#[derive(Debug, Clone, Copy)]
pub struct NoDefault;

/// The declaration of a setting. A `*` in `name` means the name of any environment.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    pub name: &'static str,
    pub value_type: ValueType,
    pub variable: Option<&'static str>,
    /// Whether `config show` must hide the value.
    pub secret: bool,
    pub meaning: &'static str,
    pub default: Option<Literal>,
    /// The commands that read it.
    pub used_by: &'static str,
    /// `Needed` by default, so that a new key is safe.
    pub trust: Trust,
}

impl Declaration {
    /// The parts of the name.
    fn path(&self, environment: &str) -> Vec<String> {
        let parts = self.name.split('.');
        parts.map(|part| if part == "*" { environment } else { part }.to_owned()).collect()
    }

    /// The value as written. An empty list counts as no value.
    pub fn raw<'a>(&self, scope: impl Into<Scope<'a>>) -> Option<&'a Sourced<RawValue>> {
        let Scope { layers, environment } = scope.into();
        let given = layers.values.get(&self.path(environment))?;
        (!matches!(&given.value, RawValue::TextList(items) if items.is_empty())).then_some(given)
    }
}

/// One setting, with the type of its value, and its default if it has one.
#[derive(Debug, Clone, Copy)]
pub struct Key<T, D = Literal> {
    pub declaration: Declaration,
    default: D,
    value: PhantomData<fn() -> T>,
}

pub type OptionalKey<T> = Key<T, NoDefault>;

/// The layers as one key reads them, with the environment's name for the `*`.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    layers: &'a Layers,
    environment: &'a str,
}

impl<'a> From<&'a Layers> for Scope<'a> {
    fn from(layers: &'a Layers) -> Self {
        layers.of("")
    }
}

impl Layers {
    pub fn of<'a>(&'a self, environment: &'a str) -> Scope<'a> {
        Scope { layers: self, environment }
    }
}

/// A setting that is written as a string.
pub(super) const fn text<T>(name: &'static str) -> OptionalKey<T> {
    declared(name, ValueType::Text)
}

pub(super) const fn boolean(name: &'static str) -> OptionalKey<bool> {
    declared(name, ValueType::Boolean)
}

/// A setting that is a list of strings, and an empty one by default.
pub(super) const fn list<T>(name: &'static str) -> Key<T> {
    declared(name, ValueType::TextList).default(Literal::TextList(&[]))
}

const fn declared<T>(name: &'static str, value_type: ValueType) -> OptionalKey<T> {
    let (variable, secret, meaning, default, used_by) = (None, false, "", None, "");
    let trust = Trust::Needed;
    let declaration =
        Declaration { name, value_type, variable, secret, meaning, default, used_by, trust };
    Key { declaration, default: NoDefault, value: PhantomData }
}

impl<T, D: Copy> Key<T, D> {
    pub(super) const fn default(self, default: Literal) -> Key<T> {
        let declaration = Declaration { default: Some(default), ..self.declaration };
        Key { declaration, default, value: PhantomData }
    }

    /// Sets the meaning from a doc comment, which begins with a space.
    pub(super) const fn meaning(mut self, comment: &'static str) -> Self {
        self.declaration.meaning = comment.trim_ascii();
        self
    }

    pub(super) const fn variable(mut self, name: &'static str) -> Self {
        self.declaration.variable = Some(name);
        self
    }

    pub(super) const fn secret(mut self) -> Self {
        self.declaration.secret = true;
        self
    }

    pub(super) const fn used_by(mut self, commands: &'static str) -> Self {
        self.declaration.used_by = commands;
        self
    }

    /// Only for times and limits: see [`Trust`].
    pub(super) const fn harmless(mut self) -> Self {
        self.declaration.trust = Trust::Harmless;
        self
    }

    pub(super) const fn trusted_by_its_manifest(mut self) -> Self {
        self.declaration.trust = Trust::ByItsManifest;
        self
    }

    /// The error for an invalid value, with its origin and what to write.
    fn bad_value(&self, scope: Scope<'_>, unfit: Unfit) -> SettingsError {
        let origin =
            self.declaration.raw(scope).map_or(Origin::BuiltIn, |given| given.origin.clone());
        SettingsError::BadValue {
            origin: origin.to_string(),
            key: self.declaration.path(scope.environment).join("."),
            value: unfit.value,
            reason: unfit.reason,
        }
    }
}

impl<T: Value, D: Copy> Key<T, D> {
    /// The given value, without the default.
    pub fn given<'a>(
        &self,
        scope: impl Into<Scope<'a>>,
    ) -> Result<Option<Sourced<T>>, SettingsError> {
        let scope = scope.into();
        let Some(given) = self.declaration.raw(scope) else { return Ok(None) };
        let value = T::from_raw(&given.value).map_err(|unfit| self.bad_value(scope, unfit))?;
        Ok(Some(Sourced { value, origin: given.origin.clone() }))
    }
}

impl<T: Value> Key<T> {
    /// The effective value.
    pub fn read<'a>(&self, scope: impl Into<Scope<'a>>) -> Result<Sourced<T>, SettingsError> {
        let scope = scope.into();
        if let Some(given) = self.given(scope)? {
            return Ok(given);
        }
        let value = T::from_raw(&self.default.raw());
        let value = value.map_err(|unfit| self.bad_value(scope, unfit))?;
        Ok(Sourced { value, origin: Origin::BuiltIn })
    }

    /// The effective value without its origin.
    pub fn value<'a>(&self, scope: impl Into<Scope<'a>>) -> Result<T, SettingsError> {
        Ok(self.read(scope)?.value)
    }

    /// The default as text. Empty for a setting that is not a string.
    pub fn default_text(&self) -> &'static str {
        match self.default {
            Literal::Text(text) => text,
            Literal::Boolean(_) | Literal::TextList(_) => "",
        }
    }
}
