//! Compares buckets. At AWS another name is another bucket, unless the name belongs to an access
//! point. Elsewhere, and for access points, objects of the protected bucket are looked for in the
//! destination's.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::{Verdicts, within_patience, without_any};
use crate::adapters::s3::{
    BucketAddress, BucketIdentity, BucketSettings, ListedObject, SourceBucket, is_access_point,
};
use crate::deployment::conclusion::Verdict;
use crate::deployment::known;
use crate::deployment::protected::ProtectedSide;
use crate::deployment::resources::Lead;
use crate::failure::CommandError;
use crate::settings::Destination;

/// How many objects are compared.
const SAMPLE: usize = 20;

/// Fewer equal objects than this could be chance.
const ENOUGH: usize = 3;

/// How many requests run at once.
const JOBS: usize = 8;

/// The bucket that would be written to.
struct Own<'a> {
    settings: &'a BucketSettings,
    address: BucketAddress,
    identity: BucketIdentity,
    /// Whether trusted configuration names this bucket for the destination.
    is_named: bool,
}

/// Compares a bucket with those of every protected environment.
///
/// # Errors
/// If a setting cannot be read, including the destination's own.
pub async fn bucket<'a>(
    destination: &Destination,
    settings: &BucketSettings,
    sides: &[ProtectedSide<'a>],
) -> Result<Verdicts<'a>, CommandError> {
    let address = BucketAddress::new(settings)?;
    let identity = BucketIdentity::of(&address, &settings.credentials);
    let is_named = known::bucket(destination.environment(), &identity)?.is_some();
    let own = Own { settings, address, identity, is_named };
    // Where a name is enough to refuse, no server is waited for.
    let mut same = Vec::new();
    for side in sides {
        same.extend(same_by_name(&own, side)?.map(|verdict| (side.environment, verdict)));
    }
    if !same.is_empty() {
        return Ok(same);
    }
    let verdicts =
        join_all(sides.iter().map(|side| async { (side.environment, of_side(&own, side).await) }));
    Ok(verdicts.await)
}

/// Whether the names alone say that it is the protected bucket.
fn same_by_name(own: &Own<'_>, side: &ProtectedSide<'_>) -> Result<Option<Verdict>, CommandError> {
    if let Some(entry) = known::bucket(side.environment, &own.identity)? {
        return Ok(Some(Verdict::same(&entry)));
    }
    let resources = &side.resources;
    let same_name = |(_, name): &&(String, String)| name.eq_ignore_ascii_case(&own.settings.bucket);
    if let Some((variable, _)) = resources.bucket_names.iter().find(same_name) {
        return Ok(Some(Verdict::same(variable)));
    }
    let is_same = |lead: &&Lead<BucketSettings>| {
        lead.target.as_ref().is_ok_and(|theirs| {
            BucketAddress::new(theirs).is_ok_and(|address| {
                own.identity.may_be(&BucketIdentity::of(&address, &theirs.credentials))
            })
        })
    };
    Ok(resources.buckets.iter().find(is_same).map(|lead| Verdict::same(&lead.variable)))
}

async fn of_side(own: &Own<'_>, side: &ProtectedSide<'_>) -> Verdict {
    let resources = &side.resources;
    // If trusted configuration names the buckets of both sides, no further proof is needed.
    let is_known = !side.environment.known.buckets.is_empty();
    if resources.buckets.is_empty() {
        return match is_known && is_alias(own).await == Ok(false) || side.unread.is_none() {
            true => Verdict::Different,
            false => without_any(side, "bucket", false),
        };
    }
    let verdict = Verdict::of_all(
        join_all(resources.buckets.iter().map(|lead| of_lead(own, side, lead))).await,
    );
    let is_open = matches!(verdict, Verdict::Unknown { .. });
    if is_open && is_known && own.is_named {
        return Verdict::Different;
    }
    if is_open {
        return verdict;
    }
    let others = other_names(own, side).await;
    Verdict::of_all([verdict, others])
}

async fn of_lead(own: &Own<'_>, side: &ProtectedSide<'_>, lead: &Lead<BucketSettings>) -> Verdict {
    let named = format!("{} of {}", lead.variable, side.environment.app.value);
    let theirs = match &lead.target {
        Ok(theirs) => theirs,
        Err(reason) => return Verdict::unknown(format!("{named} is not usable: {reason}")),
    };
    let address = match BucketAddress::new(theirs) {
        Ok(address) => address,
        Err(error) => return Verdict::unknown(format!("{named} is not usable: {error}")),
    };
    if own.address.is_at_aws() && address.is_at_aws() {
        let (own_alias, their_alias) = tokio::join!(is_alias(own), answers_as_alias(theirs));
        match (own_alias, their_alias) {
            (Ok(false), Ok(false)) => return Verdict::Different,
            (Ok(true), _) => {
                return Verdict::unknown(format!(
                    "{} is an access point, and the bucket behind it is not known; set the \
                     bucket's own name instead",
                    own.settings.bucket
                ));
            }
            // At AWS another name is another bucket. Only the owner can see whether the other name
            // is an alias.
            (Ok(false), Err(_)) if !is_access_point(&theirs.bucket) => return Verdict::Different,
            _ => {}
        }
    }
    let compared = within_patience(compare(own.settings, theirs)).await;
    match compared {
        Ok(true) => Verdict::same(&lead.variable),
        Ok(false) => Verdict::Different,
        Err(reason) => Verdict::unknown(format!("cannot compare it with {named}: {reason}")),
    }
}

/// Compares the buckets that other variables name, with the server and the keys of the configured
/// bucket. If these keys lack permission, only the names are compared.
async fn other_names(own: &Own<'_>, side: &ProtectedSide<'_>) -> Verdict {
    let Some(configured) = side.resources.buckets.iter().find_map(|lead| lead.target.as_ref().ok())
    else {
        return Verdict::Different;
    };
    let verdicts = join_all(side.resources.bucket_names.iter().map(|(variable, name)| async {
        let theirs = BucketSettings { bucket: name.clone(), ..configured.clone() };
        let Ok(address) = BucketAddress::new(&theirs) else { return Verdict::Different };
        if own.address.is_at_aws() && address.is_at_aws() {
            return Verdict::Different;
        }
        match within_patience(compare(own.settings, &theirs)).await {
            Ok(true) => Verdict::same(variable),
            _ => Verdict::Different,
        }
    }));
    Verdict::of_all(verdicts.await)
}

async fn is_alias(own: &Own<'_>) -> Result<bool, String> {
    if is_access_point(&own.settings.bucket) {
        return Ok(true);
    }
    match own.address.is_at_aws() {
        true => answers_as_alias(own.settings).await,
        false => Ok(false),
    }
}

async fn answers_as_alias(settings: &BucketSettings) -> Result<bool, String> {
    if is_access_point(&settings.bucket) {
        return Ok(true);
    }
    let asking = async {
        let bucket = SourceBucket::new(settings, 1).map_err(|error| error.to_string())?;
        bucket.answers_as_access_point().await.map_err(|error| error.to_string())
    };
    within_patience(asking).await
}

/// Whether both are one bucket. Objects of the protected bucket are looked for in the
/// destination's. An object that is missing or different there proves two buckets.
///
/// # Errors
/// The reason if this cannot be decided.
async fn compare(own: &BucketSettings, theirs: &BucketSettings) -> Result<bool, String> {
    let open = |settings| SourceBucket::new(settings, JOBS).map_err(|error| error.to_string());
    let (own, theirs) = (open(own)?, open(theirs)?);
    // The first request of each client finds out the region of its bucket.
    let (there, here) = tokio::join!(first_page(&theirs, ""), first_page(&own, ""));
    let (there, here) = (there?, here?);
    if there.is_empty() {
        return match here.is_empty() {
            // Both buckets are empty, so nothing can be lost, and one server has only one bucket of
            // each name.
            true if own.address().same_server(&theirs.address()) => Ok(false),
            true => Err("both buckets are empty".to_owned()),
            false => Ok(false),
        };
    }
    let sample = spread(&there);
    let found = join_all(sample.iter().map(|object| listed(&own, &object.key))).await;
    let mut equal = 0;
    for (object, found) in sample.iter().zip(found) {
        match found? {
            Some(found) if is_same(&found, object) => equal += 1,
            _ if still_differs(&own, &theirs, &object.key).await? => return Ok(false),
            _ => {}
        }
    }
    match equal >= ENOUGH {
        true => Ok(true),
        false => Err(format!("all {equal} objects that could be compared are equal")),
    }
}

async fn first_page(bucket: &SourceBucket, prefix: &str) -> Result<Vec<ListedObject>, String> {
    let page = bucket.list_page(prefix, None).await.map_err(|error| error.to_string())?;
    Ok(page.objects)
}

/// Reads an object from the listing, whose times are finer than those of a header.
async fn listed(bucket: &SourceBucket, key: &str) -> Result<Option<ListedObject>, String> {
    let objects = first_page(bucket, key).await?;
    Ok(objects.into_iter().find(|object| object.key == key))
}

/// Reads the object in both buckets again, because it may have changed between the first two reads.
async fn still_differs(
    own: &SourceBucket,
    theirs: &SourceBucket,
    key: &str,
) -> Result<bool, String> {
    let (here, there) = tokio::join!(listed(own, key), listed(theirs, key));
    Ok(match (here?, there?) {
        (Some(here), Some(there)) => !is_same(&here, &there),
        (None, None) => false,
        _ => true,
    })
}

fn is_same(one: &ListedObject, other: &ListedObject) -> bool {
    one.etag == other.etag && one.modified == other.modified && one.size == other.size
}

/// Picks objects spread over the whole page.
fn spread(objects: &[ListedObject]) -> Vec<&ListedObject> {
    let count = objects.len().min(SAMPLE);
    let at = |number: usize| objects.get(number * objects.len() / count);
    let chosen: BTreeMap<&str, &ListedObject> =
        (0..count).filter_map(at).map(|object| (object.key.as_str(), object)).collect();
    chosen.into_values().collect()
}
