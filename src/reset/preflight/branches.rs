//! Lists branches that are on staging and not on master, and commits of staging that are on no
//! branch.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use crate::adapters::git::inventory::{Inventory, Question};
use crate::failure::{CommandError, FailureKind};
use crate::reset::git::short;
use crate::reset::world::{Reset, Sides};
use crate::runbook::{Check, Evidence, Outcome, StepContext, StepError, StepResult, Table};
use crate::words;

pub struct BranchesHere;

#[async_trait]
impl Check<Reset> for BranchesHere {
    fn describe(&self, world: &Reset) -> String {
        let branches = &world.branches;
        format!("List branches on {} that are not on {}", branches.staging, branches.master)
    }

    async fn look(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let repository = world.repository(context)?;
        repository.fetch_branches(None).await?;
        let inventory = repository.inventory(&world.question())?;
        still_as_decided(world, &inventory)?;
        let evidence = evidence(&inventory, &world.answers.branch_names());
        let lost = inventory.unaccounted.len() as u64;
        if lost > 0 {
            let text = format!(
                "{} on {} that no branch has; only the kept tip has them",
                words::plural(lost, "commit"),
                world.branches.staging
            );
            return Ok(Outcome::Warning { text, evidence });
        }
        Ok(Outcome::Done(evidence))
    }
}

/// Checks that the tips are still those that the answers were given for.
fn still_as_decided(world: &Reset, inventory: &Inventory) -> Result<(), StepError> {
    let tips = [
        (&world.branches.master, world.answers.master, inventory.master),
        (&world.branches.staging, world.answers.staging, inventory.staging),
    ];
    let moved = tips.into_iter().find(|(_, pinned, now)| pinned != now);
    let Some((branch, pinned, now)) = moved else { return Ok(()) };
    let text = format!(
        "{branch} was at {} when this was decided, and is at {} now",
        short(pinned),
        short(now)
    );
    Err(CommandError::new(FailureKind::Refused, text)
        .hint("begin a new run with the present branches")
        .into())
}

impl Sides {
    pub fn question(&self) -> Question<'_> {
        Question {
            master: &self.branches.master,
            staging: &self.branches.staging,
            stale_after: self.settings.git.stale_after.value,
            now: Timestamp::now(),
        }
    }
}

fn evidence(inventory: &Inventory, chosen: &[&str]) -> Evidence {
    let columns = ["branch", "author", "age", "last commit", "mark", "chosen"];
    let mut table = Table::new("Branches on staging and not on master", &columns);
    for one in &inventory.branches {
        let mark = match (&one.landed, one.stale) {
            (Some(_), _) => "already on master",
            (None, true) => "stale",
            (None, false) => "",
        };
        table = table.row(vec![
            json!(one.name),
            json!(one.author),
            json!(words::duration(one.age)),
            json!(format!("{} {}", short(one.last.commit), one.last.subject)),
            json!(mark),
            json!(chosen.contains(&one.name.as_str())),
        ]);
    }
    let former = Table::new(
        "Once merged to staging, branch deleted or changed",
        &["branch", "tip", "author"],
    )
    .rows(
        inventory
            .former
            .iter()
            .map(|one| vec![json!(one.name), json!(short(one.tip.commit)), json!(one.author)]),
    );
    let mut unaccounted =
        Table::new("Commits on staging that no branch has", &["commit", "author", "subject"]);
    for one in &inventory.unaccounted {
        unaccounted =
            unaccounted.row(vec![json!(short(one.commit)), json!(one.author), json!(one.subject)]);
    }
    let count = inventory.branches.len() as u64;
    let summary = format!("{} on staging and not on master", words::plural(count, "branch"));
    let mut evidence = Evidence::of(summary)
        .fact("master before", inventory.master.to_string())
        .fact("staging before", inventory.staging.to_string())
        .fact("branches on staging only", count);
    for table in [table, former, unaccounted] {
        if !table.rows.is_empty() {
            evidence = evidence.table(table);
        }
    }
    evidence
}
