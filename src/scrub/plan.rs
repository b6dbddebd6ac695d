//! Fits a manifest to a database, and plans what to do with every table.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::checks::Checks;
use super::demands::OpenCheck;
use super::encoded::Form;
use super::findings::{Finding, FindingKind, PlanError};
use super::manifest::{AfterStatement, LargeObjects, Manifest, TableEntry};
use super::patterns::Kind;
use super::published::{AllowedNumber, identifying_columns};
use super::revisions::{CONTENT_TYPE_COLUMNS, Revisions, filter_revisions};
use super::rules::{
    Class, ColumnAction, ColumnReference, Condition, Edit, Keep, Place, RowRule, Rule, Test,
};
use super::unclassified::{Emptying, Need};
use crate::schema::{Schema, Table, TableName};

/// What to do with every table of one database under one policy.
#[derive(Debug, Clone)]
pub struct ScrubPlan {
    policy: String,
    tables: BTreeMap<TableName, TablePlan>,
    /// Materialized views of a live database. They are audited and have no rules.
    views: BTreeMap<TableName, TablePlan>,
    held: Vec<TableName>,
    sought: Vec<TableName>,
    notes: Vec<String>,
    open_checks: Vec<OpenCheck>,
    after: Vec<AfterStatement>,
    large_objects: LargeObjects,
    pub(super) allow: BTreeMap<Kind, Vec<String>>,
    pub(super) published: Vec<AllowedNumber>,
    /// The manifest of the plan, for views that are known only when they are built.
    manifest: Arc<Manifest>,
}

/// How a table's rows are handled in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableAction {
    /// The rows pass unchanged.
    Keep,
    /// No row passes, so the block need not be read.
    Delete,
    /// The rows pass through a [`super::Rewriter`], possibly only because other tables need their
    /// keys.
    Rewrite,
    /// As `Rewrite`, but after the other tables, because keys of later tables decide.
    Held,
}

#[derive(Debug, Clone)]
pub struct TablePlan {
    pub class: Class,
    pub action: TableAction,
    /// The rule in words: "every row deleted", "email set to `…`; password made unusable".
    pub description: String,
    pub(super) rule: Option<Rule>,
    pub(super) columns: Vec<PlannedColumn>,
    /// The columns of the primary key.
    pub(super) key: Vec<String>,
    /// Columns whose kept values other tables need, and the reference that names them.
    pub(super) remembered: BTreeSet<(String, ColumnReference)>,
    /// Foreign keys to tables that are loaded without rows.
    pub(super) needs: Vec<Need>,
    /// For a table of revisions: which members of which model stay.
    pub(super) revisions: Option<Arc<Revisions>>,
    /// Whether the rows are content types that a table of revisions needs.
    pub(super) lists_models: bool,
}

impl TablePlan {
    /// Whether any of its columns can hold text.
    pub fn holds_text(&self) -> bool {
        self.columns.iter().any(|column| column.can_hold_text)
    }

    /// Whether rows may be dropped or changed. Without such a rule, a [`super::Rewriter`] reads the
    /// table only if other tables need its keys.
    pub fn changes_rows(&self) -> bool {
        self.rule
            .as_ref()
            .is_some_and(|rule| rule.rows != RowRule::Keep || !rule.columns.is_empty())
    }
}

#[derive(Debug, Clone)]
pub(super) struct PlannedColumn {
    pub name: String,
    pub class: Option<Class>,
    pub can_hold_text: bool,
    pub max_length: Option<usize>,
    pub form: Form,
}

impl ScrubPlan {
    /// Checks the manifest against the schema. `stream_order` is the order of the rows. It may be
    /// empty for a live database, where order does not matter.
    pub fn new(
        manifest: &Manifest,
        policy: &str,
        schema: &Schema,
        stream_order: &[TableName],
    ) -> Result<ScrubPlan, PlanError> {
        let manifest = &*manifest.fitted(schema);
        let mut checks = Checks::new(manifest, policy, schema);
        checks.run();
        let mut findings = checks.findings;
        let mut tables: BTreeMap<TableName, TablePlan> = schema
            .tables
            .keys()
            .map(|name| (name.clone(), table_plan(manifest, policy, schema, name)))
            .collect();
        let lookups = lookups_by_table(&tables, schema);
        let order = match topological_order(&lookups) {
            Ok(order) => order,
            Err(cycle) => {
                findings.push(cycle_finding(&tables, &cycle));
                Vec::new()
            }
        };
        if !findings.is_empty() {
            return Err(PlanError { policy: policy.into(), findings });
        }
        remember_keys(&mut tables, schema);
        remember_models(&mut tables, schema);
        let held = hold_back(&mut tables, &lookups, &order, stream_order);
        let sought = sought_by(&held, &lookups, &order);
        Ok(ScrubPlan {
            policy: policy.into(),
            tables,
            views: BTreeMap::new(),
            held,
            sought,
            notes: checks.notes,
            open_checks: checks.open_checks,
            after: manifest.after.clone(),
            large_objects: manifest.large_objects,
            allow: manifest.allow.clone(),
            published: manifest.published.clone(),
            manifest: Arc::new(manifest.clone()),
        })
    }

    /// Sets the foreign keys whose rows are counted, because the rows that they need are not
    /// loaded.
    pub(super) fn set_needs(&mut self, needs: BTreeMap<TableName, Vec<Need>>) {
        for (table, needs) in needs {
            if let Some(plan) = self.tables.get_mut(&table).filter(|_| !needs.is_empty()) {
                plan.needs = needs;
                if plan.action == TableAction::Keep {
                    plan.action = TableAction::Rewrite;
                }
            }
        }
    }

    /// The columns of a table that are loaded. The others get their defaults.
    pub fn loaded_columns(&self, table: &TableName, columns: &[String]) -> Vec<String> {
        let rule = self.tables.get(table).and_then(|plan| plan.rule.as_ref());
        let is_left = |column: &&String| {
            let action = rule.and_then(|rule| rule.columns.get(*column));
            action != Some(&ColumnAction::Empty(Emptying::Default))
        };
        columns.iter().filter(is_left).cloned().collect()
    }

    /// As [`Self::with_views`], with the manifest of this plan.
    pub fn with_its_views(
        self,
        views: &BTreeMap<TableName, Table>,
    ) -> Result<ScrubPlan, PlanError> {
        let manifest = Arc::clone(&self.manifest);
        self.with_views(&manifest, views)
    }

    /// Adds materialized views. They are refreshed, then audited like tables. The manifest may
    /// class their columns and may not have rules for them.
    pub fn with_views(
        mut self,
        manifest: &Manifest,
        views: &BTreeMap<TableName, Table>,
    ) -> Result<ScrubPlan, PlanError> {
        let mut findings = Vec::new();
        for (name, view) in views {
            let entry = manifest.tables.get(name);
            if let Some(entry) = entry.filter(|entry| !entry.rules().is_empty()) {
                findings.push(view_with_rules(name, entry));
            }
            let mut plan = planned(entry, None, Some(view));
            for column in &mut plan.columns {
                column.class = column.class.or_else(|| entry.map(|entry| entry.class));
            }
            self.views.insert(name.clone(), plan);
        }
        if findings.is_empty() {
            Ok(self)
        } else {
            Err(PlanError { policy: self.policy, findings })
        }
    }

    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// `None` means that the schema lacks the table: nothing may be loaded into it.
    pub fn table(&self, table: &TableName) -> Option<&TablePlan> {
        self.tables.get(table)
    }

    /// What is audited: tables and materialized views.
    pub(super) fn audited(&self, name: &TableName) -> Option<&TablePlan> {
        self.tables.get(name).or_else(|| self.views.get(name))
    }

    /// The columns that identify a row of a table.
    pub(super) fn identifying_columns(&self, name: &TableName) -> Vec<String> {
        self.audited(name).map(|plan| identifying_columns(name, plan)).unwrap_or_default()
    }

    pub fn tables(&self) -> impl Iterator<Item = (&TableName, &TablePlan)> {
        self.tables.iter()
    }

    /// Tables to process after all others, in this order.
    pub fn held_tables(&self) -> &[TableName] {
        &self.held
    }

    /// The tables whose keys the held tables need, directly or indirectly. Each comes after those
    /// that it looks into. Once their keys are known, no table has to be held.
    pub fn tables_sought_by_held(&self) -> &[TableName] {
        &self.sought
    }

    /// Whether any row of any table may be dropped or changed.
    pub fn changes_rows(&self) -> bool {
        self.tables.values().any(TablePlan::changes_rows)
    }

    /// Facts for the user that are no reason to stop.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Conditions on written values that only a server can evaluate.
    pub fn open_checks(&self) -> &[OpenCheck] {
        &self.open_checks
    }

    pub fn large_objects(&self) -> LargeObjects {
        self.large_objects
    }

    /// The statements to run after the rows are loaded.
    pub fn after_statements(&self) -> impl Iterator<Item = &str> {
        self.after
            .iter()
            .filter(|statement| statement.policies.contains(&self.policy))
            .filter(|statement| {
                statement.if_table.as_ref().is_none_or(|table| self.tables.contains_key(table))
            })
            .map(|statement| statement.sql.as_str())
    }
}

fn table_plan(manifest: &Manifest, policy: &str, schema: &Schema, name: &TableName) -> TablePlan {
    let entry = manifest.entry_of(schema, name);
    let rule = entry.and_then(|entry| entry.rule(policy)).cloned();
    let Some(table) = schema.tables.get(name) else { return planned(entry, rule, None) };
    let empty_rule = || Rule {
        place: entry.map_or_else(unplaced, |entry| entry.place.clone()),
        rows: RowRule::Keep,
        columns: BTreeMap::new(),
        reason: None,
        audit_allow: BTreeSet::new(),
    };
    let (rule, named) = filter_revisions(name, table, rule, empty_rule);
    let asks_for_models = rule.as_ref().is_some_and(|rule| {
        rule.columns.values().any(|action| {
            matches!(action, ColumnAction::Edit(Edit { keep: Some(Keep::OfModel), .. }))
        })
    });
    let mut plan = planned(entry, rule, Some(table));
    if asks_for_models {
        plan.revisions = Some(Arc::new(Revisions::new(manifest, policy, schema, name, &named)));
    }
    plan
}

fn unplaced() -> Place {
    Place { origin: Arc::from("the plan"), line: 0 }
}

fn planned(entry: Option<&TableEntry>, rule: Option<Rule>, table: Option<&Table>) -> TablePlan {
    let columns = table
        .into_iter()
        .flat_map(|table| table.columns.iter().map(move |column| (table, column)))
        .map(|(table, column)| PlannedColumn {
            name: column.name.clone(),
            class: entry.and_then(|entry| entry.columns.get(&column.name)).map(|(class, _)| *class),
            can_hold_text: column.can_hold_text(),
            max_length: column.max_length(),
            form: Form::of(table, column),
        })
        .collect();
    let action = match &rule {
        Some(Rule { rows: RowRule::Delete, .. }) => TableAction::Delete,
        Some(rule) if rule.rows != RowRule::Keep || !rule.columns.is_empty() => {
            TableAction::Rewrite
        }
        _ => TableAction::Keep,
    };
    TablePlan {
        class: entry.map_or(Class::Operational, |entry| entry.class),
        action,
        description: rule.as_ref().map_or_else(|| "kept".into(), describe),
        rule,
        columns,
        key: table.map(primary_key).unwrap_or_default(),
        remembered: BTreeSet::new(),
        needs: Vec::new(),
        revisions: None,
        lists_models: false,
    }
}

fn primary_key(table: &Table) -> Vec<String> {
    let primary = table.unique_keys.iter().find(|key| key.primary);
    primary.map(|key| key.columns.clone()).unwrap_or_default()
}

fn view_with_rules(name: &TableName, entry: &TableEntry) -> Finding {
    Finding {
        kind: FindingKind::Contradictory,
        table: Some(name.clone()),
        column: None,
        place: Some(entry.place.clone()),
        problem: "no rule can change rows of a materialized view".into(),
        fix: "write rules for the tables that the view reads, and only classes for the view".into(),
    }
}

/// A rule in words.
pub(super) fn describe(rule: &Rule) -> String {
    let columns: Vec<String> =
        rule.columns.iter().map(|(name, action)| describe_action(name, action)).collect();
    let columns = (!columns.is_empty()).then(|| columns.join("; "));
    match (&rule.rows, columns) {
        (RowRule::Delete, _) => "every row deleted".into(),
        (RowRule::Keep, Some(columns)) => columns,
        (RowRule::Keep, None) => match &rule.reason {
            Some(reason) => format!("kept: {reason}"),
            None => "kept".into(),
        },
        (RowRule::KeepWhere(conditions), columns) => {
            let conditions: Vec<_> = conditions.iter().map(describe_condition).collect();
            let mut text = format!("rows kept where {}", conditions.join(" and "));
            if let Some(columns) = columns {
                text.push_str("; ");
                text.push_str(&columns);
            }
            text
        }
    }
}

fn describe_action(column: &str, action: &ColumnAction) -> String {
    match action {
        ColumnAction::Set(template) => format!("{column} set to `{template}`"),
        ColumnAction::Null => format!("{column} emptied"),
        ColumnAction::NullUnless(references) => {
            format!("{column} emptied unless it is in {}", alternatives(references))
        }
        ColumnAction::Replace(by) => format!("{column} {}", by.described),
        ColumnAction::Empty(_) => format!("{column} emptied, because it is not classified"),
        ColumnAction::Edit(edit) => {
            let mut changes = Vec::new();
            match &edit.keep {
                Some(Keep::Named(paths)) if paths.is_empty() => {
                    changes.push("without any member".into());
                }
                Some(Keep::Named(paths)) => {
                    let members: Vec<String> = paths.iter().map(ToString::to_string).collect();
                    changes.push(format!("with only {}", members.join(", ")));
                }
                Some(Keep::OfModel) => {
                    changes.push("with only the public members of its model".into());
                }
                None => {}
            }
            if !edit.remove_members.is_empty() {
                let members: Vec<String> =
                    edit.remove_members.iter().map(ToString::to_string).collect();
                changes.push(format!("without {}", members.join(", ")));
            }
            if !edit.redact.is_empty() {
                let kinds: Vec<String> = edit.redact.iter().map(ToString::to_string).collect();
                changes.push(format!("redacted ({})", kinds.join(", ")));
            }
            format!("{column} {}", changes.join(" and "))
        }
    }
}

fn alternatives<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

fn describe_condition(condition: &Condition) -> String {
    let column = &condition.column;
    match &condition.test {
        Test::In(references) => format!("{column} is in {}", alternatives(references)),
        Test::OneOf(literals) => format!("{column} is {}", alternatives(literals)),
        Test::IsNull => format!("{column} is null"),
        Test::NotNull => format!("{column} is not null"),
    }
}

/// The columns that a rule looks into.
pub(super) fn lookups(rule: &Rule) -> impl Iterator<Item = &ColumnReference> {
    let conditions = match &rule.rows {
        RowRule::KeepWhere(conditions) => conditions.as_slice(),
        RowRule::Keep | RowRule::Delete => &[],
    };
    let in_conditions = conditions.iter().filter_map(|condition| match &condition.test {
        Test::In(references) => Some(references.as_slice()),
        Test::OneOf(_) | Test::IsNull | Test::NotNull => None,
    });
    let in_columns = rule.columns.values().filter_map(|action| match action {
        ColumnAction::NullUnless(references) => Some(references.as_slice()),
        _ => None,
    });
    in_conditions.chain(in_columns).flatten()
}

type Lookups = BTreeMap<TableName, BTreeSet<TableName>>;

fn lookups_by_table(tables: &BTreeMap<TableName, TablePlan>, schema: &Schema) -> Lookups {
    let mut result = Lookups::new();
    for (name, plan) in tables {
        let sources = plan.rule.iter().flat_map(lookups);
        let sources = sources.map(|reference| &reference.table);
        let models = plan.revisions.iter().map(|revisions| &revisions.content_types);
        let sources = sources.chain(models).flat_map(|table| schema.with_partitions(table));
        result.insert(name.clone(), sources.cloned().collect());
    }
    result
}

/// Sorts tables so that each comes after those it looks into. Fails with the tables of a circle.
fn topological_order(lookups: &Lookups) -> Result<Vec<TableName>, Vec<TableName>> {
    let mut order: Vec<TableName> = Vec::new();
    let mut waiting: BTreeMap<&TableName, BTreeSet<&TableName>> = lookups
        .iter()
        .map(|(table, sources)| {
            (table, sources.iter().filter(|source| lookups.contains_key(*source)).collect())
        })
        .collect();
    while !waiting.is_empty() {
        let ready: Vec<&TableName> = waiting
            .iter()
            .filter(|(_, sources)| sources.is_empty())
            .map(|(table, _)| *table)
            .collect();
        if ready.is_empty() {
            return Err(waiting.keys().map(|table| (*table).clone()).collect());
        }
        for table in &ready {
            waiting.remove(table);
            order.push((*table).clone());
        }
        for sources in waiting.values_mut() {
            sources.retain(|source| !ready.contains(source));
        }
    }
    Ok(order)
}

fn cycle_finding(tables: &BTreeMap<TableName, TablePlan>, cycle: &[TableName]) -> Finding {
    let names: Vec<String> = cycle.iter().map(TableName::short).collect();
    let first = cycle.first();
    Finding {
        kind: FindingKind::Contradictory,
        table: first.cloned(),
        column: None,
        place: first
            .and_then(|table| tables.get(table)?.rule.as_ref())
            .map(|rule| rule.place.clone()),
        problem: format!(
            "the rules of these tables depend on each other in a circle: {}",
            names.join(", ")
        ),
        fix: "remove one of the `in` lookups".into(),
    }
}

/// Makes every table that others look into remember its keys.
fn remember_keys(tables: &mut BTreeMap<TableName, TablePlan>, schema: &Schema) {
    let wanted: BTreeSet<ColumnReference> =
        tables.values().filter_map(|plan| plan.rule.as_ref()).flat_map(lookups).cloned().collect();
    for reference in wanted {
        for name in schema.with_partitions(&reference.table) {
            if let Some(plan) = tables.get_mut(name)
                && plan.action != TableAction::Delete
            {
                plan.remembered.insert((reference.column.clone(), reference.clone()));
                plan.action = TableAction::Rewrite;
            }
        }
    }
}

/// Makes the tables that list models remember them for the revisions.
fn remember_models(tables: &mut BTreeMap<TableName, TablePlan>, schema: &Schema) {
    let listing: Vec<TableName> = tables
        .values()
        .filter_map(|plan| plan.revisions.as_ref())
        .map(|revisions| revisions.content_types.clone())
        .collect();
    for name in listing {
        let has = |column: &str| {
            schema.tables.get(&name).is_some_and(|table| table.column(column).is_some())
        };
        if let Some(plan) = tables.get_mut(&name)
            && plan.action != TableAction::Delete
            && CONTENT_TYPE_COLUMNS.into_iter().all(has)
        {
            plan.lists_models = true;
            plan.action = TableAction::Rewrite;
        }
    }
}

/// Marks the tables whose needed keys come too late in the stream. Returns them in the order in
/// which they can be processed.
fn hold_back(
    tables: &mut BTreeMap<TableName, TablePlan>,
    lookups: &Lookups,
    order: &[TableName],
    stream_order: &[TableName],
) -> Vec<TableName> {
    let position: HashMap<&TableName, usize> =
        stream_order.iter().enumerate().map(|(index, table)| (table, index)).collect();
    let mut held: Vec<TableName> = Vec::new();
    for table in order {
        let Some(own) = position.get(table) else { continue };
        let late = |source: &TableName| {
            held.contains(source) || position.get(source).is_some_and(|other| other > own)
        };
        let waits = lookups.get(table).is_some_and(|sources| sources.iter().any(late));
        if waits && let Some(plan) = tables.get_mut(table) {
            plan.action = TableAction::Held;
            held.push(table.clone());
        }
    }
    held
}

fn sought_by(held: &[TableName], lookups: &Lookups, order: &[TableName]) -> Vec<TableName> {
    let mut sought: BTreeSet<&TableName> = BTreeSet::new();
    // In reverse order, each table comes before those that it looks into.
    for table in order.iter().rev() {
        if held.contains(table) || sought.contains(table) {
            sought.extend(lookups.get(table).into_iter().flatten());
        }
    }
    order.iter().filter(|table| sought.contains(table)).cloned().collect()
}
