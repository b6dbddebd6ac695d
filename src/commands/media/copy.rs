//! `push-media --from`: copies from bucket to bucket, without a local copy.

use std::collections::HashSet;
use std::time::Instant;

use crate::adapters::s3::{BucketSettings, DestinationBucket, SourceBucket};
use crate::cli::PushMediaArgs;
use crate::commands::{Context, Outcome};
use crate::deployment::{Values, bucket_settings};
use crate::failure::CommandError;
use crate::media::{
    BucketDifference, COPY_PARTS, CopyIndex, CopyMethod, Copying, Failure, Progression, Uploads,
    compare_buckets, copy_objects, list, probe, refuse_for_copy,
};
use crate::settings::{Destination, Environment};
use crate::words;

use super::compared::Compared;
use super::guards::not_onto_itself;
use super::renditions::Renditions;
use super::summary::{Done, Plan, again, confirmed};
use super::writing::{Target, after, carry_out, clean, uploads};
use super::{LIST_STEP, TRANSFER_STEP, finish, prefixes, start};

/// The two buckets, and their readers.
struct Sides {
    source: SourceBucket,
    destination: DestinationBucket,
    /// The source, read with the destination's credentials.
    reader: SourceBucket,
    renditions: Option<Renditions>,
}

/// All that is known before the first change.
struct Prepared {
    sides: Sides,
    uploads: Uploads,
    copies: CopyIndex,
    method: CopyMethod,
    difference: BucketDifference,
    /// Objects that may still be at the source.
    kept: Vec<Failure>,
}

pub async fn copy(
    context: &Context,
    args: &PushMediaArgs,
    from: &str,
    destination: &Destination,
) -> Result<Outcome, CommandError> {
    let started = Instant::now();
    let source = context.settings.environment(from)?;
    let prepare = prepare(context, args, source, destination);
    carry_out(context, args, destination, prepare, async |prepared, plan| {
        work(context, args, prepared, plan, started).await
    })
    .await
}

async fn open(
    context: &Context,
    args: &PushMediaArgs,
    source: &Environment,
    destination: &Destination,
) -> Result<Sides, CommandError> {
    let target = Target::look(context, args, destination).await?;
    let reading = Values::of(target.writing.logged_in(), source).await?;
    let from = bucket_settings(&context.settings, source, &reading.in_force())?;
    let to = &target.settings;
    not_onto_itself((source, &from), (destination.environment(), to))?;
    let (bucket, renditions) = target.open().await?;
    let jobs = usize::from(args.transfer.jobs);
    let borrowed = BucketSettings { credentials: to.credentials.clone(), ..from.clone() };
    Ok(Sides {
        source: SourceBucket::new(&from, jobs)?,
        destination: bucket,
        reader: SourceBucket::new(&borrowed, jobs)?,
        renditions,
    })
}

async fn prepare(
    context: &Context,
    args: &PushMediaArgs,
    source: &Environment,
    destination: &Destination,
) -> Result<(Prepared, Plan), CommandError> {
    let sides = open(context, args, source, destination).await?;
    let uploads = uploads(context, &sides.destination)?;
    let prefixes = prefixes(context, &args.transfer);
    let (from, to) = (sides.source.place(), sides.destination.reading().place());
    start(context, LIST_STEP, format!("Listing {from} and {to}"));
    let (mut listing, mut there) = tokio::try_join!(
        list(&sides.source, &prefixes, &|_| {}),
        list(sides.destination.reading(), &prefixes, &|_| {}),
    )?;
    let summary = format!(
        "Listed: {} and {}",
        words::plural(listing.objects.len() as u64, "object"),
        words::count(there.objects.len() as u64)
    );
    finish(context, LIST_STEP, summary);
    let refused = refuse_for_copy(&mut listing.objects);
    // Keys that cannot be asked for at the source cannot be shown to be gone.
    refuse_for_copy(&mut there.objects);
    let left_alone: HashSet<String> = refused.iter().map(|one| one.key.clone()).collect();
    let copies = CopyIndex::open(&context.settings.state_directory.value, &to)?;
    let checksum = args.transfer.checksum;
    let mut difference =
        compare_buckets(&listing.objects, &there.objects, &left_alone, &copies, checksum);
    let compared = Compared {
        source: format!("{}: {from}", source.name),
        destination: format!("{}: {to}", destination.environment().name),
        listed: &listing.objects,
        there: &there.objects,
        transfer: &mut difference.transfer,
        delete: &mut difference.delete,
        refused,
        unchanged: difference.unchanged,
        hashed: 0,
    };
    let asked = Some(&sides.source);
    let (mut plan, kept) = compared.plan(context, &args.transfer, &prefixes, asked).await?;
    let transfer = &difference.transfer;
    let method = probe(&sides.source, &sides.destination, &sides.reader, transfer).await?;
    let how = match method {
        CopyMethod::OnServer => "copied on the server",
        CopyMethod::ThroughMemory => "copied through this machine's memory",
    };
    plan.renditions = sides.renditions.as_ref().map(|found| (found.place(), found.rows()));
    plan.how = (!transfer.is_empty()).then(|| how.to_owned());
    Ok((Prepared { sides, uploads, copies, method, difference, kept }, plan))
}

async fn work(
    context: &Context,
    args: &PushMediaArgs,
    prepared: Prepared,
    plan: Plan,
    started: Instant,
) -> Result<Outcome, CommandError> {
    let Prepared { sides, uploads, mut copies, method, difference, kept } = prepared;
    let Sides { source, destination, renditions, .. } = sides;
    clean(context, &uploads, &destination).await?;
    let count = difference.transfer.len() as u64;
    let progression = Progression::new(TRANSFER_STEP, context.reporter(), count, plan.bytes());
    start(context, TRANSFER_STEP, format!("Copying {}", words::plural(count, "object")));
    let copying =
        Copying::new(source, destination.clone(), (method, COPY_PARTS), progression, uploads);
    let jobs = usize::from(args.transfer.jobs);
    let transfer = difference.transfer;
    let copied =
        context.interrupt.guard(async { Ok(copy_objects(&copying, transfer, jobs).await) }).await;
    // Copied objects are recorded even if the rest failed.
    copies.add(copying.take_copies())?;
    let outcome = copied?;
    let summary = format!(
        "Copied {} ({})",
        words::plural(outcome.objects, "object"),
        words::bytes(outcome.bytes)
    );
    finish(context, TRANSFER_STEP, summary);
    let environment = args.environment.as_deref().unwrap_or_default();
    let from = args.from.as_deref();
    let again = again("push-media", environment, from, &args.transfer) + &confirmed(args);
    let (deleted, mut undeleted, rendition_rows) =
        after(context, &destination, &outcome, &difference.delete, renditions.as_ref()).await?;
    undeleted.extend(kept);
    let retry = format!("copy-{}-{environment}", from.unwrap_or_default());
    let (elapsed, strict) = (started.elapsed(), args.transfer.strict);
    Done { plan, outcome, deleted, undeleted, rendition_rows, elapsed, again, retry, strict }
        .finish(context)
}
