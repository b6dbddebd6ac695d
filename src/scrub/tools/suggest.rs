//! Drafts the entries that a manifest lacks.
//!
//! A draft holds names, types and counts, never a value. A column that no rule fits gets none, so
//! the checks still report it: a draft must not hide a gap.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::checks::toml_string;
use super::super::manifest::{ANY_POLICY, BuiltIn, LargeObjects, Manifest, TableEntry};
use super::super::packs;
use super::super::rules::{Class, ColumnAction, Place, RowRule, Rule};
use super::super::suspicious_names;
use super::cut;
use super::draft;
use super::framework;
use super::guess::guess;
use super::problem::Severity;
use super::revision_draft;
use super::revision_samples::RevisionSamples;
use super::sample::ColumnSample;
use super::spell::{self, SpelledColumn, one_line};
use super::validate::validate;
use crate::schema::{Column, Schema, Table, TableName};

/// What sampled values of each table showed.
pub trait Samples {
    /// What the values of the column showed.
    fn column(&self, table: &TableName, column: &str) -> ColumnSample;

    /// What was read of revisions, if anything.
    fn revisions(&self) -> Option<&RevisionSamples> {
        None
    }
}

/// For drafts without sampled values.
pub struct NoSamples;

impl Samples for NoSamples {
    fn column(&self, _: &TableName, _: &str) -> ColumnSample {
        ColumnSample::default()
    }
}

/// TOML for everything that needs a class and has none.
///
/// If the manifest is the built-in one or has no entries, the result is a whole file. Otherwise it
/// is to be added to the existing file. If it replaces an existing entry, a comment says so.
pub fn suggest(schema: &Schema, manifest: &Manifest, samples: &dyn Samples) -> String {
    let drafted = suggest_parts(schema, manifest, samples);
    drafted.beginning + &drafted.entries
}

/// A draft in two parts.
pub struct Drafted {
    /// What begins a file, or a comment on where to add the entries.
    pub beginning: String,
    pub entries: String,
}

impl Drafted {
    /// Whether nothing lacks a class.
    pub fn is_empty(&self) -> bool {
        !self.entries.lines().any(|line| line.starts_with('['))
    }
}

/// As [`suggest`], in parts.
pub fn suggest_parts(schema: &Schema, manifest: &Manifest, samples: &dyn Samples) -> Drafted {
    let packs = manifest.packs_of(schema);
    let manifest = &*manifest.fitted(schema);
    let mut known = framework::entries(schema, manifest, samples);
    let mut round = suggest_with(schema, manifest, &packs, samples, &known);
    // A known entry may not fit this schema. The table is then guessed like any other.
    loop {
        let unfit: Vec<TableName> =
            round.problems.iter().flat_map(|(table, _)| table.clone()).collect();
        let before = known.len();
        known.retain(|table, _| !unfit.contains(table));
        if known.len() == before {
            return round.drafted;
        }
        round = suggest_with(schema, manifest, &packs, samples, &known);
    }
}

/// The entries alone, without what begins a file and without a check of the whole manifest. For a
/// schema that has only a part of the database's tables.
pub fn missing_entries(schema: &Schema, manifest: &Manifest) -> String {
    let manifest = &*manifest.fitted(schema);
    let known = BTreeMap::new();
    let drafts = drafts(schema, manifest, &NoSamples, &known);
    drafts.iter().map(Draft::spell).collect::<Vec<_>>().join("\n")
}

/// A draft, and the problems that a check against the schema finds.
struct Round {
    drafted: Drafted,
    problems: Vec<(Option<TableName>, String)>,
}

fn suggest_with(
    schema: &Schema,
    manifest: &Manifest,
    packs: &[&str],
    samples: &dyn Samples,
    known: &BTreeMap<TableName, TableEntry>,
) -> Round {
    let drafts = drafts(schema, manifest, samples, known);
    let tables: String = drafts.iter().map(|draft| format!("\n{}", draft.spell())).collect();
    let whole = with_draft(manifest, &tables);
    let problems: Vec<(Option<TableName>, String)> = whole
        .iter()
        .flat_map(|whole| validate(whole, schema))
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| {
            let column = problem.column.as_ref().map(|one| format!(".{one}")).unwrap_or_default();
            let table = problem.table.as_ref().map(TableName::short).unwrap_or_default();
            (problem.table, format!("{table}{column}: {}", problem.problem))
        })
        .collect();
    let mut text = String::new();
    let lines: BTreeSet<String> = problems
        .iter()
        .filter(|(table, _)| table.is_some())
        .map(|(_, line)| format!("#   {}\n", one_line(line)))
        .collect();
    if !lines.is_empty() {
        text.push_str("\n# Decide these before a scrub can use the manifest:\n");
        text.extend(lines);
    }
    let revisions = samples
        .revisions()
        .map(|seen| revision_draft::draft(seen, schema, whole.as_ref().unwrap_or(manifest)))
        .unwrap_or_default();
    if drafts.is_empty() && revisions.is_empty() {
        text.push_str("# Everything that needs a class has one.\n");
    }
    text.push_str(&revisions);
    text.push_str(&tables);
    let beginning = header(schema, manifest, packs);
    Round { drafted: Drafted { beginning, entries: text }, problems }
}

/// The manifest with the draft added. `None` if the draft cannot be read, which would be a bug of
/// bcops.
fn with_draft(manifest: &Manifest, tables: &str) -> Option<Manifest> {
    let policies: Vec<String> = manifest.policies.iter().map(|name| toml_string(name)).collect();
    let text = format!("schema_version = 1\npolicies = [{}]\n{tables}", policies.join(", "));
    let drafted = Manifest::parse("draft", &text).ok()?;
    let mut whole = manifest.clone();
    whole.tables.extend(drafted.tables);
    Some(whole)
}

fn header(schema: &Schema, manifest: &Manifest, packs: &[&str]) -> String {
    let mut text = String::new();
    let is_own = |entry: &TableEntry| !packs::is_compiled_in(&entry.place);
    if manifest.tables.values().any(is_own) {
        text.push_str("# Add these entries to your manifest.\n");
        return text;
    }
    text.push_str("schema_version = 1\n");
    match manifest.base {
        Some(BuiltIn::Site) => text.push_str("extends = \"built-in\"\n"),
        Some(BuiltIn::Packs) => {
            let names: Vec<String> = packs.iter().map(|name| toml_string(name)).collect();
            text.push_str(&format!("extends = [{}]\n", names.join(", ")));
        }
        None => {
            let policies: Vec<String> =
                manifest.policies.iter().map(|name| toml_string(name)).collect();
            text.push_str(&format!("policies = [{}]\n", policies.join(", ")));
        }
    }
    if schema.has_large_objects && manifest.large_objects == LargeObjects::Refuse {
        text.push_str("large_objects = \"delete\" # they can hold anything\n");
    }
    text
}

/// An entry that is being drafted.
pub(super) struct Draft<'a> {
    pub name: &'a TableName,
    pub table: &'a Table,
    class: Class,
    columns: Vec<SpelledColumn>,
    rules: BTreeMap<String, Rule>,
    /// The entry that this one replaces.
    replaces: Option<&'a Place>,
    /// Whether classes and rules come from the known entries of Django's and Wagtail's tables.
    is_known: bool,
    remarks: Vec<String>,
}

fn drafts<'a>(
    schema: &'a Schema,
    manifest: &'a Manifest,
    samples: &dyn Samples,
    known: &'a BTreeMap<TableName, TableEntry>,
) -> Vec<Draft<'a>> {
    let mut drafts: Vec<Draft<'a>> = Vec::new();
    for (name, table) in &schema.tables {
        let own = manifest.tables.get(name);
        if own.is_none() && is_covered(name, table, schema, manifest) {
            continue;
        }
        let base = own.or_else(|| known.get(name));
        let unclassified: Vec<&Column> = table
            .columns
            .iter()
            .filter(|column| match base {
                Some(entry) => {
                    suspicious_names::needs_class(table, column, entry.class)
                        && !entry.columns.contains_key(&column.name)
                }
                None => !column.generated,
            })
            .collect();
        if own.is_none() || !unclassified.is_empty() {
            let mut draft = begin(name, table, base, &unclassified, samples);
            draft.is_known = own.is_none() && base.is_some();
            draft.replaces = own.map(|entry| &entry.place);
            drafts.push(draft);
        }
    }
    let goes = |draft: &&Draft<'_>| {
        let is_new = draft.is_new();
        let is_deleted = |rule: &Rule| rule.rows == RowRule::Delete;
        (is_new && draft.class == Class::Personal && draft.stays().is_none())
            || (draft.is_known && !draft.rules.is_empty() && draft.rules.values().all(is_deleted))
    };
    let candidates = drafts.iter().filter(goes).map(|draft| draft.name);
    let mut deletable: BTreeSet<&TableName> = draft::deletable(candidates, manifest, schema);
    let addresses = draft::may_write_addresses(manifest);
    let cut = cut::links_to_tables_without_a_rule(&drafts, schema, &deletable, addresses);
    deletable.extend(cut.tables);
    for draft in &mut drafts {
        draft.add_rules(manifest, schema, deletable.contains(draft.name), addresses);
        for column in cut.columns.get(draft.name).into_iter().flatten() {
            draft.empty(column);
        }
    }
    drafts
}

/// Whether the table is a partition of one that has an entry, or gets a draft, with the same
/// columns.
fn is_covered(name: &TableName, table: &Table, schema: &Schema, manifest: &Manifest) -> bool {
    table.partition_of.as_ref().is_some_and(|parent| schema.tables.contains_key(parent))
        || manifest.entry_of(schema, name).is_some()
}

/// A draft with classes and without new rules.
fn begin<'a>(
    name: &'a TableName,
    table: &'a Table,
    own: Option<&'a TableEntry>,
    unclassified: &[&Column],
    samples: &dyn Samples,
) -> Draft<'a> {
    let mut columns: Vec<SpelledColumn> = own
        .into_iter()
        .flat_map(|entry| &entry.columns)
        .map(|(column, (class, _))| SpelledColumn {
            name: column.clone(),
            class: *class,
            remark: None,
        })
        .collect();
    for column in unclassified {
        let guess = guess(name, table, column, &samples.column(name, &column.name));
        columns.push(SpelledColumn {
            name: column.name.clone(),
            class: guess.class,
            remark: Some(guess.reason),
        });
    }
    let any = |class| columns.iter().any(|column| column.class == class);
    let class = match own {
        Some(entry) => entry.class,
        None if any(Class::Personal) => Class::Personal,
        None if any(Class::Content) => Class::Content,
        None => Class::Operational,
    };
    if own.is_none() {
        // In a table that is not personal, only columns that must be listed get a line.
        columns.retain(|one| {
            let column = table.column(&one.name);
            column.is_none_or(|column| suspicious_names::needs_class(table, column, class))
        });
    }
    let rules = own.map(|entry| entry.rules().clone()).unwrap_or_default();
    let remarks = Vec::new();
    Draft { name, table, class, columns, rules, replaces: None, is_known: false, remarks }
}

impl<'a> Draft<'a> {
    /// Whether nothing is known or written about the table yet.
    pub fn is_new(&self) -> bool {
        self.replaces.is_none() && !self.is_known
    }

    /// The personal columns that still need a rule.
    pub fn without_rule(&self) -> Vec<&'a Column> {
        let table = self.table;
        self.columns
            .iter()
            .filter(|column| column.class == Class::Personal && column.remark.is_some())
            .filter_map(|column| table.column(&column.name))
            .collect()
    }

    /// Why the rows should stay, whether or not other rows point to them, if there is a reason.
    pub fn stays(&self) -> Option<String> {
        let primary = self.table.unique_keys.iter().find(|key| key.primary);
        let inherits = primary.and_then(|primary| {
            let mut keys = self.table.foreign_keys.iter();
            keys.find(|key| primary.columns.iter().all(|column| key.columns.contains(column)))
        });
        if let Some(key) = inherits {
            return Some(format!("each is a part of a row of {}", key.references.short()));
        }
        let published = self.columns.iter().any(|column| column.class == Class::Content);
        published.then(|| "they also hold published content".into())
    }

    fn add_rules(
        &mut self,
        manifest: &Manifest,
        schema: &Schema,
        deletable: bool,
        addresses: bool,
    ) {
        let is_new = self.is_new();
        let new_personal = self.without_rule();
        if new_personal.is_empty() {
            return;
        }
        if is_new && deletable {
            let rule = Rule { rows: RowRule::Delete, ..self.empty_rule() };
            self.rules.insert(ANY_POLICY.into(), rule);
            return;
        }
        if is_new {
            let why = self.stays().unwrap_or_else(|| {
                format!("other tables point to them: {}", referring(schema, self.name))
            });
            self.remarks.push(format!("Rows stay, because {why}."));
        }
        let mut actions = BTreeMap::new();
        for column in new_personal {
            match draft::action(self.name, self.table, column, schema, addresses) {
                Some(action) => {
                    actions.insert(column.name.clone(), action);
                }
                None => self.remarks.push(format!(
                    "No rule fits {} ({}): delete the rows, or give a reason to keep it.",
                    column.name, column.type_name
                )),
            }
        }
        if actions.is_empty() {
            return;
        }
        let ruled = manifest.policies.iter().all(|policy| self.rules.contains_key(policy));
        if !ruled && !self.rules.contains_key(ANY_POLICY) {
            let rule = self.empty_rule();
            self.rules.insert(ANY_POLICY.into(), rule);
        }
        for rule in self.rules.values_mut().filter(|rule| rule.rows != RowRule::Delete) {
            for (column, action) in &actions {
                rule.columns.entry(column.clone()).or_insert_with(|| action.clone());
            }
        }
    }

    /// Empties a link to rows that are deleted.
    fn empty(&mut self, column: &str) {
        if self.rules.is_empty() {
            self.rules.insert(ANY_POLICY.into(), self.empty_rule());
        }
        for rule in self.rules.values_mut().filter(|rule| rule.rows != RowRule::Delete) {
            rule.columns.insert(column.to_owned(), ColumnAction::Null);
        }
        self.remarks.push(format!("{column} is emptied, because it points to deleted rows."));
    }

    fn empty_rule(&self) -> Rule {
        Rule {
            place: Place { origin: Arc::from("draft"), line: 1 },
            rows: RowRule::Keep,
            columns: BTreeMap::new(),
            reason: None,
            audit_allow: BTreeSet::new(),
        }
    }

    fn spell(&self) -> String {
        let mut text = String::new();
        if let Some(place) = self.replaces {
            text.push_str(&format!("# Replaces the entry at {place}.\n"));
        }
        for remark in &self.remarks {
            text.push_str(&format!("# {}\n", one_line(remark)));
        }
        text.push_str(&spell::table(self.name, self.class, &self.columns));
        for (policy, rule) in &self.rules {
            text.push_str(&spell::rule(self.name, policy, rule));
        }
        text
    }
}

fn referring(schema: &Schema, table: &TableName) -> String {
    let keys = super::super::foreign_keys::referencing(schema, table);
    let names: BTreeSet<String> =
        keys.filter(|(child, _)| *child != table).map(|(child, _)| child.short()).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}
