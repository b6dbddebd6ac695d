//! Holds buckets, objects and unfinished uploads in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use md5::{Digest, Md5};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc64Nvme};

/// The headers that are stored and returned with an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

/// Checksums from the uploader, or computed by the server as AWS does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checksums {
    pub crc32: Option<String>,
    pub crc32c: Option<String>,
    pub crc64nvme: Option<String>,
    pub sha1: Option<String>,
    pub sha256: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub body: Bytes,
    /// Without quotes.
    pub etag: String,
    /// Whole seconds, as S3 has them.
    pub modified: SystemTime,
    pub headers: Headers,
    pub checksums: Checksums,
    pub acl: Option<String>,
    /// The sizes of the parts of an object that was uploaded in parts.
    pub parts: Vec<u64>,
    pub archive: Archive,
}

/// The storage of an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Archive {
    /// Readable at once.
    #[default]
    None,
    /// In this storage class, where it cannot be read.
    Class(&'static str),
    /// The same, with a restored copy for some days.
    Restored(&'static str),
}

impl Archive {
    pub fn class(self) -> Option<&'static str> {
        match self {
            Archive::None => None,
            Archive::Class(class) | Archive::Restored(class) => Some(class),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Part {
    pub body: Bytes,
    pub md5: [u8; 16],
}

#[derive(Debug)]
pub struct Upload {
    pub bucket: String,
    pub key: String,
    pub headers: Headers,
    pub acl: Option<String>,
    pub parts: BTreeMap<i32, Part>,
    pub started: SystemTime,
}

pub type Bucket = BTreeMap<String, Arc<Object>>;

#[derive(Debug, Default)]
pub struct Contents {
    pub buckets: BTreeMap<String, Bucket>,
    pub uploads: HashMap<String, Upload>,
    last_upload: u64,
}

impl Contents {
    pub fn start_upload(&mut self, upload: Upload) -> String {
        self.last_upload += 1;
        let id = format!("upload-{:08}", self.last_upload);
        self.uploads.insert(id.clone(), upload);
        id
    }
}

/// The store, shared by the server's tasks and the test.
#[derive(Clone)]
pub struct Store {
    contents: Arc<Mutex<Contents>>,
    /// Whether objects that came without a checksum get a CRC64NVME, as on AWS since 2025.
    pub checksum_by_default: bool,
    /// Whether the server ignores the conditions of copies, as some products do.
    pub ignores_conditions: Arc<AtomicBool>,
}

impl Store {
    pub fn new(checksum_by_default: bool) -> Store {
        Store { contents: Arc::default(), checksum_by_default, ignores_conditions: Arc::default() }
    }

    pub fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().expect("no panic while it is held")
    }

    /// The checksum that the server computes, if it does.
    pub fn default_checksums(&self, body: &[u8]) -> Checksums {
        if !self.checksum_by_default {
            return Checksums::default();
        }
        let mut hasher =
            ChecksumHasher { crc64nvme: Some(Crc64Nvme::new()), ..ChecksumHasher::default() };
        hasher.update(body);
        Checksums { crc64nvme: hasher.finalize().checksum_crc64nvme, ..Checksums::default() }
    }
}

/// Now, in whole seconds.
pub fn now() -> SystemTime {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    UNIX_EPOCH + Duration::from_secs(seconds)
}

pub fn md5(body: &[u8]) -> [u8; 16] {
    Md5::digest(body).into()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The ETag of an object made of parts: the MD5 of the parts' MD5s, and their number.
pub fn multipart_etag(parts: impl Iterator<Item = [u8; 16]>) -> String {
    let mut hash = Md5::new();
    let mut count = 0;
    for part in parts {
        hash.update(part);
        count += 1;
    }
    format!("{}-{count}", hex(&hash.finalize()))
}
