//! Tests rewriting of archives made in memory: what is written, and what is left after a refusal.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::audited_chunks::AuditedChunks;
use super::contents::AFTER_SCRUB;
use super::*;
use crate::archive::Block;
use crate::archive::tests::builder::{ArchiveBytes, entry, header, large_objects, table_data};
use crate::archive::tests::reading::{COMPRESSIONS, read_all};
use crate::archive::{Compression, TocEntry};
use crate::events::Silent;

pub(super) const GZIP: Compression = Compression::Gzip { level: Some(-1) };

/// `first` needs the keys of `second`, which comes later. `third` is dropped and `zoo` kept.
pub(super) const MANIFEST: &str = r#"
schema_version = 1
policies = ["local"]
large_objects = "content"
[[after]]
policies = ["local"]
sql = "INSERT INTO zoo VALUES (1, 'x') ;"
[tables.first]
class = "personal"
personal = ["b"]
operational = ["a"]
[tables.first.policy.any]
keep_where = [{ column = "a", in = "second.a" }]
set = { b = "nobody {a}" }
[tables.second]
class = "operational"
operational = ["b"]
[tables.third]
class = "personal"
personal = ["b"]
operational = ["a"]
[tables.third.policy.any]
delete = true
[tables.zoo]
class = "operational"
operational = ["b"]
"#;

fn created(id: i32, name: &str) -> TocEntry {
    let definition =
        format!("CREATE TABLE public.{name} (\n    a integer NOT NULL,\n    b text\n);\n");
    TocEntry { definition: Some(definition), ..entry(id, "TABLE", name) }
}

fn archive(minor: u8, compression: Compression, rows: [&[u8]; 4]) -> Vec<u8> {
    let names = ["first", "second", "third", "zoo"];
    let mut entries: Vec<TocEntry> =
        names.iter().zip(1..).map(|(name, id)| created(id, name)).collect();
    entries.extend(names.iter().zip(11..).map(|(name, id)| table_data(id, name)));
    entries.push(large_objects(20));
    let mut bytes = ArchiveBytes::start(&header(minor, compression), &entries);
    for (id, rows) in (11..).zip(rows) {
        bytes = bytes.table(id, rows);
    }
    bytes.objects(20, &[(7, b"an object"), (8, b"")]).bytes
}

pub(super) fn sample(minor: u8, compression: Compression) -> Vec<u8> {
    archive(minor, compression, [b"1\tAda\n2\tBob\n", b"2\tx\n", b"3\tEve\n", b"4\tok\n"])
}

/// A stream whose bytes can be read afterwards.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn watch() -> Watch {
    Watch {
        reporter: Arc::new(Silent),
        interrupted: Arc::new(AtomicBool::new(false)),
        activity: crate::activity::Activity::default(),
    }
}

pub(super) fn run(input: Input, output: Output, manifest: &str) -> Result<Report, BackupFileError> {
    run_watched(input, output, manifest, &watch())
}

pub(super) fn run_watched(
    input: Input,
    output: Output,
    manifest: &str,
    watch: &Watch,
) -> Result<Report, BackupFileError> {
    let file = BackupFile::open(input)?;
    let manifest = Manifest::parse("test", manifest).unwrap();
    let plan = file.plan(&manifest, "local").unwrap_or_else(|error| panic!("{error}"));
    file.rewrite(&plan, output, watch)
}

pub(super) fn stream(bytes: &[u8]) -> Input {
    Input::Stream(Box::new(io::Cursor::new(bytes.to_vec())))
}

pub(super) fn to(path: &Path, overwrite: bool) -> Output {
    Output::File { path: path.to_owned(), overwrite }
}

fn piped(bytes: &[u8], manifest: &str) -> Result<(Vec<u8>, Report), BackupFileError> {
    let out = Shared::default();
    let report = run(stream(bytes), Output::Stream(Box::new(out.clone())), manifest)?;
    let written = out.0.lock().unwrap().clone();
    Ok((written, report))
}

pub(super) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|found| found.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A manifest that changes nothing.
fn without_rules() -> String {
    let after = MANIFEST.find("[[after]]").unwrap();
    let tables = ["first", "second", "third", "zoo"]
        .map(|name| format!("[tables.{name}]\nclass = \"content\"\ncontent = [\"b\"]\n"));
    MANIFEST[..after].to_owned() + &tables.concat()
}

#[test]
fn rows_are_dropped_rewritten_and_kept_in_every_version_and_compression() {
    let expected: Vec<(String, Vec<u8>)> = [
        ("first", &b"2\tnobody 2\n"[..]),
        ("second", b"2\tx\n"),
        ("third", b""),
        ("zoo", b"4\tok\n"),
        ("7", b"an object"),
        ("8", b""),
    ]
    .map(|(name, rows)| (name.to_owned(), rows.to_vec()))
    .to_vec();
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    for (minor, compression) in COMPRESSIONS {
        let bytes = sample(minor, compression);
        let (written, report) = piped(&bytes, MANIFEST).unwrap();
        assert_eq!(read_all(&written, 999).unwrap(), expected, "1.{minor} {compression:?}");
        assert_eq!(report.bytes_written, written.len() as u64);
        assert_eq!(report.bytes_read, bytes.len() as u64);
        let counts: Vec<_> = report
            .tables
            .iter()
            .map(|(table, counts)| (table.short(), counts.kept, counts.changed, counts.dropped))
            .collect();
        let all = [("first", 1, 1, 1), ("second", 1, 0, 0), ("third", 0, 0, 1), ("zoo", 1, 0, 0)];
        assert_eq!(counts, all.map(|(name, a, b, c)| (name.to_owned(), a, b, c)));
        // From a file the keys are read first, and the result is the same.
        fs::write(&input, &bytes).unwrap();
        run(Input::File(input.clone()), to(&output, true), MANIFEST).unwrap();
        assert_eq!(read_all(&fs::read(&output).unwrap(), 999).unwrap(), expected);
        assert_eq!(names_in(folder.path()), ["in", "out"]);
    }
    assert_eq!(fs::metadata(&output).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn without_a_rule_nothing_changes_but_the_positions() {
    for (minor, compression) in COMPRESSIONS {
        let mut bytes = sample(minor, compression);
        let (written, report) = piped(&bytes, &without_rules()).unwrap();
        // The builder gives the large objects a wrong position.
        let field = [&[2u8, 77][..], &[0; 7]].concat();
        let at = memchr::memmem::find(&bytes, &field).unwrap();
        bytes[at..at + 2].copy_from_slice(&[1, 0]);
        assert!(written == bytes, "1.{minor} {compression:?}");
        assert!(report.after_statements.is_empty() && report.notes.is_empty());
    }
}

#[test]
fn a_second_run_changes_nothing_and_adds_no_second_statement() {
    for minor in [12, 14, 16] {
        let (once, _) = piped(&sample(minor, Compression::None), MANIFEST).unwrap();
        let (twice, report) = piped(&once, MANIFEST).unwrap();
        assert!(once == twice);
        assert_eq!(report.after_statements.len(), 1);
        let reader = ArchiveReader::open(once.as_slice()).unwrap();
        let after: Vec<&TocEntry> =
            reader.toc().entries().iter().filter(|one| one.entry_type == AFTER_SCRUB).collect();
        let definition = after[0].definition.as_deref().unwrap();
        assert!(definition.contains("VALUES (1, 'x');\n") || definition.contains("'x') ;\n"));
        assert_eq!(after.len(), 1);
    }
}

#[test]
fn large_objects_and_statistics_of_dropped_rows_are_dropped_too() {
    let statistics = TocEntry {
        definition: Some("SELECT 'Ada';\n".to_owned()),
        ..entry(30, "STATISTICS DATA", "third")
    };
    let comment = TocEntry {
        section: crate::archive::Section::None,
        ..entry(31, "COMMENT", "LARGE OBJECT 7")
    };
    let entries = [
        created(1, "third"),
        statistics,
        entry(5, "BLOB", "7"),
        comment,
        table_data(2, "third"),
        large_objects(20),
    ];
    let bytes = ArchiveBytes::start(&header(14, GZIP), &entries)
        .table(2, b"1\tAda\n")
        .objects(20, &[(7, b"x")])
        .bytes;
    let manifest = MANIFEST.replace("\"content\"", "\"delete\"");
    let manifest = manifest.replace("[[after]]", "[[after]]\nif_table = \"zoo\"");
    let (written, report) = piped(&bytes, &manifest).unwrap();
    let reader = ArchiveReader::open(written.as_slice()).unwrap();
    let left: Vec<i32> = reader.toc().entries().iter().map(|entry| entry.id.0).collect();
    assert_eq!(left, [1, 2]);
    assert_eq!(read_all(&written, 99).unwrap(), [("third".to_owned(), Vec::new())]);
    assert_eq!(report.notes.len(), 2);
}

#[test]
fn a_finding_ends_the_writing_and_leaves_no_file() {
    // Late in a table that is copied raw, so raw bytes run ahead of the audit.
    let mut rows: Vec<u8> =
        (0..200_000).flat_map(|n| format!("{n}\tvalue {}\n", n * 7919).into_bytes()).collect();
    rows.extend_from_slice(b"1\tada@lovelace.org\n");
    for (minor, compression) in COMPRESSIONS {
        let bytes = archive(minor, compression, [b"", b"", b"", &rows]);
        let out = Shared::default();
        let error =
            run(stream(&bytes), Output::Stream(Box::new(out.clone())), MANIFEST).unwrap_err();
        let BackupFileError::PersonalData { findings } = &error else { panic!("{error}") };
        assert_eq!((findings[0].column.as_str(), findings[0].count), ("b", 1));
        let sent = out.0.lock().unwrap().clone();
        let mut reader = ArchiveReader::open(sent.as_slice()).unwrap();
        let mut seen = Vec::new();
        while let Ok(Some(Block::Table(mut block))) = reader.next_block() {
            while block.read_into(&mut seen, 1000).is_ok_and(|count| count > 0) {}
        }
        assert!(memchr::memmem::find(&seen, b"lovelace").is_none(), "1.{minor} {compression:?}");

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        run(stream(&bytes), to(&path, false), MANIFEST).unwrap_err();
        assert!(names_in(folder.path()).is_empty());
    }
}

/// Accepts that many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_reported_as_the_reason() {
    let bytes = sample(14, GZIP);
    let whole = piped(&bytes, MANIFEST).unwrap().0.len();
    for room in [0, whole - 10] {
        let error = run(stream(&bytes), Output::Stream(Box::new(Full(room))), MANIFEST);
        let Err(BackupFileError::Write { source, .. }) = error else { panic!("{room}") };
        assert!(matches!(source, crate::archive::WriteError::Io(_)));
    }
}

#[test]
fn too_many_waiting_rows_are_refused_from_a_stream_only() {
    let rows: Vec<u8> =
        (0..5_000_000).flat_map(|n| format!("{n}\tperson\n").into_bytes()).collect();
    let bytes = archive(14, Compression::None, [&rows, b"2\tx\n", b"", b""]);
    let error = piped(&bytes, MANIFEST).map(|_| ()).unwrap_err();
    assert!(
        matches!(&error, BackupFileError::CannotLookBack { table, .. } if table == "public.first")
    );
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    fs::write(&input, &bytes).unwrap();
    let report = run(Input::File(input), to(&output, false), MANIFEST).unwrap();
    assert_eq!(report.tables[0].1.kept, 1);
}

#[test]
fn rows_that_cannot_be_scrubbed_are_refused() {
    let inserts = TocEntry { copy_statement: None, ..table_data(11, "zoo") };
    let elsewhere = TocEntry {
        copy_statement: Some("COPY public.other (a, b) FROM stdin;\n".to_owned()),
        ..table_data(11, "zoo")
    };
    let column = TocEntry {
        copy_statement: Some("COPY public.zoo (a, c) FROM stdin;\n".to_owned()),
        ..table_data(11, "zoo")
    };
    for data in [inserts, elsewhere, column, table_data(11, "unknown")] {
        let entries = [created(1, "zoo"), data];
        let bytes = ArchiveBytes::start(&header(14, GZIP), &entries).table(11, b"1\t2\n").bytes;
        let Err(error) = BackupFile::open(stream(&bytes)) else { panic!("accepted") };
        assert!(matches!(error, BackupFileError::Blocks { .. }), "{error}");
    }
}

#[test]
fn chunks_wait_until_their_rows_are_audited() {
    let mut trail = AuditedChunks::default();
    trail.step(vec![1], 100);
    trail.audited(100);
    assert_eq!(trail.next(), None, "the decoder may hold more of the chunk");
    trail.step(Vec::new(), 100);
    trail.step(vec![2], 100);
    trail.audited(200);
    assert_eq!(trail.next(), None, "the end marker's length is still missing");
    trail.step(vec![3], 100);
    trail.audited(50);
    assert_eq!(trail.next(), Some(vec![1]));
    assert_eq!(trail.next(), None);
    assert_eq!(trail.rest().collect::<Vec<_>>(), [vec![2], vec![3]]);
}

proptest! {
    #![proptest_config(crate::property_test::config(64))]

    #[test]
    fn a_stream_and_a_file_give_the_same_archive(
        which in 0..COMPRESSIONS.len(),
        first in proptest::collection::vec(0..50_i32, 0..60),
        second in proptest::collection::vec(0..50_i32, 0..60),
    ) {
        let (minor, compression) = COMPRESSIONS[which];
        let rows = |keys: &[i32]| -> Vec<u8> {
            keys.iter().flat_map(|key| format!("{key}\tsomebody\n").into_bytes()).collect()
        };
        let bytes = archive(minor, compression, [&rows(&first), &rows(&second), b"", b""]);
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in"), folder.path().join("out"));
        fs::write(&input, &bytes).unwrap();
        run(Input::File(input), to(&output, false), MANIFEST).unwrap();
        let (written, _) = piped(&bytes, MANIFEST).unwrap();
        let found = read_all(&written, 99).unwrap();
        prop_assert_eq!(&found, &read_all(&fs::read(&output).unwrap(), 99).unwrap());
        let expected: String = first
            .iter()
            .filter(|key| second.contains(key))
            .map(|key| format!("{key}\tnobody {key}\n"))
            .collect();
        prop_assert_eq!(&found[0].1, expected.as_bytes());
    }
}
