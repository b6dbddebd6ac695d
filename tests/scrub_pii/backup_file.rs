//! Tests rewriting a backup file, with the real `pg_restore` and a real server.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bcops::events::Silent;
use bcops::scrub::Manifest;
use bcops::scrub::backup_file::{BackupFile, Input, Output, Report, Watch};

use crate::pull_data::world::{World, digest, sample, sequences};
use crate::support::postgres::Cluster;
use crate::support::site;

const POLICY: &str = "local";

fn rewrite(input: &Path, output: Output, manifest: &Manifest) -> Report {
    let file = BackupFile::open(Input::File(input.to_owned())).expect("an archive");
    let plan = file.plan(manifest, POLICY).unwrap_or_else(|error| panic!("{error}"));
    let watch = Watch {
        reporter: Arc::new(Silent),
        interrupted: Arc::new(AtomicBool::new(false)),
        activity: bcops::activity::Activity::default(),
    };
    file.rewrite(&plan, output, &watch).expect("a rewritten archive")
}

fn scrubbed(folder: &Path) -> PathBuf {
    let path = folder.join("scrubbed.dump");
    let output = Output::File { path: path.clone(), overwrite: false };
    let report = rewrite(&sample().archive, output, &Manifest::built_in().expect("a manifest"));
    assert_eq!(report.after_statements.len(), 1);
    path
}

/// What `pg_restore` prints, without the random key of each run.
fn printed(cluster: &Cluster, options: &[&str], archive: &Path) -> Vec<String> {
    let output = cluster.tool("pg_restore").args(options).arg(archive).output().expect("output");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter(|line| !line.contains("restrict ")).map(str::to_owned).collect()
}

/// Every row, except the time in the mark.
fn rows(cluster: &Cluster, database: &str) -> Vec<String> {
    assert_eq!(cluster.psql(database, "SELECT count(*) FROM birdbath_execution"), "1");
    let mut lines = digest(cluster, database);
    lines.retain(|line| !line.starts_with("birdbath_execution"));
    lines.extend(sequences(cluster, database));
    lines
}

/// An empty database with the schema that Heroku's backups expect.
fn database(cluster: &Cluster, prefix: &str) -> String {
    let database = cluster.create_database(prefix);
    cluster.psql(&database, "CREATE SCHEMA heroku_ext");
    database
}

#[test]
fn a_rewritten_backup_restores_to_what_a_pull_loads() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = scrubbed(folder.path());
    let world = World::site();
    let cluster = world.cluster;
    world.pull(&["--yes"]).exits(0);
    let pulled = rows(cluster, &world.target);

    for options in [&[][..], &["--jobs=2"], &["--exit-on-error", "--single-transaction"]] {
        let database = database(cluster, "rewritten");
        let mut restore = cluster.tool("pg_restore");
        restore.args(["--no-owner", "--no-acl", "-d", &database]).args(options).arg(&archive);
        let output = restore.output().expect("pg_restore");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(rows(cluster, &database), pulled, "{options:?}");
        assert_eq!(site::marked_columns(cluster, &database), Vec::<String>::new());
    }

    let database = database(cluster, "from_pipe");
    let mut cat = Command::new("cat").arg(&archive).stdout(Stdio::piped()).spawn().expect("cat");
    let mut restore = cluster.tool("pg_restore");
    restore.args(["--no-owner", "--no-acl", "-d", &database]);
    let output = restore.stdin(cat.stdout.take().expect("a pipe")).output().expect("pg_restore");
    cat.wait().expect("cat");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(rows(cluster, &database), pulled);
}

#[test]
fn a_rewritten_backup_can_be_pulled_and_restored_section_by_section() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = scrubbed(folder.path());
    let world = World::empty(crate::standins::heroku::Options::default());
    let file = archive.to_str().expect("a path");
    world.bcops.run(&["pull-data", "--yes", "--file", file]).exits(0);
    let pulled = rows(world.cluster, &world.target);

    let database = database(world.cluster, "sections");
    for section in ["pre-data", "data", "post-data"] {
        let option = format!("--section={section}");
        let mut restore = world.cluster.tool("pg_restore");
        restore.args(["--no-owner", "--no-acl", &option, "-d", &database]).arg(&archive);
        let output = restore.output().expect("pg_restore");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(rows(world.cluster, &database), pulled);
}

#[test]
fn a_rewritten_backup_is_rewritten_to_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let (once, twice) = (scrubbed(folder.path()), folder.path().join("twice.dump"));
    let output = Output::File { path: twice.clone(), overwrite: false };
    rewrite(&once, output, &Manifest::built_in().expect("a manifest"));
    let cluster = Cluster::shared();
    for options in [["--list"], ["--file=-"]] {
        assert!(printed(cluster, &options, &once) == printed(cluster, &options, &twice));
    }
}

/// Every table of an archive as published content, so nothing is changed.
fn without_rules(archive: &Path) -> Manifest {
    let file = BackupFile::open(Input::File(archive.to_owned())).expect("an archive");
    let mut text = "schema_version = 1\nlarge_objects = \"content\"\n\
                    [revisions]\nkeep_members = [\"*.*\"]\n"
        .to_owned();
    // Published numbers would be findings, but this test is about unchanged data.
    text += "[audit]\nallow = { nino = [\"*\"] }\n";
    for (name, table) in &file.schema().tables {
        let columns = table.columns.iter().filter(|column| !column.generated);
        let columns: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
        text += &format!("[tables.{name:?}]\nclass = \"content\"\n", name = name.to_string());
        text += &format!("content = {columns:?}\n");
    }
    Manifest::parse("test", &text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn without_rules_pg_restore_sees_no_difference() {
    let mut archives = vec![sample().archive.clone()];
    if let Some(folder) = std::env::var_os("BCOPS_FIXTURES").map(PathBuf::from) {
        archives.push(folder.join("bc-small.dump"));
        for name in ["14.pipe", "15.file", "15.pipe_z0"] {
            archives.push(folder.join(format!("archives/varied_pg{name}.dump")));
        }
    }
    let cluster = Cluster::shared();
    let folder = tempfile::tempdir().expect("a folder");
    let (by_name, by_stream) = (folder.path().join("by-name"), folder.path().join("by-stream"));
    for archive in archives {
        let manifest = without_rules(&archive);
        let output = Output::File { path: by_name.clone(), overwrite: true };
        rewrite(&archive, output, &manifest);
        let stream = File::create(&by_stream).expect("a file");
        rewrite(&archive, Output::Stream(Box::new(stream)), &manifest);
        for options in [["--list"], ["--file=-"]] {
            let before = printed(cluster, &options, &archive);
            assert!(printed(cluster, &options, &by_name) == before, "{}", archive.display());
            assert!(printed(cluster, &options, &by_stream) == before, "{}", archive.display());
        }
    }
}
