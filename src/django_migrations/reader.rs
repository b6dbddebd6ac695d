//! Computes the tables in which all migrations end, without Python and without a database.
//!
//! What cannot be read is an [`Unread`], so it is never taken for a migration without tables.

use std::collections::{BTreeMap, BTreeSet};

use super::apply::Progress;
use super::database::{Database, TableState};
use super::functions::Functions;
use super::graph::{self, Key, Node};
use super::literal::Value;
use super::models::Models;
use super::module::Migration;
use super::names::Names;
use super::operation::{Gap, Step};
use super::order::order;
use super::read_operations::Reader;
use super::report::Report;
use super::site_settings::SiteSettings;
use super::tokens::{self, Line, Token};
use super::{Origins, SourceFile, apps, branches, module};

/// The tables of the site's own apps.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    pub tables: BTreeMap<String, TableState>,
    /// How many migrations were read.
    pub migrations: usize,
    /// The labels of the apps that have migrations.
    pub apps: Vec<String>,
    pub unread: Vec<Unread>,
}

/// Something that may change tables and that bcops cannot read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unread {
    pub path: String,
    /// `None` if it is about the whole file.
    pub row: Option<usize>,
    pub reason: String,
}

/// Reads the files of one tree. The order of the files does not matter. Apps of `skipped` are
/// skipped.
pub fn read(files: &[SourceFile], skipped: &BTreeSet<String>) -> Tables {
    let mut report = Report::default();
    let mut found = apps::find(files, &mut report);
    found.retain(|app| !skipped.contains(&app.label));
    let mut nodes = BTreeMap::new();
    let mut sources = BTreeMap::new();
    for app in &found {
        for file in &app.files {
            let migration = module::read(file).unwrap_or_else(|reason| {
                report.unreadable(&file.path, reason);
                after_the_one_before(app, file)
            });
            let key = Key::new(&app.label, &migration.name);
            sources.insert(key.clone(), *file);
            nodes.insert(key, Node { path: file.path.clone(), migration });
        }
    }
    let labels: BTreeSet<&str> = found.iter().map(|app| app.label.as_str()).collect();
    graph::check(&nodes, &labels, &Origins::new(), &mut report);
    report.finish();
    let settings = SiteSettings::of(files);
    let mut tables = Tables {
        migrations: nodes.len(),
        apps: found.iter().map(|app| app.label.clone()).collect(),
        unread: of_report(&report, &settings),
        ..Tables::default()
    };
    let user_app = settings.get("AUTH_USER_MODEL").and_then(|user| user.split('.').next());
    let ordered = order(&nodes, &labels, user_app);
    let mut models = Models::new(settings);
    let mut database = Database::default();
    for key in ordered {
        let Some(file) = sources.get(&key) else { continue };
        let mut gaps = Vec::new();
        let steps = operations(file, &mut gaps);
        let mut progress = Progress {
            models: &mut models,
            database: Some(&mut database),
            app: &key.app,
            path: &file.path,
            gaps: &mut gaps,
        };
        progress.apply(&steps);
        tables.unread.extend(gaps.into_iter().map(|gap| Unread {
            path: file.path.clone(),
            row: Some(gap.row),
            reason: gap.reason,
        }));
    }
    settle(&models, &mut database);
    tables.tables = database.into_tables();
    tables.unread.sort();
    tables.unread.dedup();
    tables
}

/// For a file whose dependencies cannot be read: its operations still can, in the order of the names.
fn after_the_one_before(app: &apps::App<'_>, file: &SourceFile) -> Migration {
    let names = app.files.iter().map(|file| module::name_of(file));
    let name = module::name_of(file);
    let before = names.filter(|other| *other < name).max();
    let before = before.map(|before| Value::Pair(app.label.clone(), before));
    Migration { name, dependencies: before.into_iter().collect(), ..Migration::default() }
}

fn of_report(report: &Report, settings: &SiteSettings) -> Vec<Unread> {
    let whole = |path: &str, reason: String| Unread { path: path.to_owned(), row: None, reason };
    let mut unread = Vec::new();
    unread.extend(report.unreadable.iter().map(|one| whole(&one.path, one.reason.clone())));
    unread.extend(report.broken.iter().map(|one| whole(&one.path, one.reason.clone())));
    for conflict in &report.conflicts {
        let path = conflict.leaves.first().map(|leaf| leaf.path.as_str()).unwrap_or_default();
        unread.push(whole(path, conflict.to_string()));
    }
    for (path, row) in &settings.moved {
        let reason = "MIGRATION_MODULES moves migrations to other folders".to_owned();
        unread.push(Unread { path: path.clone(), row: Some(*row), reason });
    }
    unread
}

/// The operations of a migration's file.
fn operations(file: &SourceFile, gaps: &mut Vec<Gap>) -> Vec<Step> {
    let Ok(lines) = tokens::lines(file) else { return Vec::new() };
    let Ok((body, outside)) = module::class_body(&lines) else { return Vec::new() };
    let names = Names::of(&lines);
    let functions = Functions { lines: &outside, names: &names, methods: body };
    let mut reader = Reader { names: &names, functions: &functions, gaps: Vec::new() };
    let indent = body.first().map(|line| line.indent).unwrap_or_default();
    let mut steps: Option<Vec<Step>> = None;
    for (depth, line) in branches::taken(body) {
        let gap = |reason: &str| Gap { row: line.row(), reason: reason.to_owned() };
        match line.assigned_expression("operations") {
            Some(list) if depth == indent && steps.is_none() => {
                steps = Some(reader.steps(&list));
            }
            Some(_) => gaps.push(gap("`operations` depends on a condition, or is set twice")),
            None if changes_operations(line) => {
                gaps.push(gap("`operations` is set in a way that cannot be followed"));
            }
            None if replaces_a_method(line, indent) => {
                gaps.push(gap("the migration has its own way to apply itself"));
            }
            None => {}
        }
    }
    gaps.append(&mut reader.gaps);
    steps.unwrap_or_default()
}

/// `operations += …`, `operations.append(…)`
fn changes_operations(line: &Line) -> bool {
    module::outside_brackets(&line.tokens).any(|token| token.is_name("operations"))
        && !line.tokens.first().is_some_and(|first| first.is_name("return"))
}

fn replaces_a_method(line: &Line, indent: usize) -> bool {
    const METHODS: [&str; 4] = ["__init__", "apply", "mutate_state", "unapply"];
    matches!(line.tokens.as_slice(), [def, Token::Name(name), ..]
        if def.is_name("def") && line.indent == indent && METHODS.contains(&name.as_str()))
}

/// Gives foreign keys the types of the keys that they point to now. Django changes both at once.
fn settle(models: &Models, database: &mut Database) {
    for (key, model) in models.iter().filter(|(_, model)| model.has_table()) {
        let table = models.table(key);
        for (name, field) in &model.fields {
            let links = models.links(key, name, field).and_then(Result::ok);
            let own = models.column(key, name, field).map(|column| (table.clone(), column));
            let linked = links
                .into_iter()
                .flat_map(|links| [(links.name.clone(), links.from), (links.name, links.to)]);
            for (table, shape) in own.into_iter().chain(linked) {
                if shape.references.is_none() {
                    continue;
                }
                let Ok(state) = database.table_mut(&table) else { continue };
                for column in &mut state.columns {
                    if column.shape.name == shape.name && column.shape.references.is_some() {
                        column.shape.type_name.clone_from(&shape.type_name);
                    }
                }
            }
        }
    }
}
