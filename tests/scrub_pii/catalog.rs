//! Tests that a database has the same schema read from the server and from a backup, so a manifest
//! is checked equally.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use bcops::adapters::postgres::{DatabaseUrl, Defaults, SslMode, connect};
use bcops::archive::{ArchiveReader, read_schema};
use bcops::schema::{Schema, Table};
use bcops::scrub::live::{Access, Limits, begin, read_live_schema};

use crate::pull_data::world::sample;
use crate::support::postgres::Cluster;
use crate::support::site;

/// Sorts lists whose order has no meaning.
fn sorted(mut schema: Schema) -> Schema {
    for table in schema.tables.values_mut() {
        table.unique_keys.sort_by(|one, other| one.name.cmp(&other.name));
        table.foreign_keys.sort_by(|one, other| one.name.cmp(&other.name));
    }
    schema
}

fn of_archive(archive: &Path) -> Schema {
    let file = BufReader::new(File::open(archive).expect("a backup"));
    let reader = ArchiveReader::open(file).expect("an archive");
    sorted(read_schema(reader.toc()).expect("a schema"))
}

fn of_database(cluster: &Cluster, database: &str) -> Schema {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let defaults = Defaults { variable: &|_| None, home: None, ssl_mode: SslMode::Disable };
        let url = DatabaseUrl::parse(&cluster.url(database), &defaults).expect("a URL");
        let session = connect(&url).await.expect("a session");
        begin(&session, Access::Read, &Limits::default()).await.expect("a transaction");
        sorted(read_live_schema(&*session).await.expect("a schema").schema)
    })
}

/// A partition may have its own key beside the same key of its parent, with other actions on
/// deletion or another MATCH. For a scrub they are the same.
fn with_each_key_once(table: &Table) -> Table {
    let mut table = table.clone();
    let mut seen = BTreeSet::new();
    table.foreign_keys.retain(|key| seen.insert((key.columns.clone(), key.references.clone())));
    table
}

/// Compares table by table, so that a difference can be read.
#[track_caller]
fn assert_same(live: &Schema, archived: &Schema) {
    let names = |schema: &Schema| schema.tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(live), names(archived));
    for (name, table) in &live.tables {
        let archived = archived.tables.get(name).map(with_each_key_once);
        assert_eq!(
            Some(with_each_key_once(table)),
            archived,
            "{name}: in the server, in the backup"
        );
    }
    assert_eq!(live.domains, archived.domains);
    assert_eq!(live.has_large_objects, archived.has_large_objects);
}

#[test]
fn the_sample_site() {
    let live = of_database(Cluster::shared(), &sample().database);
    assert!(live.tables.len() > 80, "{}", live.tables.len());
    assert_same(&live, &of_archive(&sample().archive));
}

#[test]
fn a_real_backup() {
    let Some(fixtures) = std::env::var_os("BCOPS_FIXTURES") else {
        eprintln!("skipped: BCOPS_FIXTURES names no folder with real inputs");
        return;
    };
    let cluster = Cluster::shared();
    for name in ["bc-small.dump", "archives/varied_pg15.file.dump"] {
        let archive = Path::new(&fixtures).join(name);
        let database = cluster.create_database("catalog");
        if name.starts_with("bc") {
            cluster.psql(&database, "CREATE SCHEMA heroku_ext");
        } else {
            // A user mapping of the archive is for this role.
            let _ = cluster.try_psql("postgres", "CREATE ROLE u7gowner");
        }
        cluster.pg_restore(&database, &archive).expect("pg_restore");
        assert_same(&of_database(cluster, &database), &of_archive(&archive));
    }
}

/// Every form of CREATE TABLE that PostgreSQL's own tests leave behind.
#[test]
fn every_table_of_postgres_regression_suite() {
    let Some(fixtures) = std::env::var_os("BCOPS_FIXTURES") else {
        eprintln!("skipped: BCOPS_FIXTURES names no folder with real inputs");
        return;
    };
    let cluster = Cluster::shared();
    let archive = Path::new(&fixtures).join("archives/regression_pg15.dump");
    let database = cluster.create_database("catalog");
    cluster.pg_restore(&database, &archive).expect("pg_restore");
    let (live, archived) = (of_database(cluster, &database), of_archive(&archive));
    assert!(live.tables.len() > 500, "{}", live.tables.len());
    assert_same(&live, &archived);
}

#[test]
fn a_schema_with_everything_in_it() {
    let cluster = Cluster::shared();
    let database = cluster.create_database("catalog");
    let sql = r#"
        CREATE SCHEMA other; CREATE SCHEMA "Odd ""schema""."; CREATE EXTENSION citext SCHEMA other;
        CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('good', 'it''s, (bad)');
        CREATE TYPE "Odd type" AS (a int, b text); CREATE DOMAIN other.address AS varchar(90) CHECK (VALUE <> '');
        CREATE TABLE plain (id serial PRIMARY KEY, "a""b" text NOT NULL DEFAULT 'x, "y" (z)', gone int,
          c char, c3 char(3), v varchar, v9 varchar(9)[], n numeric(10, 2), "t z" timestamp(3) with time zone,
          tm time(2) without time zone, iv interval day to second, b bit varying(5), d double precision,
          m mood, ms mood[], o "Odd type", a other.address, ci other.citext, h hstore, j json, jb jsonb[][],
          q "char", nm name, x xml, ts tsvector, r int4range, oid_ oid, cl text COLLATE "C" NOT NULL,
          made text GENERATED ALWAYS AS (lower("a""b") || ', NOT NULL') STORED,
          ident bigint GENERATED BY DEFAULT AS IDENTITY (START 5), UNIQUE (v, c3), CHECK ("a""b" <> 'UNIQUE (n)'),
          EXCLUDE USING gist (r WITH &&));
        ALTER TABLE plain DROP COLUMN gone; ALTER TABLE plain ADD COLUMN late text;
        CREATE UNIQUE INDEX "expr; index" ON plain (lower(v), id); CREATE UNIQUE INDEX part ON plain (n) WHERE n > 0;
        CREATE UNIQUE INDEX incl ON plain (d) INCLUDE (v); CREATE UNIQUE INDEX nn ON plain (v DESC NULLS LAST, late) NULLS NOT DISTINCT;
        CREATE INDEX no_key ON plain (v);
        ALTER TABLE plain ADD CONSTRAINT late_key UNIQUE (late) DEFERRABLE INITIALLY DEFERRED;
        CREATE TABLE other."select" (id uuid PRIMARY KEY, plain_id int REFERENCES plain ON DELETE CASCADE,
          self uuid REFERENCES other."select" DEFERRABLE, a int, b int, UNIQUE (a, b), FOREIGN KEY (b, a) REFERENCES other."select" (a, b) MATCH FULL ON DELETE SET NULL);
        ALTER TABLE other."select" ADD CONSTRAINT unchecked FOREIGN KEY (a) REFERENCES plain NOT VALID;
        CREATE TABLE "Odd ""schema"".".bare (); CREATE UNLOGGED TABLE fleeting (id int);
        CREATE TABLE parent (id int PRIMARY KEY, t text); CREATE TABLE child (extra text NOT NULL) INHERITS (parent);
        CREATE TABLE parts (id int, day date NOT NULL, plain_id int REFERENCES plain, t text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (id);
        CREATE TABLE other.parts_a1 PARTITION OF parts_a FOR VALUES IN (1, 2); CREATE TABLE parts_b PARTITION OF parts DEFAULT;
        CREATE TABLE attached (t text, id int NOT NULL, plain_id int, day date NOT NULL);
        ALTER TABLE parts ATTACH PARTITION attached FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        ALTER TABLE parts_b ADD UNIQUE (t);
        CREATE TABLE to_parts (id int, parts_id int, day date, FOREIGN KEY (parts_id, day) REFERENCES parts,
          FOREIGN KEY (parts_id, day) REFERENCES other.parts_a1 (id, day));
        CREATE VIEW looks AS SELECT * FROM plain; CREATE MATERIALIZED VIEW seen AS SELECT id FROM plain;
        CREATE TABLE "größe_名前" ("ü" text, "select" int, "CamelCase" text);
        SELECT lo_create(4711);
    "#;
    cluster.psql(&database, sql);
    let directory = tempfile::tempdir().expect("a folder");
    let archive = directory.path().join("whole.dump");
    site::back_up(cluster, &database, &archive).expect("a backup");
    assert_same(&of_database(cluster, &database), &of_archive(&archive));
}
