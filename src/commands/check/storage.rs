//! Checks an environment's file storage: with its own keys, as far as they may read, and without keys,
//! as anyone may. Nothing is written anywhere.

use std::collections::HashSet;

use url::Url;

use crate::adapters::heroku::ConfigVars;
use crate::adapters::s3::{
    BucketSettings, Caller, SourceBucket, caller, encode_path, sts_endpoint,
};
use crate::adapters::site::{SiteClient, Timing};
use crate::checks::{StorageReport, Verdict, look_at_file, look_at_listing};
use crate::commands::Context;
use crate::deployment::{bucket_settings, has_bucket};
use crate::failure::CommandError;
use crate::settings::Environment;

use super::private_documents::{self, PrivateDocument};

const AT_THE_BUCKET: &str = "the bucket";
const DOCUMENT: &str = "document";
/// The host of a distribution before the bucket.
const CUSTOM_DOMAIN: &str = "AWS_S3_CUSTOM_DOMAIN";
const URL_PROTOCOL: &str = "AWS_S3_URL_PROTOCOL";
const STS: &str = "AWS_ENDPOINT_URL_STS";
/// The folder of the bucket that Django's storage puts before each key.
const LOCATION: &str = "AWS_LOCATION";
/// How many private documents are asked for.
const PRIVATE: usize = 3;

/// A place where anyone can ask for files.
struct Place {
    name: String,
    /// The part of the URL before a key.
    base: String,
}

pub async fn look(context: &Context, environment: &Environment) -> StorageReport {
    match look_at_bucket(context, environment).await {
        Ok(report) => report,
        Err(error) => {
            let words = std::iter::once(error.to_string()).chain(error.causes());
            StorageReport::not_looked(&words.collect::<Vec<_>>().join(": "))
        }
    }
}

async fn look_at_bucket(
    context: &Context,
    environment: &Environment,
) -> Result<StorageReport, CommandError> {
    let reading = context.deployments().reading(environment).await?;
    let vars = reading.values.in_force();
    if !has_bucket(environment, &vars) {
        return Ok(StorageReport::not_looked("the environment has no bucket"));
    }
    let settings = bucket_settings(&context.settings, environment, &vars)?;
    let bucket = SourceBucket::new(&settings, 8)?;
    let listed = list_samples(context, &bucket).await;
    let mut report = StorageReport::default();
    // The region is known only after the server was asked.
    let (versioning, encryption, lifecycle, block, policy, who) = tokio::join!(
        bucket.versioning(),
        bucket.encryption(),
        bucket.lifecycle(),
        bucket.public_access_block(),
        bucket.policy_is_public(),
        who(&bucket, &settings, &vars),
    );
    report.add_address(&bucket.address());
    report.add_versioning(&versioning);
    report.add_encryption(&encryption);
    report.add_lifecycle(&lifecycle);
    report.add_caller(&who, &settings.bucket);
    report.add_access_block(&block);
    report.add_policy(&policy);
    if let Err(reason) = &listed {
        report.add("files", Verdict::Warn, format!("not checked: {reason}"));
    }
    let listed = listed.unwrap_or_default();
    let location = location(&vars);
    let names: Vec<String> = listed
        .iter()
        .flat_map(|(_, keys)| keys)
        .map(|key| name_in_database(location.as_deref(), key).to_owned())
        .collect();
    let mut among = None;
    let private = match private_documents::read(context, environment, &names).await {
        Err(reason) => {
            report.add("private documents", Verdict::Skip, format!("not checked: {reason}"));
            Vec::new()
        }
        Ok(found) => {
            among = Some(found.among);
            match found.newest.is_empty() {
                true => {
                    let text = "no document is in a private collection";
                    report.add("private documents", Verdict::Pass, text);
                    Vec::new()
                }
                false => stored(&bucket, location.as_deref(), found.newest, &mut report).await,
            }
        }
    };
    let samples = samples(listed, location.as_deref(), among.as_ref());
    as_anybody(context, &bucket, &vars, (&samples, &private), &mut report).await?;
    Ok(report)
}

/// Whose keys they are, or why that is unknown.
async fn who(
    bucket: &SourceBucket,
    settings: &BucketSettings,
    vars: &ConfigVars,
) -> Result<Caller, String> {
    let given = set(vars, STS).or_else(|| std::env::var(STS).ok().filter(|url| !url.is_empty()));
    let endpoint = sts_endpoint(&bucket.address(), given.as_deref())
        .map_err(|error| format!("not checked: {error}"))?
        .ok_or("not checked: only AWS reports whose keys these are")?;
    let region = bucket.address().region().to_owned();
    caller(settings, &region, &endpoint).await.map_err(|error| match error.is_denied() {
        true => "not allowed to look".to_owned(),
        false => format!("unknown: {error}"),
    })
}

/// Keys of each kind.
type Listed = Vec<(String, Vec<String>)>;

/// An object that the site shows to everyone.
struct Sample {
    kind: String,
    key: String,
    /// The database shows that it is not a private document, so its key may be printed.
    is_known: bool,
}

/// The first objects below each prefix, without archived ones, which cannot be read.
async fn list_samples(context: &Context, bucket: &SourceBucket) -> Result<Listed, String> {
    let media = &context.settings.media;
    let mut samples = Vec::new();
    for prefix in &media.prefixes {
        let page =
            bucket.list_page(prefix, None).await.map_err(|error| match error.is_denied() {
                true => "the keys are not allowed to list the bucket".to_owned(),
                false => error.to_string(),
            })?;
        let usable = page.objects.into_iter().filter(|one| one.size > 0 && !one.is_archived);
        let kind = match prefix.trim_end_matches('/') {
            _ if *prefix == media.originals => "image",
            "images" => "rendition",
            "documents" => DOCUMENT,
            other => other,
        };
        samples.push((kind.to_owned(), usable.map(|object| object.key).collect()));
    }
    Ok(samples)
}

/// One object of each kind, but no private document: its name may hold personal data, and it has a
/// check of its own. `private` is `None` where it is unknown which documents are private.
fn samples(
    listed: Listed,
    location: Option<&str>,
    private: Option<&HashSet<String>>,
) -> Vec<Sample> {
    let is_private = |key: &str| {
        private.is_some_and(|private| private.contains(name_in_database(location, key)))
    };
    let sample = |(kind, keys): (String, Vec<String>)| {
        let key = keys.into_iter().find(|key| !is_private(key))?;
        Some(Sample { kind, key, is_known: private.is_some() })
    };
    listed.into_iter().filter_map(sample).collect()
}

/// Keeps the newest documents whose files are in the bucket, as its own keys see them. Without keys,
/// a 404 shows that a file is closed only where the file exists.
async fn stored(
    bucket: &SourceBucket,
    location: Option<&str>,
    found: Vec<PrivateDocument>,
    report: &mut StorageReport,
) -> Vec<PrivateDocument> {
    let (mut stored, mut reasons) = (Vec::new(), Vec::new());
    for PrivateDocument { id, key } in found {
        if stored.len() == PRIVATE {
            break;
        }
        let key = key_in_bucket(location, &key);
        let reason = match bucket.head(&key).await {
            Ok(meta) if meta.is_archived => "the file is archived".to_owned(),
            Ok(_) => {
                stored.push(PrivateDocument { id, key });
                continue;
            }
            Err(error) if error.is_not_found() => "the bucket does not have the file".to_owned(),
            Err(error) if error.is_denied() => {
                "the keys are not allowed to read the file".to_owned()
            }
            // The error's text names the key.
            Err(_) => "the bucket gave no clear answer".to_owned(),
        };
        reasons.push((id, reason));
    }
    if let Some((id, reason)) = reasons.first() {
        let text = match reasons.len() {
            1 => format!("document {id} not checked: {reason}"),
            number => format!("{number} not checked, the first is document {id}: {reason}"),
        };
        report.add("private documents", Verdict::Skip, text);
    }
    stored
}

fn location(vars: &ConfigVars) -> Option<String> {
    let location = set(vars, LOCATION)?.trim_matches('/').to_owned();
    (!location.is_empty()).then_some(location)
}

/// The reverse of [`key_in_bucket`].
fn name_in_database<'a>(location: Option<&str>, key: &'a str) -> &'a str {
    let below = location.and_then(|location| key.strip_prefix(location)?.strip_prefix('/'));
    below.unwrap_or(key)
}

fn key_in_bucket(location: Option<&str>, name: &str) -> String {
    let name = name.trim_start_matches('/');
    match location {
        Some(location) => format!("{location}/{name}"),
        None => name.to_owned(),
    }
}

async fn as_anybody(
    context: &Context,
    bucket: &SourceBucket,
    vars: &ConfigVars,
    (samples, private): (&[Sample], &[PrivateDocument]),
    report: &mut StorageReport,
) -> Result<(), CommandError> {
    let client = SiteClient::new(&context.settings.check, Timing::default())?;
    let at_bucket = Place {
        name: AT_THE_BUCKET.to_owned(),
        base: bucket.public_url("").trim_end_matches('/').to_owned(),
    };
    let mut places = vec![at_bucket];
    match custom_domain(vars) {
        Some(Ok(place)) => places.push(place),
        Some(Err(NotAHost)) => {
            report.add(CUSTOM_DOMAIN, Verdict::Warn, "not checked: the value is not a host");
        }
        None => {}
    }
    for place in &places {
        let name = place.name.as_str();
        let listing = match name == AT_THE_BUCKET {
            true => bucket.public_listing_url(),
            false => format!("{}/?list-type=2&max-keys=1", place.base),
        };
        if let Ok(url) = Url::parse(&listing) {
            report.add_listing(name, &look_at_listing(&client, &url).await);
        }
        for Sample { kind, key, is_known } in samples {
            let Some(url) = place.url(key) else { continue };
            let seen = look_at_file(&client, &url).await;
            match is_known {
                true => report.add_file(kind, name, &key.escape_debug().to_string(), &seen),
                false => report.add_unknown(kind, name, kind == DOCUMENT, &seen),
            }
        }
        for document in private {
            if let Some(url) = place.url(&document.key) {
                report.add_private(name, document.id, &look_at_file(&client, &url).await);
            }
        }
    }
    Ok(())
}

impl Place {
    fn url(&self, key: &str) -> Option<Url> {
        Url::parse(&format!("{}/{}", self.base, encode_path(key.trim_start_matches('/')))).ok()
    }
}

struct NotAHost;

/// The domain as Django's storage reads it: a host, with an optional port and path.
fn custom_domain(vars: &ConfigVars) -> Option<Result<Place, NotAHost>> {
    let value = set(vars, CUSTOM_DOMAIN)?;
    let given = value.split_once("://").map(|(scheme, _)| scheme.to_owned());
    let plain = value.split_once("://").map_or(value.as_str(), |(_, rest)| rest);
    let scheme = given
        .or_else(|| {
            set(vars, URL_PROTOCOL).map(|text| text.trim_end_matches([':', '/']).to_owned())
        })
        .unwrap_or_else(|| "https".to_owned());
    let base = format!("{scheme}://{}", plain.trim_end_matches('/'));
    let url = Url::parse(&base).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.query().is_none()
    });
    Some(match url {
        Some(url) => {
            let name = url.host_str().unwrap_or_default().to_owned();
            Ok(Place { name, base })
        }
        None => Err(NotAHost),
    })
}

fn set(vars: &ConfigVars, name: &str) -> Option<String> {
    vars.get(name).map(|value| value.expose().trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_document_is_never_the_sample() {
        let keys = ["documents/a.pdf", "documents/b.pdf"].map(str::to_owned);
        let listed = || vec![(DOCUMENT.to_owned(), keys.to_vec())];
        let private = HashSet::from(["documents/a.pdf".to_owned()]);
        let found = samples(listed(), None, Some(&private));
        assert_eq!((found[0].key.as_str(), found[0].is_known), ("documents/b.pdf", true));
        assert!(!samples(listed(), None, None)[0].is_known);
        assert!(samples(listed(), None, Some(&keys.into())).is_empty());
    }

    #[test]
    fn a_location_stands_before_the_key() {
        assert_eq!(key_in_bucket(None, "documents/a.pdf"), "documents/a.pdf");
        assert_eq!(key_in_bucket(Some("media/v1"), "/documents/a.pdf"), "media/v1/documents/a.pdf");
        assert_eq!(name_in_database(Some("media/v1"), "media/v1/documents/a"), "documents/a");
        assert_eq!(name_in_database(Some("media"), "documents/a"), "documents/a");
    }
}
