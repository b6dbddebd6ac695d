//! The manifest that is in force.

use crate::commands::Context;
use crate::error::{CommandError, Kind};
use crate::scrub::Manifest;

/// The built-in manifest, or the user's, which may extend it.
pub fn load(context: &Context) -> Result<Manifest, CommandError> {
    let Some(path) = &context.settings.scrub_manifest else { return Ok(Manifest::built_in()?) };
    let text = std::fs::read_to_string(&path.value).map_err(|error| {
        CommandError::new(
            Kind::Configuration,
            format!("cannot read the manifest {} ({})", path.value.display(), path.origin),
        )
        .with_cause(error)
    })?;
    Ok(Manifest::parse(&path.value.display().to_string(), &text)?)
}

/// A policy that was asked for has to be one of the manifest's.
///
/// # Errors
/// A usage error that names those that there are.
pub fn check_policy(manifest: &Manifest, policy: &str) -> Result<(), CommandError> {
    if manifest.policies.contains(policy) {
        return Ok(());
    }
    let known: Vec<&str> = manifest.policies.iter().map(String::as_str).collect();
    let text = format!("the manifest has no policy `{policy}`; it has: {}", known.join(", "));
    Err(CommandError::new(Kind::Usage, text))
}
