//! What `doctor` asks of a bucket: list and get, and of one that may be written to whether it is a
//! protected environment's. Nothing is written, because some servers keep every version of an
//! object for ever.

use crate::adapters::s3::SourceBucket;
use crate::commands::Context;
use crate::deployment::{Values, bucket_settings, has_bucket};
use crate::error::CommandError;
use crate::settings::Environment;

/// What may be done with the bucket, in words, or the first thing that may not. `None` where the
/// environment has no bucket.
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
            // What the config vars name may be a protected environment's bucket all the same.
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
    let mut verbs = vec!["list"];
    let mut sample = None;
    for prefix in &context.settings.media.prefixes {
        let page = bucket.list_page(prefix, None).await?;
        sample = sample.or_else(|| page.objects.into_iter().next());
    }
    if let Some(object) = sample {
        let end = object.size.min(1);
        let range = (end > 0).then_some(0..end);
        bucket.get(&object.key, range, &object.etag).await?.chunk().await?;
        verbs.push("get");
    }
    Ok(verbs)
}
