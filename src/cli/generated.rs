//! Makes `completions` and `man` from the definitions of the command line.

use std::io;

use clap::Args;
use clap_complete::Shell;

/// Print or install completions and manual pages.
///
/// The script asks bcops what fits whenever a line is completed: commands, flags, the configured
/// environments, past runs, the backups that were listed last. No server is asked.
/// With --install, the files go into your own folders only (XDG_DATA_HOME, or ~/.local/share). A
/// file of another program is never replaced. Install again after each update.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  bcops completions --install                # for the shell in use\n  \
bcops completions --install --shell zsh\n  \
bcops completions bash > bcops.bash"
)]
pub struct CompletionsArgs {
    /// The shell whose completions to print
    #[arg(value_name = "SHELL", required_unless_present = "install", conflicts_with = "install")]
    pub printed: Option<Shell>,

    /// Install the completions, and all manual pages
    #[arg(long)]
    pub install: bool,

    /// With --install: for this shell instead of the one in use
    #[arg(long = "shell", value_name = "SHELL", requires = "install", value_parser = ["bash", "fish", "zsh"])]
    pub shell: Option<String>,

    /// With --install: show which files would be written, and change nothing
    #[arg(long, requires = "install")]
    pub dry_run: bool,
}

/// Print the manual page of bcops, or of one command.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  bcops man | man -l -\n  bcops man pull-data | man -l -\n  \
bcops man runs resume | man -l -")]
pub struct ManArgs {
    /// The command, with its subcommand
    #[arg(value_name = "COMMAND", num_args = 0..=2)]
    pub command: Vec<String>,
}

/// A command that has no manual page.
#[derive(Debug)]
pub struct UnknownCommand {
    pub name: String,
    /// The names that are known in its place.
    pub known: Vec<String>,
}

/// A manual page in roff, of the program or of one command.
///
/// # Errors
/// There is no such command.
pub fn manual(
    path: &[String],
    environments: &[String],
) -> Result<io::Result<Vec<u8>>, UnknownCommand> {
    let mut whole = match path.is_empty() {
        true => super::bare(),
        false => super::command(environments),
    };
    whole.build();
    let mut found = &whole;
    for name in path {
        found = found.find_subcommand(name).ok_or_else(|| UnknownCommand {
            name: name.clone(),
            known: found.get_subcommands().map(|one| one.get_name().to_owned()).collect(),
        })?;
    }
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    Ok(page(found, &names))
}

/// All manual pages, each with the name of its file.
///
/// # Errors
/// A page cannot be rendered.
pub fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut whole = super::bare();
    whole.build();
    let mut pages = Vec::new();
    add_pages(&whole, &[], &mut pages)?;
    Ok(pages)
}

fn add_pages(
    command: &clap::Command,
    path: &[&str],
    pages: &mut Vec<(String, Vec<u8>)>,
) -> io::Result<()> {
    pages.push((format!("{}.1", joined(path, "-")), page(command, path)?));
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        add_pages(inner, &[path, &[inner.get_name()]].concat(), pages)?;
    }
    Ok(())
}

fn page(command: &clap::Command, path: &[&str]) -> io::Result<Vec<u8>> {
    let page = command.clone().name(joined(path, "-")).bin_name(joined(path, " "));
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    Ok(text)
}

fn joined(path: &[&str], between: &str) -> String {
    [&["bcops"], path].concat().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_subcommand_has_a_page() {
        let pages = pages().expect("pages");
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["bcops.1", "bcops-password.1", "bcops-runs-resume.1", "bcops-backups-url.1"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("help")), "{names:?}");
        let (_, resume) = pages.iter().find(|(name, _)| name == "bcops-runs-resume.1").unwrap();
        let resume = String::from_utf8_lossy(resume);
        assert!(resume.contains(".TH bcops-runs-resume 1"), "{resume}");
        assert!(resume.contains("bcops runs resume"), "{resume}");
    }

    #[test]
    fn the_page_of_a_subcommand_is_found_by_its_words() {
        let words =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert!(manual(&words(&["runs", "resume"]), &[]).is_ok());
        assert!(manual(&words(&["pull-live-data"]), &words(&["live"])).is_ok());
        let unknown = manual(&words(&["runs", "resum"]), &[]).expect_err("no such command");
        assert_eq!(unknown.name, "resum");
        assert!(unknown.known.contains(&"resume".to_owned()));
    }
}
