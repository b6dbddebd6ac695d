//! Lists tables of common extensions that hold no data of the site.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::manifest::TableEntry;
use super::rules::{Class, Place};
use crate::schema::{Creator, Table, TableName};

/// PostGIS' coordinate systems. A row holds a system and its parameters, and a site may add rows.
const SPATIAL_REF_SYS: (&str, [&str; 5]) =
    ("spatial_ref_sys", ["srid", "auth_name", "auth_srid", "srtext", "proj4text"]);

static SPATIAL_REF_SYS_ENTRY: LazyLock<TableEntry> = LazyLock::new(|| {
    let place = || Place { origin: Arc::from("bcops' list of extension tables"), line: 0 };
    let columns = SPATIAL_REF_SYS.1.map(|name| (name.to_owned(), (Class::Content, place())));
    TableEntry::new(place(), Class::Content, BTreeMap::from(columns))
});

/// The entry for such a table, if no manifest has one. The table must belong to the extension and
/// have no unknown column.
pub(super) fn entry(name: &TableName, table: &Table) -> Option<&'static TableEntry> {
    let (known, columns) = SPATIAL_REF_SYS;
    let fits = table.creator == Creator::Extension
        && name.name == known
        && table.columns.iter().all(|column| columns.contains(&column.name.as_str()));
    fits.then(|| &*SPATIAL_REF_SYS_ENTRY)
}
