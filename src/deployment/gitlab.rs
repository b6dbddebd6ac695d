//! Opens the configured GitLab project, and checks it for `doctor`.

use crate::adapters::gitlab::Gitlab;
use crate::adapters::json_api::ApiError;
use crate::failure::CommandError;
use crate::secret::Secret;
use crate::settings::Settings;

/// Why GitLab is not asked, if [`gitlab`] returns `None`.
pub fn why_not(settings: &Settings) -> &'static str {
    match settings.gitlab.project.value.is_empty() {
        true => "gitlab.project is not set, so pipelines are not checked",
        false => "GITLAB_TOKEN is not set, so pipelines are not checked",
    }
}

/// Returns `None` without a project or a token, because no command needs them.
pub fn gitlab(settings: &Settings) -> Option<Result<Gitlab, ApiError>> {
    if settings.gitlab.project.value.is_empty() {
        return None;
    }
    let token = std::env::var("GITLAB_TOKEN").ok().map(|token| token.trim().to_owned());
    let token = token.filter(|token| !token.is_empty())?;
    let (gitlab, limit) = (&settings.gitlab, settings.network_timeout);
    Some(Gitlab::new(&gitlab.url.value, &gitlab.project.value, Secret::new(token), limit))
}

/// Reports whose token it is, and checks that it can read the project and its pipelines.
pub async fn look(settings: &Settings) -> Option<Result<String, CommandError>> {
    let found = match gitlab(settings)? {
        Ok(client) => ask(&client, branch(settings)).await,
        Err(error) => Err(error),
    };
    Some(found.map_err(CommandError::from))
}

async fn ask(client: &Gitlab, branch: Option<&str>) -> Result<String, ApiError> {
    let pipelines = async {
        match branch {
            // A public project can show its pipelines to members only.
            Some(branch) => client.latest_pipeline(branch).await.map(|_| ()),
            None => Ok(()),
        }
    };
    let (user, project, pipelines) = tokio::join!(client.user(), client.project(), pipelines);
    let (user, project) = (user?, project?);
    pipelines?;
    let role = project.role().map_or_else(String::new, |role| format!(", role {role}"));
    let (path, place) = (project.path_with_namespace, client.place());
    Ok(format!("{} can read {path} on {place} (token from GITLAB_TOKEN){role}", user.username))
}

/// A branch to ask for pipelines. Any branch works for this check.
fn branch(settings: &Settings) -> Option<&str> {
    settings.environments.values().find_map(|environment| environment.branch.as_deref())
}
