//! Finds what a developer does next after a pull: migrate, log in, fetch the media.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::postgres::{DatabaseUrl, PostgresError, connect};
use crate::cli::PullDataArgs;
use crate::commands::{Context, superusers};
use crate::words::shell_word;

use super::Loaded;

/// A step that a developer may want to take next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NextStep {
    step: NextKind,
    /// The command to type. `null` for a login that needs none.
    command: Option<String>,
    /// What it is for, or who can log in.
    purpose: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum NextKind {
    /// The code may have migrations that the backup has not.
    Migrate,
    /// A superuser has a password, or needs one.
    LogIn,
    /// The rows of the media are there, and their files are not.
    PullMedia,
}

impl fmt::Display for NextStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.command {
            Some(command) => write!(f, "{command}   # {}", self.purpose),
            None => f.write_str(&self.purpose),
        }
    }
}

/// The steps that apply here. The pull is done, so a server that fails now takes only its line
/// away.
pub async fn steps(
    context: &Context,
    args: &PullDataArgs,
    loaded: &Loaded,
    target: &DatabaseUrl,
) -> Vec<NextStep> {
    let folder = std::env::current_dir().unwrap_or_default();
    let manage = manage_py(&folder);
    let mut steps = Vec::new();
    if let Some(path) = &manage {
        steps.push(NextStep {
            step: NextKind::Migrate,
            command: Some(format!("python {} migrate", shell_word(&path.display().to_string()))),
            purpose: "applies the migrations of your checkout".to_owned(),
        });
    }
    // People keep their own passwords in a database that was not scrubbed.
    if loaded.scrubbed {
        let table = &context.settings.local.users_table;
        let names = match loaded.superusers.is_empty() {
            true => superusers_of(target, table).await.unwrap_or_default(),
            false => loaded.superusers.clone(),
        };
        steps.extend(log_in(args, &names));
    }
    if let Some(environment) = &args.environment {
        steps.push(NextStep {
            step: NextKind::PullMedia,
            command: Some(format!("bcops pull-media {}", shell_word(environment))),
            purpose: "fetches images and documents".to_owned(),
        });
    }
    steps
}

fn log_in(args: &PullDataArgs, names: &[String]) -> Option<NextStep> {
    let first = names.first()?;
    let step = NextKind::LogIn;
    if args.set_password {
        let purpose = format!("log in as {first}, with the password that you set");
        return Some(NextStep { step, command: None, purpose });
    }
    let mut command = "bcops password".to_owned();
    if names.len() > 1 {
        command.push_str(&format!(" --user {}", shell_word(first)));
    }
    if let Some(target) = &args.target {
        command.push_str(&format!(" --target {}", shell_word(target)));
    }
    let purpose = format!("sets a password, to log in as {first}");
    Some(NextStep { step, command: Some(command), purpose })
}

async fn superusers_of(target: &DatabaseUrl, table: &str) -> Result<Vec<String>, PostgresError> {
    let session = connect(target).await?;
    let names = superusers::names(&session, table).await;
    session.close().await;
    names
}

/// The nearest `manage.py` from a folder upwards, as a path from there. The search ends at the root of
/// a repository.
fn manage_py(folder: &Path) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for one in folder.ancestors() {
        if one.join("manage.py").is_file() {
            return Some(path.join("manage.py"));
        }
        if one.join(".git").exists() {
            return None;
        }
        path.push("..");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manage_py_is_looked_for_in_the_checkout_only() {
        let root = tempfile::tempdir().expect("a folder");
        let inner = root.path().join("site/app");
        std::fs::create_dir_all(&inner).expect("a folder");
        std::fs::create_dir(root.path().join("site/.git")).expect("a folder");
        std::fs::write(root.path().join("manage.py"), "").expect("a file");
        assert_eq!(manage_py(&inner), None, "above the repository");
        std::fs::write(root.path().join("site/manage.py"), "").expect("a file");
        assert_eq!(manage_py(&inner).as_deref(), Some(Path::new("../manage.py")));
        assert_eq!(manage_py(&root.path().join("site")).as_deref(), Some(Path::new("manage.py")));
    }
}
