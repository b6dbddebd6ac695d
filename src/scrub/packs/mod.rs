//! Holds the packs: what bcops knows about the tables of Postgres' extensions, Django, Wagtail, and
//! of the apps that their sites use most.
//!
//! A pack is a manifest of its own, compiled in. Its entry for a table counts only where the table
//! has the columns that identify it, because another site can have a table of the same name.

mod fit;
mod identity;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::built_in;
use super::manifest::{AfterStatement, Manifest, ManifestError, TableEntry};
use super::patterns::Kind;
use super::rules::{Class, Place};
use crate::schema::TableName;

pub(super) use identity::{Identity, NeededColumn};

/// What is known about one product.
#[derive(Debug)]
pub struct Pack {
    pub name: &'static str,
    /// The releases that it was checked against.
    pub knows: String,
    /// The day of that check.
    pub checked: String,
    /// The packs that it builds on.
    pub(super) extends: Vec<String>,
    pub(super) tables: BTreeMap<TableName, PackTable>,
    pub(super) after: Vec<AfterStatement>,
    pub(super) allow: BTreeMap<Kind, Vec<String>>,
    /// Its text, for comparison with a manifest that is not trusted.
    pub(super) text: &'static str,
}

impl Pack {
    /// How many tables it knows.
    pub fn tables(&self) -> usize {
        self.tables.len()
    }
}

#[derive(Debug)]
pub(super) struct PackTable {
    pub entry: TableEntry,
    pub identity: Identity,
    /// The class of the columns that the entry does not list.
    pub others: Option<Class>,
}

/// In the order in which tables are looked for.
const TEXTS: [(&str, &str); 17] = [
    ("django", include_str!("django.toml")),
    ("wagtail", include_str!("wagtail.toml")),
    ("wagtail-forms", include_str!("wagtail-forms.toml")),
    ("taggit", include_str!("taggit.toml")),
    ("allauth", include_str!("allauth.toml")),
    ("auditlog", include_str!("auditlog.toml")),
    ("axes", include_str!("axes.toml")),
    ("birdbath", include_str!("birdbath.toml")),
    ("celery-beat", include_str!("celery-beat.toml")),
    ("celery-results", include_str!("celery-results.toml")),
    ("drf-authtoken", include_str!("drf-authtoken.toml")),
    ("otp", include_str!("otp.toml")),
    ("reversion", include_str!("reversion.toml")),
    ("simple-history", include_str!("simple-history.toml")),
    ("wagtail-localize", include_str!("wagtail-localize.toml")),
    ("wagtail-transfer", include_str!("wagtail-transfer.toml")),
    ("postgres", include_str!("postgres.toml")),
];

/// The pack that every manifest has, because extensions are the database's and not the site's.
const ALWAYS: &str = "postgres";

static PACKS: LazyLock<Result<Vec<Arc<Pack>>, ManifestError>> = LazyLock::new(|| {
    TEXTS.into_iter().map(|(name, text)| Manifest::parse_pack(name, text).map(Arc::new)).collect()
});

/// Every pack.
///
/// # Errors
///
/// A pack that cannot be read, which is a bug of bcops.
pub fn all() -> Result<&'static [Arc<Pack>], ManifestError> {
    PACKS.as_ref().map(Vec::as_slice).map_err(Clone::clone)
}

/// The names that `extends` can have.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TEXTS.into_iter().map(|(name, _)| name)
}

/// These packs with all that they build on, each once.
pub(super) fn with_their_own(wanted: &[String]) -> Result<Vec<Arc<Pack>>, ManifestError> {
    let mut names: Vec<&str> = Vec::new();
    let mut open: Vec<&str> = wanted.iter().map(String::as_str).chain([ALWAYS]).collect();
    while let Some(name) = open.pop() {
        if !names.contains(&name) {
            names.push(name);
            let pack = all()?.iter().find(|pack| pack.name == name);
            open.extend(pack.into_iter().flat_map(|pack| &pack.extends).map(String::as_str));
        }
    }
    Ok(all()?.iter().filter(|pack| names.contains(&pack.name)).cloned().collect())
}

/// How messages name a pack.
pub(super) fn origin(name: &str) -> String {
    format!("pack {name}")
}

/// Whether the place is in a text of bcops' own.
pub(super) fn is_compiled_in(place: &Place) -> bool {
    *place.origin == *built_in::ORIGIN || names().any(|name| *place.origin == origin(name))
}

#[cfg(test)]
mod tests;
