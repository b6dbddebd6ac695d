//! Installs completions and manual pages into the user's own folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::{self, CompletionsArgs};
use crate::commands::{Context, Outcome};
use crate::failure::{CommandError, FailureKind};
use crate::private_folder;
use crate::words;

/// In each installed file. A file without it belongs to someone else and stays.
const MARK: &str = "Installed by `bcops completions --install`";

/// What was installed, or with `--dry-run` would be.
#[derive(Serialize, JsonSchema)]
pub struct Installed {
    /// For example `zsh`.
    shell: String,
    /// The completions first, then the manual pages.
    files: Vec<String>,
    /// The line to add to the shell's own configuration. `null` where none is needed.
    line_to_add: Option<String>,
    dry_run: bool,
}

/// Where the user's programs look for their files.
struct Folders {
    data: PathBuf,
    configuration: PathBuf,
}

pub fn run(context: &Context, args: &CompletionsArgs) -> Result<Outcome, CommandError> {
    let shell = shell(context, args.shell.as_deref())?;
    let folders = Folders::of(context)?;
    let script = folders.script(shell);
    let mut files = vec![(script.clone(), completions(shell)?)];
    let pages = cli::pages().map_err(|error| {
        CommandError::new(FailureKind::Unexpected, "cannot make the manual pages").with_cause(error)
    })?;
    let manual = folders.data.join("man/man1");
    for (name, page) in pages {
        let mut text = format!(".\\\" {MARK}.\n").into_bytes();
        text.extend(page);
        files.push((manual.join(name), text));
    }
    // All are looked at before the first is written.
    let printed = cli::complete::registration(shell).map_err(super::no_completions)?;
    for (path, _) in &files {
        check_own(path, &printed)?;
    }
    if !args.dry_run {
        for (path, text) in &files {
            write(path, text).map_err(|error| {
                CommandError::new(
                    FailureKind::Configuration,
                    format!("cannot write {}", path.display()),
                )
                .with_cause(error)
                .hint("point XDG_DATA_HOME at a folder that you may write to")
            })?;
        }
    }
    let line_to_add = (shell == Shell::Zsh)
        .then(|| format!("source {}", words::shell_word(&script.display().to_string())));
    let text = text(shell, &script, &manual, files.len() - 1, line_to_add.as_deref(), args.dry_run);
    let result = Installed {
        shell: shell.to_string(),
        files: files.iter().map(|(path, _)| path.display().to_string()).collect(),
        line_to_add,
        dry_run: args.dry_run,
    };
    Ok(Outcome::done(result, text))
}

fn text(
    shell: Shell,
    script: &Path,
    manual: &Path,
    pages: usize,
    line_to_add: Option<&str>,
    dry_run: bool,
) -> String {
    let wrote = if dry_run { "would write" } else { "wrote" };
    let pages = words::plural(pages as u64, "manual page");
    let mut text =
        format!("{wrote} {}\n{wrote} {pages} in {}\n", script.display(), manual.display());
    match (line_to_add, shell) {
        (Some(line), _) => {
            text.push_str(&format!("add to ~/.zshrc, after compinit: {line}\n"));
        }
        (None, Shell::Bash) => {
            text.push_str("bash reads completions if its package bash-completion is installed\n");
        }
        (None, _) => {}
    }
    text.push_str(match dry_run {
        true => "dry run: nothing was changed",
        false => "open a new shell, then try: bcops <Tab>, man bcops",
    });
    text
}

fn shell(context: &Context, named: Option<&str>) -> Result<Shell, CommandError> {
    let path = context.variable("SHELL").unwrap_or_default();
    let in_use = Path::new(&path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match named.unwrap_or(in_use) {
        "bash" => Ok(Shell::Bash),
        "fish" => Ok(Shell::Fish),
        "zsh" => Ok(Shell::Zsh),
        other => {
            let found = match other {
                "" => "SHELL is not set".to_owned(),
                other => format!("SHELL names {other}"),
            };
            let text = format!("cannot install completions: {found}, not bash, fish or zsh");
            Err(CommandError::new(FailureKind::Usage, text)
                .hint("name your shell: bcops completions --install --shell bash"))
        }
    }
}

impl Folders {
    fn of(context: &Context) -> Result<Folders, CommandError> {
        let named = |variable: &str, usual: &str| {
            // By their convention, a relative path counts as not set.
            let given = context.variable(variable).map(PathBuf::from);
            let given = given.filter(|path| path.is_absolute());
            given.or_else(|| Some(context.home.as_ref()?.join(usual)))
        };
        let data = named("XDG_DATA_HOME", ".local/share");
        let configuration = named("XDG_CONFIG_HOME", ".config");
        match (data, configuration) {
            (Some(data), Some(configuration)) => Ok(Folders { data, configuration }),
            _ => Err(CommandError::new(
                FailureKind::Configuration,
                "cannot install completions: HOME is not set",
            )
            .hint("set HOME to your home folder")),
        }
    }

    fn script(&self, shell: Shell) -> PathBuf {
        match shell {
            Shell::Fish => self.configuration.join("fish/completions/bcops.fish"),
            Shell::Zsh => self.data.join("bcops/completions.zsh"),
            _ => self.data.join("bash-completion/completions/bcops"),
        }
    }
}

fn completions(shell: Shell) -> Result<Vec<u8>, CommandError> {
    let mut script = cli::complete::registration(shell).map_err(super::no_completions)?;
    script.extend(format!("# {MARK}.\n").into_bytes());
    Ok(script)
}

/// Refuses to replace a file that bcops did not write, and a link, which leads elsewhere. The script
/// that `bcops completions SHELL` prints has no mark, so it counts only if it is `printed` unchanged.
fn check_own(path: &Path, printed: &[u8]) -> Result<(), CommandError> {
    let is_own = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => false,
        Ok(found) if !found.is_file() => false,
        Ok(_) => fs::read(path).is_ok_and(|bytes| {
            String::from_utf8_lossy(&bytes).contains(MARK)
                || bytes.trim_ascii_end() == printed.trim_ascii_end()
        }),
    };
    if is_own {
        return Ok(());
    }
    let shown = path.display().to_string();
    let text = format!("cannot write {shown}: bcops did not make the file there");
    let word = words::shell_word(&shown);
    Err(CommandError::new(FailureKind::Refused, text)
        .hint(format!("move it away: mv {word} {word}.old")))
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let is_same = fs::read(path).is_ok_and(|found| found == text);
    if is_same {
        return Ok(());
    }
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    private_folder::write(path, text)
}
