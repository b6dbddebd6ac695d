//! Tests that planted secrets and personal values do not appear where they must not.

use std::sync::Arc;

use async_trait::async_trait;

use crate::failure::FailureKind;
use crate::runbook::{
    Evidence, Outcome, Probe, Redactor, Report, Runbook, Step, StepContext, StepError, StepResult,
    Table, ValueKey, wait,
};
use crate::secret::Secret;

use super::world::{Shared, journal, run};

const PLANTED: [&str; 3] = ["postgres://u:hunter22@host/db", "HRKU-0123456789ab", "correct-horse"];

struct Careless;

#[async_trait]
impl Step<()> for Careless {
    fn describe(&self, _world: &()) -> String {
        "Be careless".to_owned()
    }

    async fn probe(&self, _world: &(), _context: &StepContext) -> StepResult<Probe> {
        Ok(Probe::NotYet)
    }

    async fn act(&self, _world: &(), context: &StepContext) -> StepResult<Outcome> {
        context.register_secret(&Secret::new(PLANTED[2]));
        for planted in PLANTED {
            assert!(context.put(&ValueKey::<&str>::new("value"), &planted).is_err());
            assert!(context.intent("job", planted.into()).is_err());
            assert!(context.external("job", planted).is_err());
            context.warn(format!("the server said {planted}"));
        }
        let people = Table::new("people", &["name"]).private().row(vec!["Ada Canary".into()]);
        let evidence = Evidence::of(PLANTED.join(" "))
            .fact("said", PLANTED.join(" "))
            .fact("asked", "ada@canary.example")
            .fact("remote", "git@git.example.org:a/b")
            .private_fact("account", "Ada Canary")
            .table(people);
        Ok(Outcome::Done(evidence))
    }

    async fn verify(&self, _world: &(), _context: &StepContext) -> StepResult<Evidence> {
        Err(StepError::failed(
            FailureKind::Unexpected,
            format!("cannot reach {}", PLANTED.join(" ")),
        ))
    }
}

#[test]
fn no_secret_is_written_and_no_name_is_in_a_report() {
    let shared = Shared::default();
    run(
        &shared,
        Runbook::of(Arc::new(())).step(wait("careless", "only", Careless)).build().unwrap(),
    )
    .unwrap_err();
    let text = String::from_utf8(shared.get().journal.clone()).unwrap();
    let report = Report::from_journal(&journal(&shared)).unwrap();
    let passed_on = report.to_markdown() + &serde_json::to_string(&report).unwrap();
    let shown = format!("{:?}", shared.get().events);
    for written in [&text, &passed_on, &shown] {
        for planted in ["hunter22", PLANTED[1], PLANTED[2]] {
            assert!(!written.contains(planted), "{planted} in {written}");
        }
    }
    assert!(text.contains("Ada Canary"));
    assert!(!passed_on.contains("Canary") && !passed_on.contains("ada@"), "{passed_on}");
}

#[test]
fn cleaning_twice_is_cleaning_once() {
    let redactor = Redactor::new();
    for text in [
        "postgres://user:pa/ss@word@host:5432/db?x=1",
        "redis://:secret1@host",
        "https://s3/x?X-Amz-Signature=abc&X-Amz-Credential=def",
        "Authorization: Bearer abcdefghijklmnop",
        "https://hooks.slack.com/services/T0/B0/xyz",
    ] {
        let clean = redactor.clean(text);
        assert!(clean.contains("[secret]"), "{clean}");
        assert_eq!(redactor.clean(&clean), clean);
    }
    for text in ["https://host:8080/path", "git@host:a/b", "https://a.example/x?page=2", "b003"] {
        assert!(!redactor.finds_in(text), "{text}");
    }
}

#[test]
fn tokens_in_queries_are_known_by_their_names() {
    let redactor = Redactor::new();
    for query in [
        "?private_token=hush",
        "?a=1&job_token=hush",
        "?X-GitLab-Token=hush",
        "?client_secret=hush",
        "?api_key=hush",
        "?auth=hush",
        "?Passwd=hush",
    ] {
        let url = format!("https://git.test/a.git{query}");
        assert!(redactor.finds_in(&url), "{url}");
        assert!(!redactor.clean(&url).contains("hush"), "{url}");
    }
    for url in ["https://a.test/x?author=ada&page=2", "https://a.test/monkey?key=3"] {
        assert!(!redactor.finds_in(url), "{url}");
    }
}
