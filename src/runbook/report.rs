//! Makes the report of a run from its journal, for people and programs.
//!
//! People pass a report on to colleagues, into a ticket or to a client. They do not pass on the
//! journal. Facts that name a person ([`super::evidence::Fact::private`]) and the values of steps
//! stay in the journal. The report masks every e-mail address, and secrets a second time.

use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;
use serde_json::Value;

use super::entry::{Ending, RecordedStep, RunStarted};
use super::evidence::{Evidence, Fact, Table};
use super::history::{History, Phase, Standing, StepHistory, UndoPhase};
use super::journal::{Journal, JournalError};
use super::redact::Redactor;

/// Matches e-mail addresses. `git@host:path` is not masked, because `git` is the account of a
/// program.
static E_MAIL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?P<name>[a-z0-9.!#$%&'*+/=?^_`{|}~-]+)@[a-z0-9-]+(?:\.[a-z0-9-]+)+").ok()
});

const MASKED: &str = "[e-mail address]";

#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub schema_version: u32,
    pub run: String,
    pub command: String,
    pub target: String,
    pub identity: Vec<(String, String)>,
    pub plan_digest: Option<String>,
    pub tool_version: String,
    pub who: String,
    pub host: String,
    pub status: &'static str,
    pub started_at: Option<jiff::Timestamp>,
    pub last_at: Option<jiff::Timestamp>,
    /// From the first record to the last one, pauses included.
    pub seconds: f64,
    pub resumptions: u32,
    pub steps: Vec<StepReport>,
    pub warnings: Vec<String>,
    /// Commands that continue the run or roll it back.
    pub next: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    pub id: String,
    pub stage: String,
    pub kind: &'static str,
    pub description: String,
    pub outcome: &'static str,
    /// Why the step failed, was skipped, or was not put back.
    pub reason: Option<String>,
    pub attempts: u32,
    pub seconds: f64,
    pub warnings: Vec<String>,
    pub facts: Vec<Fact>,
    pub tables: Vec<Table>,
    pub undo_hint: Option<String>,
}

impl Report {
    pub fn from_journal(journal: &Journal) -> Result<Self, JournalError> {
        let started = journal.beginning()?;
        let history = History::of(journal.records());
        let mask = Mask { redactor: Redactor::new() };
        let started_at = journal.records().first().map(|record| record.at);
        let seconds = match (started_at, history.last_at) {
            (Some(first), Some(last)) => last.duration_since(first).as_secs_f64(),
            _ => 0.0,
        };
        let steps: Vec<StepReport> =
            started.steps.iter().map(|step| step_report(step, &history, &mask)).collect();
        let warnings = steps.iter().flat_map(|step| step.warnings.iter().cloned()).collect();
        let identity = started.target.identity.iter();
        Ok(Report {
            schema_version: 1,
            run: started.run.to_string(),
            command: mask.text(&started.command),
            target: mask.text(&started.target.name),
            identity: identity.map(|(name, value)| (name.clone(), mask.text(value))).collect(),
            plan_digest: started.plan_digest.clone(),
            tool_version: started.tool_version.clone(),
            who: mask.text(&started.operator.who),
            host: started.operator.host.clone(),
            status: status(&history.standing),
            started_at,
            last_at: history.last_at,
            seconds,
            resumptions: history.resumptions,
            steps,
            warnings,
            next: next(started, &history, &mask),
        })
    }
}

fn status(standing: &Standing) -> &'static str {
    match standing {
        Standing::Open => "stopped, or still running",
        Standing::Interrupted => "stopped",
        Standing::Failed { .. } => "failed",
        Standing::Waiting { .. } => "waiting for a decision",
        Standing::Done { warnings: false } => "done",
        Standing::Done { warnings: true } => "done, with warnings",
        Standing::RollingBack => "rollback begun and not complete",
        Standing::RolledBack => "rolled back",
    }
}

fn next(started: &RunStarted, history: &History, mask: &Mask) -> Vec<String> {
    let (resume, back) = (started.run.resume_command(), started.run.rollback_command());
    match &history.standing {
        Standing::Waiting { flag, .. } => vec![mask.text(&format!("{resume} {flag}")), back],
        Standing::Open | Standing::Interrupted | Standing::Failed { .. } => vec![resume, back],
        Standing::Done { .. } | Standing::RollingBack => vec![back],
        Standing::RolledBack => Vec::new(),
    }
}

fn step_report(step: &RecordedStep, history: &History, mask: &Mask) -> StepReport {
    let known = history.step(&step.id);
    let (outcome, reason) = outcome(&known);
    let (facts, tables) = evidence(&known, mask);
    StepReport {
        id: step.id.clone(),
        stage: step.stage.clone(),
        kind: step.kind.name(),
        description: mask.text(&step.description),
        outcome,
        reason: reason.map(|reason| mask.text(&reason)),
        attempts: known.attempts,
        seconds: known.seconds,
        warnings: known.warnings.iter().map(|text| mask.text(text)).collect(),
        facts,
        tables,
        undo_hint: known.undo_hint.as_ref().map(|hint| mask.text(hint)),
    }
}

fn outcome(known: &StepHistory) -> (&'static str, Option<String>) {
    match (&known.undo, &known.phase) {
        (UndoPhase::Undone { .. }, _) => ("put back", None),
        (UndoPhase::UnderWay, _) => ("being put back", None),
        (UndoPhase::Failed { message, .. }, _) => ("could not be put back", Some(message.clone())),
        (UndoPhase::Left { reason }, _) => ("not put back", Some(reason.clone())),
        (UndoPhase::NotBegun, phase) => match phase {
            Phase::Ahead => ("not reached", None),
            Phase::UnderWay => ("under way", None),
            Phase::Acted { .. } => ("done, not verified", None),
            Phase::Failed { message, .. } => ("failed", Some(message.clone())),
            Phase::Finished { ending: Ending::Done, .. } => ("done", None),
            Phase::Finished { ending: Ending::AlreadySo, .. } => ("already so", None),
            Phase::Finished { ending: Ending::Warning, .. } => ("done, with a warning", None),
            Phase::Skipped { reason, .. } => ("skipped", Some(reason.clone())),
            Phase::LeftOut { reason } => ("left out", Some(reason.clone())),
        },
    }
}

/// The evidence that may be passed on, masked.
fn evidence(known: &StepHistory, mask: &Mask) -> (Vec<Fact>, Vec<Table>) {
    let mut seen: Vec<&Evidence> = match &known.phase {
        Phase::Acted { evidence, .. } | Phase::Skipped { evidence, .. } => vec![evidence],
        Phase::Finished { evidence, verified, .. } => vec![evidence, verified],
        _ => Vec::new(),
    };
    if let UndoPhase::Undone { evidence, verified } = &known.undo {
        seen.extend([evidence, verified]);
    }
    let facts = seen.iter().flat_map(|one| &one.facts).filter(|fact| !fact.private);
    let tables = seen.iter().flat_map(|one| &one.tables).filter(|table| !table.private);
    let clean_fact = |fact: &Fact| Fact {
        name: mask.text(&fact.name),
        value: mask.value(fact.value.clone()),
        private: false,
    };
    let clean_table = |table: &Table| Table {
        title: mask.text(&table.title),
        columns: table.columns.iter().map(|column| mask.text(column)).collect(),
        rows: table
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| mask.value(cell.clone())).collect())
            .collect(),
        private: false,
    };
    (facts.map(clean_fact).collect(), tables.map(clean_table).collect())
}

/// Removes from texts what must not be passed on.
struct Mask {
    redactor: Redactor,
}

impl Mask {
    fn text(&self, text: &str) -> String {
        let text = self.redactor.clean(text);
        let Some(pattern) = E_MAIL.as_ref() else { return text };
        let masked = pattern.replace_all(&text, |found: &regex::Captures<'_>| {
            let is_program = found.name("name").is_some_and(|name| name.as_str() == "git");
            let whole = found.get(0).map_or("", |all| all.as_str());
            if is_program { whole.to_owned() } else { MASKED.to_owned() }
        });
        masked.into_owned()
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.value(item)).collect())
            }
            Value::Object(map) => Value::Object(
                map.into_iter()
                    .map(|(name, value)| (self.text(&name), self.value(value)))
                    .collect(),
            ),
            other => other,
        }
    }
}
