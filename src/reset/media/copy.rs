//! Copies media from the source's bucket to staging's: originals, or everything.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::adapters::s3::{DestinationBucket, ListedObject, SourceBucket};
use crate::failure::{CommandError, FailureKind};
use crate::media::{
    BucketDifference, COPY_PARTS, CopyIndex, Copying, DeletionLimit, Deletions, Progression,
    Refused, Uploads, check_deletions, compare_buckets, confirm_gone, copy_objects, delete_objects,
    list, probe, refuse_for_copy,
};
use crate::reset::answers::MediaChoice;
use crate::reset::values::{MEDIA_COPIED, MEDIA_LEFT};
use crate::reset::world::{MediaSides, Reset};
use crate::runbook::{Effect, Evidence, Outcome, Step, StepContext, StepError, StepResult};
use crate::words;

use super::left::{MediaLeft, again, warnings};

const ID: &str = "copy-media";
/// How many transfers run at the same time.
pub const JOBS: usize = 16;

pub struct CopyMedia;

/// What a copy would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaNumbers {
    pub copied: u64,
    pub bytes: u64,
    pub deleted: u64,
    pub unchanged: u64,
}

/// Compares the two buckets before anything is decided. `None` if no media are copied.
///
/// # Errors
/// Also if more objects would be deleted than allowed.
pub async fn media_numbers(world: &Reset) -> Result<Option<MediaNumbers>, CommandError> {
    let Some(sides) = world.media.as_ref().filter(|_| why_nothing_is_copied(world).is_none())
    else {
        return Ok(None);
    };
    let difference = compare(world, sides).await?.difference;
    let (copied, bytes) = total(&difference.transfer);
    let (deleted, unchanged) = (difference.delete.len() as u64, difference.unchanged);
    Ok(Some(MediaNumbers { copied, bytes, deleted, unchanged }))
}

/// The two buckets and their differences.
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

fn prefixes(world: &Reset) -> Vec<String> {
    let media = &world.settings.media;
    match world.answers.media {
        MediaChoice::Originals => vec![media.originals.clone()],
        MediaChoice::All => media.prefixes.clone(),
        MediaChoice::None => Vec::new(),
    }
}

/// Why no media are copied.
pub fn why_nothing_is_copied(world: &Reset) -> Option<&'static str> {
    match (world.answers.media, &world.media) {
        (MediaChoice::None, _) => Some("no media are copied, because of --media none"),
        (_, None) => Some("neither environment has a bucket"),
        _ => None,
    }
}

async fn compare(world: &Reset, sides: &MediaSides) -> Result<Compared, CommandError> {
    let state = &world.settings.state_directory.value;
    let MediaSides { source, reader, destination, .. } = sides.clone();
    let prefixes = prefixes(world);
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
    let difference = compare_buckets(&listing.objects, &there.objects, &left_alone, &copies, false);
    check_deletions(
        &numbers(&prefixes, &listing.objects, &there.objects, &difference),
        &DeletionLimit { given: world.answers.max_delete },
        &format!("{}: {}", world.source.name, source.place()),
        &format!("{}: {}", world.destination.name, destination.reading().place()),
    )?;
    Ok(Compared { source, destination, reader, difference, refused, objects, newest })
}

async fn copy(world: &Reset, context: &StepContext, compared: Compared) -> StepResult<Outcome> {
    let Compared { source, destination, reader, difference, refused, objects, newest } = compared;
    let state = &world.settings.state_directory.value;
    let BucketDifference { transfer, mut delete, unchanged } = difference;
    let doomed: Vec<String> = delete.iter().map(|one| one.key.clone()).collect();
    let mut undeleted = confirm_gone(&source, &doomed).await?;
    delete.retain(|object| undeleted.iter().all(|one| one.key != object.key));
    let uploads = Uploads::open(state, &destination)?.ok_or_else(|| {
        let text = format!(
            "cannot write to {}: another bcops is writing to it",
            destination.reading().place()
        );
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
    // Nothing is deleted from staging before everything is copied.
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
    let again = again(&world.source.name, &world.destination.name, world.answers.media);
    // A failing object, or a whole failing bucket, does not keep staging closed.
    let warnings = warnings(&refused, (&outcome, count), &undeleted, &again);
    Ok(match warnings.is_empty() {
        true => Outcome::Done(evidence),
        false => Outcome::Warning { text: warnings.join("; "), evidence },
    })
}

/// Adds the command that opens staging without media if a bucket does not answer.
fn without_media(context: &StepContext, error: StepError) -> StepError {
    let hint = format!("bcops runs resume {} --media none   # without media", context.run());
    match error {
        StepError::Failed(error) => StepError::Failed(Box::new(error.hint(hint))),
        StepError::Untouched(error) => StepError::Untouched(Box::new(error.hint(hint))),
        other => other,
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

#[async_trait]
impl Step<Reset> for CopyMedia {
    fn describe(&self, world: &Reset) -> String {
        let (from, to) = (&world.source.name, &world.destination.name);
        match world.answers.media {
            MediaChoice::Originals => format!("Copy the original images of {from} to {to}"),
            MediaChoice::All => format!("Copy the media of {from} to {to}"),
            MediaChoice::None => "Copy no media".to_owned(),
        }
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        let effect = || {
            let bucket = world.media.as_ref().map(|sides| sides.destination.reading().place());
            let bucket = bucket.unwrap_or_default();
            Effect::new(format!(
                "objects of {bucket} are replaced, or deleted if the source does not have them"
            ))
        };
        if why_nothing_is_copied(world).is_some() { Vec::new() } else { vec![effect()] }
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        if let Some(reason) = why_nothing_is_copied(world) {
            return Ok(Outcome::skipped(reason));
        }
        let Some(sides) = &world.media else { return Ok(Outcome::Done(Evidence::new())) };
        let copying = async {
            let compared = compare(world, sides).await?;
            copy(world, context, compared).await
        };
        let copying =
            async { copying.await.map_err(|error: StepError| without_media(context, error)) };
        context.wait_for("nothing; copied objects stay in the bucket", copying).await
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let Some(sides) = world.media.as_ref().filter(|_| why_nothing_is_copied(world).is_none())
        else {
            return Ok(Evidence::new());
        };
        let known = context.get(&MEDIA_LEFT)?.unwrap_or_default();
        let compared = match compare(world, sides).await {
            // The act has already warned that media are missing.
            Err(_) if known.given_up => return Ok(Evidence::new().fact("copy given up", true)),
            compared => compared?,
        };
        let left = known.unexplained(&compared.difference).len();
        if left > 0 {
            let text = format!("the buckets still differ: {left} to copy");
            let error = StepError::failed(FailureKind::RemoteJob, text);
            return Err(without_media(context, error));
        }
        let more = compared.difference.transfer.len();
        let extra = compared.difference.delete.len();
        Ok(Evidence::new()
            .fact("objects that differ without a known reason", left)
            .fact("objects not copied, skipped or new since", more)
            .fact("objects that staging has too many", extra))
    }
}
