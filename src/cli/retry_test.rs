//! Checks the table of exit codes in docs/when-it-stops.md against the program.

use std::collections::BTreeSet;

use super::bare;
use crate::failure::{CommandError, FailureKind};
use crate::json;
use crate::retry::{OF_RUNS, REPEATABLE, Retry};

const PAGE: &str = include_str!("../../docs/when-it-stops.md");

const KINDS: [FailureKind; 11] = [
    FailureKind::Unexpected,
    FailureKind::Usage,
    FailureKind::Configuration,
    FailureKind::Refused,
    FailureKind::NotConfirmed,
    FailureKind::StalePlan,
    FailureKind::Locked,
    FailureKind::RemoteJob,
    FailureKind::PersonalData,
    FailureKind::Partial,
    FailureKind::Interrupted,
];

/// The cells of the table's row of an exit code.
fn row(code: u8) -> Vec<&'static str> {
    let begin = format!("| {code} |");
    let mut rows = PAGE.lines().filter(|line| line.starts_with(&begin));
    let found = rows.next().unwrap_or_else(|| panic!("exit code {code} is not on the page"));
    assert_eq!(rows.next(), None, "exit code {code} has two rows");
    found.trim_matches('|').split('|').map(str::trim).collect()
}

fn names() -> Vec<String> {
    bare().get_subcommands().map(|one| one.get_name().to_owned()).collect()
}

#[test]
fn every_exit_code_has_its_row() {
    for kind in KINDS {
        let row = row(kind.exit_code());
        let [_, _, changed, retry, values] = row.as_slice() else { panic!("{row:?}") };
        assert!(!retry.is_empty(), "{kind:?}");
        // These promise that nothing was changed.
        let promises = kind.is_refusal() || kind == FailureKind::Usage;
        assert_eq!(*changed == "no", promises, "{kind:?}: {changed}");
        let mut expected: BTreeSet<String> =
            names().iter().map(|name| json::name(Retry::after(kind, name))).collect();
        // A run that changed something ends with another code, and a lock can be of a stopped run.
        if !promises || kind == FailureKind::Locked {
            expected.insert(json::name(CommandError::new(kind, "").look_first().retry("runs")));
        }
        let written: BTreeSet<String> =
            values.split(", ").map(|value| value.trim_matches('`').to_owned()).collect();
        assert_eq!(written, expected, "{kind:?}");
    }
}

#[test]
fn every_repeatable_command_exists() {
    let names = names();
    let listed = REPEATABLE.iter().chain(&OF_RUNS).filter(|name| !name.is_empty());
    for name in listed {
        assert!(names.iter().any(|one| one == name), "{name}");
    }
}
