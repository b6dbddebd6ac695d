//! Loads unclassified tables and columns without their contents: `--unclassified empty`.
//!
//! An unclassified table is loaded without rows, an unclassified column as NULL, its default or the
//! type's empty value. A manifest for this one run says so, so every other check still holds. A
//! table or column that cannot be emptied stays unclassified, and stops the run.

mod filling;
mod value_checks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::findings::{FindingKind, PlanError};
use super::manifest::{Manifest, TableEntry};
use super::plan::{ScrubPlan, lookups};
use super::rules::{Class, ColumnAction, ColumnReference, Place, RowRule, Rule};
use super::tools;
use crate::archive::ColumnValues;
use crate::schema::{Schema, TableName};

pub use filling::Emptying;

/// The origin of this manifest's entries, in messages.
pub(super) const ORIGIN: &str = "--unclassified empty";

/// What is loaded without its contents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unclassified {
    /// Loaded without rows.
    pub tables: Vec<TableName>,
    /// Loaded with other values.
    pub columns: Vec<EmptiedColumn>,
    /// The entries that the manifest lacks, as TOML.
    #[serde(skip)]
    pub lines: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EmptiedColumn {
    pub table: TableName,
    pub column: String,
    /// What the column holds instead, in words.
    pub value: String,
}

impl Unclassified {
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.columns.is_empty()
    }
}

/// A foreign key to rows that are not loaded, in a column that must have a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub columns: Vec<String>,
    pub table: TableName,
}

/// Rows that need rows which were not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeedyRows {
    pub table: TableName,
    pub need: Need,
    pub rows: u64,
}

/// Makes a plan that empties everything unclassified.
///
/// # Errors
///
/// The other reasons why the manifest cannot be applied, and what cannot be emptied.
pub fn plan_without(
    manifest: &Manifest,
    policy: &str,
    schema: &Schema,
    stream_order: &[TableName],
    values: &ColumnValues,
) -> Result<(ScrubPlan, Unclassified), PlanError> {
    let manifest = &*manifest.fitted(schema);
    let error = match ScrubPlan::new(manifest, policy, schema, stream_order) {
        Ok(plan) => return Ok((plan, Unclassified::default())),
        Err(error) => error,
    };
    let lines = tools::suggest(schema, manifest, &tools::NoSamples);
    let found = Unclassified { lines, ..Unclassified::default() };
    let mut emptying = Emptied {
        manifest: manifest.clone(),
        policy,
        schema,
        values,
        found,
        needs: BTreeMap::new(),
    };
    let unclassified = error.findings.iter().filter(|one| one.kind == FindingKind::Unclassified);
    let mut columns = Vec::new();
    for finding in unclassified {
        match (&finding.table, &finding.column) {
            (Some(table), None) => emptying.empty_table(table),
            (Some(table), Some(column)) => columns.push((table, column)),
            // Large objects belong to no table, and have their own setting.
            (None, _) => {}
        }
    }
    for (table, column) in columns {
        emptying.empty_column(table, column);
    }
    emptying.cut_links();
    let Emptied { manifest, found, needs, .. } = emptying;
    let mut plan = ScrubPlan::new(&manifest, policy, schema, stream_order)?;
    plan.set_needs(needs);
    Ok((plan, found))
}

/// A manifest in the making.
struct Emptied<'a> {
    manifest: Manifest,
    policy: &'a str,
    schema: &'a Schema,
    values: &'a ColumnValues,
    found: Unclassified,
    needs: BTreeMap<TableName, Vec<Need>>,
}

impl Emptied<'_> {
    fn empty_table(&mut self, table: &TableName) {
        // A partition is covered by its parent's new entry.
        if self.manifest.entry_of(self.schema, table).is_some() {
            return;
        }
        let columns = self.schema.tables.get(table).into_iter().flat_map(|table| &table.columns);
        let columns = columns.map(|column| (column.name.clone(), (Class::Personal, place())));
        let mut entry = TableEntry::new(place(), Class::Personal, columns.collect());
        entry.set_rule(self.policy, Rule { rows: RowRule::Delete, ..empty_rule() });
        self.manifest.tables.insert(table.clone(), entry);
        self.found.tables.push(table.clone());
    }

    fn empty_column(&mut self, table: &TableName, column: &str) {
        let mut owners = self.schema.ancestors(table);
        let Some(owner) = owners.find(|name| self.manifest.tables.contains_key(*name)).cloned()
        else {
            return;
        };
        let Some(entry) = self.manifest.tables.get(&owner) else { return };
        if entry.columns.contains_key(column) {
            return;
        }
        let rule = entry.rule(self.policy).cloned();
        let no_row_stays = rule.as_ref().is_some_and(|rule| rule.rows == RowRule::Delete);
        let mut rule = rule.unwrap_or_else(empty_rule);
        let mut words = "no row stays".to_owned();
        if !no_row_stays {
            if rule.columns.contains_key(column) || self.is_asked_for(table, column, &rule) {
                return;
            }
            let addresses = tools::may_write_addresses(&self.manifest);
            let Some(action) = filling::filling(self.schema, table, column, self.values, addresses)
            else {
                return;
            };
            words = filling::describe(&action);
            rule.columns.insert(column.to_owned(), action);
            rule.reason.get_or_insert_with(|| ORIGIN.to_owned());
        }
        if let Some(entry) = self.manifest.tables.get_mut(&owner) {
            entry.columns.insert(column.to_owned(), (Class::Personal, place()));
            entry.set_rule(self.policy, rule);
        }
        let (table, column) = (table.clone(), column.to_owned());
        self.found.columns.push(EmptiedColumn { table, column, value: words });
    }

    /// Whether a rule depends on the column's values: of this table, or of a table that looks into
    /// it.
    fn is_asked_for(&self, table: &TableName, column: &str, rule: &Rule) -> bool {
        let in_conditions = match &rule.rows {
            RowRule::KeepWhere(conditions) => {
                conditions.iter().any(|condition| condition.column == column)
            }
            RowRule::Keep | RowRule::Delete => false,
        };
        let in_templates = rule.columns.values().any(|action| match action {
            ColumnAction::Set(template) => template.columns().any(|one| one == column),
            _ => false,
        });
        let here = |reference: &ColumnReference| {
            reference.column == column
                && self.schema.ancestors(table).any(|one| *one == reference.table)
        };
        let entries = self.manifest.tables.values();
        let rules = entries.filter_map(|entry| entry.rule(self.policy));
        in_conditions || in_templates || rules.flat_map(lookups).any(here)
    }

    /// Handles foreign keys to the tables without rows. An unlisted column that can be NULL is
    /// emptied too. Other rows with a value in the key need a missing row, and are counted.
    fn cut_links(&mut self) {
        let omitted: BTreeSet<&TableName> = (self.found.tables.iter())
            .flat_map(|table| self.schema.with_partitions(table))
            .collect();
        let omitted: BTreeSet<TableName> = omitted.into_iter().cloned().collect();
        let schema = self.schema;
        for (name, table) in &schema.tables {
            if omitted.contains(name) || self.loses_all_rows(name) {
                continue;
            }
            for key in table.foreign_keys.iter().filter(|key| omitted.contains(&key.references)) {
                if self.is_cut(name, &key.columns) || self.cut(name, &key.columns) {
                    continue;
                }
                let need = Need { columns: key.columns.clone(), table: key.references.clone() };
                self.needs.entry(name.clone()).or_default().push(need);
            }
        }
    }

    fn loses_all_rows(&self, table: &TableName) -> bool {
        let rule =
            self.manifest.entry_of(self.schema, table).and_then(|entry| entry.rule(self.policy));
        rule.is_some_and(|rule| rule.rows == RowRule::Delete)
    }

    fn is_cut(&self, table: &TableName, columns: &[String]) -> bool {
        let rule =
            self.manifest.entry_of(self.schema, table).and_then(|entry| entry.rule(self.policy));
        columns.iter().any(|column| {
            rule.is_some_and(|rule| rule.columns.get(column) == Some(&ColumnAction::Null))
        })
    }

    fn cut(&mut self, table: &TableName, columns: &[String]) -> bool {
        let described = self.schema.tables.get(table);
        let can_be_null = |column: &&String| {
            described.and_then(|table| table.column(column)).is_some_and(|one| !one.not_null)
        };
        let Some(column) = columns.iter().find(can_be_null) else { return false };
        self.empty_column(table, column);
        self.is_cut(table, columns)
    }
}

fn place() -> Place {
    Place { origin: Arc::from(ORIGIN), line: 0 }
}

fn empty_rule() -> Rule {
    Rule {
        place: place(),
        rows: RowRule::Keep,
        columns: BTreeMap::new(),
        reason: None,
        audit_allow: BTreeSet::new(),
    }
}
