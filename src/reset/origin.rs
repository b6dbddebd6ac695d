//! Opens the clone that a reset works in, and checks that its origin is the site's repository.

use crate::adapters::git::{
    Access, GitProgram, Remote, Repository, is_project, is_repository_of, is_same_repository,
};
use crate::deployment::Deployments;
use crate::events::Event;
use crate::failure::{CommandError, FailureKind};
use crate::process_id;
use crate::runbook::Operator;
use crate::settings::{Environment, Origin};

/// Removes the planning refs from the clone when planning ends, even with an error.
pub struct ForgetsPlanning(Repository);

impl ForgetsPlanning {
    pub fn new(repository: &Repository) -> Self {
        ForgetsPlanning(repository.clone())
    }
}

impl Drop for ForgetsPlanning {
    fn drop(&mut self) {
        // Refs that remain, for example after a kill, are removed by the next planning.
        let _ = self.0.forget();
    }
}

/// The beginning of the name that planning uses instead of a run's. The process id follows. The
/// name contains the host, because machines can share a clone, and the same process id is another
/// process there.
fn planning_of(host: &str) -> String {
    let fits = |one: char| one.is_ascii_alphanumeric() || one == '-';
    let host: String = host.chars().map(|one| if fits(one) { one } else { '-' }).collect();
    format!("plan-{host}-")
}

/// Removes the refs of killed plannings on this machine. A failure is ignored, because the refs do
/// no harm.
pub fn forget_killed_planning(repository: &Repository) {
    let beginning = planning_of(&Operator::of_this_process("").host);
    for run in repository.runs_with_refs().unwrap_or_default() {
        let process = run.strip_prefix(&beginning).and_then(|number| number.parse().ok());
        if process.is_some_and(process_id::is_gone) {
            let _ = repository.for_run(&run).and_then(|its| its.forget());
        }
    }
}

/// Opens the clone around the working directory, in a namespace for planning.
pub async fn open_repository(deployments: Deployments<'_>) -> Result<Repository, CommandError> {
    let git = &deployments.settings.git;
    let working_directory = std::env::current_dir().map_err(|error| {
        CommandError::new(FailureKind::Configuration, "cannot open the working directory")
            .with_cause(error)
    })?;
    let this = Operator::of_this_process("");
    let run = format!("{}{}", planning_of(&this.host), this.pid);
    let access = Access {
        program: GitProgram::default(),
        working_directory: &working_directory,
        remote: &git.remote,
        url: git.url.as_ref().map(|url| url.value.expose()),
        scratch: &std::env::temp_dir(),
        run: &run,
    };
    deployments.reporter.emit(Event::Asking("Asking git about the origin".to_owned()));
    let repository = Repository::open(&access).await?;
    for url in repository.origin_urls().await? {
        check_no_app(deployments, &url)?;
        check_project(deployments, &url)?;
    }
    Ok(repository)
}

/// Refuses an origin that is an app's repository, because Heroku builds and releases every push to
/// it.
fn check_no_app(deployments: Deployments<'_>, url: &str) -> Result<(), CommandError> {
    let mut environments = deployments.settings.environments.values();
    let owner = environments.find(|one| is_repository_of(url, &one.app.value));
    let Some(owner) = owner else { return Ok(()) };
    let text = format!(
        "the remote {} is {url}, which is Heroku's repository of {} and not the site's origin; \
         nothing was changed",
        deployments.settings.git.remote, owner.app.value
    );
    Err(CommandError::new(FailureKind::Refused, text)
        .hint("set git.remote in bcops.toml to the remote at GitLab"))
}

/// Refuses a clone of another project.
fn check_project(deployments: Deployments<'_>, url: &str) -> Result<(), CommandError> {
    let project = &deployments.settings.gitlab.project;
    if is_project(url, &project.value) {
        return Ok(());
    }
    let text =
        format!("the remote {} is {url}, not {}", deployments.settings.git.remote, project.value);
    // A mirror has another path, so this is only a warning unless the user has set the project.
    if project.origin == Origin::BuiltIn {
        deployments.reporter.emit(Event::Warning(text));
        return Ok(());
    }
    Err(CommandError::new(FailureKind::Refused, format!("{text}; nothing was changed"))
        .hint("run it in a clone of the site, or set gitlab.project"))
}

/// Refuses to force-push a branch that belongs to another environment, whether it is protected or
/// not.
pub fn check_branch(
    deployments: Deployments<'_>,
    destination: &Environment,
    branch: &str,
) -> Result<(), CommandError> {
    let mut others =
        deployments.settings.environments.values().filter(|one| one.name != destination.name);
    let Some(owner) = others.find(|one| one.branch.as_deref() == Some(branch)) else {
        return Ok(());
    };
    let name = &destination.name;
    let protected = if owner.protected { ", which is protected" } else { "" };
    let text = format!(
        "the branch {branch} of {name} is also the branch of {}{protected}; nothing was changed",
        owner.name
    );
    Err(CommandError::new(FailureKind::Refused, text)
        .hint(format!("set environments.{name}.branch in bcops.toml")))
}

/// Refuses to force-push the branch that the origin's `HEAD` points at.
pub async fn check_not_default_branch(
    repository: &Repository,
    destination: &Environment,
    branch: &str,
) -> Result<(), CommandError> {
    let default = repository.default_branch(repository.origin()).await?;
    if default.as_deref() != Some(branch) {
        return Ok(());
    }
    let name = &destination.name;
    let text = format!(
        "the branch {branch} of {name} is the default branch of the origin; nothing was changed"
    );
    Err(CommandError::new(FailureKind::Refused, text)
        .hint(format!("set environments.{name}.branch in bcops.toml"))
        .hint("or choose another default branch in the project's settings on GitLab"))
}

/// Checks that a push to Heroku reaches this app's repository. Git can rewrite the URL
/// (`insteadOf`, `pushInsteadOf`).
pub async fn check_heroku_remote(
    repository: &Repository,
    remote: &Remote,
    app: &str,
    git_urls: &[(String, String)],
) -> Result<(), CommandError> {
    for url in repository.push_urls(remote).await? {
        let protected = git_urls.iter().find(|(_, theirs)| is_same_repository(theirs, &url));
        let owner = match protected {
            None if is_repository_of(&url, app) => continue,
            None => "not the repository of the app".to_owned(),
            Some((name, _)) => format!("the repository of {name}, which is protected"),
        };
        let text = format!(
            "git pushes to {url} in place of {}: that URL is {owner} ({app}); nothing was changed",
            remote.label()
        );
        return Err(CommandError::new(FailureKind::Refused, text)
            .hint("git config --show-origin --get-regexp '^url[.]'   # shows what rewrites it"));
    }
    Ok(())
}
