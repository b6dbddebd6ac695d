//! Holds the models as Django's migrations see them at one moment.

use std::collections::BTreeMap;

use super::field::{self, Field, FieldKind, Target};
use super::operation::NewModel;
use super::site_settings::SiteSettings;
use super::table_names::{shortened, truncated, unquoted};
use super::well_known;

/// A model by its app's label and its name in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelKey {
    pub app: String,
    pub name: String,
}

impl ModelKey {
    pub fn new(app: &str, name: &str) -> ModelKey {
        ModelKey { app: app.to_owned(), name: name.to_lowercase() }
    }
}

#[derive(Debug, Clone)]
pub struct Model {
    /// With capitals, for messages.
    pub name: String,
    pub fields: Vec<(String, Field)>,
    /// The option `db_table`.
    pub table: Option<String>,
    pub managed: bool,
    pub proxy: bool,
    /// The setting names another model in its place.
    pub swapped: bool,
    pub ordered: bool,
    pub bases: Vec<ModelKey>,
}

impl Model {
    pub fn has_table(&self) -> bool {
        self.managed && !self.proxy && !self.swapped
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, field)| field)
    }
}

#[derive(Debug, Clone, Default)]
pub struct Models {
    models: BTreeMap<ModelKey, Model>,
    settings: SiteSettings,
}

/// A column that a field makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub name: String,
    pub type_name: String,
    pub not_null: bool,
    pub generated: bool,
    pub primary: bool,
    pub unique: bool,
    /// The table that it points to.
    pub references: Option<String>,
}

/// A table between two models, with its key and its two columns of links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTable {
    pub name: String,
    pub id: Shape,
    pub from: Shape,
    pub to: Shape,
}

/// More levels of parents and of keys that are foreign keys than any site has.
const DEEPEST: usize = 32;

impl Models {
    pub fn new(settings: SiteSettings) -> Models {
        Models { models: BTreeMap::new(), settings }
    }

    pub fn get(&self, key: &ModelKey) -> Option<&Model> {
        self.models.get(key)
    }

    pub fn get_mut(&mut self, key: &ModelKey) -> Option<&mut Model> {
        self.models.get_mut(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&ModelKey, &Model)> {
        self.models.iter()
    }

    pub fn remove(&mut self, key: &ModelKey) -> Option<Model> {
        self.models.remove(key)
    }

    pub fn create(&mut self, key: &ModelKey, new: &NewModel) {
        let bases = new.bases.iter().filter_map(|base| base.split_once('.'));
        let value = new.swappable.as_deref().and_then(|setting| self.settings.get(setting));
        let own = format!("{}.{}", key.app, key.name);
        let model = Model {
            name: new.name.clone(),
            fields: new.fields.clone(),
            table: new.table.clone(),
            managed: new.managed,
            proxy: new.proxy,
            swapped: value.is_some_and(|value| value.to_lowercase() != own.to_lowercase()),
            ordered: new.ordered,
            bases: bases.map(|(app, name)| ModelKey::new(app, name)).collect(),
        };
        self.models.insert(key.clone(), model);
    }

    /// Renames a model in its own key and wherever another model names it.
    pub fn rename(&mut self, old: &ModelKey, new_name: &str) -> Option<()> {
        let mut model = self.models.remove(old)?;
        let new = ModelKey::new(&old.app, new_name);
        model.name = new_name.to_owned();
        self.models.insert(new.clone(), model);
        for (key, model) in &mut self.models {
            for base in &mut model.bases {
                if base == old {
                    *base = new.clone();
                }
            }
            for (_, field) in &mut model.fields {
                let (FieldKind::Reference { to, .. } | FieldKind::Many { to, .. }) =
                    &mut field.kind
                else {
                    continue;
                };
                if let Target::Model(app, name) = to
                    && app.as_ref().unwrap_or(&key.app) == &old.app
                    && *name == old.name
                {
                    *name = new.name.clone();
                }
            }
        }
        Some(())
    }

    /// Renames a field where foreign keys name it as the key that they point to.
    pub fn rename_key_fields(&mut self, key: &ModelKey, old: &str, new: &str) {
        if old == new {
            return;
        }
        let mut found = Vec::new();
        for (own, model) in &self.models {
            for (place, (_, field)) in model.fields.iter().enumerate() {
                if let FieldKind::Reference { to, to_field: Some(name), .. } = &field.kind
                    && name == old
                    && self.resolve(to, own).as_ref() == Some(key)
                {
                    found.push((own.clone(), place));
                }
            }
        }
        for (own, place) in found {
            let field = self.models.get_mut(&own).and_then(|model| model.fields.get_mut(place));
            if let Some((_, Field { kind: FieldKind::Reference { to_field, .. }, .. })) = field {
                *to_field = Some(new.to_owned());
            }
        }
    }

    /// The model that a target means, seen from another model.
    pub fn resolve(&self, target: &Target, from: &ModelKey) -> Option<ModelKey> {
        match target {
            Target::Model(app, name) => {
                Some(ModelKey::new(app.as_ref().unwrap_or(&from.app), name))
            }
            Target::Itself => Some(from.clone()),
            Target::Setting(setting) => match field::named(self.settings.get(setting)?) {
                Target::Model(Some(app), name) => Some(ModelKey { app, name }),
                _ => None,
            },
            Target::Unknown => None,
        }
    }

    /// The table of a model. The table of a proxy is its parent's.
    pub fn table(&self, key: &ModelKey) -> String {
        let mut key = key;
        for _ in 0..DEEPEST {
            match self.get(key) {
                Some(Model { table: Some(table), .. }) => return unquoted(table),
                Some(model) if model.proxy => match model.bases.first() {
                    Some(base) => key = base,
                    None => break,
                },
                _ => break,
            }
        }
        let known = self.get(key).map_or_else(|| well_known::table(key), |_| None);
        known.map_or_else(|| shortened(&format!("{}_{}", key.app, key.name)), str::to_owned)
    }

    /// The columns of a model's table, in addition to those of its fields: a key, an order.
    pub fn own_columns(&self, key: &ModelKey) -> Vec<Shape> {
        let Some(model) = self.get(key) else { return Vec::new() };
        let mut columns = Vec::new();
        for base in &model.bases {
            // Django writes the link to a parent as a field, but does not have to.
            let is_link = |field: &Field| match &field.kind {
                FieldKind::Reference { to, parent_link, .. } => {
                    *parent_link && self.resolve(to, key).as_ref() == Some(base)
                }
                _ => false,
            };
            let is_model = self.get(base).is_none_or(|base| !base.proxy);
            if is_model && !model.fields.iter().any(|(_, field)| is_link(field)) {
                columns.push(self.key_column(format!("{}_ptr_id", base.name), base));
            }
        }
        let has_key = model.fields.iter().any(|(_, field)| field.primary_key);
        if !has_key && columns.is_empty() {
            columns.push(column("id", self.settings.key_type(), true));
        }
        if model.ordered {
            columns.push(column("_order", "integer", false));
        }
        columns
    }

    fn key_column(&self, name: String, base: &ModelKey) -> Shape {
        let type_name = self.key_type(base, DEEPEST);
        Shape { references: Some(self.table(base)), ..column(&name, &type_name, true) }
    }

    /// The column that a field makes.
    pub fn column(&self, key: &ModelKey, name: &str, field: &Field) -> Option<Shape> {
        let (default, type_name, references, generated) = match &field.kind {
            FieldKind::Column { type_name, generated } => {
                (name.to_owned(), type_name.clone(), None, *generated)
            }
            FieldKind::Reference { to, to_field, .. } => {
                let to = self.resolve(to, key);
                let type_name = match &to {
                    Some(to) => self.type_of(to, to_field.as_deref(), DEEPEST),
                    None => String::new(),
                };
                (format!("{name}_id"), type_name, to.map(|to| self.table(&to)), false)
            }
            FieldKind::Many { .. } | FieldKind::Nothing => return None,
        };
        let name = truncated(field.db_column.as_deref().unwrap_or(&default));
        Some(Shape {
            name,
            type_name,
            not_null: !field.null,
            generated,
            primary: field.primary_key,
            unique: field.unique,
            references,
        })
    }

    /// The table that a field makes between two models. `Err` if the other model is not known.
    pub fn links(
        &self,
        key: &ModelKey,
        name: &str,
        field: &Field,
    ) -> Option<Result<LinkTable, String>> {
        let FieldKind::Many { to, through: false, db_table } = &field.kind else { return None };
        let Some(target) = self.resolve(to, key) else {
            return Some(Err(format!("the model that {name} points to is not known")));
        };
        let table = match db_table {
            Some(table) => unquoted(table),
            None => shortened(&format!("{}_{name}", self.table(key))),
        };
        // Django compares the names only.
        let (from, to) = match key.name == target.name {
            true => (format!("from_{}", key.name), format!("to_{}", key.name)),
            false => (key.name.clone(), target.name.clone()),
        };
        let link = |name: String, model: &ModelKey| Shape {
            primary: false,
            unique: false,
            ..self.key_column(truncated(&format!("{name}_id")), model)
        };
        let (from, to) = (link(from, key), link(to, &target));
        let id = column("id", self.settings.key_type(), true);
        Some(Ok(LinkTable { name: table, id, from, to }))
    }

    /// The type of a model's key. Empty if it is not known.
    fn key_type(&self, key: &ModelKey, depth: usize) -> String {
        let Some(model) = self.get(key) else {
            return well_known::key_type(key).unwrap_or_default().to_owned();
        };
        if depth == 0 {
            return String::new();
        }
        if let Some((_, field)) = model.fields.iter().find(|(_, field)| field.primary_key) {
            return self.field_type(key, field, depth);
        }
        match model.bases.first() {
            Some(base) => self.key_type(base, depth - 1),
            None => self.settings.key_type().to_owned(),
        }
    }

    fn type_of(&self, key: &ModelKey, field: Option<&str>, depth: usize) -> String {
        let field = field.and_then(|name| self.get(key)?.field(name));
        match field {
            Some(field) => self.field_type(key, field, depth),
            None => self.key_type(key, depth),
        }
    }

    fn field_type(&self, key: &ModelKey, field: &Field, depth: usize) -> String {
        match &field.kind {
            FieldKind::Column { type_name, .. } => type_name.clone(),
            FieldKind::Reference { to, to_field, .. } if depth > 0 => match self.resolve(to, key) {
                Some(to) => self.type_of(&to, to_field.as_deref(), depth - 1),
                None => String::new(),
            },
            _ => String::new(),
        }
    }
}

fn column(name: &str, type_name: &str, primary: bool) -> Shape {
    Shape {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        not_null: true,
        generated: false,
        primary,
        unique: primary,
        references: None,
    }
}
