//! Counts the media of the source that a reset does not copy, for the plan.

use crate::failure::CommandError;
use crate::media::list;
use crate::reset::answers::MediaChoice;
use crate::reset::stage::Stage;
use crate::reset::world::Reset;

/// A folder of the source's bucket that is not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCopied {
    pub folder: String,
    pub objects: u64,
}

/// The folders with documents and whatever else has no copy on staging afterwards. Renditions are
/// none of them, because the site makes them again.
///
/// # Errors
/// Where the source's bucket cannot be listed.
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

/// Where Wagtail keeps the smaller versions of images.
const RENDITIONS: &str = "images/";
