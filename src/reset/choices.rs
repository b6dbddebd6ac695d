//! What was decided before the run: the answers to the runbook's questions, and what they were given
//! for.
//!
//! They are the flags of the run in its journal, so that a resumed run goes on with the same
//! answers, and what a plan is bound to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::adapters::git::OnConflict;
use crate::media::MaxDelete;
use crate::runbook::Flags;

/// The answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choices {
    /// The environment that staging is made from.
    pub source: String,
    pub destination: String,
    /// That the client and the other developers were asked.
    pub agreed: bool,
    /// The branches that are merged on top of master, in this order.
    pub branches: Vec<String>,
    /// The backup of the source, by its name.
    pub backup: String,
    pub media: MediaChoice,
    /// E-mail addresses or user names of staging's own accounts that are put back.
    pub recreate_users: Vec<String>,
    #[serde(with = "conflict")]
    pub on_conflict: OnConflict,
    pub restore_via: RestoreVia,
    pub skip: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delete: Option<String>,
    /// Whether a staging that a person had closed before the run is opened at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenAtEnd>,
    pub pins: Pins,
}

/// What was seen when the answers were given, and has to be so still when they are acted on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// The tip that staging's branch is reset to.
    pub master: String,
    /// The tip of staging's branch that is given up.
    pub staging: String,
    /// The tips of the chosen branches, in their order.
    pub branches: Vec<String>,
    /// The identifier of the chosen backup, which unlike its name is never given again.
    pub backup: String,
}

/// Which of the source's media are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaChoice {
    /// The images as they were uploaded; the site makes the renditions again.
    Originals,
    All,
    None,
}

/// The answer about a staging that is closed before the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenAtEnd {
    Yes,
    No,
}

/// How the backup comes to staging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RestoreVia {
    /// Through bcops, scrubbed on the way: staging never holds personal data.
    Stream,
    /// Restored by Heroku and then scrubbed in place.
    Heroku,
}

impl Choices {
    /// As a run's flags.
    pub fn to_flags(&self) -> Flags {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields.into_iter().collect(),
            _ => Flags::new(),
        }
    }

    /// From a run's flags. The error says what is wrong with them.
    pub fn from_flags(flags: &Flags) -> Result<Self, String> {
        let fields = flags.clone().into_iter().collect();
        serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())
    }

    pub fn leaves_out(&self, stage: &str) -> bool {
        self.skip.iter().any(|skipped| skipped == stage)
    }

    /// How many objects may go from staging's bucket.
    pub fn max_delete(&self) -> Option<MaxDelete> {
        self.max_delete.as_ref().and_then(|text| text.parse().ok())
    }
}

impl MediaChoice {
    pub fn name(self) -> &'static str {
        match self {
            MediaChoice::Originals => "originals",
            MediaChoice::All => "all",
            MediaChoice::None => "none",
        }
    }
}

impl FromStr for MediaChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "originals" => Ok(MediaChoice::Originals),
            "all" => Ok(MediaChoice::All),
            "none" => Ok(MediaChoice::None),
            _ => Err("write originals, all or none".to_owned()),
        }
    }
}

impl FromStr for OpenAtEnd {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "yes" => Ok(OpenAtEnd::Yes),
            "no" => Ok(OpenAtEnd::No),
            _ => Err("write yes or no".to_owned()),
        }
    }
}

impl fmt::Display for RestoreVia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RestoreVia::Stream => "stream",
            RestoreVia::Heroku => "heroku",
        })
    }
}

impl FromStr for RestoreVia {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "stream" => Ok(RestoreVia::Stream),
            "heroku" => Ok(RestoreVia::Heroku),
            _ => Err("write stream or heroku".to_owned()),
        }
    }
}

/// [`OnConflict`] as the flag spells it.
mod conflict {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::adapters::git::OnConflict;

    pub fn serialize<S: Serializer>(on: &OnConflict, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match on {
            OnConflict::Skip => "skip",
            OnConflict::Stop => "stop",
        })
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<OnConflict, D::Error> {
        match String::deserialize(from)?.as_str() {
            "skip" => Ok(OnConflict::Skip),
            "stop" => Ok(OnConflict::Stop),
            _ => Err(serde::de::Error::custom("on_conflict is neither skip nor stop")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_survive_a_journal() {
        let choices = Choices {
            source: "production".into(),
            destination: "staging".into(),
            agreed: true,
            branches: vec!["feature/a".into()],
            backup: "b007".into(),
            media: MediaChoice::Originals,
            recreate_users: vec!["a@example.test".into()],
            on_conflict: OnConflict::Skip,
            restore_via: RestoreVia::Heroku,
            skip: vec!["media".into()],
            max_delete: Some("30%".into()),
            open: Some(OpenAtEnd::Yes),
            pins: Pins { master: "1".into(), ..Pins::default() },
        };
        let flags = choices.to_flags();
        assert_eq!(flags["on_conflict"], "skip");
        assert_eq!(flags["open"], "yes");
        assert_eq!(Choices::from_flags(&flags), Ok(choices));
        assert!(Choices::from_flags(&Flags::new()).is_err());
    }
}
