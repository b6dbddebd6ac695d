//! Builds the world for tests of media: S3 in memory with a bucket for each environment, a stand-in
//! for Heroku with their config vars, and the program with its own media folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;

use crate::command::{Bcops, Run};
use crate::standins::heroku::{HerokuStandIn, Options as HerokuOptions};
use crate::standins::s3::{Key, Options, Right, S3StandIn};

pub const PRODUCTION: &str = "bc-production";
pub const STAGING: &str = "bc-staging";
pub const DEV: &str = "bc-dev";
pub const CONTENT_PREP: &str = "bc-content-prep";
pub const STAGING_APP: &str = "buckinghamshire-staging";

/// The secret of every pair of keys, which no run may print.
pub const SECRET: &str = "s3-secret-key";

pub struct World {
    pub s3: S3StandIn,
    pub heroku: HerokuStandIn,
    pub bcops: Bcops,
    _runtime: Runtime,
}

fn keys() -> Vec<Key> {
    let key = |access_key, rights| Key { access_key, secret_key: SECRET, rights };
    vec![
        key("key-production", vec![(PRODUCTION, Right::Read)]),
        key("key-content-prep", vec![(CONTENT_PREP, Right::Read)]),
        // Staging's keys can read production, so the server can copy.
        key("key-staging", vec![(STAGING, Right::Write), (PRODUCTION, Right::Read)]),
        key("key-dev", vec![(DEV, Right::Write)]),
        key(
            "key-of-tests",
            [PRODUCTION, STAGING, DEV, CONTENT_PREP].map(|one| (one, Right::Write)).to_vec(),
        ),
    ]
}

impl World {
    pub fn new() -> World {
        World::with_checksums(true)
    }

    /// `checksums` says whether the server keeps a checksum of every object, as AWS does.
    pub fn with_checksums(checksums: bool) -> World {
        let runtime = Runtime::new().expect("a runtime");
        let s3 = runtime.block_on(S3StandIn::start(Options {
            port: 0,
            buckets: vec![PRODUCTION, STAGING, DEV, CONTENT_PREP],
            keys: keys(),
            checksum_by_default: checksums,
            keep_log: true,
        }));
        let heroku = runtime.block_on(HerokuStandIn::start(HerokuOptions::default()));
        for name in ["production", "staging", "dev", "content-prep"] {
            heroku.add_app(
                &format!("buckinghamshire-{name}"),
                &[
                    ("AWS_STORAGE_BUCKET_NAME", &format!("bc-{name}")),
                    ("AWS_ACCESS_KEY_ID", &format!("key-{name}")),
                    ("AWS_SECRET_ACCESS_KEY", SECRET),
                    ("AWS_S3_REGION_NAME", "eu-west-2"),
                    ("AWS_ENDPOINT_URL_S3", &s3.url),
                ],
            );
        }
        let mut bcops = Bcops::new();
        bcops.set("HEROKU_HOST", &heroku.url);
        bcops.set("HEROKU_DATA_HOST", &heroku.url);
        bcops.set("HEROKU_API_KEY", heroku.token());
        World { s3, heroku, bcops, _runtime: runtime }
    }

    pub fn media(&self) -> PathBuf {
        self.bcops.directory().join("work/media")
    }

    pub fn pull(&self, arguments: &[&str]) -> Run {
        self.bcops.run(&[&["pull-media", "production"], arguments].concat())
    }

    pub fn push(&self, arguments: &[&str]) -> Run {
        let confirmed = ["push-media", "staging", "--confirm", STAGING_APP];
        self.bcops.run(&[&confirmed, arguments].concat())
    }

    /// From production to staging.
    pub fn copy(&self, arguments: &[&str]) -> Run {
        self.push(&[&["--from", "production"], arguments].concat())
    }

    /// Objects of several sizes below every prefix, and one elsewhere.
    pub fn fill(&self, bucket: &str, count: usize) {
        for number in 0..count {
            let folder = ["images", "original_images", "documents"][number % 3];
            let key = format!("{folder}/File_{number:04}.jpg");
            self.s3.put(bucket, &key, bytes(number));
        }
        self.s3.put(bucket, "elsewhere/keep.txt", "not media");
    }

    pub fn write(&self, key: &str, body: impl AsRef<[u8]>) -> PathBuf {
        let path = self.media().join(key);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, body).expect("a file");
        path
    }

    /// Every file below the folder, by key.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        add_files(&self.media(), "", &mut files);
        files
    }

    /// The media of a bucket, by key.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Vec<u8>> {
        let media = |key: &str| !key.starts_with("elsewhere/");
        let objects = self.s3.objects(bucket).into_iter();
        objects.filter(|(key, _)| media(key)).map(|(key, body)| (key, body.to_vec())).collect()
    }

    #[track_caller]
    pub fn assert_pulled(&self, bucket: &str) {
        same(&self.files(), &self.objects(bucket));
    }

    #[track_caller]
    pub fn assert_copied(&self, from: &str, to: &str) {
        same(&self.objects(to), &self.objects(from));
    }

    /// Checks that nothing was written to production.
    #[track_caller]
    pub fn assert_production_untouched(&self) {
        let writes: Vec<_> = self
            .s3
            .requests()
            .into_iter()
            .filter(|request| request.writes() && request.bucket == PRODUCTION)
            .collect();
        assert!(writes.is_empty(), "{writes:?}");
    }

    /// Checks that nothing was written anywhere.
    #[track_caller]
    pub fn assert_nothing_written(&self) {
        let requests = self.s3.requests();
        let writes: Vec<_> = requests.iter().filter(|request| request.writes()).collect();
        assert!(writes.is_empty(), "{writes:?}");
    }

    /// The same, except for a request for the owner of the keys, which changes nothing.
    #[track_caller]
    pub fn assert_nothing_written_but_sts(&self) {
        let requests = self.s3.requests();
        let writes: Vec<_> =
            requests.iter().filter(|one| one.writes() && one.service != "sts").collect();
        assert!(writes.is_empty(), "{writes:?}");
    }

    /// The number of requests of this operation.
    pub fn count(&self, operation: &str) -> usize {
        self.s3.requests().iter().filter(|request| request.operation == operation).count()
    }
}

#[track_caller]
fn same(got: &BTreeMap<String, Vec<u8>>, wanted: &BTreeMap<String, Vec<u8>>) {
    let names = |one: &BTreeMap<String, Vec<u8>>| one.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(got), names(wanted));
    for (key, body) in wanted {
        assert!(got[key] == *body, "the bytes of {key} differ");
    }
}

fn add_files(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let key = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() {
            add_files(&entry.path(), &format!("{key}/"), files);
        } else if kind.is_file() {
            match fs::read(entry.path()) {
                Ok(body) => drop(files.insert(key, body)),
                // A running bcops has given it its final name.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => panic!("{key}: {error}"),
            }
        }
    }
}

/// Bytes that differ for each number, at most some tens of kilobytes.
pub fn bytes(number: usize) -> Vec<u8> {
    let length = (number * 7919) % 50_000;
    (0..length).map(|at| ((at * 31 + number * 17) % 251) as u8).collect()
}

/// A larger body.
pub fn large(length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at / 251) ^ (at * 7)) as u8).collect()
}

pub fn modified(path: &Path) -> i64 {
    fs::metadata(path).expect("a file").mtime()
}

/// Gives a file a time in the past.
pub fn set_modified(path: &Path, seconds: u64) {
    let file = fs::File::options().write(true).open(path).expect("a file");
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    file.set_modified(time).expect("a time");
}
