//! Opens a bucket for writing, asks, keeps the journal, and finishes after the last object: for
//! pushes from the folder and from another bucket.

use std::future::Future;

use crate::adapters::s3::{BucketSettings, DestinationBucket, ListedObject};
use crate::cli::PushMediaArgs;
use crate::commands::{Context, Outcome, confirm};
use crate::deployment::Writing;
use crate::failure::{CommandError, FailureKind};
use crate::media::{self, Uploads};
use crate::settings::Destination;
use crate::words;

use super::renditions::Renditions;
use super::summary::Plan;
use super::{DELETE_STEP, finish, journalled, start};

/// The destination, compared with the protected environments.
pub struct Target<'a> {
    context: &'a Context,
    args: &'a PushMediaArgs,
    pub writing: Writing<'a>,
    pub settings: BucketSettings,
}

impl<'a> Target<'a> {
    pub async fn look(
        context: &'a Context,
        args: &'a PushMediaArgs,
        destination: &Destination,
    ) -> Result<Target<'a>, CommandError> {
        let writing = context.deployments().writing(destination).await?;
        let settings = writing.bucket_settings()?;
        Ok(Target { context, args, writing, settings })
    }

    /// Its bucket and, with `--images`, the rows of its renditions. Both were compared with those
    /// of every protected environment.
    pub async fn open(&self) -> Result<(DestinationBucket, Option<Renditions>), CommandError> {
        let (context, transfer) = (self.context, &self.args.transfer);
        let acl = context.settings.media.acl.as_deref();
        let jobs = usize::from(transfer.jobs);
        let bucket = self.writing.bucket(acl, jobs).await?;
        if !transfer.images {
            return Ok((bucket, None));
        }
        Ok((bucket, Some(Renditions::remote(context, &self.writing).await?)))
    }
}

/// Prepares, shows the plan, asks, and works, with a journal line before and after. A dry run ends
/// with the plan. Ctrl-C before the answer changes nothing.
pub async fn carry_out<P>(
    context: &Context,
    args: &PushMediaArgs,
    destination: &Destination,
    prepare: impl Future<Output = Result<(P, Plan), CommandError>>,
    work: impl AsyncFnOnce(P, Plan) -> Result<Outcome, CommandError>,
) -> Result<Outcome, CommandError> {
    let (prepared, plan) = context.interrupt.guard(prepare).await?;
    if args.transfer.dry_run {
        context.ui.message(&plan.text());
        return Ok(plan.dry_run());
    }
    // Asks for the app's name, once the numbers are on the screen.
    context.ui.question(&plan.text());
    if !plan.changes_nothing() {
        confirm::type_name(context, &destination.environment().app.value, &args.confirm)?;
    }
    journalled(context, "push-media", plan, async |plan| work(prepared, plan).await).await
}

/// The uploads of a bucket, locked against another bcops on this machine.
pub fn uploads(context: &Context, bucket: &DestinationBucket) -> Result<Uploads, CommandError> {
    Uploads::open(&context.settings.state_directory.value, bucket)?.ok_or_else(|| {
        let text = format!("another bcops is writing to {}", bucket.reading().place());
        CommandError::new(FailureKind::Locked, text)
            .hint("wait until it has ended, then run the command again")
    })
}

/// Removes what killed runs left in the bucket.
pub async fn clean(
    context: &Context,
    uploads: &Uploads,
    bucket: &DestinationBucket,
) -> Result<(), CommandError> {
    context.interrupt.guard(async { Ok(uploads.clean(bucket).await.map(drop)?) }).await
}

/// Deletes objects and the rows of renditions, after every object was transferred.
pub async fn after(
    context: &Context,
    bucket: &DestinationBucket,
    outcome: &media::Outcome,
    delete: &[ListedObject],
    renditions: Option<&Renditions>,
) -> Result<(u64, Vec<media::Failure>, Option<u64>), CommandError> {
    let (mut deleted, mut undeleted, mut rows) = (0, Vec::new(), None);
    if !outcome.failures.is_empty() {
        return Ok((deleted, undeleted, rows));
    }
    if !delete.is_empty() {
        let state = &context.settings.state_directory.value;
        start(
            context,
            DELETE_STEP,
            format!("Deleting {}", words::plural(delete.len() as u64, "object")),
        );
        // Each batch is recorded before its deletion, so Ctrl-C can stop between two batches.
        let work = async { Ok(media::delete_objects(bucket, delete, state).await?) };
        (deleted, undeleted) = context.interrupt.guard(work).await?;
        finish(context, DELETE_STEP, format!("Deleted {}", words::plural(deleted, "object")));
    }
    if let Some(renditions) = renditions {
        rows = Some(renditions.delete().await?);
    }
    Ok((deleted, undeleted, rows))
}
