//! `push-media`: the local media folder into an environment's bucket.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use crate::adapters::s3::DestinationBucket;
use crate::cli::PushMediaArgs;
use crate::commands::{Context, Outcome, confirm};
use crate::failure::{CommandError, FailureKind};
use crate::media::{
    Folder, Index, MediaError, Progression, PushDifference, Pushing, Refused, Uploads,
    check_deletions, compare_for_push, list, push_files, refuse_local,
};
use crate::settings::Destination;
use crate::words;

use super::only::Only;
use super::renditions::Renditions;
use super::summary::{Done, Plan, again, confirmed};
use super::writing::{Target, after, carry_out, clean, uploads};
use super::{
    LIST_STEP, TRANSFER_STEP, blocking, copy, counts, finish, limit, or_nothing, prefixes, start,
};

pub async fn push(context: &Context, args: &PushMediaArgs) -> Result<Outcome, CommandError> {
    let name = args.environment.as_deref().unwrap_or_default();
    let environment = context.settings.environment(name)?;
    let destination = environment.as_destination()?;
    let app = environment.app.value.as_str();
    confirm::check_names(&args.confirm, &[Some(app)])?;
    let given = args.confirm.iter().any(|given| given == app);
    if !args.transfer.dry_run && !given && !context.ui.prompter().can_ask() {
        return Err(confirm::no_terminal(&format!("the media of {name} would be replaced and"))
            .hint(format!("to go on: --confirm {app}")));
    }
    match &args.from {
        Some(from) => copy::copy(context, args, from, &destination).await,
        None => push_folder(context, args, &destination).await,
    }
}

/// Everything that is known before anything is changed.
struct Prepared {
    bucket: DestinationBucket,
    folder: Arc<Folder>,
    index: Index,
    uploads: Uploads,
    /// Keys that are sent and that the bucket has already.
    replaced: HashSet<String>,
    prefixes: Vec<String>,
    difference: PushDifference,
    renditions: Option<Renditions>,
}

async fn push_folder(
    context: &Context,
    args: &PushMediaArgs,
    destination: &Destination,
) -> Result<Outcome, CommandError> {
    let started = Instant::now();
    let prepare = prepare(context, args, destination);
    carry_out(context, args, destination, prepare, async |prepared, plan| {
        work(context, args, prepared, plan, started).await
    })
    .await
}

async fn prepare(
    context: &Context,
    args: &PushMediaArgs,
    destination: &Destination,
) -> Result<(Prepared, Plan), CommandError> {
    let prefixes = prefixes(context, &args.transfer);
    let folder = Arc::new(Folder::open(&context.settings.media.folder.value)?);
    if !folder.is_there() {
        return Err(MediaError::NoFolder { path: folder.path().to_owned() }.into());
    }
    let state = &context.settings.state_directory.value;
    let index = Index::open(state, folder.path())?.ok_or_else(|| {
        let text = format!("another bcops works on {}", folder.path().display());
        CommandError::new(FailureKind::Locked, text).hint("wait until it is done, then try again")
    })?;
    let (bucket, renditions) = Target::look(context, args, destination).await?.open().await?;
    let uploads = uploads(context, &bucket)?;
    let place = bucket.reading().place();
    start(context, LIST_STEP, format!("Listing {} and {place}", folder.path().display()));
    let walking = {
        let (folder, prefixes) = (Arc::clone(&folder), prefixes.clone());
        tokio::task::spawn_blocking(move || folder.walk(&prefixes))
    };
    let listing = list(bucket.reading(), &prefixes, &|_| {}).await?;
    let mut walk = walking.await.map_err(|_| {
        CommandError::new(FailureKind::Unexpected, "the walk of the folder ended early")
    })??;
    let summary = format!(
        "Listed: {} in the folder, {} in the bucket",
        words::plural(walk.files.len() as u64, "file"),
        words::plural(listing.objects.len() as u64, "object")
    );
    finish(context, LIST_STEP, summary);
    let mut refused = std::mem::take(&mut walk.refused);
    walk.files.retain(|file| match refuse_local(&file.key) {
        Ok(()) => true,
        Err(problem) => {
            refused.push(Refused { key: file.key.clone(), problem });
            false
        }
    });
    let left_alone: HashSet<String> = refused.iter().map(|one| one.place().to_owned()).collect();
    let checksum = args.transfer.checksum;
    let mut difference = blocking(|| {
        compare_for_push(&walk.files, &listing.objects, &left_alone, &index, &folder, checksum)
    })?;
    let source = folder.path().display().to_string();
    if let Some(only) = Only::read(args.transfer.only.as_deref())? {
        let keys = walk.files.iter().map(|file| file.key.as_str());
        only.warn_of_strangers(context, &source, keys);
        difference.transfer.retain(|file| only.has(&file.key));
        refused.retain(|one| only.has(&one.key));
    }
    if args.transfer.no_delete || args.transfer.only.is_some() {
        difference.delete.clear();
    }
    let to = format!("{}: {place}", destination.environment().name);
    let counted = counts(
        &prefixes,
        walk.files.iter().map(|file| file.key.as_str()),
        listing.objects.iter().map(|object| object.key.as_str()),
        difference.delete.iter().map(|object| object.key.as_str()),
    );
    check_deletions(&counted, &limit(&args.transfer), &source, &to).map_err(or_nothing)?;
    let there: HashSet<&str> = listing.objects.iter().map(|one| one.key.as_str()).collect();
    let both = difference.transfer.iter().filter(|one| there.contains(one.key.as_str()));
    let replaced: HashSet<String> = both.map(|one| one.key.clone()).collect();
    let plan = Plan {
        source,
        destination: to,
        source_size: (walk.files.len() as u64, walk.bytes()),
        destination_size: (listing.objects.len() as u64, listing.bytes()),
        transfer: difference.transfer.iter().map(|one| (one.key.clone(), one.size)).collect(),
        delete: difference.delete.iter().map(|one| (one.key.clone(), one.size)).collect(),
        unchanged: difference.unchanged.len() as u64,
        replaced: replaced.len() as u64,
        hashed: difference.hashed,
        refused,
        no_delete: args.transfer.no_delete,
        renditions: renditions.as_ref().map(|found| (found.place(), found.rows())),
        how: None,
    };
    let prepared =
        Prepared { bucket, folder, index, uploads, replaced, prefixes, difference, renditions };
    Ok((prepared, plan))
}

async fn work(
    context: &Context,
    args: &PushMediaArgs,
    prepared: Prepared,
    plan: Plan,
    started: Instant,
) -> Result<Outcome, CommandError> {
    let Prepared { bucket, folder, mut index, uploads, prefixes, difference, .. } = prepared;
    let (replaced, renditions) = (prepared.replaced, prepared.renditions);
    clean(context, &uploads, &bucket).await?;
    let PushDifference { transfer, delete, unchanged, .. } = difference;
    let count = transfer.len() as u64;
    let progression = Progression::new(TRANSFER_STEP, context.reporter(), count, plan.bytes());
    start(context, TRANSFER_STEP, format!("Sending {}", words::plural(count, "file")));
    let pushing = Pushing::new(bucket.clone(), folder, progression, uploads, replaced);
    let jobs = usize::from(args.transfer.jobs);
    let transferred =
        context.interrupt.guard(async { Ok(push_files(&pushing, transfer, jobs).await) }).await;
    // What went is remembered, also where the rest did not.
    let mut entries = unchanged;
    entries.extend(pushing.take_entries());
    index.save(entries, &prefixes)?;
    let outcome = transferred?;
    let summary = format!(
        "Sent {} ({})",
        words::plural(outcome.objects, "file"),
        words::bytes(outcome.bytes)
    );
    finish(context, TRANSFER_STEP, summary);
    let environment = args.environment.as_deref().unwrap_or_default();
    let again = again("push-media", environment, None, &args.transfer) + &confirmed(args);
    let (deleted, undeleted, rendition_rows) =
        after(context, &bucket, &outcome, &delete, renditions.as_ref()).await?;
    let (elapsed, retry) = (started.elapsed(), format!("push-{environment}"));
    let strict = args.transfer.strict;
    Done { plan, outcome, deleted, undeleted, rendition_rows, elapsed, again, retry, strict }
        .finish(context)
}
