//! Tests plans: their digest, their file, and when they are stale.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::steps::{Work, book};
use super::world::{Shared, target};
use crate::failure::{CommandError, FailureKind};
use crate::runbook::plan::{Parts, Plan, PlanError};
use crate::runbook::{Observations, Redactor};

fn plan(backup: &str) -> Plan {
    let observations =
        Observations::from([("the backup".to_owned(), json!({ "b": 1, "a": backup }))]);
    Plan::new(Parts {
        command: "reset-staging".into(),
        target: target(),
        steps: book(&Shared::default(), &[Work::Set], &[], &[]).planned(),
        observations,
        ..Parts::default()
    })
}

#[test]
fn a_plan_is_stale_when_something_it_saw_has_changed() {
    let was = plan("b003");
    assert_eq!(was.digest(), plan("b003").digest());
    was.check_fresh(&plan("b003")).unwrap();
    let error = CommandError::from(was.check_fresh(&plan("b004")).unwrap_err());
    assert_eq!(error.kind.exit_code(), 6);
    assert_eq!(error.kind, FailureKind::StalePlan);
    assert_eq!(
        error.hint_texts().first().unwrap(),
        r#"the backup was {"a":"b003","b":1} and is {"a":"b004","b":1}"#
    );
}

/// A plan can be made on one machine and run on another, perhaps with a newer bcops.
#[test]
fn words_and_versions_do_not_make_a_plan_stale() {
    let was = plan("b003");
    let mut other = plan("b003");
    other.tool_version = "9.9".into();
    other.steps.iter_mut().for_each(|step| step.description = "other words".into());
    was.check_fresh(&other).unwrap();
    other.flags.insert("branches".into(), json!(["a", "b"]));
    let error = CommandError::from(was.check_fresh(&other).unwrap_err());
    assert_eq!(
        error.hint_texts().first().unwrap(),
        "the answer branches was not there and is a, b"
    );
}

#[test]
fn a_plan_is_read_as_it_was_written_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    let written = plan("b003");
    written.write(&path, &Redactor::new()).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Plan::read(&path).unwrap(), written);
    let text = std::fs::read_to_string(&path).unwrap().replace("b003", "b009");
    std::fs::write(&path, text).unwrap();
    assert!(matches!(Plan::read(&path), Err(PlanError::Tampered { .. })));
    // The digest does not cover the time, but a plan with another time was changed.
    written.write(&path, &Redactor::new()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let year = written.made_at.to_string();
    std::fs::write(&path, text.replace(&year, "2020-01-01T00:00:00Z")).unwrap();
    assert!(matches!(Plan::read(&path), Err(PlanError::Tampered { .. })));
    std::fs::write(&path, text.replacen('{', "{\"note\": 1,", 1)).unwrap();
    assert!(matches!(Plan::read(&path), Err(PlanError::NotAPlan { .. })));
    std::fs::write(&path, text.replace("\"schema_version\": 2", "\"schema_version\": 1")).unwrap();
    assert!(matches!(Plan::read(&path), Err(PlanError::Version { .. })));
    let secret = plan("postgres://u:hunter22@host/db").write(&path, &Redactor::new());
    assert!(matches!(secret, Err(PlanError::Secret { .. })));
}

#[test]
fn a_plan_is_not_written_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (path, kept) = (folder.path().join("plan.json"), folder.path().join("kept"));
    std::fs::write(&kept, "kept").unwrap();
    // Links at the plan's path, and at the path where it is written first.
    std::os::unix::fs::symlink(&kept, &path).unwrap();
    let first = folder.path().join(format!("plan.json.new-{}", std::process::id()));
    std::os::unix::fs::symlink(&kept, first).unwrap();
    plan("b003").write(&path, &Redactor::new()).unwrap();
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "kept");
    assert!(std::fs::symlink_metadata(&path).unwrap().is_file());
}
