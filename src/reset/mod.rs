//! Resets staging from production, with one folder or file per stage of the runbook.
//!
//! The steps know Heroku, git and the database, and the engine that runs them does not. They work
//! with one [`Reset`], which the command makes each time a run is begun, resumed or rolled back,
//! and with the recorded values of earlier steps.
//!
//! | stage | steps |
//! |---|---|
//! | preflight | agreement, content, accounts, branches, state-before, backup |
//! | git | keep-tip, merge, migrations, push, deploy, release |
//! | quarantine | maintenance, dynos; at the very end: open |
//! | database | choose-backup; load, or restore and scrub; verify; migrate; recreate-users |
//! | media | copy-media, renditions |
//! | cleanup | sites, cache, search, front-end-cache, makemigrations |
//! | comms | pipeline, messages |
//!
//! `open` belongs to the quarantine that it ends, so that staging opens even if the clean-up is
//! skipped.

pub mod accounts;
mod answers;
mod book;
mod cleanup;
mod closed;
mod comms;
pub mod content;
mod database;
mod git;
mod guard;
mod jobs;
mod lock;
mod media;
mod one_off;
mod origin;
mod preflight;
mod quarantine;
mod records;
mod resolve;
pub mod sites;
mod sites_answer;
mod stage;
mod survey;
mod take_over;
pub mod unfinished;
mod values;
mod way_back;
mod world;

pub use answers::{Answers, ChosenBackup, MediaChoice, OpenAtEnd, Options, RestoreVia};
pub use book::runbook;
pub use closed::{Closed, Preset};
pub use git::{InConflict, Preview, conflicting, preview, refuse_replaced, short};
pub use guard::LookAgain;
pub use lock::{OriginLock, SeenLock};
pub use media::{MediaNumbers, NotCopied, media_left_behind, media_numbers};
pub use origin::{ForgetsPlanning, open_repository};
pub use resolve::resolve;
pub use stage::Stage;
pub use survey::{Survey, survey};
pub use take_over::{kept_backup, values_of_takeover};
pub use values::BackupTaken;
pub use way_back::{Asked, Losses, PresentBackup, WayBack, look_back, values_of_rollback};
pub use world::{Reset, Sides};
