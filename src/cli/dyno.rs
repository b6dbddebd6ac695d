//! `run` and `shell`: work on one-off dynos.

use std::time::Duration;

use clap::Args;

/// Run a command on a one-off dyno.
///
/// Its input, output and exit code are those of bcops. One word after `--` is a line for the dyno's
/// shell. Several words are a command and its arguments, which arrive unchanged. At a terminal the
/// command has a terminal too. Otherwise standard input is passed on byte by byte, and standard
/// output holds only the command's output. A protected environment is refused.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  bcops run staging -- python manage.py showmigrations\n  \
bcops run staging -- 'echo $SITE; ls | wc -l'\n  \
bcops run staging -- python manage.py loaddata --format json - < pages.json\n  \
bcops run staging --json -- python manage.py check\n\n\
The exit code is that of the command. If bcops itself fails (3, 4, 8, 130), it prints an `error:` line.")]
pub struct RunArgs {
    /// The environment, which must not be protected
    #[arg(value_name = "ENV")]
    pub environment: String,

    #[command(flatten)]
    pub dyno: DynoArgs,

    /// Use no terminal on the dyno: the output arrives as the command writes it
    #[arg(long)]
    pub no_tty: bool,

    /// The command
    #[arg(value_name = "CMD", last = true, required = true)]
    pub command: Vec<String>,
}

/// Open a shell on a one-off dyno.
///
/// Every key goes to the dyno, Ctrl-C included. `Enter ~ .` leaves a dyno that does not answer.
/// A protected environment is refused.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  bcops shell staging\n  bcops staging-shell --django\n  \
echo 'ls -l' | bcops shell staging")]
pub struct ShellArgs {
    /// The environment, which must not be protected
    #[arg(value_name = "ENV", required = true)]
    pub environment: Option<String>,

    #[command(flatten)]
    pub dyno: DynoArgs,

    /// Open Django's shell instead: `python manage.py shell`
    #[arg(long)]
    pub django: bool,
}

/// How a dyno is started.
#[derive(Debug, Clone, Args)]
pub struct DynoArgs {
    /// The dyno's size, for example standard-2x; by default the app's own
    #[arg(long, value_name = "SIZE")]
    pub size: Option<String>,

    /// A variable for the dyno besides the app's config vars; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub variables: Vec<(String, String)>,

    /// Stop the dyno after this time: 90s, 30m, 12h, up to 24h
    #[arg(long, value_name = "TIME", value_parser = time_limit, default_value = "24h")]
    pub time_limit: Duration,

    /// Show what would be run, and start no dyno
    #[arg(long)]
    pub dry_run: bool,
}

/// Heroku stops every one-off dyno after this time.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

fn time_limit(text: &str) -> Result<Duration, String> {
    match crate::settings::parse_duration(text) {
        Some(limit) if !limit.is_zero() && limit <= LONGEST => Ok(limit),
        _ => Err("write a number with s, m or h, up to 24h".to_owned()),
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let sound = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match text.split_once('=') {
        Some((name, value)) if sound(name) => Ok((name.to_owned(), value.to_owned())),
        // The text may be a secret without its name, so the message does not repeat it.
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_times_are_read() {
        assert_eq!(variable("A_1=b=c"), Ok(("A_1".to_owned(), "b=c".to_owned())));
        assert_eq!(variable("A="), Ok(("A".to_owned(), String::new())));
        for wrong in ["A", "=b", "1A=b", "A B=c"] {
            assert!(variable(wrong).is_err(), "{wrong}");
        }
        assert_eq!(time_limit("24h"), Ok(LONGEST));
        for wrong in ["25h", "0s", "soon", "2d", ""] {
            assert!(time_limit(wrong).is_err(), "{wrong}");
        }
    }
}
