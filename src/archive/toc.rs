//! The archive's table of contents (TOC): every object of the database, in restore order.
//!
//! The whole TOC is held in memory, so it is bounded, in entries and in bytes.

use std::collections::HashMap;
use std::io::Read;

use super::error::ArchiveError;
use super::header::{Format, Header};
use super::input::Input;
use super::primitives::{Budget, read_int};
use super::toc_entry::{DumpId, TocEntry};

const MAXIMUM_ENTRIES: usize = 500_000;

/// Encodings in which a byte below 0x80 can be a part of a longer character. A tab, a newline or
/// a backslash in COPY data would then not be what it looks like.
const UNSAFE_ENCODINGS: [&str; 7] =
    ["SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004"];

#[derive(Debug, Clone, PartialEq)]
pub struct Toc {
    entries: Vec<TocEntry>,
    by_id: HashMap<DumpId, usize>,
}

impl Toc {
    pub(super) fn read<R: Read>(
        input: &mut Input<R>,
        header: &Header,
        budget: &mut Budget,
        format: Format,
    ) -> Result<Toc, ArchiveError> {
        input.enter("the table of contents");
        let count = read_int(input, header.sizes(), "the number of TOC entries")?;
        let count = usize::try_from(count)
            .map_err(|_| input.corrupt(format!("{count} TOC entries are impossible")))?;
        if count > MAXIMUM_ENTRIES {
            return Err(ArchiveError::TooLarge {
                place: input.place(),
                what: "TOC entries",
                limit: MAXIMUM_ENTRIES as u64,
            });
        }
        let mut toc = Toc { entries: Vec::new(), by_id: HashMap::new() };
        for index in 0..count {
            input.enter(format!("TOC entry number {} of {count}", index + 1));
            let entry = TocEntry::read(input, header, budget, format)?;
            check_encoding(&entry)?;
            check_data(input, &entry)?;
            if toc.by_id.insert(entry.id, index).is_some() {
                return Err(input.corrupt(format!("the dump id {} occurs twice", entry.id)));
            }
            toc.entries.push(entry);
        }
        Ok(toc)
    }

    /// All entries, in the archive's order, which is an order in which they can be restored.
    pub fn entries(&self) -> &[TocEntry] {
        &self.entries
    }

    pub fn get(&self, id: DumpId) -> Option<&TocEntry> {
        self.index_of(id).and_then(|index| self.entries.get(index))
    }

    pub(super) fn index_of(&self, id: DumpId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// The entries whose rows follow as blocks, in the order of the blocks.
    pub fn table_data(&self) -> impl Iterator<Item = &TocEntry> {
        self.entries.iter().filter(|entry| entry.has_data && !entry.is_large_objects())
    }

    /// Rows of tables that belong to extensions.
    ///
    /// Of a table that belongs to an extension pg_dump writes no definition. It writes the rows, or
    /// some of them, where the extension marks the table as configuration: PostGIS' coordinate
    /// systems, pg_partman's settings. Their entry depends on the number of a table that is not in
    /// the archive, and perhaps on the rows of another such table, which a foreign key needs. In an
    /// archive without extensions there are none: there it is a dump with --data-only that has rows
    /// without definitions.
    pub fn rows_of_extensions(&self) -> impl Iterator<Item = &TocEntry> {
        let has_extensions = self.entries.iter().any(|entry| entry.entry_type == "EXTENSION");
        self.table_data().filter(move |entry| {
            let mut found = entry.dependencies.iter().filter_map(|id| self.get(*id));
            has_extensions && found.all(|other| other.entry_type == "TABLE DATA")
        })
    }

    /// The extension to which the table of these rows most probably belongs: the one with that
    /// schema of its own, or the last one that was created before the table.
    pub fn extension_of(&self, rows: &TocEntry) -> Option<&TocEntry> {
        let extensions = || self.entries.iter().filter(|entry| entry.entry_type == "EXTENSION");
        let schema = rows.namespace.as_deref().unwrap_or("public");
        let is_in_schema = |entry: &&TocEntry| {
            let definition = entry.definition.as_deref().unwrap_or_default();
            let (bare, quoted) = (format!(" {schema};"), format!(" \"{schema}\";"));
            definition.trim_end().ends_with(&bare) || definition.trim_end().ends_with(&quoted)
        };
        let mut in_schema = extensions().filter(is_in_schema);
        let only = in_schema.next().filter(|_| in_schema.next().is_none());
        let before = extensions().filter(|entry| entry.catalog_oid < rows.catalog_oid);
        only.or_else(|| before.max_by_key(|entry| entry.catalog_oid))
            .or_else(|| extensions().next_back())
    }

    /// Tables whose rows were dumped as INSERT statements, which are not read as rows here.
    pub fn insert_style_tables(&self) -> impl Iterator<Item = &TocEntry> {
        self.table_data().filter(|entry| entry.copy_statement.is_none())
    }

    /// Whether there are large objects, even empty ones.
    pub fn has_large_objects(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(entry.entry_type.as_str(), "BLOB" | "BLOB METADATA" | "BLOBS"))
    }

    /// The encoding of all text, as the archive spells it. `None` if the archive does not say.
    pub fn encoding(&self) -> Option<&str> {
        self.entries.iter().find_map(encoding_of)
    }
}

/// The name in `SET client_encoding = 'NAME';`.
fn encoding_of(entry: &TocEntry) -> Option<&str> {
    if entry.entry_type != "ENCODING" {
        return None;
    }
    entry.definition.as_deref()?.split('\'').nth(1)
}

/// Looks as soon as the entry is read: later entries may hold text in that encoding.
fn check_encoding(entry: &TocEntry) -> Result<(), ArchiveError> {
    match encoding_of(entry) {
        Some(encoding) if UNSAFE_ENCODINGS.contains(&encoding.to_ascii_uppercase().as_str()) => {
            Err(ArchiveError::UnsupportedEncoding { encoding: encoding.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Only rows and large objects have blocks that are understood here.
fn check_data<R: Read>(input: &Input<R>, entry: &TocEntry) -> Result<(), ArchiveError> {
    let understood = matches!(entry.entry_type.as_str(), "TABLE DATA" | "BLOBS");
    if entry.has_data && !understood {
        return Err(input.corrupt("entries of this type have no data that is understood here"));
    }
    Ok(())
}
