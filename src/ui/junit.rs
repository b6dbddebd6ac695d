//! Writes results as a JUnit report, which GitLab shows in a merge request and in a pipeline.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::print_bytes;
use crate::failure::{CommandError, FailureKind};
use crate::plain_text::for_screen;
use crate::private_folder;
use crate::secret::redacted;

/// The value of `--junit` for standard output.
const STANDARD_OUTPUT: &str = "-";

/// The results of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    pub name: String,
    pub cases: Vec<Case>,
}

/// The result of one check. It passed if it has neither a failure nor a reason for a skip.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    /// What the case belongs to, such as a site.
    pub class: String,
    /// What a person reads on the screen.
    pub failure: Option<String>,
    pub skipped: Option<String>,
}

/// Where a report goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    File(PathBuf),
    StandardOutput,
}

#[derive(Debug, Error)]
pub enum JunitError {
    #[error("cannot print --json and --junit - together: both write to standard output")]
    TwoDocuments,
    #[error("cannot write the JUnit report to {}: it exists and is not a file", path.display())]
    NotAFile { path: PathBuf },
    #[error("cannot write the JUnit report to {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl From<JunitError> for CommandError {
    fn from(error: JunitError) -> Self {
        let (kind, hint) = match &error {
            JunitError::TwoDocuments => (FailureKind::Usage, "name a file: --junit report.xml"),
            JunitError::NotAFile { .. } => {
                (FailureKind::Usage, "name a file, or standard output without --json: --junit -")
            }
            JunitError::Write { .. } => (
                FailureKind::Configuration,
                "name a file in a folder that you can write to: --junit report.xml",
            ),
        };
        CommandError::wrap(kind, error).hint(hint)
    }
}

impl Target {
    /// Checks that the report can be written, before a command asks any server.
    ///
    /// # Errors
    /// The place cannot be written to, or standard output is taken by `--json`.
    pub fn new(path: &Path, json: bool) -> Result<Target, JunitError> {
        if path.as_os_str() == STANDARD_OUTPUT {
            return if json { Err(JunitError::TwoDocuments) } else { Ok(Target::StandardOutput) };
        }
        let path = path.to_owned();
        // A rename onto a device or a pipe would replace it.
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(JunitError::NotAFile { path });
        }
        match private_folder::try_write(&path) {
            Ok(()) => Ok(Target::File(path)),
            Err(source) => Err(JunitError::Write { path, source }),
        }
    }

    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, suite: &Suite) -> Result<(), JunitError> {
        let text = document(suite);
        match self {
            Target::StandardOutput => {
                print_bytes(text.as_bytes());
                Ok(())
            }
            Target::File(path) => private_folder::write(path, text.as_bytes())
                .map_err(|source| JunitError::Write { path: path.clone(), source }),
        }
    }
}

fn document(suite: &Suite) -> String {
    let failures = suite.cases.iter().filter(|case| case.failure.is_some()).count();
    let skipped = suite.cases.iter().filter(|case| case.is_skipped()).count();
    let counts = format!(
        r#"name="{}" tests="{}" failures="{failures}" skipped="{skipped}" errors="0""#,
        attribute(&suite.name),
        suite.cases.len()
    );
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n<testsuite {counts}>\n"
    );
    let mut seen = HashMap::new();
    for case in &suite.cases {
        // GitLab takes two cases with the same names for one.
        let count: &mut usize = seen.entry((&case.class, &case.name)).or_default();
        *count += 1;
        let name = match count {
            1 => case.name.clone(),
            number => format!("{} ({number})", case.name),
        };
        case.write(&name, &mut text);
    }
    text.push_str("</testsuite>\n</testsuites>\n");
    text
}

impl Case {
    fn is_skipped(&self) -> bool {
        self.failure.is_none() && self.skipped.is_some()
    }

    fn write(&self, name: &str, text: &mut String) {
        let (name, class) = (attribute(name), attribute(&self.class));
        text.push_str(&format!(r#"<testcase name="{name}" classname="{class}""#));
        match (&self.failure, &self.skipped) {
            (Some(failure), _) => {
                let (failure, first) = (clean(failure), failure.lines().next().unwrap_or_default());
                let (message, failure) = (attribute(first), escaped(&failure));
                text.push_str(&format!(
                    "><failure message=\"{message}\">{failure}</failure></testcase>\n"
                ));
            }
            (None, Some(reason)) => {
                let reason = attribute(reason);
                text.push_str(&format!("><skipped message=\"{reason}\"/></testcase>\n"));
            }
            (None, None) => text.push_str("/>\n"),
        }
    }
}

/// Without secrets, and without characters that XML does not allow or a terminal acts on.
fn clean(text: &str) -> String {
    let is_allowed = |c: &char| !matches!(c, '\u{fffe}' | '\u{ffff}');
    for_screen(&redacted(text)).chars().filter(is_allowed).collect()
}

fn escaped(clean: &str) -> String {
    clean.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A reader turns a line break or a tab of an attribute into a space, unless it is escaped.
fn attribute(text: &str) -> String {
    escaped(&clean(text)).replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, failure: Option<&str>, skipped: Option<&str>) -> Case {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let class = "https://staging.example/".to_owned();
        Case { name: name.to_owned(), class, failure: text(failure), skipped: text(skipped) }
    }

    fn suite(cases: Vec<Case>) -> Suite {
        Suite { name: "bcops check staging".to_owned(), cases }
    }

    #[test]
    fn a_report_has_a_case_for_each_check() {
        let text = document(&suite(vec![
            case("dns", None, None),
            case("http", Some("HTTP 503\nfix: heroku ps"), None),
            case("tls", None, Some("not https")),
        ]));
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bcops check staging" tests="3" failures="1" skipped="1" errors="0">
<testsuite name="bcops check staging" tests="3" failures="1" skipped="1" errors="0">
<testcase name="dns" classname="https://staging.example/"/>
<testcase name="http" classname="https://staging.example/"><failure message="HTTP 503">HTTP 503
fix: heroku ps</failure></testcase>
<testcase name="tls" classname="https://staging.example/"><skipped message="not https"/></testcase>
</testsuite>
</testsuites>
"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn cases_of_one_name_stay_apart() {
        let text = document(&suite(vec![case("dns", None, None), case("dns", None, None)]));
        assert!(text.contains(r#"name="dns" "#) && text.contains(r#"name="dns (2)" "#), "{text}");
    }

    /// Every character of these, in every place, as XML 1.0 allows it or not at all.
    #[test]
    fn hostile_text_stays_text() {
        let hostile: String = (0..0x300)
            .chain([0x2028, 0x202e, 0xfffd, 0xfffe, 0xffff, 0x1_f600])
            .filter_map(char::from_u32)
            .chain("]]></failure><testcase name=\"&quot;'".chars())
            .collect();
        let mut one = case(&hostile, Some(&hostile), None);
        one.class = hostile.clone();
        let other = case("x", None, Some(&hostile));
        let text = document(&Suite { name: hostile.clone(), cases: vec![one, other] });
        let is_allowed = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{1_0000}'..);
        assert_eq!(text.chars().find(|c| !is_allowed(*c)), None);
        // The report's own tags only.
        assert_eq!(text.matches("<testcase ").count(), 2);
        assert_eq!(text.matches('<').count(), 5 + 2 + 2 + 2 + 1, "{text}");
        assert_eq!(text.matches("]]>").count(), 0);
    }

    #[test]
    fn a_secret_is_hidden() {
        let secret = crate::secret::Secret::new("hunter2-of-the-report");
        let text = document(&suite(vec![case("x", Some(secret.expose()), Some(secret.expose()))]));
        assert!(!text.contains("hunter2") && text.contains("[secret]"), "{text}");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.xml");
        let target = Target::new(&path, true).unwrap();
        assert!(!path.exists(), "only a try");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        target.write(&suite(Vec::new())).unwrap();
        assert!(fs::read_to_string(&path).unwrap().ends_with("</testsuites>\n"));
        let refused = |path: &Path, json| CommandError::from(Target::new(path, json).unwrap_err());
        assert_eq!(refused(folder.path(), false).kind, FailureKind::Usage);
        assert_eq!(refused(Path::new("/dev/null"), false).kind, FailureKind::Usage);
        assert_eq!(refused(&folder.path().join("no/x"), false).kind, FailureKind::Configuration);
        assert_eq!(refused(Path::new(""), false).kind, FailureKind::Configuration);
        assert_eq!(refused(Path::new("-"), true).kind, FailureKind::Usage);
        assert_eq!(Target::new(Path::new("-"), false).unwrap(), Target::StandardOutput);
    }
}
