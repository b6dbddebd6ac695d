//! An environment's bucket, from its config vars.

use crate::adapters::heroku::ConfigVars;
use crate::adapters::s3::{BucketSettings, Credentials};
use crate::commands::Context;
use crate::error::{CommandError, Kind};
use crate::settings::Environment;

/// The bucket, or which config var is missing.
pub fn settings(
    context: &Context,
    environment: &Environment,
    vars: &ConfigVars,
) -> Result<BucketSettings, CommandError> {
    let names = &environment.bucket_variables;
    Ok(BucketSettings {
        bucket: needed(environment, vars, &names.bucket, "bucket")?,
        credentials: Credentials {
            access_key: needed(environment, vars, &names.access_key, "access_key")?,
            secret_key: crate::secret::Secret::new(needed(
                environment,
                vars,
                &names.secret_key,
                "secret_key",
            )?),
        },
        region: set(vars, &names.region),
        endpoint: set(vars, &names.endpoint).or_else(|| {
            context.settings.media.endpoint.as_ref().map(|endpoint| endpoint.value.clone())
        }),
    })
}

/// Whether the environment has a bucket at all.
pub fn has_one(environment: &Environment, vars: &ConfigVars) -> bool {
    set(vars, &environment.bucket_variables.bucket).is_some()
}

fn set(vars: &ConfigVars, name: &str) -> Option<String> {
    vars.get(name).map(|value| value.expose().trim().to_owned()).filter(|text| !text.is_empty())
}

fn needed(
    environment: &Environment,
    vars: &ConfigVars,
    variable: &str,
    key: &str,
) -> Result<String, CommandError> {
    set(vars, variable).ok_or_else(|| {
        CommandError::new(
            Kind::Configuration,
            format!("{} has no config var {variable}", environment.app.value),
        )
        .hint(format!(
            "set environments.{}.config_vars.{key} in bcops.toml if it has another name",
            environment.name
        ))
    })
}
