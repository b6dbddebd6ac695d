//! Describes a whole loaded database as lines that can be compared.
//!
//! What bcops skips by design is first dropped from a reference, with what depends on it: foreign
//! servers, publications, subscriptions and event triggers.

use std::collections::BTreeSet;

use crate::support::postgres::Cluster;

/// Entries of a plain dump by their header: type, schema and name, then the statements.
pub type Fingerprint = BTreeSet<String>;

/// Types of entries that bcops skips, and that nothing can depend on.
const SKIPPED_TYPES: [&str; 3] = ["ACL", "DEFAULT ACL", "SECURITY LABEL"];

const SKIPPED: &str = r"
DO $$
DECLARE found record;
BEGIN
    FOR found IN SELECT format('DROP SERVER %I CASCADE', srvname) AS sql FROM pg_foreign_server
    UNION ALL
        SELECT format('DROP FOREIGN DATA WRAPPER %I CASCADE', fdwname) FROM pg_foreign_data_wrapper
         WHERE NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_foreign_data_wrapper.oid
                              AND classid = 'pg_foreign_data_wrapper'::regclass AND deptype = 'e')
    UNION ALL SELECT format('DROP PUBLICATION %I', pubname) FROM pg_publication
    UNION ALL
        SELECT format('DROP EVENT TRIGGER %I', evtname) FROM pg_event_trigger
         WHERE NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_event_trigger.oid
                              AND classid = 'pg_event_trigger'::regclass AND deptype = 'e')
    LOOP
        EXECUTE found.sql;
    END LOOP;
END $$";

/// Relations with rows of their own: each counted and summed without its children. The hash
/// partition of a row can depend on the database, so such tables are counted as a whole.
const ROWS: &str = r"
SELECT format('SELECT %L || count(*) || '' '' || coalesce(sum(hashtextextended(t::text, 0)), 0)
                 FROM ONLY %s t', 'rows of ' || c.oid::regclass || ': ', c.oid::regclass)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r'
   AND NOT EXISTS (SELECT FROM pg_partition_ancestors(c.oid) a JOIN pg_partitioned_table p
                       ON p.partrelid = a.relid AND p.partstrat = 'h')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
UNION ALL
SELECT format('SELECT %L || count(*) || '' '' || coalesce(sum(hashtextextended(t::text, 0)), 0)
                 FROM %s t', 'rows of ' || c.oid::regclass || ': ', c.oid::regclass)
  FROM pg_class c WHERE c.relkind = 'm' AND c.relispopulated OR c.relkind = 'p'
UNION ALL
SELECT format('SELECT %L || last_value || '' '' || is_called FROM %s',
              'sequence ' || c.oid::regclass || ': ', c.oid::regclass)
  FROM pg_class c WHERE c.relkind = 'S'
UNION ALL
SELECT 'SELECT ''large object '' || oid || '': '' || md5(lo_get(oid)) FROM pg_largeobject_metadata'
UNION ALL
SELECT 'SELECT ''not populated: '' || oid::regclass FROM pg_class
         WHERE relkind = ''m'' AND NOT relispopulated'
UNION ALL
SELECT 'SELECT concat_ws('' '', ''index'', indexrelid::regclass, indisvalid, indisready, indislive,
                         indisclustered, indisreplident, indimmediate) FROM pg_index i
          JOIN pg_class c ON c.oid = i.indexrelid
         WHERE c.oid >= 16384 AND c.relnamespace <> ''pg_toast''::regnamespace'
UNION ALL
SELECT 'SELECT concat_ws('' '', ''constraint'', conrelid::regclass, contypid::regtype, conname,
                         contype, convalidated, conislocal, coninhcount, connoinherit)
          FROM pg_constraint WHERE oid >= 16384'
UNION ALL
SELECT 'SELECT concat_ws('' '', ''trigger'', tgrelid::regclass, tgname, tgenabled)
          FROM pg_trigger WHERE NOT tgisinternal'
UNION ALL
SELECT 'SELECT concat_ws('' '', ''type'', oid::regtype, typtype, typcategory)
          FROM pg_type WHERE oid >= 16384 AND typtype NOT IN (''c'', ''b'')'
";

/// To read a table, the server reads the functions of its indexes, which may depend on the search
/// path.
const EVERY_SCHEMA: &str = r"
SET extra_float_digits = 3;
SELECT set_config('search_path', string_agg(quote_ident(nspname), ', ' ORDER BY nspname), false)
  FROM pg_namespace WHERE nspname !~ '^pg_'";

/// Drops what bcops skips, and what depends on it.
pub fn drop_skipped(cluster: &Cluster, database: &str) -> Result<(), String> {
    cluster.try_psql(database, SKIPPED).map(drop).map_err(|error| format!("{error:#}"))
}

pub fn of(cluster: &Cluster, database: &str) -> Result<Fingerprint, String> {
    let mut found = schema(cluster, database)?;
    let path = "SET search_path = pg_catalog; SET extra_float_digits = 3;";
    let ask = |sql: &str| {
        cluster.try_psql(database, &format!("{path} {sql}")).map_err(|error| format!("{error:#}"))
    };
    let statements = ask(&format!("SELECT string_agg(q, E'\\x01') FROM ({ROWS}) s (q)"))?;
    // One statement each, because thousands in one are too deep for the server's parser.
    let script: String = statements
        .lines()
        .filter(|line| *line != "SET")
        .collect::<Vec<_>>()
        .join("\n")
        .replace('\u{1}', ";\n");
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("questions.sql");
    std::fs::write(&file, format!("{EVERY_SCHEMA};\n{script};\n"))
        .map_err(|error| error.to_string())?;
    let mut psql = cluster.tool("psql");
    psql.args(["-AtXq", "-v", "ON_ERROR_STOP=1", "-d", database, "-f"]).arg(&file);
    let output = psql.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    found.extend(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned));
    Ok(found)
}

/// `pg_dump --schema-only`, one item for each entry, unordered.
fn schema(cluster: &Cluster, database: &str) -> Result<Fingerprint, String> {
    let mut dump = cluster.tool("pg_dump");
    dump.args(["--schema-only", "--no-owner", "--no-acl", "-d", database]);
    let output = dump.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Settings of the session depend on the surrounding entries.
    let is_session = |line: &&str| {
        line.starts_with("SET default_table_access_method")
            || line.starts_with("SET default_tablespace")
            || line.starts_with("\\restrict")
            || line.starts_with("\\unrestrict")
            || matches!(*line, "" | "--" | "-- PostgreSQL database dump complete")
    };
    let mut entries = Fingerprint::new();
    for entry in text.split("\n-- Name: ") {
        let kind = entry.split("; Type: ").nth(1).and_then(|rest| rest.split(';').next());
        if kind.is_none_or(|kind| !SKIPPED_TYPES.contains(&kind)) {
            let lines: Vec<&str> = entry.lines().filter(|line| !is_session(line)).collect();
            entries.insert(lines.join("\n"));
        }
    }
    Ok(entries)
}

/// The differences, for a person to read.
pub fn difference(reference: &Fingerprint, ours: &Fingerprint) -> String {
    const SHOWN: usize = 25;
    let side = |title: &str, a: &Fingerprint, b: &Fingerprint| {
        let only: Vec<&String> = a.difference(b).collect();
        let shown: String = only
            .iter()
            .take(SHOWN)
            .map(|item| format!("  {}\n", item.replace('\n', "\n  ")))
            .collect();
        if only.is_empty() { String::new() } else { format!("{title} ({}):\n{shown}", only.len()) }
    };
    side("only by pg_restore", reference, ours) + &side("only by bcops", ours, reference)
}
