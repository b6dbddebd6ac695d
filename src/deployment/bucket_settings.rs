//! Reads an environment's bucket from its config vars.

use crate::adapters::heroku::ConfigVars;
use crate::adapters::s3::{BucketSettings, Credentials};
use crate::failure::{CommandError, FailureKind};
use crate::secret::Secret;
use crate::settings::{Environment, Settings};

/// Returns the bucket's settings, or an error that names the missing config var.
pub fn settings(
    configuration: &Settings,
    environment: &Environment,
    vars: &ConfigVars,
) -> Result<BucketSettings, CommandError> {
    let names = &environment.bucket_variables;
    Ok(BucketSettings {
        bucket: needed(environment, vars, &names.bucket, "bucket")?,
        credentials: Credentials {
            access_key: needed(environment, vars, &names.access_key, "access_key")?,
            secret_key: Secret::new(needed(environment, vars, &names.secret_key, "secret_key")?),
            session_token: session_token(environment, vars)?,
        },
        timeout: configuration.network_timeout,
        region: set(vars, &names.region),
        endpoint: set(vars, &names.endpoint).or_else(|| {
            configuration.media.endpoint.as_ref().map(|endpoint| endpoint.value.clone())
        }),
    })
}

/// Whether the environment has a bucket.
pub fn has_bucket(environment: &Environment, vars: &ConfigVars) -> bool {
    set(vars, &environment.bucket_variables.bucket).is_some()
}

fn set(vars: &ConfigVars, name: &str) -> Option<String> {
    vars.get(name).map(|value| value.expose().trim().to_owned()).filter(|text| !text.is_empty())
}

/// Reads the session token, which most keys do not have.
fn session_token(
    environment: &Environment,
    vars: &ConfigVars,
) -> Result<Option<Secret>, CommandError> {
    let variable = &environment.bucket_variables.session_token;
    let token = set(vars, variable);
    if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
        let text = format!("cannot use {variable} of {}: it is not a token", environment.app.value);
        return Err(CommandError::new(FailureKind::Configuration, text)
            .hint("set it again, without spaces and line breaks"));
    }
    Ok(token.map(Secret::new))
}

fn needed(
    environment: &Environment,
    vars: &ConfigVars,
    variable: &str,
    key: &str,
) -> Result<String, CommandError> {
    set(vars, variable).ok_or_else(|| {
        CommandError::new(
            FailureKind::Configuration,
            format!("{} has no config var {variable}", environment.app.value),
        )
        .hint(format!(
            "if it has another name, set environments.{}.config_vars.{key} in bcops.toml",
            environment.name
        ))
    })
}
