//! `manifest check`: compares the tables in which the site's migrations end with the manifest.

use std::collections::BTreeSet;
use std::path::Path;

use super::checkout::{self, CheckoutError};
use super::document::Classed;
use crate::checks::Verdict;
use crate::cli::ManifestCheckArgs;
use crate::commands::junit::{self, Examined, reporting};
use crate::commands::{Context, Outcome};
use crate::deployment::manifest;
use crate::django_migrations::{self, SourceFile, Tables, Unread};
use crate::failure::{CommandError, FailureKind};
use crate::scrub::tools;
use crate::words;

pub async fn run(context: &Context, args: &ManifestCheckArgs) -> Result<Outcome, CommandError> {
    let suite = "bcops manifest check".to_owned();
    reporting(context, args.junit.as_deref(), suite, async { look(context, args) }).await
}

fn look(context: &Context, args: &ManifestCheckArgs) -> Result<Examined, CommandError> {
    let manifest = manifest::load(&context.settings)?;
    let files = checkout::read(&args.path)?;
    let skipped: BTreeSet<String> = args.skip_app.iter().cloned().collect();
    let mut tables = django_migrations::read(&files, &skipped);
    check_skipped(&files, &skipped)?;
    if tables.migrations == 0 && tables.unread.is_empty() {
        return Err(CheckoutError::NoMigrations { path: args.path.clone() }.into());
    }
    let divided = divide(std::mem::take(&mut tables.unread), args, &files)?;
    let schema = tables.schema();
    let unclassed = tools::unclassed(&schema, &manifest);
    let lines = tools::missing_entries(&schema, &manifest);
    let subject = args.path.display().to_string();
    let classed = Classed::new(subject, &tables, &unclassed, divided, lines);
    let cases = cases(&tables, &classed);
    // A table without a class stops every pull, so what is not read counts as one.
    let exit_code = match classed.is_valid() {
        true => 0,
        false => FailureKind::PersonalData.exit_code(),
    };
    Ok(Examined { outcome: Outcome::of(&classed).with_exit_code(exit_code), cases })
}

/// Refuses an app that is not in the checkout: with a misspelt label, the app would be checked.
fn check_skipped(files: &[SourceFile], skipped: &BTreeSet<String>) -> Result<(), CommandError> {
    if skipped.is_empty() {
        return Ok(());
    }
    let all = django_migrations::read(files, &BTreeSet::new()).apps;
    if let Some(label) = skipped.iter().find(|label| !all.contains(label)) {
        let text = format!("cannot skip the app {label}: the checkout has no app with this label");
        return Err(CommandError::new(FailureKind::Usage, text)
            .with_hints(words::did_you_mean(label, all.iter().map(String::as_str)))
            .hint(format!("write one of: {}", all.join(", "))));
    }
    Ok(())
}

/// Divides what cannot be read: what a person has read, and what no one has.
fn divide(
    unread: Vec<Unread>,
    args: &ManifestCheckArgs,
    files: &[SourceFile],
) -> Result<(Vec<Unread>, Vec<Unread>), CommandError> {
    let mut reviewed = BTreeSet::new();
    for path in &args.reviewed {
        let place = place_of(path, &args.path);
        if !files.iter().any(|file| file.path == place) {
            let text = format!(
                "cannot take {} as reviewed: it is not a migration of {}",
                path.display(),
                args.path.display()
            );
            return Err(CommandError::new(FailureKind::Usage, text)
                .hint("write the path as bcops manifest check prints it"));
        }
        reviewed.insert(place);
    }
    Ok(unread.into_iter().partition(|one| reviewed.contains(&one.path)))
}

/// The path from the top of the checkout, as it is printed.
fn place_of(path: &Path, top: &Path) -> String {
    let inside = path.strip_prefix(top).unwrap_or(path);
    let inside = inside.strip_prefix(".").unwrap_or(inside);
    inside.to_string_lossy().into_owned()
}

/// A case for each table, and for each place that cannot be read.
fn cases(tables: &Tables, classed: &Classed) -> Vec<crate::ui::junit::Case> {
    let mut cases = Vec::new();
    for name in tables.tables.keys() {
        let found = classed.unclassified().iter().find(|one| one.table.name == *name);
        cases.push(match found {
            Some(found) => junit::case("table", name, Verdict::Fail, found.to_string(), &[]),
            None => junit::case("table", name, Verdict::Pass, String::new(), &[]),
        });
    }
    for place in classed.unread() {
        let text = place.to_string();
        cases.push(junit::case("migration", &place.path, Verdict::Fail, text, &[]));
    }
    cases
}
