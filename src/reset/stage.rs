//! Lists the stages of a reset, in the order of the runbook.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Preflight,
    Git,
    Quarantine,
    Database,
    Media,
    Cleanup,
    Comms,
}

impl Stage {
    pub const ALL: [Stage; 7] = [
        Stage::Preflight,
        Stage::Git,
        Stage::Quarantine,
        Stage::Database,
        Stage::Media,
        Stage::Cleanup,
        Stage::Comms,
    ];

    /// The name in journals, plans and flags.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Preflight => "preflight",
            Stage::Git => "git",
            Stage::Quarantine => "quarantine",
            Stage::Database => "database",
            Stage::Media => "media",
            Stage::Cleanup => "cleanup",
            Stage::Comms => "comms",
        }
    }
}

impl From<Stage> for &'static str {
    fn from(stage: Stage) -> &'static str {
        stage.name()
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Stage::ALL.into_iter().find(|stage| stage.name() == text).ok_or_else(|| {
            let known = Stage::ALL.map(Stage::name).join(", ");
            format!("there is no stage {text}; the stages are {known}")
        })
    }
}
