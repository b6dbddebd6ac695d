//! Decides why an object could not be transferred, so that one bad object does not stop the others.

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::s3::{S3Error, SourceBucket};

use super::error::MediaError;

/// Why an object was not transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// Deleted since it was listed, which is not a failure.
    Gone,
    /// Listed, but missing each time it is requested.
    Missing,
    /// Archived and not restored.
    Archived,
    /// The server refuses access to this object.
    Refused,
    /// The server gave no usable answer for this object.
    Failing,
}

impl Fate {
    pub const ALL: [Fate; 5] =
        [Fate::Gone, Fate::Missing, Fate::Archived, Fate::Refused, Fate::Failing];

    /// In words, after a number.
    pub fn words(self) -> &'static str {
        match self {
            Fate::Gone => "deleted since it was listed",
            Fate::Missing => "listed but missing",
            Fate::Archived => "archived",
            Fate::Refused => "refused",
            Fate::Failing => "failing",
        }
    }

    /// Whether another try may help.
    pub fn is_worth_a_try(self) -> bool {
        matches!(self, Fate::Refused | Fate::Failing)
    }

    /// Whether to warn the user.
    pub fn is_worth_a_warning(self) -> bool {
        self != Fate::Gone
    }
}

/// Finds out why the source lacks an object that it listed. The listing and then the object are
/// requested again, because a server may be late with either. `None` means that the object exists.
pub async fn of_absent(source: &SourceBucket, key: &str) -> Result<Option<MediaError>, S3Error> {
    let what = source.describe("read", key);
    let page = source.list_page(key, None).await?;
    if !page.objects.iter().any(|object| object.key == key) {
        return Ok(Some(MediaError::Gone { what }));
    }
    match source.get(key, None, "").await {
        Err(error) if error.is_not_found() => Ok(Some(MediaError::Missing { what })),
        Err(error) => Err(error),
        Ok(_) => Ok(None),
    }
}
