//! Tests the thorough audit of whole rows: what it finds beyond the plain audit, and where.

use std::fs::File;

use super::*;
use crate::archive::{ArchiveReader, Block, CopyStatement, read_schema};
use crate::schema::{Column, Schema, Table, TableName};

const MANIFEST: &str = r#"
schema_version = 1
[tables.django_session]
class = "personal"
personal = ["session_key", "session_data"]
operational = ["n"]
content = ["note"]
[tables.django_session.policy.any]
keep = true
reason = "test"
"#;

fn plan() -> ScrubPlan {
    let column = |(name, type_name): (&str, &str)| Column {
        name: name.into(),
        type_name: type_name.into(),
        not_null: false,
        generated: false,
    };
    let columns =
        [("session_key", "text"), ("session_data", "text"), ("n", "integer"), ("note", "text")];
    let table = Table { columns: columns.map(column).into(), ..Table::default() };
    let tables = [(TableName::public("django_session"), table)].into();
    let manifest = Manifest::parse("test.toml", MANIFEST).unwrap();
    ScrubPlan::new(
        &manifest,
        "local",
        &Schema { tables, has_large_objects: false, ..Schema::default() },
        &[],
    )
    .unwrap()
}

fn thorough(rows: &str) -> TableAudit {
    let columns = ["session_key", "session_data", "n", "note"].map(String::from);
    let table = TableName::public("django_session");
    let mut audit = TableAudit::thorough(&plan(), &table, &columns).unwrap();
    audit.scan(rows.as_bytes());
    audit
}

#[test]
fn hits_are_counted_once_and_in_their_column() {
    // base64.urlsafe_b64encode(b'{"to": "jo@example.org"}'), signed
    let session = "eyJ0byI6ICJqb0BleGFtcGxlLm9yZyJ9:1tgK5L:abc";
    let rows = format!(
        "k1\t{session}\t1\tat jo@example.org, al%40example.org\n\
         k2\t{session}\t2\t{{\"a\": \"b\\\\u0040example.org c@example.org\"}}\n"
    );
    let audit = thorough(&rows);
    assert!(audit.found_personal_data() && audit.unread().is_empty());
    let counts = audit.finish().into_iter();
    let counts: Vec<_> = counts.map(|count| (count.column, count.count, count.verdict)).collect();
    assert_eq!(
        counts,
        [
            ("session_data".to_string(), 2, Verdict::Finding),
            ("note".to_string(), 4, Verdict::Content),
        ]
    );
}

#[test]
fn a_value_that_cannot_be_decoded_fails_the_audit() {
    let audit = thorough("k1\tsomething else\t1\t\nk2\t\\N\t1\t\nk3\t\t1\tx\n");
    assert!(!audit.found_personal_data());
    assert_eq!(audit.doubtful_column(), Some("session_data"));
    let [unread] = &audit.unread()[..] else { panic!("{:?}", audit.unread()) };
    assert_eq!((unread.column.as_str(), unread.count), ("session_data", 1));
    assert_eq!(unread.verdict, Verdict::Finding);
    assert!(audit.finish().is_empty());
}

/// Shows the unscrubbed rows of each table to both audits.
fn audit_archive(dump: &str, mut done: impl FnMut(&TableName, TableAudit, TableAudit)) {
    let Some(fixtures) = std::env::var_os("BCOPS_FIXTURES") else {
        eprintln!("skipped: BCOPS_FIXTURES is not set");
        return;
    };
    let file = File::open(std::path::Path::new(&fixtures).join(dump)).unwrap();
    let mut reader = ArchiveReader::open(file).unwrap();
    let schema = read_schema(reader.toc()).unwrap();
    let plan = ScrubPlan::new(&Manifest::built_in().unwrap(), "local", &schema, &[]).unwrap();
    while let Some(block) = reader.next_block().unwrap() {
        let Block::Table(mut block) = block else { continue };
        let statement = CopyStatement::of(block.entry()).unwrap().unwrap();
        let mut rows = Vec::new();
        while block.read_into(&mut rows, 1 << 20).unwrap() > 0 {}
        let table = &statement.target;
        let mut plain = TableAudit::new(&plan, table, &statement.columns).unwrap();
        let mut thorough = TableAudit::thorough(&plan, table, &statement.columns).unwrap();
        plain.scan(&rows);
        thorough.scan(&rows);
        done(table, plain, thorough);
    }
}

#[test]
fn encoded_places_of_the_site_are_found() {
    let mut places = Vec::new();
    audit_archive("bc-small.dump", |table, in_flight, thorough| {
        assert!(thorough.unread().is_empty(), "{table}");
        let (in_flight, thorough) = (in_flight.finish(), thorough.finish());
        for count in thorough.iter().filter(|count| !in_flight.contains(count)) {
            assert_eq!(
                count.verdict,
                Verdict::Content,
                "the audit in flight decodes personal columns as well"
            );
        }
        for count in thorough {
            places.push((table.short(), count.column, count.kind));
        }
    });
    if std::env::var_os("BCOPS_FIXTURES").is_none() {
        return;
    }
    for (table, column, kind) in [
        ("database_cache", "value", Kind::Email),
        ("django_session", "session_data", Kind::Email),
        ("wagtailsearch_indexentry", "body", Kind::Phone),
    ] {
        let place = (table.to_owned(), column.to_owned(), kind);
        assert!(places.contains(&place), "{place:?}");
    }
}
