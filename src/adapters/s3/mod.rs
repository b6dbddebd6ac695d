//! Buckets of S3 and of servers that speak like it: list, read, write, copy, delete.
//!
//! A [`SourceBucket`] has no method that writes. A [`DestinationBucket`] can only be made for an
//! environment that is not protected. Neither holds a policy: what to copy and what to delete is
//! decided in `media`.
//!
//! The client is our own, on `reqwest`, and not `aws-sdk-s3`. Measured on 2 cores, loopback, objects
//! of 25 kB and a server in memory, release builds: the SDK (1.157, lean features) takes 139 µs of
//! CPU for each GET and 162 µs for each PUT, and its 215 crates six CPU minutes to build. Signing,
//! sending and reading the answer of a CopyObject takes 37 µs here; a whole pull, with hashing,
//! writing, renaming and the index, 170 µs for each object. With the SDK alone as dear as that, the
//! aim for small objects was out of reach. The price: retries, back-off, clock skew, other regions
//! and errors with status 200 are ours.

mod address;
mod caller;
mod classify;
mod client;
mod deletion;
mod destination;
mod encode;
mod error;
mod inspect;
mod listing;
mod object;
mod outgoing;
mod pace;
mod request;
mod signing;
mod source;
mod xml;

pub use address::{BucketAddress, BucketIdentity, BucketSettings, is_access_point};
pub use caller::{Caller, caller, sts_endpoint};
pub use deletion::Undeleted;
pub use destination::{CopySource, DestinationBucket, Headers, Upload, UploadedPart};
pub use encode::path as encode_path;
pub use error::{NO_ACLS, S3Error, UNSET_ACL};
pub use inspect::{PublicAccessBlock, Setting};
pub use listing::{ListedObject, Page};
pub use object::{Algorithm, ObjectMeta, StoredChecksum};
pub use pace::{Retry, Timing};
pub use signing::{Credentials, hex};
pub use source::{ObjectBody, SourceBucket};
