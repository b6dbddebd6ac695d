//! Finds out whether staging is closed before the run, who closed it, and how it opens again.
//!
//! An earlier run that stopped in its quarantine leaves maintenance mode on and no dynos running,
//! and this run ends both. Otherwise a person closed staging, and a person has to say whether this
//! run may open it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::adapters::heroku::{Formation, HerokuError};

use super::answers::OpenAtEnd;
use super::values::{FORMATION_BEFORE, MAINTENANCE_BEFORE, TAKEN_OVER, TakenOver};
use super::world::Sides;

/// How staging is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    pub maintenance: bool,
    /// No visitor is served: the app has web dynos in its formation, and none of them is running.
    pub no_dynos: bool,
    /// The run that stopped and left staging closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_by: Option<String>,
    /// The formation that staging opens with.
    pub opens_with: Formation,
}

impl Closed {
    /// Describes the state as part of a sentence about the environment.
    pub fn in_words(&self) -> &'static str {
        match (self.maintenance, self.no_dynos) {
            (true, true) => "in maintenance, with no web dyno running",
            (true, false) => "in maintenance",
            (false, _) => "open with no web dyno running",
        }
    }

    /// Whether the run opens staging at its end. `None` if a person has to decide.
    pub fn opens(&self, answer: Option<OpenAtEnd>) -> Option<bool> {
        match (&self.left_by, answer) {
            (Some(_), _) => Some(true),
            (None, Some(answer)) => Some(answer == OpenAtEnd::Yes),
            (None, None) => None,
        }
    }
}

/// The state that a run takes over from an unfinished run.
#[derive(Debug, Clone, Default)]
pub struct Preset {
    /// `Some(false)` if the unfinished run turned maintenance on.
    pub maintenance: Option<bool>,
    /// The formation before the unfinished run stopped the dynos.
    pub formation: Option<Formation>,
    /// The unfinished run.
    pub run: Option<String>,
}

impl Preset {
    /// Reads the state from the values that the run begins with.
    pub fn of(values: &BTreeMap<&'static str, Value>) -> Preset {
        let taken: Option<TakenOver> = value(values, TAKEN_OVER.name());
        Preset {
            maintenance: value(values, MAINTENANCE_BEFORE.name()),
            formation: value(values, FORMATION_BEFORE.name()),
            run: taken.map(|taken| taken.run),
        }
    }

    fn judge(&self, maintenance: bool, formation: &Formation) -> Option<Closed> {
        let no_dynos = formation.serves_nobody();
        if !maintenance && !no_dynos {
            return None;
        }
        let running = self.formation.as_ref().filter(|before| !before.serves_nobody());
        let by_a_person =
            (maintenance && self.maintenance != Some(false)) || (no_dynos && running.is_none());
        let opens_with = running.cloned().unwrap_or_else(|| formation.with_a_web_dyno());
        let left_by = self.run.clone().filter(|_| !by_a_person);
        Some(Closed { maintenance, no_dynos, left_by, opens_with })
    }
}

fn value<T: DeserializeOwned>(values: &BTreeMap<&'static str, Value>, name: &str) -> Option<T> {
    serde_json::from_value(values.get(name)?.clone()).ok()
}

impl Sides {
    /// How staging is closed now, or `None` if it is open.
    pub async fn closed(&self, preset: &Preset) -> Result<Option<Closed>, HerokuError> {
        let maintenance = self.maintenance().await?;
        let formation = self.formation().await?;
        Ok(preset.judge(maintenance, &formation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::heroku::Scale;

    fn formation(quantity: u32) -> Formation {
        Formation([("web".to_owned(), Scale { quantity, size: "Basic".to_owned() })].into())
    }

    fn taken_over() -> Preset {
        let run = Some("first".to_owned());
        Preset { maintenance: Some(false), formation: Some(formation(2)), run }
    }

    #[test]
    fn a_staging_left_closed_by_a_run_opens_with_the_earlier_formation() {
        let closed = taken_over().judge(true, &formation(0)).expect("closed");
        assert_eq!((closed.left_by.as_deref(), closed.opens(None)), (Some("first"), Some(true)));
        assert_eq!(closed.opens_with, formation(2));
        // Someone turned maintenance off in the meantime.
        let closed = taken_over().judge(false, &formation(0)).expect("closed");
        assert_eq!((closed.opens(None), closed.opens_with), (Some(true), formation(2)));
    }

    #[test]
    fn a_person_decides_about_a_staging_that_a_person_closed() {
        for (preset, maintenance, dynos) in [
            (Preset::default(), true, 1),
            (Preset::default(), true, 0),
            (Preset::default(), false, 0),
            // The run that was taken over had found maintenance on.
            (Preset { maintenance: None, ..taken_over() }, true, 0),
            (Preset { formation: None, ..taken_over() }, true, 0),
        ] {
            let closed = preset.judge(maintenance, &formation(dynos)).expect("closed");
            assert_eq!(closed.opens(None), None, "{preset:?}");
            assert_eq!(closed.opens(Some(OpenAtEnd::Yes)), Some(true));
            assert_eq!(closed.opens(Some(OpenAtEnd::No)), Some(false));
            assert!(!closed.opens_with.serves_nobody());
        }
    }

    #[test]
    fn an_open_staging_needs_no_answer() {
        assert_eq!(Preset::default().judge(false, &formation(1)), None);
        assert_eq!(Preset::default().judge(false, &Formation::default()), None);
    }
}
