//! Reads the names of the old fab tasks: `pull-production-data` is `pull-data production`.

use clap::{ArgMatches, Args, FromArgMatches};

use super::{Command, PullDataArgs, PullMediaArgs, PushMediaArgs, ResetArgs, ShellArgs};

/// Adds the names of each environment to the command, hidden from its list. `wanted` decides about
/// a name by its environment, and by whether the command writes there.
pub fn add_names(
    mut command: clap::Command,
    environments: &[String],
    wanted: impl Fn(&str, bool) -> bool,
) -> clap::Command {
    for environment in environments {
        let mut names = names_of(environment);
        names.retain(|(_, writes)| wanted(environment, *writes));
        command = command.subcommands(names.into_iter().map(|(name, _)| name.hide(true)));
    }
    command
}

/// The names of one environment, each with whether its command writes there.
fn names_of(environment: &str) -> Vec<(clap::Command, bool)> {
    let pull = PullDataArgs::augment_args(clap::Command::new(pull_data_name(environment)))
        .about(format!("The same as `pull-data {environment}`"))
        // The name itself gives the environment.
        .mut_arg("environment", |_| clap::Arg::new("environment").hide(true))
        .mut_arg("undo", |argument| argument.hide(true))
        .mut_arg("file", |argument| argument.hide(true));
    let shell = ShellArgs::augment_args(clap::Command::new(shell_name(environment)))
        .about(format!("The same as `shell {environment}`"))
        .mut_arg("environment", |_| clap::Arg::new("environment").hide(true));
    let mut names = vec![(pull, false), (shell, true)];
    for images in [false, true] {
        names.extend(media_names(environment, images));
    }
    // `reset-staging` is a command of its own.
    if environment != "staging" {
        let reset = ResetArgs::augment_args(clap::Command::new(reset_name(environment)))
            .about(format!("The same as `reset-staging`, of {environment}"));
        names.push((reset, true));
    }
    names
}

/// The command that a fab name stands for, if one was used.
pub fn command(
    matches: &ArgMatches,
    environments: &[String],
) -> Result<Option<Command>, clap::Error> {
    let Some((name, matches)) = matches.subcommand() else { return Ok(None) };
    for environment in environments {
        if name == pull_data_name(environment) {
            let mut args = PullDataArgs::from_arg_matches(matches)?;
            let other_source = if args.undo { Some("--undo".to_owned()) } else { None }
                .or_else(|| args.file.take().map(|_| "--file".to_owned()));
            if let Some(given) = args.environment.replace(environment.clone()).or(other_source) {
                return Err(unexpected(&given));
            }
            return Ok(Some(Command::PullData(args)));
        }
        if name == shell_name(environment) {
            let mut args = ShellArgs::from_arg_matches(matches)?;
            return match args.environment.replace(environment.clone()) {
                None => Ok(Some(Command::Shell(args))),
                Some(given) => Err(unexpected(&given)),
            };
        }
        if environment != "staging" && name == reset_name(environment) {
            let mut args = ResetArgs::from_arg_matches(matches)?;
            args.environment = Some(environment.clone());
            return Ok(Some(Command::ResetStaging(Box::new(args))));
        }
        for images in [false, true] {
            if let Some(command) = media_command(name, matches, environment, images)? {
                return Ok(Some(command));
            }
        }
    }
    Ok(None)
}

/// `pull-ENV-media` and `push-ENV-media`; `-images` at the end is `--images`.
fn media_names(environment: &str, images: bool) -> [(clap::Command, bool); 2] {
    let flag = if images { " --images" } else { "" };
    let hide = |subcommand: clap::Command| {
        let hidden =
            subcommand.mut_arg("environment", |_| clap::Arg::new("environment").hide(true));
        if images { hidden.mut_arg("images", |argument| argument.hide(true)) } else { hidden }
    };
    let pull =
        PullMediaArgs::augment_args(clap::Command::new(media_name("pull", environment, images)))
            .about(format!("The same as `pull-media {environment}{flag}`"));
    let push =
        PushMediaArgs::augment_args(clap::Command::new(media_name("push", environment, images)))
            .about(format!("The same as `push-media {environment}{flag}`"));
    [(hide(pull), false), (hide(push), true)]
}

fn media_command(
    name: &str,
    matches: &ArgMatches,
    environment: &str,
    images: bool,
) -> Result<Option<Command>, clap::Error> {
    let (command, given) = if name == media_name("pull", environment, images) {
        let mut args = PullMediaArgs::from_arg_matches(matches)?;
        args.transfer.images |= images;
        let given = args.environment.replace(environment.to_owned());
        (Command::PullMedia(args), given)
    } else if name == media_name("push", environment, images) {
        let mut args = PushMediaArgs::from_arg_matches(matches)?;
        args.transfer.images |= images;
        let given = args.environment.replace(environment.to_owned());
        (Command::PushMedia(args), given)
    } else {
        return Ok(None);
    };
    match given {
        None => Ok(Some(command)),
        Some(given) => Err(unexpected(&given)),
    }
}

/// A fab name takes no environment: the name gives it.
fn unexpected(given: &str) -> clap::Error {
    let text = format!("unexpected argument '{given}' found\n");
    clap::Error::raw(clap::error::ErrorKind::UnknownArgument, text)
}

fn media_name(verb: &str, environment: &str, images: bool) -> String {
    format!("{verb}-{environment}-{}", if images { "images" } else { "media" })
}

fn shell_name(environment: &str) -> String {
    format!("{environment}-shell")
}

fn reset_name(environment: &str) -> String {
    format!("reset-{environment}")
}

fn pull_data_name(environment: &str) -> String {
    format!("pull-{environment}-data")
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};

    fn environment(arguments: &[&str]) -> Result<Option<String>, clap::Error> {
        let environments = ["production".to_owned(), "content-prep".to_owned()];
        let arguments = arguments.iter().map(std::ffi::OsString::from);
        match parse(arguments, &environments)?.command {
            Command::PullData(args) => Ok(args.environment),
            Command::PullMedia(args) => Ok(args.environment),
            Command::PushMedia(args) => Ok(args.environment),
            Command::Shell(args) => Ok(args.environment),
            _ => panic!("another command"),
        }
    }

    #[test]
    fn fab_names_stand_for_their_environment() {
        let given = environment(&["bcops", "pull-content-prep-data", "--yes"]).unwrap();
        assert_eq!(given.as_deref(), Some("content-prep"));
        let given = environment(&["bcops", "--json", "pull-data", "production"]).unwrap();
        assert_eq!(given.as_deref(), Some("production"));
        assert!(environment(&["bcops", "pull-production-data", "staging"]).is_err());
        assert!(environment(&["bcops", "pull-production-data", "--undo"]).is_err());
        assert!(environment(&["bcops", "pull-production-data", "--file", "x"]).is_err());
        for (name, wanted) in [
            ("pull-production-media", "production"),
            ("pull-content-prep-images", "content-prep"),
            ("push-production-media", "production"),
            ("push-content-prep-images", "content-prep"),
            ("content-prep-shell", "content-prep"),
        ] {
            assert_eq!(environment(&["bcops", name]).unwrap().as_deref(), Some(wanted));
            assert!(environment(&["bcops", name, "staging"]).is_err());
        }
        assert!(environment(&["bcops", "pull-media"]).is_err());
        assert!(environment(&["bcops", "pull-data"]).is_err());
        assert!(environment(&["bcops", "pull-data", "production", "--undo"]).is_err());
        assert!(environment(&["bcops", "pull-data", "--no-scrub", "--file", "x"]).is_err());
    }
}
