//! Reads the fields of models, as far as a database's columns depend on them.

use super::column_types;
use super::expression::{Call, Expression, Kind};
use super::names::Names;

/// A field of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub kind: FieldKind,
    pub null: bool,
    pub primary_key: bool,
    pub unique: bool,
    pub db_column: Option<String>,
    /// The line of the file on which it begins.
    pub row: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// A column of this type. The type is empty if it is not known.
    Column { type_name: String, generated: bool },
    /// A foreign key.
    Reference { to: Target, to_field: Option<String>, parent_link: bool },
    /// A link to many rows. With `through` the table between is a model of its own.
    Many { to: Target, through: bool, db_table: Option<String> },
    /// No column: a generic relation, a manager of tags.
    Nothing,
}

/// The model that a field points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// With the app's label, or else of the same app.
    Model(Option<String>, String),
    Itself,
    /// The value of a setting, such as `AUTH_USER_MODEL`.
    Setting(String),
    /// Not written there.
    Unknown,
}

/// A field, and what could not be read of it.
pub struct ReadField {
    pub field: Field,
    pub unread: Option<String>,
}

/// Reads a field. What is not known is a column by the field's name, whose type is not known.
pub fn read(expression: &Expression, names: &Names) -> ReadField {
    let expression = names.value(expression);
    let row = expression.row;
    let Kind::Call(call) = &expression.kind else {
        let unread = Some("the field is not a call of a class".to_owned());
        return ReadField { field: unknown(row), unread };
    };
    let class = names.qualify(&call.function);
    let (kind, mut unread) = kind(&class, call, names);
    if call.has_hidden_arguments() {
        unread = Some("the field has arguments that are not written there".to_owned());
    }
    let is_true = |name| call.named(name).is_some_and(|value| value.is_name("True"));
    let primary_key = is_true("primary_key");
    let one_to_one = class.ends_with("OneToOneField");
    let db_column = call.named("db_column").map(|value| names.value(value));
    if db_column.is_some_and(|value| value.text().is_none() && !value.is_name("None")) {
        unread = Some("db_column is not plain text".to_owned());
    }
    let field = Field {
        kind,
        null: !primary_key && (is_true("null") || class.ends_with("NullBooleanField")),
        primary_key,
        unique: primary_key || one_to_one || is_true("unique"),
        db_column: db_column.and_then(Expression::text).map(str::to_owned),
        row,
    };
    ReadField { field, unread }
}

fn unknown(row: usize) -> Field {
    let kind = FieldKind::Column { type_name: String::new(), generated: false };
    Field { kind, null: true, primary_key: false, unique: false, db_column: None, row }
}

const REFERENCES: [&str; 5] = [
    "django.db.models.ForeignKey",
    "django.db.models.OneToOneField",
    "django.db.models.fields.related.ForeignKey",
    "django.db.models.fields.related.OneToOneField",
    "modelcluster.fields.ParentalKey",
];

const MANY: [&str; 3] = [
    "django.db.models.ManyToManyField",
    "django.db.models.fields.related.ManyToManyField",
    "modelcluster.fields.ParentalManyToManyField",
];

/// Fields without a column.
const NOTHING: [&str; 13] = [
    "django.contrib.contenttypes.fields.GenericForeignKey",
    "django.contrib.contenttypes.fields.GenericRelation",
    "django.db.models.CompositePrimaryKey",
    "django.db.models.ForeignObject",
    "django.db.models.fields.composite.CompositePrimaryKey",
    "django.db.models.fields.related.ForeignObject",
    "modelcluster.contrib.taggit.ClusterTaggableManager",
    "modelcluster.fields.ParentalManyToManyDescriptor",
    "taggit.managers.TaggableManager",
    "taggit.managers._TaggableManager",
    "auditlog.models.AuditlogHistoryField",
    "wagtail.contrib.taggit.ClusterTaggableManager",
    "wagtail.models.fields.GenericRelation",
];

/// What a class makes, and why it could not be read.
fn kind(class: &str, call: &Call, names: &Names) -> (FieldKind, Option<String>) {
    if NOTHING.contains(&class) {
        return (FieldKind::Nothing, None);
    }
    let is_reference = REFERENCES.contains(&class);
    // A class of the site's own over ForeignKey.
    let is_like_one = call.named("to").is_some() && call.named("on_delete").is_some();
    if is_reference || (is_like_one && !MANY.contains(&class)) {
        return reference(call, names);
    }
    if MANY.contains(&class) {
        return many(call, names);
    }
    let plain = |type_name: String| {
        let generated =
            class.starts_with("django.db.models.") && class.ends_with(".GeneratedField");
        FieldKind::Column { type_name, generated }
    };
    if call.named("to").is_some() {
        let reason = format!("{class} is not known, and points to another model");
        return (plain(String::new()), Some(reason));
    }
    (plain(column_types::of(class, call, names).unwrap_or_default()), None)
}

fn reference(call: &Call, names: &Names) -> (FieldKind, Option<String>) {
    let to = call.argument("to", 0).map_or(Target::Unknown, |to| target(to, names));
    let unread = (to == Target::Unknown).then(|| TARGET_UNREAD.to_owned());
    let to_field = call.named("to_field").and_then(Expression::text).map(str::to_owned);
    let parent_link = call.named("parent_link").is_some_and(|value| value.is_name("True"));
    // The column's name does not depend on the model, so only its type is not known.
    (FieldKind::Reference { to, to_field, parent_link }, unread.filter(|_| parent_link))
}

const TARGET_UNREAD: &str = "the model that the field points to is not written there";

fn many(call: &Call, names: &Names) -> (FieldKind, Option<String>) {
    let to = call.argument("to", 0).map_or(Target::Unknown, |to| target(to, names));
    let through = call.named("through").is_some_and(|through| !through.is_name("None"));
    let db_table = call.named("db_table").map(|table| names.value(table));
    let unread = match db_table {
        _ if through => None,
        Some(table) if table.text().is_none() && !table.is_name("None") => {
            Some("db_table is not plain text".to_owned())
        }
        _ => (to == Target::Unknown).then(|| TARGET_UNREAD.to_owned()),
    };
    let db_table = db_table.and_then(Expression::text).map(str::to_owned);
    (FieldKind::Many { to, through, db_table }, unread)
}

fn target(expression: &Expression, names: &Names) -> Target {
    let expression = names.value(expression);
    match &expression.kind {
        Kind::Text(text) => named(text),
        Kind::Path(path) => match names.qualify(path).strip_prefix("django.conf.settings.") {
            Some(name) => Target::Setting(name.to_owned()),
            None => Target::Unknown,
        },
        // Wagtail's own functions for its settings.
        Kind::Call(call) => match call.function.last().map(String::as_str) {
            Some("get_image_model_string") => Target::Setting("WAGTAILIMAGES_IMAGE_MODEL".into()),
            Some("get_document_model_string") => {
                Target::Setting("WAGTAILDOCS_DOCUMENT_MODEL".into())
            }
            // `swapper.get_model_name("wagtailcore", "Page")`
            Some("get_model_name") => match call.arguments.as_slice() {
                [app, model] => match (app.value.text(), model.value.text()) {
                    (Some(app), Some(model)) => {
                        Target::Setting(format!("{app}_{model}_MODEL").to_uppercase())
                    }
                    _ => Target::Unknown,
                },
                _ => Target::Unknown,
            },
            _ => Target::Unknown,
        },
        _ => Target::Unknown,
    }
}

/// `app.Model`, `Model` or `self`.
pub fn named(text: &str) -> Target {
    match text.split_once('.') {
        Some((app, name)) => Target::Model(Some(app.to_owned()), name.to_lowercase()),
        None if text == "self" => Target::Itself,
        None => Target::Model(None, text.to_lowercase()),
    }
}
