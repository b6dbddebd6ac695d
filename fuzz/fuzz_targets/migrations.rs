//! See `targets/migrations.rs`.

#![no_main]

#[path = "../targets/migrations.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::run(bytes));
