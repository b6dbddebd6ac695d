//! Checks every credential, server and permission that the commands need: `doctor`.
//!
//! All checks run at once, and each has its own time limit, so a server that hangs costs one line and
//! some seconds. Nothing is written anywhere: a permission that only a write would show is a skip.

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

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Serialize;

use crate::checks::Verdict;
use crate::cli::DoctorArgs;
use crate::commands::junit::{self, reporting};
use crate::commands::unfinished::{Found, glance};
use crate::commands::{Context, Outcome};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::settings::Environment;
use crate::ui::table::{Column, Table};
use crate::words;

use self::check::{Check, many};

const COLUMNS: [Column; 3] =
    [Column::word("RESULT"), Column::text("CHECK"), Column::text("DETAIL")];

/// The checks, and how many failed.
#[derive(Serialize, JsonSchema)]
pub struct Examined<'a> {
    checks: &'a [Check],
    /// How many failed.
    failed: u64,
    /// How many passed with something that should change.
    warned: u64,
}

pub async fn run(context: &Context, args: &DoctorArgs) -> Result<Outcome, CommandError> {
    let environment = args.environment.as_deref();
    let name = ["bcops doctor"].into_iter().chain(environment).collect::<Vec<_>>().join(" ");
    reporting(context, args.junit.as_deref(), name, examine(context, environment)).await
}

async fn examine(
    context: &Context,
    environment: Option<&str>,
) -> Result<junit::Examined, CommandError> {
    if let Some(problem) = &context.problem {
        return Ok(examined(&files::without_trust(problem)));
    }
    let environments: Vec<&Environment> = match environment {
        Some(name) => vec![context.settings.environment(name)?],
        None => context.settings.environments.values().collect(),
    };
    let source = source(context, &environments);
    let (step, description) = ("doctor", "Asking this machine, git, Heroku and GitLab…".to_owned());
    context.ui.emit(Event::StepStarted { step, description });
    let looking = async {
        let (unfinished, local, git, heroku, gitlab) = tokio::join!(
            many("unfinished run", unfinished_runs(context, &environments)),
            service(context, "local database", many("local database", local::checks(context))),
            service(context, "git", many("git", git::checks(context, &environments, source))),
            heroku::checks(context, &environments, source),
            service(context, "GitLab", many("GitLab", git::project(context, &environments))),
        );
        let groups = [unfinished, files::checks(context), local, git, heroku, gitlab];
        Ok(groups.into_iter().flatten().collect::<Vec<Check>>())
    };
    let checks = context.interrupt.guard(looking).await?;
    Ok(examined(&checks))
}

/// Prints a line as soon as a service has answered every check. On the heap, because the futures of all
/// checks together are too large for the stack of a debug build.
fn service<'a>(
    context: &'a Context,
    name: &'a str,
    checking: impl Future<Output = Vec<Check>> + Send + 'a,
) -> BoxFuture<'a, Vec<Check>> {
    let checking = Box::pin(checking);
    Box::pin(async move {
        let checks = checking.await;
        let step = "service";
        let count = words::plural(checks.len() as u64, "check");
        let failed = checks.iter().filter(|check| check.verdict == Verdict::Fail).count();
        match (checks.is_empty(), failed) {
            (true, _) => {}
            (false, 0) => {
                context.ui.emit(Event::StepFinished { step, summary: format!("{name}: {count}") });
            }
            (false, failed) => {
                let summary = format!("{name}: {failed} of {count} failed");
                context.ui.emit(Event::StepFailed { step, summary });
            }
        }
        checks
    })
}

/// The environment that the others are copied from, unless it is checked anyway. A protected
/// environment needs no source.
fn source<'a>(context: &'a Context, environments: &[&Environment]) -> Option<&'a Environment> {
    let all = &context.settings.environments;
    let protected: Vec<&Environment> = all.values().filter(|one| one.protected).collect();
    // Another site may use another name, and then gives it with --from.
    let only = || protected.first().copied().filter(|_| protected.len() == 1);
    let source = all.get(SOURCE).or_else(only)?;
    let is_needed = environments.iter().any(|one| one.as_destination().is_ok());
    let is_there = environments.iter().any(|one| one.name == source.name);
    (is_needed && !is_there).then_some(source)
}

/// The default of `--from`.
const SOURCE: &str = "production";

/// An unfinished run is the first thing to know.
async fn unfinished_runs(context: &Context, environments: &[&Environment]) -> Vec<Check> {
    let found = glance(context, environments).await;
    let check = |found: &Found| Check::fail("unfinished run", found.sentence(), found.fix());
    found.iter().map(check).collect()
}

fn examined(checks: &[Check]) -> junit::Examined {
    let cases = checks.iter().map(Check::case).collect();
    junit::Examined { outcome: outcome(checks), cases }
}

fn outcome(checks: &[Check]) -> Outcome {
    let with = |verdict| checks.iter().filter(|check| check.verdict == verdict).count() as u64;
    let examined = Examined { checks, failed: with(Verdict::Fail), warned: with(Verdict::Warn) };
    let exit_code = if examined.failed == 0 { 0 } else { FailureKind::Configuration.exit_code() };
    Outcome::of(&examined).with_exit_code(exit_code)
}

impl fmt::Display for Examined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(COLUMNS);
        self.checks.iter().for_each(|check| check.add_to(&mut table));
        writeln!(f, "{table}")?;
        match (self.failed, self.warned) {
            (0, 0) => f.write_str("no check failed"),
            (0, warned) => write!(f, "no check failed, with {}", words::plural(warned, "warning")),
            (failed, _) => write!(f, "{} failed", words::plural(failed, "check")),
        }
    }
}
