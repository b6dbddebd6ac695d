//! Merges the chosen branches onto master, in memory.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::adapters::git::{
    Assembled, Assembly, Branch, BranchOutcome, Choice, Oid, OnConflict, Outcome as Merging,
    Repository,
};
use crate::failure::{CommandError, FailureKind};
use crate::reset::values::{MERGED, MERGED_AT, Merged};
use crate::reset::world::Reset;
use crate::runbook::{Check, Evidence, Outcome, StepContext, StepError, StepResult, Table};

use super::short;

/// The name of the merged tip in the clone.
const KEPT: &str = "staging";

pub struct Merge;

#[async_trait]
impl Check<Reset> for Merge {
    fn describe(&self, world: &Reset) -> String {
        let branches = &world.branches;
        match world.answers.branch_names().as_slice() {
            [] => format!("Use {} without merges", branches.master),
            chosen => format!("Merge {} onto {}", chosen.join(", "), branches.master),
        }
    }

    async fn look(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let assembled = assemble(world, context).await?;
        let merged = merged(&assembled);
        let evidence = evidence(world, &assembled, &merged);
        let conflicts = conflicts(&assembled);
        if !conflicts.is_empty() && world.answers.on_conflict == OnConflict::Stop {
            for conflict in &conflicts {
                context.warn(conflict.clone());
            }
            return Err(StepError::NeedsDecision {
                question: format!(
                    "skip the branches in conflict ({})?",
                    branches_in_conflict(&assembled).join(", ")
                ),
                flag: "--on-conflict skip".to_owned(),
            });
        }
        context.put(&MERGED, &merged)?;
        if conflicts.is_empty() {
            return Ok(Outcome::Done(evidence));
        }
        for conflict in &conflicts {
            context.warn(conflict.clone());
        }
        let text = format!("skipped because of conflicts: {}", merged.left_out.join(", "));
        Ok(Outcome::Warning { text, evidence })
    }
}

/// The merged tip, as an object in the repository. If a temporary repository is gone, the branches
/// are merged again, which gives the same commit. After the push the origin has the tip, even if
/// its other branches have moved since.
pub async fn tip(world: &Reset, context: &StepContext) -> StepResult<(Repository, Oid)> {
    let recorded = context.need(&MERGED)?.tip;
    let repository = world.repository(context)?;
    if repository.kept(KEPT)? == Some(recorded) {
        return Ok((repository, recorded));
    }
    let found = repository.fetch_branches(None).await?;
    if repository.has_commit(recorded)? {
        repository.keep(KEPT, recorded)?;
        return Ok((repository, recorded));
    }
    let assembled = assemble_found(world, context, &repository, &found).await?;
    if assembled.tip != recorded {
        let text = "cannot push: merging again gave another result; nothing was pushed";
        return Err(StepError::failed(FailureKind::Refused, text));
    }
    Ok((repository, recorded))
}

async fn assemble(world: &Reset, context: &StepContext) -> StepResult<Assembled> {
    let repository = world.repository(context)?;
    let found = repository.fetch_branches(None).await?;
    assemble_found(world, context, &repository, &found).await
}

/// Merges fetched branches.
async fn assemble_found(
    world: &Reset,
    context: &StepContext,
    repository: &Repository,
    found: &[Branch],
) -> StepResult<Assembled> {
    let tip_of = |name: &str| found.iter().find(|one| one.name == name).map(|one| one.commit);
    // Only approved commits are merged, so a branch that has moved since is refused.
    let mut branches = Vec::new();
    for chosen in &world.answers.branches {
        if tip_of(&chosen.name) != Some(chosen.commit) {
            return Err(moved(&chosen.name, chosen.commit, tip_of(&chosen.name)));
        }
        branches.push(Choice::from(chosen.clone()));
    }
    let base = world.answers.master;
    if tip_of(&world.branches.master) != Some(base) {
        return Err(moved(&world.branches.master, base, tip_of(&world.branches.master)));
    }
    let now = Timestamp::now().as_second();
    let at = context.put_first(&MERGED_AT, now)?;
    let mut identity = repository.identity().await?;
    identity.author.seconds = at;
    identity.committer.seconds = at;
    let into = world.branches.staging.clone();
    let on_conflict = world.answers.on_conflict;
    let base_name = world.branches.master.clone();
    let assembly = Assembly { base, base_name, into, branches, on_conflict, identity };
    let assembled = repository.assemble(&assembly).await?;
    repository.keep(KEPT, assembled.tip)?;
    Ok(assembled)
}

fn moved(name: &str, was: Oid, is: Option<Oid>) -> StepError {
    let is = is.map_or_else(|| "gone".to_owned(), |is| format!("at {}", short(is)));
    let text = format!("{name} was at {} when it was chosen, and is {is} now", short(was));
    CommandError::new(FailureKind::Refused, text)
        .hint("begin a new run with the present branches")
        .into()
}

fn merged(assembled: &Assembled) -> Merged {
    let names = |wanted: fn(&Merging) -> bool| {
        let outcomes = assembled.outcomes.iter().filter(|one| wanted(&one.outcome));
        outcomes.map(|one| one.choice.name.clone()).collect()
    };
    Merged {
        tip: assembled.tip,
        merged: names(|outcome| matches!(outcome, Merging::Merged { .. })),
        already_there: names(|outcome| matches!(outcome, Merging::AlreadyThere)),
        left_out: names(|outcome| matches!(outcome, Merging::Conflicts(_) | Merging::NotTried)),
    }
}

fn branches_in_conflict(assembled: &Assembled) -> Vec<String> {
    let in_conflict = |one: &&BranchOutcome| matches!(one.outcome, Merging::Conflicts(_));
    assembled.outcomes.iter().filter(in_conflict).map(|one| one.choice.name.clone()).collect()
}

/// One line per file, with its path and both branches.
fn conflicts(assembled: &Assembled) -> Vec<String> {
    let mut lines = Vec::new();
    for one in &assembled.outcomes {
        if let Merging::Conflicts(conflicts) = &one.outcome {
            lines.extend(conflicts.iter().map(|conflict| conflict.to_string()));
        }
    }
    lines
}

fn evidence(world: &Reset, assembled: &Assembled, merged: &Merged) -> Evidence {
    let mut table = Table::new("Branches on staging", &["branch", "tip", "outcome"]);
    for one in &assembled.outcomes {
        let outcome = match &one.outcome {
            Merging::Merged { commit } => format!("merged as {}", short(commit)),
            Merging::AlreadyThere => "already on master".to_owned(),
            Merging::Conflicts(_) => "skipped: conflict".to_owned(),
            Merging::NotTried => "not tried".to_owned(),
        };
        let tip = short(one.choice.commit);
        table = table.row(vec![one.choice.name.clone().into(), tip.into(), outcome.into()]);
    }
    let what = match merged.merged.as_slice() {
        [] => world.branches.master.clone(),
        names => format!("{} + {}", world.branches.master, names.join(", ")),
    };
    let evidence = Evidence::of(format!("{} will be {what}", world.branches.staging))
        .fact("master", world.answers.master.to_string())
        .fact("tip of staging after", merged.tip.to_string());
    if assembled.outcomes.is_empty() { evidence } else { evidence.table(table) }
}
