//! Tests the JUnit report of `check` and `doctor`, read by another XML parser.

use std::fs;

use serde::Deserialize;

use crate::check::world::{STAGING, World};
use crate::standins::certificates::Kind;
use crate::standins::web::Page;

/// A report as a foreign reader sees it.
#[derive(Deserialize)]
struct Report {
    #[serde(flatten)]
    counts: Counts,
    testsuite: Suite,
}

#[derive(Deserialize)]
struct Suite {
    #[serde(flatten)]
    counts: Counts,
    #[serde(default)]
    testcase: Vec<Case>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
struct Counts {
    #[serde(rename = "@name")]
    name: String,
    #[serde(rename = "@tests")]
    tests: String,
    #[serde(rename = "@failures")]
    failures: String,
    #[serde(rename = "@skipped")]
    skipped: String,
}

#[derive(Deserialize)]
struct Case {
    #[serde(rename = "@name")]
    name: String,
    #[serde(rename = "@classname")]
    class: String,
    failure: Option<Failure>,
    skipped: Option<Skipped>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(rename = "$text")]
    text: String,
}

#[derive(Deserialize)]
struct Skipped {
    #[serde(rename = "@message")]
    message: String,
}

/// The cases of a report: `class|name|pass`, or `fail` or `skip` with the text.
#[track_caller]
fn cases(report: &str) -> Vec<String> {
    let read: Result<Report, _> = quick_xml::de::from_str(report);
    let Report { counts, testsuite } =
        read.unwrap_or_else(|error| panic!("{error} ({error:?})\n{report}"));
    let Suite { counts: of_suite, testcase } = testsuite;
    assert_eq!(counts, of_suite, "{report}");
    let text = |case: &Case| match (&case.failure, &case.skipped) {
        (Some(failure), _) => format!("fail {}", failure.text.replace('\n', " / ")),
        (None, Some(skipped)) => format!("skip {}", skipped.message),
        (None, None) => "pass".to_owned(),
    };
    let of = |case: &Case| format!("{}|{}|{}", case.class, case.name, text(case));
    let lines: Vec<String> = testcase.iter().map(of).collect();
    let count = |word: &str| {
        let with = |case: &&Case| text(case).starts_with(word);
        testcase.iter().filter(with).count().to_string()
    };
    assert_eq!(counts.tests, testcase.len().to_string());
    assert_eq!((counts.failures, counts.skipped), (count("fail"), count("skip")));
    lines
}

#[track_caller]
fn has(cases: &[String], begins: &str) -> String {
    let found = cases.iter().find(|case| case.starts_with(begins));
    found.unwrap_or_else(|| panic!("no case {begins}: {cases:#?}")).clone()
}

#[test]
fn each_check_is_a_case_and_a_failure_has_the_words_of_the_screen() {
    let world = World::new();
    let path = world.bcops.directory().join("work/check.xml");
    let arguments = ["staging", "--junit", "check.xml"];
    let report = || fs::read_to_string(&path).expect("a report");
    let run = world.check(&arguments).exits(0);
    assert!(run.stdout.contains("RESULT"), "{}", run.printed());
    let all_well = cases(&report());
    let site = world.web.url(STAGING);
    for aspect in ["dns", "tls", "http", "content"] {
        assert_eq!(has(&all_well, &format!("{site}|{aspect}|")), format!("{site}|{aspect}|pass"));
    }
    assert_eq!(has(&all_well, "GitLab|pipeline|"), "GitLab|pipeline|pass");
    has(&all_well, "file storage|storage|skip not checked");

    world.web.page(STAGING, "/", Page::new(503, "<p>"));
    let run = world.check(&arguments).exits(8);
    let failed = has(&cases(&report()), &format!("{site}|http|fail "));
    assert!(failed.contains("HTTP 503") && failed.contains("fix: heroku logs"), "{failed}");
    let fix = failed.rsplit("fix: ").next().expect("a fix");
    assert!(run.stdout.contains(fix), "{fix}: {}", run.printed());

    // Beside a document, and in place of the table.
    let run = world.check(&[&arguments[..], &["--json"]].concat()).exits(8);
    assert_eq!(run.json()["status"], "failed");
    let run = world.check(&["staging", "--junit", "-"]).exits(8);
    has(&cases(&run.stdout), &format!("{site}|http|fail "));
}

#[test]
fn a_command_that_fails_writes_its_report_too() {
    let world = World::new();
    world.configure(&[], "");
    let path = world.bcops.directory().join("work/check.xml");
    world.check(&["staging", "--junit", "check.xml"]).fails(3, &["no configured site"]);
    let found = cases(&fs::read_to_string(&path).expect("a report"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("bcops check staging|bcops check staging|fail cannot check"));
    assert!(found[0].contains("hint: set environments.staging.sites"), "{found:?}");
}

/// A name of another host decides text of a failure.
#[test]
fn a_hostile_certificate_cannot_break_the_report() {
    let world = World::new();
    let hostile = "<p>]]></failure>\u{1}\u{1b}[2J&amp;\u{ffff}".repeat(3);
    world.web.host(STAGING, Kind::SelfSigned);
    world.web.page(STAGING, "/", Page::new(503, &hostile).with("server", "<![CDATA[&\"'"));
    world.check(&["staging", "--junit", "check.xml"]).exits(8);
    let path = world.bcops.directory().join("work/check.xml");
    let found = cases(&fs::read_to_string(path).expect("a report"));
    has(&found, &format!("{}|tls|fail ", world.web.url(STAGING)));
}

#[test]
fn a_place_without_permission_is_an_error_before_any_request() {
    let world = World::new();
    for (arguments, code, words) in [
        (vec!["--junit", "no/such/check.xml"], 3, "cannot write the JUnit report to no/such/"),
        (vec!["--junit", "/dev/null"], 2, "it exists and is not a file"),
        (vec!["--junit", "."], 2, "it exists and is not a file"),
        (vec!["--junit", "-", "--json"], 2, "both write to standard output"),
    ] {
        let arguments = [vec!["staging"], arguments].concat();
        world.check(&arguments).fails(code, &[words, "hint: name a file"]);
    }
    assert!(world.web.requests().is_empty());
    assert!(world.gitlab.requests().is_empty());
    world.bcops.run(&["doctor", "--junit", "no/doctor.xml"]).fails(3, &["the JUnit report"]);
    assert!(world.gitlab.requests().is_empty());
}

#[test]
fn doctor_reports_each_check_without_a_secret() {
    let mut world = World::new();
    world.bcops.set("HEROKU_API_KEY", "HRKU-stand-in-token");
    world.bcops.set("HEROKU_HOST", "http://127.0.0.1:1");
    let url = "postgres://u:db-password@127.0.0.1:1/bc";
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", url);
    let run = world.bcops.run(&["doctor", "staging", "--junit", "doctor.xml"]).exits(3);
    let report = fs::read_to_string(world.bcops.directory().join("work/doctor.xml")).expect("it");
    assert!(!report.contains("db-password") && !report.contains("HRKU-"), "{report}");
    let found = cases(&report);
    let failed = has(&found, "doctor|local database|fail ");
    let fix = failed.rsplit("fix: ").next().expect("a fix");
    assert!(run.stdout.contains(fix), "{fix}: {}", run.printed());
    let of_table = |verdict: &str| {
        run.stdout.lines().filter(|line| line.starts_with(&format!("{verdict} "))).count()
    };
    let of_report =
        |verdict: &str| found.iter().filter(|case| case.contains(&format!("|{verdict}"))).count();
    assert_eq!(of_report("fail "), of_table("fail"));
    assert_eq!(of_report("skip "), of_table("skip"));
    assert_eq!(of_report("pass"), of_table("pass") + of_table("warn"));
}
