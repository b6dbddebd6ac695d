//! Tests every format of pg_dump, and other files: all formats load the same, and unsupported files
//! are named.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::archives::fixtures;
use super::world::{World, digest, sequences};
use crate::standins::heroku::Options;
use crate::support::postgres::Cluster;

const UNSCRUBBED: [&str; 3] = ["--no-scrub", "--i-need-personal-data", "comparison"];

/// Rows, sequences and large objects.
fn state(cluster: &Cluster, database: &str) -> Vec<String> {
    let objects = "SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 1";
    let mut state = digest(cluster, database);
    state.extend(sequences(cluster, database));
    state.push(cluster.psql(database, objects));
    state
}

fn small_database(cluster: &Cluster) -> String {
    let source = cluster.create_database("formats");
    let sql = "CREATE TABLE a (id serial PRIMARY KEY, t text);
        INSERT INTO a (t) SELECT repeat('row ' || i || E'\\t\\\\', 50) FROM generate_series(1, 5000) i;
        CREATE TABLE empty (id int);
        CREATE TABLE no_columns ();
        CREATE TABLE parent (k int) PARTITION BY LIST (k);
        CREATE TABLE one PARTITION OF parent FOR VALUES IN (1);
        CREATE TABLE \"odd \"\"name\" (\"a\tb\" int);
        INSERT INTO parent VALUES (1), (1);
        INSERT INTO \"odd \"\"name\" VALUES (7);
        CREATE VIEW v AS SELECT * FROM a;
        SELECT lo_from_bytea(70001, 'first'), lo_from_bytea(70002, ''),
               lo_from_bytea(4000000001, decode(repeat('00ff', 60000), 'hex'))";
    cluster.psql(&source, sql);
    source
}

fn dump(cluster: &Cluster, database: &str, arguments: &[&str], to: &Path) -> PathBuf {
    let mut dump = cluster.tool("pg_dump");
    dump.args(arguments).args(["-d", database, "-f"]).arg(to);
    let output = dump.output().expect("pg_dump");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    to.to_owned()
}

fn packed(from: &Path, to: &Path, pack: impl FnOnce(&[u8]) -> Vec<u8>) -> PathBuf {
    fs::write(to, pack(&fs::read(from).expect("a backup"))).expect("written");
    to.to_owned()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("packed");
    encoder.finish().expect("packed")
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).expect("packed");
    encoder.finish().expect("packed")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("packed")
}

/// Compresses each file of a folder as newer versions of pg_dump do.
fn repacked(from: &Path, to: &Path, ending: &str, pack: fn(&[u8]) -> Vec<u8>) -> PathBuf {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (name, bytes) = (entry.file_name(), fs::read(entry.path()).expect("a file"));
        let name = name.to_str().expect("a name");
        match name.ends_with(".dat") && name != "toc.dat" {
            true => fs::write(to.join(format!("{name}{ending}")), pack(&bytes)),
            false => fs::write(to.join(name), bytes),
        }
        .expect("written");
    }
    to.to_owned()
}

/// The same database in each supported format.
fn every_format(cluster: &Cluster, database: &str, folder: &Path) -> Vec<PathBuf> {
    let make =
        |name: &str, arguments: &[&str]| dump(cluster, database, arguments, &folder.join(name));
    let custom = make("custom", &["-Fc"]);
    let tar = make("tar", &["-Ft"]);
    let plain_folder = make("folder-z0", &["-Fd", "-Z0"]);
    let mut all = vec![
        make("folder", &["-Fd"]),
        make("folder-j2", &["-Fd", "-j2", "-Z1"]),
        repacked(&plain_folder, &folder.join("folder-lz4"), ".lz4", lz4),
        repacked(&plain_folder, &folder.join("folder-zstd"), ".zst", zstd),
        packed(&custom, &folder.join("custom.gz"), gzip),
        packed(&custom, &folder.join("custom.lz4"), lz4),
        packed(&custom, &folder.join("custom.zst"), zstd),
        packed(&tar, &folder.join("tar.gz"), gzip),
        packed(&tar, &folder.join("tar.gz.gz"), |bytes| gzip(&gzip(bytes))),
    ];
    // A packed folder: its files come in any order and below its name.
    let bundle = folder.join("bundle");
    let mut pack = Command::new("tar");
    pack.args(["--format=ustar", "-cf"]).arg(&bundle).args(["-C"]).arg(folder).arg("folder-z0");
    assert!(pack.status().expect("the program tar").success());
    all.extend([custom, tar, plain_folder, bundle]);
    all
}

fn pull(world: &World, file: &Path) {
    let file = file.to_str().expect("a path");
    let pull = ["pull-data", "--yes", "--no-keep-previous", "--file", file];
    world.bcops.run(&[&pull[..], &UNSCRUBBED].concat()).exits(0);
}

#[test]
fn every_format_loads_the_same_as_the_custom_one() {
    let world = World::empty(Options::default());
    let source = small_database(world.cluster);
    let folder = tempfile::tempdir().expect("a folder");
    let expected = state(world.cluster, &source);
    for file in every_format(world.cluster, &source, folder.path()) {
        pull(&world, &file);
        assert_eq!(state(world.cluster, &world.target), expected, "{}", file.display());
    }
    let streamed = ["pull-data", "--yes", "--no-keep-previous", "--file", "-"];
    for name in ["tar", "custom.gz", "tar.gz"] {
        let input = folder.path().join(name);
        world.bcops.run_reading(&[&streamed[..], &UNSCRUBBED].concat(), &input).exits(0);
        assert_eq!(state(world.cluster, &world.target), expected, "{name} through a pipe");
    }
}

#[test]
fn the_varied_database_is_the_same_in_each_format() {
    let Some(fixtures) = fixtures() else { return };
    let world = World::empty(Options::default());
    let cluster = world.cluster;
    let archive = fixtures.join("archives/varied_pg15.file.dump");
    pull(&world, &archive);
    let (source, folder) = (world.target.clone(), tempfile::tempdir().expect("a folder"));
    let other = World::empty(Options::default());
    pull(&other, &archive);
    let expected = state(cluster, &source);
    for (name, arguments) in
        [("tar", &["-Ft"][..]), ("folder", &["-Fd"]), ("folder-j2", &["-Fd", "-j2", "-Z9"])]
    {
        let file = dump(cluster, &source, arguments, &folder.path().join(name));
        pull(&other, &file);
        assert_eq!(state(cluster, &other.target), expected, "{name}");
    }
}

/// With the scrub, which holds back tables and reads them twice.
#[test]
fn the_councils_site_is_scrubbed_alike_from_each_format() {
    let Some(fixtures) = fixtures() else { return };
    let world = World::empty(Options::default());
    let cluster = world.cluster;
    let source = cluster.create_database("council");
    cluster.psql(&source, "CREATE SCHEMA heroku_ext");
    cluster.pg_restore(&source, &fixtures.join("bc-small.dump")).expect("restored");
    let folder = tempfile::tempdir().expect("a folder");
    let make = |name: &str, arguments: &[&str]| {
        dump(cluster, &source, arguments, &folder.path().join(name))
    };
    let files = [make("custom", &["-Fc"]), make("tar", &["-Ft"]), make("dir", &["-Fd", "-j2"])];
    let mut expected: Option<Vec<String>> = None;
    for file in &files {
        let name = file.to_str().expect("a path");
        world.bcops.run(&["pull-data", "--yes", "--no-keep-previous", "--file", name]).exits(0);
        let mut found = digest(cluster, &world.target);
        found.retain(|line| !line.starts_with("birdbath_execution"));
        assert_eq!(&found, expected.get_or_insert_with(|| found.clone()), "{name}");

        let out = format!("{name}.scrubbed");
        world.bcops.run(&["scrub-pii", "--dump", name, &out]).exits(0);
        let restored = cluster.create_database("scrubbed");
        cluster.pg_restore(&restored, Path::new(&out)).expect("restored");
        let mut found = digest(cluster, &restored);
        found.retain(|line| !line.starts_with("birdbath_execution"));
        assert_eq!(Some(&found), expected.as_ref(), "{out}");
        let (before, after) = (fs::metadata(&files[0]), fs::metadata(&out));
        let (before, after) = (before.expect("a file").len(), after.expect("a file").len());
        assert!(after < 2 * before, "{after} bytes of {before}: it is compressed");
    }
    let out = folder.path().join("piped").to_str().expect("a path").to_owned();
    let input = ["scrub-pii", "--dump", "-", &out];
    world.bcops.run_reading(&input, &folder.path().join("tar")).exits(0);
    let restored = cluster.create_database("piped");
    cluster.pg_restore(&restored, Path::new(&out)).expect("restored");
    let mut found = digest(cluster, &restored);
    found.retain(|line| !line.starts_with("birdbath_execution"));
    assert_eq!(Some(found), expected, "through a pipe");
}

#[test]
fn unsupported_formats_are_named_with_a_way_out() {
    let world = World::empty(Options::default()).with_target();
    let source = small_database(world.cluster);
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let plain = dump(world.cluster, &source, &["-Fp"], &at("latest.dump"));
    let directory = dump(world.cluster, &source, &["-Fd"], &at("directory"));
    let write = |name: &str, bytes: &[u8]| {
        fs::write(at(name), bytes).expect("written");
        at(name)
    };
    let mut all = Vec::new();
    File::open(&plain).expect("open").read_to_end(&mut all).expect("read");
    let roles = b"--\n-- PostgreSQL database cluster dump\n--\n";
    let denied = b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>";
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n";
    let cases: [(PathBuf, &[&str]); 14] = [
        (plain.clone(), &["this is plain SQL", "psql --file=", "pg_dump --format=custom"]),
        (write("sql.gz", &gzip(&all)), &["this is plain SQL"]),
        (write("all.sql", roles), &["pg_dumpall", "psql --file="]),
        (write("backup.xz", b"\xfd7zXZ\0\0\x04"), &["by xz", "xz -dc", "pull-data --file -"]),
        (write("backup.bz2", b"BZh91AY&SY"), &["by bzip2", "bzip2 -dc"]),
        (write("a.zip", b"PK\x03\x04"), &["a zip file", "unzip -p"]),
        (write("page.dump", b"<!DOCTYPE html>"), &["a web page", "backups download"]),
        (write("s3.dump", denied), &["error (AccessDenied)", "backups download"]),
        (write("pointer.dump", pointer), &["a Git LFS pointer", "git lfs pull"]),
        (write("url.dump", b"{\"url\":\"https://\"}"), &["a JSON document", "backups download"]),
        (write("none.dump", b""), &["an empty file", "backups download"]),
        (directory.join("toc.dat"), &["toc.dat", "name the folder"]),
        (folder.path().to_owned(), &["a folder without a backup"]),
        (write("random", &[7; 4000]), &["a file of an unknown kind", "pg_dump --format=custom"]),
    ];
    for (file, texts) in cases {
        let name = file.to_str().expect("a path");
        let run = world.bcops.run(&["pull-data", "--yes", "--file", name]).fails(1, texts);
        assert!(!run.stderr.contains("fetch the backup again"), "{}", run.stderr);
        let out = at("out.dump");
        let out = out.to_str().expect("a path");
        let run = world.bcops.run(&["scrub-pii", "--dump", name, out]).fails(1, texts);
        assert!(!run.stderr.contains("fetch the backup again"), "{}", run.stderr);
        assert!(!Path::new(out).exists());
    }
    world.assert_untouched();
}

/// Each of them is an immediate error.
#[test]
fn damaged_folders_are_refused() {
    let world = World::empty(Options::default()).with_target();
    let source = small_database(world.cluster);
    let folder = tempfile::tempdir().expect("a folder");
    let whole = dump(world.cluster, &source, &["-Fd", "-Z0"], &folder.path().join("whole"));
    let mut sizes: Vec<(u64, PathBuf)> = fs::read_dir(&whole)
        .expect("a folder")
        .flatten()
        .filter(|entry| {
            entry.file_name().to_str().is_some_and(|name| {
                name.ends_with(".dat") && name.starts_with(|c: char| c.is_ascii_digit())
            })
        })
        .map(|entry| (entry.metadata().expect("a file").len(), PathBuf::from(entry.file_name())))
        .collect();
    sizes.sort();
    let (_, largest) = sizes.pop().expect("rows");
    type Damage = fn(&Path);
    let cases: [(&str, Damage, &str); 6] = [
        ("missing", |file| fs::remove_file(file).expect("removed"), "the file is missing"),
        (
            "cut off",
            |file| {
                let half = fs::metadata(file).expect("a file").len() / 2;
                File::options().write(true).open(file).expect("open").set_len(half).expect("cut");
            },
            "",
        ),
        (
            "a link",
            |file| {
                fs::remove_file(file).expect("removed");
                std::os::unix::fs::symlink("/etc/passwd", file).expect("a link");
            },
            "symbolic link",
        ),
        (
            "a pipe",
            |file| {
                fs::remove_file(file).expect("removed");
                let made = Command::new("mkfifo").arg(file).stdout(Stdio::null()).status();
                assert!(made.expect("the program mkfifo").success());
            },
            "not an ordinary file",
        ),
        (
            "a folder",
            |file| {
                fs::remove_file(file).expect("removed");
                fs::create_dir(file).expect("a folder");
            },
            "not an ordinary file",
        ),
        (
            "not gzip",
            |file| {
                fs::rename(file, format!("{}.gz", file.display())).expect("renamed");
            },
            "the file is damaged",
        ),
    ];
    for (name, damage, says) in cases {
        let copy = folder.path().join(name);
        let copied = Command::new("cp").arg("-a").arg(&whole).arg(&copy).status();
        assert!(copied.expect("the program cp").success());
        damage(&copy.join(&largest));
        let copy = copy.to_str().expect("a path");
        let pull = ["pull-data", "--yes", "--file", copy];
        world.bcops.run(&[&pull[..], &UNSCRUBBED].concat()).fails(1, &[says]);
    }
    world.assert_untouched();
}
