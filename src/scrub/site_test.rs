//! Tests the built-in manifest with a dump of the site's real schema and made-up people.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::path::PathBuf;

use super::patterns::find_all;
use super::*;
use crate::archive::{ArchiveReader, Block, CopyStatement, read_schema};
use crate::schema::{Schema, TableName};

/// Everything that a run over an archive returns.
struct Scrubbed {
    schema: Schema,
    plan: ScrubPlan,
    tables: BTreeMap<TableName, ScrubbedTable>,
    audit: Vec<AuditCount>,
}

struct ScrubbedTable {
    columns: Vec<String>,
    rows: Vec<u8>,
    counts: RowCounts,
}

fn fixtures() -> Option<PathBuf> {
    let found = std::env::var_os("BCOPS_FIXTURES").map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: BCOPS_FIXTURES is not set");
    }
    found
}

fn scrub(dump: &str, policy: &str) -> Option<Scrubbed> {
    let file = File::open(fixtures()?.join(dump)).unwrap();
    let mut reader = ArchiveReader::open(file).unwrap();
    let toc = reader.toc().clone();
    let schema = read_schema(&toc).unwrap();
    let order: Vec<TableName> = toc.table_data().map(|entry| entry.table_name()).collect();
    let plan = ScrubPlan::new(&Manifest::built_in().unwrap(), policy, &schema, &order)
        .unwrap_or_else(|error| panic!("{error}"));
    let mut keys = KeySets::default();
    let mut audit = Vec::new();
    let mut tables = BTreeMap::new();
    let mut held = BTreeMap::new();
    while let Some(block) = reader.next_block().unwrap() {
        let Block::Table(mut block) = block else { continue };
        let statement = CopyStatement::of(block.entry()).unwrap().unwrap();
        let mut rows = Vec::new();
        while block.read_into(&mut rows, 1 << 20).unwrap() > 0 {}
        let action = plan.table(&statement.target).unwrap().action;
        let waiting = (statement.columns, rows);
        if action == TableAction::Held {
            held.insert(statement.target, waiting);
        } else {
            let table = apply(&plan, &statement.target, waiting, &mut keys, &mut audit);
            tables.insert(statement.target, table);
        }
    }
    for name in plan.held_tables() {
        let table = apply(&plan, name, held.remove(name).unwrap(), &mut keys, &mut audit);
        tables.insert(name.clone(), table);
    }
    assert!(held.is_empty());
    Some(Scrubbed { schema, plan, tables, audit })
}

fn apply(
    plan: &ScrubPlan,
    name: &TableName,
    (columns, rows): (Vec<String>, Vec<u8>),
    keys: &mut KeySets,
    audit: &mut Vec<AuditCount>,
) -> ScrubbedTable {
    let mut rewriter = Rewriter::new(plan, name, &columns, keys).unwrap();
    let mut out = Vec::new();
    let counts = rewriter.rewrite(&rows, &mut out).unwrap();
    rewriter.finish(keys);
    let mut table_audit = TableAudit::new(plan, name, &columns).unwrap();
    table_audit.scan(&out);
    audit.extend(table_audit.finish());
    let mut thorough = TableAudit::thorough(plan, name, &columns).unwrap();
    thorough.scan(&out);
    assert!(!thorough.found_personal_data(), "{name}: something is hidden in what was written");
    let mut again = Rewriter::new(plan, name, &columns, keys).unwrap();
    let mut second = Vec::new();
    let repeated = again.rewrite(&out, &mut second).unwrap();
    assert_eq!(
        (repeated.changed, repeated.dropped),
        (0, 0),
        "{name}: a second run changes nothing"
    );
    assert!(out == second);
    ScrubbedTable { columns, rows: out, counts }
}

impl Scrubbed {
    fn table(&self, name: &str) -> &ScrubbedTable {
        &self.tables[&TableName::public(name)]
    }

    fn class(&self, table: &TableName, column: &str) -> Option<Class> {
        let columns = &self.plan.table(table).unwrap().columns;
        columns.iter().find(|planned| planned.name == column).unwrap().class
    }

    /// Asserts that every foreign key points to an existing row.
    fn assert_foreign_keys_hold(&self) {
        for (name, table) in &self.schema.tables {
            for key in &table.foreign_keys {
                let parent = self.tables[&key.references].values(&key.referenced_columns[0]);
                let parent: HashSet<&str> = parent.into_iter().collect();
                for value in self.tables[name].values(&key.columns[0]) {
                    assert!(parent.contains(value), "{name}: {} has {value}", key.name);
                }
            }
        }
    }

    fn assert_audit_is_clean(&self) {
        let findings: Vec<_> =
            self.audit.iter().filter(|count| count.verdict == Verdict::Finding).collect();
        assert!(findings.is_empty(), "{findings:#?}");
    }
}

impl ScrubbedTable {
    fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let rows = std::str::from_utf8(&self.rows).unwrap().lines();
        rows.flat_map(|row| self.columns.iter().map(String::as_str).zip(row.split('\t')))
    }

    /// The column's values that are not NULL.
    fn values(&self, column: &str) -> Vec<&str> {
        let fields = self.fields().filter(|(name, value)| *name == column && *value != "\\N");
        fields.map(|(_, value)| value).collect()
    }
}

/// The answer key: kind, value in lower case, and place.
fn ledger() -> Option<Vec<(String, String, String)>> {
    let text = std::fs::read_to_string(fixtures()?.join("bc-small-ledger.tsv")).unwrap();
    let line = |line: &str| {
        let mut fields = line.split('\t').map(str::to_string);
        Some((fields.next()?, fields.next()?.to_lowercase(), fields.next()?))
    };
    Some(text.lines().filter_map(line).collect())
}

/// Ledger values found in columns that are not published content, with their columns.
fn remains(scrubbed: &Scrubbed) -> BTreeSet<String> {
    let ledger = ledger().unwrap();
    let mut remains = BTreeSet::new();
    for (name, table) in &scrubbed.tables {
        for (column, value) in table.fields() {
            let value = value.to_lowercase();
            for (kind, personal, _) in &ledger {
                if value.contains(personal.as_str())
                    && scrubbed.class(name, column) != Some(Class::Content)
                {
                    remains.insert(format!("{kind} in {}.{column}", name.short()));
                }
            }
        }
    }
    remains
}

#[test]
fn every_kind_in_the_ledger_is_recognised() {
    let Some(ledger) = ledger() else { return };
    let mut recognised = 0;
    for (kind, value, place) in &ledger {
        let expected = match kind.as_str() {
            "email" => Kind::Email,
            "phone" => Kind::Phone,
            "nino" => Kind::Nino,
            "postcode" => Kind::Postcode,
            _ => continue,
        };
        let hits = find_all(value.as_bytes(), |_| true);
        assert!(
            matches!(hits.as_slice(), [hit] if hit.kind == expected && hit.range == (0..value.len())),
            "a {kind} of {place}: {}",
            value
        );
        recognised += 1;
    }
    assert_eq!(recognised, 864 + 276 + 172 + 424);
}

#[test]
fn no_ledger_value_remains_outside_published_content() {
    let Some(scrubbed) = scrub("bc-small.dump", "local") else { return };
    assert_eq!(remains(&scrubbed), BTreeSet::new());
    scrubbed.assert_foreign_keys_hold();
    scrubbed.assert_audit_is_clean();
    assert!(scrubbed.plan.notes().is_empty(), "{:?}", scrubbed.plan.notes());
}

#[test]
fn on_staging_only_staff_accounts_remain() {
    let Some(scrubbed) = scrub("bc-small.dump", "staging") else { return };
    let remains = remains(&scrubbed);
    assert!(remains.iter().all(|place| place.contains(" in users_user.")), "{remains:?}");
    assert_eq!(scrubbed.table("users_user").counts.changed, 0);
    scrubbed.assert_foreign_keys_hold();
    scrubbed.assert_audit_is_clean();
}

#[test]
fn rows_that_the_site_needs_stay() {
    let Some(scrubbed) = scrub("bc-small.dump", "local") else { return };
    let users = scrubbed.table("users_user");
    let names: HashSet<&str> = users.values("username").into_iter().collect();
    assert_eq!(names.len() as u64, users.counts.kept, "users can be told apart");
    assert!(users.values("password").iter().all(|password| password.starts_with('!')));
    for table in ["wagtailcore_page", "images_customimage", "standardpages_informationpage"] {
        let counts = scrubbed.table(table).counts;
        assert_eq!((counts.kept, counts.changed), (counts.read, 0), "{table}");
    }
    let query = TableName::public("wagtailsearchpromotions_query");
    assert_eq!(scrubbed.plan.held_tables(), std::slice::from_ref(&query));
    let promotions = scrubbed.table("wagtailsearchpromotions_searchpromotion");
    assert!(scrubbed.tables[&query].counts.kept > 0 && promotions.counts.dropped == 0);
    let revisions = scrubbed.table("wagtailcore_revision");
    assert!(revisions.counts.dropped > revisions.counts.kept);
    for content in revisions.values("content") {
        let content: serde_json::Value =
            serde_json::from_slice(&copy_text::unescape(content.as_bytes())).unwrap();
        assert!(content.get("wagtail_admin_comments").is_none());
        assert!(content.get("title").is_some());
    }
    let log = scrubbed.table("wagtailcore_pagelogentry");
    assert_eq!((log.counts.dropped, log.counts.changed > 0), (0, true));
    for data in log.values("data") {
        serde_json::from_slice::<serde_json::Value>(&copy_text::unescape(data.as_bytes())).unwrap();
    }
    let after: Vec<&str> = scrubbed.plan.after_statements().collect();
    assert!(matches!(after.as_slice(), [sql] if sql.contains("birdbath_execution")));
}

/// Writes the lines of the findings into a manifest, which then fits, whatever the names look like.
#[test]
fn the_fixes_for_an_unknown_database_work() {
    let Some(fixtures) = fixtures() else { return };
    let file = File::open(fixtures.join("archives/varied_pg17.pipe.dump")).unwrap();
    let schema = read_schema(ArchiveReader::open(file).unwrap().toc()).unwrap();
    let mut text = "schema_version = 1\n".to_string();
    let empty = Manifest::parse("empty.toml", &text).unwrap();
    let error = ScrubPlan::new(&empty, "local", &schema, &[]).unwrap_err();
    assert!(error.findings.len() > 3, "{error}");
    for finding in &error.findings {
        text.push_str(finding.fix.trim());
        text.push('\n');
    }
    let fixed = Manifest::parse("fixed.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let plan = ScrubPlan::new(&fixed, "local", &schema, &[]);
    let plan = plan.unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(plan.tables().any(|(_, table)| table.action == TableAction::Delete));
}

#[test]
fn the_large_dump_is_clean_too() {
    for policy in ["local", "staging"] {
        let Some(scrubbed) = scrub("bc.dump", policy) else { return };
        scrubbed.assert_foreign_keys_hold();
        scrubbed.assert_audit_is_clean();
    }
}
