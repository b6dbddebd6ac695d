//! Tests the order in which an archive's entries are built.

use std::collections::HashSet;
use std::sync::Arc;

use super::entries::{PostDataEntry, RestorePlan};
use super::error::RestoreError;
use crate::archive::tests::builder::{ArchiveBytes, entry, header, table_data};
use crate::archive::{ArchiveReader, Compression, DumpId, Section, TocEntry};

/// An entry with SQL that depends on others.
fn made(id: i32, entry_type: &str, section: Section, needs: &[i32]) -> TocEntry {
    let mut made = entry(id, entry_type, &format!("object_{id}"));
    made.section = section;
    made.definition = Some("SELECT 1;\n".to_owned());
    made.dependencies = needs.iter().map(|id| DumpId(*id)).collect();
    made
}

fn table(id: i32, name: &str) -> TocEntry {
    TocEntry { tag: name.to_owned(), ..made(id, "TABLE", Section::PreData, &[]) }
}

fn plan(entries: &[TocEntry]) -> RestorePlan {
    let header = header(14, Compression::None);
    let mut archive = ArchiveBytes::start(&header, entries);
    for data in entries.iter().filter(|entry| entry.has_data) {
        archive = archive.table(data.id.0, b"1\t2\n");
    }
    let reader = ArchiveReader::open(archive.bytes.as_slice()).unwrap();
    RestorePlan::new(&Arc::clone(reader.toc()), true)
}

fn needs_of(plan: &RestorePlan, id: i32) -> HashSet<i32> {
    let found = plan.post_data.iter().find(|one| plan.entry(one.index).unwrap().id == DumpId(id));
    let blocks = |id: &DumpId| plan.families.get(id).cloned().unwrap_or_else(|| vec![*id]);
    found.unwrap().needs.iter().flat_map(blocks).map(|id| id.0).collect()
}

#[test]
fn an_entry_that_needs_a_table_waits_for_its_rows() {
    let plan = plan(&[
        table(1, "t"),
        table_data(2, "t"),
        made(3, "CONSTRAINT", Section::PostData, &[1]),
        made(4, "FK CONSTRAINT", Section::PostData, &[1, 3, 9999]),
    ]);
    assert_eq!(needs_of(&plan, 3), HashSet::from([2]));
    assert_eq!(needs_of(&plan, 4), HashSet::from([2, 3]));
    plan.check_order().unwrap();
}

#[test]
fn a_partitioned_table_waits_for_all_its_partitions() {
    let attach = |id, child: &str, child_id| TocEntry {
        tag: child.to_owned(),
        ..made(id, "TABLE ATTACH", Section::PreData, &[1, child_id])
    };
    let plan = plan(&[
        table(1, "parent"),
        table(2, "child"),
        table(3, "other"),
        attach(4, "child", 2),
        attach(5, "other", 3),
        table_data(6, "child"),
        table_data(7, "other"),
        made(8, "FK CONSTRAINT", Section::PostData, &[1]),
    ]);
    assert_eq!(needs_of(&plan, 8), HashSet::from([6, 7]));
}

/// Attached at the same time, an index of partitions can stay invalid.
#[test]
fn parts_of_indexes_are_attached_one_at_a_time() {
    let plan = plan(&[
        table(1, "event"),
        made(11, "INDEX", Section::PostData, &[1]),
        made(12, "INDEX", Section::PostData, &[1]),
        made(13, "INDEX ATTACH", Section::PostData, &[11, 12]),
        made(14, "INDEX ATTACH", Section::PostData, &[12]),
    ]);
    let attaching: Vec<&PostDataEntry> =
        plan.post_data.iter().filter(|entry| entry.exclusive).collect();
    assert_eq!(attaching.len(), 2);
    assert_eq!(attaching[0].locks, attaching[1].locks);
    assert_eq!(attaching[0].locks.len(), 1);
    assert!(attaching.iter().all(|entry| !entry.needs_all_rows));
}

#[test]
fn entries_that_wait_for_each_other_are_refused_before_anything_is_loaded() {
    let plan = plan(&[
        table(1, "t"),
        table_data(2, "t"),
        made(3, "INDEX", Section::PostData, &[1, 4]),
        made(4, "INDEX", Section::PostData, &[1, 5]),
        made(5, "INDEX", Section::PostData, &[1, 3]),
        made(6, "INDEX", Section::PostData, &[1, 6]),
    ]);
    let error = plan.check_order().unwrap_err();
    assert!(matches!(error, RestoreError::Cycle { .. }), "{error}");
    assert!(error.to_string().contains("object_3"), "{error}");
}

#[test]
fn privileged_kinds_and_entries_that_need_them_are_skipped() {
    let plan = plan(&[
        made(1, "EVENT TRIGGER", Section::PostData, &[]),
        made(2, "COMMENT", Section::None, &[1]),
        made(3, "ACL", Section::None, &[]),
        made(4, "USER MAPPING", Section::PreData, &[]),
    ]);
    assert!(plan.pre_data.is_empty() && plan.post_data.is_empty());
    assert_eq!(plan.omissions.kinds.get("event triggers"), Some(&1));
    assert_eq!(plan.omissions.kinds.get("grants"), Some(&1));
}

#[test]
fn only_objects_of_every_heroku_database_are_skipped() {
    let in_schema = |namespace: &str, made: TocEntry| TocEntry {
        namespace: Some(namespace.to_owned()),
        ..made
    };
    let mut schema = made(1, "SCHEMA", Section::PreData, &[]);
    schema.tag = "_heroku".to_owned();
    let plan = plan(&[
        schema,
        in_schema("_heroku", made(2, "FUNCTION", Section::PreData, &[1])),
        in_schema("public", made(3, "FUNCTION", Section::PreData, &[])),
        in_schema("_heroku", table(4, "theirs")),
    ]);
    let ids: Vec<i32> = plan.pre_data.iter().map(|at| plan.entry(*at).unwrap().id.0).collect();
    assert_eq!(ids, [3, 4]);
    assert_eq!(plan.omissions.kinds.get("Heroku's own functions"), Some(&2));
}

/// An entry that needs a skipped entry is skipped too, link by link, as long as it holds no rows.
#[test]
fn an_entry_that_needs_a_skipped_entry_is_skipped_with_its_chain() {
    let named = |tag: &str, made: TocEntry| TocEntry { tag: tag.to_owned(), ..made };
    let plan = plan(&[
        made(1, "SERVER", Section::PreData, &[]),
        named("far", made(2, "FOREIGN TABLE", Section::PreData, &[1])),
        named("one", made(3, "VIEW", Section::PreData, &[2])),
        named("two", made(4, "MATERIALIZED VIEW", Section::PreData, &[3])),
        made(5, "INDEX", Section::PostData, &[4]),
        named("far id", made(6, "DEFAULT", Section::PreData, &[2])),
        named("part", made(7, "FOREIGN TABLE", Section::PreData, &[1])),
        named("part", made(8, "TABLE ATTACH", Section::PreData, &[7, 9])),
        table(9, "parent"),
        made(10, "COMMENT", Section::None, &[3]),
    ]);
    let kept: Vec<i32> = plan.pre_data.iter().map(|at| plan.entry(*at).unwrap().id.0).collect();
    assert_eq!((kept, plan.post_data.len(), plan.refreshes.len()), (vec![9], 0, 0));
    assert!(plan.losses(|_| true).is_empty());
    let warnings = plan.omissions.warnings(&plan.toc);
    let wanted = "skipped: MATERIALIZED VIEW public.two, which needs VIEW public.one, \
                  which needs FOREIGN TABLE public.far";
    assert!(warnings.iter().any(|line| line == wanted), "{warnings:?}");
    assert!(!warnings.iter().any(|line| line.contains("COMMENT")), "{warnings:?}");
}

#[test]
fn an_entry_that_holds_or_guards_rows_is_never_skipped() {
    for kind in ["TABLE", "DEFAULT", "CONSTRAINT", "SEQUENCE", "A KIND OF TOMORROW"] {
        let mut extension = made(1, "EXTENSION", Section::PreData, &[]);
        extension.tag = "one".to_owned();
        let plan = plan(&[
            extension,
            made(2, "TYPE", Section::PreData, &[1]),
            made(3, kind, Section::PreData, &[2]),
        ]);
        assert!(plan.losses(|_| true).is_empty());
        let losses = plan.without(&HashSet::from(["one".to_owned()])).losses(|_| true);
        let [loss] = losses.as_slice() else { panic!("{kind}: {losses:?}") };
        assert_eq!(loss.extension.as_deref(), Some("one"));
        assert!(loss.entry.ends_with("TYPE public.object_2, which needs EXTENSION public.one"));
    }
}

/// Rows that are not loaded anyway do not stop the load.
#[test]
fn rows_of_a_skipped_extension_count_only_if_they_are_loaded() {
    let mut extension = made(1, "EXTENSION", Section::PreData, &[]);
    extension.tag = "one".to_owned();
    let rows = TocEntry { dependencies: vec![DumpId(1)], ..table_data(2, "theirs") };
    let plan = plan(&[extension, rows]).without(&HashSet::from(["one".to_owned()]));
    assert_eq!(plan.losses(|_| true).len(), 1);
    assert!(plan.losses(|table| table.name != "theirs").is_empty());
}

/// A function may read any table, so an index that calls one waits for all rows.
#[test]
fn an_index_over_a_function_of_the_archive_waits_for_all_rows() {
    let plan = plan(&[
        made(1, "FUNCTION", Section::PreData, &[]),
        table(2, "a"),
        table(3, "b"),
        table_data(4, "a"),
        table_data(5, "b"),
        made(6, "INDEX", Section::PostData, &[2, 1]),
        made(7, "TRIGGER", Section::PostData, &[2, 1]),
        made(8, "DOMAIN", Section::PreData, &[]),
        made(9, "CHECK CONSTRAINT", Section::PostData, &[8]),
    ]);
    let waits = |id: i32| {
        let mut entries = plan.post_data.iter();
        entries.find(|one| plan.entry(one.index).unwrap().id.0 == id).unwrap().needs_all_rows
    };
    assert_eq!((waits(6), waits(7), waits(9)), (true, false, true));
    assert_eq!(needs_of(&plan, 7), HashSet::from([4]));
}
