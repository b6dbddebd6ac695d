//! `doctor`: every credential, server and permission that the commands need.
//!
//! All checks run at once, and each has a limit of its own, so that a server that hangs costs one line
//! and some seconds. Everything is read and nothing is written anywhere: a permission that only an
//! attempt would show is a skip.

mod bucket;
mod caches;
mod check;
mod database;
mod files;
mod git;
mod heroku;
mod local;
mod services;

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::checks::Verdict;
use crate::cli::DoctorArgs;
use crate::commands::unfinished::{Found, glance};
use crate::commands::{Context, Outcome};
use crate::failure::{CommandError, FailureKind};
use crate::settings::Environment;
use crate::words;

use self::check::{Check, many};

/// What was looked at.
#[derive(Serialize, JsonSchema)]
pub struct Examined<'a> {
    checks: &'a [Check],
    /// How many failed.
    failed: u64,
    /// How many work, though something about them is not as it should be.
    warned: u64,
}

pub async fn run(context: &Context, args: &DoctorArgs) -> Result<Outcome, CommandError> {
    if let Some(problem) = &context.problem {
        return Ok(outcome(&files::without_trust(problem)));
    }
    let environments: Vec<&Environment> = match &args.environment {
        Some(name) => vec![context.settings.environment(name)?],
        None => context.settings.environments.values().collect(),
    };
    let source = source(context, &environments);
    let looking = async {
        let (unfinished, local, git, heroku, gitlab) = tokio::join!(
            many("unfinished run", unfinished_runs(context, &environments)),
            many("local database", local::checks(context)),
            many("git", git::checks(context, &environments, source)),
            heroku::checks(context, &environments, source),
            many("GitLab", git::project(context, &environments)),
        );
        let groups = [unfinished, files::checks(context), local, git, heroku, gitlab];
        Ok(groups.into_iter().flatten().collect::<Vec<Check>>())
    };
    let checks = context.interrupt.guard(looking).await?;
    Ok(outcome(&checks))
}

/// The environment that the others are made from, unless it is looked at anyway. Of one that may
/// not be written to nothing else is needed.
fn source<'a>(context: &'a Context, environments: &[&Environment]) -> Option<&'a Environment> {
    let all = &context.settings.environments;
    let protected: Vec<&Environment> = all.values().filter(|one| one.protected).collect();
    // Another site may call it otherwise, and then names it with --from.
    let only = || protected.first().copied().filter(|_| protected.len() == 1);
    let source = all.get(SOURCE).or_else(only)?;
    let is_needed = environments.iter().any(|one| one.as_destination().is_ok());
    let is_there = environments.iter().any(|one| one.name == source.name);
    (is_needed && !is_there).then_some(source)
}

/// What `--from` is where nobody says otherwise.
const SOURCE: &str = "production";

/// A run that has not come to its end is the first thing to know of.
async fn unfinished_runs(context: &Context, environments: &[&Environment]) -> Vec<Check> {
    let found = glance(context, environments).await;
    let check = |found: &Found| Check::fail("unfinished run", found.sentence(), found.fix());
    found.iter().map(check).collect()
}

fn outcome(checks: &[Check]) -> Outcome {
    let with = |verdict| checks.iter().filter(|check| check.verdict == verdict).count() as u64;
    let examined = Examined { checks, failed: with(Verdict::Fail), warned: with(Verdict::Warn) };
    let exit_code = if examined.failed == 0 { 0 } else { FailureKind::Configuration.exit_code() };
    Outcome::of(&examined).with_exit_code(exit_code)
}

impl fmt::Display for Examined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.checks.iter().try_for_each(|check| writeln!(f, "{}", check.line()))?;
        match (self.failed, self.warned) {
            (0, 0) => f.write_str("all well"),
            (0, warned) => write!(f, "all well, with {}", words::plural(warned, "warning")),
            (failed, _) => write!(f, "{} failed", words::plural(failed, "check")),
        }
    }
}
