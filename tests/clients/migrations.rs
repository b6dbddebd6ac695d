//! Compares the tables that bcops computes from the migrations of packages with those that Django
//! itself makes of them: `tests/schemas/` has the catalogs of real servers.
//!
//! `BCOPS_PYTHON_CLIENTS` names the environment whose pip gets the packages. Without it the test is
//! skipped.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bcops::django_migrations::{SourceFile, Tables, is_wanted, read};

/// Columns that differ, and why. Every one is a thing that bcops reports as unread, except for the
/// length of a column where a setting gives it.
const DIFFERENT: [(&str, &str); 9] = [
    ("auditlog_logentry.", "0015 adds its operations by a condition"),
    ("django_celery_results_", "a function of the settings gives the lengths of columns"),
    ("socialaccount_socialaccount.uid", "a setting gives its length"),
    ("socialaccount_socialapp.", "0001 adds a field by a condition"),
    ("socialaccount_socialapp_sites.", "0001 adds a field by a condition"),
    ("socialaccount_socialtoken.app_id", "points to socialaccount_socialapp"),
    ("wagtail_localize_translationlog.revision_id", "0001 has its `run_before` by a condition"),
    ("wagtailsearch_editorspick.", "an operation of its own removes it"),
    ("openid_", "the app was not installed"),
];

/// Tables that no migration of these packages makes: a command does, or the collector's sample app.
const NOT_OF_MIGRATIONS: [&str; 2] = ["database_cache", "sample_"];

/// Files with something that bcops cannot read.
const UNREAD: [&str; 12] = [
    "allauth/account/migrations/0001_initial.py",
    "allauth/account/migrations/0002_email_max_length.py",
    "allauth/account/migrations/0003_alter_emailaddress_create_unique_verified_email.py",
    "allauth/socialaccount/migrations/",
    "auditlog/migrations/0015_alter_logentry_changes.py",
    "django_celery_results/migrations/",
    "django_tasks_db/migrations/0019_",
    "wagtail/contrib/search_promotions/migrations/0006_reset_query_sequence.py",
    "wagtail/images/migrations/0025_alter_image_file_alter_rendition_file.py",
    "wagtail/migrations/00",
    "wagtail/search/migrations/0007_delete_editorspick.py",
    "wagtail_localize/migrations/0001_initial.py",
];

/// Parts of paths of apps that no site installs.
const NOT_INSTALLED: [&str; 7] = [
    "/library_management/",
    "/test/",
    "/testapp/",
    "/tests/",
    "conf/app_template/",
    "contrib/gis/",
    "django/db/",
];

fn is_installed(path: &str) -> bool {
    let path = format!("/{path}");
    let is_of_blocks = path.contains("/wagtail/blocks/");
    // The template of a project has one app, which every project gets.
    let is_template = path.contains("project_template") && !path.contains("project_template/home/");
    !is_of_blocks && !is_template && !NOT_INSTALLED.iter().any(|part| path.contains(part))
}

/// The folder of a package's files. pip gets them once.
#[track_caller]
fn package(clients: &Path, name: &str, version: &str) -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/migration-sources");
    let folder = sources.join(format!("{name}-{version}"));
    if folder.exists() {
        return folder;
    }
    let part = sources.join(format!("{name}-{version}.part"));
    let _ = fs::remove_dir_all(&part);
    fs::create_dir_all(&sources).expect("a folder");
    // The files are only read, so this machine's Python does not matter.
    let output = Command::new(clients.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"])
        .args(["--ignore-requires-python", "--python-version", "3.13", "--only-binary=:all:"])
        .arg("--target")
        .arg(&part)
        .arg(format!("{name}=={version}"))
        .output()
        .expect("pip");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&part, &folder).expect("a folder");
    folder
}

fn add_files(top: &Path, folder: &Path, files: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            add_files(top, &path, files);
            continue;
        }
        let place = path.strip_prefix(top).expect("inside").to_str().expect("UTF-8").to_owned();
        if is_wanted(&place) && is_installed(&place) {
            files.push(SourceFile { path: place, text: Ok(fs::read(&path).expect("a file")) });
        }
    }
}

/// `table column type null`, for each column.
fn columns(tables: &Tables) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for (table, state) in &tables.tables {
        for column in &state.columns {
            let shape = &column.shape;
            let null = if shape.not_null { "not null" } else { "null" };
            lines.insert(format!("{table}\t{}\t{}\t{null}", shape.name, shape.type_name));
        }
    }
    lines
}

fn table_of(line: &str) -> &str {
    line.split('\t').next().unwrap_or_default()
}

/// What all files of `tests/schemas` show together.
#[derive(Default)]
struct Comparison {
    /// Tables with the same columns.
    equal: usize,
    /// Columns that only Django or only bcops has.
    different: Vec<String>,
    /// The names of Django's tables, and of those that bcops computed.
    expected: BTreeSet<String>,
    computed: BTreeSet<String>,
    /// Files with something that bcops cannot read.
    unread: BTreeSet<String>,
}

fn compare(clients: &Path, text: &str, comparison: &mut Comparison) {
    let packages = text.lines().filter_map(|line| line.strip_prefix("# ")?.split_once(' '));
    let mut files = Vec::new();
    for (name, version) in packages {
        let folder = package(clients, name, version);
        add_files(&folder, &folder, &mut files);
    }
    // A new project of Wagtail had this setting since Django 6 only.
    if text.contains("# wagtail 7.") && text.contains("# django 5.") {
        let setting = b"DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'".to_vec();
        files.push(SourceFile { path: "settings.py".to_owned(), text: Ok(setting) });
    }
    let tables = read(&files, &BTreeSet::new());
    comparison.unread.extend(tables.unread.iter().map(|one| one.path.clone()));
    comparison.computed.extend(tables.tables.keys().cloned());
    let is_migrated = |line: &&str| {
        !line.starts_with('#') && !NOT_OF_MIGRATIONS.iter().any(|name| line.starts_with(name))
    };
    let expected: BTreeSet<String> = text.lines().filter(is_migrated).map(str::to_owned).collect();
    let names: BTreeSet<&str> = expected.iter().map(|line| table_of(line)).collect();
    let found = columns(&tables);
    let found = found.into_iter().filter(|line| names.contains(table_of(line))).collect();
    let different: Vec<String> = expected.symmetric_difference(&found).cloned().collect();
    let wrong: BTreeSet<&str> = different.iter().map(|line| table_of(line)).collect();
    comparison.equal += names.difference(&wrong).count();
    comparison.expected.extend(names.into_iter().map(str::to_owned));
    comparison.different.extend(different);
}

#[test]
fn the_tables_of_packages_are_those_that_django_makes() {
    let Some(clients) = std::env::var_os("BCOPS_PYTHON_CLIENTS").map(PathBuf::from) else {
        eprintln!("skipped: BCOPS_PYTHON_CLIENTS is not set, so there is no pip");
        return;
    };
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas");
    let mut found = Comparison::default();
    for entry in fs::read_dir(schemas).expect("a folder").flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            compare(&clients, &fs::read_to_string(&path).expect("a schema"), &mut found);
        }
    }
    let columns = found.different.iter().map(|line| {
        let name = line.splitn(3, '\t').take(2).collect::<Vec<_>>().join(".");
        (name, line.clone())
    });
    let extra = found.computed.difference(&found.expected);
    let extra = extra.map(|table| (format!("{table}."), format!("{table}: Django has none")));
    let (mut explained, mut unexplained) = (BTreeSet::new(), Vec::new());
    for (name, line) in columns.chain(extra) {
        match DIFFERENT.iter().find(|(known, _)| name.starts_with(known)) {
            Some((known, _)) => drop(explained.insert(*known)),
            None => unexplained.push(line),
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    let stale = DIFFERENT.iter().filter(|(known, _)| !explained.contains(known));
    assert_eq!(stale.collect::<Vec<_>>(), Vec::<&(&str, &str)>::new(), "these are equal now");
    // Every table of these releases but the ones above.
    assert!(found.equal >= 369, "only {} tables are equal", found.equal);

    let is_other = |path: &&String| !UNREAD.iter().any(|known| path.starts_with(known));
    let others: Vec<&String> = found.unread.iter().filter(is_other).collect();
    assert!(others.is_empty(), "not read: {others:#?}");
    let is_read = |known: &&&str| !found.unread.iter().any(|path| path.starts_with(**known));
    let stale: Vec<&&str> = UNREAD.iter().filter(is_read).collect();
    assert_eq!(stale, Vec::<&&str>::new(), "everything of these is read now");
}
