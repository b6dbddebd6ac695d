//! Decides whether the database accepts what a rule writes: partition keys, CHECK constraints,
//! domains.
//!
//! Conditions that cannot be decided here are collected, so a server evaluates them or the
//! user is warned.

use std::collections::BTreeMap;

use super::checks::{Checks, Subject};
use super::column_type::ColumnType;
use super::findings::{Finding, FindingKind};
use super::rules::{ColumnAction, Piece, Place, RowRule, Template};
use super::unclassified::Emptying;
use super::verdict::{Value, Verdict, verdict};
use crate::archive::mentioned_columns;
use crate::schema::{Check, Column, TableName};

/// A condition on values that a rule writes. Only a server can evaluate it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCheck {
    pub table: TableName,
    /// The place of the rule.
    pub place: Place,
    pub constraint: String,
    pub expression: String,
    /// The domain that has the constraint; `None` for a constraint of the table.
    pub domain: Option<String>,
    /// The columns that the condition reads and the rule rewrites.
    pub written: Vec<WrittenColumn>,
    /// Whether the condition also reads a column that the rule does not change.
    pub reads_others: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenColumn {
    pub name: String,
    pub type_name: String,
    pub values: Written,
}

/// What a rule writes into a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    Null,
    /// The value, or several values where it depends on the row's key. A NULL may stay NULL.
    Values {
        samples: Vec<String>,
        beside_null: bool,
    },
    /// The value depends on the row.
    Unknown,
}

impl OpenCheck {
    /// The constraint in words.
    pub fn constraint_in_words(&self) -> String {
        let OpenCheck { constraint, expression, .. } = self;
        match &self.domain {
            Some(domain) => {
                format!("the constraint {constraint} of the domain {domain}, {expression}")
            }
            None => format!("the constraint {constraint}, CHECK {expression}"),
        }
    }

    /// The text of a warning, for when nothing can evaluate the condition.
    pub fn describe(&self) -> String {
        let columns: Vec<&str> = self.written.iter().map(|one| one.name.as_str()).collect();
        format!(
            "{}.{} is rewritten ({}) and {} was not checked; a restore fails if it refuses the new values",
            self.table.short(),
            columns.join(", "),
            self.place,
            self.constraint_in_words()
        )
    }

    /// The finding for a value that the server refuses.
    pub(super) fn finding(&self, column: &WrittenColumn, value: &Option<String>) -> Finding {
        Finding {
            kind: FindingKind::Contradictory,
            table: Some(self.table.clone()),
            column: Some(column.name.clone()),
            place: Some(self.place.clone()),
            problem: self.problem(value),
            fix: FIX.to_owned(),
        }
    }

    fn problem(&self, value: &Option<String>) -> String {
        format!("{} refuses what the rule writes: {}", self.constraint_in_words(), shown(value))
    }
}

const FIX: &str = "write a value that the constraint accepts, or delete the rows: delete = true";

fn shown(value: &Option<String>) -> String {
    value.as_ref().map_or_else(|| "NULL".to_owned(), |text| format!("{text:?}"))
}

impl Written {
    /// Each value that is certainly written, NULL included.
    pub fn samples(&self) -> Vec<Option<String>> {
        match self {
            Written::Null => vec![None],
            Written::Values { samples, .. } => samples.iter().cloned().map(Some).collect(),
            Written::Unknown => Vec::new(),
        }
    }

    /// The value that every row has afterwards.
    pub fn in_every_row(&self) -> Option<Option<&str>> {
        match self {
            Written::Null => Some(None),
            Written::Values { samples, beside_null: false } => match samples.as_slice() {
                [one] => Some(Some(one)),
                _ => None,
            },
            _ => None,
        }
    }

    fn of(action: &ColumnAction, subject: Subject<'_>, column: &Column) -> Written {
        let values = |samples| Written::Values { samples, beside_null: !column.not_null };
        match action {
            ColumnAction::Set(template) => values(samples(template, subject)),
            ColumnAction::Replace(by) => {
                values(by.examples.iter().map(|one| (*one).to_owned()).collect())
            }
            ColumnAction::Null | ColumnAction::NullUnless(_) => Written::Null,
            ColumnAction::Empty(Emptying::Value(value)) => {
                Written::Values { samples: vec![value.clone()], beside_null: false }
            }
            ColumnAction::Empty(Emptying::Default) | ColumnAction::Edit(_) => Written::Unknown,
        }
    }
}

/// The template's result for a small key, a key of medium length, and the largest key.
fn samples(template: &Template, subject: Subject<'_>) -> Vec<String> {
    if let Some(constant) = template.constant() {
        return vec![constant.to_owned()];
    }
    let sample = |index: usize| {
        let piece = |piece: &Piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Column(column) => {
                let type_name =
                    subject.table.column(column).map_or("", |column| column.type_name.as_str());
                let keys = match type_name {
                    "smallint" => ["1", "1234", "32767"],
                    "uuid" => [
                        "00000000-0000-0000-0000-000000000001",
                        "6f9619ff-8b86-4011-b42d-00c04fc964ff",
                        "ffffffff-ffff-4fff-bfff-ffffffffffff",
                    ],
                    "bigint" => ["1", "1234567", "9223372036854775807"],
                    _ => ["1", "1234567", "2147483647"],
                };
                keys.get(index).copied().unwrap_or_default().to_owned()
            }
        };
        template.pieces.iter().map(piece).collect::<String>()
    };
    (0..3).map(sample).collect()
}

impl<'a> Checks<'a> {
    /// Checks everything that the database demands of the rewritten columns.
    pub(super) fn demands(&mut self, subject: Subject<'a>) {
        if subject.rule.rows == RowRule::Delete || subject.rule.columns.is_empty() {
            return;
        }
        self.partition_keys(subject);
        let schema = self.schema;
        let parent = subject.table.partition_of.as_ref().filter(|parent| {
            let place = |name| self.manifest.entry_of(schema, name).map(|entry| &entry.place);
            place(parent) == place(subject.name)
        });
        let parent = parent.and_then(|name| schema.tables.get(name));
        for check in &subject.table.checks {
            let is_known =
                parent.is_some_and(|parent| parent.checks.iter().any(|one| one.name == check.name));
            if !is_known {
                self.table_check(subject, check);
            }
        }
        if parent.is_none() {
            for (name, action) in &subject.rule.columns {
                if let Some(column) = subject.table.column(name) {
                    self.domains(subject, column, action);
                }
            }
        }
    }

    fn partition_keys(&mut self, subject: Subject<'a>) {
        let schema = self.schema;
        let own = self.manifest.entry_of(schema, subject.name).map(|entry| &entry.place);
        for owner in schema.ancestors(subject.name) {
            // The rule of the parent was checked with the parent.
            let place = self.manifest.entry_of(schema, owner).map(|entry| &entry.place);
            if owner != subject.name && place == own {
                continue;
            }
            let Some(table) = schema.tables.get(owner) else { continue };
            for column in
                table.partition_key.iter().filter(|one| subject.rule.columns.contains_key(*one))
            {
                let problem = format!(
                    "the rule rewrites a column of the partition key of {}, which decides the partition of a row",
                    owner.short()
                );
                let fix = "delete the rows, or do not change the column";
                self.rule_problem(subject, column, problem, fix);
            }
        }
    }

    fn table_check(&mut self, subject: Subject<'a>, check: &Check) {
        let mentioned = mentioned_columns(&check.expression, &subject.table.columns);
        let mut written = Vec::new();
        for name in &mentioned {
            let Some(column) = subject.table.column(name) else { continue };
            if let Some(action) = subject.rule.columns.get(name) {
                written.push(WrittenColumn {
                    name: name.clone(),
                    type_name: column.type_name.clone(),
                    values: Written::of(action, subject, column),
                });
            }
        }
        if written.is_empty() {
            return;
        }
        let open = OpenCheck {
            table: subject.name.clone(),
            place: subject.rule.place.clone(),
            constraint: check.name.clone(),
            expression: check.expression.clone(),
            domain: None,
            reads_others: written.len() < mentioned.len(),
            written,
        };
        self.judge(subject, open, |name| name.to_owned());
    }

    fn domains(&mut self, subject: Subject<'a>, column: &Column, action: &ColumnAction) {
        for (domain, described) in self.schema.domains_of(&column.type_name) {
            let values = Written::of(action, subject, column);
            if described.not_null && values == Written::Null {
                let problem = format!("the domain {domain} is NOT NULL: no rule can null it");
                self.rule_problem(subject, &column.name, problem, FIX);
            }
            for check in &described.checks {
                let open = OpenCheck {
                    table: subject.name.clone(),
                    place: subject.rule.place.clone(),
                    constraint: check.name.clone(),
                    expression: check.expression.clone(),
                    domain: Some(domain.to_owned()),
                    written: vec![WrittenColumn {
                        name: column.name.clone(),
                        type_name: column.type_name.clone(),
                        values: values.clone(),
                    }],
                    reads_others: false,
                };
                // A domain's condition uses this name for the value.
                self.judge(subject, open, |_| "value".to_owned());
            }
        }
    }

    /// Reports a condition that fails whatever else is in the row, and keeps a condition that is
    /// not decided.
    fn judge(&mut self, subject: Subject<'a>, open: OpenCheck, alias: fn(&str) -> String) {
        let mut is_open = false;
        for column in &open.written {
            let verdicts: Vec<Verdict> = (column.values.samples().iter())
                .map(|value| {
                    let mut values: BTreeMap<String, Value> = BTreeMap::new();
                    for other in open.written.iter().filter(|other| other.name != column.name) {
                        if let Some(value) = other.values.in_every_row() {
                            let value = value.map(str::to_owned);
                            values.insert(alias(&other.name), self.value(other, &value));
                        }
                    }
                    values.insert(alias(&column.name), self.value(column, value));
                    let values = values.iter().map(|(name, value)| (name.as_str(), value.clone()));
                    verdict(&open.expression, &values.collect())
                })
                .collect();
            if !verdicts.is_empty() && verdicts.iter().all(|one| *one == Verdict::Fails) {
                let value = column.values.samples().into_iter().next().flatten();
                self.rule_problem(subject, &column.name, open.problem(&value), FIX);
                return;
            }
            is_open |= verdicts.is_empty() || verdicts.contains(&Verdict::Open);
        }
        if is_open {
            self.open_checks.push(open);
        }
    }

    /// The value as its type compares it. Open for types with their own rules of comparison.
    fn value(&self, column: &WrittenColumn, value: &Option<String>) -> Value {
        let Some(text) = value else { return Value::Null };
        let resolved = Column {
            name: column.name.clone(),
            type_name: self.schema.base_type(&column.type_name).to_owned(),
            not_null: false,
            generated: false,
        };
        match ColumnType::of(&resolved) {
            ColumnType::Text => Value::Text(text.clone()),
            ColumnType::Integer => text.parse().map_or(Value::Open, Value::Integer),
            _ => Value::Open,
        }
    }
}
