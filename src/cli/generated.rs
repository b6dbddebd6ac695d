//! `completions` and `man`: made from the definitions of the command line.

use clap::Args;
use clap_complete::Shell;

/// Print a shell's completions.
///
/// The script asks bcops what fits whenever a line is completed: commands, flags, the configured
/// environments, past runs, the backups that were listed last. No server is asked.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  bcops completions bash > ~/.local/share/bash-completion/completions/bcops\n  \
bcops completions fish > ~/.config/fish/completions/bcops.fish"
)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Print the manual page, or that of one command.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  bcops man | man -l -\n  bcops man pull-data | man -l -")]
pub struct ManArgs {
    /// The command, instead of the program as a whole
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

/// A manual page in roff. `None` if there is no such command.
pub fn manual(command: Option<&str>, environments: &[String]) -> Option<std::io::Result<Vec<u8>>> {
    let mut whole = super::command(environments);
    whole.build();
    let page = match command {
        None => whole,
        Some(name) => {
            let found = whole.find_subcommand(name)?.clone();
            found.name(format!("bcops-{name}")).bin_name(format!("bcops {name}"))
        }
    };
    let mut text = Vec::new();
    Some(clap_mangen::Man::new(page).render(&mut text).map(|()| text))
}
