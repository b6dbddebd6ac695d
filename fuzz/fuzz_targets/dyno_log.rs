//! See `targets/dyno_log.rs`.

#![no_main]

#[path = "../targets/dyno_log.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::run(bytes));
