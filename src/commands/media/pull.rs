//! `pull-media`: an environment's bucket into the local media folder.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use crate::adapters::s3::{ListedObject, SourceBucket};
use crate::cli::PullMediaArgs;
use crate::commands::journal;
use crate::commands::{Context, Outcome, confirm};
use crate::deployment::bucket_settings;
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::media::{
    Entry, Failure, Folder, Index, Listing, LocalFile, Progression, PullDifference, Pulling,
    Resumes, Walk, check_deletions, compare_for_pull, confirm_gone, delete_files, list,
    pull_objects, refuse_for_disk,
};
use crate::settings::Environment;
use crate::words;

use super::only::Only;
use super::renditions::Renditions;
use super::summary::{Done, Plan, again};
use super::{
    DELETE_STEP, LIST_STEP, TRANSFER_STEP, blocking, counts, finish, limit, or_nothing, prefixes,
    start,
};

/// Everything that is known before anything is changed.
struct Prepared {
    bucket: SourceBucket,
    folder: Arc<Folder>,
    index: Index,
    prefixes: Vec<String>,
    leftovers: Vec<String>,
    difference: PullDifference,
    /// Files of which nobody knows whether the bucket still has them.
    kept: Vec<Failure>,
    renditions: Option<Renditions>,
    plan: Plan,
}

pub async fn pull(context: &Context, args: &PullMediaArgs) -> Result<Outcome, CommandError> {
    let started = Instant::now();
    let name = args.environment.as_deref().unwrap_or_default();
    let environment = context.settings.environment(name)?;
    let prepared = context.interrupt.guard(prepare(context, args, environment)).await?;
    let plan = &prepared.plan;
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
    journal::append(
        context,
        "pull-media",
        json!({ "event": "begun", "from": plan.source, "to": plan.destination }),
    )?;
    let outcome = work(context, args, prepared, started).await;
    let line = match &outcome {
        Ok(outcome) => {
            json!({ "event": "done", "exit_code": outcome.exit_code, "result": outcome.result })
        }
        Err(error) => json!({ "event": "failed", "kind": error.kind }),
    };
    if let Err(error) = journal::append(context, "pull-media", line) {
        context.ui.emit(Event::Warning(error.to_string()));
    }
    outcome
}

async fn prepare(
    context: &Context,
    args: &PullMediaArgs,
    environment: &Environment,
) -> Result<Prepared, CommandError> {
    let prefixes = prefixes(context, &args.transfer);
    let folder = Arc::new(Folder::open(&context.settings.media.folder.value)?);
    let state = &context.settings.state_directory.value;
    let index = Index::open(state, folder.path())?.ok_or_else(|| {
        CommandError::new(
            FailureKind::Locked,
            format!("another bcops works on {}", folder.path().display()),
        )
        .hint("wait until it is done, then try again")
    })?;
    let (settings, renditions) = surroundings(context, args, environment).await?;
    let bucket = SourceBucket::new(&settings, usize::from(args.transfer.jobs))?;
    start(
        context,
        LIST_STEP,
        format!("Listing {} and {}", bucket.place(), folder.path().display()),
    );
    let walking = {
        let (folder, prefixes) = (Arc::clone(&folder), prefixes.clone());
        tokio::task::spawn_blocking(move || folder.walk(&prefixes))
    };
    let listing = list(&bucket, &prefixes, &|_| {}).await?;
    let walk = walking.await.map_err(|_| {
        CommandError::new(FailureKind::Unexpected, "the walk of the folder ended early")
    })??;
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
) -> Result<Prepared, CommandError> {
    let Sides { bucket, folder, index, mut listing, walk, prefixes, renditions } = sides;
    let source_size = (listing.objects.len() as u64, listing.bytes());
    let mut refused =
        blocking(|| Ok(refuse_for_disk(&mut listing.objects, folder.ignores_case())))?;
    let left_alone: HashSet<String> = refused.iter().map(|one| one.key.clone()).collect();
    let checksum = args.transfer.checksum;
    let mut difference = blocking(|| {
        compare_for_pull(&listing.objects, &walk.files, &left_alone, &index, &folder, checksum)
    })?;
    let destination = folder.path().display().to_string();
    let source = format!("{}: {}", environment.name, bucket.place());
    if let Some(only) = Only::read(args.transfer.only.as_deref())? {
        let keys = listing.objects.iter().map(|object| object.key.as_str());
        only.warn_of_strangers(
            context,
            &source,
            keys.chain(refused.iter().map(|one| one.key.as_str())),
        );
        difference.transfer.retain(|object| only.has(&object.key));
        refused.retain(|one| only.has(&one.key));
    }
    if args.transfer.no_delete || args.transfer.only.is_some() {
        difference.delete.clear();
    }
    let counted = counts(
        &prefixes,
        listing.objects.iter().map(|object| object.key.as_str()),
        walk.files.iter().map(|file| file.key.as_str()),
        difference.delete.iter().map(|file| file.key.as_str()),
    );
    check_deletions(&counted, &limit(&args.transfer), &source, &destination).map_err(or_nothing)?;
    let doomed: Vec<String> = difference.delete.iter().map(|file| file.key.clone()).collect();
    let kept = confirm_gone(&bucket, &doomed).await?;
    difference.delete.retain(|file| kept.iter().all(|one| one.key != file.key));
    let local: HashSet<&str> = walk.files.iter().map(|file| file.key.as_str()).collect();
    let replaced =
        difference.transfer.iter().filter(|one| local.contains(one.key.as_str())).count();
    let plan = Plan {
        source,
        destination,
        source_size,
        destination_size: (walk.files.len() as u64, walk.bytes()),
        transfer: difference.transfer.iter().map(|one| (one.key.clone(), one.size)).collect(),
        delete: difference.delete.iter().map(|one| (one.key.clone(), one.size)).collect(),
        unchanged: difference.unchanged.len() as u64,
        replaced: replaced as u64,
        hashed: difference.hashed,
        refused,
        no_delete: args.transfer.no_delete,
        renditions: renditions.as_ref().map(|found| (found.place(), found.rows())),
        how: None,
    };
    let leftovers = walk.leftovers;
    Ok(Prepared { bucket, folder, index, prefixes, leftovers, difference, kept, renditions, plan })
}

async fn work(
    context: &Context,
    args: &PullMediaArgs,
    prepared: Prepared,
    started: Instant,
) -> Result<Outcome, CommandError> {
    let Prepared { bucket, folder, mut index, prefixes, leftovers, difference, .. } = prepared;
    let (kept, renditions, plan) = (prepared.kept, prepared.renditions, prepared.plan);
    let state = &context.settings.state_directory.value;
    folder.create()?;
    let PullDifference { transfer, delete, unchanged, .. } = difference;
    let resumes = Resumes::open(state, folder.path())?;
    // With `--only` the unfinished files of other objects wait for a run that wants those.
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
        // In addition to what is in the index by now.
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

/// Objects on their way, and what is known of the files so far.
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
        // What came is remembered, also where the rest did not.
        self.entries.extend(self.pulling.take_entries());
        index.save(std::mem::take(&mut self.entries), prefixes)?;
        outcome
    }
}

/// Sets aside the objects whose place is taken by what is deleted later: where a folder of that name
/// was, or a file where a folder has to be.
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

/// A large object that comes last would keep everybody waiting.
fn largest_first(mut objects: Vec<ListedObject>) -> Vec<ListedObject> {
    const LARGE: u64 = 4 << 20;
    objects.sort_by_key(|object| {
        std::cmp::Reverse(if object.size >= LARGE { object.size } else { 0 })
    });
    objects
}
