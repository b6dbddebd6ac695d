//! `backups download`: writes a backup to a file, scrubbed on the way unless the user gives a
//! reason.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::cli::DownloadArgs;
use crate::commands::backup_file as file;
use crate::commands::{Context, Outcome, journal};
use crate::deployment::manifest;
use crate::failure::CommandError;
use crate::restore::OpenBackup;
use crate::scrub::backup_file::{self, Input, Output};
use crate::words;

use super::backed_up;

/// The result with `--no-scrub`. Without it, the result is that of `scrub-pii --dump`.
#[derive(Serialize, JsonSchema)]
pub struct AsItIs {
    dry_run: bool,
    /// The backup, in words.
    from: String,
    /// The file.
    to: String,
    /// Always false.
    scrubbed: bool,
    /// With `--dry-run` the size that the file would have, if known.
    bytes_written: Option<u64>,
}

pub async fn run(context: &Context, args: &DownloadArgs) -> Result<Outcome, CommandError> {
    if !args.no_scrub {
        manifest::check_policy(&manifest::load(&context.settings)?, &args.policy)?;
    }
    let output = Output::File { path: args.output.clone(), overwrite: args.force };
    output.check()?;
    let finding = async {
        let backed_up = backed_up(context, &args.environment).await?;
        let transfer = {
            let capture = format!("bcops backups capture {}", args.environment);
            backed_up.choose(args.backup.as_deref(), &*context.ui, &capture).await?
        };
        Ok(backed_up.backup(transfer))
    };
    let backup = context.interrupt.guard(finding).await?;
    let source = backup.describe();
    context.ui.message(&format!("from  {source}\nto    {}", args.output.display()));
    let opening = async {
        let number = backup.transfer.num;
        Ok(OpenBackup::download(&backup.heroku, &backup.owner, number).await?)
    };
    let opened = context.interrupt.guard(opening).await?;
    if args.no_scrub {
        return as_it_is(context, args, source, opened, output).await;
    }
    // A dry run does all the work except the writing.
    let output = match args.dry_run {
        true => Output::Stream(Box::new(std::io::sink())),
        false => output,
    };
    let report = file::rewrite(context, &args.policy, Input::Stream(opened.bytes), output).await?;
    Ok(file::outcome(&source, &args.output, &args.policy, &report, args.dry_run))
}

/// Copies the backup with its personal data.
async fn as_it_is(
    context: &Context,
    args: &DownloadArgs,
    source: String,
    opened: OpenBackup,
    output: Output,
) -> Result<Outcome, CommandError> {
    let OpenBackup { bytes, length, .. } = opened;
    let result = AsItIs {
        dry_run: args.dry_run,
        from: source,
        to: args.output.display().to_string(),
        scrubbed: false,
        bytes_written: length,
    };
    if args.dry_run {
        return Ok(Outcome::of(&result));
    }
    let line = json!({ "event": "begun", "source": result.from, "to": result.to,
        "reason": args.i_need_personal_data });
    journal::append(context, "backups download", line)?;
    let input = Input::Stream(bytes);
    let written = file::on_a_thread(context, move |watch| {
        Ok(backup_file::copy(input, length, output, watch)?)
    });
    Ok(Outcome::of(&AsItIs { bytes_written: Some(written.await?), ..result }))
}

impl fmt::Display for AsItIs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.bytes_written.map_or_else(|| "the whole backup".to_owned(), words::bytes);
        match self.dry_run {
            true => write!(f, "dry run: nothing was written; the file would have {size}")?,
            false => write!(f, "wrote {} ({size})", self.to)?,
        }
        f.write_str(", WITH THE PERSONAL DATA OF REAL PEOPLE")
    }
}
