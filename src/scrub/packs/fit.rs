//! Fits the packs of a manifest to a database: finds the tables that they know, and gives each its
//! entry, without the columns that this release of the product lacks.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Pack, PackTable};
use crate::schema::{Schema, Table, TableName};
use crate::scrub::manifest::{Manifest, TableEntry};
use crate::scrub::rules::{Class, ColumnAction, ColumnReference, Condition, RowRule, Rule, Test};

/// The table that stands in a pack's reference for every table with this column, as a foreign key
/// to the table of the rule.
const EVERY_TABLE: &str = "*";

impl Manifest {
    /// The manifest with the entries of its packs for the tables of this database. Entries of the
    /// manifest itself come first. Fitting twice changes nothing.
    pub(in crate::scrub) fn fitted(&self, schema: &Schema) -> Cow<'_, Manifest> {
        if self.packs.is_empty() {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Fit::new(self, schema).manifest())
    }

    /// As `fitted`, with the entries of the packs for tables that the database lacks, or for
    /// all without a database.
    pub fn for_explaining(&self, schema: Option<&Schema>) -> Manifest {
        let mut whole =
            schema.map_or_else(|| self.clone(), |schema| self.fitted(schema).into_owned());
        let is_here = |name: &TableName| schema.is_some_and(|one| one.tables.contains_key(name));
        for (name, known) in self.packs.iter().flat_map(|pack| &pack.tables) {
            if !is_here(name) {
                whole.tables.entry(name.clone()).or_insert_with(|| known.entry.clone());
            }
        }
        whole
    }

    /// The packs with tables in this database, without those that another one builds on.
    pub(in crate::scrub) fn packs_of(&self, schema: &Schema) -> Vec<&str> {
        let found = Fit::new(self, schema).found;
        let here = |pack: &&Arc<Pack>| found.values().any(|one| one.pack.name == pack.name);
        let here: Vec<&Arc<Pack>> = self.packs.iter().filter(here).collect();
        let is_implied =
            |name: &str| here.iter().any(|pack| pack.extends.iter().any(|one| one == name));
        here.iter().map(|pack| pack.name).filter(|name| !is_implied(name)).collect()
    }

    /// Why a table with the name of a pack's table is another one.
    pub(in crate::scrub) fn why_stranger(&self, table: &TableName) -> Option<&str> {
        self.strangers.get(table).map(String::as_str)
    }
}

/// A table of the database and the entry that knows it.
#[derive(Clone, Copy)]
struct Found<'a> {
    pack: &'a Pack,
    /// The name of the entry in the pack.
    name: &'a TableName,
    known: &'a PackTable,
}

struct Fit<'a> {
    manifest: &'a Manifest,
    schema: &'a Schema,
    found: BTreeMap<&'a TableName, Found<'a>>,
    /// Tables with the name of a pack's table that are other tables, with the reason.
    strangers: BTreeMap<TableName, String>,
}

impl<'a> Fit<'a> {
    fn new(manifest: &'a Manifest, schema: &'a Schema) -> Self {
        let (found, strangers) = (BTreeMap::new(), BTreeMap::new());
        let mut fit = Fit { manifest, schema, found, strangers };
        fit.find_tables();
        fit.find_tables_named_after_others();
        fit
    }

    fn find_tables(&mut self) {
        for (name, table) in &self.schema.tables {
            if self.is_covered(name) {
                continue;
            }
            let mut found = self.by_name(name, table);
            // A table with a known name is that table, or a stranger.
            if found.is_none() && !self.strangers.contains_key(name) {
                found = self.by_columns(table);
            }
            self.found.extend(found.map(|found| (name, found)));
        }
    }

    /// Whether the manifest itself, or the table's partitioned table, says what it is.
    fn is_covered(&self, name: &TableName) -> bool {
        let mut ancestors = self.schema.ancestors(name);
        ancestors.any(|one| one != name || self.manifest.tables.contains_key(one))
    }

    fn by_name(&mut self, name: &TableName, table: &Table) -> Option<Found<'a>> {
        for pack in &self.manifest.packs {
            let Some((known_name, known)) = pack.tables.get_key_value(name) else { continue };
            match known.identity.mismatch(table) {
                None => {
                    self.strangers.remove(name);
                    return Some(Found { pack, name: known_name, known });
                }
                Some(why) => {
                    let pack = pack.name;
                    let why = format!("it has the name of a table of the pack {pack}, but {why}");
                    self.strangers.insert(name.clone(), why);
                }
            }
        }
        None
    }

    /// The entry with the most identifying columns, of those that know a table by its columns.
    fn by_columns(&self, table: &Table) -> Option<Found<'a>> {
        let entries =
            self.manifest.packs.iter().flat_map(|pack| {
                pack.tables.iter().map(|(name, known)| Found { pack, name, known })
            });
        entries
            .filter(|found| found.known.identity.any_name)
            .filter(|found| found.known.identity.mismatch(table).is_none())
            .max_by_key(|found| found.known.identity.needs.len())
    }

    /// Django names a table of links after the table of the model: `users_user_groups`.
    fn find_tables_named_after_others(&mut self) {
        let renamed: Vec<(&TableName, Found<'a>)> = (self.found.iter())
            .filter(|(name, found)| **name != found.name)
            .map(|(name, found)| (*name, *found))
            .collect();
        for (model, found) in renamed {
            let prefix = format!("{}_", found.name.name);
            for (known_name, known) in &found.pack.tables {
                let Some(suffix) = known_name.name.strip_prefix(&prefix) else { continue };
                let name = TableName::new(&model.schema, format!("{}_{suffix}", model.name));
                let Some((name, table)) = self.schema.tables.get_key_value(&name) else { continue };
                let is_known = self.is_covered(name) || self.found.contains_key(name);
                if !is_known && known.identity.mismatch(table).is_none() {
                    self.found.insert(name, Found { pack: found.pack, name: known_name, known });
                }
            }
        }
    }

    fn manifest(self) -> Manifest {
        let mut manifest = self.manifest.clone();
        for (name, found) in &self.found {
            if let Some(table) = self.schema.tables.get(*name) {
                manifest.tables.insert((*name).clone(), self.entry(name, table, *found));
            }
        }
        for pack in &self.manifest.packs {
            for (kind, values) in &pack.allow {
                manifest.allow.entry(*kind).or_default().extend(values.iter().cloned());
            }
            let runs =
                |table: &TableName| self.found.get(table).is_some_and(|one| one.name == table);
            let statements = pack.after.iter();
            let here = statements.filter(|one| one.if_table.as_ref().is_some_and(runs));
            manifest.after.extend(here.cloned());
        }
        manifest.strangers = self.strangers;
        manifest.packs = Vec::new();
        manifest
    }

    /// The pack's entry without the columns that this table lacks.
    fn entry(&self, name: &TableName, table: &Table, found: Found<'_>) -> TableEntry {
        let mut entry = found.known.entry.clone();
        entry.columns.retain(|column, _| table.column(column).is_some());
        let mut class_of_others = |column: &str, class: Class| {
            let place = entry.place.clone();
            entry.columns.entry(column.to_owned()).or_insert((class, place));
        };
        if let Some(class) = found.known.others {
            table.columns.iter().for_each(|column| class_of_others(&column.name, class));
        }
        if found.name != name {
            // A table of links has a column with the name of the site's model.
            let keys =
                table.foreign_keys.iter().filter(|key| self.found.contains_key(&key.references));
            let columns = keys.flat_map(|key| &key.columns);
            // A key that is a text can be an address.
            let is_number = |column: &&String| {
                table.column(column).is_some_and(|column| !column.can_hold_text())
            };
            columns
                .filter(is_number)
                .for_each(|column| class_of_others(column, Class::Operational));
        }
        let rules: Vec<(String, Rule)> = (entry.rules().iter())
            .map(|(policy, rule)| (policy.clone(), self.rule(name, table, rule.clone())))
            .collect();
        for (policy, rule) in rules {
            entry.set_rule(&policy, rule);
        }
        entry
    }

    fn rule(&self, name: &TableName, table: &Table, mut rule: Rule) -> Rule {
        rule.columns.retain(|column, _| table.column(column).is_some());
        rule.audit_allow.retain(|column| table.column(column).is_some());
        for action in rule.columns.values_mut() {
            if let ColumnAction::NullUnless(references) = action {
                let here = self.references(name, references);
                // What only tables can give that are not there, nothing gives.
                *action = match here.is_empty() {
                    true => ColumnAction::Null,
                    false => ColumnAction::NullUnless(here),
                };
            }
        }
        if let RowRule::KeepWhere(conditions) = &rule.rows {
            let here: Vec<Condition> =
                conditions.iter().map(|condition| self.condition(name, condition)).collect();
            let keeps_none =
                |one: &Condition| matches!(&one.test, Test::In(list) if list.is_empty());
            if here.iter().any(keeps_none) {
                rule.rows = RowRule::Delete;
                rule.columns.clear();
            } else {
                rule.rows = RowRule::KeepWhere(here);
            }
        }
        rule
    }

    fn condition(&self, name: &TableName, condition: &Condition) -> Condition {
        let test = match &condition.test {
            Test::In(references) => Test::In(self.references(name, references)),
            other => other.clone(),
        };
        Condition { column: condition.column.clone(), test }
    }

    /// The references with the names that the tables have here, without tables and columns that
    /// this database lacks.
    fn references(&self, name: &TableName, references: &[ColumnReference]) -> Vec<ColumnReference> {
        let mut here = BTreeSet::new();
        for reference in references {
            let points_here = |table: &Table| {
                let mut keys = table.foreign_keys.iter();
                keys.any(|key| {
                    key.references == *name && key.columns == [reference.column.as_str()]
                })
            };
            for (other, table) in &self.schema.tables {
                let is_meant = match reference.table.name.as_str() {
                    EVERY_TABLE => points_here(table),
                    _ => self.is_called(other, &reference.table),
                };
                if is_meant && table.column(&reference.column).is_some() {
                    let column = reference.column.clone();
                    here.insert(ColumnReference { table: other.clone(), column });
                }
            }
        }
        here.into_iter().collect()
    }

    /// Whether a pack calls the table by this name.
    fn is_called(&self, table: &TableName, name: &TableName) -> bool {
        match self.found.get(table) {
            Some(found) => found.name == name,
            None => table == name,
        }
    }
}
