//! One check: its name, what was found, and the line that mends it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::checks::Verdict;
use crate::failure::CommandError;

/// No check may hold up the others. Servers that are up answer in a second.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// What one look has found.
#[derive(Serialize, JsonSchema)]
pub struct Check {
    pub name: String,
    pub verdict: Verdict,
    pub detail: String,
    /// The line that mends it.
    pub mend: Option<String>,
}

impl Check {
    pub fn pass(name: &str, detail: impl Into<String>) -> Self {
        Check { name: name.to_owned(), verdict: Verdict::Pass, detail: detail.into(), mend: None }
    }

    pub fn warn(name: &str, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        let (name, detail, mend) = (name.to_owned(), detail.into(), Some(mend.into()));
        Check { name, verdict: Verdict::Warn, detail, mend }
    }

    /// What only an attempt would show, which is not made.
    pub fn unshown(name: &str) -> Self {
        Check::skip(name, "cannot be shown without writing")
    }

    pub fn fail(name: &str, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        let (name, detail, mend) = (name.to_owned(), detail.into(), Some(mend.into()));
        Check { name, verdict: Verdict::Fail, detail, mend }
    }

    pub fn skip(name: &str, detail: impl Into<String>) -> Self {
        Check { name: name.to_owned(), verdict: Verdict::Skip, detail: detail.into(), mend: None }
    }

    pub fn line(&self) -> String {
        let mut line = format!("{}  {:<28} {}", self.verdict, self.name, self.detail);
        if let Some(mend) = &self.mend {
            line.push_str(&format!("\n      {:<28} to mend: {mend}", ""));
        }
        line
    }
}

impl From<(&str, CommandError)> for Check {
    /// With the first hint as the line that mends it.
    fn from((name, error): (&str, CommandError)) -> Check {
        let mend = error.hints.first().map(ToString::to_string);
        let mend = mend.unwrap_or_else(|| "see the message".to_owned());
        Check::fail(name, with_cause(&error), mend)
    }
}

/// The sentence, and what is at the bottom of it.
pub fn with_cause(error: &CommandError) -> String {
    match error.causes().last() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Gives a check up that takes too long.
pub async fn limited<T>(
    name: &str,
    looking: impl Future<Output = T>,
    late: impl FnOnce(Check) -> T,
) -> T {
    match tokio::time::timeout(TIME_LIMIT, looking).await {
        Ok(found) => found,
        Err(_) => {
            let detail = format!("no answer within {} s", TIME_LIMIT.as_secs());
            late(Check::fail(name, detail, "see whether the server is up, and reachable from here"))
        }
    }
}

/// A check of its own.
pub async fn one(name: &str, looking: impl Future<Output = Check>) -> Check {
    limited(name, looking, |late| late).await
}

/// Several that depend on each other.
pub async fn many(name: &str, looking: impl Future<Output = Vec<Check>>) -> Vec<Check> {
    limited(name, looking, |late| vec![late]).await
}
