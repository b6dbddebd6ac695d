//! What a run will do, bound to what was seen when it was planned.
//!
//! The approval of a plan is worth what the plan observed: a plan that is run after something of
//! that has changed is refused, with the differences by name. The digest covers everything but the
//! time, so that two plans of the same work are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

use super::entry::{Flags, Target};
use super::journal::sync_folder;
use super::redact::Redactor;
use super::step::{Effect, StepKind};
use crate::private_folder;

const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Error)]
pub enum PlanError {
    #[error("the plan {} cannot be written", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the plan {} cannot be read", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a plan", .path.display())]
    NotAPlan { path: PathBuf, source: serde_json::Error },
    #[error("the plan {} was written by another version of bcops", .path.display())]
    Version { path: PathBuf },
    #[error("the plan {} was changed after it was written", .path.display())]
    Tampered { path: PathBuf },
    #[error("the plan would hold a secret in {place} and was not written")]
    Secret { place: String },
    #[error("the plan is stale: {} since it was made", changes(.differences.len()))]
    Stale { differences: Vec<Difference> },
}

fn changes(count: usize) -> String {
    if count == 1 { "one thing has changed".into() } else { format!("{count} things have changed") }
}

/// Something that is not as it was when the plan was made.
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

/// What was seen, by name: identifiers, SHAs, the backup, a digest of the configuration. Nothing that
/// changes by itself, such as an age.
pub type Observations = BTreeMap<String, Value>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
}

/// What a plan is made of.
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
        };
        plan.digest = plan.compute_digest();
        plan
    }

    /// SHA-256 in hexadecimal over everything but the time.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    fn compute_digest(&self) -> String {
        let covered = json!({
            "schema_version": self.schema_version,
            "command": self.command,
            "tool_version": self.tool_version,
            "target": self.target,
            "flags": self.flags,
            "steps": self.steps,
            "observations": self.observations,
        });
        let mut text = String::new();
        canonical(&covered, &mut text);
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Writes the plan for a later run, readable by the user alone, whole or not at all.
    pub fn write(&self, path: &Path, redactor: &Redactor) -> Result<(), PlanError> {
        let fail = |source| PlanError::Write { path: path.to_owned(), source };
        let value = serde_json::to_value(self).map_err(|error| fail(io::Error::other(error)))?;
        for (place, part) in value.as_object().into_iter().flatten() {
            if redactor.finds_in_value(part) {
                return Err(PlanError::Secret { place: place.clone() });
            }
        }
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".new-{}", std::process::id()));
        let fresh = PathBuf::from(name);
        let mut file = private_folder::new_file(&fresh).map_err(fail)?;
        let written = file
            .write_all(format!("{value:#}\n").as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&fresh, path))
            .and_then(|()| sync_folder(path));
        if written.is_err() {
            // What is left of a failed attempt is of no use; that it is there is not the failure.
            let _ = fs::remove_file(&fresh);
        }
        written.map_err(fail)
    }

    /// Reads a plan and makes sure that it is as it was written.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let text = fs::read(path);
        let text = text.map_err(|source| PlanError::Read { path: path.to_owned(), source })?;
        let not_a_plan = |source| PlanError::NotAPlan { path: path.to_owned(), source };
        let value: Value = serde_json::from_slice(&text).map_err(not_a_plan)?;
        if value.get("schema_version") != Some(&json!(SCHEMA_VERSION)) {
            return Err(PlanError::Version { path: path.to_owned() });
        }
        let plan: Plan = serde_json::from_value(value).map_err(not_a_plan)?;
        if plan.compute_digest() != plan.digest {
            return Err(PlanError::Tampered { path: path.to_owned() });
        }
        Ok(plan)
    }

    /// Refuses unless what would be planned now is the same.
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

    /// Everything that the digest covers, each with a name that a person can do something with.
    fn by_name(&self) -> BTreeMap<String, Value> {
        let mut parts = BTreeMap::new();
        parts.insert("the command".to_owned(), json!(self.command));
        parts.insert("bcops' version".to_owned(), json!(self.tool_version));
        parts.insert("the target".to_owned(), json!(self.target.name));
        for (name, value) in &self.target.identity {
            parts.insert(format!("{name} of the target"), json!(value));
        }
        for (name, value) in &self.flags {
            parts.insert(format!("the flag {name}"), value.clone());
        }
        let ids: Vec<&str> = self.steps.iter().map(|step| step.id.as_str()).collect();
        parts.insert("the list of steps".to_owned(), json!(ids));
        for step in &self.steps {
            parts.insert(format!("the step {}", step.id), json!(step));
        }
        for (name, value) in &self.observations {
            parts.insert(name.clone(), value.clone());
        }
        parts
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "not there".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => {
            let mut text = String::new();
            canonical(value, &mut text);
            text
        }
    }
}

/// JSON in the one form that a digest can be made of: names sorted, no blanks.
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
