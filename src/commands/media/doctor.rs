//! What `doctor` asks of a bucket: list and get, and put and delete only where they may be.

use bytes::Bytes;

use crate::adapters::heroku::ConfigVars;
use crate::adapters::s3::{DestinationBucket, S3Error, SourceBucket};
use crate::commands::Context;
use crate::error::CommandError;
use crate::settings::Environment;

use super::buckets;

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
    vars: &ConfigVars,
) -> Option<Result<String, CommandError>> {
    if !buckets::has_one(environment, vars) {
        return None;
    }
    Some(try_bucket(context, environment, vars).await)
}

async fn try_bucket(
    context: &Context,
    environment: &Environment,
    vars: &ConfigVars,
) -> Result<String, CommandError> {
    let settings = buckets::settings(context, environment, vars)?;
    let bucket = SourceBucket::new(&settings, 1)?;
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
    if let Ok(destination) = environment.as_destination() {
        let acl = context.settings.media.acl.as_deref();
        let writing = DestinationBucket::new(&settings, &destination, acl, 1)?;
        writing.put(TRIAL, Bytes::new(), &EMPTY_MD5, Vec::new()).await?;
        verbs.push("put");
        if let Some(failed) = writing.delete(&[TRIAL]).await?.into_iter().next() {
            let what = format!("delete `{TRIAL}` in the bucket {}", settings.bucket);
            return Err(S3Error::Refused {
                what,
                status: 200,
                code: "AccessDenied".to_owned(),
                message: failed.reason,
            }
            .into());
        }
        verbs.push("delete");
    }
    Ok(format!("{}: {}", bucket.place(), verbs.join(", ")))
}
