//! Makes and reads the names of runs: sortable by time, short enough to type, unlikely to collide.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

/// The name of a run, such as `r20261122-201530-4f2a`, with the time in UTC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    pub fn new(now: jiff::Timestamp) -> Self {
        let mut random = [0_u8; 2];
        if SystemRandom::new().fill(&mut random).is_err() {
            // A collision does no harm, because a run only takes a folder that is new.
            random = std::process::id().to_le_bytes().first_chunk().copied().unwrap_or_default();
        }
        let time = now.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y%m%d-%H%M%S").to_string();
        RunId(format!("r{time}-{:04x}", u16::from_be_bytes(random)))
    }

    /// Reads a name. Everything else is refused, because the name becomes a folder's name and part
    /// of commands.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.strip_prefix('r')?.split('-').collect();
        let [day, time, random] = parts.as_slice() else { return None };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let lengths = (day.len(), time.len(), random.len()) == (8, 6, 4);
        (lengths && digits(day) && digits(time) && hex(random)).then(|| RunId(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the run began, to the second.
    pub fn started_at(&self) -> Option<jiff::Timestamp> {
        let time = self.0.strip_prefix('r')?.get(..15)?;
        let time = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", time).ok()?;
        time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    }

    /// The command that resumes the run.
    pub fn resume_command(&self) -> String {
        format!("bcops runs resume {self}")
    }

    /// The command that rolls the run back.
    pub fn rollback_command(&self) -> String {
        format!("bcops runs rollback {self}")
    }

    /// The command that releases the run's lock.
    pub fn unlock_command(&self) -> String {
        format!("bcops runs unlock {self}")
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RunId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        RunId::parse(&text).ok_or_else(|| format!("{text:?} is not the name of a run"))
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> String {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_and_are_read_back() {
        let early = RunId::new("2026-11-22T20:15:30Z".parse().unwrap());
        let late = RunId::new("2026-11-22T20:15:31Z".parse().unwrap());
        assert!(early < late);
        assert!(early.as_str().starts_with("r20261122-201530-"), "{early}");
        assert_eq!(RunId::parse(early.as_str()), Some(early));
    }

    #[test]
    fn other_texts_are_not_names() {
        for text in ["", "r", "r20261122-201530-4F2A", "r20261122-201530-4f2a/..", "../x", "r-x-y"]
        {
            assert_eq!(RunId::parse(text), None, "{text}");
        }
    }
}
