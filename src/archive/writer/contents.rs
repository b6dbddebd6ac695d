//! Writes the header and the table of contents as bytes.

use crate::archive::header::{CUSTOM_FORMAT, Compression, Header, MAGIC};
use crate::archive::primitives::{Sizes, put_int, put_offset, put_string};
use crate::archive::toc_entry::{OffsetState, Section, TocEntry};

pub(super) struct Contents {
    pub bytes: Vec<u8>,
    /// The position in `bytes` of each entry's data offset.
    pub offset_fields: Vec<u64>,
}

impl Contents {
    pub(super) fn new(header: &Header, entries: &[TocEntry]) -> Self {
        let mut contents = Contents { bytes: Vec::new(), offset_fields: Vec::new() };
        contents.header(header);
        put_int(&mut contents.bytes, header.sizes(), entries.len() as i32);
        for entry in entries {
            contents.entry(header, entry);
        }
        contents
    }

    fn header(&mut self, header: &Header) {
        let (major, minor, revision) = header.version;
        self.bytes.extend_from_slice(MAGIC);
        self.bytes.extend([major, minor, revision, header.int_size, header.offset_size]);
        self.bytes.push(CUSTOM_FORMAT);
        let sizes = header.sizes();
        if header.is_at_least(15) {
            self.bytes.push(algorithm(header.compression));
        } else {
            put_int(&mut self.bytes, sizes, level(header.compression));
        }
        let created = header.created;
        for number in [
            created.second,
            created.minute,
            created.hour,
            created.day_of_month,
            created.month,
            created.years_since_1900,
            created.daylight_saving,
        ] {
            put_int(&mut self.bytes, sizes, number);
        }
        for text in [&header.database, &header.server_version, &header.dump_version] {
            put_string(&mut self.bytes, sizes, text.as_deref());
        }
    }

    fn entry(&mut self, header: &Header, entry: &TocEntry) {
        let sizes = header.sizes();
        put_int(&mut self.bytes, sizes, entry.id.0);
        put_int(&mut self.bytes, sizes, i32::from(entry.has_data));
        self.text(sizes, Some(&entry.catalog_table.to_string()));
        self.text(sizes, Some(&entry.catalog_oid.to_string()));
        self.text(sizes, Some(&entry.tag));
        self.text(sizes, Some(&entry.entry_type));
        put_int(&mut self.bytes, sizes, section(entry.section));
        self.text(sizes, entry.definition.as_deref());
        self.text(sizes, entry.drop_statement.as_deref());
        self.text(sizes, entry.copy_statement.as_deref());
        self.text(sizes, entry.namespace.as_deref());
        self.text(sizes, entry.tablespace.as_deref());
        if header.is_at_least(14) {
            self.text(sizes, entry.table_access_method.as_deref());
        }
        if header.is_at_least(16) {
            put_int(&mut self.bytes, sizes, entry.relation_kind);
        }
        self.text(sizes, entry.owner.as_deref());
        self.text(sizes, entry.with_oids.as_deref());
        for dependency in &entry.dependencies {
            self.text(sizes, Some(&dependency.to_string()));
        }
        self.text(sizes, None);
        self.offset_fields.push(self.bytes.len() as u64);
        let offset = if entry.has_data { OffsetState::Unknown } else { entry.offset };
        put_offset(&mut self.bytes, sizes, offset);
    }

    fn text(&mut self, sizes: Sizes, text: Option<&str>) {
        put_string(&mut self.bytes, sizes, text);
    }
}

fn section(section: Section) -> i32 {
    match section {
        Section::None => 1,
        Section::PreData => 2,
        Section::Data => 3,
        Section::PostData => 4,
    }
}

fn algorithm(compression: Compression) -> u8 {
    match compression {
        Compression::None => 0,
        Compression::Gzip { .. } => 1,
        Compression::Lz4 => 2,
        Compression::Zstd => 3,
    }
}

/// The compression level. Versions up to 1.14 know only zlib.
fn level(compression: Compression) -> i32 {
    match compression {
        Compression::Gzip { level } => level.unwrap_or(-1),
        Compression::None | Compression::Lz4 | Compression::Zstd => 0,
    }
}
