//! What `doctor` asks of a bucket: list and get, and put and delete only where they may be.

use bytes::Bytes;

use crate::adapters::s3::{BucketSettings, S3Error, SourceBucket};
use crate::commands::Context;
use crate::deployment::{Values, bucket_settings, has_bucket};
use crate::error::CommandError;
use crate::settings::{Destination, Environment};

/// A key outside of all media, with which writing is tried.
const TRIAL: &str = "bcops-doctor-trial";

/// The MD5 of no bytes.
const EMPTY_MD5: [u8; 16] = [
    0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e,
];

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
        let mut verbs = try_reading(context, &bucket).await?;
        if let Ok(destination) = environment.as_destination() {
            verbs.extend(try_writing(context, &destination, &settings).await?);
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

/// Writes only where `push-media` would: what the config vars name may be a protected
/// environment's bucket all the same.
async fn try_writing(
    context: &Context,
    destination: &Destination,
    settings: &BucketSettings,
) -> Result<[&'static str; 2], CommandError> {
    let writing = context.deployments().writing(destination).await?;
    let bucket = writing.bucket(context.settings.media.acl.as_deref(), 1).await?;
    bucket.put(TRIAL, Bytes::new(), &EMPTY_MD5, Vec::new()).await?;
    if let Some(failed) = bucket.delete(&[TRIAL]).await?.into_iter().next() {
        let what = format!("delete `{TRIAL}` in the bucket {}", settings.bucket);
        let (code, message) = ("AccessDenied".to_owned(), failed.reason);
        return Err(S3Error::Refused { what, status: 200, code, message }.into());
    }
    Ok(["put", "delete"])
}
