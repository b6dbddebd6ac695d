//! Reads the few settings of Django on which tables depend.

use std::collections::BTreeMap;

use super::expression::Kind;
use super::{SourceFile, tokens};

/// Settings that are plain text, from every file of settings.
#[derive(Debug, Clone, Default)]
pub struct SiteSettings {
    /// `None` if two files differ.
    values: BTreeMap<String, Option<String>>,
    /// The files that set `MIGRATION_MODULES`, which moves migrations to other folders, and the line.
    pub moved: Vec<(String, usize)>,
}

/// Whether the file can have settings.
pub fn is_settings(path: &str) -> bool {
    let Some(module) = path.strip_suffix(".py") else { return false };
    let (folder, name) = module.rsplit_once('/').unwrap_or(("", module));
    name.contains("settings") || folder.rsplit('/').next() == Some("settings")
}

/// The settings that a file may leave to Django's own values.
const DEFAULTS: [(&str, &str); 4] = [
    ("AUTH_USER_MODEL", "auth.User"),
    ("WAGTAILCORE_PAGE_MODEL", "wagtailcore.Page"),
    ("WAGTAILIMAGES_IMAGE_MODEL", "wagtailimages.Image"),
    ("WAGTAILDOCS_DOCUMENT_MODEL", "wagtaildocs.Document"),
];

impl SiteSettings {
    pub fn of(files: &[SourceFile]) -> SiteSettings {
        let mut settings = SiteSettings::default();
        for file in files.iter().filter(|file| is_settings(&file.path)) {
            settings.add(file);
        }
        settings
    }

    /// A file that cannot be read sets nothing: the migrations name most models themselves.
    fn add(&mut self, file: &SourceFile) {
        let Ok(lines) = tokens::lines(file) else { return };
        for line in lines.iter().filter(|line| line.indent == 0) {
            let Some(tokens::Token::Name(name)) = line.tokens.first() else { continue };
            let Some(value) = line.assigned_expression(name) else { continue };
            match value.kind {
                Kind::Text(text) => {
                    let known = self.values.insert(name.clone(), Some(text.clone()));
                    if known.is_some_and(|known| known.as_ref() != Some(&text)) {
                        self.values.insert(name.clone(), None);
                    }
                }
                Kind::Dictionary(pairs) if pairs.is_empty() => {}
                _ if name == "MIGRATION_MODULES" => {
                    self.moved.push((file.path.clone(), line.row()))
                }
                _ => {}
            }
        }
    }

    /// The type of keys that Django adds itself.
    pub fn key_type(&self) -> &'static str {
        match self.get("DEFAULT_AUTO_FIELD").and_then(|class| class.rsplit('.').next()) {
            Some("AutoField") => "integer",
            Some("SmallAutoField") => "smallint",
            _ => "bigint",
        }
    }

    /// The setting's value. `None` if it is not known.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(value) => value.as_deref(),
            None => DEFAULTS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value),
        }
    }
}
