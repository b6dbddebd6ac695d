//! Tries what a bucket's keys may do: list and get. A destination's bucket is also compared with
//! those of protected environments. Nothing is written, because some servers keep every version of
//! an object forever.

use crate::adapters::s3::{ListedObject, S3Error, SourceBucket};
use crate::commands::Context;
use crate::deployment::{Values, bucket_settings, has_bucket};
use crate::failure::CommandError;
use crate::settings::Environment;

/// How many objects are tried until one can be read.
const SAMPLES: usize = 8;

/// What the keys may do with the bucket, in words, or the first thing that they may not. `None`
/// where the environment has no bucket.
pub async fn check_bucket(
    context: &Context,
    environment: &Environment,
    values: &Values,
) -> Option<Result<String, CommandError>> {
    let vars = values.in_force();
    if !has_bucket(environment, &vars) {
        return None;
    }
    let tried = async {
        let settings = bucket_settings(&context.settings, environment, &vars)?;
        let bucket = SourceBucket::new(&settings, 1)?;
        let verbs = try_reading(context, &bucket).await?;
        if let Ok(destination) = environment.as_destination() {
            // The config vars may name a protected environment's bucket.
            let writing = context.deployments().writing(&destination).await?;
            writing.bucket(context.settings.media.acl.as_deref(), 1).await?;
        }
        Ok(format!("{}: {}", bucket.place(), verbs.join(", ")))
    };
    Some(tried.await)
}

async fn try_reading(
    context: &Context,
    bucket: &SourceBucket,
) -> Result<Vec<&'static str>, CommandError> {
    let (mut samples, mut is_empty) = (Vec::new(), true);
    for prefix in &context.settings.media.prefixes {
        let page = bucket.list_page(prefix, None).await?;
        is_empty &= page.objects.is_empty();
        let readable = page.objects.into_iter().filter(|object| !object.is_archived);
        samples.extend(readable.take(SAMPLES));
    }
    let mut refused = None;
    for object in spread(&samples) {
        match read_one(bucket, object).await {
            Ok(()) => return Ok(vec!["list", "get"]),
            // Deleted or replaced since the listing, or archived without a mark in the listing.
            Err(error) if is_of_the_object(&error) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    // Without a readable object, nothing shows whether the keys may read.
    match refused {
        Some(error) => Err(error.into()),
        None if is_empty => Ok(vec!["list"]),
        None => Ok(vec!["list", "get skipped because no object can be read now"]),
    }
}

async fn read_one(bucket: &SourceBucket, object: &ListedObject) -> Result<(), S3Error> {
    let end = object.size.min(1);
    let range = (end > 0).then_some(0..end);
    bucket.get(&object.key, range, &object.etag).await?.chunk().await.map(drop)
}

fn is_of_the_object(error: &S3Error) -> bool {
    error.is_not_found() || error.is_archived() || matches!(error, S3Error::Changed { .. })
}

/// A few objects, spread over the list.
fn spread(objects: &[ListedObject]) -> impl Iterator<Item = &ListedObject> {
    objects.iter().step_by(objects.len().div_ceil(SAMPLES).max(1))
}
