//! Fuzzes every parser of foreign input. Each target is an ordinary function, so libFuzzer
//! (`fuzz_targets/`) and the tests (`tests/fuzzing.rs`) run the same ones.

pub mod archive_reader;
pub mod copy_rows;
pub mod dyno_log;
pub mod exit_status;
pub mod manifest;
pub mod migrations;
pub mod settings;
