//! The council's three buckets, with made-up media in production's.

use super::{Key, Options, Right, S3StandIn};

type Environment = (&'static str, &'static str, &'static [(&'static str, Right)]);

/// An environment's name, its keys' id, and what these may do. Staging's can read production, so
/// that the server can copy.
const ENVIRONMENTS: [Environment; 3] = [
    ("production", "sandbox-production", &[("bc-production", Right::Read)]),
    ("staging", "sandbox-staging", &[("bc-staging", Right::Write), ("bc-production", Right::Read)]),
    ("content-prep", "sandbox-content-prep", &[("bc-content-prep", Right::Read)]),
];

const SECRET: &str = "sandbox-s3-secret-key";

/// Starts S3 with an empty bucket for each environment, and keeps a log.
pub async fn empty() -> S3StandIn {
    let key = |(_, access_key, rights): &(&str, &'static str, &'static [(&'static str, Right)])| {
        Key { access_key, secret_key: SECRET, rights: rights.to_vec() }
    };
    S3StandIn::start(Options {
        port: 0,
        buckets: vec!["bc-production", "bc-staging", "bc-content-prep"],
        keys: ENVIRONMENTS.iter().map(key).collect(),
        checksum_by_default: true,
        keep_log: true,
    })
    .await
}

/// Puts made-up media into production's bucket, and some of them into staging's.
pub fn fill(s3: &S3StandIn) {
    for number in 0..300_usize {
        let (folder, ending) = [
            ("original_images", "jpg"),
            ("images", "width-800.jpg"),
            ("images", "max-165x165.png"),
            ("documents", "pdf"),
        ][number % 4];
        let key = format!("{folder}/Chilterns_walk_{:03}.{ending}", number / 4);
        let length = 2_000 + (number * 7919) % 60_000;
        let body: Vec<u8> = (0..length).map(|at| ((at * 31 + number * 17) % 251) as u8).collect();
        s3.put("bc-production", &key, body.clone());
        if number % 3 == 0 {
            s3.put("bc-staging", &key, body);
        }
    }
}

/// The config vars of an environment's app.
pub fn config_vars(s3: &S3StandIn, environment: &str) -> Vec<(&'static str, String)> {
    let known = ENVIRONMENTS.iter().find(|(name, ..)| *name == environment);
    let access_key = known.map_or("none", |(_, key, _)| key);
    vec![
        ("AWS_STORAGE_BUCKET_NAME", format!("bc-{environment}")),
        ("AWS_ACCESS_KEY_ID", access_key.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ("AWS_S3_REGION_NAME", "eu-west-2".to_owned()),
        ("AWS_ENDPOINT_URL_S3", s3.url.clone()),
    ]
}
