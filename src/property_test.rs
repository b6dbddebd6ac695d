//! How the tests of properties run: so many cases each, and an input that failed is kept in
//! `tests/regressions/` and tried first from then on.

use proptest::test_runner::{Config, FileFailurePersistence};

/// `PROPTEST_CASES` takes the place of `cases`.
pub fn config(cases: u32) -> Config {
    let default = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    let kept = FileFailurePersistence::SourceParallel("tests/regressions");
    Config { cases, failure_persistence: Some(Box::new(kept)), ..default }
}
