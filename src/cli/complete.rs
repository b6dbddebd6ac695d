//! Completes command lines while they are typed: the shell asks this program what fits.
//!
//! The script of `bcops completions` calls `bcops` with [`VARIABLE`] set to the shell's name. The
//! answers come from the definition of the command line, the configuration files and the journals
//! on this machine: no server is asked. A command is not offered where its guard always refuses,
//! for example `reset-production`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use clap::Arg;
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};

/// Names the shell that asks.
pub const VARIABLE: &str = "BCOPS_COMPLETE";

/// A run that an argument can name.
#[derive(Debug, Clone)]
pub struct RunName {
    pub name: String,
    /// What the run is, in a few words.
    pub about: String,
    pub can_be_resumed: bool,
}

/// A backup that an argument can name.
#[derive(Debug, Clone)]
pub struct BackupName {
    pub name: String,
    /// Its environment and its time.
    pub about: String,
}

/// Gives the backups of an environment, or of all.
pub type KnownBackups = Arc<dyn Fn(Option<&str>) -> Vec<BackupName> + Send + Sync>;

/// The values that arguments can have.
pub struct Values {
    pub environments: Vec<String>,
    /// Those that bcops never writes to.
    pub protected: BTreeSet<String>,
    pub backups: KnownBackups,
    /// Called only where an argument names a run, because it reads journals.
    pub runs: Arc<dyn Fn() -> Vec<RunName> + Send + Sync>,
}

/// The script that makes the shell ask.
///
/// # Errors
/// There is no script for this shell.
pub fn registration(shell: Shell) -> io::Result<Vec<u8>> {
    let mut script = Vec::new();
    completer(&shell.to_string())?.write_registration(
        VARIABLE,
        "bcops",
        "bcops",
        "bcops",
        &mut script,
    )?;
    Ok(script)
}

/// Answers a shell: `arguments` are `bcops -- bcops pull-data pro`.
///
/// # Errors
/// The shell is unknown, or the line cannot be understood.
pub fn answer(shell: &str, arguments: &[OsString], values: Values) -> io::Result<Vec<u8>> {
    let completer = completer(shell)?;
    let words: Vec<OsString> =
        arguments.iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
    let mut command = command(values, &words);
    let mut answer = Vec::new();
    let folder = std::env::current_dir().ok();
    completer.write_complete(&mut command, words, folder.as_deref(), &mut answer)?;
    Ok(answer)
}

fn command(values: Values, words: &[OsString]) -> clap::Command {
    let command = super::offered(&values.environments, |one| values.protected.contains(one));
    with_values(command, &Arc::new(values), words)
}

/// Finds a shell by its name, or by the path of its program.
fn completer(shell: &str) -> io::Result<Box<dyn EnvCompleter>> {
    let name = Path::new(shell).file_stem().and_then(|name| name.to_str()).unwrap_or(shell);
    Ok(match name {
        "bash" => Box::new(Bash),
        "elvish" => Box::new(Elvish),
        "fish" => Box::new(Fish),
        "powershell" => Box::new(Powershell),
        "zsh" => Box::new(Zsh),
        _ => return Err(io::Error::other(format!("bcops has no completions for {shell}"))),
    })
}

/// The commands whose ENV must not be protected.
const WRITING: [&str; 4] = ["push-media", "shell", "run", "reindex"];

fn with_values(command: clap::Command, values: &Arc<Values>, words: &[OsString]) -> clap::Command {
    let resumes = command.get_name() == "resume";
    let writes = WRITING.contains(&command.get_name());
    command
        .mut_args(|argument| with_candidates(argument, values, (resumes, writes), words))
        .mut_subcommands(|inner| with_values(inner, values, words))
}

/// The environment that the line names, also as a part of a fab name.
fn named_in(words: &[OsString], environments: &[String]) -> Option<String> {
    let names = |environment: &&String| {
        let fab = format!("pull-{environment}-data");
        words.iter().any(|word| *word == ***environment || *word == *fab)
    };
    environments.iter().find(names).cloned()
}

fn with_candidates(
    argument: Arg,
    values: &Arc<Values>,
    (resumes, writes): (bool, bool),
    words: &[OsString],
) -> Arg {
    let name = argument.get_value_names().and_then(|names| names.first()).map(|name| &**name);
    let values = Arc::clone(values);
    match name {
        Some(kind @ ("ENV" | "ENV2")) => {
            let writes = writes && kind == "ENV";
            argument.add(ArgValueCandidates::new(move || {
                let can_work = |one: &&String| !(writes && values.protected.contains(*one));
                values.environments.iter().filter(can_work).map(CompletionCandidate::new).collect()
            }))
        }
        Some("RUN") => argument.add(ArgValueCandidates::new(move || {
            let runs = (values.runs)().into_iter();
            let fitting = runs.filter(|run| run.can_be_resumed || !resumes);
            fitting
                .map(|run| CompletionCandidate::new(run.name).help(Some(run.about.into())))
                .collect()
        })),
        Some("BACKUP") => {
            let environment = named_in(words, &values.environments);
            argument.add(ArgValueCandidates::new(move || {
                let found = (values.backups)(environment.as_deref()).into_iter();
                found
                    .map(|one| CompletionCandidate::new(one.name).help(Some(one.about.into())))
                    .collect()
            }))
        }
        _ => argument,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(line: &[&str]) -> Vec<String> {
        let runs = || {
            let run = |name: &str, can_be_resumed| RunName {
                name: name.to_owned(),
                about: String::new(),
                can_be_resumed,
            };
            vec![run("20240301-1", true), run("20240302-2", false)]
        };
        let values = Values {
            environments: vec!["content-prep".to_owned(), "qa".to_owned()],
            protected: BTreeSet::from(["content-prep".to_owned()]),
            backups: Arc::new(|environment| {
                let name = format!("of-{}", environment.unwrap_or("all"));
                vec![BackupName { name, about: String::new() }]
            }),
            runs: Arc::new(runs),
        };
        let words: Vec<OsString> = line.iter().map(OsString::from).collect();
        let mut command = command(values, &words);
        let index = words.len() - 1;
        let found = clap_complete::engine::complete(&mut command, words, index, None);
        let found = found.expect("an answer").into_iter();
        found.map(|one| one.get_value().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn commands_that_always_refuse_are_not_offered() {
        let names = offered(&["bcops", ""]);
        for works in [
            "pull-data",
            "pull-content-prep-data",
            "pull-content-prep-images",
            "push-qa-media",
            "qa-shell",
            "reset-qa",
            "reset-staging",
        ] {
            assert!(names.iter().any(|one| one == works), "{works}: {names:?}");
        }
        for refuses in ["push-content-prep-media", "content-prep-shell", "reset-content-prep"] {
            assert!(!names.iter().any(|one| one == refuses), "{refuses}: {names:?}");
        }
        assert!(!names.iter().any(|one| one.contains('_')), "{names:?}");
        for command in WRITING.iter().filter(|one| **one != "reindex") {
            assert_eq!(offered(&["bcops", command, "q"]), ["qa"], "{command}");
            assert!(offered(&["bcops", command, "content"]).is_empty(), "{command}");
        }
        assert!(offered(&["bcops", "search", "reindex", "content"]).is_empty());
        assert_eq!(offered(&["bcops", "push-media", "qa", "--from", "content"]), ["content-prep"]);
    }

    #[test]
    fn environments_and_runs_are_offered_where_they_belong() {
        let environments = ["content-prep", "qa"];
        let values = |line: &[&str]| -> Vec<String> {
            offered(line).into_iter().filter(|one| !one.starts_with('-')).collect()
        };
        for command in ["pull-data", "pull-media", "check", "addons", "doctor"] {
            assert_eq!(values(&["bcops", command, ""]), environments, "{command}");
        }
        assert_eq!(values(&["bcops", "pull-data", "q"]), ["qa"]);
        assert_eq!(values(&["bcops", "backups", "list", ""]), environments);
        assert_eq!(values(&["bcops", "search", "status", ""]), environments);
        assert_eq!(values(&["bcops", "push-media", "qa", "--from", ""]), environments);
        assert_eq!(values(&["bcops", "runs", "resume", ""]), ["20240301-1"]);
        assert_eq!(values(&["bcops", "runs", "show", ""]).len(), 2);
        assert_eq!(values(&["bcops", "pull-data", "qa", "--backup", ""]), ["of-qa"]);
        assert_eq!(values(&["bcops", "pull-qa-data", "--backup", ""]), ["of-qa"]);
        assert_eq!(values(&["bcops", "backups", "info", "content-prep", ""]), ["of-content-prep"]);
        assert_eq!(values(&["bcops", "reset-staging", "--backup", ""]), ["of-all"]);
        assert_eq!(values(&["bcops", "pull-qa-d"]), ["pull-qa-data"]);
        assert_eq!(values(&["bcops", "qa-s"]), ["qa-shell"]);
        assert!(values(&["bcops", "pull-qa-data", ""]).is_empty());
        assert_eq!(values(&["bcops", "pull_qa_d"]), ["pull_qa_data"]);
        assert!(offered(&["bcops", "pull-data", "qa", "--exc"]).contains(&"--exclude-data".into()));
    }
}
