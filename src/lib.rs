//! Holds the library behind the `bcops` binary.
//!
//! Layers, from the top: `commands` use `reset`, `restore`, `scrub`, `media`, `caches` and
//! `checks`, which use `runbook` and `archive`, which use `adapters`, which use `settings`,
//! `schema`, `events` and `secret`. Nothing below `commands` prints: it emits [`events::Event`]s,
//! and `ui` is one of their consumers. `docs/architecture.md` has a diagram.

pub mod activity;
pub mod adapters;
pub mod archive;
pub mod caches;
pub mod checks;
mod child_environment;
pub mod cli;
pub mod commands;
pub mod deployment;
pub mod django_migrations;
pub mod events;
pub mod failure;
pub mod hardening;
#[cfg(test)]
mod hints;
mod json;
#[cfg(test)]
mod layers;
mod loopback;
pub mod media;
pub mod plain_text;
pub mod private_folder;
mod process_id;
#[cfg(test)]
mod property_test;
pub mod reset;
pub mod restore;
pub mod retry;
pub mod runbook;
pub mod schema;
pub mod scrub;
pub mod search;
pub mod secret;
pub mod settings;
pub mod ui;
#[cfg(test)]
mod wording;
pub mod words;
