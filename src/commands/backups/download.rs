//! `backups download`: a backup as a file, scrubbed while it streams unless somebody says why not.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::DownloadArgs;
use crate::commands::pull_data::backup::{Backup, choose_for_download};
use crate::commands::scrub_pii::dump;
use crate::commands::{Context, Outcome, journal};
use crate::error::{CommandError, Kind};
use crate::scrub::backup_file::{Input, Output};
use crate::ui;

pub async fn run(context: &Context, args: &DownloadArgs) -> Result<Outcome, CommandError> {
    let finding = choose_for_download(context, &args.environment, args.backup.as_deref());
    let backup = Backup::Heroku(Box::new(context.interrupt.guard(finding).await?));
    let (source, output) = (backup.describe(), args.output.clone());
    context.ui.message(&format!("from  {source}\nto    {}", output.display()));
    let opened = context.interrupt.guard(backup.open()).await?;
    if !args.no_scrub {
        let input = Input::Stream(opened.bytes);
        let to = Output::File { path: output.clone(), overwrite: args.force };
        let report = dump::rewrite(context, &args.policy, input, to).await?;
        return Ok(dump::outcome(&source, &output, &args.policy, &report, false));
    }
    let line = json!({ "event": "begun", "source": source, "to": output.display().to_string(),
        "reason": args.i_need_personal_data });
    journal::append(context, "backups download", line)?;
    let force = args.force;
    let writing = async {
        let written = tokio::task::spawn_blocking(move || write(opened.bytes, &output, force));
        written
            .await
            .map_err(|_| CommandError::new(Kind::Unexpected, "the download ended early"))?
    };
    let bytes = context.interrupt.guard(writing).await?;
    let to = args.output.display().to_string();
    let text =
        format!("{to} is written ({}), WITH THE PERSONAL DATA OF REAL PEOPLE", ui::bytes(bytes));
    let result = json!({ "from": source, "to": to, "scrubbed": false, "bytes_written": bytes });
    Ok(Outcome::done(result, text))
}

/// Writes under another name that nobody else may read, and renames what is complete.
fn write(mut bytes: impl Read, output: &Path, force: bool) -> Result<u64, CommandError> {
    if output.exists() && !force {
        let text = format!("{} exists already; nothing was written", output.display());
        return Err(CommandError::new(Kind::Refused, text).hint("to replace it: --force"));
    }
    let mut partial = output.as_os_str().to_owned();
    partial.push(".bcops-partial");
    let partial = PathBuf::from(partial);
    let result = copy(&mut bytes, &partial, output);
    if result.is_err() {
        // What is left of it would be somebody's personal data.
        let _ = fs::remove_file(&partial);
    }
    result.map_err(|error| {
        CommandError::new(Kind::Unexpected, format!("cannot write {}", output.display()))
            .with_cause(error)
    })
}

fn copy(bytes: &mut impl Read, partial: &Path, output: &Path) -> io::Result<u64> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(partial)?;
    let written = io::copy(bytes, &mut file)?;
    file.flush()?;
    file.sync_all()?;
    fs::rename(partial, output)?;
    Ok(written)
}
