//! Decides which members of a revision stay.
//!
//! `wagtailcore_revision.content` is a copy of a page or a snippet in JSON, with one member for
//! each field of the model. A member stays if it is a column of the model's table, or of a table
//! that the model inherits from, that the manifest classes as content or operational and no rule
//! rewrites. Children and relations have no such column. They stay if the manifest names them, by
//! model and path. For an unknown model, only members stay that are named for every model: such a
//! revision cannot be opened and reveals nothing.

mod named;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::keep_tree::KeepTree;
use super::manifest::Manifest;
use super::rules::{Class, ColumnAction, Edit, Keep, MemberPath, RowRule, Rule, Step};
use super::suspicious_names;
use crate::schema::{Column, Schema, Table, TableName};

pub(super) use named::NamedMember;

/// Names from Wagtail and Django.
const REVISIONS: &str = "wagtailcore_revision";
pub(super) const CONTENT: &str = "content";
pub(super) const CONTENT_TYPE: &str = "content_type_id";
const CONTENT_TYPES: &str = "django_content_type";

/// The columns of `django_content_type` that identify a revision's model.
pub(super) const CONTENT_TYPE_COLUMNS: [&str; 3] = ["id", "app_label", "model"];

/// A row of `django_content_type`: the id as text, the app and the model in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ContentType {
    pub id: Vec<u8>,
    pub app: String,
    pub model: String,
}

/// Which members of the revisions of one model stay.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ModelFilter {
    /// `app.model`, for people.
    pub model: String,
    pub keep: KeepTree,
    /// Members that are known and dropped, such as personal columns. Their loss is not reported.
    known: BTreeSet<Vec<u8>>,
}

impl ModelFilter {
    /// Whether the top-level member is unknown.
    pub(super) fn is_unknown(&self, name: &[u8]) -> bool {
        !self.known.contains(name)
    }
}

/// The filters of all models of a run.
#[derive(Debug)]
pub(super) struct ModelFilters {
    by_content_type: HashMap<Vec<u8>, Arc<ModelFilter>>,
    unknown: Arc<ModelFilter>,
}

impl ModelFilters {
    /// `content_type` is the text of the row's own column.
    pub(super) fn of(&self, content_type: &[u8]) -> &Arc<ModelFilter> {
        self.by_content_type.get(content_type).unwrap_or(&self.unknown)
    }
}

/// What a plan needs to know about revisions.
#[derive(Debug)]
pub(super) struct Revisions {
    /// The table that lists the models.
    pub content_types: TableName,
    /// Members by table, derived from its columns.
    tables: BTreeMap<TableName, TableMembers>,
    /// Tables of models without Django's default name, by `app.model`.
    mapped: BTreeMap<String, TableName>,
    named: Vec<NamedMember>,
}

/// The members that a table's columns describe.
#[derive(Debug, Default)]
struct TableMembers {
    kept: BTreeSet<String>,
    known: BTreeSet<String>,
    parents: Vec<TableName>,
}

/// Adds the filter to the rule of a table of revisions. Returns the rule, and the paths that the
/// rule names itself, which then count as named by model.
pub(super) fn filter_revisions(
    name: &TableName,
    table: &Table,
    rule: Option<Rule>,
    empty_rule: impl FnOnce() -> Rule,
) -> (Option<Rule>, Vec<MemberPath>) {
    if !is_revisions(name, table) || rule.as_ref().is_some_and(|rule| rule.rows == RowRule::Delete)
    {
        return (rule, Vec::new());
    }
    let mut rule = rule.unwrap_or_else(empty_rule);
    let mut named = Vec::new();
    let action = rule.columns.entry(CONTENT.to_owned());
    if let ColumnAction::Edit(edit) = action.or_insert_with(|| ColumnAction::Edit(Edit::default()))
        && let Some(Keep::Named(paths)) = edit.keep.replace(Keep::OfModel)
    {
        named = paths;
    }
    (Some(rule), named)
}

/// Whether the rows are revisions whose content is JSON.
pub(super) fn is_revisions(name: &TableName, table: &Table) -> bool {
    let is_json = |column: &Column| matches!(column.type_name.as_str(), "json" | "jsonb");
    name.name == REVISIONS
        && table.column(CONTENT).is_some_and(is_json)
        && table.column(CONTENT_TYPE).is_some()
}

impl Revisions {
    pub(super) fn new(
        manifest: &Manifest,
        policy: &str,
        schema: &Schema,
        revisions: &TableName,
        named: &[MemberPath],
    ) -> Revisions {
        let of_rule = named.iter().filter_map(|path| NamedMember::of(path).ok());
        let members = |(name, table): (&TableName, &Table)| {
            (name.clone(), table_members(manifest, policy, schema, name, table))
        };
        Revisions {
            content_types: TableName::new(revisions.schema.clone(), CONTENT_TYPES),
            tables: schema.tables.iter().map(members).collect(),
            mapped: manifest.revision_tables.clone(),
            named: manifest.revision_members.iter().cloned().chain(of_rule).collect(),
        }
    }

    /// The filter of one model.
    pub(super) fn of_model(&self, content_type: &ContentType) -> ModelFilter {
        self.filter(&content_type.app, &content_type.model)
    }

    /// The filters of the models that the database lists.
    pub(super) fn filters(&self, content_types: &[ContentType]) -> ModelFilters {
        let by_content_type = content_types.iter();
        let by_content_type = by_content_type
            .map(|one| (one.id.clone(), Arc::new(self.filter(&one.app, &one.model))))
            .collect();
        let for_all = self.named.iter().filter(|named| named.is_for_every_model());
        let unknown = ModelFilter {
            model: "unknown content type".into(),
            keep: KeepTree::new(for_all.map(|named| named.path.as_slice())),
            known: BTreeSet::new(),
        };
        ModelFilters { by_content_type, unknown: Arc::new(unknown) }
    }

    fn filter(&self, app: &str, model: &str) -> ModelFilter {
        let label = format!("{app}.{model}");
        let schema = self.content_types.schema.clone();
        let by_default = || TableName::new(schema, format!("{app}_{model}"));
        let table = self.mapped.get(&label).cloned().unwrap_or_else(by_default);
        let (mut kept, mut known) = (Vec::new(), BTreeSet::new());
        let mut seen = BTreeSet::new();
        let mut waiting = vec![&table];
        while let Some(name) = waiting.pop() {
            let Some(members) = self.tables.get(name).filter(|_| seen.insert(name)) else {
                continue;
            };
            kept.extend(members.kept.iter().map(|one| vec![Step::Member(one.clone())]));
            known.extend(members.known.iter().map(|one| one.clone().into_bytes()));
            waiting.extend(&members.parents);
        }
        let named = self.named.iter().filter(|named| named.is_of(app, model));
        let paths = named.map(|named| named.path.as_slice());
        let keep = KeepTree::new(kept.iter().map(Vec::as_slice).chain(paths));
        ModelFilter { model: label, keep, known }
    }
}

fn table_members(
    manifest: &Manifest,
    policy: &str,
    schema: &Schema,
    name: &TableName,
    table: &Table,
) -> TableMembers {
    let mut members = TableMembers::default();
    let primary = table.unique_keys.iter().find(|key| key.primary);
    let entry = manifest.entry_of(schema, name);
    let rule = entry.and_then(|entry| entry.rule(policy));
    for column in &table.columns {
        let listed =
            entry.and_then(|entry| entry.columns.get(&column.name)).map(|(class, _)| *class);
        let unlisted = || {
            let class = entry.map(|entry| entry.class);
            class.filter(|class| !suspicious_names::needs_class(table, column, *class))
        };
        let is_public =
            matches!(listed.or_else(unlisted), Some(Class::Content | Class::Operational));
        let rewritten = rule.is_some_and(|rule| {
            let action = rule.columns.get(&column.name);
            !matches!(action, None | Some(ColumnAction::NullUnless(_)))
        });
        let mut names = vec![column.name.clone()];
        names.extend(column.name.strip_suffix("_id").map(str::to_owned));
        if primary.is_some_and(|key| key.columns == [column.name.clone()]) {
            names.push("pk".into());
        }
        if is_public && !rewritten {
            members.kept.extend(names.iter().cloned());
        }
        members.known.extend(names);
    }
    if let Some(primary) = primary {
        let inherits = table.foreign_keys.iter().filter(|key| key.columns == primary.columns);
        members.parents = inherits.map(|key| key.references.clone()).collect();
    }
    members
}

#[cfg(test)]
mod tests;
