//! See `targets/copy_rows.rs`.

#![no_main]

#[path = "../targets/copy_rows.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::run(bytes));
