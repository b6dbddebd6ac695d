//! Reads the operations of a migration.

use super::expression::{Call, Expression, Kind};
use super::field::{self, Field};
use super::functions::Functions;
use super::names::Names;
use super::operation::{Gap, NewModel, Operation, Step};
use super::sql::{self, Change};

/// Reads the operations of one file.
pub struct Reader<'a> {
    pub names: &'a Names,
    pub functions: &'a Functions<'a>,
    pub gaps: Vec<Gap>,
}

/// Operations of Django that change no column.
const NOTHING: [&str; 26] = [
    "AddConstraint",
    "AddConstraintNotValid",
    "AddIndex",
    "AddIndexConcurrently",
    "AlterConstraint",
    "AlterIndexTogether",
    "AlterModelManagers",
    "AlterModelTableComment",
    "AlterUniqueTogether",
    "BloomExtension",
    "BtreeGinExtension",
    "BtreeGistExtension",
    "CITextExtension",
    "CreateCollation",
    "CreateExtension",
    "CryptoExtension",
    "HStoreExtension",
    "RemoveCollation",
    "RemoveConstraint",
    "RemoveIndex",
    "RemoveIndexConcurrently",
    "RenameIndex",
    "TrigramExtension",
    "UnaccentExtension",
    "ValidateConstraint",
    "VectorExtension",
];

/// The same of other packages: they rewrite rows.
const NOTHING_OF_OTHERS: [&str; 1] =
    ["wagtail.blocks.migrations.migrate_operation.MigrateStreamData"];

const DEEPEST: usize = 20;

impl Reader<'_> {
    pub fn steps(&mut self, expression: &Expression) -> Vec<Step> {
        self.nested(expression, 0)
    }

    fn nested(&mut self, expression: &Expression, depth: usize) -> Vec<Step> {
        let list = self.names.value(expression);
        let Some(entries) = list.list().filter(|_| depth < DEEPEST) else {
            self.gap(expression.row, "the operations are not a plain list");
            return Vec::new();
        };
        entries.iter().filter_map(|entry| self.step(entry, depth)).collect()
    }

    fn gap(&mut self, row: usize, reason: impl Into<String>) {
        self.gaps.push(Gap { row, reason: reason.into() });
    }

    fn step(&mut self, entry: &Expression, depth: usize) -> Option<Step> {
        let row = entry.row;
        let Kind::Call(call) = &self.names.value(entry).kind else {
            self.gap(row, "an operation is not a call of a class");
            return None;
        };
        let class = self.names.qualify(&call.function);
        let known = ["django.db.migrations.", "django.contrib.postgres.operations."];
        let name = class.rsplit_once('.').map_or(class.as_str(), |(_, name)| name);
        if NOTHING_OF_OTHERS.contains(&class.as_str()) {
            return Some(Step { row, operation: Operation::Nothing });
        }
        if !known.iter().any(|package| class.starts_with(package)) {
            self.gap(row, format!("{} is not an operation of Django", call.function.join(".")));
            return None;
        }
        if call.has_hidden_arguments() {
            self.gap(row, format!("{name} has arguments that are not written there"));
            return None;
        }
        match self.operation(name, call, row, depth) {
            Some(operation) => Some(Step { row, operation }),
            None => {
                self.gap(row, format!("{name} has an argument that is not plain"));
                None
            }
        }
    }

    fn operation(
        &mut self,
        name: &str,
        call: &Call,
        row: usize,
        depth: usize,
    ) -> Option<Operation> {
        let lower = |argument, position| Some(self.text(call, argument, position)?.to_lowercase());
        Some(match name {
            "CreateModel" => Operation::CreateModel(self.new_model(call)?),
            "DeleteModel" => Operation::DeleteModel { name: lower("name", 0)? },
            "RenameModel" => Operation::RenameModel {
                old: lower("old_name", 0)?,
                new: self.text(call, "new_name", 1)?,
            },
            "AlterModelTable" => Operation::AlterModelTable {
                name: lower("name", 0)?,
                table: self.text_or_none(call.argument("table", 1)?)?,
            },
            "AlterModelOptions" => {
                let options = self.options(call.argument("options", 1))?;
                let managed = flag(options, "managed")?.unwrap_or(true);
                Operation::AlterModelOptions { name: lower("name", 0)?, managed }
            }
            "AlterOrderWithRespectTo" => Operation::AlterOrderWithRespectTo {
                name: lower("name", 0)?,
                ordered: self.text_or_none(call.argument("order_with_respect_to", 1)?)?.is_some(),
            },
            "AddField" | "AlterField" => {
                let model = lower("model_name", 0)?;
                let field_name = self.text(call, "name", 1)?;
                let field = self.field(call.argument("field", 2)?);
                match name {
                    "AddField" => Operation::AddField { model, name: field_name, field },
                    _ => Operation::AlterField { model, name: field_name, field },
                }
            }
            "RemoveField" => Operation::RemoveField {
                model: lower("model_name", 0)?,
                name: self.text(call, "name", 1)?,
            },
            "RenameField" => Operation::RenameField {
                model: lower("model_name", 0)?,
                old: self.text(call, "old_name", 1)?,
                new: self.text(call, "new_name", 2)?,
            },
            "SeparateDatabaseAndState" => {
                let read = |reader: &mut Self, argument, position| {
                    let steps = call.argument(argument, position);
                    let steps = steps.filter(|steps| !steps.is_name("None"));
                    steps.map_or_else(Vec::new, |steps| reader.nested(steps, depth + 1))
                };
                let database = read(self, "database_operations", 0);
                let state = read(self, "state_operations", 1);
                Operation::SeparateDatabaseAndState { database, state }
            }
            "RunSQL" => self.run_sql(call, row, depth),
            "RunPython" => {
                if let Some(reason) = self.functions.may_change_tables(call.argument("code", 0)) {
                    self.gap(row, format!("RunPython: {reason}"));
                }
                Operation::Nothing
            }
            _ if NOTHING.contains(&name) => Operation::Nothing,
            _ => return None,
        })
    }

    /// SQL that cannot be read is believed to do what its `state_operations` say.
    fn run_sql(&mut self, call: &Call, row: usize, depth: usize) -> Operation {
        let state = call.argument("state_operations", 2);
        let state = state.filter(|state| !state.is_name("None"));
        let state = state.map_or_else(Vec::new, |state| self.nested(state, depth + 1));
        match self.sql(call.argument("sql", 0)) {
            Ok(changes) => Operation::RunSql { changes, state },
            Err(_) if !state.is_empty() => {
                Operation::SeparateDatabaseAndState { database: state.clone(), state }
            }
            Err(reason) => {
                self.gap(row, format!("RunSQL: {reason}"));
                Operation::Nothing
            }
        }
    }

    fn sql(&self, expression: Option<&Expression>) -> Result<Vec<Change>, String> {
        let unread = || "its SQL is not plain text".to_owned();
        let expression = self.names.value(expression.ok_or_else(unread)?);
        match &expression.kind {
            Kind::Text(text) => sql::read(text),
            Kind::Path(path) if path.last().is_some_and(|name| name == "noop") => Ok(Vec::new()),
            Kind::List(entries) => {
                let mut changes = Vec::new();
                for entry in entries {
                    // A statement may have its parameters beside it.
                    let entry = self.names.value(entry);
                    let statement = entry.list().and_then(<[_]>::first).unwrap_or(entry);
                    changes
                        .extend(sql::read(self.names.value(statement).text().ok_or_else(unread)?)?);
                }
                Ok(changes)
            }
            _ => Err(unread()),
        }
    }

    fn text(&self, call: &Call, name: &str, position: usize) -> Option<String> {
        let value = self.names.value(call.argument(name, position)?);
        value.text().map(str::to_owned)
    }

    fn text_or_none(&self, expression: &Expression) -> Option<Option<String>> {
        let value = self.names.value(expression);
        match value.is_name("None") {
            true => Some(None),
            false => value.text().map(|text| Some(text.to_owned())),
        }
    }

    fn field(&mut self, expression: &Expression) -> Field {
        let read = field::read(expression, self.names);
        if let Some(reason) = read.unread {
            self.gap(expression.row, reason);
        }
        read.field
    }

    fn new_model(&mut self, call: &Call) -> Option<NewModel> {
        let name = self.text(call, "name", 0)?;
        let fields = self.names.value(call.argument("fields", 1)?).list()?;
        let fields = fields.iter().map(|entry| self.named_field(entry)).collect::<Option<_>>()?;
        let options = self.options(call.argument("options", 2))?;
        let text = |key| match option(options, key) {
            Some(value) => self.text_or_none(value),
            None => Some(None),
        };
        Some(NewModel {
            name,
            fields,
            table: text("db_table")?,
            managed: flag(options, "managed")?.unwrap_or(true),
            proxy: flag(options, "proxy")?.unwrap_or(false),
            ordered: text("order_with_respect_to")?.is_some(),
            swappable: option(options, "swappable").and_then(|value| self.setting(value)),
            bases: self.bases(call.argument("bases", 3))?,
        })
    }

    fn named_field(&mut self, entry: &Expression) -> Option<(String, Field)> {
        let [name, field] = entry.list()? else { return None };
        let name = self.names.value(name).text()?.to_owned();
        Some((name, self.field(field)))
    }

    fn options<'b>(
        &'b self,
        options: Option<&'b Expression>,
    ) -> Option<&'b [(Expression, Expression)]> {
        match options.map(|options| self.names.value(options)) {
            None => Some(&[]),
            Some(value) if value.is_name("None") => Some(&[]),
            Some(Expression { kind: Kind::Dictionary(pairs), .. }) => Some(pairs),
            Some(_) => None,
        }
    }

    /// The name of a setting, also as `swapper.swappable_setting("app", "Model")`.
    fn setting(&self, value: &Expression) -> Option<String> {
        match &self.names.value(value).kind {
            Kind::Text(name) => Some(name.clone()),
            Kind::Call(call) if call.function.last()? == "swappable_setting" => {
                let (app, model) = (self.text(call, "app_label", 0)?, self.text(call, "model", 1)?);
                Some(format!("{app}_{model}_MODEL").to_uppercase())
            }
            _ => None,
        }
    }

    /// A base that is not text is a class without a table, as Django writes it.
    fn bases(&self, bases: Option<&Expression>) -> Option<Vec<String>> {
        let Some(bases) = bases.filter(|bases| !bases.is_name("None")) else {
            return Some(Vec::new());
        };
        let entries = self.names.value(bases).list()?;
        Some(entries.iter().filter_map(|entry| entry.text()).map(str::to_owned).collect())
    }
}

fn option<'b>(options: &'b [(Expression, Expression)], key: &str) -> Option<&'b Expression> {
    options.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
}

/// The value of an option that is true or false. The outer `None`: it is neither.
fn flag(options: &[(Expression, Expression)], key: &str) -> Option<Option<bool>> {
    match option(options, key) {
        None => Some(None),
        Some(value) if value.is_name("True") => Some(Some(true)),
        Some(value) if value.is_name("False") => Some(Some(false)),
        Some(_) => None,
    }
}
