//! From bucket to bucket: originals, or everything.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::adapters::s3::{DestinationBucket, ListedObject, SourceBucket};
use crate::failure::{CommandError, FailureKind};
use crate::media::{
    BucketDifference, COPY_PARTS, CopyIndex, Copying, DeletionLimit, Deletions, Progression,
    Refused, Uploads, check_deletions, compare_buckets, confirm_gone, copy_objects, delete_objects,
    list, probe, refuse_for_copy,
};
use crate::reset::choices::MediaChoice;
use crate::reset::values::{MEDIA_COPIED, MEDIA_LEFT};
use crate::reset::world::{MediaSides, World};
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepError, StepFuture, StepKind,
    StepResult, UndoWay,
};
use crate::words;

use super::STAGE;
use super::left::{MediaLeft, again, warnings};

const ID: &str = "copy-media";
/// Transfers at the same time.
pub const JOBS: usize = 16;

pub struct CopyMedia(pub Arc<World>);

/// What a copy would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaNumbers {
    pub copied: u64,
    pub bytes: u64,
    pub deleted: u64,
    pub unchanged: u64,
}

/// Compares the two buckets before anything is decided; `None` where no media are copied.
///
/// # Errors
/// Also where more would be deleted than is allowed.
pub async fn media_numbers(world: &Arc<World>) -> Result<Option<MediaNumbers>, CommandError> {
    let step = CopyMedia(world.clone());
    let Some(sides) = world.media.as_ref().filter(|_| step.nothing().is_none()) else {
        return Ok(None);
    };
    let difference = step.compare(sides).await?.difference;
    let (copied, bytes) = total(&difference.transfer);
    let (deleted, unchanged) = (difference.delete.len() as u64, difference.unchanged);
    Ok(Some(MediaNumbers { copied, bytes, deleted, unchanged }))
}

/// The two buckets, compared.
struct Compared {
    source: SourceBucket,
    destination: DestinationBucket,
    reader: SourceBucket,
    difference: BucketDifference,
    refused: Vec<Refused>,
    objects: u64,
    /// When the newest object of the source was made.
    newest: Option<Timestamp>,
}

impl CopyMedia {
    fn prefixes(&self) -> Vec<String> {
        let media = &self.0.settings.media;
        match self.0.choices.media {
            MediaChoice::Originals => vec![media.originals.clone()],
            MediaChoice::All => media.prefixes.clone(),
            MediaChoice::None => Vec::new(),
        }
    }

    /// Why there is nothing to copy.
    fn nothing(&self) -> Option<&'static str> {
        match (self.0.choices.media, &self.0.media) {
            (MediaChoice::None, _) => Some("no media were asked for: --media none"),
            (_, None) => Some("neither environment has a bucket"),
            _ => None,
        }
    }

    async fn compare(&self, sides: &MediaSides) -> Result<Compared, CommandError> {
        let state = &self.0.settings.state_directory.value;
        let MediaSides { source, reader, destination, .. } = sides.clone();
        let prefixes = self.prefixes();
        let (mut listing, mut there) = tokio::try_join!(
            list(&source, &prefixes, &|_| {}),
            list(destination.reading(), &prefixes, &|_| {}),
        )?;
        let objects = listing.objects.len() as u64;
        let newest = listing.objects.iter().map(|one| one.modified).max();
        let refused = refuse_for_copy(&mut listing.objects);
        refuse_for_copy(&mut there.objects);
        let left_alone: HashSet<String> = refused.iter().map(|one| one.key.clone()).collect();
        let copies = CopyIndex::open(state, &destination.reading().place())?;
        let difference =
            compare_buckets(&listing.objects, &there.objects, &left_alone, &copies, false);
        check_deletions(
            &numbers(&prefixes, &listing.objects, &there.objects, &difference),
            &DeletionLimit { given: self.0.choices.max_delete() },
            &format!("{}: {}", self.0.source.name, source.place()),
            &format!("{}: {}", self.0.destination.name, destination.reading().place()),
        )?;
        Ok(Compared { source, destination, reader, difference, refused, objects, newest })
    }

    async fn copy(&self, context: &StepContext, compared: Compared) -> StepResult<Outcome> {
        let Compared { source, destination, reader, difference, refused, objects, newest } =
            compared;
        let state = &self.0.settings.state_directory.value;
        let BucketDifference { transfer, mut delete, unchanged } = difference;
        let doomed: Vec<String> = delete.iter().map(|one| one.key.clone()).collect();
        let mut undeleted = confirm_gone(&source, &doomed).await?;
        delete.retain(|object| undeleted.iter().all(|one| one.key != object.key));
        let uploads = Uploads::open(state, &destination)?.ok_or_else(|| {
            let text = format!("another bcops writes to {}", destination.reading().place());
            CommandError::new(FailureKind::Locked, text)
        })?;
        uploads.clean(&destination).await?;
        let method = probe(&source, &destination, &reader, &transfer).await?;
        let (count, bytes) = total(&transfer);
        let progression = Progression::new(ID, context.reporter(), count, bytes);
        let copying =
            Copying::new(source, destination.clone(), (method, COPY_PARTS), progression, uploads);
        let outcome = copy_objects(&copying, transfer, JOBS).await;
        let mut copies = CopyIndex::open(state, &destination.reading().place())?;
        copies.add(copying.take_copies())?;
        let mut deleted = 0;
        // Nothing goes from staging before everything that can be copied is there.
        if outcome.failures.is_empty() {
            let (gone, kept) = delete_objects(&destination, &delete, state).await?;
            deleted = gone;
            undeleted.extend(kept);
        }
        let undone = undeleted.len() as u64 + (delete.len() as u64).saturating_sub(deleted);
        context.put(&MEDIA_COPIED, &(outcome.objects, outcome.bytes))?;
        context.put(&MEDIA_LEFT, &MediaLeft::of(&outcome, undone, newest))?;
        let summary = format!(
            "Media: {} copied ({}), {deleted} deleted, {unchanged} unchanged",
            words::plural(outcome.objects, "object"),
            words::bytes(outcome.bytes),
        );
        let evidence = Evidence::of(summary)
            .fact("objects in the source", objects)
            .fact("objects copied", outcome.objects)
            .fact("bytes copied", outcome.bytes)
            .fact("objects deleted", deleted)
            .fact("objects unchanged", unchanged)
            .fact("objects skipped", outcome.skipped.len() as u64)
            .fact("objects that failed", outcome.failures.len() as u64);
        let again = again(&self.0.source.name, &self.0.destination.name, self.0.choices.media);
        // One bad object, or the whole of a bucket that fails, is no reason to keep staging closed.
        let warnings = warnings(&refused, (&outcome, count), &undeleted, &again);
        Ok(match warnings.is_empty() {
            true => Outcome::Done(evidence),
            false => Outcome::Warning { text: warnings.join("; "), evidence },
        })
    }

    /// What gets staging open where a bucket does not answer at all.
    fn without_media(&self, context: &StepContext, error: StepError) -> StepError {
        let hint = format!("bcops runs resume {} --media none   # without media", context.run());
        match error {
            StepError::Failed(error) => StepError::Failed(Box::new(error.hint(hint))),
            StepError::Untouched(error) => StepError::Untouched(Box::new(error.hint(hint))),
            other => other,
        }
    }
}

fn total(objects: &[ListedObject]) -> (u64, u64) {
    (objects.len() as u64, objects.iter().map(|one| one.size).sum())
}

fn numbers(
    prefixes: &[String],
    source: &[ListedObject],
    destination: &[ListedObject],
    difference: &BucketDifference,
) -> Vec<Deletions> {
    let below = |objects: &[ListedObject], prefix: &str| {
        objects.iter().filter(|one| one.key.starts_with(prefix)).count() as u64
    };
    let count = |prefix: &String| Deletions {
        prefix: prefix.clone(),
        source: below(source, prefix),
        destination: below(destination, prefix),
        delete: below(&difference.delete, prefix),
    };
    prefixes.iter().map(count).collect()
}

impl Step for CopyMedia {
    fn id(&self) -> &'static str {
        ID
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Destructive
    }

    fn describe(&self) -> String {
        let (from, to) = (&self.0.source.name, &self.0.destination.name);
        match self.0.choices.media {
            MediaChoice::Originals => format!("Copy the original images of {from} to {to}"),
            MediaChoice::All => format!("Copy the media of {from} to {to}"),
            MediaChoice::None => "Copy no media".to_owned(),
        }
    }

    fn effects(&self) -> Vec<Effect> {
        let effect = || {
            let bucket = self.0.media.as_ref().map(|sides| sides.destination.reading().place());
            let bucket = bucket.unwrap_or_default();
            Effect::new(format!(
                "objects of {bucket} are replaced, and deleted where the source has none"
            ))
        };
        if self.nothing().is_some() { Vec::new() } else { vec![effect()] }
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            if let Some(reason) = self.nothing() {
                let evidence = Evidence::new();
                return Ok(Outcome::Skipped { reason: reason.to_owned(), evidence });
            }
            let Some(sides) = &self.0.media else { return Ok(Outcome::Done(Evidence::new())) };
            let copying = async {
                let compared = self.compare(sides).await?;
                self.copy(context, compared).await
            };
            let copying = async {
                copying.await.map_err(|error: StepError| self.without_media(context, error))
            };
            context.wait_for("nothing: what was copied stays copied", copying).await
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let Some(sides) = self.0.media.as_ref().filter(|_| self.nothing().is_none()) else {
                return Ok(Evidence::new());
            };
            let known = context.get(&MEDIA_LEFT)?.unwrap_or_default();
            let compared = match self.compare(sides).await {
                // The warning says already that media are missing.
                Err(_) if known.given_up => return Ok(Evidence::new().fact("copy given up", true)),
                compared => compared?,
            };
            let left = known.unexplained(&compared.difference).len();
            if left > 0 {
                let text = format!("the buckets still differ: {left} to copy");
                let error = StepError::failed(FailureKind::RemoteJob, text);
                return Err(self.without_media(context, error));
            }
            let more = compared.difference.transfer.len();
            let extra = compared.difference.delete.len();
            Ok(Evidence::new()
                .fact("objects that differ without a known reason", left)
                .fact("objects not copied, skipped or new since", more)
                .fact("objects that staging has too many", extra))
        })
    }

    fn undo_way(&self) -> UndoWay {
        match self.nothing() {
            Some(_) => UndoWay::Nothing,
            // What a rollback is for is staging's own code, data and quarantine. The media are
            // copies of the source's, and pages that miss one show a gap.
            None => UndoWay::Stays("staging's bucket keeps the source's media"),
        }
    }
}
