//! Applies operations to the models and to the database, as Django's `migrate` does.

use super::database::{Changed, Database, Source};
use super::field::Field;
use super::links::{all_links, create_links, links_of, rename_links};
use super::models::{Model, ModelKey, Models, Shape};
use super::operation::{Gap, NewModel, Operation, Step};

/// The migrations so far. A half of `SeparateDatabaseAndState` has only one of the two sides.
pub struct Progress<'a> {
    pub models: &'a mut Models,
    pub database: Option<&'a mut Database>,
    /// The app of the migration, and its file.
    pub app: &'a str,
    pub path: &'a str,
    pub gaps: &'a mut Vec<Gap>,
}

impl Progress<'_> {
    pub fn apply(&mut self, steps: &[Step]) {
        for step in steps {
            if let Err(reason) = self.step(step) {
                self.gaps.push(Gap { row: step.row, reason });
            }
        }
    }

    fn key(&self, name: &str) -> ModelKey {
        ModelKey::new(self.app, name)
    }

    fn source(&self, row: usize) -> Source {
        Source { path: self.path.to_owned(), row }
    }

    /// Changes the database, unless this half is about the models only.
    fn on_database(&mut self, change: impl FnOnce(&mut Database, &Models) -> Changed) -> Changed {
        match &mut self.database {
            Some(database) => change(database, self.models),
            None => Ok(()),
        }
    }

    fn step(&mut self, step: &Step) -> Changed {
        match &step.operation {
            Operation::Nothing => Ok(()),
            Operation::CreateModel(new) => self.create_model(new, step.row),
            Operation::DeleteModel { name } => self.delete_model(name),
            Operation::RenameModel { old, new } => {
                let key = self.key(old);
                self.known(&key)?;
                let new_key = self.key(new);
                self.change_names(&key, &new_key, step.row, |models| {
                    models.rename(&key, new);
                })
            }
            Operation::AlterModelTable { name, table } => {
                let key = self.key(name);
                self.known(&key)?;
                self.change_names(&key, &key, step.row, |models| {
                    if let Some(model) = models.get_mut(&key) {
                        model.table.clone_from(table);
                    }
                })
            }
            Operation::AlterModelOptions { name, managed } => {
                let key = self.key(name);
                if let Some(model) = self.models.get_mut(&key) {
                    model.managed = *managed;
                }
                Ok(())
            }
            Operation::AlterOrderWithRespectTo { name, ordered } => {
                self.alter_order(&self.key(name), *ordered, step.row)
            }
            Operation::AddField { model, name, field } => {
                self.add_field(&self.key(model), name, field, step.row)
            }
            Operation::RemoveField { model, name } => self.remove_field(&self.key(model), name),
            Operation::AlterField { model, name, field } => {
                self.replace_field(&self.key(model), name, name, Some(field), step.row)
            }
            Operation::RenameField { model, old, new } => {
                self.replace_field(&self.key(model), old, new, None, step.row)
            }
            Operation::SeparateDatabaseAndState { database, state } => {
                self.separate(database, state);
                Ok(())
            }
            Operation::RunSql { changes, state } => {
                let source = self.source(step.row);
                let changed = self.on_database(|database, _| {
                    changes.iter().try_for_each(|change| database.apply(change, &source))
                });
                self.separate(&[], state);
                changed
            }
        }
    }

    fn known(&self, key: &ModelKey) -> Changed {
        match self.models.get(key) {
            Some(_) => Ok(()),
            None => Err(format!("no migration before creates the model {}.{}", key.app, key.name)),
        }
    }

    /// As Django does, the first half works on a copy of the models.
    fn separate(&mut self, database: &[Step], state: &[Step]) {
        if !database.is_empty() {
            let mut models = self.models.clone();
            let mut half = Progress {
                models: &mut models,
                database: self.database.as_deref_mut(),
                app: self.app,
                path: self.path,
                gaps: self.gaps,
            };
            half.apply(database);
        }
        let mut half = Progress {
            models: self.models,
            database: None,
            app: self.app,
            path: self.path,
            gaps: self.gaps,
        };
        half.apply(state);
    }

    fn create_model(&mut self, new: &NewModel, row: usize) -> Changed {
        let (key, source) = (self.key(&new.name), self.source(row));
        self.models.create(&key, new);
        let path = self.path.to_owned();
        self.on_database(|database, models| {
            let Some(model) = models.get(&key).filter(|model| model.has_table()) else {
                return Ok(());
            };
            let table = models.table(&key);
            database.create(&table, models.own_columns(&key), &source);
            for (name, field) in &model.fields {
                let source = Source { path: path.clone(), row: field.row };
                if let Some(column) = models.column(&key, name, field) {
                    database.add(&table, column, &source)?;
                }
                create_links(database, models.links(&key, name, field), &source)?;
            }
            Ok(())
        })
    }

    fn delete_model(&mut self, name: &str) -> Changed {
        let key = self.key(name);
        self.known(&key)?;
        self.on_database(|database, models| {
            let Some(model) = models.get(&key).filter(|model| model.has_table()) else {
                return Ok(());
            };
            database.drop(&models.table(&key));
            for (name, field) in &model.fields {
                if let Some(Ok(links)) = models.links(&key, name, field) {
                    database.drop(&links.name);
                }
            }
            Ok(())
        })?;
        self.models.remove(&key);
        Ok(())
    }

    /// Gives a model another name or table. Tables of links follow, with their columns.
    fn change_names(
        &mut self,
        old: &ModelKey,
        new: &ModelKey,
        row: usize,
        change: impl FnOnce(&mut Models),
    ) -> Changed {
        let has_table = self.models.get(old).is_some_and(Model::has_table);
        let (old_table, old_links) = (self.models.table(old), all_links(self.models));
        change(self.models);
        let source = self.source(row);
        self.on_database(|database, models| {
            // Since Django 4.1, a model that keeps its table keeps its tables of links too.
            let new_table = models.table(new);
            if !has_table || (old_table == new_table && old != new) {
                return Ok(());
            }
            database.rename(&old_table, &new_table)?;
            for ((key, field), before) in old_links {
                let key = if key == *old { new.clone() } else { key };
                if let Some(after) = links_of(models, &key, &field)
                    && before != after
                {
                    rename_links(database, &before, &after, &source)?;
                }
            }
            Ok(())
        })
    }

    fn alter_order(&mut self, key: &ModelKey, ordered: bool, row: usize) -> Changed {
        self.known(key)?;
        if let Some(model) = self.models.get_mut(key) {
            model.ordered = ordered;
        }
        let source = self.source(row);
        self.on_database(|database, models| {
            if !models.get(key).is_some_and(Model::has_table) {
                return Ok(());
            }
            let table = models.table(key);
            match models.own_columns(key).into_iter().find(|column| column.name == "_order") {
                Some(column) => database.add(&table, column, &source),
                None => database.remove(&table, "_order"),
            }
        })
    }

    fn add_field(&mut self, key: &ModelKey, name: &str, field: &Field, row: usize) -> Changed {
        self.known(key)?;
        if let Some(model) = self.models.get_mut(key) {
            model.fields.retain(|(own, _)| own != name);
            model.fields.push((name.to_owned(), field.clone()));
        }
        let source = self.source(row);
        self.on_database(|database, models| {
            if !models.get(key).is_some_and(Model::has_table) {
                return Ok(());
            }
            if let Some(column) = models.column(key, name, field) {
                database.add(&models.table(key), column, &source)?;
            }
            create_links(database, models.links(key, name, field), &source)
        })
    }

    fn remove_field(&mut self, key: &ModelKey, name: &str) -> Changed {
        let field = self.field(key, name)?;
        self.on_database(|database, models| {
            if !models.get(key).is_some_and(Model::has_table) {
                return Ok(());
            }
            if let Some(Ok(links)) = models.links(key, name, &field) {
                database.drop(&links.name);
            }
            match models.column(key, name, &field) {
                Some(column) => database.remove(&models.table(key), &column.name),
                None => Ok(()),
            }
        })?;
        if let Some(model) = self.models.get_mut(key) {
            model.fields.retain(|(own, _)| own != name);
        }
        Ok(())
    }

    /// Gives a field another name or form.
    fn replace_field(
        &mut self,
        key: &ModelKey,
        old: &str,
        new: &str,
        form: Option<&Field>,
        row: usize,
    ) -> Changed {
        let before = self.field(key, old)?;
        let after = form.cloned().unwrap_or_else(|| before.clone());
        let columns = |models: &Models| {
            (models.column(key, old, &before), models.links(key, old, &before).and_then(Result::ok))
        };
        let (old_column, old_links) = columns(self.models);
        if let Some(model) = self.models.get_mut(key) {
            for (name, field) in &mut model.fields {
                if name == old {
                    new.clone_into(name);
                    field.clone_from(&after);
                }
            }
        }
        self.models.rename_key_fields(key, old, new);
        let source = self.source(row);
        self.on_database(|database, models| {
            if !models.get(key).is_some_and(Model::has_table) {
                return Ok(());
            }
            let (table, column) = (models.table(key), models.column(key, new, &after));
            change_column(database, &table, old_column, column, &source)?;
            match (old_links, models.links(key, new, &after)) {
                (Some(before), Some(Ok(after))) => rename_links(database, &before, &after, &source),
                (Some(before), None) => {
                    database.drop(&before.name);
                    Ok(())
                }
                (_, after) => create_links(database, after, &source),
            }
        })
    }

    fn field(&self, key: &ModelKey, name: &str) -> Result<Field, String> {
        self.known(key)?;
        let field = self.models.get(key).and_then(|model| model.field(name));
        field.cloned().ok_or_else(|| {
            format!("no migration before creates the field {}.{}.{name}", key.app, key.name)
        })
    }
}

fn change_column(
    database: &mut Database,
    table: &str,
    before: Option<Shape>,
    after: Option<Shape>,
    source: &Source,
) -> Changed {
    match (before, after) {
        (Some(before), Some(after)) => database.alter(table, &before.name, after, source),
        (Some(before), None) => database.remove(table, &before.name),
        (None, Some(after)) => database.add(table, after, source),
        (None, None) => Ok(()),
    }
}
