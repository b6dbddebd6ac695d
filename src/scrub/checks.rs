//! Decides whether a manifest fits a schema: classes, columns, types, keys and foreign keys.

use super::column_type::{ColumnType, placeholder_length};
use super::demands::OpenCheck;
use super::findings::{Finding, FindingKind};
use super::manifest::{LargeObjects, Manifest, TableEntry};
use super::replacements::Replacement;
use super::rules::{
    Class, ColumnAction, ColumnReference, Condition, Edit, Place, RowRule, Rule, Template, Test,
    manifest_name,
};
use super::{foreign_keys, revisions, suspicious_names, unclassified, unique_keys};
use crate::schema::{Column, Schema, Table, TableName};
use crate::words::did_you_mean;

/// Goes through all tables of a schema and collects what does not fit.
pub(super) struct Checks<'a> {
    pub manifest: &'a Manifest,
    pub policy: &'a str,
    pub schema: &'a Schema,
    pub findings: Vec<Finding>,
    pub notes: Vec<String>,
    pub open_checks: Vec<OpenCheck>,
}

/// The table that is being checked.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub name: &'a TableName,
    pub table: &'a Table,
    pub rule: &'a Rule,
}

impl<'a> Checks<'a> {
    pub(super) fn new(manifest: &'a Manifest, policy: &'a str, schema: &'a Schema) -> Self {
        Checks {
            manifest,
            policy,
            schema,
            findings: Vec::new(),
            notes: Vec::new(),
            open_checks: Vec::new(),
        }
    }

    pub(super) fn run(&mut self) {
        if !self.manifest.policies.contains(self.policy) {
            let known: Vec<&str> = self.manifest.policies.iter().map(String::as_str).collect();
            self.findings.push(Finding {
                kind: FindingKind::Unknown,
                table: None,
                column: None,
                place: None,
                problem: format!("the manifest has no policy `{}`", self.policy),
                fix: did_you_mean(self.policy, known.iter().copied())
                    .unwrap_or_else(|| format!("choose one of {}", known.join(", "))),
            });
            return;
        }
        if self.schema.has_large_objects && self.manifest.large_objects == LargeObjects::Refuse {
            self.findings.push(Finding {
                kind: FindingKind::Unclassified,
                table: None,
                column: None,
                place: None,
                problem: "the database has large objects, which can hold personal data".into(),
                fix: "large_objects = \"delete\" # or \"content\" to keep them".into(),
            });
        }
        let schema = self.schema;
        for (name, table) in &schema.tables {
            match self.manifest.entry_of(schema, name) {
                Some(entry) => self.classified_table(name, table, entry),
                None => self.unclassified_table(name, table),
            }
        }
        for (name, entry) in &self.manifest.tables {
            if !schema.tables.contains_key(name) {
                let note = format!("{}: this database has no table {}", entry.place, name.short());
                self.notes.push(note);
            }
        }
    }

    pub(super) fn find(
        &mut self,
        kind: FindingKind,
        table: &TableName,
        column: Option<&str>,
        place: Option<&Place>,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.findings.push(Finding {
            kind,
            table: Some(table.clone()),
            column: column.map(String::from),
            place: place.cloned(),
            problem: problem.into(),
            fix: fix.into(),
        });
    }

    /// Records a problem in a rule.
    pub(super) fn rule_problem(
        &mut self,
        subject: Subject<'_>,
        column: &str,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let kind = FindingKind::Contradictory;
        self.find(kind, subject.name, Some(column), Some(&subject.rule.place), problem, fix);
    }

    /// Records that a rule names something that the database lacks.
    fn lacking(
        &mut self,
        subject: Subject<'_>,
        column: &str,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let kind = FindingKind::Unknown;
        self.find(kind, subject.name, Some(column), Some(&subject.rule.place), problem, fix);
    }

    /// A table that no one classified: whatever its columns are called, none of its rows may pass.
    fn unclassified_table(&mut self, name: &TableName, table: &Table) {
        let columns = table.columns.iter().filter(|column| !column.generated);
        let columns: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
        let (key, list) = (toml_key(&manifest_name(name)), toml_list(&columns));
        let policies: String = self
            .manifest
            .policies
            .iter()
            .map(|policy| format!("\n[tables.{key}.policy.{}]\ndelete = true", toml_key(policy)))
            .collect();
        let problem = match self.manifest.why_stranger(name) {
            Some(why) => format!("the table is not classified: {why}"),
            None => "the table is not classified".to_owned(),
        };
        self.find(
            FindingKind::Unclassified,
            name,
            None,
            None,
            problem,
            format!("[tables.{key}]\nclass = \"personal\"\npersonal = {list}{policies}"),
        );
    }

    fn classified_table(&mut self, name: &'a TableName, table: &'a Table, entry: &'a TableEntry) {
        self.unlisted_columns(name, table, entry);
        for (column, (_, place)) in &entry.columns {
            if table.column(column).is_none() {
                self.notes
                    .push(format!("{place}: {}.{column} is not in this database", name.short()));
            }
        }
        match entry.rule(self.policy) {
            Some(rule) => self.rule(Subject { name, table, rule }, entry),
            None => self.missing_rule(name, table, entry),
        }
    }

    /// One finding for each column, and one set of lines for all of them.
    fn unlisted_columns(&mut self, name: &TableName, table: &Table, entry: &TableEntry) {
        let unlisted: Vec<&Column> = table
            .columns
            .iter()
            .filter(|column| !entry.columns.contains_key(&column.name))
            .filter(|column| suspicious_names::needs_class(table, column, entry.class))
            .collect();
        let (telling, plain): (Vec<&Column>, Vec<&Column>) = unlisted
            .iter()
            .partition(|column| suspicious_names::why_suspicious(table, column).is_some());
        let key = toml_key(&manifest_name(name));
        let line = |list: &str, columns: &[&Column], others: &str| {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            let line = format!("{list} = {} # or {others}, in [tables.{key}]", toml_list(&names));
            (!names.is_empty()).then_some(line)
        };
        let lines = [
            line("personal", &telling, "operational, or content"),
            line("operational", &plain, "personal, or content"),
        ];
        let mut fix = lines.into_iter().flatten().collect::<Vec<_>>().join("\n");
        for column in unlisted {
            let problem = match column.type_name.as_str() {
                "" => "the column is not classified".to_owned(),
                type_name => format!("the column ({type_name}) is not classified"),
            };
            let lines = std::mem::take(&mut fix);
            let (kind, place) = (FindingKind::Unclassified, Some(&entry.place));
            self.find(kind, name, Some(&column.name), place, problem, lines);
        }
    }

    fn missing_rule(&mut self, name: &TableName, table: &Table, entry: &TableEntry) {
        let personal = personal_columns(table, entry);
        if entry.class == Class::Personal || !personal.is_empty() {
            let key = toml_key(&manifest_name(name));
            self.find(
                FindingKind::Contradictory,
                name,
                None,
                Some(&entry.place),
                format!(
                    "the table holds personal data and has no rule for the policy `{}`",
                    self.policy
                ),
                format!("[tables.{key}.policy.{}]\ndelete = true", self.policy),
            );
        }
    }

    fn rule(&mut self, subject: Subject<'a>, entry: &TableEntry) {
        let Subject { name, table, rule } = subject;
        if rule.rows != RowRule::Delete && rule.reason.is_none() {
            for column in personal_columns(table, entry) {
                if !rule.columns.contains_key(column) {
                    self.rule_problem(
                        subject,
                        column,
                        "the column is personal and the rule does not change it",
                        format!(
                            "set = {{ {} = \"\" }} # or give a reason to keep it: reason = \"...\"",
                            toml_key(column)
                        ),
                    );
                }
            }
        }
        let untouched = rule.rows == RowRule::Keep && rule.columns.is_empty();
        if entry.class == Class::Personal && untouched && rule.reason.is_none() {
            let problem = "the rule keeps a personal table without a reason";
            let kind = FindingKind::Contradictory;
            self.find(kind, name, None, Some(&rule.place), problem, "reason = \"why it may stay\"");
        }
        if let RowRule::KeepWhere(conditions) = &rule.rows {
            for condition in conditions {
                self.condition(subject, condition);
            }
        }
        for (column, action) in &rule.columns {
            match table.column(column) {
                Some(column) => self.action(subject, column, action),
                None => self.unknown_column(subject, column),
            }
        }
        for column in &rule.audit_allow {
            if table.column(column).is_none() {
                self.unknown_column(subject, column);
            }
        }
        self.demands(subject);
        unique_keys::check(self, subject);
        // Rows that need rows of an unclassified table are found while rows are read.
        let is_omitted = &*rule.place.origin == unclassified::ORIGIN;
        if rule.rows != RowRule::Keep && !is_omitted {
            foreign_keys::check(self, subject);
        }
    }

    fn unknown_column(&mut self, subject: Subject<'_>, column: &str) {
        let fix =
            "if the column was renamed, write its new name; otherwise remove it from the rule";
        self.lacking(subject, column, "the rule names a column that the table lacks", fix);
    }

    fn condition(&mut self, subject: Subject<'_>, condition: &Condition) {
        let Some(column) = subject.table.column(&condition.column) else {
            return self.unknown_column(subject, &condition.column);
        };
        if column.generated {
            let fix = "name a column that the backup holds";
            self.rule_problem(
                subject,
                &column.name,
                "a generated column cannot be a condition",
                fix,
            );
        }
        if subject
            .rule
            .columns
            .get(&column.name)
            .is_some_and(|one| condition.test.is_undone_by(one))
        {
            let problem = "the rule rewrites the column that decides which rows stay: a second run \
                           would drop them";
            let fix = "decide by another column, or do not rewrite this column";
            self.rule_problem(subject, &column.name, problem, fix);
        }
        match &condition.test {
            Test::In(references) => self.references(subject, column, references),
            Test::OneOf(literals) => {
                for literal in literals {
                    if !ColumnType::of(column).comparable_with(literal) {
                        let problem =
                            format!("cannot compare a {} with {literal}", column.type_name);
                        let fix =
                            "write integers, true and false without quotes, and text with quotes";
                        self.rule_problem(subject, &column.name, problem, fix);
                    }
                }
            }
            Test::IsNull | Test::NotNull => {}
        }
    }

    fn references(
        &mut self,
        subject: Subject<'_>,
        column: &Column,
        references: &[ColumnReference],
    ) {
        for reference in references {
            let table = self.schema.tables.get(&reference.table);
            let Some(target) = table.and_then(|table| table.column(&reference.column)) else {
                let problem = format!("`in` names {reference}, which this database lacks");
                self.lacking(subject, &column.name, problem, "name an existing column");
                continue;
            };
            if !ColumnType::of(column).comparable(ColumnType::of(target)) {
                let problem = format!(
                    "cannot look up a {} in {reference}, which is a {}",
                    column.type_name, target.type_name
                );
                let fix = "look up integers in integer columns, uuids in uuid columns and text in text columns";
                self.rule_problem(subject, &column.name, problem, fix);
            }
            let rule = self
                .manifest
                .entry_of(self.schema, &reference.table)
                .and_then(|entry| entry.rule(self.policy));
            let changed = rule.and_then(|rule| rule.columns.get(&reference.column));
            if matches!(
                changed,
                Some(
                    ColumnAction::Set(_)
                        | ColumnAction::Replace(_)
                        | ColumnAction::Edit(_)
                        | ColumnAction::Empty(_)
                )
            ) {
                let problem = format!("`in` names {reference}, which a rule rewrites");
                self.rule_problem(
                    subject,
                    &column.name,
                    problem,
                    "name a column that no rule changes",
                );
            }
            if target.generated {
                let problem = format!("`in` names {reference}, which is a generated column");
                self.rule_problem(subject, &column.name, problem, "name a stored column");
            }
        }
    }

    fn action(&mut self, subject: Subject<'_>, column: &Column, action: &ColumnAction) {
        let name = column.name.as_str();
        if column.generated {
            let fix = "change the columns that it is computed from";
            self.rule_problem(subject, name, "cannot change a generated column", fix);
            return;
        }
        self.key_column(subject, column, action);
        match action {
            ColumnAction::Set(template) => self.set(subject, column, template),
            ColumnAction::Null | ColumnAction::NullUnless(_) if column.not_null => {
                let fix = format!("set = {{ {} = \"\" }}", toml_key(name));
                self.rule_problem(
                    subject,
                    name,
                    "the column is NOT NULL: no rule can null it",
                    fix,
                );
            }
            ColumnAction::Null => {}
            ColumnAction::NullUnless(references) => self.references(subject, column, references),
            ColumnAction::Replace(by) => self.replace(subject, column, by),
            ColumnAction::Edit(edit) => self.edit(subject, column, edit),
            // The value was chosen to fit the column.
            ColumnAction::Empty(_) => {}
        }
    }

    fn key_column(&mut self, subject: Subject<'_>, column: &Column, action: &ColumnAction) {
        let name = &column.name;
        let table = subject.table;
        let primary = table.unique_keys.iter().any(|key| key.primary && key.columns.contains(name));
        let foreign = table.foreign_keys.iter().any(|key| key.columns.contains(name));
        let referenced = foreign_keys::referencing(self.schema, subject.name)
            .any(|(_, key)| key.referenced_columns.contains(name));
        let nulled = matches!(action, ColumnAction::Null | ColumnAction::NullUnless(_));
        if primary || referenced || (foreign && !nulled) {
            let problem = "the column is a key: no rule can rewrite it";
            self.rule_problem(subject, name, problem, "delete the rows, or do not change the key");
        }
    }

    fn set(&mut self, subject: Subject<'_>, column: &Column, template: &Template) {
        let name = column.name.as_str();
        let column = &self.stored(column);
        if column.type_name.is_empty() {
            let problem = "the column's type is unknown: an extension creates the table";
            self.rule_problem(subject, name, problem, "null the column, or delete the rows");
        } else if let Some(problem) = ColumnType::of(column).refuses(template) {
            self.rule_problem(subject, name, problem, "write a value of the column's type");
        }
        let mut longest = Some(0_usize);
        for piece in &template.pieces {
            let length = match piece {
                super::rules::Piece::Literal(text) => Some(text.chars().count()),
                super::rules::Piece::Column(placeholder) => {
                    self.placeholder(subject, name, placeholder)
                }
            };
            longest = longest.zip(length).map(|(sum, length)| sum + length);
        }
        if let (Some(limit), Some(longest)) = (column.max_length(), longest)
            && longest > limit
        {
            let problem = format!(
                "the template can give {longest} characters, but the column allows only {limit}"
            );
            self.rule_problem(subject, name, problem, "write a shorter template");
        }
    }

    /// The most characters that a placeholder can stand for. `None` if the column cannot be a
    /// placeholder.
    fn placeholder(
        &mut self,
        subject: Subject<'_>,
        name: &str,
        placeholder: &str,
    ) -> Option<usize> {
        let Some(source) = subject.table.column(placeholder) else {
            let problem =
                format!("the template names the column {placeholder}, which the table lacks");
            self.lacking(subject, name, problem, "name an existing column, usually {id}");
            return None;
        };
        let entry = self.manifest.entry_of(self.schema, subject.name);
        let class = entry.and_then(|entry| entry.columns.get(placeholder)).map(|(class, _)| *class);
        if subject.rule.columns.contains_key(placeholder) {
            let problem = format!(
                "the template uses {placeholder}, which the same rule rewrites: a second \
                 run would give another value"
            );
            self.rule_problem(subject, name, problem, "use {id}");
            return None;
        }
        let length = placeholder_length(source).filter(|_| source.not_null && !source.generated);
        if class == Some(Class::Personal) || length.is_none() {
            let problem = format!(
                "the template cannot use {placeholder}: a placeholder must be an integer or uuid \
                 column that is NOT NULL and not personal"
            );
            self.rule_problem(subject, name, problem, "use {id}");
            return None;
        }
        length
    }

    /// The column with the type in which its values are stored: a domain stands for another type.
    fn stored(&self, column: &Column) -> Column {
        let type_name = self.schema.base_type(&column.type_name).to_owned();
        Column { type_name, ..column.clone() }
    }

    fn replace(&mut self, subject: Subject<'_>, column: &Column, by: &Replacement) {
        let column = &self.stored(column);
        let fits = column.max_length().is_none_or(|limit| by.longest <= limit);
        if ColumnType::of(column) != ColumnType::Text || !fits {
            let problem = format!("a {} column cannot hold {}", column.type_name, by.value);
            self.rule_problem(subject, &column.name, problem, by.purpose);
        }
    }

    fn edit(&mut self, subject: Subject<'_>, column: &Column, edit: &Edit) {
        let family = ColumnType::of(column);
        if !edit.remove_members.is_empty() && family != ColumnType::Jsonb {
            let problem =
                format!("can remove members only from jsonb, not from {}", column.type_name);
            self.rule_problem(subject, &column.name, problem, "set or redact the column instead");
        }
        if edit.keep.is_some() && !matches!(family, ColumnType::Json | ColumnType::Jsonb) {
            let problem =
                format!("can keep members only in json and jsonb, not in {}", column.type_name);
            self.rule_problem(subject, &column.name, problem, "set or redact the column instead");
        }
        self.unnamed_members(subject, column, edit);
        if !edit.redact.is_empty() && !family.is_plain_text() && family != ColumnType::Jsonb {
            let problem = format!("cannot redact a {}", column.type_name);
            let fix =
                "redact only text, character varying and jsonb; set or null this column instead";
            self.rule_problem(subject, &column.name, problem, fix);
        }
    }
}

impl Checks<'_> {
    /// Requires that personal JSON names the members that stay. For revisions, the columns of the
    /// model name them.
    fn unnamed_members(&mut self, subject: Subject<'_>, column: &Column, edit: &Edit) {
        let entry = self.manifest.entry_of(self.schema, subject.name);
        let class =
            entry.and_then(|entry| entry.columns.get(&column.name)).map(|(class, _)| *class);
        let is_json = matches!(ColumnType::of(column), ColumnType::Json | ColumnType::Jsonb);
        let is_judged = edit.keep.is_some()
            || (column.name == revisions::CONTENT
                && revisions::is_revisions(subject.name, subject.table));
        if is_json && class == Some(Class::Personal) && !is_judged {
            let problem = "the rule does not say which members of the personal JSON stay";
            let name = toml_key(&column.name);
            let fix = format!("keep_members = {{ {name} = [\"a\", \"b.*.c\"] }} # or [] for none");
            self.rule_problem(subject, &column.name, problem, fix);
        }
    }
}

fn personal_columns<'t>(table: &'t Table, entry: &TableEntry) -> Vec<&'t str> {
    let is_personal = |column: &&Column| {
        !column.generated && matches!(entry.columns.get(&column.name), Some((Class::Personal, _)))
    };
    table.columns.iter().filter(is_personal).map(|column| column.name.as_str()).collect()
}

/// A TOML key, quoted where it is not a bare one.
pub(super) fn toml_key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !name.is_empty() && name.bytes().all(bare) { name.into() } else { toml_string(name) }
}

/// A TOML string in one line, which a key has to be. JSON's escapes are TOML's, save that TOML
/// wants the delete character escaped as well.
pub(super) fn toml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7F}', "\\u007F")
}

fn toml_list(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| toml_string(name)).collect();
    format!("[{}]", names.join(", "))
}
