//! `doctor`: every credential, server and permission that the commands need.
//!
//! All checks run at once, and each has a limit of its own, so that a server that hangs costs one line
//! and some seconds. Nothing is changed, except that in a bucket that may be written to, and that is
//! no protected environment's, one empty object outside of all media is put and deleted: whether
//! that may be done cannot be known otherwise.

mod check;
mod files;
mod git;
mod heroku;
mod local;
mod services;

use serde_json::{Value, json};

use crate::cli::DoctorArgs;
use crate::commands::unfinished::{Found, glance};
use crate::commands::{Context, Outcome};
use crate::error::{CommandError, Kind};
use crate::settings::Environment;
use crate::words;

use self::check::{Check, Verdict, many};

pub async fn run(context: &Context, args: &DoctorArgs) -> Result<Outcome, CommandError> {
    if let Some(problem) = &context.problem {
        return Ok(outcome(&files::without_trust(problem)));
    }
    let environments: Vec<&Environment> = match &args.environment {
        Some(name) => vec![context.settings.environment(name)?],
        None => context.settings.environments.values().collect(),
    };
    let looking = async {
        let unfinished = unfinished_runs(context, &environments).await;
        let (local, git, heroku, gitlab) = tokio::join!(
            many("local database", local::checks(context)),
            many("git", git::checks(context)),
            heroku::checks(context, &environments),
            many("GitLab", git::project(context, &environments)),
        );
        let groups = [unfinished, files::checks(context), local, git, heroku, gitlab];
        Ok(groups.into_iter().flatten().collect::<Vec<Check>>())
    };
    let checks = context.interrupt.guard(looking).await?;
    Ok(outcome(&checks))
}

/// A run that has not come to its end is the first thing to know of.
async fn unfinished_runs(context: &Context, environments: &[&Environment]) -> Vec<Check> {
    let found = glance(context, environments).await;
    let check = |found: &Found| Check::fail("unfinished run", found.sentence(), found.fix());
    found.iter().map(check).collect()
}

fn outcome(checks: &[Check]) -> Outcome {
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Fail).count();
    let mut lines: Vec<String> = checks.iter().map(Check::line).collect();
    lines.push(match failed {
        0 => "all well".to_owned(),
        failed => format!("{} failed", words::plural(failed as u64, "check")),
    });
    let result = json!({
        "checks": checks.iter().map(document).collect::<Vec<_>>(),
        "failed": failed,
    });
    let exit_code = if failed == 0 { 0 } else { Kind::Configuration.exit_code() };
    Outcome { result, text: lines.join("\n"), exit_code }
}

fn document(check: &Check) -> Value {
    json!({
        "name": check.name,
        "verdict": check.verdict.name(),
        "detail": check.detail,
        "mend": check.mend,
    })
}
