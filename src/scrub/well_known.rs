//! Tables of extensions that everybody has and that hold nothing of a site's.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::manifest::TableEntry;
use super::rules::{Class, Place};
use crate::schema::{Creator, Table, TableName};

/// PostGIS' coordinate systems: a row names a system and its parameters, of which a site may add
/// some.
const SPATIAL_REF_SYS: (&str, [&str; 5]) =
    ("spatial_ref_sys", ["srid", "auth_name", "auth_srid", "srtext", "proj4text"]);

static SPATIAL_REF_SYS_ENTRY: LazyLock<TableEntry> = LazyLock::new(|| {
    let place = || Place { origin: Arc::from("bcops' list of extension tables"), line: 0 };
    let columns = SPATIAL_REF_SYS.1.map(|name| (name.to_owned(), (Class::Content, place())));
    TableEntry::new(place(), Class::Content, BTreeMap::from(columns))
});

/// The entry that such a table has where no manifest has one for it. It must be the extension's own
/// table with no column beyond those that are known.
pub(super) fn entry(name: &TableName, table: &Table) -> Option<&'static TableEntry> {
    let (known, columns) = SPATIAL_REF_SYS;
    let fits = table.creator == Creator::Extension
        && name.name == known
        && table.columns.iter().all(|column| columns.contains(&column.name.as_str()));
    fits.then(|| &*SPATIAL_REF_SYS_ENTRY)
}
