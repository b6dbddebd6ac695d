//! What a manifest says about one table, in words and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::super::foreign_keys::referencing;
use super::super::manifest::{Manifest, TableEntry};
use super::super::plan::{describe, lookups};
use super::super::rules::{Class, parse_table_name};
use super::super::telling;
use super::nearest::similar;
use crate::schema::{ForeignKey, Schema, TableName};

/// How many names are offered in the place of one that is not there.
const MOST_NAMES: usize = 5;

#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    #[error("there is no table {name}{}", offer(.similar))]
    UnknownTable { name: String, similar: Vec<String> },
}

fn offer(similar: &[String]) -> String {
    match similar {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}

/// The same facts twice: for a person, and for a program.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    pub text: String,
    pub json: Value,
}

/// Everything that the manifest, and the database where there is one, say about a table. The name
/// is `table`, or `schema.table` outside of `public`.
pub fn explain(
    manifest: &Manifest,
    schema: Option<&Schema>,
    table: &str,
) -> Result<Explanation, ExplainError> {
    let name = parse_table_name(table);
    let in_schema = schema.is_some_and(|schema| schema.tables.contains_key(&name));
    if !in_schema && !manifest.tables.contains_key(&name) {
        return Err(unknown(manifest, schema, table));
    }
    let facts = Facts::gather(manifest, schema, &name);
    Ok(Explanation { text: facts.text(), json: facts.json() })
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

/// What both forms are made of.
struct Facts<'a> {
    name: &'a TableName,
    entry: Option<&'a TableEntry>,
    /// The partitioned table whose entry it is, if it is not the table's own.
    entry_of: Option<&'a TableName>,
    /// `None` without a schema.
    in_database: Option<bool>,
    columns: Vec<ColumnFact>,
    policies: BTreeMap<&'a str, PolicyFact>,
    /// Rules of other tables that ask which rows stay here.
    looked_into: Vec<String>,
    points_to: Vec<String>,
    pointed_to_by: Vec<String>,
}

struct ColumnFact {
    name: String,
    type_name: Option<String>,
    /// `None` for a column that has no class, because it needs none or because it lacks one.
    class: Option<Class>,
    remark: Option<&'static str>,
}

struct PolicyFact {
    rule: String,
    place: Option<String>,
    reason: Option<String>,
    audit_allow: Vec<String>,
}

impl<'a> Facts<'a> {
    fn gather(manifest: &'a Manifest, schema: Option<&'a Schema>, name: &'a TableName) -> Self {
        let own = || Box::new(std::iter::once(name)) as Box<dyn Iterator<Item = &'a TableName>>;
        let mut names = schema.map_or_else(own, |schema| Box::new(schema.ancestors(name)));
        let found = names.find_map(|name| Some((name, manifest.tables.get(name)?)));
        let entry = found.map(|(_, entry)| entry);
        let policies = manifest.policies.iter();
        let policies = policies.map(|policy| (policy.as_str(), PolicyFact::of(entry, policy)));
        Facts {
            name,
            entry,
            entry_of: found.map(|(owner, _)| owner).filter(|owner| *owner != name),
            in_database: schema.map(|schema| schema.tables.contains_key(name)),
            columns: column_facts(entry, schema, name),
            policies: policies.collect(),
            looked_into: looked_into(manifest, name),
            points_to: points_to(schema, name),
            pointed_to_by: pointed_to_by(schema, name),
        }
    }

    fn text(&self) -> String {
        let mut text = self.name.short();
        match (self.entry, self.entry_of) {
            (Some(entry), None) => {
                let _ = write!(text, ": {} ({})", entry.class, entry.place);
            }
            (Some(entry), Some(parent)) => {
                let parent = parent.short();
                let _ = write!(text, ": {}, as a part of {parent} ({})", entry.class, entry.place);
            }
            (None, _) => text.push_str(": not in the manifest"),
        }
        text.push('\n');
        if self.in_database == Some(false) {
            text.push_str("this database lacks the table\n");
        }
        text.push_str("\ncolumns\n");
        let width = self.columns.iter().map(|column| column.name.chars().count()).max();
        for column in &self.columns {
            let _ = writeln!(
                text,
                "  {:width$}  {}",
                column.name,
                column.in_words(),
                width = width.unwrap_or_default()
            );
        }
        text.push_str("\nrules\n");
        for (policy, fact) in &self.policies {
            let _ = writeln!(text, "  {policy}: {}", fact.in_words());
        }
        for (title, lines) in [
            ("other rules look into it", &self.looked_into),
            ("it points to", &self.points_to),
            ("what points to it", &self.pointed_to_by),
        ] {
            if !lines.is_empty() {
                let _ = write!(text, "\n{title}\n  {}\n", lines.join("\n  "));
            }
        }
        text
    }

    fn json(&self) -> Value {
        let columns = self.columns.iter().map(|column| {
            json!({
                "name": column.name,
                "type": column.type_name,
                "class": column.class.map(|class| class.to_string()),
                "remark": column.remark,
            })
        });
        let policies = self.policies.iter().map(|(policy, fact)| {
            let value = json!({
                "rule": fact.rule,
                "place": fact.place,
                "reason": fact.reason,
                "audit_allow": fact.audit_allow,
            });
            (policy.to_string(), value)
        });
        json!({
            "table": self.name.short(),
            "class": self.entry.map(|entry| entry.class.to_string()),
            "place": self.entry.map(|entry| entry.place.to_string()),
            "entry_of": self.entry_of.map(TableName::short),
            "in_database": self.in_database,
            "columns": columns.collect::<Vec<_>>(),
            "policies": policies.collect::<serde_json::Map<_, _>>(),
            "looked_into_by": self.looked_into,
            "points_to": self.points_to,
            "pointed_to_by": self.pointed_to_by,
        })
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
                Some(_) if !personal => "kept, as no rule says otherwise",
                _ => "none, which stops a scrub",
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
            let _ = write!(words, "\n    what else is personal may stay: {reason}");
        }
        if !self.audit_allow.is_empty() {
            let columns = self.audit_allow.join(", ");
            let _ = write!(words, "\n    the audit expects personal data in {columns}");
        }
        words
    }
}

/// In the order of the database, followed by what only the manifest has.
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
                (Some(table), Some(entry)) if !telling::needs_class(table, column, entry.class) => {
                    Some("passes unlisted: its type and its name suggest nobody")
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
