//! `push-media`: copies the local media folder into an environment's bucket.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use crate::adapters::s3::DestinationBucket;
use crate::cli::PushMediaArgs;
use crate::commands::{Context, Outcome, confirm};
use crate::failure::CommandError;
use crate::media::{
    Folder, Index, MediaError, Progression, PushDifference, Pushing, Refused, Uploads,
    compare_for_push, push_files, refuse_local,
};
use crate::settings::Destination;
use crate::words;

use super::compared::{Compared, replaced};
use super::renditions::Renditions;
use super::summary::{Done, Plan, again, confirmed};
use super::writing::{Target, after, carry_out, clean, uploads};
use super::{
    LIST_STEP, TRANSFER_STEP, blocking, copy, finish, list_both, open_index, prefixes, start,
};

pub async fn push(context: &Context, args: &PushMediaArgs) -> Result<Outcome, CommandError> {
    let name = args.environment.as_deref().unwrap_or_default();
    let environment = context.settings.environment(name)?;
    let destination = environment.as_destination()?;
    let app = environment.app.value.as_str();
    confirm::check_names(&args.confirm, &[Some(app)])?;
    let given = args.confirm.iter().any(|given| given == app);
    if !args.transfer.dry_run && !given && !context.ui.prompter().can_ask() {
        return Err(confirm::no_terminal(&format!("the media of {name} would be replaced"))
            .hint(format!("confirm without a terminal: --confirm {app}")));
    }
    match &args.from {
        Some(from) => copy::copy(context, args, from, &destination).await,
        None => push_folder(context, args, &destination).await,
    }
}

/// All that is known before the first change.
struct Prepared {
    bucket: DestinationBucket,
    folder: Arc<Folder>,
    index: Index,
    uploads: Uploads,
    /// Keys to send that the bucket already has.
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
    let index = open_index(context, &folder)?;
    let (bucket, renditions) = Target::look(context, args, destination).await?.open().await?;
    let uploads = uploads(context, &bucket)?;
    let place = bucket.reading().place();
    start(context, LIST_STEP, format!("Listing {} and {place}", folder.path().display()));
    let (listing, mut walk) = list_both(bucket.reading(), &folder, &prefixes).await?;
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
    let compared = Compared {
        source: folder.path().display().to_string(),
        destination: format!("{}: {place}", destination.environment().name),
        listed: &walk.files,
        there: &listing.objects,
        transfer: &mut difference.transfer,
        delete: &mut difference.delete,
        refused,
        unchanged: difference.unchanged.len() as u64,
        hashed: difference.hashed,
    };
    let (mut plan, _) = compared.plan(context, &args.transfer, &prefixes, None).await?;
    plan.renditions = renditions.as_ref().map(|found| (found.place(), found.rows()));
    let replaced = replaced(&difference.transfer, &listing.objects);
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
    // Sent files are recorded even if the rest failed.
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
