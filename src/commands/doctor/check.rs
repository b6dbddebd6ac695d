//! Holds one check: its name, what was found, and the line that fixes it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::checks::Verdict;
use crate::commands::junit::case;
use crate::failure::CommandError;
use crate::ui::junit::Case;
use crate::ui::table::Table;

/// No check may delay the others. Servers that are up answer in a second.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// What one check found.
#[derive(Serialize, JsonSchema)]
pub struct Check {
    pub name: String,
    pub verdict: Verdict,
    pub detail: String,
    /// The line that fixes it.
    #[serde(rename = "mend")]
    pub fix: Option<String>,
}

impl Check {
    pub fn pass(name: &str, detail: impl Into<String>) -> Self {
        Check { name: name.to_owned(), verdict: Verdict::Pass, detail: detail.into(), fix: None }
    }

    pub fn warn(name: &str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        let (name, detail, fix) = (name.to_owned(), detail.into(), Some(fix.into()));
        Check { name, verdict: Verdict::Warn, detail, fix }
    }

    /// A permission that only a write would show, which doctor does not make.
    pub fn unshown(name: &str) -> Self {
        Check::skip(name, "cannot be shown without writing")
    }

    pub fn fail(name: &str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        let (name, detail, fix) = (name.to_owned(), detail.into(), Some(fix.into()));
        Check { name, verdict: Verdict::Fail, detail, fix }
    }

    pub fn skip(name: &str, detail: impl Into<String>) -> Self {
        Check { name: name.to_owned(), verdict: Verdict::Skip, detail: detail.into(), fix: None }
    }

    /// The same for a JUnit report.
    pub fn case(&self) -> Case {
        case("doctor", &self.name, self.verdict, self.detail.clone(), self.fix.as_slice())
    }

    /// A row, and one below it with the line that fixes it.
    pub fn add_to(&self, table: &mut Table) {
        table.row([self.verdict.to_string().as_str(), &self.name, &self.detail]);
        if let Some(fix) = &self.fix {
            table.row(["", "", &format!("fix: {fix}")]);
        }
    }
}

impl From<(&str, CommandError)> for Check {
    /// With the first hint as the line that fixes it.
    fn from((name, error): (&str, CommandError)) -> Check {
        let fix = error.hints.first().map(ToString::to_string);
        let fix = fix.unwrap_or_else(|| "do what the message says".to_owned());
        Check::fail(name, with_cause(&error), fix)
    }
}

/// The error's sentence, and its innermost cause.
pub fn with_cause(error: &CommandError) -> String {
    match error.causes().last() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Stops a check that takes too long.
pub async fn limited<T>(
    name: &str,
    looking: impl Future<Output = T>,
    late: impl FnOnce(Check) -> T,
) -> T {
    match tokio::time::timeout(TIME_LIMIT, looking).await {
        Ok(found) => found,
        Err(_) => {
            let detail = format!("no answer within {} s", TIME_LIMIT.as_secs());
            late(Check::fail(
                name,
                detail,
                "check that the server is up, and that this machine reaches it",
            ))
        }
    }
}

/// One check with a time limit.
pub async fn one(name: &str, looking: impl Future<Output = Check>) -> Check {
    limited(name, looking, |late| late).await
}

/// Several checks that depend on each other, with one time limit.
pub async fn many(name: &str, looking: impl Future<Output = Vec<Check>>) -> Vec<Check> {
    limited(name, looking, |late| vec![late]).await
}
