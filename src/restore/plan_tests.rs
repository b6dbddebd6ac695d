//! Tests of the order in which an archive's entries are built.

use std::collections::HashSet;
use std::sync::Arc;

use super::entries::RestorePlan;
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
    found.unwrap().needs.iter().map(|id| id.0).collect()
}

#[test]
fn what_depends_on_a_table_waits_for_its_rows() {
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
fn privileged_kinds_and_what_hangs_on_them_are_left_out() {
    let plan = plan(&[
        made(1, "EVENT TRIGGER", Section::PostData, &[]),
        made(2, "COMMENT", Section::None, &[1]),
        made(3, "ACL", Section::None, &[]),
        made(4, "USER MAPPING", Section::PreData, &[]),
    ]);
    assert!(plan.pre_data.is_empty() && plan.post_data.is_empty());
    assert_eq!(plan.left_out.get("event triggers"), Some(&1));
    assert_eq!(plan.left_out.get("grants"), Some(&1));
}

#[test]
fn what_each_database_of_herokus_has_is_left_out_and_nothing_else() {
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
    assert_eq!(plan.left_out.get("Heroku's own functions"), Some(&2));
}
