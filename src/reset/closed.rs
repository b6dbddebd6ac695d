//! Whether staging is closed before the run, who closed it, and how it opens again.
//!
//! Maintenance mode and dynos at zero before a run are not a wish by themselves. An earlier run that
//! stopped in its quarantine leaves both behind, and this run ends them. Otherwise a person closed
//! staging, and a person says whether this run may open it.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::adapters::heroku::{Formation, HerokuError};
use crate::runbook::{History, Journal, RunId, Runs, Standing};

use super::choices::OpenAtEnd;
use super::values::{CLOSED_BEFORE, FORMATION_BEFORE, MAINTENANCE_BEFORE};
use super::world::{Surroundings, World};

/// How staging is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    pub maintenance: bool,
    /// Nobody is served: the app has web dynos in its formation, and none of them runs.
    pub no_dynos: bool,
    /// The run that stopped and left it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_by: Option<String>,
    /// The formation that it opens with.
    pub opens_with: Formation,
}

impl Closed {
    /// In words, as a part of a sentence about the environment.
    pub fn in_words(&self) -> &'static str {
        match (self.maintenance, self.no_dynos) {
            (true, true) => "in maintenance, with no web dyno running",
            (true, false) => "in maintenance",
            (false, _) => "open with no web dyno running",
        }
    }

    /// Whether the run opens staging at its end. `None` where a person has to say it.
    pub fn opens(&self, answer: Option<OpenAtEnd>) -> Option<bool> {
        match (&self.left_by, answer) {
            (Some(_), _) => Some(true),
            (None, Some(answer)) => Some(answer == OpenAtEnd::Yes),
            (None, None) => None,
        }
    }
}

/// What an earlier run says of the present state.
#[derive(Debug, Clone, PartialEq)]
enum Says {
    /// It left staging closed, and this is how it was before.
    LeftClosed { run: String, before: Option<Formation> },
    /// It came to an end, or a person had closed staging before it.
    NotIt,
    /// It has not touched staging's openness, or has put it back: an older run knows more.
    Nothing,
}

fn says(run: &str, history: &History) -> Says {
    match history.standing {
        Standing::Done { .. } => return Says::NotIt,
        Standing::RolledBack => return Says::Nothing,
        _ => {}
    }
    if history.step("open").is_finished() {
        return Says::NotIt;
    }
    let value = |name: &str| history.value(name).cloned();
    let before: Option<Formation> =
        value(FORMATION_BEFORE.name()).and_then(|kept| serde_json::from_value(kept).ok());
    let closed: Option<Option<Closed>> =
        value(CLOSED_BEFORE.name()).and_then(|kept| serde_json::from_value(kept).ok());
    match (value(MAINTENANCE_BEFORE.name()), closed) {
        (None, _) => Says::Nothing,
        // It found what a run before it had left.
        (Some(_), Some(Some(Closed { left_by: Some(_), opens_with, .. }))) => {
            Says::LeftClosed { run: run.to_owned(), before: Some(opens_with) }
        }
        (Some(_), Some(Some(_))) => Says::NotIt,
        (Some(on), _) if on == serde_json::Value::Bool(false) => {
            Says::LeftClosed { run: run.to_owned(), before }
        }
        (Some(_), _) => Says::NotIt,
    }
}

/// The first that knows, of histories from the newest to the oldest.
fn first_that_knows<'h>(
    histories: impl Iterator<Item = (String, &'h History)>,
) -> Option<(String, Option<Formation>)> {
    for (run, history) in histories {
        match says(&run, history) {
            Says::LeftClosed { run, before } => return Some((run, before)),
            Says::NotIt => return None,
            Says::Nothing => {}
        }
    }
    None
}

impl Surroundings {
    /// How staging is closed now, or `None` where it is open. `this` run is not an earlier one.
    pub async fn closed(&self, this: Option<&RunId>) -> Result<Option<Closed>, HerokuError> {
        let app = self.heroku.app(self.app.id()).await?;
        let formation = self.heroku.formation(self.app.id()).await?;
        let no_dynos = formation.serves_nobody();
        if !app.maintenance && !no_dynos {
            return Ok(None);
        }
        let earlier = self.earlier_runs(this);
        let left = first_that_knows(earlier.iter().map(|(run, history)| (run.clone(), history)));
        let (left_by, before) = left.map_or((None, None), |(run, before)| (Some(run), before));
        let before = before.filter(|before| !before.serves_nobody());
        let opens_with = before.unwrap_or_else(|| formation.with_a_web_dyno());
        Ok(Some(Closed { maintenance: app.maintenance, no_dynos, left_by, opens_with }))
    }

    /// What this machine knows of earlier runs at this app, the latest first.
    fn earlier_runs(&self, this: Option<&RunId>) -> Vec<(String, History)> {
        let runs = Runs::in_state_folder(&self.settings.state_directory.value);
        let names = runs.names().unwrap_or_default();
        let mut found: Vec<(String, History)> = names
            .into_iter()
            .filter(|name| Some(name) != this)
            // A journal that cannot be read says nothing: then a person is asked.
            .filter_map(|name| Some((name.to_string(), runs.journal(&name).ok()?)))
            .filter(|(_, journal)| self.is_of_this_app(journal))
            .map(|(name, journal)| (name, History::of(journal.records())))
            .collect();
        found.sort_by_key(|(_, history)| Reverse(history.last_at));
        found
    }

    fn is_of_this_app(&self, journal: &Journal) -> bool {
        let app = |journal: &Journal| journal.beginning().ok()?.target.identity.get("app").cloned();
        app(journal).is_some_and(|app| app == self.app.id())
    }
}

impl World {
    /// The command that opens staging by hand.
    pub fn opening_command(&self, formation: &Formation) -> String {
        let app = self.app.name();
        format!("heroku ps:scale {formation} --app {app} && heroku maintenance:off --app {app}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::adapters::heroku::Scale;
    use crate::runbook::entry::{EndStatus, Entry, Record, SCHEMA_VERSION};

    fn formation(quantity: u32) -> Formation {
        Formation([("web".to_owned(), Scale { quantity, size: "Basic".to_owned() })].into())
    }

    fn history(entries: Vec<Entry>) -> History {
        let record = |(number, entry)| Record {
            schema_version: SCHEMA_VERSION,
            sequence: number as u64,
            at: jiff::Timestamp::UNIX_EPOCH,
            entry,
        };
        let records: Vec<Record> = entries.into_iter().enumerate().map(record).collect();
        History::of(&records)
    }

    fn value(key: &str, value: impl Serialize) -> Entry {
        let value = serde_json::to_value(value).expect("a value");
        Entry::Value { step: "maintenance".to_owned(), key: key.to_owned(), value }
    }

    fn quarantined(was_on: bool) -> Vec<Entry> {
        vec![value("maintenance_before", was_on), value("formation_before", formation(2))]
    }

    fn knows(histories: &[History]) -> Option<(String, Option<Formation>)> {
        let names = (0..).map(|number: u32| number.to_string());
        first_that_knows(names.zip(histories))
    }

    #[test]
    fn a_run_that_stopped_in_its_quarantine_left_staging_closed() {
        let stopped = history(quarantined(false));
        assert_eq!(knows(&[stopped]), Some(("0".to_owned(), Some(formation(2)))));
    }

    #[test]
    fn what_a_person_closed_before_a_run_stays_a_persons() {
        let found_closed = history(quarantined(true));
        let older = history(quarantined(false));
        assert_eq!(knows(&[found_closed, older]), None);
    }

    #[test]
    fn a_run_that_ended_has_left_nothing_behind() {
        let mut entries = quarantined(false);
        entries.push(Entry::RunFinished { status: EndStatus::Done });
        let older = history(quarantined(false));
        assert_eq!(knows(&[history(entries), older]), None);
    }

    #[test]
    fn a_run_that_closed_nothing_hides_no_older_one() {
        let older = history(quarantined(false));
        let untouched = history(Vec::new());
        assert_eq!(knows(&[untouched, older]).map(|found| found.0), Some("1".to_owned()));
    }

    #[test]
    fn what_a_run_inherited_it_passes_on() {
        let inherited = Closed {
            maintenance: true,
            no_dynos: true,
            left_by: Some("first".to_owned()),
            opens_with: formation(3),
        };
        let second = history(vec![
            value("closed_before", Some(&inherited)),
            value("maintenance_before", true),
            value("formation_before", formation(0)),
        ]);
        assert_eq!(knows(&[second]), Some(("0".to_owned(), Some(formation(3)))));
        let by_a_person = Closed { left_by: None, ..inherited };
        let third = history(vec![
            value("closed_before", Some(&by_a_person)),
            value("maintenance_before", json!(false)),
        ]);
        assert_eq!(knows(&[third]), None);
    }

    #[test]
    fn a_person_answers_for_what_a_person_closed() {
        let closed =
            Closed { maintenance: true, no_dynos: false, left_by: None, opens_with: formation(1) };
        assert_eq!(closed.opens(None), None);
        assert_eq!(closed.opens(Some(OpenAtEnd::Yes)), Some(true));
        assert_eq!(closed.opens(Some(OpenAtEnd::No)), Some(false));
        let left = Closed { left_by: Some("r".to_owned()), ..closed };
        assert_eq!(left.opens(Some(OpenAtEnd::No)), Some(true));
    }
}
