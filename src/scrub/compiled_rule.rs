//! Translates a table's rule for rows in flight: names become field numbers, references become key
//! sets, and values are written as COPY writes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::copy_text::escape_into;
use super::edit::KeepFilter;
use super::keep_tree::KeepTree;
use super::keys::{KeySet, KeySets};
use super::plan::TablePlan;
use super::replacements::Replacement;
use super::revisions::{CONTENT_TYPE, CONTENT_TYPE_COLUMNS, ModelFilters};
use super::rewriter::ScrubError;
use super::rules::{
    ColumnAction, ColumnReference, Edit, Keep, Literal, Piece, RowRule, Template, Test,
};
use super::unclassified::{Emptying, Need};
use crate::schema::TableName;

#[derive(Debug)]
pub(super) enum FieldTest {
    /// The value is in one of the sets.
    In(Vec<Arc<KeySet>>),
    OneOf(Vec<Vec<u8>>),
    IsNull,
    NotNull,
}

#[derive(Debug)]
pub(super) struct FieldAction {
    pub(super) field: usize,
    pub(super) column: String,
    pub(super) change: Change,
}

#[derive(Debug)]
pub(super) enum Change {
    /// Escaped literals and fields of the same row.
    Template(Vec<TemplatePart>),
    Null,
    NullUnless(Vec<Arc<KeySet>>),
    Replace(&'static Replacement),
    /// The same value in every row, whether the field is NULL or not.
    Always(Vec<u8>),
    /// The field and its separator are dropped.
    Omit,
    Edit {
        edit: Edit,
        keep: CompiledKeep,
        max_length: Option<usize>,
    },
}

/// Which members of an edited column stay.
#[derive(Debug)]
pub(super) enum CompiledKeep {
    All,
    Named(KeepTree),
    /// Decided by the content type in this field.
    OfModel(usize, Arc<ModelFilters>),
}

impl CompiledKeep {
    /// `of_model` returns the field of the content type, and the filters.
    pub(super) fn new(
        keep: Option<&Keep>,
        of_model: impl FnOnce() -> Option<(usize, ModelFilters)>,
    ) -> Self {
        match keep {
            None => CompiledKeep::All,
            Some(Keep::Named(paths)) => {
                CompiledKeep::Named(KeepTree::new(paths.iter().map(|path| path.steps.as_slice())))
            }
            Some(Keep::OfModel) => match of_model() {
                Some((field, filters)) => CompiledKeep::OfModel(field, Arc::new(filters)),
                // The plan sets both or neither. If one is missing, no member stays.
                None => CompiledKeep::Named(KeepTree::default()),
            },
        }
    }

    /// `content_type` is the text of the row's content type. Only revisions have one.
    pub(super) fn of_row(&self, content_type: &[u8]) -> KeepFilter<'_> {
        match self {
            CompiledKeep::All => KeepFilter::All,
            CompiledKeep::Named(tree) => KeepFilter::Named(tree),
            CompiledKeep::OfModel(_, filters) => KeepFilter::OfModel(filters.of(content_type)),
        }
    }
}

#[derive(Debug)]
pub(super) enum TemplatePart {
    Literal(Vec<u8>),
    Field(usize),
}

/// A foreign key to rows that are not loaded.
#[derive(Debug)]
pub(super) struct Needing {
    pub(super) fields: Vec<usize>,
    pub(super) need: Need,
    pub(super) rows: u64,
}

#[derive(Debug)]
pub(super) struct Remembered {
    pub(super) field: usize,
    /// The change of the column itself, as an index into the actions.
    pub(super) action: Option<usize>,
    pub(super) reference: ColumnReference,
    pub(super) keys: KeySet,
}

impl FieldAction {
    pub(super) fn fields(&self) -> Vec<usize> {
        let mut fields = vec![self.field];
        if let Change::Template(parts) = &self.change {
            fields.extend(parts.iter().filter_map(|part| match part {
                TemplatePart::Field(field) => Some(*field),
                TemplatePart::Literal(_) => None,
            }));
        }
        if let Change::Edit { keep: CompiledKeep::OfModel(field, _), .. } = &self.change {
            fields.push(*field);
        }
        fields
    }
}

/// Translates a rule from names to field numbers.
pub(super) struct Compiler<'a> {
    pub table: &'a TableName,
    pub table_plan: &'a TablePlan,
    pub columns: &'a [String],
    pub keys: &'a KeySets,
}

impl Compiler<'_> {
    fn field(&self, column: &str) -> Result<usize, ScrubError> {
        self.columns.iter().position(|name| name == column).ok_or_else(|| {
            ScrubError::MissingColumn { table: self.table.clone(), column: column.into() }
        })
    }

    fn key_sets(&self, references: &[ColumnReference]) -> Vec<Arc<KeySet>> {
        references.iter().map(|reference| self.keys.get(reference)).collect()
    }

    pub(super) fn conditions(&self) -> Result<Vec<(usize, FieldTest)>, ScrubError> {
        let Some(RowRule::KeepWhere(conditions)) =
            self.table_plan.rule.as_ref().map(|rule| &rule.rows)
        else {
            return Ok(Vec::new());
        };
        let compile = |test: &Test| match test {
            Test::In(references) => FieldTest::In(self.key_sets(references)),
            Test::OneOf(literals) => FieldTest::OneOf(literals.iter().map(literal_text).collect()),
            Test::IsNull => FieldTest::IsNull,
            Test::NotNull => FieldTest::NotNull,
        };
        conditions
            .iter()
            .map(|condition| Ok((self.field(&condition.column)?, compile(&condition.test))))
            .collect()
    }

    /// In the order of the fields, which is the order in which they are written.
    pub(super) fn actions(&self) -> Result<Vec<FieldAction>, ScrubError> {
        let no_columns = BTreeMap::new();
        let columns = self.table_plan.rule.as_ref().map_or(&no_columns, |rule| &rule.columns);
        let mut actions = columns
            .iter()
            .map(|(column, action)| {
                let change = match action {
                    ColumnAction::Set(template) => Change::Template(self.template(template)?),
                    ColumnAction::Null => Change::Null,
                    ColumnAction::NullUnless(references) => {
                        Change::NullUnless(self.key_sets(references))
                    }
                    ColumnAction::Empty(Emptying::Default) => Change::Omit,
                    ColumnAction::Empty(Emptying::Value(text)) => {
                        let mut escaped = Vec::new();
                        escape_into(text.as_bytes(), &mut escaped);
                        Change::Always(escaped)
                    }
                    ColumnAction::Replace(by) => Change::Replace(by),
                    ColumnAction::Edit(edit) => Change::Edit {
                        edit: edit.clone(),
                        keep: self.keep(edit)?,
                        max_length: self
                            .table_plan
                            .columns
                            .iter()
                            .find(|planned| planned.name == *column)
                            .and_then(|planned| planned.max_length),
                    },
                };
                Ok(FieldAction { field: self.field(column)?, column: column.clone(), change })
            })
            .collect::<Result<Vec<_>, ScrubError>>()?;
        actions.sort_by_key(|action| action.field);
        Ok(actions)
    }

    fn keep(&self, edit: &Edit) -> Result<CompiledKeep, ScrubError> {
        let of_model = match (&edit.keep, &self.table_plan.revisions) {
            (Some(Keep::OfModel), Some(revisions)) => {
                let known = self.keys.content_types(&revisions.content_types);
                Some((self.field(CONTENT_TYPE)?, revisions.filters(known)))
            }
            _ => None,
        };
        Ok(CompiledKeep::new(edit.keep.as_ref(), || of_model))
    }

    /// The fields of a content type, if the plan needs them.
    pub(super) fn content_type_fields(&self) -> Result<Option<[usize; 3]>, ScrubError> {
        if !self.table_plan.lists_models {
            return Ok(None);
        }
        let [id, app, model] = CONTENT_TYPE_COLUMNS;
        Ok(Some([self.field(id)?, self.field(app)?, self.field(model)?]))
    }

    fn template(&self, template: &Template) -> Result<Vec<TemplatePart>, ScrubError> {
        template
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => {
                    let mut escaped = Vec::new();
                    escape_into(text.as_bytes(), &mut escaped);
                    Ok(TemplatePart::Literal(escaped))
                }
                Piece::Column(column) => Ok(TemplatePart::Field(self.field(column)?)),
            })
            .collect()
    }

    pub(super) fn needing(&self) -> Result<Vec<Needing>, ScrubError> {
        let needs = self.table_plan.needs.iter().map(|need| {
            let fields: Result<Vec<usize>, ScrubError> =
                need.columns.iter().map(|column| self.field(column)).collect();
            fields.map(|fields| Needing { fields, need: need.clone(), rows: 0 })
        });
        needs.collect()
    }

    pub(super) fn remembered(
        &self,
        actions: &[FieldAction],
    ) -> Result<Vec<Remembered>, ScrubError> {
        self.table_plan
            .remembered
            .iter()
            .map(|(column, reference)| {
                Ok(Remembered {
                    field: self.field(column)?,
                    action: actions.iter().position(|action| action.column == *column),
                    reference: reference.clone(),
                    keys: KeySet::default(),
                })
            })
            .collect()
    }
}

/// A literal as COPY writes it.
fn literal_text(literal: &Literal) -> Vec<u8> {
    match literal {
        Literal::Boolean(true) => b"t".to_vec(),
        Literal::Boolean(false) => b"f".to_vec(),
        Literal::Integer(value) => value.to_string().into_bytes(),
        Literal::Text(text) => text.as_bytes().to_vec(),
    }
}
