//! Describes what a run will do, and what bcops observed when it made the plan.
//!
//! An approval is valid only while the observations are. If something that the plan observed has
//! changed, the plan is refused, and each difference is named. The digest covers everything except
//! the time, so two plans of the same work have the same digest. The checksum covers the whole
//! file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

use super::entry::{Flags, Target};
use super::redact::Redactor;
use super::step::{Effect, StepKind};
use crate::failure::{CommandError, FailureKind};
use crate::private_folder;

/// Version 1 was valid only on the machine that made the plan.
const SCHEMA_VERSION: u32 = 2;

#[derive(Debug, Error)]
pub enum PlanError {
    #[error("cannot write the plan {}", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read the plan {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot read {}: it is not a plan", .path.display())]
    NotAPlan { path: PathBuf, source: serde_json::Error },
    #[error("cannot use the plan {}: another version of bcops wrote it", .path.display())]
    Version { path: PathBuf },
    #[error("cannot use the plan {}: it was changed after it was written", .path.display())]
    Tampered { path: PathBuf },
    #[error("cannot write the plan: its {place} would contain a secret")]
    Secret { place: String },
    #[error("the plan is stale: {} since it was made", changes(.differences.len()))]
    Stale { differences: Vec<Difference> },
}

fn changes(count: usize) -> String {
    if count == 1 { "one thing has changed".into() } else { format!("{count} things have changed") }
}

/// Something that has changed since the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub name: String,
    pub was: String,
    pub is: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} was {} and is {}", self.name, self.was, self.is)
    }
}

/// A step in a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    pub id: String,
    pub stage: String,
    pub kind: StepKind,
    pub description: String,
    pub effects: Vec<Effect>,
    pub left_out: bool,
}

/// The observations by name, in words that a person can compare: identifiers, tips of branches, the
/// backup, settings that decide what is changed. They include nothing that changes by itself, such
/// as an age, and nothing that belongs to one machine.
pub type Observations = BTreeMap<String, Value>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    schema_version: u32,
    pub command: String,
    pub tool_version: String,
    pub made_at: jiff::Timestamp,
    pub target: Target,
    pub flags: Flags,
    pub steps: Vec<PlannedStep>,
    pub observations: Observations,
    digest: String,
    checksum: String,
}

/// The parts of a plan.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    pub command: String,
    pub target: Target,
    pub flags: Flags,
    pub steps: Vec<PlannedStep>,
    pub observations: Observations,
}

impl Plan {
    pub fn new(parts: Parts) -> Self {
        let Parts { command, target, flags, steps, observations } = parts;
        let mut plan = Plan {
            schema_version: SCHEMA_VERSION,
            command,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            made_at: jiff::Timestamp::now(),
            target,
            flags,
            steps,
            observations,
            digest: String::new(),
            checksum: String::new(),
        };
        plan.digest = sha256(&plan.covered());
        plan.checksum = plan.compute_checksum();
        plan
    }

    /// The SHA-256 over everything except the time, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What the digest covers.
    fn covered(&self) -> Value {
        json!({
            "schema_version": self.schema_version,
            "command": self.command,
            "tool_version": self.tool_version,
            "target": self.target,
            "flags": self.flags,
            "steps": self.steps,
            "observations": self.observations,
        })
    }

    /// Computes the checksum over the work, the time and the digest.
    fn compute_checksum(&self) -> String {
        sha256(&json!({ "work": self.covered(), "made_at": self.made_at, "digest": self.digest }))
    }

    /// Writes the plan for a later run, readable only by the user. The file is written completely
    /// or not at all.
    pub fn write(&self, path: &Path, redactor: &Redactor) -> Result<(), PlanError> {
        let fail = |source| PlanError::Write { path: path.to_owned(), source };
        let value = serde_json::to_value(self).map_err(|error| fail(io::Error::other(error)))?;
        for (place, part) in value.as_object().into_iter().flatten() {
            if redactor.finds_in_value(part) {
                return Err(PlanError::Secret { place: place.clone() });
            }
        }
        private_folder::write(path, format!("{value:#}\n").as_bytes()).map_err(fail)
    }

    /// Reads a plan, and refuses it if it was changed after it was written.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let text = fs::read(path);
        let text = text.map_err(|source| PlanError::Read { path: path.to_owned(), source })?;
        let not_a_plan = |source| PlanError::NotAPlan { path: path.to_owned(), source };
        let value: Value = serde_json::from_slice(&text).map_err(not_a_plan)?;
        if value.get("schema_version") != Some(&json!(SCHEMA_VERSION)) {
            return Err(PlanError::Version { path: path.to_owned() });
        }
        let plan: Plan = serde_json::from_value(value).map_err(not_a_plan)?;
        if plan.compute_checksum() != plan.checksum || sha256(&plan.covered()) != plan.digest {
            return Err(PlanError::Tampered { path: path.to_owned() });
        }
        Ok(plan)
    }

    /// Refuses the plan unless a plan made now is the same.
    pub fn check_fresh(&self, now: &Plan) -> Result<(), PlanError> {
        let (was, is) = (self.by_name(), now.by_name());
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        let differences: Vec<Difference> = names
            .into_iter()
            .filter(|name| was.get(*name) != is.get(*name))
            .map(|name| Difference {
                name: name.clone(),
                was: shown(was.get(name)),
                is: shown(is.get(name)),
            })
            .collect();
        if differences.is_empty() { Ok(()) } else { Err(PlanError::Stale { differences }) }
    }

    /// Everything that an approval covers, each with a name that a person understands. The version
    /// and the descriptions of steps are not covered, because they change nothing.
    fn by_name(&self) -> BTreeMap<String, Value> {
        let mut parts = BTreeMap::new();
        parts.insert("the command".to_owned(), json!(self.command));
        parts.insert("the target".to_owned(), json!(self.target.name));
        for (name, value) in &self.target.identity {
            parts.insert(format!("{name} of the target"), json!(value));
        }
        // A flag that holds an object is an observation, and observations have their own names.
        for (name, value) in self.flags.iter().filter(|(_, value)| !value.is_object()) {
            parts.insert(format!("the answer {name}"), value.clone());
        }
        let ids = self.steps.iter().filter(|step| !step.left_out).map(|step| step.id.as_str());
        parts.insert("the list of steps".to_owned(), json!(ids.collect::<Vec<_>>()));
        for step in self.steps.iter().filter(|step| !step.left_out && !step.effects.is_empty()) {
            let effects: Vec<&str> = step.effects.iter().map(|one| one.what.as_str()).collect();
            parts.insert(format!("what the step {} changes", step.id), json!(effects.join("; ")));
        }
        for (name, value) in &self.observations {
            parts.insert(name.clone(), value.clone());
        }
        parts
    }
}

fn sha256(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "not there".to_owned(),
        Some(Value::Null) => "not set".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.is_empty() => "none".to_owned(),
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        Some(value) => {
            let mut text = String::new();
            canonical(value, &mut text);
            text
        }
    }
}

/// Writes JSON in one canonical form for the digest: sorted names, no blanks.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            text.push('{');
            for (index, (name, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                canonical(item, text);
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Stale { ref differences } => {
                let hints: Vec<String> = differences.iter().map(ToString::to_string).collect();
                let error = CommandError::wrap(FailureKind::StalePlan, error).with_hints(hints);
                error.hint("make a new plan and read it: --plan-out FILE")
            }
            PlanError::Secret { .. } => CommandError::wrap(FailureKind::Unexpected, error),
            PlanError::Version { .. } | PlanError::Tampered { .. } => {
                CommandError::wrap(FailureKind::Configuration, error)
                    .hint("make a new plan and read it: --plan-out FILE")
            }
            PlanError::Write { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("name a file in a folder that you may write to: --plan-out FILE"),
            PlanError::Read { .. } | PlanError::NotAPlan { .. } => {
                CommandError::wrap(FailureKind::Configuration, error)
                    .hint("write a plan first: bcops reset-staging --plan-out FILE")
            }
        }
    }
}
