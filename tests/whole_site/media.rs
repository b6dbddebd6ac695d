//! Creates the media of the site: production's bucket matches its database, and staging's is older,
//! with its own files and some missing.

use bcops::settings::Environment;
use bytes::Bytes;

use super::blueprint::Blueprint;
use super::databases::Databases;
use crate::standins::s3::{Key, Options, Right, S3StandIn, council};

/// The council's buckets.
pub const PRODUCTION: &str = "bc-production";
pub const STAGING: &str = "bc-staging";

const SECRET: &str = "sandbox-s3-secret-key";

/// How many files of each kind there are.
const COUNT: usize = 10;

/// Starts S3 with an empty bucket for each environment, and keeps a log. Protected buckets are
/// read-only. Staging's keys can also read production, so the server can copy.
pub async fn empty(blueprint: &Blueprint) -> S3StandIn {
    let mut buckets = Vec::new();
    let mut keys = Vec::new();
    for environment in blueprint.environments() {
        // The stand-in needs static names, a few for each world.
        let bucket: &'static str = Box::leak(blueprint.bucket(environment).into_boxed_str());
        let access_key: &'static str = Box::leak(access_key(environment).into_boxed_str());
        let right = if environment.protected { Right::Read } else { Right::Write };
        let mut rights = vec![(bucket, right)];
        if let (false, Some(production)) = (environment.protected, buckets.first()) {
            rights.push((*production, Right::Read));
        }
        buckets.push(bucket);
        keys.push(Key { access_key, secret_key: SECRET, rights });
    }
    S3StandIn::start(Options { port: 0, buckets, keys, checksum_by_default: true, keep_log: true })
        .await
}

fn access_key(environment: &Environment) -> String {
    format!("sandbox-{}", environment.name)
}

/// The config vars of an environment's app.
pub fn config_vars(
    s3: &S3StandIn,
    blueprint: &Blueprint,
    environment: &Environment,
) -> Vec<(String, String)> {
    let names = &environment.bucket_variables;
    vec![
        (names.bucket.clone(), blueprint.bucket(environment)),
        (names.access_key.clone(), access_key(environment)),
        (names.secret_key.clone(), SECRET.to_owned()),
        (names.region.clone(), "eu-west-2".to_owned()),
        (names.endpoint.clone(), s3.url.clone()),
    ]
}

/// Fills both buckets with files that the rows of images, renditions and documents name.
pub fn fill(s3: &S3StandIn, blueprint: &Blueprint, databases: &Databases) {
    let settings = &blueprint.settings;
    let (production, staging) =
        (blueprint.bucket(&blueprint.production), blueprint.bucket(&blueprint.staging));
    let mut numbers = 0..;
    for tables in [
        &settings.reset.image_tables,
        &settings.media.rendition_tables,
        &settings.reset.document_tables,
    ] {
        let Some(table) = tables.iter().find(|table| databases.has_table(table)) else { continue };
        let sql = format!("SELECT file FROM {table} ORDER BY id LIMIT {COUNT}");
        for key in databases.production(&sql).lines() {
            let number = numbers.next().expect("there is no last number");
            s3.put(&production, key, body(number));
            match number % 3 {
                // The same file, an older one, and none.
                0 => s3.put(&staging, key, body(number)),
                1 => s3.put(&staging, key, body(number + 100)),
                _ => {}
            }
        }
    }
    s3.put(&staging, "original_images/staging_only.jpg", body(201));
    s3.put(&staging, "images/staging_only.width-800.jpg", body(202));
    s3.put(&staging, "documents/staging_only.pdf", body(203));
    s3.put(&staging, "elsewhere/keep.txt", "not media");
    s3.put(&production, "elsewhere/keep.txt", "not media, and production's");
}

/// More files, to make progress visible.
pub fn fill_more(s3: &S3StandIn, blueprint: &Blueprint) {
    let bucket = |environment| blueprint.bucket(environment);
    council::fill_buckets(s3, &bucket(&blueprint.production), &bucket(&blueprint.staging));
}

/// Bytes that differ for each number.
fn body(number: usize) -> Bytes {
    let length = 500 + (number * 7919) % 4_000;
    (0..length).map(|at| ((at * 31 + number * 17) % 251) as u8).collect()
}
