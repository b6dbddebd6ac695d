//! Looks up both environments, and compares the destination with every protected environment.

use crate::adapters::git::{Remote, Repository};
use crate::adapters::s3::{BucketAddress, BucketIdentity, BucketSettings, SourceBucket};
use crate::deployment::gitlab::gitlab;
use crate::deployment::manifest;
use crate::deployment::{Deployments, Values, Writing, bucket_settings, has_bucket};
use crate::failure::{CommandError, FailureKind};

use crate::settings::{Destination, Environment};

use super::answers::Options;
use super::media::JOBS;
use super::origin::{
    check_branch, check_heroku_remote, check_not_default_branch, forget_killed_planning,
    open_repository,
};
use super::stage::Stage;
use super::world::{Branches, DestinationSide, MediaSides, Sides, SourceSide};

/// Looks up everything that the run needs. Resources of skipped stages do not have to answer.
pub async fn resolve(
    deployments: Deployments<'_>,
    source: &Environment,
    destination: &Destination,
    options: &Options,
) -> Result<Sides, CommandError> {
    refuse_itself(source, destination)?;
    let branches = branches(deployments, source, destination)?;
    let manifest = manifest::load(deployments.settings)?;
    let writing = deployments.writing(destination).await?;
    let reading = Values::of(writing.logged_in(), source).await?;
    let source_url = reading.database(source)?;
    let destination_url = writing.database_of_heroku().await?;
    let same = writing.is_database(&destination_url, &source_url).await;
    refuse_if(same, "database", source, destination)?;
    let media = match options.copies_media() {
        false => None,
        true => media(deployments, &writing, (source, &reading)).await?,
    };
    writing.cache().await?;
    writing.all_of_a_dyno()?;
    let zone = match options.runs(Stage::Cleanup) && writing.has_front_end()? {
        true => Some(writing.front_end().await?.front_end.id.as_str().to_owned()),
        false => None,
    };
    let app = writing.app().await?;
    let fingerprint = writing.fingerprint().await?;
    let protected_repositories = writing.protected_repositories();
    let (logged_in, values) = writing.heroku()?;
    let heroku = logged_in.heroku;
    let variable = &destination.database_url_variable;
    let database = heroku.destination_database(&app, variable).await?;
    let source_variable = &source.database_url_variable;
    let source_database = heroku.resolve_database(&source.app.value, source_variable).await?;
    if source_database.addon_id == database.attachment().addon_id {
        refuse_if(true, "database", source, destination)?;
    }
    let source_app_id = source_database.app.id.clone();
    let repository = open_repository(deployments).await?;
    forget_killed_planning(&repository);
    let operator = operator(&repository).await;
    let host = deployments.settings.heroku_git_host.as_ref().map(|found| found.value.as_str());
    let heroku_remote = Remote::heroku(app.name(), host, Some(&logged_in.token))?;
    check_heroku_remote(&repository, &heroku_remote, app.name(), &protected_repositories).await?;
    check_not_default_branch(&repository, destination, &branches.staging).await?;
    let secrets = vec![logged_in.token];
    Ok(Sides {
        settings: deployments.settings.clone(),
        heroku,
        source: SourceSide {
            environment: source.clone(),
            app_id: source_app_id,
            database: source_database,
            url: source_url,
        },
        destination: DestinationSide {
            environment: destination.clone(),
            app,
            database,
            url: destination_url,
            variables: values.in_force(),
            remote: heroku_remote,
            fingerprint,
            zone,
        },
        branches,
        repository,
        manifest,
        media,
        gitlab: gitlab(deployments.settings).transpose()?,
        slack: deployments.settings.slack_webhook.as_ref().map(|found| found.value.clone()),
        secrets,
        protected_repositories,
        operator,
    })
}

/// The operator's name in the lock.
async fn operator(repository: &Repository) -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|one| !one.is_empty());
    if let Some(login) = set("GITLAB_USER_LOGIN") {
        return login;
    }
    match repository.identity().await {
        Ok(identity) => identity.author.name,
        Err(_) => {
            set("USER").or_else(|| set("LOGNAME")).unwrap_or_else(|| "unknown user".to_owned())
        }
    }
}

fn refuse_itself(source: &Environment, destination: &Destination) -> Result<(), CommandError> {
    let same = source.name == destination.name || source.app.value == destination.app.value;
    refuse_if(same, "app", source, destination)
}

fn refuse_if(
    same: bool,
    what: &str,
    source: &Environment,
    destination: &Destination,
) -> Result<(), CommandError> {
    if !same {
        return Ok(());
    }
    let text = format!(
        "{} and {} have the same {what}; nothing was changed",
        source.name, destination.name
    );
    Err(CommandError::new(FailureKind::Refused, text)
        .hint("check where the config vars and bcops.toml point: bcops doctor"))
}

fn branches(
    deployments: Deployments<'_>,
    source: &Environment,
    destination: &Destination,
) -> Result<Branches, CommandError> {
    let branch = |environment: &Environment| {
        environment.branch.clone().ok_or_else(|| {
            let name = &environment.name;
            CommandError::new(FailureKind::Configuration, format!("{name} has no branch"))
                .hint(format!("set environments.{name}.branch in bcops.toml"))
        })
    };
    let branches = Branches { master: branch(source)?, staging: branch(destination)? };
    // The force-pushed branch must not belong to another environment.
    if branches.master == branches.staging {
        let text = format!(
            "{} and {} are deployed from the same branch {}; nothing was changed",
            source.name, destination.name, branches.master
        );
        return Err(CommandError::new(FailureKind::Refused, text));
    }
    check_branch(deployments, destination, &branches.staging)?;
    Ok(branches)
}

async fn media(
    deployments: Deployments<'_>,
    writing: &Writing<'_>,
    (source, reading): (&Environment, &Values),
) -> Result<Option<MediaSides>, CommandError> {
    let from = reading.in_force();
    if !has_bucket(source, &from) && !writing.has_bucket() {
        return Ok(None);
    }
    let destination = &writing.destination;
    let from = bucket_settings(deployments.settings, source, &from)?;
    let to = writing.bucket_settings()?;
    let identity = |side: &BucketSettings| {
        let address = BucketAddress::new(side)?;
        Ok::<_, CommandError>(BucketIdentity::of(&address, &side.credentials))
    };
    refuse_if(identity(&from)?.may_be(&identity(&to)?), "bucket", source, destination)?;
    let acl = deployments.settings.media.acl.as_deref();
    let borrowed = BucketSettings { credentials: to.credentials.clone(), ..from.clone() };
    let mut secrets = Vec::new();
    for side in [&from, &to] {
        secrets.push(side.credentials.secret_key.clone());
        secrets.extend(side.credentials.session_token.clone());
    }
    Ok(Some(MediaSides {
        source: SourceBucket::new(&from, JOBS)?,
        reader: SourceBucket::new(&borrowed, JOBS)?,
        destination: writing.bucket(acl, JOBS).await?,
        secrets,
    }))
}
