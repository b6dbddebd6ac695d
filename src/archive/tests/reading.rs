//! Tests reading archives that were made in memory.

use super::builder::{ArchiveBytes, entry, header, large_objects, table_data};
use crate::archive::{
    ArchiveError, ArchiveReader, Block, Compression, DetachedTableData, OffsetState, TableBlock,
    TocEntry,
};

pub const COMPRESSIONS: [(u8, Compression); 8] = [
    (12, Compression::Gzip { level: Some(-1) }),
    (13, Compression::None),
    (14, Compression::Gzip { level: Some(9) }),
    (15, Compression::Zstd),
    (16, Compression::None),
    (16, Compression::Gzip { level: None }),
    (16, Compression::Lz4),
    (16, Compression::Zstd),
];

pub const ROWS: &[u8] = b"1\tone\n2\t\\N\n3\t\\\\.\n";

/// Reads all data blocks: each table's name and rows, or each large object's OID and bytes.
pub fn read_all(bytes: &[u8], at_most: usize) -> Result<Vec<(String, Vec<u8>)>, ArchiveError> {
    let mut reader = ArchiveReader::open(bytes)?;
    let mut found = Vec::new();
    while let Some(block) = reader.next_block()? {
        match block {
            Block::Table(mut block) => {
                let name = block.entry().table_name().short();
                found.push((name, read_rows(&mut block, at_most)?));
            }
            Block::LargeObjects(mut block) => {
                while let Some(oid) = block.next_object()? {
                    let mut content = Vec::new();
                    while block.read_into(&mut content, at_most)? > 0 {}
                    found.push((oid.to_string(), content));
                }
            }
        }
    }
    Ok(found)
}

pub fn read_rows<R: std::io::Read>(
    block: &mut TableBlock<'_, R>,
    at_most: usize,
) -> Result<Vec<u8>, ArchiveError> {
    let mut rows = Vec::new();
    loop {
        let before = rows.len();
        let count = block.read_into(&mut rows, at_most)?;
        assert_eq!(rows.len(), before + count);
        assert!(count <= at_most);
        if count == 0 {
            return Ok(rows);
        }
    }
}

pub fn long_rows() -> Vec<u8> {
    (0..40_000).flat_map(|n| format!("{n}\t{}\n", n * 7919 % 1000).into_bytes()).collect()
}

pub fn sample(minor: u8, compression: Compression, long: &[u8]) -> Vec<u8> {
    let entries = [
        entry(3, "TABLE", "t"),
        table_data(9, "t"),
        table_data(5, "empty"),
        table_data(6, "long"),
        large_objects(7),
    ];
    ArchiveBytes::start(&header(minor, compression), &entries)
        .table(9, ROWS)
        .table(5, b"")
        .table(6, long)
        .objects(7, &[(1, b"first"), (4_000_000_001, b""), (3, long)])
        .bytes
}

#[test]
fn every_version_and_compression_is_read() {
    let long = long_rows();
    for (minor, compression) in COMPRESSIONS {
        let bytes = sample(minor, compression, &long);
        for at_most in [1, 7, 4096, 1 << 20] {
            if at_most < 7 && minor != 16 {
                continue;
            }
            let found = read_all(&bytes, at_most).unwrap();
            let expected = [
                ("t", ROWS),
                ("empty", b""),
                ("long", &long),
                ("1", b"first"),
                ("4000000001", b""),
                ("3", &long),
            ];
            let expected: Vec<_> =
                expected.iter().map(|(name, rows)| (name.to_string(), rows.to_vec())).collect();
            assert!(found == expected, "1.{minor} {compression:?} {at_most}");
        }
    }
}

#[test]
fn every_field_of_the_toc_is_kept() {
    let odd = TocEntry {
        definition: Some("CREATE …;\n".to_owned()),
        drop_statement: None,
        namespace: None,
        tablespace: Some(String::new()),
        owner: None,
        with_oids: None,
        dependencies: vec![],
        offset: OffsetState::Known(u64::MAX),
        ..entry(i32::MAX, "TABLE", "naïve \"☃\"")
    };
    let newer = TocEntry {
        table_access_method: Some("heap".to_owned()),
        relation_kind: 114,
        ..odd.clone()
    };
    for (minor, entry) in [(12, &odd), (16, &newer)] {
        let header = header(minor, Compression::None);
        let archive = ArchiveBytes::start(&header, std::slice::from_ref(entry));
        let reader = ArchiveReader::open(archive.bytes.as_slice()).unwrap();
        assert_eq!(reader.header(), &header);
        assert_eq!(reader.toc().entries(), std::slice::from_ref(entry));
        assert_eq!(ArchiveBytes::restart(&header, reader.toc()).bytes, archive.bytes);
    }
}

#[test]
fn unread_blocks_are_skipped() {
    let long = long_rows();
    for (minor, compression) in COMPRESSIONS {
        let bytes = sample(minor, compression, &long);
        let mut reader = ArchiveReader::open(bytes.as_slice()).unwrap();
        let mut blocks = 0;
        while let Some(block) = reader.next_block().unwrap() {
            blocks += 1;
            match block {
                // Read a little and drop the rest.
                Block::Table(mut block) => {
                    block.read_into(&mut Vec::new(), 3).unwrap();
                }
                Block::LargeObjects(mut block) => {
                    assert_eq!(block.next_object().unwrap(), Some(1));
                    assert_eq!(block.next_object().unwrap(), Some(4_000_000_001));
                    block.read_into(&mut Vec::new(), 3).unwrap();
                }
            }
        }
        assert_eq!(blocks, 4);
        assert_eq!(reader.position(), bytes.len() as u64);
        assert!(reader.next_block().unwrap().is_none());
    }
}

#[test]
fn a_block_can_be_read_again() {
    let long = long_rows();
    for (minor, compression) in COMPRESSIONS {
        let bytes = sample(minor, compression, &long);
        let mut reader = ArchiveReader::open(bytes.as_slice()).unwrap();
        let header = reader.header().clone();
        let toc = reader.toc().clone();
        while let Some(block) = reader.next_block().unwrap() {
            let Block::Table(block) = block else { continue };
            let entry = toc.get(block.entry().id).unwrap();
            let position = block.payload_position();
            let mut raw = Vec::new();
            block
                .copy_raw(&mut |piece| {
                    raw.extend_from_slice(piece);
                    Ok(())
                })
                .unwrap();
            let there = &bytes[position as usize..];
            let from_archive =
                DetachedTableData::from_archive(&header, entry, position, there).unwrap();
            let from_raw = DetachedTableData::from_raw_chunks(&header, entry, &raw[..]).unwrap();
            for mut again in [from_archive, from_raw] {
                let mut rows = Vec::new();
                while again.read_into(&mut rows, 1000).unwrap() > 0 {}
                let expected: &[u8] = match entry.tag.as_str() {
                    "t" => ROWS,
                    "long" => &long,
                    _ => b"",
                };
                assert!(rows == expected);
            }
        }
    }
}

#[test]
fn insert_style_rows_are_passed_on_unchanged() {
    let inserts = TocEntry { copy_statement: None, ..table_data(2, "t") };
    let statements = b"INSERT INTO public.t VALUES (1);\n\n\n";
    let bytes = ArchiveBytes::start(&header(14, Compression::None), &[inserts])
        .raw_table(2, statements)
        .bytes;
    let reader = ArchiveReader::open(bytes.as_slice()).unwrap();
    assert_eq!(reader.toc().insert_style_tables().count(), 1);
    assert_eq!(read_all(&bytes, 100).unwrap()[0].1, statements);
}

#[test]
fn larger_ints_are_read() {
    let header = crate::archive::Header { int_size: 8, ..header(14, Compression::None) };
    let bytes = ArchiveBytes::start(&header, &[table_data(2, "t")]).table(2, ROWS).bytes;
    assert_eq!(read_all(&bytes, 100).unwrap()[0].1, ROWS);
}

#[test]
fn the_encoding_is_read_and_unsafe_ones_are_refused() {
    let with_encoding = |name: &str| {
        let definition = Some(format!("SET client_encoding = '{name}';\n"));
        let entry = TocEntry { definition, ..entry(1, "ENCODING", "ENCODING") };
        ArchiveBytes::start(&header(14, Compression::None), &[entry]).bytes
    };
    let bytes = with_encoding("UTF8");
    assert_eq!(ArchiveReader::open(bytes.as_slice()).unwrap().toc().encoding(), Some("UTF8"));
    for name in ["SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004", "gbk"] {
        let error = ArchiveReader::open(with_encoding(name).as_slice()).err().unwrap();
        assert!(matches!(error, ArchiveError::UnsupportedEncoding { .. }), "{error}");
    }
}
