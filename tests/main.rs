//! Everything that needs a process or a server, in one binary: each further one links for ever.

mod backup_file;
// Only tests know where the binary is, so this is not a part of the shared `support`.
#[path = "support/bcops.rs"]
mod command;
mod doctor;
mod download;
mod git_access;
mod git_branches;
mod git_lock;
mod git_merge;
mod git_merge_random;
mod git_migrations;
mod git_network;
mod git_world;
mod heroku_adapter;
mod heroku_cli;
mod heroku_faults;
mod heroku_world;
mod media_copy;
mod media_faults;
mod media_guards;
mod media_keys;
mod media_kill;
mod media_pull;
mod media_push;
mod media_world;
mod pull_data;
mod pull_data_archives;
mod pull_data_choices;
mod pull_data_faults;
mod pull_data_guards;
mod pull_data_privacy;
mod pull_data_terminal;
mod pull_world;
mod s3_cli;
mod scrub_equality;
mod scrub_pii;
mod scrub_pii_archives;
mod scrub_pii_catalog;
mod scrub_pii_faults;
mod scrub_pii_files;
mod scrub_pii_guards;
mod scrub_pii_schemas;
mod scrub_pii_world;
mod standins;
mod support;
