//! Checks what an environment's config vars name: its bucket, its caches, its search cluster.

use super::check::{Check, many, one, with_cause};
use super::{bucket, caches};
use crate::adapters::elasticsearch::{Cluster, ClusterAddress, HealthStatus};
use crate::adapters::heroku::ConfigVars;
use crate::commands::Context;
use crate::deployment::Values;
use crate::failure::{CommandError, EnvironmentName, FailureKind};
use crate::json;
use crate::settings::Environment;

/// The one check of an environment that others only copy from: its bucket.
pub async fn checks_of_source(
    context: &Context,
    environment: &Environment,
    values: &Values,
) -> Vec<Check> {
    let name = format!("{} bucket", environment.name);
    many(&name, bucket(context, environment, values, Use::Source)).await
}

/// Why an environment is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// For its own commands.
    Itself,
    /// For commands that copy from it to another environment.
    Source,
}

pub async fn checks(context: &Context, environment: &Environment, values: &Values) -> Vec<Check> {
    let vars = values.in_force();
    let names = ["bucket", "caches", "search"].map(|what| format!("{} {what}", environment.name));
    let [bucket_name, caches_name, search_name] = &names;
    let (bucket, caches, search) = tokio::join!(
        many(bucket_name, bucket(context, environment, values, Use::Itself)),
        many(caches_name, caches(context, environment, &vars)),
        one(search_name, search(context, search_name, environment, &vars)),
    );
    bucket.into_iter().chain(caches).chain([search]).collect()
}

async fn caches(context: &Context, environment: &Environment, vars: &ConfigVars) -> Vec<Check> {
    caches::checks(context, environment, vars)
        .await
        .into_iter()
        .map(|finding| found(finding, &environment.named()))
        .collect()
}

/// The check of a finding about a cache.
fn found((name, finding): caches::Finding, named: &EnvironmentName) -> Check {
    match finding {
        caches::Found::Nothing => Check::skip(&name, "not configured"),
        caches::Found::Good(detail) => Check::pass(&name, detail),
        caches::Found::Doubtful { detail, fix } => Check::warn(&name, detail, fix),
        caches::Found::Unshown => Check::unshown(&name),
        caches::Found::Bad(error) => {
            let error = error.in_environment(named);
            let fix = error.hints.last().map(ToString::to_string);
            let fix = fix.unwrap_or_else(|| "correct the app's config vars".to_owned());
            Check::fail(&name, error.to_string(), fix)
        }
    }
}

async fn bucket(
    context: &Context,
    environment: &Environment,
    values: &Values,
    usage: Use,
) -> Vec<Check> {
    let name = format!("{} bucket", environment.name);
    let is_destination = usage == Use::Itself && environment.as_destination().is_ok();
    let looked = match bucket::check_bucket(context, environment, values).await {
        None => {
            let variable = &environment.bucket_variables.bucket;
            let detail = format!("{} has no config var {variable}", environment.app.value);
            return vec![Check::skip(&name, detail)];
        }
        Some(Ok(detail)) => Check::pass(&name, detail),
        Some(Err(error)) if error.kind == FailureKind::Refused => {
            let app = &environment.app.value;
            let fix = format!("correct the config vars of {app} or of the environment named");
            return vec![Check::fail(&name, with_cause(&error), fix)];
        }
        Some(Err(error)) => {
            let fix = "give the keys access to the bucket, or correct the app's config vars";
            return vec![Check::fail(&name, error.to_string(), fix)];
        }
    };
    let writing = is_destination.then(|| Check::unshown(&format!("{name} writing")));
    std::iter::once(looked).chain(writing).collect()
}

async fn search(
    context: &Context,
    name: &str,
    environment: &Environment,
    vars: &ConfigVars,
) -> Check {
    let variable = &environment.search_url_variable;
    let Some(url) = vars.get(variable).filter(|url| !url.expose().trim().is_empty()) else {
        return Check::skip(name, "not configured");
    };
    let fix = format!("bcops search status {}   # shows the indices", environment.name);
    let asked = async {
        let address = ClusterAddress::parse(url, &format!("{variable} of {}", environment.name))?;
        let cluster = Cluster::new(address, context.settings.network_timeout)?;
        let health = cluster.health().await?;
        Ok::<_, CommandError>((cluster.address().place(), health))
    };
    match asked.await {
        Ok((place, health)) if health.status == HealthStatus::Red => {
            Check::fail(name, format!("{place} is red: some shards do not work"), fix)
        }
        Ok((place, health)) => {
            Check::pass(name, format!("{place} is {}", json::name(health.status)))
        }
        Err(error) => match error.hints.is_empty() {
            true => Check::fail(name, with_cause(&error), fix),
            false => Check::from((name, error.in_environment(&environment.named()))),
        },
    }
}
