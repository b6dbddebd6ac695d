//! Knows the keys of models from packages, to which a site's own models point.

use super::models::ModelKey;

/// Apps of Django and of packages that Wagtail sites have, and the type of their models' keys. The
/// package may give another number type, and every number needs the same class.
const APPS: [(&str, &str); 12] = [
    ("admin", "integer"),
    ("auth", "integer"),
    ("contenttypes", "integer"),
    ("flatpages", "integer"),
    ("redirects", "integer"),
    ("sites", "integer"),
    ("taggit", "integer"),
    ("django_celery_beat", "integer"),
    ("django_celery_results", "integer"),
    ("reversion", "integer"),
    ("filer", "integer"),
    ("easy_thumbnails", "integer"),
];

/// The tables that are not called `app_model`.
const TABLES: [(&str, &str, &str); 3] = [
    ("admin", "logentry", "django_admin_log"),
    ("contenttypes", "contenttype", "django_content_type"),
    ("sites", "site", "django_site"),
];

/// The type of a model's key, if the app is known.
pub fn key_type(key: &ModelKey) -> Option<&'static str> {
    if key.app.starts_with("wagtail") {
        return Some("integer");
    }
    APPS.iter().find(|(app, _)| *app == key.app).map(|(_, type_name)| *type_name)
}

pub fn table(key: &ModelKey) -> Option<&'static str> {
    let mut tables = TABLES.iter();
    tables.find(|(app, name, _)| *app == key.app && *name == key.name).map(|(_, _, table)| *table)
}
