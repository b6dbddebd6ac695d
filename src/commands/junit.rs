//! Writes the JUnit report of a command, whether its checks pass or not.

use std::future::Future;
use std::path::Path;

use super::{Context, Outcome};
use crate::checks::Verdict;
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::ui::junit::{Case, Suite, Target};

/// What a command found, and the same as cases of a report.
pub struct Examined {
    pub outcome: Outcome,
    pub cases: Vec<Case>,
}

/// Does the work and writes its report to `path`, if there is one. A command that fails before it has
/// results is one failed case.
///
/// # Errors
/// Those of the work; and the report cannot be written, mostly before the work begins.
pub async fn reporting(
    context: &Context,
    path: Option<&Path>,
    suite: String,
    work: impl Future<Output = Result<Examined, CommandError>>,
) -> Result<Outcome, CommandError> {
    let Some(path) = path else { return Ok(work.await?.outcome) };
    let target = Target::new(path, context.ui.json())?;
    match work.await {
        Ok(Examined { outcome, cases }) => {
            target.write(&Suite { name: suite, cases })?;
            let takes_place = target == Target::StandardOutput;
            Ok(Outcome { text: if takes_place { String::new() } else { outcome.text }, ..outcome })
        }
        Err(error) => {
            let failed = Case { failure: Some(text_of(&error)), ..named(&suite) };
            if let Err(why) = target.write(&Suite { name: suite, cases: vec![failed] }) {
                context.ui.emit(Event::Warning(format!("{why}; the command itself failed too")));
            }
            Err(error)
        }
    }
}

/// A warning passes, as it does for the exit code.
pub fn case(class: &str, name: &str, verdict: Verdict, text: String, fixes: &[String]) -> Case {
    let case = Case { name: name.to_owned(), class: class.to_owned(), ..Case::default() };
    match verdict {
        Verdict::Pass | Verdict::Warn => case,
        Verdict::Skip => Case { skipped: Some(text), ..case },
        Verdict::Fail => {
            let fixes = fixes.iter().map(|fix| format!("fix: {fix}"));
            let lines: Vec<String> = std::iter::once(text).chain(fixes).collect();
            Case { failure: Some(lines.join("\n")), ..case }
        }
    }
}

fn named(suite: &str) -> Case {
    let (name, class) = (suite.to_owned(), suite.to_owned());
    Case { name, class, ..Case::default() }
}

/// As on the screen.
fn text_of(error: &CommandError) -> String {
    let mut lines = vec![error.to_string()];
    lines.extend(error.causes().iter().map(|cause| format!("caused by: {cause}")));
    lines.extend(error.hint_texts().iter().map(|hint| format!("hint: {hint}")));
    lines.join("\n")
}
