//! Defines the arguments of `manifest`.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

/// Check, draft and explain the scrub manifest.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  bcops manifest check                        # the migrations of this folder\n  \
bcops manifest validate production\n  bcops manifest suggest --file latest.dump\n  \
bcops manifest suggest production --write     # into the site's own manifest\n  \
bcops manifest packs\n  bcops manifest explain users_user"
)]
pub struct ManifestArgs {
    #[command(subcommand)]
    pub work: ManifestWork,
}

#[derive(Debug, Clone, Subcommand)]
pub enum ManifestWork {
    /// List everything that does not fit between the manifest and a database
    Validate(ManifestDatabaseArgs),
    /// Draft the entries that the manifest lacks, from a sample of the values
    Suggest(SuggestArgs),
    /// Explain what happens to one table, and why
    Explain(ExplainArgs),
    /// List the models and fields without a class, from the migrations of a checkout.
    ///
    /// Reads Django's migrations without Python and without a database, and computes the tables in
    /// which they end. The exit code is 9 if a table or column lacks a class, or if bcops cannot
    /// read an operation that may change tables. Apps from packages are not in the checkout:
    /// `validate` judges their tables.
    Check(ManifestCheckArgs),
    /// List what bcops knows of Django, Wagtail and other apps
    Packs,
}

impl ManifestWork {
    pub fn environment(&self) -> Option<&str> {
        match self {
            ManifestWork::Validate(args) => args.environment.as_deref(),
            ManifestWork::Suggest(args) => args.database.environment.as_deref(),
            ManifestWork::Explain(_) | ManifestWork::Check(_) | ManifestWork::Packs => None,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub struct ManifestDatabaseArgs {
    /// Read this environment's database instead of the local one
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,

    /// Read this backup file instead of a database; `-` is standard input
    #[arg(long, value_name = "DUMP")]
    pub file: Option<PathBuf>,

    /// The local database, instead of the one in the local URL
    #[arg(long, value_name = "NAME", conflicts_with = "environment", value_parser = NonEmptyStringValueParser::new())]
    pub target: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct SuggestArgs {
    #[command(flatten)]
    pub database: ManifestDatabaseArgs,

    /// Add the entries to the manifest that `scrub.manifest` names
    #[arg(long)]
    pub write: bool,
}

#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// The table
    #[arg(value_name = "TABLE")]
    pub table: String,

    /// Read the keys of this backup file instead of a database; `-` is standard input
    #[arg(long, value_name = "DUMP")]
    pub file: Option<PathBuf>,

    /// The local database, instead of the one in the local URL
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub target: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  bcops manifest check\n  bcops manifest check ~/site --skip-app testapp\n  \
bcops manifest check --reviewed bc/news/migrations/0007_copy.py\n  bcops manifest check --junit report.xml"
)]
pub struct ManifestCheckArgs {
    /// The folder of the checkout
    #[arg(value_name = "PATH", default_value = ".")]
    pub path: PathBuf,

    /// A migration that a person has read: what bcops cannot read of it changes no table; may be
    /// repeated
    #[arg(long, value_name = "FILE")]
    pub reviewed: Vec<PathBuf>,

    /// Skip the app with this label, such as an app that only tests install; may be repeated
    #[arg(long, value_name = "LABEL")]
    pub skip_app: Vec<String>,

    /// Write a JUnit report to this file; `-` prints it in place of the list
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}
