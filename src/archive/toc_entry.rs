//! Reads one entry of the table of contents, with every field that the archive stores.

use std::fmt;
use std::io::Read;

use super::error::ArchiveError;
use super::header::{Format, Header};
use super::input::Input;
use super::primitives::{Budget, read_int, read_offset, read_required_string, read_string};
use crate::schema::TableName;

/// The number by which entries, dependencies and blocks of an archive refer to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DumpId(pub i32);

impl fmt::Display for DumpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When an entry is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Comments, grants and security labels: right after their object.
    None,
    PreData,
    Data,
    PostData,
}

/// What the archive says about the position of an entry's block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetState {
    /// There is a block, but its position is unknown because the archive was written to a pipe.
    Unknown,
    /// Bytes from the start of the archive.
    Known(u64),
    NoData,
}

/// One entry of the table of contents. NULL and the empty string are different, and both occur.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TocEntry {
    pub id: DumpId,
    /// Whether a data block with this id follows.
    pub has_data: bool,
    /// The OID of the catalog table that holds the object in the source, or 0 ...
    pub catalog_table: u32,
    /// ... and the object's OID in this table.
    pub catalog_oid: u32,
    /// The object's bare name. Some types have combined tags, for example table and constraint.
    pub tag: String,
    /// What the object is, for example `TABLE DATA`.
    pub entry_type: String,
    pub section: Section,
    /// The SQL that creates the object.
    pub definition: Option<String>,
    pub drop_statement: Option<String>,
    /// `COPY ... FROM stdin;` for rows; NULL for rows that were dumped as INSERT statements.
    pub copy_statement: Option<String>,
    pub namespace: Option<String>,
    /// NULL: the object has no storage. Empty: the default tablespace.
    pub tablespace: Option<String>,
    /// Since version 1.14.
    pub table_access_method: Option<String>,
    /// The letter of `pg_class.relkind`, or 0. Since version 1.16; 0 before.
    pub relation_kind: i32,
    pub owner: Option<String>,
    /// `false`, or `true` for tables with OIDs in dumps of very old servers.
    pub with_oids: Option<String>,
    /// In the archive's order. Ids may be repeated, or missing from the archive.
    pub dependencies: Vec<DumpId>,
    pub offset: OffsetState,
}

impl TocEntry {
    /// The table whose rows or definition this entry holds.
    pub fn table_name(&self) -> TableName {
        TableName::new(self.namespace.as_deref().unwrap_or("public"), self.tag.as_str())
    }

    /// The type and the name, for messages.
    pub fn describe(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}.{}", self.entry_type, self.tag),
            None => format!("{} {}", self.entry_type, self.tag),
        }
    }

    pub(super) fn is_large_objects(&self) -> bool {
        self.entry_type == "BLOBS"
    }

    pub(super) fn read<R: Read>(
        input: &mut Input<R>,
        header: &Header,
        budget: &mut Budget,
        format: Format,
    ) -> Result<TocEntry, ArchiveError> {
        budget.spend(size_of::<TocEntry>(), input)?;
        let sizes = header.sizes();
        let id = match read_int(input, sizes, "a dump id")? {
            id @ 1.. => DumpId(id),
            id => return Err(input.corrupt(format!("{id} is not a dump id"))),
        };
        let has_data = match read_int(input, sizes, "the data flag of a TOC entry")? {
            0 => false,
            1 => true,
            flag => return Err(input.corrupt(format!("{flag} is not a data flag"))),
        };
        let mut text = TextFields { input, header, budget };
        let catalog_table = text.number("a catalog table's OID")?;
        let catalog_oid = text.number("a catalog OID")?;
        let tag = text.required("a TOC entry's tag")?;
        let entry_type = text.required("a TOC entry's type")?;
        text.input.enter(format!("TOC entry {id} ({entry_type} {tag})"));
        let section = read_section(text.input, header)?;
        let definition = text.optional("a TOC entry's definition")?;
        let drop_statement = text.optional("a TOC entry's DROP statement")?;
        let copy_statement = text.optional("a TOC entry's COPY statement")?;
        let namespace = text.optional("a TOC entry's schema")?;
        let tablespace = text.optional("a TOC entry's tablespace")?;
        let table_access_method = match header.is_at_least(14) {
            true => text.optional("a TOC entry's table access method")?,
            false => None,
        };
        let relation_kind = match header.is_at_least(16) {
            true => read_int(text.input, sizes, "a TOC entry's relation kind")?,
            false => 0,
        };
        let owner = text.optional("a TOC entry's owner")?;
        let with_oids = text.optional("a TOC entry's OIDs flag")?;
        let dependencies = text.dependencies()?;
        let offset = match format {
            Format::Custom => read_offset(input, sizes)?,
            Format::Files => {
                let is_rows = has_data && entry_type != "BLOBS";
                check_file(input, header, budget, is_rows.then_some(id))?;
                if has_data { OffsetState::Unknown } else { OffsetState::NoData }
            }
        };
        Ok(TocEntry {
            id,
            has_data,
            catalog_table,
            catalog_oid,
            tag,
            entry_type,
            section,
            definition,
            drop_statement,
            copy_statement,
            namespace,
            tablespace,
            table_access_method,
            relation_kind,
            owner,
            with_oids,
            dependencies,
            offset,
        })
    }
}

/// Checks that the data file of an entry has the name that follows from its id, so no other file is
/// ever opened. The name is ignored for large objects, which have their own files.
fn check_file<R: Read>(
    input: &mut Input<R>,
    header: &Header,
    budget: &mut Budget,
    rows_of: Option<DumpId>,
) -> Result<(), ArchiveError> {
    let name = read_string(input, header.sizes(), budget, "the name of a file")?;
    let (Some(id), name) = (rows_of, name.unwrap_or_default()) else { return Ok(()) };
    let plain = ["", ".gz", ".lz4", ".zst"];
    match plain.iter().any(|ending| name == format!("{id}.dat{ending}")) {
        true => Ok(()),
        false => Err(input.corrupt(format!("its rows are in a file that is not {id}.dat"))),
    }
}

fn read_section<R: Read>(input: &mut Input<R>, header: &Header) -> Result<Section, ArchiveError> {
    match read_int(input, header.sizes(), "a TOC entry's section")? {
        1 => Ok(Section::None),
        2 => Ok(Section::PreData),
        3 => Ok(Section::Data),
        4 => Ok(Section::PostData),
        other => Err(input.corrupt(format!("{other} is not a section"))),
    }
}

/// Reads the strings of an entry.
struct TextFields<'a, R> {
    input: &'a mut Input<R>,
    header: &'a Header,
    budget: &'a mut Budget,
}

impl<R: Read> TextFields<'_, R> {
    fn optional(&mut self, expected: &'static str) -> Result<Option<String>, ArchiveError> {
        read_string(self.input, self.header.sizes(), self.budget, expected)
    }

    fn required(&mut self, expected: &'static str) -> Result<String, ArchiveError> {
        read_required_string(self.input, self.header.sizes(), self.budget, expected)
    }

    fn number(&mut self, expected: &'static str) -> Result<u32, ArchiveError> {
        let text = self.required(expected)?;
        self.decimal(&text, expected)
    }

    /// Reads a number in exactly the form that pg_dump writes, so that a writer reproduces the
    /// bytes.
    fn decimal<N>(&self, text: &str, expected: &'static str) -> Result<N, ArchiveError>
    where
        N: std::str::FromStr + ToString,
    {
        text.parse::<N>().ok().filter(|number| number.to_string() == text).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            self.input.corrupt(format!("{shown:?} is not a number ({expected})"))
        })
    }

    /// Reads decimal texts, ended by a NULL string.
    fn dependencies(&mut self) -> Result<Vec<DumpId>, ArchiveError> {
        let mut dependencies = Vec::new();
        while let Some(text) = self.optional("a TOC entry's dependency")? {
            self.budget.spend(size_of::<DumpId>(), self.input)?;
            dependencies.push(DumpId(self.decimal(&text, "a TOC entry's dependency")?));
        }
        Ok(dependencies)
    }
}
