//! Tests tar files and folders that are made here and damaged in many ways. Each gives an error or
//! the same archive; nothing is unpacked or waited for.

use std::fs;
use std::io::Read;
use std::path::Path;

use crate::archive::formats::{StoredBackup, convert};
use crate::archive::tests::builder::{entry, header, large_objects, table_data};
use crate::archive::{ArchiveError, ArchiveReader, Block, Compression, TocEntry};

const ROWS: &[u8] = b"1\tone\n2\ttwo\n\\.\n\n\n";

/// The `toc.dat` of two tables and a block of large objects.
fn contents(minor: u8) -> Vec<u8> {
    let plain = header(minor, Compression::None);
    let entries = [entry(1, "TABLE", "t"), table_data(2, "t"), table_data(3, "u")];
    let all: Vec<TocEntry> = entries.into_iter().chain([large_objects(4)]).collect();
    let custom = crate::archive::writer::contents_bytes(&plain, &all);
    as_files(custom, &all, minor)
}

/// The same contents with file names instead of positions, and with the tar format.
fn as_files(custom: Vec<u8>, entries: &[TocEntry], minor: u8) -> Vec<u8> {
    let whole = ArchiveReader::open(Padded(&custom)).expect("an archive");
    assert_eq!(whole.toc().entries().len(), entries.len());
    let mut out = custom;
    out[10] = 3;
    // Each offset field has nine bytes at the end of its entry. Replace from the last to the first.
    let plain = header(minor, Compression::None);
    let ends: Vec<usize> = (1..=entries.len())
        .map(|count| {
            let some = crate::archive::writer::contents_bytes(&plain, &entries[..count]);
            some.len()
        })
        .collect();
    for (entry, end) in entries.iter().zip(ends).rev() {
        let name = match (entry.has_data, entry.entry_type.as_str()) {
            (false, _) => String::new(),
            (true, "BLOBS") => "blobs.toc".to_owned(),
            (true, _) => format!("{}.dat", entry.id),
        };
        let mut field = vec![0];
        field.extend((name.len() as u32).to_le_bytes());
        field.extend(name.as_bytes());
        out.splice(end - 9..end, field);
    }
    out
}

/// Reads the contents of an archive without blocks.
struct Padded<'a>(&'a [u8]);

impl Read for Padded<'_> {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(target)
    }
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    file_of(name, b'0', content.len() as u64, content)
}

fn file_of(name: &str, kind: u8, size: u64, content: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..136].copy_from_slice(format!("{size:011o} ").as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend_from_slice(content);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

fn whole(minor: u8) -> Vec<Vec<u8>> {
    let list = if minor < 16 { "blobs.toc" } else { "blobs_4.toc" };
    vec![
        file("toc.dat", &contents(minor)),
        file("2.dat", ROWS),
        file("3.dat", ROWS),
        file("blob_7.dat", b"seven"),
        file("blob_4000000001.dat", b""),
        file(list, b"7 blob_7.dat\n4000000001 blob_4000000001.dat\n"),
        file("restore.sql", b"--"),
        vec![0; 1024],
    ]
}

/// Everything in an archive, as text.
fn read_all(bytes: Box<dyn Read + Send>) -> Result<Vec<String>, ArchiveError> {
    let mut reader = ArchiveReader::open(convert(bytes)?.bytes)?;
    let mut found = Vec::new();
    while let Some(block) = reader.next_block()? {
        match block {
            Block::Table(mut block) => {
                let mut rows = Vec::new();
                while block.read_into(&mut rows, 7)? > 0 {}
                let name = block.entry().tag.clone();
                found.push(format!("{name}: {}", String::from_utf8_lossy(&rows)));
            }
            Block::LargeObjects(mut block) => {
                while let Some(oid) = block.next_object()? {
                    let mut content = Vec::new();
                    while block.read_into(&mut content, 7)? > 0 {}
                    found.push(format!("{oid}: {}", String::from_utf8_lossy(&content)));
                }
            }
        }
    }
    Ok(found)
}

fn expected() -> Vec<String> {
    let rows = "1\tone\n2\ttwo\n";
    vec![format!("t: {rows}"), format!("u: {rows}"), "7: seven".into(), "4000000001: ".into()]
}

fn stream(files: &[Vec<u8>]) -> Result<Vec<String>, ArchiveError> {
    read_all(Box::new(std::io::Cursor::new(files.concat())))
}

fn stored(files: &[Vec<u8>]) -> Result<Vec<String>, ArchiveError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.tar");
    fs::write(&path, files.concat()).expect("written");
    read_all(StoredBackup::open(&path)?.bytes)
}

#[test]
fn a_tar_file_is_read_in_order_or_by_name() {
    for minor in [12, 14, 15, 16] {
        let files = whole(minor);
        assert_eq!(stream(&files).expect("read"), expected(), "1.{minor}");
        assert_eq!(stored(&files).expect("read"), expected(), "1.{minor}");
    }
    // A file on disk can be in any order and in a folder.
    let mut files: Vec<Vec<u8>> = vec![file_of("d/", b'5', 0, b"")];
    files.push(file("d/3.dat", ROWS));
    files.push(file("d/blobs.toc", b"7 blob_7.dat\n4000000001 blob_4000000001.dat\n"));
    files.push(file("d/blob_4000000001.dat", b""));
    files.push(file("d/2.dat", ROWS));
    files.push(file("d/blob_7.dat", b"seven"));
    files.push(file("d/toc.dat", &contents(14)));
    assert_eq!(stored(&files).expect("read"), expected());
    let error = stream(&files).expect_err("in another order").to_string();
    assert!(error.contains("a tar file without a backup"), "{error}");
}

#[test]
fn a_backup_is_read_again_from_a_position() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.tar");
    fs::write(&path, whole(14).concat()).expect("written");
    let mut opened = StoredBackup::open(&path).expect("a backup");
    let mut all = Vec::new();
    opened.bytes.read_to_end(&mut all).expect("read");
    for position in [0, 1, 100, all.len() / 2, all.len()] {
        let again = opened.backup.read_again(position as u64).expect("a file");
        let mut rest = Vec::new();
        again.expect("opened").read_to_end(&mut rest).expect("read");
        assert!(rest == all[position..], "{position}");
    }
    let beyond = opened.backup.read_again(all.len() as u64 + 1).expect("a file");
    assert!(beyond.is_err());
}

#[test]
fn damaged_tar_files_are_errors() {
    let change = |at: usize, with: Option<Vec<u8>>| {
        let mut files = whole(14);
        match with {
            Some(with) => files[at] = with,
            None => drop(files.remove(at)),
        }
        files
    };
    let huge = |name: &str| file_of(name, b'0', (1 << 33) - 1, ROWS);
    let cases = [
        ("a missing table", change(1, None)),
        ("a missing large object", change(3, None)),
        ("a missing list", change(5, None)),
        ("no contents", change(0, None)),
        ("a traversal", change(1, Some(file("../../2.dat", ROWS)))),
        ("an absolute name", change(1, Some(file("/2.dat", ROWS)))),
        ("a link", change(1, Some(file_of("2.dat", b'2', 0, b"")))),
        ("a pipe", change(1, Some(file_of("2.dat", b'6', 0, b"")))),
        ("a device", change(1, Some(file_of("2.dat", b'3', 0, b"")))),
        ("a size that is too large", change(1, Some(huge("2.dat")))),
        ("a size that is too small", change(1, Some(file_of("2.dat", b'0', 4, ROWS)))),
        ("no end of rows", change(1, Some(file("2.dat", b"1\tone\n")))),
        ("an empty table file", change(1, Some(file("2.dat", b"")))),
        ("extended headers", change(1, Some(file_of("x", b'x', 0, b"")))),
        ("garbage", change(1, Some(vec![7; 512]))),
        ("damaged contents", change(0, Some(file("toc.dat", &contents(14)[..100])))),
        ("contents with more", change(0, Some(file("toc.dat", &[contents(14), vec![0]].concat())))),
        ("custom contents", change(0, Some(file("toc.dat", b"PGDMP\x01\x0e\x00\x04\x08\x01")))),
    ];
    for (name, files) in &cases {
        assert!(stream(files).is_err(), "{name}, as a stream");
        // On disk each file is found by name, in any order.
        assert!(stored(files).is_err(), "{name}, as a file");
    }
    let twice = [whole(14), vec![file("2.dat", ROWS)]].concat();
    assert!(stored(&twice[..7].iter().chain(&twice[8..]).cloned().collect::<Vec<_>>()).is_err());
}

#[test]
fn a_cut_off_tar_file_is_never_complete() {
    let bytes = whole(14)[..6].concat();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cut.tar");
    let last = 512 + 44;
    for length in (0..bytes.len() - last).step_by(97).chain([bytes.len() - 512 - last]) {
        let cut = bytes[..length].to_vec();
        fs::write(&path, &cut).expect("written");
        let as_stream = read_all(Box::new(std::io::Cursor::new(cut)));
        assert!(as_stream.is_err(), "{length} bytes as a stream");
        let as_file = StoredBackup::open(&path).and_then(|opened| read_all(opened.bytes));
        assert!(as_file.is_err(), "{length} bytes as a file");
    }
}

#[test]
fn only_the_file_of_the_entry_is_opened() {
    let mut bytes = contents(14);
    let at = memchr::memmem::find(&bytes, b"2.dat").expect("a name");
    bytes[at..at + 5].copy_from_slice(b"3.dat");
    let error = stream(&[file("toc.dat", &bytes)]).expect_err("another's file").to_string();
    assert!(error.contains("not 2.dat"), "{error}");
}

#[test]
fn compression_of_the_whole_file_is_removed() {
    let tar = whole(15).concat();
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::read::GzEncoder::new(bytes, flate2::Compression::fast());
        let mut out = Vec::new();
        encoder.read_to_end(&mut out).expect("packed");
        out
    };
    for packed in [gzip(&tar), gzip(&gzip(&tar)), zstd::encode_all(&*tar, 1).expect("packed")] {
        assert_eq!(read_all(Box::new(std::io::Cursor::new(packed.clone()))).unwrap(), expected());
        let cut = packed[..packed.len() * 2 / 3].to_vec();
        assert!(read_all(Box::new(std::io::Cursor::new(cut))).is_err());
    }
    let thrice = gzip(&gzip(&gzip(&tar)));
    let error = read_all(Box::new(std::io::Cursor::new(thrice))).unwrap_err();
    assert!(matches!(error, ArchiveError::NotAnArchive(_)), "{error}");
}

#[test]
fn folders_without_a_backup_are_refused_by_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let named = |path: &Path| StoredBackup::open(path).map(drop).unwrap_err().to_string();
    assert!(named(folder.path()).contains("a folder without a backup"));
    fs::write(folder.path().join("PG_VERSION"), "15").expect("written");
    assert!(named(folder.path()).contains("data folder of a server"));
    fs::write(folder.path().join("toc.dat"), "PGDM").expect("written");
    assert!(named(folder.path()).contains("ends too early"));
}
