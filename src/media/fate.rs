//! Decides what an object is that could not be transferred: one bad object is one bad object, and the
//! rest of the media does not suffer for it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::s3::{S3Error, SourceBucket};

use super::error::MediaError;

/// Why an object was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// Deleted since it was listed, which is no failure.
    Gone,
    /// Listed, and not there whenever it is asked for.
    Missing,
    /// In an archive, and not restored.
    Archived,
    /// The server refuses this one.
    Refused,
    /// No good answer came for this one.
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

    /// Whether another try may help. The others are what they are.
    pub fn is_worth_a_try(self) -> bool {
        matches!(self, Fate::Refused | Fate::Failing)
    }

    /// Whether a person should know of it.
    pub fn is_worth_a_warning(self) -> bool {
        self != Fate::Gone
    }
}

/// What it means that the source has no object of a key that its listing had. The listing is asked
/// again, and then the object once more: a server may be late with either.
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
