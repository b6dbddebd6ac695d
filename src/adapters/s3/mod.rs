//! Buckets of S3 and of servers that speak like it: list, read, write, copy, delete.
//!
//! A [`SourceBucket`] has no method that writes. A [`DestinationBucket`] can only be made for an
//! environment that is not protected. Neither holds a policy: what to copy and what to delete is
//! decided in `media`.

mod address;
mod client;
mod destination;
mod encode;
mod error;
mod listing;
mod object;
mod pace;
mod signing;
mod source;
mod xml;

pub use address::{BucketAddress, BucketIdentity, BucketSettings};
pub use destination::{CopySource, DestinationBucket, Headers, Undeleted, Upload, UploadedPart};
pub use error::S3Error;
pub use listing::{ListedObject, Page};
pub use object::{Algorithm, ObjectMeta, StoredChecksum};
pub use pace::{Retry, Timing};
pub use signing::{Credentials, hex};
pub use source::{ObjectBody, SourceBucket};
