//! `pull-media`: copies an environment's bucket into the local media folder.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use crate::adapters::s3::{ListedObject, SourceBucket};
use crate::cli::PullMediaArgs;
use crate::commands::{Context, Outcome, confirm};
use crate::deployment::bucket_settings;
use crate::failure::CommandError;
use crate::media::{
    Entry, Failure, Folder, Index, Listing, LocalFile, Progression, PullDifference, Pulling,
    Resumes, Walk, compare_for_pull, delete_files, pull_objects, refuse_for_disk,
};
use crate::settings::Environment;
use crate::words;

use super::compared::Compared;
use super::renditions::Renditions;
use super::summary::{Done, Plan, again};
use super::{
    DELETE_STEP, LIST_STEP, TRANSFER_STEP, blocking, finish, journalled, list_both, open_index,
    prefixes, start,
};

/// All that is known before the first change.
struct Prepared {
    bucket: SourceBucket,
    folder: Arc<Folder>,
    index: Index,
    prefixes: Vec<String>,
    leftovers: Vec<String>,
    difference: PullDifference,
    /// Files that may still be in the bucket.
    kept: Vec<Failure>,
    renditions: Option<Renditions>,
}

pub async fn pull(context: &Context, args: &PullMediaArgs) -> Result<Outcome, CommandError> {
    let started = Instant::now();
    let name = args.environment.as_deref().unwrap_or_default();
    let environment = context.settings.environment(name)?;
    let (prepared, plan) = context.interrupt.guard(prepare(context, args, environment)).await?;
    let asks = plan.is_destructive() && !args.yes && !args.transfer.dry_run;
    if asks {
        context.ui.question(&plan.text())
    } else {
        context.ui.message(&plan.text())
    }
    if args.transfer.dry_run {
        return Ok(plan.dry_run());
    }
    if asks {
        confirm::yes(context, "Replace and delete local media?", "--yes")?;
    }
    journalled(context, "pull-media", plan, async |plan| {
        work(context, args, prepared, plan, started).await
    })
    .await
}

async fn prepare(
    context: &Context,
    args: &PullMediaArgs,
    environment: &Environment,
) -> Result<(Prepared, Plan), CommandError> {
    let prefixes = prefixes(context, &args.transfer);
    let folder = Arc::new(Folder::open(&context.settings.media.folder.value)?);
    let index = open_index(context, &folder)?;
    let (settings, renditions) = surroundings(context, args, environment).await?;
    let bucket = SourceBucket::new(&settings, usize::from(args.transfer.jobs))?;
    start(
        context,
        LIST_STEP,
        format!("Listing {} and {}", bucket.place(), folder.path().display()),
    );
    let (listing, walk) = list_both(&bucket, &folder, &prefixes).await?;
    let summary = format!(
        "Listed: {} in the bucket, {} in the folder",
        words::plural(listing.objects.len() as u64, "object"),
        words::plural(walk.files.len() as u64, "file")
    );
    finish(context, LIST_STEP, summary);
    compare(
        context,
        args,
        environment,
        Sides { bucket, folder, index, listing, walk, prefixes, renditions },
    )
    .await
}

struct Sides {
    bucket: SourceBucket,
    folder: Arc<Folder>,
    index: Index,
    listing: Listing,
    walk: Walk,
    prefixes: Vec<String>,
    renditions: Option<Renditions>,
}

async fn surroundings(
    context: &Context,
    args: &PullMediaArgs,
    environment: &Environment,
) -> Result<(crate::adapters::s3::BucketSettings, Option<Renditions>), CommandError> {
    let reading = context.deployments().reading(environment).await?;
    let settings = bucket_settings(&context.settings, environment, &reading.values.in_force())?;
    let renditions = match args.transfer.images {
        true => Some(Renditions::local(context, environment).await?),
        false => None,
    };
    Ok((settings, renditions))
}

async fn compare(
    context: &Context,
    args: &PullMediaArgs,
    environment: &Environment,
    sides: Sides,
) -> Result<(Prepared, Plan), CommandError> {
    let Sides { bucket, folder, index, mut listing, walk, prefixes, renditions } = sides;
    let refused = blocking(|| Ok(refuse_for_disk(&mut listing.objects, folder.ignores_case())))?;
    let left_alone: HashSet<String> = refused.iter().map(|one| one.key.clone()).collect();
    let checksum = args.transfer.checksum;
    let mut difference = blocking(|| {
        compare_for_pull(&listing.objects, &walk.files, &left_alone, &index, &folder, checksum)
    })?;
    let compared = Compared {
        source: format!("{}: {}", environment.name, bucket.place()),
        destination: folder.path().display().to_string(),
        listed: &listing.objects,
        there: &walk.files,
        transfer: &mut difference.transfer,
        delete: &mut difference.delete,
        refused,
        unchanged: difference.unchanged.len() as u64,
        hashed: difference.hashed,
    };
    let (mut plan, kept) = compared.plan(context, &args.transfer, &prefixes, Some(&bucket)).await?;
    plan.renditions = renditions.as_ref().map(|found| (found.place(), found.rows()));
    let leftovers = walk.leftovers;
    let prepared =
        Prepared { bucket, folder, index, prefixes, leftovers, difference, kept, renditions };
    Ok((prepared, plan))
}

async fn work(
    context: &Context,
    args: &PullMediaArgs,
    prepared: Prepared,
    plan: Plan,
    started: Instant,
) -> Result<Outcome, CommandError> {
    let Prepared { bucket, folder, mut index, prefixes, leftovers, difference, .. } = prepared;
    let (kept, renditions) = (prepared.kept, prepared.renditions);
    let state = &context.settings.state_directory.value;
    folder.create()?;
    let PullDifference { transfer, delete, unchanged, .. } = difference;
    let resumes = Resumes::open(state, folder.path())?;
    // With `--only`, unfinished files of other objects stay for a later run.
    if args.transfer.only.is_none() {
        let resumable = resumes.keep(&transfer)?;
        for leftover in leftovers.iter().filter(|leftover| !resumable.contains(*leftover)) {
            folder.remove(leftover)?;
        }
    }
    let count = transfer.len() as u64;
    let progression = Progression::new(TRANSFER_STEP, context.reporter(), count, plan.bytes());
    start(context, TRANSFER_STEP, format!("Fetching {}", words::plural(count, "object")));
    let pulling = Pulling::new(bucket, Arc::clone(&folder), progression, resumes);
    let mut fetching = Fetching { context, args, pulling, entries: unchanged };
    let (blocked, free) = split_blocked(transfer, &delete);
    let mut outcome = fetching.fetch(free, &mut index, &prefixes).await?;
    let (mut deleted, mut undeleted, mut rows) = (0, Vec::new(), None);
    if outcome.failures.is_empty() && !delete.is_empty() {
        start(
            context,
            DELETE_STEP,
            format!("Deleting {}", words::plural(delete.len() as u64, "file")),
        );
        (deleted, undeleted) = blocking(|| delete_files(&folder, &delete, state))?;
        finish(context, DELETE_STEP, format!("Deleted {}", words::plural(deleted, "file")));
    }
    if outcome.failures.is_empty() && !blocked.is_empty() {
        // These entries are added to those already in the index.
        outcome.add(fetching.fetch(blocked, &mut index, &[]).await?);
    }
    let summary = format!(
        "Fetched {} ({})",
        words::plural(outcome.objects, "object"),
        words::bytes(outcome.bytes)
    );
    finish(context, TRANSFER_STEP, summary);
    if let (true, Some(renditions)) = (outcome.failures.is_empty(), &renditions) {
        rows = Some(renditions.delete().await?);
    }
    undeleted.extend(kept);
    let environment = args.environment.as_deref().unwrap_or_default();
    let mut again = again("pull-media", environment, None, &args.transfer);
    if args.yes {
        again.push_str(" --yes");
    }
    let (elapsed, retry) = (started.elapsed(), format!("pull-{environment}"));
    let strict = args.transfer.strict;
    Done { plan, outcome, deleted, undeleted, rendition_rows: rows, elapsed, again, retry, strict }
        .finish(context)
}

/// The objects to fetch, and the entries of finished files.
struct Fetching<'a> {
    context: &'a Context,
    args: &'a PullMediaArgs,
    pulling: Arc<Pulling>,
    entries: Vec<Entry>,
}

impl Fetching<'_> {
    async fn fetch(
        &mut self,
        objects: Vec<ListedObject>,
        index: &mut Index,
        prefixes: &[String],
    ) -> Result<crate::media::Outcome, CommandError> {
        let jobs = usize::from(self.args.transfer.jobs);
        let work = async { Ok(pull_objects(&self.pulling, largest_first(objects), jobs).await) };
        let outcome = self.context.interrupt.guard(work).await;
        // Fetched objects are recorded even if the rest failed.
        self.entries.extend(self.pulling.take_entries());
        index.save(std::mem::take(&mut self.entries), prefixes)?;
        outcome
    }
}

/// Sets aside the objects whose place is only free after the deletions: a folder of that name, or a
/// file where a folder is needed.
fn split_blocked(
    objects: Vec<ListedObject>,
    delete: &[LocalFile],
) -> (Vec<ListedObject>, Vec<ListedObject>) {
    let taken: HashSet<&str> = delete.iter().map(|file| file.key.as_str()).collect();
    let folders: HashSet<&str> = delete.iter().flat_map(|file| folders_of(&file.key)).collect();
    let is_blocked = |object: &ListedObject| {
        folders.contains(object.key.as_str())
            || folders_of(&object.key).any(|folder| taken.contains(folder))
    };
    objects.into_iter().partition(is_blocked)
}

fn folders_of(key: &str) -> impl Iterator<Item = &str> {
    key.match_indices('/').filter_map(|(at, _)| key.get(..at))
}

/// A large object at the end would make the whole pull wait for it.
fn largest_first(mut objects: Vec<ListedObject>) -> Vec<ListedObject> {
    const LARGE: u64 = 4 << 20;
    objects.sort_by_key(|object| {
        std::cmp::Reverse(if object.size >= LARGE { object.size } else { 0 })
    });
    objects
}
