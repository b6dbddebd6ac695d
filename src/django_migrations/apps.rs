//! Finds the folders with migrations, and the labels of their apps.

use std::collections::{BTreeMap, BTreeSet};

use super::literal;
use super::report::Report;
use super::{SourceFile, tokens};

/// An app and the files of its migrations.
pub struct App<'a> {
    pub label: String,
    pub files: Vec<&'a SourceFile>,
}

/// The app's folder and the module of a Python file that is directly in a folder `migrations`.
pub fn migration_place(path: &str) -> Option<(&str, &str)> {
    let (folder, file) = path.rsplit_once('/')?;
    let module = file.strip_suffix(".py")?;
    let app = match folder.strip_suffix("migrations")? {
        "" => "",
        app => app.strip_suffix('/')?,
    };
    Some((app, module))
}

/// Whether this file can set an app's label.
pub fn is_config(path: &str) -> bool {
    path == "apps.py" || path.ends_with("/apps.py")
}

/// Finds the apps. As in Django, a folder without `__init__.py` has no migrations, and modules that
/// begin with `_` or `~` do not count.
pub fn find<'a>(files: &'a [SourceFile], report: &mut Report) -> Vec<App<'a>> {
    let mut folders: BTreeMap<&str, Vec<&SourceFile>> = BTreeMap::new();
    let mut packages = BTreeSet::new();
    for file in files {
        match migration_place(&file.path) {
            Some((folder, "__init__")) => {
                packages.insert(folder);
                folders.entry(folder).or_default();
            }
            Some((folder, module)) if is_module(module) => {
                folders.entry(folder).or_default().push(file);
            }
            _ => {}
        }
    }
    let mut apps: BTreeMap<String, (String, App<'a>)> = BTreeMap::new();
    for (folder, own) in folders.into_iter().filter(|(folder, _)| packages.contains(folder)) {
        let place = format!("{folder}/migrations");
        let label = match label(folder, files) {
            Ok(label) => label,
            Err(reason) => {
                report.unreadable(&place, reason);
                continue;
            }
        };
        let app = App { label: label.clone(), files: own };
        if let Some((other, _)) = apps.insert(label.clone(), (place.clone(), app)) {
            report.unreadable(&place, format!("{other} has the app label `{label}` as well"));
        }
    }
    apps.into_values().map(|(_, app)| app).collect()
}

/// Whether `pkgutil.iter_modules` and Django's loader accept the name.
fn is_module(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(['_', '~']) && !name.contains('.')
}

/// The label in `apps.py`, or otherwise the folder's name.
fn label(folder: &str, files: &[SourceFile]) -> Result<String, String> {
    let path = if folder.is_empty() { "apps.py".to_owned() } else { format!("{folder}/apps.py") };
    if let Some(file) = files.iter().find(|file| file.path == path) {
        let labels = labels_in(file)
            .map_err(|reason| format!("its label is not known: {path}: {reason}"))?;
        let mut labels = labels.into_iter();
        match (labels.next(), labels.next()) {
            (Some(label), None) => return Ok(label),
            (Some(_), Some(_)) => {
                return Err(format!("its label is not known: {path} gives several"));
            }
            _ => {}
        }
    }
    match folder.rsplit('/').next() {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err("it is not in an app's folder, so its label is not known".to_owned()),
    }
}

/// The values of `label = "…"` in the bodies of classes.
fn labels_in(file: &SourceFile) -> Result<BTreeSet<String>, String> {
    let lines = tokens::lines(file)?;
    let mut labels = BTreeSet::new();
    for line in lines.iter().filter(|line| line.indent > 0) {
        if let Some(value) = line.assigned("label") {
            labels.insert(literal::text(value).ok_or("its label is not plain text")?);
        }
    }
    Ok(labels)
}
