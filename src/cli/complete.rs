//! Completion of command lines while they are typed: the shell asks this program what fits.
//!
//! The script of `bcops completions` calls `bcops` with [`VARIABLE`] set to the shell's name. What is
//! offered comes from the definition of the command line, the configuration files and the journals
//! on this machine: nothing is asked of any server.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use clap::Arg;
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};

/// Names the shell that wants to know what fits.
pub const VARIABLE: &str = "BCOPS_COMPLETE";

/// A run that can be named.
#[derive(Debug, Clone)]
pub struct RunName {
    pub name: String,
    /// What the run is, in a few words.
    pub about: String,
    pub can_be_resumed: bool,
}

/// A backup that can be named.
#[derive(Debug, Clone)]
pub struct BackupName {
    pub name: String,
    /// Whose it is, and of when.
    pub about: String,
}

/// Asked for the backups of an environment, or of all.
pub type KnownBackups = Arc<dyn Fn(Option<&str>) -> Vec<BackupName> + Send + Sync>;

/// What the arguments' values can be.
pub struct Values {
    pub environments: Vec<String>,
    pub backups: KnownBackups,
    /// Only asked where a run is to be named: journals have to be read for it.
    pub runs: Arc<dyn Fn() -> Vec<RunName> + Send + Sync>,
}

/// The script that makes the shell ask.
///
/// # Errors
/// Where there is no such script for the shell.
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
/// Where the shell is not known or the place in the line cannot be understood; then nothing fits.
pub fn answer(shell: &str, arguments: &[OsString], values: Values) -> io::Result<Vec<u8>> {
    let completer = completer(shell)?;
    let words: Vec<OsString> =
        arguments.iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
    let command = super::command(&values.environments);
    let mut command = with_values(command, &Arc::new(values), &words);
    let mut answer = Vec::new();
    let folder = std::env::current_dir().ok();
    completer.write_complete(&mut command, words, folder.as_deref(), &mut answer)?;
    Ok(answer)
}

/// By its name, or the path of its program.
fn completer(shell: &str) -> io::Result<Box<dyn EnvCompleter>> {
    let name = Path::new(shell).file_stem().and_then(|name| name.to_str()).unwrap_or(shell);
    Ok(match name {
        "bash" => Box::new(Bash),
        "elvish" => Box::new(Elvish),
        "fish" => Box::new(Fish),
        "powershell" => Box::new(Powershell),
        "zsh" => Box::new(Zsh),
        _ => return Err(io::Error::other(format!("there are no completions for {shell}"))),
    })
}

fn with_values(command: clap::Command, values: &Arc<Values>, words: &[OsString]) -> clap::Command {
    let resumes = command.get_name() == "resume";
    command
        .mut_args(|argument| with_candidates(argument, values, resumes, words))
        .mut_subcommands(|inner| with_values(inner, values, words))
}

/// The environment that the line speaks of, be it in a fab name.
fn named_in(words: &[OsString], environments: &[String]) -> Option<String> {
    let names = |environment: &&String| {
        let fab = format!("pull-{environment}-data");
        words.iter().any(|word| *word == ***environment || *word == *fab)
    };
    environments.iter().find(names).cloned()
}

fn with_candidates(argument: Arg, values: &Arc<Values>, resumes: bool, words: &[OsString]) -> Arg {
    let name = argument.get_value_names().and_then(|names| names.first()).map(|name| &**name);
    let values = Arc::clone(values);
    match name {
        Some("ENV" | "ENV2") => argument.add(ArgValueCandidates::new(move || {
            values.environments.iter().map(CompletionCandidate::new).collect()
        })),
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
            backups: Arc::new(|environment| {
                let name = format!("of-{}", environment.unwrap_or("all"));
                vec![BackupName { name, about: String::new() }]
            }),
            runs: Arc::new(runs),
        };
        let words: Vec<OsString> = line.iter().map(OsString::from).collect();
        let mut command = super::super::command(&values.environments);
        command = with_values(command, &Arc::new(values), &words);
        let index = words.len() - 1;
        let found = clap_complete::engine::complete(&mut command, words, index, None);
        let found = found.expect("an answer").into_iter();
        found.map(|one| one.get_value().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn environments_and_runs_are_offered_where_they_belong() {
        let environments = ["content-prep", "qa"];
        let values = |line: &[&str]| -> Vec<String> {
            offered(line).into_iter().filter(|one| !one.starts_with('-')).collect()
        };
        for command in ["pull-data", "pull-media", "check", "shell", "run", "addons", "doctor"] {
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
        assert!(offered(&["bcops", "pull-data", "qa", "--exc"]).contains(&"--exclude-data".into()));
    }
}
