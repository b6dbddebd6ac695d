//! Estimates how long a run will take, from the journals of earlier runs.
//!
//! Only completed runs of this machine count. A step that no earlier run had is reported as not
//! known.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::entry::Target;
use super::history::{History, Phase, Standing, StepHistory};
use super::plan::PlannedStep;
use super::run_id::RunId;
use super::store::Runs;
use crate::words;

/// Older runs are ignored, because the site has changed since.
const NEWEST: usize = 30;

/// The amount of work of a step now, and the fact that records the amount in earlier runs.
pub struct Size {
    pub step: &'static str,
    /// The step whose evidence has the fact.
    pub measured_by: &'static str,
    pub fact: &'static str,
    pub now: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    pub seconds: f64,
    /// Steps that no earlier run measured.
    pub unknown_steps: Vec<String>,
    pub last_run: LastRun,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastRun {
    pub run: RunId,
    pub seconds: f64,
}

impl Estimate {
    /// `about 25 min; the last run took 22 min`.
    pub fn in_words(&self) -> String {
        let amount = match self.unknown_steps.is_empty() {
            true => format!("about {}", rounded(self.seconds)),
            false => format!("at least {}", rounded(self.seconds)),
        };
        let mut text = format!("{amount}; the last run took {}", rounded(self.last_run.seconds));
        if !self.unknown_steps.is_empty() {
            text.push_str(&format!(" (not known yet: {})", self.unknown_steps.join(", ")));
        }
        text
    }
}

/// Rounds to a precision that an estimate can have.
fn rounded(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => words::plural(seconds.max(1), "second"),
        60..5400 => format!("{} min", (seconds + 30) / 60),
        _ => words::duration(Duration::from_secs((seconds + 30) / 60 * 60)),
    }
}

/// Estimates from earlier runs of the same command and destination. `None` if there are none.
pub fn estimate(
    runs: &Runs,
    command: &str,
    target: &Target,
    steps: &[PlannedStep],
    sizes: &[Size],
) -> Option<Estimate> {
    let past = past(runs, command, target);
    let (run, newest) = past.first()?;
    let seconds = run.started_at().zip(newest.last_at).filter(|_| newest.resumptions == 0);
    let wall = seconds.map(|(from, to)| to.duration_since(from).as_secs_f64());
    let steps: Vec<&PlannedStep> = steps.iter().filter(|step| !step.left_out).collect();
    let of = |history: &History| -> f64 {
        let recorded = history.started.iter().flat_map(|started| &started.steps);
        recorded.map(|step| history.step(&step.id).seconds).sum()
    };
    let mut total = 0.0;
    let mut unknown_steps = Vec::new();
    for step in steps {
        let known = past.iter().find_map(|(_, history)| {
            seconds_of(&history.step(&step.id)).map(|seconds| seconds * scale(history, step, sizes))
        });
        match known {
            Some(seconds) => total += seconds,
            None => unknown_steps.push(step.id.clone()),
        }
    }
    let last_run = LastRun { run: run.clone(), seconds: wall.unwrap_or_else(|| of(newest)) };
    Some(Estimate { seconds: total, unknown_steps, last_run })
}

/// Completed runs, the newest first.
fn past(runs: &Runs, command: &str, target: &Target) -> Vec<(RunId, History)> {
    let names = runs.names().unwrap_or_default();
    let read = names.into_iter().take(NEWEST).filter_map(|run| {
        let journal = runs.journal(&run).ok()?;
        let history = History::of(journal.records());
        let started = history.started.as_ref()?;
        let same = started.command == command
            && started.target.name == target.name
            && started.target.identity.get("app") == target.identity.get("app");
        let is_done = matches!(history.standing, Standing::Done { .. });
        (same && is_done).then_some((run, history))
    });
    read.collect()
}

/// The time of a finished step. A skipped step took no time, which says nothing about running it.
fn seconds_of(step: &StepHistory) -> Option<f64> {
    match step.phase {
        Phase::Finished { .. } => Some(step.seconds),
        _ => None,
    }
}

/// How much more work there is now than in the earlier run. If that is not known, the same amount
/// is assumed.
fn scale(history: &History, step: &PlannedStep, sizes: &[Size]) -> f64 {
    const SMALL: u64 = 1_000_000;
    let Some(size) = sizes.iter().find(|size| size.step == step.id) else { return 1.0 };
    let Phase::Finished { evidence, .. } = history.step(size.measured_by).phase else { return 1.0 };
    let facts: BTreeMap<&str, Option<u64>> =
        evidence.facts.iter().map(|fact| (fact.name.as_str(), fact.value.as_u64())).collect();
    match facts.get(size.fact).copied().flatten() {
        // Below this size, the number of requests decides the time, not the bytes.
        Some(then) if then > SMALL => size.now as f64 / then as f64,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_exactly_as_they_are_known() {
        let run = RunId::parse("r20260101-000000-0000").expect("a run");
        let last_run = LastRun { run, seconds: 1320.0 };
        let mut estimate = Estimate { seconds: 1503.0, unknown_steps: Vec::new(), last_run };
        assert_eq!(estimate.in_words(), "about 25 min; the last run took 22 min");
        estimate.unknown_steps.push("load".to_owned());
        estimate.seconds = 0.2;
        assert_eq!(
            estimate.in_words(),
            "at least 1 second; the last run took 22 min (not known yet: load)"
        );
        assert_eq!(rounded(7300.0), "2 h 2 min");
    }
}
