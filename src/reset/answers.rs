//! Holds the answers to the runbook's questions, and the observations they were given for.
//!
//! The answers are the flags of the run in its journal, so a resumed run continues with the same
//! answers. A plan is valid only for the same answers.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::adapters::git::{Branch, Oid, OnConflict};
use crate::media::MaxDelete;
use crate::runbook::Flags;

use super::stage::Stage;

/// The options that a flag or its default decides, without observing anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The environment that staging is made from.
    pub source: String,
    pub destination: String,
    /// Whether the client and the other developers have agreed.
    pub agreed: bool,
    pub media: MediaChoice,
    pub on_conflict: OnConflict,
    pub restore_via: RestoreVia,
    pub skip: Vec<Stage>,
    /// How many objects may be deleted from staging's bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delete: Option<MaxDelete>,
    /// Whether the run opens a staging that a person had closed before the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenAtEnd>,
}

/// The answers, and what was observed when they were given. The observations must still be true
/// when the run acts on the answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Recorded", into = "Recorded")]
pub struct Answers {
    pub options: Options,
    /// The branches that are merged on top of master, in this order.
    pub branches: Vec<Branch>,
    pub backup: ChosenBackup,
    /// E-mail addresses or usernames of staging's own accounts that are put back.
    pub recreate_users: Vec<String>,
    /// The tip that staging's branch is reset to.
    pub master: Oid,
    /// The tip of staging's branch that is replaced.
    pub staging: Oid,
}

/// The backup of the source that is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenBackup {
    pub name: String,
    /// Heroku's identifier, which is never reused, unlike the name.
    pub id: String,
}

/// The answers as journals and plans store them, with branches and their tips in separate lists.
#[derive(Clone, Serialize, Deserialize)]
struct Recorded {
    #[serde(flatten)]
    options: Options,
    branches: Vec<String>,
    backup: String,
    recreate_users: Vec<String>,
    pins: Pins,
}

#[derive(Clone, Serialize, Deserialize)]
struct Pins {
    master: String,
    staging: String,
    branches: Vec<String>,
    backup: String,
}

impl From<Answers> for Recorded {
    fn from(answers: Answers) -> Recorded {
        let Answers { options, branches, backup, recreate_users, master, staging } = answers;
        let tips = branches.iter().map(|one| one.commit.to_string()).collect();
        Recorded {
            options,
            branches: branches.into_iter().map(|one| one.name).collect(),
            backup: backup.name,
            recreate_users,
            pins: Pins {
                master: master.to_string(),
                staging: staging.to_string(),
                branches: tips,
                backup: backup.id,
            },
        }
    }
}

impl TryFrom<Recorded> for Answers {
    type Error = String;

    fn try_from(recorded: Recorded) -> Result<Answers, String> {
        let Recorded { options, branches, backup, recreate_users, pins } = recorded;
        if branches.len() != pins.branches.len() {
            return Err(format!("{} branches have {} tips", branches.len(), pins.branches.len()));
        }
        let commit = |text: &String| {
            Oid::from_str(text).map_err(|_| format!("{text} is not the id of a commit"))
        };
        let branch = |(name, tip)| Ok(Branch { name, commit: commit(tip)? });
        Ok(Answers {
            options,
            branches: branches
                .into_iter()
                .zip(&pins.branches)
                .map(branch)
                .collect::<Result<_, String>>()?,
            backup: ChosenBackup { name: backup, id: pins.backup },
            recreate_users,
            master: commit(&pins.master)?,
            staging: commit(&pins.staging)?,
        })
    }
}

/// Which of the source's media are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaChoice {
    /// The images as they were uploaded. The site makes the renditions again.
    Originals,
    All,
    None,
}

/// The answer for a staging that is closed before the run.
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
    /// Through bcops, scrubbed on the way. Staging never contains personal data.
    Stream,
    /// Restored by Heroku and then scrubbed in place.
    Heroku,
}

impl Options {
    pub fn leaves_out(&self, stage: Stage) -> bool {
        self.skip.contains(&stage)
    }

    pub fn runs(&self, stage: Stage) -> bool {
        !self.leaves_out(stage)
    }

    /// Whether any step uses the buckets. A bucket that no step uses does not have to answer.
    pub fn copies_media(&self) -> bool {
        self.runs(Stage::Media) && self.media != MediaChoice::None
    }
}

/// Steps read the options as fields of the answers.
impl Deref for Answers {
    type Target = Options;

    fn deref(&self) -> &Options {
        &self.options
    }
}

impl Answers {
    /// Converts the answers to a run's flags.
    pub fn to_flags(&self) -> Flags {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields.into_iter().collect(),
            _ => Flags::new(),
        }
    }

    /// Reads the answers from a run's flags. The error says what is wrong with the flags.
    pub fn from_flags(flags: &Flags) -> Result<Self, String> {
        let fields = flags.clone().into_iter().collect();
        serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())
    }

    /// The names of the chosen branches.
    pub fn branch_names(&self) -> Vec<&str> {
        self.branches.iter().map(|one| one.name.as_str()).collect()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flags(max_delete: &str) -> Flags {
        let tip = |digit: &str| digit.repeat(40);
        let flags = json!({
            "source": "production", "destination": "staging", "agreed": true,
            "branches": ["feature/a"], "backup": "b007", "media": "originals",
            "recreate_users": ["a@example.test"], "on_conflict": "skip", "restore_via": "heroku",
            "skip": ["media"], "max_delete": max_delete, "open": "yes",
            "pins": {
                "master": tip("1"), "staging": tip("2"), "branches": [tip("3")], "backup": "u",
            },
        });
        serde_json::from_value(flags).expect("flags")
    }

    #[test]
    fn answers_survive_a_journal() {
        let flags = flags("30%");
        let answers = Answers::from_flags(&flags).expect("answers");
        assert_eq!(answers.branch_names(), ["feature/a"]);
        assert_eq!(answers.branches[0].commit.to_string(), "3".repeat(40));
        assert!(answers.leaves_out(Stage::Media) && answers.open == Some(OpenAtEnd::Yes));
        assert_eq!(answers.to_flags(), flags);
        assert!(Answers::from_flags(&Flags::new()).is_err());
        let mut without_a_tip = flags;
        without_a_tip.insert("branches".to_owned(), json!(["feature/a", "feature/b"]));
        assert!(Answers::from_flags(&without_a_tip).is_err());
    }

    #[test]
    fn a_reset_without_media_does_not_use_the_buckets() {
        let with = |media: &str, skip: &[&str]| {
            let mut flags = flags("30%");
            flags.insert("media".to_owned(), json!(media));
            flags.insert("skip".to_owned(), json!(skip));
            Answers::from_flags(&flags).expect("answers").copies_media()
        };
        assert!(!with("none", &["comms"]) && !with("originals", &["comms", "media"]));
        assert!(with("originals", &["comms"]));
    }

    /// Such a limit once counted as no limit.
    #[test]
    fn a_limit_that_cannot_be_read_is_an_error() {
        let error = Answers::from_flags(&flags("many")).expect_err("no limit");
        assert!(error.contains("30%"), "{error}");
    }
}
