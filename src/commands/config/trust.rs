//! `config trust`: what a found file sets, and the record that it may.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::{TrustArgs, UntrustArgs};
use crate::commands::{Context, Outcome, confirm};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::runbook::Redactor;
use crate::settings::trust::{Candidate, Standing, Store};
use crate::settings::{FOUND_NAME, ProcessEnv, keys, nearest_file};
use crate::words::shell_word;

pub fn run(context: &Context, args: &TrustArgs) -> Result<Outcome, CommandError> {
    with_process_env(context, |process| {
        let path = file(process, args.file.as_deref())?;
        let candidate = Candidate::read(&path, process)?;
        // What trust does not help against is refused before it is asked for.
        candidate.check()?;
        let store = Store::of(process)?;
        let name = candidate.contents.place.display().to_string();
        let standing = candidate.standing(&store)?;
        let result = |trusted: bool| json!({ "file": name, "trusted": trusted, "settings": settings(&candidate) });
        if standing == Standing::Trusted {
            return Ok(Outcome::done(result(true), format!("{name} is trusted already")));
        }
        context.ui.question(&described(&candidate, standing));
        if args.dry_run {
            let text = "dry run: nothing was changed".to_owned();
            return Ok(Outcome::done(result(false), text));
        }
        if !args.yes {
            let command = format!("bcops config trust {} --yes", shell_word(&name));
            confirm::yes_alone(context, &format!("Trust {name} as it is?"), &command)?;
        }
        candidate.trust(&store)?;
        if path.file_name().is_none_or(|name| name != FOUND_NAME) {
            let text =
                format!("only a file called {FOUND_NAME} is found; name this one with --config");
            context.ui.emit(Event::Warning(text));
        }
        let text = format!("{name} is trusted until it, or a file that it names, changes");
        Ok(Outcome::done(result(true), text))
    })
}

pub fn take_back(context: &Context, args: &UntrustArgs) -> Result<Outcome, CommandError> {
    with_process_env(context, |process| {
        let path = file(process, args.file.as_deref())?;
        // A file that was deleted has a record, too.
        let place = path.parent().and_then(|folder| folder.canonicalize().ok());
        let place = match (place, path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path,
        };
        let was_trusted = Store::of(process)?.remove(&place)?;
        let name = place.display();
        let text = match was_trusted {
            true => format!("{name} is not trusted any more"),
            false => format!("{name} was not trusted"),
        };
        let result = json!({ "file": name.to_string(), "was_trusted": was_trusted });
        Ok(Outcome::done(result, text))
    })
}

/// Trusts a file that the user has just written. A file that cannot be recorded is only told of.
pub fn record(context: &Context, path: &Path) -> bool {
    let recorded = with_process_env(context, |process| {
        let path = process.working_directory.join(path);
        let candidate = Candidate::read(&path, process)?;
        candidate.check()?;
        Ok::<_, CommandError>(candidate.trust(&Store::of(process)?)?)
    });
    if let Err(error) = &recorded {
        let path = shell_word(&path.display().to_string());
        let text = format!("cannot trust {path}: {error}; name it with --config {path}");
        context.ui.emit(Event::Warning(text));
    }
    recorded.is_ok()
}

/// What a found file sets, as comments of `config show`, while nothing of it is in force.
pub fn lines_of_found_file(context: &Context) -> Vec<String> {
    with_process_env(context, |process| {
        let found = nearest_file(process.working_directory);
        let candidate = found.and_then(|path| Candidate::read(&path, process).ok());
        candidate.iter().flat_map(lines).map(|line| format!("# not in force: {line}")).collect()
    })
}

fn with_process_env<T>(context: &Context, work: impl FnOnce(&ProcessEnv<'_>) -> T) -> T {
    work(&ProcessEnv {
        variable: &|name| context.variable(name),
        working_directory: &std::env::current_dir().unwrap_or_default(),
        home: context.home.as_deref(),
        config_file: None,
    })
}

fn file(process: &ProcessEnv<'_>, given: Option<&Path>) -> Result<PathBuf, CommandError> {
    match given {
        Some(path) => Ok(process.working_directory.join(path)),
        None => nearest_file(process.working_directory).ok_or_else(|| {
            let text = format!("no {FOUND_NAME} lies here or in a folder above");
            CommandError::new(FailureKind::Configuration, text)
                .hint("name it: bcops config trust FILE")
        }),
    }
}

fn described(candidate: &Candidate, standing: Standing) -> String {
    let name = candidate.contents.place.display();
    let begins = match standing {
        Standing::Changed => format!("{name}, or a file that it names, has changed. It sets:"),
        Standing::Trusted | Standing::Unknown => format!("{name} sets:"),
    };
    let mut text = vec![begins];
    text.extend(lines(candidate).into_iter().map(|line| format!("  {line}")));
    for file in &candidate.files {
        let bytes = file.bytes.as_ref().map_or_else(
            || "it cannot be read".to_owned(),
            |bytes| crate::words::plural(bytes.len() as u64, "byte"),
        );
        text.push(format!("It names {} ({}, {bytes}).", file.path.display(), file.key));
    }
    text.join("\n")
}

fn lines(candidate: &Candidate) -> Vec<String> {
    let line = |(name, given): (String, &crate::settings::Sourced<_>)| {
        let setting = format!("{name} = {}", shown(&name, &given.value));
        format!("{setting:<70} # {}", given.origin)
    };
    candidate.given().into_iter().map(line).collect()
}

fn shown(name: &str, value: &crate::settings::RawValue) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    match keys::find(&parts).is_none_or(|key| key.secret) {
        true => "\"[secret]\"".to_owned(),
        // A password may stand in the URL of a setting that needs none.
        false => Redactor::new().clean(&value.to_string()),
    }
}

fn settings(candidate: &Candidate) -> Vec<Value> {
    let described = |(name, given): (String, &crate::settings::Sourced<_>)| json!({ "key": name, "value": shown(&name, &given.value), "origin": given.origin.to_string() });
    candidate.given().into_iter().map(described).collect()
}
