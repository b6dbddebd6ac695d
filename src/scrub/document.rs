//! Reads the manifest's TOML. `manifest` gives it meaning.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::patterns::Kind;
use super::replacements::{Replacement, UNUSABLE_PASSWORD};
use super::rules::{Class, Literal};

pub(super) type Name = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub schema_version: Spanned<i64>,
    pub extends: Option<Spanned<NameOrNames>>,
    /// Only in a pack: what it knows, and when that was checked.
    pub pack: Option<Spanned<PackSection>>,
    pub policies: Option<Vec<Name>>,
    pub large_objects: Option<LargeObjects>,
    #[serde(default)]
    pub audit: AuditSection,
    #[serde(default)]
    pub revisions: RevisionsSection,
    #[serde(default)]
    pub after: Vec<Spanned<AfterSection>>,
    #[serde(default)]
    pub tables: BTreeMap<Name, TableSection>,
}

/// One name, or a list of names.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum NameOrNames {
    One(String),
    Many(Vec<String>),
}

impl NameOrNames {
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            NameOrNames::One(name) => std::slice::from_ref(name),
            NameOrNames::Many(names) => names,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PackSection {
    pub knows: String,
    pub checked: toml::value::Datetime,
}

/// What to do with large objects, which belong to no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LargeObjects {
    Refuse,
    Content,
    Delete,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditSection {
    #[serde(default)]
    pub allow: BTreeMap<Kind, Vec<String>>,
    #[serde(default)]
    pub published: Vec<Spanned<PublishedSection>>,
}

/// A National Insurance number that is allowed in published content: its row and its digest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishedSection {
    pub table: String,
    pub key: String,
    pub sha256: String,
}

/// What is not derived from the columns of the models.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevisionsSection {
    #[serde(default)]
    pub keep_members: Vec<Name>,
    #[serde(default)]
    pub tables: BTreeMap<Name, Name>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AfterSection {
    pub policies: Vec<Name>,
    pub if_table: Option<String>,
    pub sql: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableSection {
    pub class: Class,
    /// Only in a pack: the columns that the table is known by, as `name:type`.
    pub identify: Option<Vec<Name>>,
    /// Only in a pack: whether the columns are enough, whatever the table is called.
    #[serde(default)]
    pub any_name: bool,
    /// Only in a pack: whether an extension has to own the table.
    #[serde(default)]
    pub extension: bool,
    /// Only in a pack: the class of the columns that are not listed.
    pub others: Option<Class>,
    #[serde(default)]
    pub personal: Vec<Name>,
    #[serde(default)]
    pub operational: Vec<Name>,
    #[serde(default)]
    pub content: Vec<Name>,
    #[serde(default)]
    pub policy: BTreeMap<Name, PolicySection>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicySection {
    pub delete: Option<bool>,
    pub keep: Option<bool>,
    pub reason: Option<String>,
    pub keep_where: Option<Vec<ConditionSection>>,
    #[serde(default)]
    pub set: BTreeMap<Name, String>,
    #[serde(default)]
    pub null: Vec<Name>,
    #[serde(default)]
    pub null_unless: BTreeMap<Name, NullUnlessSection>,
    #[serde(default)]
    unusable_password: Vec<Name>,
    #[serde(default)]
    pub keep_members: BTreeMap<Name, Vec<String>>,
    #[serde(default)]
    pub remove_members: BTreeMap<Name, Vec<String>>,
    #[serde(default)]
    pub redact: BTreeMap<Name, Vec<Kind>>,
    #[serde(default)]
    pub audit_allow: Vec<Name>,
}

impl PolicySection {
    /// The columns whose values are replaced, with their replacements.
    pub(super) fn replaced(&mut self) -> [(&'static Replacement, Vec<Name>); 1] {
        [(&UNUSABLE_PASSWORD, std::mem::take(&mut self.unusable_password))]
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NullUnlessSection {
    pub r#in: OneOrMany,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConditionSection {
    pub column: Name,
    pub r#in: Option<OneOrMany>,
    pub equals: Option<Literal>,
    pub one_of: Option<Vec<Literal>>,
    pub is_null: Option<bool>,
    pub not_null: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            OneOrMany::One(text) => std::slice::from_ref(text),
            OneOrMany::Many(texts) => texts,
        }
    }
}
