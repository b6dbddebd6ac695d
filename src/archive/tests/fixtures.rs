//! Tests the reader on archives of the real pg_dump, and compares it with the real pg_restore.
//!
//! These tests need the environment variable `BCOPS_FIXTURES`, and `pg_restore` on the path.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::builder::ArchiveBytes;
use super::reading::read_rows;
use crate::archive::{ArchiveReader, Block, CopyStatement, DumpId, OffsetState};

pub fn fixtures() -> Option<PathBuf> {
    let folder = std::env::var_os("BCOPS_FIXTURES").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: BCOPS_FIXTURES is not set");
    }
    folder
}

pub fn archives(folder: &Path) -> Vec<PathBuf> {
    let listing = std::fs::read_dir(folder.join("archives")).unwrap();
    let mut paths: Vec<PathBuf> = listing.map(|item| item.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "dump"));
    assert!(!paths.is_empty());
    paths.push(folder.join("bc-small.dump"));
    paths.sort();
    paths
}

struct Content {
    tables: Vec<(DumpId, Vec<u8>)>,
    objects: BTreeMap<u32, Vec<u8>>,
}

fn read(path: &Path) -> Content {
    let mut reader = ArchiveReader::open(File::open(path).unwrap()).unwrap();
    let mut content = Content { tables: Vec::new(), objects: BTreeMap::new() };
    loop {
        let start = reader.position();
        let Some(block) = reader.next_block().unwrap() else {
            break;
        };
        match block {
            Block::Table(mut block) => {
                if let OffsetState::Known(offset) = block.entry().offset {
                    assert_eq!(offset, start, "{}", block.entry().describe());
                }
                let rows = read_rows(&mut block, 50_000).unwrap();
                content.tables.push((block.entry().id, rows));
            }
            Block::LargeObjects(mut block) => {
                while let Some(oid) = block.next_object().unwrap() {
                    let mut bytes = Vec::new();
                    while block.read_into(&mut bytes, 9999).unwrap() > 0 {}
                    assert!(content.objects.insert(oid, bytes).is_none());
                }
            }
        }
    }
    assert_eq!(reader.position(), std::fs::metadata(path).unwrap().len());
    content
}

fn pg_restore(path: &Path, options: &[&str]) -> Vec<u8> {
    let output = Command::new("pg_restore").args(options).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn headers_and_tocs_are_kept_byte_by_byte() {
    let Some(folder) = fixtures() else { return };
    for path in archives(&folder) {
        let bytes = std::fs::read(&path).unwrap();
        let reader = ArchiveReader::open(bytes.as_slice()).unwrap();
        let again = ArchiveBytes::restart(reader.header(), reader.toc()).bytes;
        assert!(again == bytes[..reader.position() as usize], "{}", path.display());
        assert_eq!(reader.toc().encoding(), Some("UTF8"));
    }
}

#[test]
fn tocs_match_the_list_of_pg_restore() {
    let Some(folder) = fixtures() else { return };
    for path in archives(&folder) {
        let reader = ArchiveReader::open(File::open(&path).unwrap()).unwrap();
        if reader.header().version.1 > 14 {
            continue;
        }
        let listing = String::from_utf8(pg_restore(&path, &["--list"])).unwrap();
        let mut listed = 0;
        for line in listing.lines().filter(|line| !line.starts_with(';')) {
            let id = line.split(';').next().unwrap().parse().unwrap();
            let entry = reader.toc().get(DumpId(id)).unwrap();
            let expected = format!(
                "{id}; {} {} {} {} {} {}",
                entry.catalog_table,
                entry.catalog_oid,
                entry.entry_type,
                entry.namespace.as_deref().unwrap_or("-"),
                entry.tag.replace('\n', " "),
                entry.owner.as_deref().unwrap_or(""),
            );
            assert_eq!(line, expected);
            listed += 1;
        }
        // The list omits the settings and the database itself.
        assert!(listed > 30 && listed + 6 >= reader.toc().entries().len());
    }
}

#[test]
fn rows_match_the_output_of_pg_restore() {
    let Some(folder) = fixtures() else { return };
    let mut compared = 0;
    for path in archives(&folder) {
        let reader = ArchiveReader::open(File::open(&path).unwrap()).unwrap();
        if reader.header().version.1 > 14 || reader.toc().insert_style_tables().count() > 0 {
            continue;
        }
        let script = pg_restore(&path, &["--data-only", "--file=-"]);
        let mut rest = script.as_slice();
        for (id, rows) in read(&path).tables {
            let entry = reader.toc().get(id).unwrap();
            let statement = entry.copy_statement.as_deref().unwrap();
            let start = memchr::memmem::find(rest, statement.as_bytes()).unwrap();
            rest = &rest[start + statement.len()..];
            assert!(rest.starts_with(&rows), "{} in {}", entry.describe(), path.display());
            rest = &rest[rows.len()..];
            assert!(rest.starts_with(b"\\.\n"), "{} in {}", entry.describe(), path.display());
            compared += 1;
        }
        assert!(memchr::memmem::find(rest, b"\nCOPY ").is_none());
    }
    assert!(compared > 150, "{compared}");
}

/// Rows by the table in the COPY statement, because partitions may be loaded through their parent.
fn rows_by_table(path: &Path) -> BTreeMap<String, Vec<Vec<u8>>> {
    let reader = ArchiveReader::open(File::open(path).unwrap()).unwrap();
    let mut by_table: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for (id, rows) in read(path).tables {
        let entry = reader.toc().get(id).unwrap();
        let statement = CopyStatement::of(entry).unwrap().unwrap();
        // The script writes E'\v', which servers before 17 read as a plain v.
        let rows = rows.split_inclusive(|&byte| byte == b'\n').map(|row| {
            let text = String::from_utf8_lossy(row);
            text.replace("\\b\\f\\v", "\\b\\fv").into_bytes()
        });
        by_table.entry(statement.target.to_string()).or_default().extend(rows);
    }
    for rows in by_table.values_mut() {
        rows.sort();
    }
    by_table
}

#[test]
fn every_version_and_compression_gives_the_same_rows() {
    let Some(folder) = fixtures() else { return };
    let folder = folder.join("archives");
    let base = rows_by_table(&folder.join("varied_pg14.pipe.dump"));
    let mut compared = 0;
    for path in archives(folder.parent().unwrap()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.contains("inserts") || !name.starts_with("varied") {
            continue;
        }
        for (table, rows) in rows_by_table(&path) {
            match base.get(&table) {
                Some(expected) => assert!(*expected == rows, "{table} in {name}"),
                // The script creates these only on newer servers.
                None => assert!(["public.nnd", "public.virt"].contains(&table.as_str())),
            }
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn large_objects_match_the_script() {
    let Some(folder) = fixtures() else { return };
    let expected = BTreeMap::from([
        (70001, [0xde, 0xad, 0xbe, 0xef].repeat(20_000)),
        (70002, vec![]),
        (70003, vec![0]),
        (4_000_000_001, vec![0xff; 3]),
    ]);
    for path in archives(&folder) {
        if path.file_name().unwrap().to_string_lossy().starts_with("varied") {
            assert!(read(&path).objects == expected, "{}", path.display());
        }
    }
}

#[test]
fn row_counts_of_the_site_match() {
    let Some(folder) = fixtures() else { return };
    for name in ["bc-small", "bc"] {
        let path = folder.join(format!("{name}.dump"));
        let counts = std::fs::read_to_string(folder.join(format!("{name}-counts.tsv"))).unwrap();
        let expected: BTreeMap<&str, u64> = counts
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .filter_map(|(table, count)| Some((table, count.parse().ok()?)))
            .collect();
        assert!(expected.len() > 100);
        let mut reader = ArchiveReader::open(File::open(&path).unwrap()).unwrap();
        let mut tables = 0;
        let mut buffer = Vec::new();
        while let Some(Block::Table(mut block)) = reader.next_block().unwrap() {
            let mut count = 0;
            loop {
                buffer.clear();
                if block.read_into(&mut buffer, 1 << 18).unwrap() == 0 {
                    break;
                }
                count += memchr::memchr_iter(b'\n', &buffer).count() as u64;
            }
            let table = block.entry().table_name();
            let known = expected.get(table.short().as_str()).or(expected.get(&*table.to_string()));
            assert_eq!(known, Some(&count), "{table}");
            tables += 1;
        }
        assert_eq!(tables, expected.len());
    }
}
