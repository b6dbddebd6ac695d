//! Reads the archive's header: versions, compression, and where and when the dump was made.
//!
//! Versions 1.12 to 1.14 store zlib's level as an int (0: no compression). Versions from 1.15 store
//! one byte for the algorithm, without a level. The creation time is the local time of the dumping
//! machine, without a zone.

use std::io::Read;

use super::error::ArchiveError;
use super::formats::Found;
use super::input::Input;
use super::primitives::{Budget, Sizes, read_byte, read_int, read_string};

pub(super) const MAGIC: &[u8] = b"PGDMP";
pub(super) const CUSTOM_FORMAT: u8 = 1;
const DIRECTORY_FORMAT: u8 = 5;
const TAR_FORMAT: u8 = 3;

/// How entries lead to their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// By a position in the same file.
    Custom,
    /// By the name of a file, in the tar and the directory format.
    Files,
}

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
    /// A zlib stream for each table. Only versions up to 1.14 store the level; -1 is zlib's
    /// default.
    Gzip {
        level: Option<i32>,
    },
    Lz4,
    Zstd,
}

/// The seven numbers of C's `struct tm`, as in the archive.
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
        format: Format,
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
        check_format(input, format)?;
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
    Err(ArchiveError::NotAnArchive(Found::by(start)))
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

fn check_format<R: Read>(input: &mut Input<R>, format: Format) -> Result<(), ArchiveError> {
    match (read_byte(input, "the format")?, format) {
        (CUSTOM_FORMAT, Format::Custom) => Ok(()),
        // The toc.dat of a directory names the format tar.
        (TAR_FORMAT | DIRECTORY_FORMAT, Format::Files) => Ok(()),
        (TAR_FORMAT | DIRECTORY_FORMAT, Format::Custom) => {
            Err(ArchiveError::NotAnArchive(Found::LoneContents))
        }
        (CUSTOM_FORMAT, Format::Files) => {
            Err(input.corrupt("it is a complete archive in custom format, not a table of contents"))
        }
        (other, _) => Err(input.corrupt(format!("{other} is not a known archive format"))),
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
            level => Err(input.corrupt(format!("{level} is not a compression level"))),
        };
    }
    match read_byte(input, expected)? {
        0 => Ok(Compression::None),
        1 => Ok(Compression::Gzip { level: None }),
        2 => Ok(Compression::Lz4),
        3 => Ok(Compression::Zstd),
        other => Err(input.corrupt(format!("{other} is not a known compression algorithm"))),
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
