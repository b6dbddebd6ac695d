//! Tests writing archives: bcops's own reader and the real pg_restore must read the output like
//! pg_dump's.

use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::builder::{ArchiveBytes, entry, header, large_objects, table_data};
use super::fixtures::{archives, fixtures};
use super::reading::{COMPRESSIONS, ROWS, long_rows, read_all, sample};
use crate::archive::{
    ArchiveReader, ArchiveWriter, Block, Compression, DumpId, OffsetState, WriteError,
};

/// How data blocks are copied from the reader to the writer.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// Unchanged.
    Raw,
    /// Decompressed and compressed again.
    Recompressed,
}

fn copy<W: Write>(bytes: &[u8], output: W, way: Way) -> ArchiveWriter<W> {
    let mut reader = ArchiveReader::open(bytes).unwrap();
    let toc = reader.toc().clone();
    let mut writer = ArchiveWriter::create(output, reader.header(), toc.entries()).unwrap();
    while let Some(block) = reader.next_block().unwrap() {
        let (mut plain, mut raw) = (Vec::new(), Vec::new());
        match (block, way) {
            (Block::Table(mut block), Way::Raw) => {
                writer.begin_raw_rows(block.entry().id).unwrap();
                block.record();
                while block.read_into(&mut plain, 1 << 18).unwrap() > 0 {
                    block.take_recorded(&mut raw);
                    writer.raw(&raw).unwrap();
                    raw.clear();
                }
                block.take_recorded(&mut raw);
                writer.raw(&raw).unwrap();
                writer.end_raw_rows().unwrap();
            }
            (Block::Table(mut block), Way::Recompressed) => {
                writer.begin_rows(block.entry().id).unwrap();
                while block.read_into(&mut plain, 1 << 18).unwrap() > 0 {}
                let (first, last) = plain.split_at(plain.len() / 2);
                let border = memchr::memrchr(b'\n', first).map_or(0, |at| at + 1);
                writer.rows(&plain[..border]).unwrap();
                writer.rows(&plain[border..first.len() + last.len()]).unwrap();
                writer.end_rows().unwrap();
            }
            (Block::LargeObjects(mut block), _) => {
                writer.begin_objects(block.entry().id).unwrap();
                block.record();
                while let Some(oid) = block.next_object().unwrap() {
                    plain.clear();
                    while block.read_into(&mut plain, 1 << 18).unwrap() > 0 {}
                    raw.clear();
                    block.take_recorded(&mut raw);
                    if way == Way::Raw {
                        writer.begin_raw_object(oid).unwrap();
                        writer.raw(&raw).unwrap();
                    } else {
                        writer.begin_object(oid).unwrap();
                        writer.object_bytes(&plain).unwrap();
                    }
                    writer.end_object().unwrap();
                }
                writer.end_objects().unwrap();
            }
        }
    }
    assert!(writer.position() > 0);
    writer
}

fn to_pipe(bytes: &[u8], way: Way) -> Vec<u8> {
    copy(bytes, Vec::new(), way).finish().unwrap()
}

fn to_file(bytes: &[u8], way: Way) -> Vec<u8> {
    let output = copy(bytes, Cursor::new(Vec::new()), way).finish_with_offsets().unwrap();
    assert_eq!(output.position(), output.get_ref().len() as u64);
    output.into_inner()
}

#[test]
fn every_version_and_compression_is_written() {
    let long = long_rows();
    for (minor, compression) in COMPRESSIONS {
        let bytes = sample(minor, compression, &long);
        for way in [Way::Raw, Way::Recompressed] {
            for written in [to_pipe(&bytes, way), to_file(&bytes, way)] {
                let (before, after) = (read_all(&bytes, 9999), read_all(&written, 9999));
                assert!(before.unwrap() == after.unwrap(), "1.{minor} {compression:?}");
                let before = ArchiveReader::open(bytes.as_slice()).unwrap();
                let after = ArchiveReader::open(written.as_slice()).unwrap();
                assert_eq!(before.header(), after.header());
                let without_offsets = |reader: &ArchiveReader<&[u8]>| {
                    let mut entries = reader.toc().entries().to_vec();
                    entries.iter_mut().for_each(|entry| {
                        entry.offset = crate::archive::OffsetState::Unknown;
                    });
                    entries
                };
                assert_eq!(without_offsets(&before), without_offsets(&after));
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::property_test::config(64))]

    #[test]
    fn any_rows_and_objects_are_read_back(
        which in 0..COMPRESSIONS.len(),
        rows in proptest::collection::vec(("[a-z\u{e4}]{0,40}", any::<i32>()), 0..300),
        object in proptest::collection::vec(any::<u8>(), 0..40_000),
    ) {
        let (minor, compression) = COMPRESSIONS[which];
        let rows: String = rows.iter().map(|(a, b)| format!("{a}\t{b}\n")).collect();
        let entries = [entry(3, "TABLE", "t"), table_data(9, "t"), large_objects(7)];
        let bytes = ArchiveBytes::start(&header(minor, compression), &entries)
            .table(9, rows.as_bytes())
            .objects(7, &[(5, &object), (4_000_000_001, b"")])
            .bytes;
        for way in [Way::Raw, Way::Recompressed] {
            let written = to_file(&bytes, way);
            prop_assert!(read_all(&bytes, 999).unwrap() == read_all(&written, 999).unwrap());
        }
    }
}

#[test]
fn an_archive_with_a_missing_or_surplus_block_is_not_finished() {
    let header = header(14, Compression::None);
    let entries = [table_data(2, "t"), large_objects(3)];
    let new = || ArchiveWriter::create(Vec::new(), &header, &entries).unwrap();
    assert!(matches!(new().finish(), Err(WriteError::MissingBlock { .. })));
    let mut writer = new();
    assert!(matches!(writer.begin_rows(DumpId(9)), Err(WriteError::UnknownBlock { .. })));
    assert!(matches!(writer.begin_objects(DumpId(2)), Err(WriteError::UnknownBlock { .. })));
    assert!(matches!(writer.rows(ROWS), Err(WriteError::Misplaced { .. })));
    writer.begin_rows(DumpId(2)).unwrap();
    assert!(matches!(writer.begin_objects(DumpId(3)), Err(WriteError::Misplaced { .. })));
    writer.end_rows().unwrap();
    assert!(matches!(writer.begin_rows(DumpId(2)), Err(WriteError::SecondBlock { .. })));
}

#[test]
fn archives_of_pg_dump_are_copied_byte_by_byte() {
    let Some(folder) = fixtures() else { return };
    for path in archives(&folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        // pg_dump stores the positions of blocks only if its output can seek.
        let has_offsets = {
            let reader = ArchiveReader::open(std::fs::File::open(&path).unwrap()).unwrap();
            let known =
                |entry: &crate::archive::TocEntry| matches!(entry.offset, OffsetState::Known(_));
            reader.toc().table_data().any(known)
        };
        let write = if has_offsets { to_file } else { to_pipe };
        assert!(write(&bytes, Way::Raw) == bytes, "{name}");
        // Without compression, the bytes do not depend on the compressor.
        if name.contains("z0") {
            assert!(write(&bytes, Way::Recompressed) == bytes, "{name}");
        }
    }
}

/// The output of pg_restore for an archive, without the random key of each run. `None` if it was
/// built without the archive's compression.
fn pg_restore(path: &Path, options: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("pg_restore").args(options).arg(path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("this build does not support compression") {
        return None;
    }
    assert!(output.status.success() && said.is_empty(), "{said}");
    let lines = output.stdout.split_inclusive(|byte| *byte == b'\n');
    let is_key =
        |line: &&[u8]| line.starts_with(b"\\restrict") || line.starts_with(b"\\unrestrict");
    Some(lines.filter(|line| !is_key(line)).flatten().copied().collect())
}

/// The newest archive version that the installed pg_restore reads, as its minor version.
fn newest_readable() -> u8 {
    let output = Command::new("pg_restore").arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let version = text.split_whitespace().nth(2).unwrap();
    let major: u32 = version.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
    match major {
        ..=15 => 14,
        16 => 15,
        17.. => 16,
    }
}

#[test]
fn pg_restore_sees_no_difference() {
    let Some(folder) = fixtures() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let written_to = scratch.path().join("written.dump");
    let (newest, mut compared) = (newest_readable(), 0);
    for path in archives(&folder) {
        let bytes = std::fs::read(&path).unwrap();
        let read_again = ArchiveReader::open(bytes.as_slice()).unwrap();
        let known = read_again.header().version.1 <= newest;
        for written in [to_pipe(&bytes, Way::Recompressed), to_file(&bytes, Way::Recompressed)] {
            assert!(read_all(&written, 1 << 18).unwrap() == read_all(&bytes, 1 << 18).unwrap());
            if !known {
                continue;
            }
            std::fs::write(&written_to, &written).unwrap();
            for options in [["--list"], ["--file=-"]] {
                let (before, after) =
                    (pg_restore(&path, &options), pg_restore(&written_to, &options));
                assert!(before == after, "{} {options:?}", path.display());
            }
            compared += 1;
        }
    }
    assert!(compared >= 8, "{compared}");
}

/// The joined chunks of the only block.
fn stream_of(bytes: &[u8]) -> Vec<u8> {
    let mut reader = ArchiveReader::open(bytes).unwrap();
    let Some(Block::Table(block)) = reader.next_block().unwrap() else { panic!("no table") };
    let mut stream = Vec::new();
    block
        .copy_raw(&mut |piece| {
            stream.extend_from_slice(piece);
            Ok(())
        })
        .unwrap();
    stream
}

#[test]
fn lz4_and_zstd_streams_are_readable_by_their_own_tools() {
    let rows = long_rows();
    let scratch = tempfile::tempdir().unwrap();
    for (tool, compression) in [("lz4", Compression::Lz4), ("zstd", Compression::Zstd)] {
        if Command::new(tool).arg("--version").output().is_err() {
            eprintln!("skipped: there is no {tool} here");
            continue;
        }
        let mut writer =
            ArchiveWriter::create(Vec::new(), &header(16, compression), &[table_data(2, "t")])
                .unwrap();
        writer.begin_rows(DumpId(2)).unwrap();
        rows.chunks(100_000).for_each(|part| writer.rows(part).unwrap());
        writer.end_rows().unwrap();
        let compressed = scratch.path().join(tool);
        std::fs::write(&compressed, stream_of(&writer.finish().unwrap())).unwrap();
        let output =
            Command::new(tool).arg("-dc").stdin(std::fs::File::open(&compressed).unwrap()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout == [&rows[..], b"\\.\n\n\n"].concat(), "{tool}");
    }
}
