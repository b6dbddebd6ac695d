//! Generates databases from a number: the same number gives the same SQL and the same dump options.

/// Adds a statement, written as for `format!`.
macro_rules! run {
    ($builder:expr, $($text:tt)*) => {{
        let sql = format!($($text)*);
        $builder.run(&sql);
    }};
}

mod builder;
mod newer;
mod objects;
mod outside;
mod partitions;
mod random;
mod tables;
mod views;

use std::collections::BTreeSet;

use builder::Builder;

/// A database to create, and how it is dumped.
pub struct Recipe {
    pub sql: String,
    pub dump_options: Vec<String>,
    /// Whether `pg_dump` writes to a pipe, and so without offsets.
    pub piped: bool,
}

type Feature = fn(&mut Builder);

/// The possible parts of a database. One in this many databases has the part.
const FEATURES: [(usize, Feature); 24] = [
    (1, tables::plain),
    (2, tables::schema),
    (4, tables::schema),
    (5, tables::empty_and_without_columns),
    (5, objects::types),
    (5, tables::large_rows),
    (4, tables::foreign_keys),
    (4, tables::constraints),
    (4, tables::generated_and_identity),
    (4, tables::inheritance),
    (4, tables::columns_come_and_go),
    (5, tables::settings),
    (5, tables::indexes),
    (3, partitions::partitions),
    (4, objects::functions),
    (6, objects::operators),
    (6, objects::text_search_and_collations),
    (6, objects::large_objects),
    (3, views::views),
    (4, views::rules_and_triggers),
    (3, views::matviews),
    (6, views::policies),
    (5, views::comments),
    (5, outside::extensions),
];

const LAST: [(usize, Feature); 3] = [
    (6, outside::foreign_data),
    (10, outside::search_path),
    // Objects after an event trigger fire it.
    (8, outside::event_triggers_and_publications),
];

/// The features of a server.
pub struct Server {
    /// The major one.
    pub version: u32,
    /// The extensions that can be created.
    pub extensions: BTreeSet<String>,
}

/// The database of a number for such a server.
pub fn recipe(seed: u64, server: &Server) -> Recipe {
    let mut builder = Builder::new(seed, server.extensions.clone());
    builder.sql.push_str("\\set ON_ERROR_STOP 1\nSET client_min_messages = warning;\n");
    for (cases, feature) in FEATURES.iter().chain(&LAST) {
        if builder.random.one_in(*cases) {
            feature(&mut builder);
        }
    }
    // Last, so that a number gives the same database as before on an older server.
    for (since, feature) in [(17, newer::of_17 as Feature), (18, newer::of_18)] {
        if server.version >= since && builder.random.one_in(2) {
            feature(&mut builder);
        }
    }
    let dump_options = dump_options(&mut builder);
    let piped = builder.random.one_in(2);
    Recipe { sql: builder.sql, dump_options, piped }
}

fn dump_options(b: &mut Builder) -> Vec<String> {
    let mut options = Vec::new();
    let mut may = |cases: usize, option: &str| {
        if b.random.one_in(cases) {
            options.push(option.to_owned());
        }
    };
    may(4, "-Z0");
    may(4, "-Z1");
    may(8, "-Z9");
    may(8, "--no-comments");
    may(8, "--load-via-partition-root");
    may(10, "--serializable-deferrable");
    may(12, "--no-owner");
    may(10, "--quote-all-identifiers");
    may(12, "--enable-row-security");
    may(12, "--disable-dollar-quoting");
    may(12, "--no-toast-compression");
    may(12, "--no-unlogged-table-data");
    may(16, "--extra-float-digits=0");
    may(16, "--no-publications");
    may(16, "--create");
    may(16, "--clean");
    // References to these rows are then incomplete, and pg_restore has errors too.
    if b.random.one_in(12)
        && let Some(table) = b.tables.first()
    {
        options.push(format!("--exclude-table-data={}", table.name));
    }
    // It writes CREATE SCHEMA public, which pg_restore cannot run.
    if b.random.one_in(40) {
        options.push("--schema=public".to_owned());
    }
    options
}
