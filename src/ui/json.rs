//! The one document that `--json` prints.

use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::CommandError;

/// What a command has to say to a program.
#[derive(Debug)]
pub struct Document {
    command: String,
    outcome: Result<Value, Failure>,
    /// Whether a command that did its work found that something is wrong.
    all_well: bool,
}

#[derive(Debug, Serialize)]
struct Failure {
    kind: &'static str,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
    #[serde(skip)]
    refused: bool,
    #[serde(skip)]
    result: Value,
}

impl Document {
    /// `all_well` is false where the result itself tells of a failure, as a failed check does.
    pub fn done(command: &str, result: Value, all_well: bool) -> Self {
        Document { command: command.to_owned(), outcome: Ok(result), all_well }
    }

    pub fn failed(command: &str, error: &CommandError) -> Self {
        let failure = Failure {
            kind: error.kind.name(),
            message: error.to_string(),
            causes: error.causes(),
            hints: error.hint_texts(),
            refused: error.kind.is_refusal(),
            result: error.result.clone(),
        };
        Document { command: command.to_owned(), outcome: Err(failure), all_well: false }
    }

    pub fn render(&self, warnings: &[String]) -> String {
        let (status, result, error) = match &self.outcome {
            Ok(result) => {
                let status = if self.all_well { "ok" } else { "failed" };
                (status, result.clone(), Value::Null)
            }
            Err(failure) => {
                let status = if failure.refused { "refused" } else { "failed" };
                (status, failure.result.clone(), json!(failure))
            }
        };
        json!({
            "schema_version": 1,
            "command": self.command,
            "status": status,
            "result": result,
            "warnings": warnings,
            "error": error,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

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
