//! Tests archives that are cut off, damaged or malicious, and files that are not archives.

use proptest::prelude::*;

use super::builder::{ArchiveBytes, entry, header, large_objects, table_data};
use super::reading::{COMPRESSIONS, ROWS, read_all, sample};
use crate::archive::{ArchiveError, ArchiveReader, Block, Compression, TocEntry};

const GZIP: Compression = Compression::Gzip { level: Some(-1) };

fn error_of(bytes: &[u8]) -> String {
    let error = read_all(bytes, 1000).expect_err("the archive is damaged");
    match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn one_table() -> ArchiveBytes {
    ArchiveBytes::start(&header(14, GZIP), &[entry(1, "TABLE", "t"), table_data(2, "t")])
}

#[test]
fn truncation_anywhere_is_an_error() {
    for (minor, compression) in COMPRESSIONS {
        let bytes = sample(minor, compression, b"1\t2\n");
        assert!(read_all(&bytes, 100).is_ok());
        for length in 0..bytes.len() {
            assert!(read_all(&bytes[..length], 100).is_err(), "1.{minor} {compression:?} {length}");
        }
    }
}

#[test]
fn a_flipped_bit_in_gzip_rows_is_an_error() {
    let start = one_table().bytes.len();
    let rows: Vec<u8> = ROWS.repeat(20);
    let good = one_table().table(2, &rows).bytes;
    for position in start..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[position] ^= 1 << bit;
            match read_all(&bytes, 100) {
                Err(_) => {}
                // Some bits have no meaning, such as zlib's hint about the level.
                Ok(found) => assert_eq!(found[0].1, rows, "byte {position}, bit {bit}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::property_test::config(2000))]

    #[test]
    fn flipped_bytes_never_panic(
        which in 0..COMPRESSIONS.len(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (minor, compression) = COMPRESSIONS[which];
        let mut bytes = sample(minor, compression, &ROWS.repeat(9));
        for (index, value) in flips {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        let _ = read_all(&bytes, 100);
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        minor in 12u8..=16,
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let start = [b"PGDMP\x01".as_slice(), &[minor, 0, 4, 8, 1]].concat();
        prop_assert!(read_all(&[start, bytes].concat(), 100).is_err());
    }
}

#[test]
fn malicious_lengths_are_not_trusted() {
    let header = header(14, GZIP);
    let empty = ArchiveBytes::start(&header, &[]).bytes;
    let with_count = |count: i32| {
        let mut archive = ArchiveBytes { header: header.clone(), bytes: empty.clone() };
        archive.bytes.truncate(empty.len() - 5);
        archive.int(count);
        archive
    };
    assert!(error_of(&with_count(-1).bytes).contains("-1 TOC entries are impossible"));
    assert!(error_of(&with_count(i32::MAX).bytes).contains("more than 500000 TOC entries"));
    assert!(error_of(&with_count(1_000_000).bytes).contains("more than 500000 TOC entries"));
    assert!(error_of(&with_count(500_000).bytes).contains("ends too early"));

    for (length, expected) in [
        (i32::MAX, "bytes of text in the header and the table of contents"),
        (100_000_000, "ends too early"),
        (-2, "a length of -2 is impossible"),
        (i32::MIN, "is impossible"),
    ] {
        let mut archive = with_count(1);
        archive.int(7);
        archive.int(0);
        archive.int(length);
        assert!(error_of(&archive.bytes).contains(expected), "{}", error_of(&archive.bytes));
    }

    for (length, expected) in [(i32::MAX, "ends too early"), (-1, "a chunk of -1 bytes")] {
        let mut archive = one_table();
        archive.byte(1);
        archive.int(2);
        archive.int(length);
        archive.byte(0x78);
        assert!(error_of(&archive.bytes).contains(expected), "{}", error_of(&archive.bytes));
    }
}

#[test]
fn a_flood_of_text_is_refused() {
    let definition = Some("x".repeat(1 << 20));
    let big = TocEntry { definition, ..entry(1, "VIEW", "v") };
    let entries: Vec<TocEntry> =
        (1..=140).map(|id| TocEntry { id: super::super::DumpId(id), ..big.clone() }).collect();
    let header = header(14, GZIP);
    assert!(ArchiveReader::open(&*ArchiveBytes::start(&header, &entries[..120]).bytes).is_ok());
    let error = error_of(&ArchiveBytes::start(&header, &entries).bytes);
    let expected = "cannot read the archive: it has more than 134217728 bytes of text";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn other_files_are_recognised() {
    let tar = [[b'a'; 257].as_slice(), b"ustar\0", &[0; 300]].concat();
    for (bytes, expected) in [
        (b"".as_slice(), "an empty file"),
        (b"\x1f\x8b\x08\x00", "compressed by gzip"),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
        (&tar, "a tar file"),
        (
            b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>",
            "an object store's error (AccessDenied)",
        ),
        (b"\n<!DOCTYPE html>", "a web page"),
        (b"--\n-- PostgreSQL database dump\n--\n", "plain SQL"),
        (b"\\restrict abc\n", "plain SQL"),
        (b"GIF89a", "a file of an unknown kind"),
        (b"PGDMP\x01\x0e\x00\x04\x08\x03", "the toc.dat of a backup"),
        (b"PGDMP\x01\x0e\x00\x04\x08\x05", "the toc.dat of a backup"),
        (b"PGDMP\x01\x0e\x00\x04\x08\x09", "9 is not a known archive format"),
        (b"PGDM", "ends too early"),
        (b"PGDMP\x01\x0b\x00", "cannot read archive version 1.11-0"),
        (b"PGDMP\x01\x11\x00", "cannot read archive version 1.17-0"),
        (b"PGDMP\x02\x0e\x00", "cannot read archive version 2.14-0"),
        (b"PGDMP\x01\x0e\x00\x21\x08", "33 bytes, which no pg_dump writes"),
    ] {
        let error = error_of(bytes);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn blocks_that_do_not_fit_the_toc_are_refused() {
    for (archive, expected) in [
        (one_table(), "without the data of TABLE DATA public.t"),
        (one_table().table(3, ROWS), "has the dump id 3, which no entry has"),
        (one_table().table(1, ROWS), "its TOC entry announces none"),
        (one_table().table(2, ROWS).table(2, ROWS), "has two blocks"),
        (one_table().objects(2, &[]), "a block of the type 3, not 1"),
        (
            ArchiveBytes::start(&header(14, GZIP), &[large_objects(2)]).table(2, ROWS),
            "a block of the type 1, not 3",
        ),
    ] {
        let error = error_of(&archive.bytes);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn no_block_is_read_after_an_error() {
    let archive = one_table().table(3, ROWS).table(2, ROWS);
    let mut reader = ArchiveReader::open(archive.bytes.as_slice()).unwrap();
    assert!(reader.next_block().is_err());
    assert!(reader.next_block().is_err());

    let archive = one_table().raw_table(2, b"not a zlib stream");
    let mut reader = ArchiveReader::open(archive.bytes.as_slice()).unwrap();
    let Some(Block::Table(mut block)) = reader.next_block().unwrap() else { panic!("a table") };
    let mut out = b"kept".to_vec();
    assert!(block.read_into(&mut out, 10).is_err());
    assert_eq!(out, b"kept");
    assert!(reader.next_block().is_err());
}

#[test]
fn a_truncated_archive_names_the_missing_blocks() {
    let entries: Vec<TocEntry> = (1..=12).map(|id| table_data(id, &format!("t{id}"))).collect();
    let archive = ArchiveBytes::start(&header(14, GZIP), &entries).table(1, ROWS);
    let error = error_of(&archive.bytes);
    assert!(error.contains("without the data of TABLE DATA public.t2, TABLE DATA"), "{error}");
    assert!(error.contains("public.t11 and 1 more; fetch the backup again"), "{error}");
}

#[test]
fn streams_must_end_where_their_chunks_end() {
    for (minor, compression) in COMPRESSIONS {
        let archive = ArchiveBytes::start(&header(minor, compression), &[table_data(2, "t")]);
        let good = archive.compress(b"1\t2\n\\.\n\n\n");
        let bytes = |stream: &[u8]| archive.clone().raw_table(2, stream).bytes;
        assert!(read_all(&bytes(&good), 100).is_ok());
        let twice = [good.as_slice(), &good].concat();
        let long = [good.as_slice(), b"x"].concat();
        for bad in [&good[..good.len() - 1], &good[..good.len() / 2], b"", &twice, &long] {
            // Two uncompressed streams look like one longer stream.
            if compression != Compression::None || bad.len() != twice.len() {
                assert!(read_all(&bytes(bad), 100).is_err(), "{compression:?} {bad:?}");
            }
        }
    }
}

#[test]
fn rows_must_end_with_the_end_marker() {
    let archive = ArchiveBytes::start(&header(14, Compression::None), &[table_data(2, "t")]);
    for rows in ["", "1\t2\n", "1\t2\n\\.\n", "1\t2\n\\.\n\n", "1\t2\\.\n\n\n", ".\n\n\n"] {
        let error = error_of(&archive.clone().raw_table(2, rows.as_bytes()).bytes);
        assert!(error.contains("do not end with the end marker"), "{rows:?} {error}");
        assert!(error.contains("in the data of TABLE DATA public.t"), "{rows:?} {error}");
    }
    for rows in ["\\.\n\n\n", "\n\\.\n\n\n"] {
        assert!(read_all(&archive.clone().raw_table(2, rows.as_bytes()).bytes, 1).is_ok());
    }
}

#[test]
fn impossible_tocs_are_refused() {
    let header = header(14, GZIP);
    let other_data = TocEntry { has_data: true, ..entry(4, "BLOB COMMENTS", "x") };
    for (entries, expected) in [
        (vec![entry(1, "TABLE", "a"), entry(1, "TABLE", "b")], "the dump id 1 occurs twice"),
        (vec![entry(0, "TABLE", "a")], "0 is not a dump id"),
        (vec![other_data], "must not have data"),
    ] {
        let error = error_of(&ArchiveBytes::start(&header, &entries).bytes);
        assert!(error.contains(expected), "{error}");
    }
    let bytes = ArchiveBytes::start(&header, &[entry(1, "TABLE", "tag")]).bytes;
    let tag = memchr::memmem::find(&bytes, b"tag").unwrap();
    let mut not_utf8 = bytes.clone();
    not_utf8[tag] = 0xff;
    let error = read_all(&not_utf8, 1).unwrap_err();
    assert!(matches!(error, ArchiveError::NotUtf8 { .. }), "{error}");
    assert!(error.to_string().contains("TOC entry number 1 of 1"), "{error}");
}
