//! Writes archives in memory, from the types that the reader returns.

use std::io::Write;

use flate2::write::ZlibEncoder;
use lz4_flex::frame::{BlockMode, FrameEncoder, FrameInfo};

use crate::archive::{
    Compression, CreationTime, DumpId, Header, OffsetState, Section, Toc, TocEntry,
};

pub fn header(minor: u8, compression: Compression) -> Header {
    Header {
        version: (1, minor, 0),
        int_size: 4,
        offset_size: 8,
        compression,
        created: CreationTime {
            second: 1,
            minute: 2,
            hour: 3,
            day_of_month: 4,
            month: 5,
            years_since_1900: 126,
            daylight_saving: 0,
        },
        database: Some("db".to_owned()),
        server_version: Some("15.18".to_owned()),
        dump_version: None,
    }
}

pub fn entry(id: i32, entry_type: &str, tag: &str) -> TocEntry {
    TocEntry {
        id: DumpId(id),
        has_data: false,
        catalog_table: 1259,
        catalog_oid: 16384,
        tag: tag.to_owned(),
        entry_type: entry_type.to_owned(),
        section: Section::PreData,
        definition: None,
        drop_statement: Some(String::new()),
        copy_statement: None,
        namespace: Some("public".to_owned()),
        tablespace: None,
        table_access_method: None,
        relation_kind: 0,
        owner: Some("owner".to_owned()),
        with_oids: Some("false".to_owned()),
        dependencies: vec![DumpId(4000), DumpId(1)],
        offset: OffsetState::NoData,
    }
}

pub fn table_data(id: i32, table: &str) -> TocEntry {
    TocEntry {
        has_data: true,
        section: Section::Data,
        copy_statement: Some(format!("COPY public.{table} (a, b) FROM stdin;\n")),
        offset: OffsetState::Unknown,
        ..entry(id, "TABLE DATA", table)
    }
}

pub fn large_objects(id: i32) -> TocEntry {
    TocEntry {
        has_data: true,
        section: Section::Data,
        namespace: None,
        offset: OffsetState::Known(77),
        ..entry(id, "BLOBS", "BLOBS")
    }
}

/// The bytes of an archive that is being built.
#[derive(Debug, Clone)]
pub struct ArchiveBytes {
    pub header: Header,
    pub bytes: Vec<u8>,
}

impl ArchiveBytes {
    /// The header and the TOC.
    pub fn start(header: &Header, entries: &[TocEntry]) -> Self {
        let mut archive = ArchiveBytes { header: header.clone(), bytes: Vec::new() };
        archive.header();
        archive.int(entries.len() as i32);
        for entry in entries {
            archive.toc_entry(entry);
        }
        archive
    }

    pub fn restart(header: &Header, toc: &Toc) -> Self {
        ArchiveBytes::start(header, toc.entries())
    }

    pub fn table(mut self, id: i32, rows: &[u8]) -> Self {
        let stream = self.compress(&[rows, b"\\.\n\n\n"].concat());
        self.byte(1);
        self.int(id);
        self.chunks(&stream);
        self
    }

    /// A table's block with a stream from the caller.
    pub fn raw_table(mut self, id: i32, stream: &[u8]) -> Self {
        self.byte(1);
        self.int(id);
        self.chunks(stream);
        self
    }

    pub fn objects(mut self, id: i32, objects: &[(u32, &[u8])]) -> Self {
        self.byte(3);
        self.int(id);
        for &(oid, content) in objects {
            let stream = self.compress(content);
            self.int(oid as i32);
            self.chunks(&stream);
        }
        self.int(0);
        self
    }

    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub fn int(&mut self, value: i32) {
        self.byte(u8::from(value < 0));
        let magnitude = u64::from(value.unsigned_abs()).to_le_bytes();
        self.bytes.extend_from_slice(&magnitude[..usize::from(self.header.int_size)]);
    }

    pub fn string(&mut self, value: Option<&str>) {
        match value {
            Some(text) => {
                self.int(text.len() as i32);
                self.bytes.extend_from_slice(text.as_bytes());
            }
            None => self.int(-1),
        }
    }

    pub fn compress(&self, content: &[u8]) -> Vec<u8> {
        match self.header.compression {
            Compression::None => content.to_vec(),
            Compression::Gzip { .. } => {
                let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Lz4 => {
                let info = FrameInfo::new().block_mode(BlockMode::Linked);
                let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(content, 3).unwrap(),
        }
    }

    fn header(&mut self) {
        let header = self.header.clone();
        let (major, minor, revision) = header.version;
        self.bytes.extend_from_slice(b"PGDMP");
        self.bytes.extend([major, minor, revision, header.int_size, header.offset_size, 1]);
        match (minor, header.compression) {
            (..=14, Compression::None) => self.int(0),
            (..=14, Compression::Gzip { level }) => self.int(level.unwrap_or(-1)),
            (_, Compression::None) => self.byte(0),
            (_, Compression::Gzip { .. }) => self.byte(1),
            (_, Compression::Lz4) => self.byte(2),
            (_, Compression::Zstd) => self.byte(3),
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
            self.int(number);
        }
        self.string(header.database.as_deref());
        self.string(header.server_version.as_deref());
        self.string(header.dump_version.as_deref());
    }

    fn toc_entry(&mut self, entry: &TocEntry) {
        let minor = self.header.version.1;
        self.int(entry.id.0);
        self.int(i32::from(entry.has_data));
        self.string(Some(&entry.catalog_table.to_string()));
        self.string(Some(&entry.catalog_oid.to_string()));
        self.string(Some(&entry.tag));
        self.string(Some(&entry.entry_type));
        self.int(match entry.section {
            Section::None => 1,
            Section::PreData => 2,
            Section::Data => 3,
            Section::PostData => 4,
        });
        self.string(entry.definition.as_deref());
        self.string(entry.drop_statement.as_deref());
        self.string(entry.copy_statement.as_deref());
        self.string(entry.namespace.as_deref());
        self.string(entry.tablespace.as_deref());
        if minor >= 14 {
            self.string(entry.table_access_method.as_deref());
        }
        if minor >= 16 {
            self.int(entry.relation_kind);
        }
        self.string(entry.owner.as_deref());
        self.string(entry.with_oids.as_deref());
        for dependency in &entry.dependencies {
            self.string(Some(&dependency.to_string()));
        }
        self.string(None);
        let (state, offset) = match entry.offset {
            OffsetState::Unknown => (1, 0),
            OffsetState::Known(offset) => (2, offset),
            OffsetState::NoData => (3, 0),
        };
        self.byte(state);
        self.bytes.extend_from_slice(&offset.to_le_bytes());
    }

    /// Writes chunks of uneven lengths, so that borders fall anywhere.
    fn chunks(&mut self, mut stream: &[u8]) {
        let mut length = 1;
        while !stream.is_empty() {
            let (chunk, rest) = stream.split_at(length.min(stream.len()));
            self.int(chunk.len() as i32);
            self.bytes.extend_from_slice(chunk);
            stream = rest;
            length = length * 2 + 1;
        }
        self.int(0);
    }
}
