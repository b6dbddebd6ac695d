//! Previews the merges of a run in memory, before anything is decided.
//!
//! Nothing is kept: no ref points at the merged commits.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::git::inventory::Inventory;
use crate::adapters::git::{
    Assembly, Branch, Choice, Identity, OnConflict, Outcome as Merging, Person, Repository,
};
use crate::django_migrations;
use crate::failure::CommandError;
use crate::reset::answers::Answers;
use crate::reset::world::Branches;

use super::migrations::report_on;

/// The result of merging the chosen branches.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    pub merged: Vec<String>,
    /// Branches that are already completely on master.
    pub already_there: Vec<String>,
    /// Branches with conflicts, each with a line per file.
    pub conflicts: Vec<InConflict>,
    /// The migrations of the merged tree without the branches in conflict.
    pub migrations: django_migrations::Report,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InConflict {
    pub branch: String,
    /// A line per file.
    pub files: Vec<String>,
}

/// Merges every branch that has no conflict, so that all conflicts are shown at once.
///
/// # Errors
/// If a fetched branch cannot be read.
pub async fn preview(
    repository: &Repository,
    branches: &Branches,
    answers: &Answers,
) -> Result<Preview, CommandError> {
    let base = answers.master;
    let chosen: Vec<Choice> = answers.branches.iter().cloned().map(Choice::from).collect();
    let assembly = Assembly {
        base,
        base_name: branches.master.clone(),
        into: branches.staging.clone(),
        branches: chosen.clone(),
        on_conflict: OnConflict::Skip,
        // The commits are thrown away, so a missing git identity is not an error.
        identity: repository.identity().await.unwrap_or_else(|_| anyone()),
    };
    let assembled = repository.assemble(&assembly).await?;
    let mut found = Preview::default();
    for one in &assembled.outcomes {
        let branch = one.choice.name.clone();
        match &one.outcome {
            Merging::Merged { .. } => found.merged.push(branch),
            Merging::AlreadyThere => found.already_there.push(branch),
            Merging::Conflicts(conflicts) => {
                let files = conflicts.iter().map(ToString::to_string).collect();
                found.conflicts.push(InConflict { branch, files });
            }
            Merging::NotTried => {}
        }
    }
    let is_in = |choice: &&Choice| found.merged.contains(&choice.name);
    found.migrations = report_on(repository, base, assembled.tip, chosen.iter().filter(is_in))?;
    Ok(found)
}

/// The branches that do not merge into master, each tried alone.
///
/// # Errors
/// A branch that was fetched cannot be read.
pub async fn conflicting(
    repository: &Repository,
    branches: &Branches,
    inventory: &Inventory,
) -> Result<Vec<String>, CommandError> {
    let mut names = Vec::new();
    for one in inventory.branches.iter().filter(|one| one.landed.is_none()) {
        let branch = Branch { name: one.name.clone(), commit: one.last.commit };
        let assembly = Assembly {
            base: inventory.master,
            base_name: branches.master.clone(),
            into: branches.staging.clone(),
            branches: vec![Choice::from(branch)],
            on_conflict: OnConflict::Skip,
            identity: anyone(),
        };
        let outcomes = repository.assemble(&assembly).await?.outcomes;
        if outcomes.iter().any(|one| matches!(one.outcome, Merging::Conflicts(_))) {
            names.push(one.name.clone());
        }
    }
    Ok(names)
}

fn anyone() -> Identity {
    let person = Person {
        name: "bcops".to_owned(),
        email: "bcops@example.invalid".to_owned(),
        seconds: Timestamp::now().as_second(),
        offset_minutes: 0,
    };
    Identity { author: person.clone(), committer: person }
}
