//! Checks what is on this machine and needs no server: files, folders and variables.

use url::Url;

use super::check::{Check, with_cause};
use crate::commands::Context;
use crate::deployment::manifest;
use crate::failure::CommandError;
use crate::settings::SettingsError;
use crate::words::shell_word;

/// These checks ask no server.
pub fn checks(context: &Context) -> Vec<Check> {
    vec![configuration(context), manifest(context), state_directory(context), slack(context)]
}

/// Which configuration files bcops uses, and why it trusts each.
fn configuration(context: &Context) -> Check {
    let files = context.settings.files.iter();
    let files: Vec<String> =
        files.map(|file| format!("{} ({})", file.path.display(), file.trust)).collect();
    Check::pass(
        "configuration",
        if files.is_empty() { "built-in defaults only".to_owned() } else { files.join(", ") },
    )
}

/// The checks while a found file is not trusted. Nothing else is checked: without the file, bcops
/// would ask the apps and servers of another configuration.
pub fn without_trust(problem: &SettingsError) -> Vec<Check> {
    let file = match problem {
        SettingsError::Untrusted(untrusted) => Some(shell_word(&untrusted.path)),
        _ => None,
    };
    let fix = match file {
        Some(path) => format!("bcops config trust {path}"),
        None => "name the file: --config FILE, or BCOPS_CONFIG=FILE".to_owned(),
    };
    vec![
        Check::fail("configuration", problem.to_string(), fix),
        Check::skip("everything else", "not checked until the configuration is trusted"),
    ]
}

fn manifest(context: &Context) -> Check {
    let name = "scrub manifest";
    match &context.settings.scrub_manifest {
        None => match manifest::load(&context.settings) {
            Ok(_) if context.settings.inherits => Check::pass(name, "built in"),
            Ok(_) => Check::pass(name, "the packs alone"),
            Err(error) => Check::fail(name, error.to_string(), "report this as a bug in bcops"),
        },
        Some(file) => {
            let place = file.path.display().to_string();
            match manifest::read(&context.settings, file) {
                Ok(_) => Check::pass(name, place),
                Err(error) if error.hints.is_empty() => {
                    Check::fail(name, with_cause(&error), format!("edit {place}"))
                }
                Err(error) => Check::from((name, error)),
            }
        }
    }
}

/// Checks the nearest folder that exists: bcops makes the rest when it needs it.
fn state_directory(context: &Context) -> Check {
    let folder = &context.settings.state_directory.value;
    let existing = folder.ancestors().find(|folder| folder.exists());
    let writable = existing.is_some_and(may_write);
    let place = folder.display().to_string();
    if let Err(error) = context.settings.check_state_folder() {
        return Check::from(("state folder", CommandError::from(error)));
    }
    if writable {
        Check::pass("state folder", place)
    } else {
        Check::fail(
            "state folder",
            format!("you are not allowed to write to {place}"),
            "set BCOPS_STATE_DIR to a folder that you may write to",
        )
    }
}

/// Asks the system, because the mode bits do not show everything.
fn may_write(folder: &std::path::Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(folder.as_os_str().as_bytes()) else { return false };
    // SAFETY: the pointer is to a string with its terminator, which lives through the call.
    folder.is_dir() && unsafe { libc::access(path.as_ptr(), libc::W_OK | libc::X_OK) } == 0
}

/// Checks only the form of the URL: a request to it would post a message.
fn slack(context: &Context) -> Check {
    let name = "Slack";
    let Some(found) = &context.settings.slack_webhook else {
        return Check::skip(
            name,
            "SLACK_WEBHOOK_URL is not set; bcops prints the messages instead",
        );
    };
    let url = Url::parse(found.value.expose().trim()).ok();
    // The path is a secret, so it is not shown.
    match url.as_ref().and_then(|url| Some((url.scheme(), url.host_str()?))) {
        Some(("https", host)) => {
            Check::pass(name, format!("messages go to {host} ({})", found.origin))
        }
        Some((_, "127.0.0.1" | "localhost")) => Check::pass(name, "messages go to this machine"),
        Some((_, host)) => Check::fail(
            name,
            format!("the URL of {host} ({}) is not encrypted", found.origin),
            "set SLACK_WEBHOOK_URL to an address that begins with https://",
        ),
        None => Check::fail(
            name,
            format!("the value of {} is not a URL", found.origin),
            "set SLACK_WEBHOOK_URL to the webhook's address, or unset it",
        ),
    }
}
