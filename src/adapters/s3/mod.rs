//! Lists, reads, writes, copies and deletes objects in buckets of S3 and compatible servers.
//!
//! A [`SourceBucket`] has no method that writes. A [`DestinationBucket`] can only be made for an
//! unprotected environment. Neither holds a policy: `media` decides what to copy and delete.
//!
//! The client is `aws-sdk-s3`, over connections of `reqwest` that [`line`] watches.

mod address;
mod broken;
mod caller;
mod classify;
mod client;
mod deletion;
mod destination;
mod document;
mod encode;
mod error;
mod inspect;
mod line;
mod listing;
mod object;
mod outgoing;
mod pace;
mod retry;
mod source;
mod timing;

pub use address::{BucketAddress, BucketIdentity, BucketSettings, is_access_point};
pub use caller::{Caller, caller, sts_endpoint};
pub use client::Credentials;
pub use deletion::Undeleted;
pub use destination::{CopySource, DestinationBucket, Upload, UploadedPart};
pub use encode::path as encode_path;
pub use error::{NO_ACLS, S3Error, UNSET_ACL};
pub use inspect::{PublicAccessBlock, Setting};
pub use listing::{ListedObject, Page};
pub use object::{Algorithm, Headers, ObjectMeta, StoredChecksum};
pub use retry::Retry;
pub use source::{ObjectBody, SourceBucket};
