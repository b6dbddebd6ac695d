//! Talks to Heroku's platform API (version 3) and to the data API of Heroku Postgres: apps, config
//! vars, add-ons, backups and restores, dynos, builds and releases.
//!
//! Methods that change an app take a [`DestinationApp`] or a [`DestinationDatabase`], which do not
//! exist for a protected environment. Two requests work on any app: [`Heroku::start_capture`] makes
//! a backup, and [`Heroku::public_url`] mints a signed URL.

mod attachments;
mod backups;
mod capture;
mod client;
mod code;
mod config_vars;
mod consoles;
mod credentials;
mod deploys;
mod destination;
mod dynos;
mod endpoints;
mod error;
mod formation;
mod lost;
mod maintenance;
mod one_off;
mod places;
mod restore;
mod service;
mod set_state;
mod sources;
mod timing;
mod transfers;
mod waiting;
mod watching;

pub use attachments::{Addon, AddonAttachment, AppReference, DatabaseAttachment};
pub use backups::{Backups, OfDatabase};
pub use client::{Account, App, Heroku};
pub use code::{CodeId, Releases};
pub use config_vars::ConfigVars;
pub use consoles::Console;
pub use credentials::{CredentialSources, Credentials, find_credentials};
pub use deploys::{Build, Identified, Release};
pub use destination::{DestinationApp, DestinationDatabase};
pub use dynos::{Dyno, DynoRelease};
pub use endpoints::Endpoints;
pub use error::HerokuError;
pub use formation::{Formation, Scale};
pub use one_off::{
    Capture, Detached, DynoFate, DynoLine, DynoLogReader, EncodedInput, Finished, Limits, OneOff,
    OneOffError, Sentinel, StopReason, Window, command_line, quoted, through_the_log,
    with_encoded_input,
};
pub use restore::BackupSource;
pub use sources::UploadedSource;
pub use timing::Timing;
pub use transfers::{
    LogLine, SignedUrl, Transfer, TransferState, Verbosity, backup_named, newest_completed,
};
pub use watching::JobStatus;
