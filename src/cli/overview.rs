//! Writes the list of commands in groups: the short one of `bcops` alone, and that of `--help`.

use std::fmt::Write;

/// The commands of each group, in the order of the help. A test finds those that are missing.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Every day",
        &[
            "pull-data",
            "pull-media",
            "push-media",
            "password",
            "scrub-pii",
            "purge-cache",
            "shell",
            "run",
        ],
    ),
    ("The runbook", &["reset-staging", "runs"]),
    ("Looking", &["check", "backups", "search", "addons"]),
    ("Setting up", &["doctor", "config", "manifest", "completions", "man"]),
];

/// Too rarely used for the short list.
const ONLY_IN_HELP: &str = "man";

const USAGE: &str = "bcops [OPTIONS] <COMMAND>";

/// What `bcops` alone prints: at most 30 lines of 80 columns.
pub fn short() -> String {
    let command = super::bare();
    let mut text = format!("{}\n", about(&command));
    for (heading, names) in GROUPS {
        let names = names.iter().filter(|name| **name != ONLY_IN_HELP);
        let _ = write!(text, "\n{heading}:\n{}", lines(&command, names));
    }
    text.push_str(
        "\nEvery command and flag: bcops --help. One command: bcops COMMAND --help.\n\
         start here: bcops doctor\n",
    );
    text
}

/// The command with its subcommands in groups, which clap itself cannot do: they are hidden from
/// its own list and stand in the template of the help instead.
pub fn grouped(command: clap::Command, environments: &[String]) -> clap::Command {
    let header = command.get_styles().get_header();
    let mut template =
        String::from("{before-help}{about-with-newline}\n{usage-heading} {usage}\n\n");
    for (heading, names) in GROUPS {
        let lines = lines(&command, names.iter());
        let _ = write!(template, "{header}{heading}:{header:#}\n{lines}\n");
    }
    let _ = write!(template, "{}\n\n{{all-args}}{{after-help}}", fab_names(environments));
    command.mut_subcommands(|one| one.hide(true)).override_usage(USAGE).help_template(template)
}

/// One line for all names of the old tasks.
fn fab_names(environments: &[String]) -> String {
    let is_known = |name: &str| environments.iter().any(|one| one == name);
    let examples = match environments.first() {
        Some(first) if !(is_known("production") && is_known("staging")) => {
            format!("pull-{first}-data, {first}-shell")
        }
        _ => "pull-production-data, push-staging-media".to_owned(),
    };
    format!("The fab names work too: {examples}, …")
}

fn lines<'a>(command: &clap::Command, names: impl Iterator<Item = &'a &'a str>) -> String {
    let mut text = String::new();
    for name in names {
        let about = command.find_subcommand(name).map(about).unwrap_or_default();
        let _ = writeln!(text, "  {name:<13}  {about}");
    }
    text
}

fn about(command: &clap::Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let command = super::super::bare();
        let mut known: Vec<&str> = command.get_subcommands().map(|one| one.get_name()).collect();
        let mut listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        known.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, known);
    }

    #[test]
    fn the_short_help_fits_a_small_screen_and_says_where_to_start() {
        let text = short();
        assert!(text.lines().count() <= 30, "{text}");
        assert!(text.ends_with("\nstart here: bcops doctor\n"), "{text}");
        let environments = ["production".to_owned(), "staging".to_owned()];
        let whole = super::super::command(&environments).term_width(80).render_help().to_string();
        for line in text.lines().chain(whole.lines()) {
            assert!(line.chars().count() <= 80, "{line}");
        }
        for heading in ["Every day:", "The runbook:", "Looking:", "Setting up:", "fab names"] {
            assert!(whole.contains(heading), "{heading}: {whole}");
        }
        assert!(!whole.contains("push-production-media"), "{whole}");
    }

    #[test]
    fn the_fab_names_in_the_help_are_of_configured_environments() {
        assert!(fab_names(&[]).contains("pull-production-data, push-staging-media"));
        assert!(fab_names(&["live".to_owned()]).contains("pull-live-data"));
    }
}
