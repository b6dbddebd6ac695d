//! `backups download`: a backup as a file, scrubbed while it streams unless somebody says why not.

use serde_json::json;

use crate::cli::DownloadArgs;
use crate::commands::pull_data::backup::{Backup, choose_for_download};
use crate::commands::scrub_pii::dump;
use crate::commands::{Context, Outcome, journal, manifest};
use crate::failure::CommandError;
use crate::restore::OpenBackup;
use crate::scrub::backup_file::{self, Input, Output};
use crate::words;

pub async fn run(context: &Context, args: &DownloadArgs) -> Result<Outcome, CommandError> {
    if !args.no_scrub {
        manifest::check_policy(&manifest::load(context)?, &args.policy)?;
    }
    let output = Output::File { path: args.output.clone(), overwrite: args.force };
    output.check()?;
    let finding = choose_for_download(context, &args.environment, args.backup.as_deref());
    let backup = Backup::Heroku(Box::new(context.interrupt.guard(finding).await?));
    let source = backup.describe();
    context.ui.message(&format!("from  {source}\nto    {}", args.output.display()));
    let opened = context.interrupt.guard(backup.open()).await?;
    if args.no_scrub {
        return as_it_is(context, args, source, opened, output).await;
    }
    // A dry run does all the work but the writing.
    let output = match args.dry_run {
        true => Output::Stream(Box::new(std::io::sink())),
        false => output,
    };
    let report = dump::rewrite(context, &args.policy, Input::Stream(opened.bytes), output).await?;
    Ok(dump::outcome(&source, &args.output, &args.policy, &report, args.dry_run))
}

/// With the personal data that is in it.
async fn as_it_is(
    context: &Context,
    args: &DownloadArgs,
    source: String,
    opened: OpenBackup,
    output: Output,
) -> Result<Outcome, CommandError> {
    let to = args.output.display().to_string();
    let OpenBackup { bytes, length, .. } = opened;
    let result = |bytes: Option<u64>| json!({ "dry_run": args.dry_run, "from": source, "to": to, "scrubbed": false, "bytes_written": bytes });
    let warning = "WITH THE PERSONAL DATA OF REAL PEOPLE";
    if args.dry_run {
        let size = length.map_or_else(|| "the whole backup".to_owned(), words::bytes);
        let text = format!("dry run: nothing was written; it would be {size}, {warning}");
        return Ok(Outcome::done(result(length), text));
    }
    let line = json!({ "event": "begun", "source": source, "to": to,
        "reason": args.i_need_personal_data });
    journal::append(context, "backups download", line)?;
    let input = Input::Stream(bytes);
    let written = dump::on_a_thread(context, move |watch| {
        Ok(backup_file::copy(input, length, output, watch)?)
    });
    let written = written.await?;
    let text = format!("{to} is written ({}), {warning}", words::bytes(written));
    Ok(Outcome::done(result(Some(written)), text))
}
