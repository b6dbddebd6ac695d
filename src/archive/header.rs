//! The archive's header: versions, compression, and where and when the dump was made.
//!
//! Versions 1.12 to 1.14 store zlib's level as an int (0: no compression); 1.15 and later store one
//! byte that names the algorithm and no level. The creation time is the dumping machine's local
//! time, without a zone.

use std::io::Read;

use super::error::ArchiveError;
use super::input::Input;
use super::primitives::{Budget, Sizes, read_byte, read_int, read_string};

pub(super) const MAGIC: &[u8] = b"PGDMP";
pub(super) const CUSTOM_FORMAT: u8 = 1;
const DIRECTORY_FORMAT: u8 = 5;
const TAR_FORMAT: u8 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Major, minor and revision of the archive format (not of Postgres).
    pub version: (u8, u8, u8),
    /// Bytes of an int's magnitude.
    pub int_size: u8,
    /// Bytes of a data offset.
    pub offset_size: u8,
    pub compression: Compression,
    pub created: CreationTime,
    pub database: Option<String>,
    pub server_version: Option<String>,
    /// The version of the pg_dump that wrote the archive.
    pub dump_version: Option<String>,
}

/// How the data blocks are compressed. The table of contents never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    /// A zlib stream for each table. The level is stored up to version 1.14 only; -1 is zlib's
    /// default.
    Gzip {
        level: Option<i32>,
    },
    Lz4,
    Zstd,
}

/// The seven numbers of C's `struct tm`, as they stand in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreationTime {
    pub second: i32,
    pub minute: i32,
    pub hour: i32,
    pub day_of_month: i32,
    /// From 0 for January.
    pub month: i32,
    pub years_since_1900: i32,
    pub daylight_saving: i32,
}

impl Header {
    pub(super) fn sizes(&self) -> Sizes {
        Sizes { int: self.int_size, offset: self.offset_size }
    }

    /// Whether the format is at least version 1.`minor`.
    pub(super) fn is_at_least(&self, minor: u8) -> bool {
        self.version.1 >= minor
    }

    pub(super) fn read<R: Read>(
        input: &mut Input<R>,
        budget: &mut Budget,
    ) -> Result<Header, ArchiveError> {
        check_magic(input)?;
        let version = (
            read_byte(input, "the format's version")?,
            read_byte(input, "the format's version")?,
            read_byte(input, "the format's version")?,
        );
        if version.0 != 1 || !(12..=16).contains(&version.1) {
            return Err(ArchiveError::UnsupportedVersion { version });
        }
        let int_size = read_size(input, 4..=8, "the size of an int")?;
        let offset_size = read_size(input, 1..=8, "the size of an offset")?;
        check_format(input)?;
        let sizes = Sizes { int: int_size, offset: offset_size };
        let compression = read_compression(input, version.1, sizes)?;
        let created = read_creation_time(input, sizes)?;
        Ok(Header {
            version,
            int_size,
            offset_size,
            compression,
            created,
            database: read_string(input, sizes, budget, "the database's name")?,
            server_version: read_string(input, sizes, budget, "the server's version")?,
            dump_version: read_string(input, sizes, budget, "pg_dump's version")?,
        })
    }
}

fn check_magic<R: Read>(input: &mut Input<R>) -> Result<(), ArchiveError> {
    let start = input.peek(512)?;
    if start.starts_with(MAGIC) {
        input.consume(MAGIC.len());
        return Ok(());
    }
    if !start.is_empty() && MAGIC.starts_with(start) {
        return Err(input.truncated("the header"));
    }
    let (found, mend) = recognise(start);
    Err(ArchiveError::NotCustomFormat { found, mend })
}

/// Names what people take for an archive by mistake.
fn recognise(start: &[u8]) -> (&'static str, &'static str) {
    const REDO: &str = "make the backup with pg_dump --format=custom";
    let text = start.trim_ascii_start();
    if start.is_empty() {
        ("an empty file", "fetch the backup again")
    } else if start.starts_with(&[0x1f, 0x8b]) {
        ("a file compressed by gzip", "decompress it with gunzip first")
    } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        ("a file compressed by zstd", "decompress it with unzstd first")
    } else if start.starts_with(b"BZh") {
        ("a file compressed by bzip2", "decompress it with bunzip2 first")
    } else if start.starts_with(b"PK\x03\x04") {
        ("a zip file", "unpack it first")
    } else if start.get(257..262) == Some(b"ustar") {
        ("a tar file (pg_dump's tar format, or a packed directory)", REDO)
    } else if text.starts_with(b"<") {
        ("an XML or HTML document (perhaps an error page)", "fetch the backup again")
    } else if [&b"--"[..], b"\\restrict", b"SET ", b"CREATE ", b"BEGIN", b"/*"]
        .iter()
        .any(|opening| text.starts_with(opening))
    {
        ("plain SQL", REDO)
    } else {
        ("a file of an unknown kind", REDO)
    }
}

fn read_size<R: Read>(
    input: &mut Input<R>,
    supported: std::ops::RangeInclusive<u8>,
    what: &'static str,
) -> Result<u8, ArchiveError> {
    let size = read_byte(input, what)?;
    if supported.contains(&size) {
        return Ok(size);
    }
    Err(input.corrupt(format!("{what} is {size} bytes, which no pg_dump writes")))
}

fn check_format<R: Read>(input: &mut Input<R>) -> Result<(), ArchiveError> {
    const MEND: &str = "make the backup with pg_dump --format=custom";
    match read_byte(input, "the format")? {
        CUSTOM_FORMAT => Ok(()),
        TAR_FORMAT => Err(ArchiveError::NotCustomFormat {
            found: "the table of contents of a dump in tar format",
            mend: MEND,
        }),
        DIRECTORY_FORMAT => Err(ArchiveError::NotCustomFormat {
            found: "the table of contents of a dump in directory format",
            mend: MEND,
        }),
        other => Err(input.corrupt(format!("{other} is no known archive format"))),
    }
}

fn read_compression<R: Read>(
    input: &mut Input<R>,
    minor: u8,
    sizes: Sizes,
) -> Result<Compression, ArchiveError> {
    let expected = "the compression";
    if minor <= 14 {
        return match read_int(input, sizes, expected)? {
            0 => Ok(Compression::None),
            level @ (-1 | 1..=9) => Ok(Compression::Gzip { level: Some(level) }),
            level => Err(input.corrupt(format!("{level} is no compression level"))),
        };
    }
    match read_byte(input, expected)? {
        0 => Ok(Compression::None),
        1 => Ok(Compression::Gzip { level: None }),
        2 => Ok(Compression::Lz4),
        3 => Ok(Compression::Zstd),
        other => Err(input.corrupt(format!("{other} is no known compression algorithm"))),
    }
}

fn read_creation_time<R: Read>(
    input: &mut Input<R>,
    sizes: Sizes,
) -> Result<CreationTime, ArchiveError> {
    let mut next = || read_int(input, sizes, "the creation time");
    Ok(CreationTime {
        second: next()?,
        minute: next()?,
        hour: next()?,
        day_of_month: next()?,
        month: next()?,
        years_since_1900: next()?,
        daylight_saving: next()?,
    })
}
