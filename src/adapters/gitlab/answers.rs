//! Reads GitLab's answers, as far as bcops uses them.

use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

/// The owner of the token. The token of a project or a group has its own bot user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    pub id: u64,
    pub username: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Project {
    pub id: u64,
    pub path_with_namespace: String,
    #[serde(default)]
    permissions: Option<Permissions>,
}

/// The role of the token's user in the project and in its group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Permissions {
    #[serde(default)]
    project_access: Option<Access>,
    #[serde(default)]
    group_access: Option<Access>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Access {
    access_level: u64,
}

impl Project {
    /// The role of the token's user, if GitLab reports one. Developers and higher roles may push.
    pub fn role(&self) -> Option<&'static str> {
        let permissions = self.permissions.as_ref()?;
        let both = [&permissions.project_access, &permissions.group_access];
        let level = both.into_iter().flatten().map(|access| access.access_level).max()?;
        Some(match level {
            50.. => "Owner",
            40.. => "Maintainer",
            30.. => "Developer",
            20.. => "Reporter, which lacks the right to push",
            _ => "Guest, which lacks the right to push",
        })
    }
}

/// A run of the pipeline for one commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pipeline {
    pub id: u64,
    /// GitLab's own word. [`Pipeline::state`] gives its meaning.
    pub status: String,
    pub sha: String,
    #[serde(rename = "ref")]
    pub git_ref: String,
    pub web_url: String,
    pub created_at: Timestamp,
}

/// The meaning of a pipeline's status for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipelineState {
    Passed,
    Failed,
    /// It continues by itself.
    UnderWay,
    /// It waits for a person or for a scheduled time.
    Waiting,
    /// It was canceled or skipped.
    Stopped,
    /// A status that this version does not know.
    Unknown,
}

impl Pipeline {
    pub fn state(&self) -> PipelineState {
        match self.status.as_str() {
            "success" => PipelineState::Passed,
            "failed" => PipelineState::Failed,
            "created"
            | "waiting_for_resource"
            | "preparing"
            | "waiting_for_callback"
            | "pending"
            | "running"
            | "canceling" => PipelineState::UnderWay,
            "manual" | "scheduled" => PipelineState::Waiting,
            "canceled" | "skipped" => PipelineState::Stopped,
            _ => PipelineState::Unknown,
        }
    }

    /// The problem with this answer to a question about the branch, if there is one. Its fields are
    /// shown to a person, so they may hold only expected characters.
    pub(super) fn fault(&self, branch: &str) -> Option<String> {
        let is_word = |text: &str, fits: fn(u8) -> bool| !text.is_empty() && text.bytes().all(fits);
        if self.git_ref != branch {
            return Some("its pipeline belongs to another branch".to_owned());
        }
        if !is_word(&self.sha, |byte| byte.is_ascii_hexdigit()) {
            return Some("its pipeline has an invalid commit id".to_owned());
        }
        if !is_word(&self.status, |byte| byte.is_ascii_alphabetic() || byte == b'_') {
            return Some("its pipeline has an invalid status".to_owned());
        }
        let link = Url::parse(&self.web_url).ok();
        let is_link = link.is_some_and(|link| ["https", "http"].contains(&link.scheme()));
        if !is_link || !is_word(&self.web_url, |byte| byte.is_ascii_graphic()) {
            return Some("its pipeline has an invalid link".to_owned());
        }
        None
    }
}

/// The body of an error: usually `message`, but `error` for problems with a token.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ErrorAnswer {
    message: Option<serde_json::Value>,
    error: Option<serde_json::Value>,
    error_description: Option<String>,
}

impl ErrorAnswer {
    pub fn reason(&self) -> Option<String> {
        if let Some(description) = &self.error_description {
            return Some(description.clone());
        }
        // Errors about parameters are objects.
        match self.message.as_ref().or(self.error.as_ref())? {
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline() -> Pipeline {
        let text = r#"{"id": 7, "iid": 3, "status": "running", "ref": "staging", "sha": "c0ffee",
            "web_url": "https://git.example/group/site/-/pipelines/7", "source": "push",
            "created_at": "2026-03-02T10:11:12.345+01:00", "updated_at": null}"#;
        serde_json::from_str(text).expect("a pipeline")
    }

    #[test]
    fn a_pipeline_is_read_and_its_status_understood() {
        let pipeline = pipeline();
        assert_eq!(pipeline.created_at.to_string(), "2026-03-02T09:11:12.345Z");
        let state =
            |status: &str| Pipeline { status: status.to_owned(), ..pipeline.clone() }.state();
        assert_eq!(state("success"), PipelineState::Passed);
        assert_eq!(state("failed"), PipelineState::Failed);
        for status in ["created", "preparing", "pending", "running", "canceling"] {
            assert_eq!(state(status), PipelineState::UnderWay, "{status}");
        }
        assert_eq!(state("manual"), PipelineState::Waiting);
        assert_eq!(state("skipped"), PipelineState::Stopped);
        assert_eq!(state("on_fire"), PipelineState::Unknown);
    }

    #[test]
    fn an_answer_to_another_question_is_refused() {
        let good = pipeline();
        assert_eq!(good.fault("staging"), None);
        assert!(good.fault("master").is_some());
        let bad = [
            Pipeline { sha: "--force".to_owned(), ..good.clone() },
            Pipeline { sha: String::new(), ..good.clone() },
            Pipeline { status: "\u{1b}[2J".to_owned(), ..good.clone() },
            Pipeline { web_url: "javascript:alert(1)".to_owned(), ..good.clone() },
            Pipeline { web_url: "https://git.example/\u{1b}[2J".to_owned(), ..good },
        ];
        for pipeline in bad {
            assert!(pipeline.fault("staging").is_some(), "{pipeline:?}");
        }
    }

    #[test]
    fn errors_have_several_forms() {
        let reason = |text: &str| serde_json::from_str::<ErrorAnswer>(text).unwrap().reason();
        assert_eq!(
            reason(r#"{"message": "404 Project Not Found"}"#).unwrap(),
            "404 Project Not Found"
        );
        let scope = r#"{"error": "insufficient_scope", "error_description": "More is needed."}"#;
        assert_eq!(reason(scope).unwrap(), "More is needed.");
        assert_eq!(reason(r#"{"error": "ref is missing"}"#).unwrap(), "ref is missing");
        let object = r#"{"message": {"ref": ["is too long"]}}"#;
        assert_eq!(reason(object).unwrap(), r#"{"ref":["is too long"]}"#);
        assert_eq!(reason("{}"), None);
    }
}
