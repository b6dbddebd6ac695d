//! Loads the scrub manifest in force.

use crate::failure::{CommandError, FailureKind};
use crate::scrub::{BuiltIn, Manifest, needs_trust};
use crate::settings::{Belief, ManifestFile, Origin, Settings};
use crate::words::shell_word;

/// Returns the built-in manifest, or the user's own, which may extend it. A site that inherits nothing
/// from the built-in one has the packs.
pub fn load(settings: &Settings) -> Result<Manifest, CommandError> {
    match &settings.scrub_manifest {
        None if settings.inherits => Ok(Manifest::built_in()?),
        None => Ok(Manifest::of_every_pack()?),
        Some(file) => read(settings, file),
    }
}

fn built_in(settings: &Settings) -> BuiltIn {
    if settings.inherits { BuiltIn::Site } else { BuiltIn::Packs }
}

/// Reads a manifest file once, so that the checked text is the text in use.
pub fn read(settings: &Settings, file: &ManifestFile) -> Result<Manifest, CommandError> {
    let place = file.path.display().to_string();
    let text = file.read().map_err(|error| {
        let text = format!("cannot read the manifest {place} ({})", file.origin);
        CommandError::new(FailureKind::Configuration, text).with_cause(error)
    })?;
    let manifest = Manifest::parse_over(&place, &text, built_in(settings))?;
    if matches!(file.belief, Belief::TakingAwayOnly) {
        let wanting = needs_trust(&text);
        if !wanting.is_empty() {
            return Err(untrusted(file, &wanting));
        }
    }
    Ok(manifest)
}

fn untrusted(file: &ManifestFile, wanting: &[String]) -> CommandError {
    let wanting: Vec<String> = wanting.iter().map(|one| format!("`{one}`")).collect();
    let path = file.path.display();
    let text = format!(
        "cannot use the manifest {path}, which `scrub.manifest` names: you have not trusted it, and it sets {}",
        wanting.join(", ")
    );
    let configuration = match &file.origin {
        Origin::File { path, .. } => shell_word(&path.display().to_string()),
        _ => String::new(),
    };
    CommandError::new(FailureKind::Configuration, text)
        .hint(format!("to see it and trust it: bcops config trust {configuration}"))
        .hint(
            "without trust, a manifest can only delete, empty or null what the built-in one keeps",
        )
}

/// Checks that the manifest has the requested policy.
///
/// # Errors
/// A usage error that names the manifest's policies.
pub fn check_policy(manifest: &Manifest, policy: &str) -> Result<(), CommandError> {
    if manifest.policies.contains(policy) {
        return Ok(());
    }
    let known: Vec<&str> = manifest.policies.iter().map(String::as_str).collect();
    let text = format!("the manifest has no policy `{policy}`; it has: {}", known.join(", "));
    Err(CommandError::new(FailureKind::Usage, text))
}
