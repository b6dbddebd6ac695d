//! Explains what a manifest says about one table, in words and as JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::super::foreign_keys::referencing;
use super::super::manifest::{Manifest, TableEntry};
use super::super::plan::{describe, lookups};
use super::super::rules::{Class, Place, parse_table_name};
use super::super::suspicious_names;
use super::nearest::similar;
use crate::schema::{ForeignKey, Schema, TableName};

/// How many similar names are offered for an unknown one.
const MOST_NAMES: usize = 5;

#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    #[error("cannot explain {name}: there is no such table{}", offer(.similar))]
    UnknownTable { name: String, similar: Vec<String> },
}

fn offer(similar: &[String]) -> String {
    match similar {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}

/// Everything that the manifest, and the database if there is one, say about a table. The name is
/// `table`, or `schema.table` outside `public`.
pub fn explain<'a>(
    manifest: &'a Manifest,
    schema: Option<&'a Schema>,
    table: &str,
) -> Result<Explanation<'a>, ExplainError> {
    let name = parse_table_name(table);
    let in_schema = schema.is_some_and(|schema| schema.tables.contains_key(&name));
    if !in_schema && !manifest.tables.contains_key(&name) {
        return Err(unknown(manifest, schema, table));
    }
    Ok(Explanation::gather(manifest, schema, &name))
}

fn unknown(manifest: &Manifest, schema: Option<&Schema>, table: &str) -> ExplainError {
    let known = manifest.tables.keys().chain(schema.into_iter().flat_map(|one| one.tables.keys()));
    let mut names: Vec<String> = known.map(TableName::short).collect();
    names.sort_unstable();
    names.dedup();
    let similar = similar(table, names.iter().map(String::as_str), MOST_NAMES);
    ExplainError::UnknownTable {
        name: table.into(),
        similar: similar.into_iter().map(String::from).collect(),
    }
}

/// The facts about a table, for people and programs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Explanation<'a> {
    table: TableName,
    /// `null` if the table is not in the manifest.
    class: Option<Class>,
    /// The line of the manifest.
    place: Option<&'a Place>,
    /// Why a table with the name of a pack's table is another one.
    stranger: Option<&'a str>,
    /// The partitioned table whose entry applies, if the table has none of its own.
    entry_of: Option<TableName>,
    /// `null` if no database was read.
    in_database: Option<bool>,
    columns: Vec<ColumnFact>,
    /// What each policy does with the table.
    policies: BTreeMap<&'a str, PolicyFact>,
    /// Rules of other tables that depend on which rows stay here.
    looked_into_by: Vec<String>,
    points_to: Vec<String>,
    pointed_to_by: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ColumnFact {
    name: String,
    #[serde(rename = "type")]
    type_name: Option<String>,
    /// `null` for a column without a class, whether it needs one or not.
    class: Option<Class>,
    remark: Option<&'static str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PolicyFact {
    /// In words.
    rule: String,
    /// The line of the manifest.
    place: Option<String>,
    reason: Option<String>,
    /// Columns in which the audit expects personal data.
    audit_allow: Vec<String>,
}

impl<'a> Explanation<'a> {
    fn gather(manifest: &'a Manifest, schema: Option<&'a Schema>, name: &TableName) -> Self {
        let own = || Box::new(std::iter::once(name)) as Box<dyn Iterator<Item = &TableName>>;
        let mut names = schema.map_or_else(own, |schema| Box::new(schema.ancestors(name)));
        let found = names.find_map(|name| Some((name, manifest.tables.get(name)?)));
        let entry = found.map(|(_, entry)| entry);
        let policies = manifest.policies.iter();
        let policies = policies.map(|policy| (policy.as_str(), PolicyFact::of(entry, policy)));
        Explanation {
            class: entry.map(|entry| entry.class),
            place: entry.map(|entry| &entry.place),
            stranger: manifest.why_stranger(name),
            entry_of: found.map(|(owner, _)| owner).filter(|owner| *owner != name).cloned(),
            in_database: schema.map(|schema| schema.tables.contains_key(name)),
            columns: column_facts(entry, schema, name),
            policies: policies.collect(),
            looked_into_by: looked_into(manifest, name),
            points_to: points_to(schema, name),
            pointed_to_by: pointed_to_by(schema, name),
            table: name.clone(),
        }
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table.short())?;
        match (self.class.zip(self.place), &self.entry_of) {
            (Some((class, place)), None) => writeln!(f, ": {class} ({place})")?,
            (Some((class, place)), Some(parent)) => {
                writeln!(f, ": {class}, as a partition of {} ({place})", parent.short())?;
            }
            (None, _) => {
                let why = self.stranger.map(|why| format!(": {why}")).unwrap_or_default();
                writeln!(f, ": not in the manifest{why}")?;
            }
        }
        if self.in_database == Some(false) {
            writeln!(f, "this database lacks the table")?;
        }
        writeln!(f, "\ncolumns")?;
        let width = self.columns.iter().map(|column| column.name.chars().count()).max();
        for column in &self.columns {
            writeln!(
                f,
                "  {:width$}  {}",
                column.name,
                column.in_words(),
                width = width.unwrap_or_default()
            )?;
        }
        writeln!(f, "\nrules")?;
        for (policy, fact) in &self.policies {
            writeln!(f, "  {policy}: {}", fact.in_words())?;
        }
        for (title, lines) in [
            ("other rules that look into it", &self.looked_into_by),
            ("tables that it points to", &self.points_to),
            ("tables that point to it", &self.pointed_to_by),
        ] {
            if !lines.is_empty() {
                write!(f, "\n{title}\n  {}\n", lines.join("\n  "))?;
            }
        }
        Ok(())
    }
}

impl ColumnFact {
    fn in_words(&self) -> String {
        let class = self.class.map(|class| class.to_string());
        let parts = [class, self.type_name.clone(), self.remark.map(String::from)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl PolicyFact {
    fn of(entry: Option<&TableEntry>, policy: &str) -> Self {
        let Some(rule) = entry.and_then(|entry| entry.rule(policy)) else {
            let personal = entry.is_some_and(|entry| {
                entry.class == Class::Personal
                    || entry.columns.values().any(|(class, _)| *class == Class::Personal)
            });
            let rule = match entry {
                Some(_) if !personal => "kept, because it has no rule",
                _ => "no rule, which stops a scrub",
            };
            let rule = rule.into();
            return PolicyFact { rule, place: None, reason: None, audit_allow: Vec::new() };
        };
        PolicyFact {
            rule: describe(rule),
            place: Some(rule.place.to_string()),
            reason: rule.reason.clone(),
            audit_allow: rule.audit_allow.iter().cloned().collect(),
        }
    }

    fn in_words(&self) -> String {
        let mut words = self.rule.clone();
        if let Some(place) = &self.place {
            let _ = write!(words, " ({place})");
        }
        if let Some(reason) = self.reason.as_ref().filter(|reason| !self.rule.contains(*reason)) {
            let _ = write!(words, "\n    other personal data may stay: {reason}");
        }
        if !self.audit_allow.is_empty() {
            let columns = self.audit_allow.join(", ");
            let _ = write!(words, "\n    the audit expects personal data in {columns}");
        }
        words
    }
}

/// In the order of the database, followed by columns that only the manifest has.
fn column_facts(
    entry: Option<&TableEntry>,
    schema: Option<&Schema>,
    name: &TableName,
) -> Vec<ColumnFact> {
    let class_of = |column: &str| Some(entry?.columns.get(column)?.0);
    let table = schema.and_then(|schema| schema.tables.get(name));
    let mut facts = Vec::new();
    for column in table.into_iter().flat_map(|table| &table.columns) {
        let class = class_of(&column.name);
        let remark = match class {
            _ if column.generated => Some("computed by the server"),
            Some(_) => None,
            None => match (table, entry) {
                (Some(table), Some(entry))
                    if !suspicious_names::needs_class(table, column, entry.class) =>
                {
                    Some("need not be listed: its type and name suggest no person")
                }
                _ => Some("not classified"),
            },
        };
        let (name, type_name) = (column.name.clone(), Some(column.type_name.clone()));
        facts.push(ColumnFact { name, type_name, class, remark });
    }
    for (column, (class, _)) in entry.into_iter().flat_map(|entry| &entry.columns) {
        if table.is_none_or(|table| table.column(column).is_none()) {
            let remark = table.map(|_| "not in this database");
            let (name, class) = (column.clone(), Some(*class));
            facts.push(ColumnFact { name, type_name: None, class, remark });
        }
    }
    facts
}

fn looked_into(manifest: &Manifest, name: &TableName) -> Vec<String> {
    let mut lines = Vec::new();
    for (other, entry) in &manifest.tables {
        for (policy, rule) in entry.rules() {
            for reference in lookups(rule).filter(|reference| reference.table == *name) {
                let other = other.short();
                lines.push(format!(
                    "{other} under {policy}, for {} ({})",
                    reference.column, rule.place
                ));
            }
        }
    }
    lines
}

fn points_to(schema: Option<&Schema>, name: &TableName) -> Vec<String> {
    let table = schema.and_then(|schema| schema.tables.get(name));
    let keys = table.into_iter().flat_map(|table| &table.foreign_keys);
    keys.map(|key| link(name, key)).collect()
}

fn pointed_to_by(schema: Option<&Schema>, name: &TableName) -> Vec<String> {
    let keys = schema.into_iter().flat_map(|schema| referencing(schema, name));
    keys.map(|(child, key)| link(child, key)).collect()
}

fn link(from: &TableName, key: &ForeignKey) -> String {
    format!(
        "{}.{} -> {}.{}",
        from.short(),
        key.columns.join("+"),
        key.references.short(),
        key.referenced_columns.join("+")
    )
}
