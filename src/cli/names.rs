//! Accepts command names with underscores, and suggests the command that a misspelt name may stand
//! for.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::words;

/// With `pull_production_data` for `pull-production-data`, as fab had them.
pub fn with_underscores(command: clap::Command) -> clap::Command {
    command.mut_subcommands(|one| {
        let underscored = one.get_name().replace('-', "_");
        if underscored == one.get_name() { one } else { one.alias(underscored) }
    })
}

/// The few commands that are likely to be meant, in place of the many that clap finds similar.
pub fn with_likely_commands(mut error: clap::Error, command: &clap::Command) -> clap::Error {
    if error.kind() != ErrorKind::InvalidSubcommand || !is_about_the_first_word(&error) {
        return error;
    }
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let typed = typed.to_lowercase().replace('_', "-");
    let names = command.get_subcommands().map(clap::Command::get_name);
    let likely: Vec<String> = words::likely(&typed, names).into_iter().map(str::to_owned).collect();
    error.remove(ContextKind::SuggestedSubcommand);
    if !likely.is_empty() {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(likely));
    }
    error
}

/// Whether a command is unknown, and not a subcommand such as `runs shw`.
fn is_about_the_first_word(error: &clap::Error) -> bool {
    match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => {
            usage.to_string().contains(": bcops [OPTIONS] <COMMAND>")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    fn answer(words: &[&str]) -> String {
        let environments = ["production".to_owned(), "staging".to_owned()];
        match parse(words.iter().map(std::ffi::OsString::from), &environments) {
            Ok(invocation) => invocation.command.name().to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn underscores_are_dashes_in_a_command() {
        for (typed, meant) in [
            ("pull_production_data", "pull-data"),
            ("push_staging_images", "push-media"),
            ("staging_shell", "shell"),
            ("reset_staging", "reset-staging"),
        ] {
            assert_eq!(answer(&["bcops", typed]), meant);
        }
        assert_eq!(answer(&["bcops", "pull_data", "production"]), "pull-data");
        assert_eq!(answer(&["bcops", "purge_cache", "staging", "--everything"]), "purge-cache");
    }

    #[test]
    fn a_misspelt_command_is_answered_with_the_likely_ones() {
        for (typed, meant) in [
            ("pul-data", "'pull-data'"),
            ("pull-prodcution-data", "'pull-production-data'"),
            ("pull_prodction_data", "'pull-production-data'"),
            ("docter", "'doctor'"),
        ] {
            let text = answer(&["bcops", typed]);
            assert!(text.contains(&format!("similar subcommand exists: {meant}")), "{text}");
        }
        assert!(!answer(&["bcops", "entirely-different"]).contains("tip:"));
        assert!(answer(&["bcops", "runs", "shwo"]).contains("'show'"));
    }
}
