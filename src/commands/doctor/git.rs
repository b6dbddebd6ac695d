//! Checks the clone that `reset-staging` works in, its origin, and the project on GitLab.

use futures_util::future::join_all;

use super::check::{Check, limited, one};
use crate::adapters::git::{
    GitError, GitProgram, Remote, Repository, branch_reference, is_in_clone,
};
use crate::adapters::gitlab::Gitlab;
use crate::checks::Verdict;
use crate::commands::Context;
use crate::deployment::gitlab;
use crate::failure::CommandError;
use crate::reset;
use crate::settings::Environment;

/// Outside a clone git is not asked: only the reset of an environment needs it.
pub async fn checks(
    context: &Context,
    environments: &[&Environment],
    source: Option<&Environment>,
) -> Vec<Check> {
    let name = "git";
    if !environments.iter().any(|one| one.as_destination().is_ok()) {
        return vec![Check::skip(name, "only the reset of an environment needs it")];
    }
    let has_url = context.settings.git.url.is_some();
    let here = std::env::current_dir().is_ok_and(|folder| is_in_clone(&folder));
    if !here && !has_url {
        return vec![Check::skip(
            name,
            "the working directory is not a clone of the site, which reset-staging needs",
        )];
    }
    let version = match GitProgram::default().version(&std::env::temp_dir()).await {
        Ok(version) => Check::pass(name, version),
        Err(error @ (GitError::NoGit(_) | GitError::TooOld { .. })) => {
            let fix =
                "install git 2.31 or newer; from 2.38 on bcops checks each merge with git, too";
            return vec![Check::fail(name, error.to_string(), fix)];
        }
        Err(error) => return vec![Check::from((name, error.into()))],
    };
    let mut found = vec![version];
    match reset::open_repository(context.deployments()).await {
        Ok(repository) => {
            let all: Vec<&Environment> = environments.iter().copied().chain(source).collect();
            found.extend(repository_checks(context, &repository, &all).await);
        }
        Err(error) => found.push(Check::from(("git origin", error))),
    }
    found
}

async fn repository_checks(
    context: &Context,
    repository: &Repository,
    environments: &[&Environment],
) -> Vec<Check> {
    let (origin, identity, push, heroku) = tokio::join!(
        one("git origin", origin(repository, environments)),
        one("git identity", identity(repository)),
        one("git push", push(repository)),
        join_all(environments.iter().map(|environment| heroku_push(
            context,
            repository,
            environment
        ))),
    );
    let mut found = vec![origin, identity];
    // For an origin that does not answer, one line is enough.
    if found.iter().any(|one| one.name == "git origin" && one.verdict == Verdict::Pass) {
        found.push(push);
    }
    found.extend(heroku.into_iter().flatten());
    found
}

/// Whether this person may push to the origin. GitLab knows the rules for single branches.
async fn push(repository: &Repository) -> Check {
    let name = "git push";
    match repository.may_push(repository.origin()).await {
        Ok(()) => Check::pass(name, "you may push to the origin"),
        Err(error) => Check::fail(
            name,
            CommandError::from(error).to_string(),
            "ask for the role Developer or Maintainer in the project, or use a token that has it",
        ),
    }
}

/// The same for Heroku's repository of an app that is deployed to.
async fn heroku_push(
    context: &Context,
    repository: &Repository,
    environment: &Environment,
) -> Option<Check> {
    let app = &environment.as_destination().ok()?.app.value;
    let logged_in = context.deployments().log_in().await.ok()?;
    let name = format!("{} deploys", environment.name);
    let host = context.settings.heroku_git_host.as_ref().map(|found| found.value.as_str());
    let look = async {
        let asked = async {
            let remote = Remote::heroku(app, host, Some(&logged_in.token))?;
            repository.may_push(&remote).await
        };
        match asked.await {
            Ok(()) => Check::pass(&name, format!("you may push to Heroku's repository of {app}")),
            Err(error @ (GitError::Unreachable { .. } | GitError::TimedOut { .. })) => {
                unreachable(&name, &CommandError::from(error).to_string())
            }
            Err(error) => Check::fail(
                &name,
                CommandError::from(error).to_string(),
                format!("ask for the permission to deploy: heroku access --app {app}"),
            ),
        }
    };
    Some(limited(&name, look, |late| unreachable(&name, &late.detail)).await)
}

/// Only a deploy needs it. The rest of Heroku may be reachable.
fn unreachable(name: &str, detail: &str) -> Check {
    let fix = "check that this machine reaches HEROKU_GIT_HOST, or git.heroku.com";
    Check::warn(name, detail, fix)
}

/// Whether the origin answers, and has the branches that are deployed.
async fn origin(repository: &Repository, environments: &[&Environment]) -> Check {
    let name = "git origin";
    let remote = repository.origin();
    let tips = match repository.tips(remote, &["refs/heads/*"]).await {
        Ok(tips) => tips,
        Err(error) => return Check::from((name, CommandError::from(error))),
    };
    let deployed =
        environments.iter().filter_map(|one| Some((one.name.as_str(), one.branch.as_deref()?)));
    let missing: Vec<String> = deployed
        .filter(|(_, branch)| !branch_reference(branch).is_ok_and(|name| tips.contains_key(&name)))
        .map(|(environment, branch)| format!("{branch} ({environment})"))
        .collect();
    let url = repository.origin_url().await.unwrap_or_else(|_| remote.label().to_owned());
    match missing.is_empty() {
        true => Check::pass(name, format!("{url} has every branch that is deployed")),
        // Not every site has every environment, and reset-staging names a missing branch.
        false => Check::pass(name, format!("{url} answers, and lacks {}", missing.join(", "))),
    }
}

async fn identity(repository: &Repository) -> Check {
    let name = "git identity";
    match repository.identity().await {
        Ok(identity) => {
            let author = identity.author;
            Check::pass(name, format!("merges get the author {} <{}>", author.name, author.email))
        }
        Err(GitError::NoIdentity { .. }) => Check::fail(
            name,
            "git does not know your name and address, which merges need",
            "git config --global user.name NAME && git config --global user.email ADDRESS",
        ),
        Err(error) => Check::from((name, error.into())),
    }
}

/// Whose token it is, and whether the branches of destinations may be pushed to.
pub async fn project(context: &Context, environments: &[&Environment]) -> Vec<Check> {
    let name = "GitLab";
    let (project, branches) =
        tokio::join!(gitlab::look(&context.settings), branches(context, environments));
    let project = match project {
        None => return vec![Check::skip(name, gitlab::why_not(&context.settings))],
        Some(Ok(detail)) => Check::pass(name, detail),
        // For the same reason the branches cannot be read.
        Some(Err(error)) => return vec![Check::from((name, error))],
    };
    std::iter::once(project).chain(branches).collect()
}

/// `reset-staging` force-pushes a branch, which GitLab's protection may forbid.
async fn branches(context: &Context, environments: &[&Environment]) -> Vec<Check> {
    let Some(Ok(client)) = gitlab::gitlab(&context.settings) else { return Vec::new() };
    let destinations = environments.iter().filter(|one| one.as_destination().is_ok());
    let branches = destinations.filter_map(|one| one.branch.as_deref());
    join_all(branches.map(|branch| protection(&client, branch))).await
}

async fn protection(client: &Gitlab, branch: &str) -> Check {
    let name = format!("GitLab branch {branch}");
    match client.protected_branch(branch).await {
        Ok(None) => Check::pass(&name, "may be force-pushed by everyone who may push"),
        Ok(Some(rule)) if rule.allow_force_push => {
            Check::pass(&name, "is protected, and may be force-pushed")
        }
        Ok(Some(_)) => Check::fail(
            &name,
            "is protected on GitLab: reset-staging is not allowed to force-push it",
            "allow force push under Settings / Repository / Protected branches",
        ),
        Err(error) => Check::skip(&name, CommandError::from(error).to_string()),
    }
}
