//! Runs `makemigrations --check` on a one-off dyno, and finds out why it exited with 1.

use async_trait::async_trait;

use crate::adapters::heroku::Finished;
use crate::failure::{CommandError, FailureKind};
use crate::reset::one_off::last_lines;
use crate::reset::world::Reset;
use crate::runbook::{Check, Evidence, Outcome, StepContext, StepResult};

pub struct Makemigrations;

/// Why Django's check exited with 1. The exit status alone does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Models have changed without a migration.
    Missing,
    /// An app has several last migrations.
    Conflict,
    /// The database has no mark of a scrub, so every command with system checks fails.
    NotScrubbed,
    Unknown,
}

impl Cause {
    fn of(output: &str) -> Cause {
        if output.contains("birdbath.E001") {
            Cause::NotScrubbed
        } else if output.contains("Conflicting migrations detected") {
            Cause::Conflict
        } else if output.lines().any(|line| line.starts_with("Migrations for '")) {
            Cause::Missing
        } else {
            Cause::Unknown
        }
    }
}

#[async_trait]
impl Check<Reset> for Makemigrations {
    fn describe(&self, world: &Reset) -> String {
        let command = &world.settings.commands.makemigrations_check;
        format!("Run `{command}` on {}", world.app_name())
    }

    async fn look(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let command = &world.settings.commands.makemigrations_check;
        if command.is_empty() {
            return Ok(Outcome::skipped("no command is configured for it"));
        }
        let finished = world.run_command(context, command).await?;
        judge(command, &finished)
    }
}

fn judge(command: &str, finished: &Finished) -> StepResult<Outcome> {
    let evidence =
        Evidence::of("No migration is missing").fact("exit status", finished.exit_status);
    if finished.exit_status == 0 {
        return Ok(Outcome::Done(evidence));
    }
    let text = String::from_utf8_lossy(&finished.output);
    let failed = |what: &str| {
        let error = CommandError::new(FailureKind::RemoteJob, format!("{what} (`{command}`)"));
        Err(error.with_hints(last_lines(finished)).into())
    };
    match Cause::of(&text) {
        // The site works, but someone has to write the migration.
        Cause::Missing => Ok(Outcome::Warning {
            text: format!("models have changes without a migration: {}", apps(&text).join(", ")),
            evidence: Evidence::of("A migration is missing").fact("apps", apps(&text).join(", ")),
        }),
        Cause::Conflict => failed("the deployed code has conflicting migrations"),
        Cause::NotScrubbed => failed("the site's own check says that the database is not scrubbed"),
        Cause::Unknown => {
            failed(&format!("the check of migrations ended with status {}", finished.exit_status))
        }
    }
}

/// The apps that Django names, as in `Migrations for 'feedback':`.
fn apps(text: &str) -> Vec<String> {
    let name = |line: &str| {
        let rest = line.strip_prefix("Migrations for '")?;
        rest.split_once('\'').map(|(name, _)| name.to_owned())
    };
    text.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(exit_status: u8, output: &str) -> Finished {
        let output = output.as_bytes().to_vec();
        Finished { dyno: "run.1".into(), exit_status, output, left_out: 0 }
    }

    #[test]
    fn the_three_reasons_to_exit_with_1_are_distinguished() {
        let missing =
            "Migrations for 'feedback':\n  bc/feedback/migrations/0007_x.py\n    - Alter field";
        let conflict = "CommandError: Conflicting migrations detected; multiple leaf nodes in the \
                        migration graph: (0007_a, 0007_b in feedback).\nTo fix them run";
        let unscrubbed = "SystemCheckError: System check identified some issues:\n\nERRORS:\n?: \
                          (birdbath.E001) Birdbath has not been run";
        assert_eq!(Cause::of(missing), Cause::Missing);
        assert_eq!(Cause::of(conflict), Cause::Conflict);
        assert_eq!(Cause::of(unscrubbed), Cause::NotScrubbed);
        assert_eq!(Cause::of("Traceback"), Cause::Unknown);
        assert!(matches!(judge("c", &finished(1, missing)), Ok(Outcome::Warning { .. })));
        for output in [conflict, unscrubbed, ""] {
            assert!(judge("c", &finished(1, output)).is_err(), "{output}");
        }
        assert!(matches!(judge("c", &finished(0, "No changes detected")), Ok(Outcome::Done(_))));
        assert_eq!(apps(missing), ["feedback"]);
    }
}
