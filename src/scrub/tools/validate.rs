//! Finds everything that is wrong between a manifest and a schema, under every policy.

use std::collections::BTreeMap;

use super::super::demands::OpenCheck;
use super::super::findings::{Finding, FindingKind};
use super::super::manifest::{Manifest, TableEntry};
use super::super::plan::ScrubPlan;
use super::contradictions;
use super::nearest::nearest;
use super::problem::{Problem, ProblemKind, Severity};
use crate::schema::{Schema, Table, TableName};

/// The problems in the order of the manifest's lines. Problems without a line come first.
pub fn validate(manifest: &Manifest, schema: &Schema) -> Vec<Problem> {
    let manifest = &*manifest.fitted(schema);
    let mut problems = Problems::default();
    for policy in &manifest.policies {
        // A scrub begins with the same check, so both always agree.
        match ScrubPlan::new(manifest, policy, schema, &[]) {
            Ok(plan) => {
                for check in plan.open_checks() {
                    problems.add(not_evaluated(check), policy);
                }
            }
            Err(error) => {
                for finding in error.findings {
                    problems.add(of_finding(finding, schema), policy);
                }
            }
        }
        contradictions::under_policy(manifest, policy, schema, |problem| {
            problems.add(problem, policy);
        });
    }
    let mut problems = problems.list;
    names_that_are_not_there(manifest, schema, &mut problems);
    contradictions::regardless_of_policy(manifest, &mut problems);
    problems.sort_by_cached_key(|problem| {
        let place = problem.place.as_ref().map(|place| (place.origin.clone(), place.line));
        (place, problem.table.clone(), problem.column.clone())
    });
    problems
}

/// Reports problems that several policies share only once.
#[derive(Default)]
struct Problems {
    list: Vec<Problem>,
    positions: BTreeMap<(Option<TableName>, Option<String>, String), Vec<usize>>,
}

impl Problems {
    fn add(&mut self, mut problem: Problem, policy: &str) {
        let key = (problem.table.clone(), problem.column.clone(), problem.problem.clone());
        let positions = self.positions.entry(key).or_default();
        for position in positions.iter() {
            if let Some(known) = self.list.get_mut(*position)
                && known.place == problem.place
            {
                if !known.policies.iter().any(|known| known == policy) {
                    known.policies.push(policy.into());
                }
                return;
            }
        }
        positions.push(self.list.len());
        problem.policies = vec![policy.into()];
        self.list.push(problem);
    }
}

fn of_finding(finding: Finding, schema: &Schema) -> Problem {
    let kind = match finding.kind {
        FindingKind::Unclassified => ProblemKind::Unclassified,
        FindingKind::Unknown => ProblemKind::Unknown,
        FindingKind::Contradictory => ProblemKind::Contradictory,
    };
    let mut fix = finding.fix;
    let table = finding.table.as_ref().and_then(|table| schema.tables.get(table));
    if kind == ProblemKind::Unknown
        && let (Some(table), Some(column)) = (table, &finding.column)
        && let Some(meant) = nearest(column, column_names(table)).filter(|meant| meant != column)
    {
        fix = format!("did you mean {meant}? {fix}");
    }
    Problem {
        severity: Severity::Error,
        kind,
        table: finding.table,
        column: finding.column,
        place: finding.place,
        policies: Vec::new(),
        problem: finding.problem,
        fix,
    }
}

fn not_evaluated(check: &OpenCheck) -> Problem {
    Problem {
        severity: Severity::Warning,
        kind: ProblemKind::Contradictory,
        table: Some(check.table.clone()),
        column: check.written.first().map(|column| column.name.clone()),
        place: Some(check.place.clone()),
        policies: Vec::new(),
        problem: format!("{} was not checked", check.constraint_in_words()),
        fix: "pull-data and scrub-pii check it on a server before the first row".into(),
    }
}

fn column_names(table: &Table) -> impl Iterator<Item = &str> {
    table.columns.iter().map(|column| column.name.as_str())
}

fn names_that_are_not_there(manifest: &Manifest, schema: &Schema, problems: &mut Vec<Problem>) {
    for (name, entry) in &manifest.tables {
        match schema.tables.get(name) {
            Some(table) => problems.extend(lacking_columns(name, entry, table)),
            None => problems.push(lacking_table(name, entry, manifest, schema)),
        }
    }
    for statement in &manifest.after {
        let Some(table) = &statement.if_table else { continue };
        if !schema.tables.contains_key(table) {
            problems.push(Problem {
                severity: Severity::Warning,
                kind: ProblemKind::Stale,
                table: Some(table.clone()),
                column: None,
                place: Some(statement.place.clone()),
                policies: statement.policies.iter().cloned().collect(),
                problem: "the statement never runs: the database lacks this table".into(),
                fix: "remove the statement, or name an existing table".into(),
            });
        }
    }
}

/// An entry for a table that the database lacks is a misspelling if a table has nearly that name
/// and no entry in the same file.
fn lacking_table(
    name: &TableName,
    entry: &TableEntry,
    manifest: &Manifest,
    schema: &Schema,
) -> Problem {
    let free = schema.tables.keys().filter(|table| {
        let known = manifest.tables.get(*table);
        table.schema == name.schema
            && known.is_none_or(|known| known.place.origin != entry.place.origin)
    });
    let meant = nearest(&name.name, free.map(|table| table.name.as_str()));
    let place = Some(entry.place.clone());
    lacking(Some(name), None, place, "the database lacks this table", meant)
}

fn lacking_columns(
    name: &TableName,
    entry: &TableEntry,
    table: &Table,
) -> impl Iterator<Item = Problem> {
    let lacking_here = entry.columns.iter().filter(|(column, _)| table.column(column).is_none());
    lacking_here.map(move |(column, (_, place))| {
        let free = column_names(table).filter(|other| !entry.columns.contains_key(*other));
        let problem = "the table lacks this column";
        let meant = nearest(column, free);
        lacking(Some(name), Some(column), Some(place.clone()), problem, meant)
    })
}

fn lacking(
    table: Option<&TableName>,
    column: Option<&String>,
    place: Option<super::super::rules::Place>,
    problem: &str,
    meant: Option<&str>,
) -> Problem {
    let (severity, kind, fix) = match meant {
        Some(meant) => (Severity::Error, ProblemKind::Unknown, format!("did you mean {meant}?")),
        None => (
            Severity::Warning,
            ProblemKind::Stale,
            "remove it, unless other copies of the database still have it".into(),
        ),
    };
    Problem {
        severity,
        kind,
        table: table.cloned(),
        column: column.cloned(),
        place,
        policies: Vec::new(),
        problem: problem.into(),
        fix,
    }
}
