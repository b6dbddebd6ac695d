//! Provides the sample site of `tests/site/` as a database and as a backup.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};

use super::postgres::Cluster;

/// One personal value of the sample site that the policy `local` must remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    pub kind: String,
    pub value: String,
    /// `table.column`.
    pub place: String,
}

/// Fills an empty database with the sample site.
pub fn load(cluster: &Cluster, database: &str) -> Result<()> {
    cluster.run_script(database, &sources().join("site.sql")).context("loading the sample site")
}

/// A new database of the shared cluster that holds the sample site, made by copying.
#[track_caller]
pub fn create(prefix: &str) -> String {
    static TEMPLATE: LazyLock<Result<String>> = LazyLock::new(|| {
        let template = Cluster::shared().create_database("site_template");
        load(Cluster::shared(), &template)?;
        Ok(template)
    });
    let template = TEMPLATE.as_ref().unwrap_or_else(|error| panic!("{error:#}"));
    Cluster::shared().copy_database(template, prefix)
}

/// Backs a database up like Heroku: in the custom format through a pipe, so the archive has no
/// offsets, and without creating the schema of the extensions.
pub fn back_up(cluster: &Cluster, database: &str, archive: &Path) -> Result<()> {
    let mut dump = cluster.tool("pg_dump");
    let mut dump = dump
        .args(["-Fc", "--exclude-schema=heroku_ext", "-d", database])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = dump.stdout.take().context("pg_dump has no output")?;
    let mut file =
        File::create(archive).with_context(|| format!("creating {}", archive.display()))?;
    io::copy(&mut output, &mut file)?;
    ensure!(dump.wait()?.success(), "pg_dump of {database} failed");
    Ok(())
}

/// Every personal value that a database of the sample site holds. Ask the unscrubbed one.
#[track_caller]
pub fn canaries(cluster: &Cluster, database: &str) -> Vec<Canary> {
    let script = sources().join("canaries.sql").display().to_string();
    let arguments =
        ["-AtX", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", script.as_str()];
    let rows = cluster.run_tool("psql", &arguments);
    let canary = |row: &str| {
        let [kind, value, place] = row.split('\t').collect::<Vec<_>>().try_into().ok()?;
        Some(Canary { kind: kind.into(), value: value.into(), place: place.into() })
    };
    rows.lines().map(|row| canary(row).unwrap_or_else(|| panic!("not a canary: {row}"))).collect()
}

/// The columns (`table.column`) with marks of made-up people.
///
/// This reads every column's text, so it finds what a list of places could miss. Sessions and the
/// cache are encoded, so there every row counts.
#[track_caller]
pub fn marked_columns(cluster: &Cluster, database: &str) -> Vec<String> {
    let statements = cluster.psql(
        database,
        r"SELECT format('SELECT %L FROM %s WHERE %I::text ~* %L LIMIT 1', c.relname || '.' ||
                        a.attname, a.attrelid::regclass, a.attname,
                        CASE WHEN c.relname || '.' || a.attname IN
                                  ('django_session.session_data', 'database_cache.value')
                             THEN '.'
                             ELSE 'canary|(\+44 7|07)700 ?900 ?\d{3}|QQ ?\d\d ?\d\d|HP99 ?\d' END)
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            JOIN pg_type t ON t.oid = a.atttypid
           WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0
             AND NOT a.attisdropped AND t.typname ~ '(text|varchar|json|tsvector|bytea)'
           ORDER BY 1",
    );
    let query: Vec<String> = statements.lines().map(|sql| format!("({sql})")).collect();
    let found = cluster.psql(database, &query.join(" UNION ALL "));
    found.lines().map(str::to_owned).collect()
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/site")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_list_of_canaries_names_every_column_that_holds_one() {
        let cluster = Cluster::shared();
        let database = create("marked");
        let listed: BTreeSet<String> = canaries(cluster, &database)
            .into_iter()
            // A person's two names are listed as one value.
            .map(|canary| canary.place.replace("first_name", "last_name"))
            .collect();
        let marked: BTreeSet<String> = marked_columns(cluster, &database).into_iter().collect();
        assert_eq!(listed, marked);
        assert!(canaries(cluster, &database).len() > 10_000);
    }

    #[test]
    fn its_backup_restores_to_the_same_rows() {
        let cluster = Cluster::shared();
        let source = create("source");
        let directory = tempfile::tempdir().unwrap();
        let archive = directory.path().join("b001.dump");
        back_up(cluster, &source, &archive).unwrap();

        let copy = cluster.create_database("copy");
        cluster.psql(&copy, "CREATE SCHEMA heroku_ext");
        cluster.pg_restore(&copy, &archive).unwrap();
        for table in ["wagtailcore_revision", "wagtailforms_formsubmission", "users_user"] {
            let sql = format!("SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM {table} t");
            assert_eq!(cluster.psql(&source, &sql), cluster.psql(&copy, &sql), "{table}");
        }
    }
}
