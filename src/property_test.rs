//! Configures property tests: the number of cases, and `tests/regressions/`, which keeps failed
//! inputs and tries them first.

use proptest::test_runner::{Config, FileFailurePersistence};

/// `PROPTEST_CASES` replaces `cases`.
pub fn config(cases: u32) -> Config {
    let default = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    let kept = FileFailurePersistence::SourceParallel("tests/regressions");
    Config { cases, failure_persistence: Some(Box::new(kept)), ..default }
}
