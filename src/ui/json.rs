//! Builds the one document that `--json` prints.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::failure::{CommandError, FailureKind};
use crate::json;
use crate::retry::Retry;

/// The result of a command, for a program.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Document {
    /// 1. A change that an older reader would not understand gets another number.
    schema_version: u32,
    command: String,
    /// `refused`: nothing was begun. `failed` without an error: the result reports the failure.
    status: Status,
    /// See below. `null` where a command failed before it had a result.
    result: Value,
    /// The warnings that a person saw.
    warnings: Vec<String>,
    error: Option<Failure>,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Failed,
    Refused,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Failure {
    /// Each kind has its own exit code.
    kind: FailureKind,
    message: String,
    /// The outermost first.
    causes: Vec<String>,
    /// How to fix it: mostly commands.
    hints: Vec<String>,
    /// `safe`: repeat the command, perhaps later. `after-fixing`: a person fixes the cause first.
    /// `look-first`: something may have changed, so a person reads the message and its hints first.
    retry: Retry,
}

impl Document {
    /// `all_well` is false where the result itself reports a failure, as a failed check does.
    pub fn done(command: &str, result: Value, all_well: bool) -> Self {
        let status = if all_well { Status::Ok } else { Status::Failed };
        Document { status, result, ..Document::new(command) }
    }

    pub fn failed(command: &str, error: &CommandError) -> Self {
        let failure = Failure {
            kind: error.kind,
            message: error.to_string(),
            causes: error.causes(),
            hints: error.hint_texts(),
            retry: error.retry(command),
        };
        let status = if error.kind.is_refusal() { Status::Refused } else { Status::Failed };
        let (result, error) = (error.result.clone(), Some(failure));
        Document { status, result, error, ..Document::new(command) }
    }

    fn new(command: &str) -> Self {
        let (status, result, warnings) = (Status::Ok, Value::Null, Vec::new());
        let command = command.to_owned();
        Document { schema_version: 1, command, status, result, warnings, error: None }
    }

    pub fn render(&self, warnings: &[String]) -> String {
        json::document(Document { warnings: warnings.to_vec(), ..self.clone() }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_not_a_failure() {
        let error = CommandError::new(FailureKind::Refused, "no").hint("do this");
        let text = Document::failed("pull-data", &error).render(&["careful".to_owned()]);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["status"], "refused");
        assert_eq!(value["schema_version"], 1);
        assert_eq!(value["error"]["kind"], "refused");
        assert_eq!(value["error"]["hints"][0], "do this");
        assert_eq!(value["warnings"][0], "careful");
        let text =
            Document::failed("x", &CommandError::new(FailureKind::PersonalData, "no")).render(&[]);
        assert!(text.contains(r#""status":"failed""#));
    }
}
