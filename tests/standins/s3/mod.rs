//! Plays S3 in memory with the `s3s` crate: several buckets, several pairs of keys with rights, a
//! log of every request, and faults on demand. `tests/clients/s3.rs` proves it with the aws CLI.

#![allow(unused_imports, reason = "the tests and the sandbox each use a part")]

pub mod council;
mod faults;
mod limits;
mod multipart;
mod operations;
mod requests;
mod server;
mod setup;
mod store;
mod upload;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;

pub use faults::{Fault, Rule};
pub use limits::{Count, Limits};
pub use requests::Recorded;
pub use server::Right;
pub use setup::Setup;
pub use store::{Archive, Checksums, Headers, Object};

use server::{Rights, Shared};
use store::{Store, hex, md5, now};

use super::server::{Server, bind};

/// A pair of keys, and what it may do to which bucket.
#[derive(Debug, Clone)]
pub struct Key {
    pub access_key: &'static str,
    pub secret_key: &'static str,
    pub rights: Vec<(&'static str, Right)>,
}

pub struct Options {
    /// Zero for any that is free.
    pub port: u16,
    pub buckets: Vec<&'static str>,
    pub keys: Vec<Key>,
    /// As AWS does since 2025.
    pub checksum_by_default: bool,
    pub keep_log: bool,
}

/// A running stand-in. It stops when it is dropped.
pub struct S3StandIn {
    shared: Arc<Shared>,
    _server: Server,
    /// For `AWS_ENDPOINT_URL_S3`.
    pub url: String,
}

impl S3StandIn {
    pub async fn start(options: Options) -> S3StandIn {
        let store = Store::new(options.checksum_by_default);
        for bucket in &options.buckets {
            store.contents().buckets.insert((*bucket).to_owned(), Default::default());
        }
        let mut auth = SimpleAuth::new();
        let mut rights = Rights::new();
        for key in &options.keys {
            auth.register(key.access_key.to_owned(), key.secret_key.into());
            let of_key = key.rights.iter().map(|(bucket, right)| ((*bucket).to_owned(), *right));
            rights.insert(key.access_key.to_owned(), of_key.collect());
        }
        let mut builder = S3ServiceBuilder::new(store.clone());
        builder.set_auth(auth);
        let shared = Arc::new(Shared {
            store,
            faults: Default::default(),
            meter: limits::Meter::new(Limits::default()),
            log: Mutex::default(),
            keep_log: options.keep_log,
            rights: Mutex::new(rights),
            setups: Mutex::default(),
            users: Mutex::default(),
        });
        let listener = bind(options.port).await;
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = server::serve(listener, Arc::clone(&shared), builder.build());
        S3StandIn { shared, _server: server, url }
    }

    /// Misbehave as told, until the rule is used up. Rules are tried in the order of their coming.
    pub fn misbehave(&self, rule: Rule) {
        self.shared.faults.add(rule.into());
    }

    /// Sets the latency and the limits.
    pub fn limit(&self, limits: Limits) {
        self.shared.meter.set(limits);
    }

    /// The accepted and refused requests of each prefix, for reads and writes.
    pub fn counts(&self) -> Vec<(String, bool, Count)> {
        self.shared.meter.counts()
    }

    pub fn set_up(&self, bucket: &str, setup: Setup) {
        self.shared.setups.lock().expect("no panic").insert(bucket.to_owned(), setup);
    }

    /// Names the user of a pair of keys.
    pub fn name_user(&self, access_key: &str, name: &str) {
        self.shared.users.lock().expect("no panic").insert(access_key.to_owned(), name.to_owned());
    }

    pub fn behave(&self) {
        self.shared.faults.forget();
    }

    /// Every request so far, faulty ones included.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.log.lock().expect("no panic").clone()
    }

    pub fn forget_requests(&self) {
        self.shared.log.lock().expect("no panic").clear();
    }

    /// Copies from now on ignore their conditions.
    pub fn ignore_conditions(&self) {
        self.shared.store.ignores_conditions.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Stores an object without a request.
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>) {
        let body = body.into();
        let object = Object {
            etag: hex(&md5(&body)),
            modified: now() - Duration::from_secs(3600),
            headers: Headers::default(),
            checksums: self.shared.store.default_checksums(&body),
            acl: None,
            parts: Vec::new(),
            archive: Default::default(),
            body,
        };
        self.insert(bucket, key, object);
    }

    /// Stores an object as if it had been uploaded in parts of this size.
    pub fn put_in_parts(&self, bucket: &str, key: &str, body: &[u8], part: usize) {
        let etag = store::multipart_etag(body.chunks(part).map(md5));
        let object = Object {
            etag,
            modified: now() - Duration::from_secs(3600),
            headers: Headers::default(),
            checksums: Checksums::default(),
            acl: None,
            parts: body.chunks(part).map(|one| one.len() as u64).collect(),
            archive: Default::default(),
            body: Bytes::copy_from_slice(body),
        };
        self.insert(bucket, key, object);
    }

    pub fn insert(&self, bucket: &str, key: &str, object: Object) {
        let mut contents = self.shared.store.contents();
        let bucket = contents.buckets.entry(bucket.to_owned()).or_default();
        bucket.insert(key.to_owned(), Arc::new(object));
    }

    pub fn change(&self, bucket: &str, key: &str, change: impl FnOnce(&mut Object)) {
        let mut object = (*self.object(bucket, key).expect("an object")).clone();
        change(&mut object);
        self.insert(bucket, key, object);
    }

    pub fn remove(&self, bucket: &str, key: &str) {
        let mut contents = self.shared.store.contents();
        contents.buckets.get_mut(bucket).expect("a bucket").remove(key);
    }

    pub fn empty(&self, bucket: &str) {
        self.shared.store.contents().buckets.insert(bucket.to_owned(), Default::default());
    }

    pub fn object(&self, bucket: &str, key: &str) -> Option<Arc<Object>> {
        self.shared.store.contents().buckets.get(bucket)?.get(key).cloned()
    }

    /// Every key with its body, in order.
    pub fn objects(&self, bucket: &str) -> Vec<(String, Bytes)> {
        let contents = self.shared.store.contents();
        let bucket = contents.buckets.get(bucket).expect("a bucket");
        bucket.iter().map(|(key, object)| (key.clone(), object.body.clone())).collect()
    }

    pub fn unfinished_uploads(&self) -> usize {
        self.shared.store.contents().uploads.len()
    }
}

/// Some time ago, in whole seconds.
pub fn seconds_ago(seconds: u64) -> SystemTime {
    now() - Duration::from_secs(seconds)
}
