//! See `targets/exit_status.rs`.

#![no_main]

#[path = "../targets/exit_status.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::run(bytes));
