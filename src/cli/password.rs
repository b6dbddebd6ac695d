//! Defines the arguments of `password`.

use clap::Args;

/// Set a new password for a superuser of the local database.
///
/// A scrubbed database has no usable password, so no one can log in until one is set. The new
/// password is asked for at a terminal, twice and without an echo. Otherwise it is read from
/// BCOPS_LOCAL_PASSWORD, or generated and printed once. Only the local database is changed, never
/// that of an environment.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  bcops password\n  bcops password --user user.7\n  \
echo \"$NEW\" | bcops password --stdin\n  bcops password --no-input   # generates one and prints it")]
pub struct PasswordArgs {
    /// The superuser, where there are several
    #[arg(long, value_name = "USERNAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub user: Option<String>,

    /// Read the password from standard input, one line
    #[arg(long)]
    pub stdin: bool,

    /// The local database, instead of the one in the local URL
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub target: Option<String>,

    /// Show whose password would be set, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}
