//! Checks that the merged tree's migrations fit together, before anything is pushed.

use async_trait::async_trait;

use crate::adapters::git::{Choice, GitError, Oid, Repository};
use crate::django_migrations::{self, SourceFile};
use crate::failure::{CommandError, FailureKind};
use crate::reset::values::MERGED;
use crate::reset::world::Reset;
use crate::runbook::{Check, Evidence, Outcome, StepContext, StepResult};

use super::merge;

pub struct Migrations;

#[async_trait]
impl Check<Reset> for Migrations {
    fn describe(&self, _world: &Reset) -> String {
        "Check that the migrations of the merged branches fit together".to_owned()
    }

    async fn look(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let (repository, tip) = merge::tip(world, context).await?;
        let merged = context.need(&MERGED)?.merged;
        let chosen = world.answers.branches.iter().filter(|one| merged.contains(&one.name));
        let chosen: Vec<Choice> = chosen.cloned().map(Choice::from).collect();
        judge(&report_on(&repository, world.answers.master, tip, &chosen)?)
    }
}

/// Checks the migrations of a tip that was merged on top of a base.
pub(super) fn report_on<'a>(
    repository: &Repository,
    base: Oid,
    tip: Oid,
    merged: impl IntoIterator<Item = &'a Choice>,
) -> Result<django_migrations::Report, GitError> {
    let origins = repository.brought_by(base, merged)?;
    let files =
        repository.files(tip, django_migrations::LONGEST_FILE, django_migrations::is_wanted)?;
    let sources: Vec<SourceFile> = files
        .into_iter()
        .map(|file| SourceFile { path: file.path, text: file.content.into_bytes() })
        .collect();
    Ok(django_migrations::check(&sources, &origins))
}

fn judge(report: &django_migrations::Report) -> crate::runbook::StepResult<Outcome> {
    if report.is_sound() {
        let read = report.migrations;
        let evidence = Evidence::of(format!("Migrations fit together ({read} read)"))
            .fact("migrations read", read);
        return Ok(Outcome::Done(evidence));
    }
    let text = match report.conflicts.len() {
        0 => "cannot show that the migrations of the merged branches fit together".to_owned(),
        1 => "a merge migration is missing".to_owned(),
        apps => format!("merge migrations are missing in {apps} apps"),
    };
    let mut error = CommandError::new(FailureKind::Refused, text);
    for line in report.conflicts.iter().map(ToString::to_string) {
        error = error.hint(line);
    }
    for line in report.broken.iter().map(ToString::to_string) {
        error = error.hint(line);
    }
    for line in report.unreadable.iter().map(ToString::to_string) {
        error = error.hint(line);
    }
    let error = match report.conflicts.is_empty() {
        true => error,
        false => error.hint("on one of the branches: python manage.py makemigrations --merge"),
    };
    Err(error.into())
}
