//! Reads the archive's table of contents (TOC): every object of the database, in restore order.
//!
//! The whole TOC is held in memory, so the number of entries and bytes is limited.

use std::collections::HashMap;
use std::io::Read;

use super::error::ArchiveError;
use super::header::{Format, Header};
use super::input::Input;
use super::primitives::{Budget, read_int};
use super::toc_entry::{DumpId, TocEntry};

const MAXIMUM_ENTRIES: usize = 500_000;

/// Encodings in which a byte below 0x80 can be part of a longer character. In such COPY data, a
/// byte that looks like a tab, newline or backslash may be something else.
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

    /// All entries in the archive's order, in which they can be restored.
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
    /// pg_dump writes no definition for a table of an extension. It writes some or all rows if the
    /// extension marks the table as configuration, such as PostGIS' coordinate systems or
    /// pg_partman's settings. Their entry depends on a table that is not in the archive, and
    /// perhaps on the rows of another such table because of a foreign key. An archive without
    /// extensions has no such rows: there, rows without definitions come from --data-only.
    pub fn rows_of_extensions(&self) -> impl Iterator<Item = &TocEntry> {
        let has_extensions = self.entries.iter().any(|entry| entry.entry_type == "EXTENSION");
        self.table_data().filter(move |entry| {
            let mut found = entry.dependencies.iter().filter_map(|id| self.get(*id));
            has_extensions && found.all(|other| other.entry_type == "TABLE DATA")
        })
    }

    /// The extension that most probably owns the table of these rows: the only one in the table's
    /// schema, or the last one that was created before the table.
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

    /// Tables whose rows were dumped as INSERT statements, which bcops does not read as rows.
    pub fn insert_style_tables(&self) -> impl Iterator<Item = &TocEntry> {
        self.table_data().filter(|entry| entry.copy_statement.is_none())
    }

    /// Whether there are large objects, even empty ones.
    pub fn has_large_objects(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(entry.entry_type.as_str(), "BLOB" | "BLOB METADATA" | "BLOBS"))
    }

    /// The encoding of all text, as the archive spells it. `None` if the archive does not name one.
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

/// Checks the encoding as soon as its entry is read, because later entries may use it.
fn check_encoding(entry: &TocEntry) -> Result<(), ArchiveError> {
    match encoding_of(entry) {
        Some(encoding) if UNSAFE_ENCODINGS.contains(&encoding.to_ascii_uppercase().as_str()) => {
            Err(ArchiveError::UnsupportedEncoding { encoding: encoding.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Checks that only rows and large objects have blocks. Other blocks cannot be read.
fn check_data<R: Read>(input: &Input<R>, entry: &TocEntry) -> Result<(), ArchiveError> {
    let understood = matches!(entry.entry_type.as_str(), "TABLE DATA" | "BLOBS");
    if entry.has_data && !understood {
        return Err(input.corrupt("entries of this type must not have data"));
    }
    Ok(())
}
