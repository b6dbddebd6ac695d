//! Counts the media of the source that a reset does not copy, for the plan.

use schemars::JsonSchema;
use serde::Serialize;

use crate::failure::CommandError;
use crate::media::list;
use crate::reset::answers::MediaChoice;
use crate::reset::stage::Stage;
use crate::reset::world::Reset;

/// A folder of the source's bucket that is not copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotCopied {
    pub folder: String,
    /// The number of objects in the source.
    pub objects: u64,
}

/// The folders that the reset does not copy, such as documents. Renditions do not count, because
/// the site makes them again.
///
/// # Errors
/// If the source's bucket cannot be listed.
pub async fn media_left_behind(world: &Reset) -> Result<Vec<NotCopied>, CommandError> {
    let Some(sides) = &world.media else { return Ok(Vec::new()) };
    if world.answers.leaves_out(Stage::Media) || world.answers.media != MediaChoice::Originals {
        return Ok(Vec::new());
    }
    let media = &world.settings.media;
    let mut found = Vec::new();
    for folder in media.prefixes.iter().filter(|one| **one != media.originals) {
        if folder == RENDITIONS {
            continue;
        }
        let listing = list(&sides.source, std::slice::from_ref(folder), &|_| {}).await?;
        let objects = listing.objects.len() as u64;
        if objects > 0 {
            found.push(NotCopied { folder: folder.clone(), objects });
        }
    }
    Ok(found)
}

/// The folder where Wagtail keeps renditions, the smaller versions of images.
const RENDITIONS: &str = "images/";
