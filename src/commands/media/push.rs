//! `push-media`: the local media folder into an environment's bucket.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use crate::adapters::s3::DestinationBucket;
use crate::cli::PushMediaArgs;
use crate::commands::environments::Values;
use crate::commands::guards::Protected;
use crate::commands::heroku::log_in;
use crate::commands::journal;
use crate::commands::{Context, Outcome, confirm};
use crate::error::{CommandError, Kind};
use crate::events::{Event, Reporter};
use crate::media::{
    Folder, Index, MediaError, Progression, PushDifference, Pushing, Refused, Uploads,
    check_deletions, compare_for_push, delete_objects, list, push_files, refuse_local,
};
use crate::settings::Destination;
use crate::ui;

use super::renditions::Renditions;
use super::summary::{Done, Plan, again};
use super::{
    DELETE_STEP, LIST_STEP, TRANSFER_STEP, blocking, buckets, copy, counts, finish, limit,
    prefixes, start,
};

pub async fn push(context: &Context, args: &PushMediaArgs) -> Result<Outcome, CommandError> {
    let name = args.environment.as_deref().unwrap_or_default();
    let environment = context.settings.environment(name)?;
    let destination = environment.as_destination()?;
    let app = environment.app.value.as_str();
    confirm::check_names(&args.confirm, &[Some(app)])?;
    let given = args.confirm.iter().any(|given| given == app);
    if !args.transfer.dry_run && !given && !context.ui.prompter().can_ask() {
        return Err(CommandError::new(
            Kind::NotConfirmed,
            format!("the media of {name} would be replaced and there is no terminal to ask on; nothing was changed"),
        )
        .hint(format!("to go on: --confirm {app}")));
    }
    match &args.from {
        Some(from) => copy::copy(context, args, from, &destination).await,
        None => push_folder(context, args, &destination).await,
    }
}

/// Asks for the app's name, once the numbers are on the screen, and begins the journal.
pub fn begin(
    context: &Context,
    args: &PushMediaArgs,
    destination: &Destination,
    plan: &Plan,
) -> Result<(), CommandError> {
    context.ui.question(&plan.text());
    if !plan.changes_nothing() {
        confirm::type_name(context, &destination.environment().app.value, &args.confirm)?;
    }
    journal::append(
        context,
        "push-media",
        json!({ "event": "begun", "from": plan.source, "to": plan.destination }),
    )
}

pub fn end(context: &Context, outcome: &Result<Outcome, CommandError>) {
    let line = match outcome {
        Ok(outcome) => {
            json!({ "event": "done", "exit_code": outcome.exit_code, "result": outcome.result })
        }
        Err(error) => json!({ "event": "failed", "kind": error.kind.name() }),
    };
    if let Err(error) = journal::append(context, "push-media", line) {
        context.ui.emit(Event::Warning(error.to_string()));
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
    plan: Plan,
}

async fn push_folder(
    context: &Context,
    args: &PushMediaArgs,
    destination: &Destination,
) -> Result<Outcome, CommandError> {
    let started = Instant::now();
    let prepared = context.interrupt.guard(prepare(context, args, destination)).await?;
    if args.transfer.dry_run {
        context.ui.message(&prepared.plan.text());
        return Ok(prepared.plan.dry_run());
    }
    begin(context, args, destination, &prepared.plan)?;
    let outcome = work(context, args, prepared, started).await;
    end(context, &outcome);
    outcome
}

async fn prepare(
    context: &Context,
    args: &PushMediaArgs,
    destination: &Destination,
) -> Result<Prepared, CommandError> {
    let environment = destination.environment();
    let prefixes = prefixes(context, &args.transfer);
    let folder = Arc::new(Folder::open(&context.settings.media.folder.value)?);
    if !folder.is_there() {
        return Err(MediaError::NoFolder { path: folder.path().to_owned() }.into());
    }
    let state = &context.settings.state_directory.value;
    let index = Index::open(state, folder.path())?.ok_or_else(|| {
        let text = format!("another bcops works on {}", folder.path().display());
        CommandError::new(Kind::Locked, text).hint("wait until it is done, then try again")
    })?;
    let logged_in = log_in(context).await;
    let protected = Protected::look(context, &logged_in, destination).await?;
    let values = Values::of(context, &logged_in, environment).await?;
    let settings = buckets::settings(context, environment, &values.in_force())?;
    let (acl, jobs) = (context.settings.media.acl.as_deref(), usize::from(args.transfer.jobs));
    let bucket = protected.destination_bucket(&settings, destination, acl, jobs)?;
    let renditions = match args.transfer.images {
        true => Some(Renditions::remote(context, &protected, environment, &values).await?),
        false => None,
    };
    let uploads = uploads(context, &bucket)?;
    let place = bucket.reading().place();
    start(context, LIST_STEP, format!("Listing {} and {place}", folder.path().display()));
    let walking = {
        let (folder, prefixes) = (Arc::clone(&folder), prefixes.clone());
        tokio::task::spawn_blocking(move || folder.walk(&prefixes))
    };
    let listing = list(bucket.reading(), &prefixes, &|_| {}).await?;
    let mut walk = walking
        .await
        .map_err(|_| CommandError::new(Kind::Unexpected, "the walk of the folder ended early"))??;
    let summary = format!(
        "Listed: {} in the folder, {} in the bucket",
        ui::plural(walk.files.len() as u64, "file"),
        ui::plural(listing.objects.len() as u64, "object")
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
    let left_alone: HashSet<String> = refused.iter().map(|one| one.key.clone()).collect();
    let checksum = args.transfer.checksum;
    let mut difference = blocking(|| {
        compare_for_push(&walk.files, &listing.objects, &left_alone, &index, &folder, checksum)
    })?;
    if args.transfer.no_delete {
        difference.delete.clear();
    }
    let source = folder.path().display().to_string();
    let to = format!("{}: {place}", environment.name);
    let counted = counts(
        &prefixes,
        walk.files.iter().map(|file| file.key.as_str()),
        listing.objects.iter().map(|object| object.key.as_str()),
        difference.delete.iter().map(|object| object.key.as_str()),
    );
    check_deletions(&counted, &limit(&args.transfer), &source, &to)?;
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
    Ok(Prepared {
        bucket,
        folder,
        index,
        uploads,
        replaced,
        prefixes,
        difference,
        renditions,
        plan,
    })
}

async fn work(
    context: &Context,
    args: &PushMediaArgs,
    prepared: Prepared,
    started: Instant,
) -> Result<Outcome, CommandError> {
    let Prepared { bucket, folder, mut index, uploads, prefixes, difference, .. } = prepared;
    let (replaced, renditions, plan) = (prepared.replaced, prepared.renditions, prepared.plan);
    clean(context, &uploads, &bucket).await?;
    let PushDifference { transfer, delete, unchanged, .. } = difference;
    let count = transfer.len() as u64;
    let progression = Progression::new(TRANSFER_STEP, context.reporter(), count, plan.bytes());
    start(context, TRANSFER_STEP, format!("Sending {}", ui::plural(count, "file")));
    let pushing = Pushing::new(bucket.clone(), folder, progression, uploads, replaced);
    let jobs = usize::from(args.transfer.jobs);
    let transferred =
        context.interrupt.guard(async { Ok(push_files(&pushing, transfer, jobs).await) }).await;
    // What went is remembered, also where the rest did not.
    let mut entries = unchanged;
    entries.extend(pushing.take_entries());
    index.save(entries, &prefixes)?;
    let outcome = transferred?;
    let summary =
        format!("Sent {} ({})", ui::plural(outcome.objects, "file"), ui::bytes(outcome.bytes));
    finish(context, TRANSFER_STEP, summary);
    let again =
        again("push-media", args.environment.as_deref().unwrap_or_default(), None, &args.transfer);
    let (deleted, undeleted, rendition_rows) =
        after(context, &bucket, &outcome, &delete, renditions.as_ref()).await?;
    let elapsed = started.elapsed();
    Done { plan, outcome, deleted, undeleted, rendition_rows, elapsed, again }.finish(context)
}

/// The uploads of a bucket, to which nobody else may write from here meanwhile.
pub fn uploads(context: &Context, bucket: &DestinationBucket) -> Result<Uploads, CommandError> {
    Uploads::open(&context.settings.state_directory.value, bucket)?.ok_or_else(|| {
        let text = format!("another bcops writes to {}", bucket.reading().place());
        CommandError::new(Kind::Locked, text).hint("wait until it is done, then try again")
    })
}

/// Throws away what killed runs left in the bucket.
pub async fn clean(
    context: &Context,
    uploads: &Uploads,
    bucket: &DestinationBucket,
) -> Result<(), CommandError> {
    context.interrupt.guard(async { Ok(uploads.clean(bucket).await.map(drop)?) }).await
}

/// What comes when every object is there: deletions, and the rows of renditions.
pub async fn after(
    context: &Context,
    bucket: &DestinationBucket,
    outcome: &crate::media::Outcome,
    delete: &[crate::adapters::s3::ListedObject],
    renditions: Option<&Renditions>,
) -> Result<(u64, Vec<crate::media::Failure>, Option<u64>), CommandError> {
    let (mut deleted, mut undeleted, mut rows) = (0, Vec::new(), None);
    if !outcome.failures.is_empty() {
        return Ok((deleted, undeleted, rows));
    }
    if !delete.is_empty() {
        let state = &context.settings.state_directory.value;
        start(
            context,
            DELETE_STEP,
            format!("Deleting {}", ui::plural(delete.len() as u64, "object")),
        );
        // Each batch is noted before it goes, so that Ctrl-C may come between two of them.
        let work = async { Ok(delete_objects(bucket, delete, state).await?) };
        (deleted, undeleted) = context.interrupt.guard(work).await?;
        finish(context, DELETE_STEP, format!("Deleted {}", ui::plural(deleted, "object")));
    }
    if let Some(renditions) = renditions {
        rows = Some(renditions.delete().await?);
    }
    Ok((deleted, undeleted, rows))
}
