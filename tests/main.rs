//! Holds all tests that need a process or a server, in one binary, because each binary takes long
//! to link.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends where something is not as it has to be"
)]

mod backups;
mod check;
mod ci;
mod clients;
mod deployment;
mod doctor;
mod faults;
mod git;
mod heroku;
mod in_place;
mod media;
mod pull_data;
mod purge_cache;
mod reset_staging;
mod scrub_pii;
mod search;
mod suggest;
// Only tests know where the binary is, so this is not in the shared `support`.
#[path = "support/bcops.rs"]
mod command;
mod completions;
mod dynos;
mod everyday;
mod file_modes;
#[path = "../fuzz/targets/mod.rs"]
mod fuzz_targets;
mod fuzzing;
mod gitlab;
mod hardening;
mod hostile_names;
mod install;
mod links;
mod manifest_check;
mod packs;
mod pictures;
mod publish;
mod reference;
mod screen;
mod screens;
mod second_site;
mod standins;
mod support;
mod trust;
mod verbose;
mod whole_site;
