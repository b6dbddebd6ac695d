//! `--dump IN OUT`: writes a scrubbed copy of a backup file.

use std::path::Path;

use crate::cli::ScrubPiiArgs;
use crate::commands::{Context, Outcome, backup_file};
use crate::failure::{CommandError, FailureKind};
use crate::scrub::backup_file::{Input, Output};
use crate::ui;

pub async fn run(
    context: &Context,
    args: &ScrubPiiArgs,
    from: &Path,
    to: &Path,
) -> Result<Outcome, CommandError> {
    let to_standard_output = to.as_os_str() == "-" && !args.dry_run;
    if to_standard_output && context.ui.json() {
        let text = "--json and the backup cannot both go to standard output";
        return Err(CommandError::new(FailureKind::Usage, text).hint("give OUT the name of a file"));
    }
    let policy = args.policy.clone().unwrap_or_else(|| "local".to_owned());
    // A dry run does all the work except the writing.
    let output = match args.dry_run {
        true => Output::Stream(Box::new(std::io::sink())),
        false => open_output(to, args.force)?,
    };
    let report = backup_file::rewrite(context, &policy, open_input(from), output).await?;
    let from = from.display().to_string();
    let outcome = backup_file::outcome(&from, to, &policy, &report, args.dry_run);
    if !to_standard_output {
        return Ok(outcome);
    }
    // Standard output is the backup, so the report goes to standard error.
    context.ui.message(&outcome.text);
    Ok(Outcome { text: String::new(), ..outcome })
}

fn open_input(path: &Path) -> Input {
    match path.as_os_str() == "-" {
        true => Input::Stream(Box::new(std::io::stdin())),
        false => Input::File(path.to_owned()),
    }
}

fn open_output(path: &Path, overwrite: bool) -> Result<Output, CommandError> {
    if path.as_os_str() != "-" {
        return Ok(Output::File { path: path.to_owned(), overwrite });
    }
    let output = ui::raw_standard_output().map_err(|error| {
        CommandError::new(FailureKind::Unexpected, "cannot write to standard output")
            .with_cause(error)
            .hint("give OUT the name of a file")
    })?;
    if std::io::IsTerminal::is_terminal(&output) {
        let text = "cannot write the backup: standard output is a terminal";
        return Err(CommandError::new(FailureKind::Usage, text)
            .hint("give OUT the name of a file, or use a pipe"));
    }
    Ok(Output::Stream(Box::new(output)))
}
