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
