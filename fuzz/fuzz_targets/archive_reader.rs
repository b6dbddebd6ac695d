//! See `targets/archive_reader.rs`.

#![no_main]

#[path = "../targets/archive_reader.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::run(bytes));
