//! Heroku's platform API (version 3) and the data API of Heroku Postgres, as far as bcops needs
//! them: apps, config vars, add-ons, and backups.
//!
//! Everything here reads, except for two requests that a type's owner has to ask for by name:
//! [`Heroku::start_capture`] makes a backup, and [`Heroku::public_url`] mints a signed URL.

mod attachments;
mod capture;
mod client;
mod config_vars;
mod credentials;
mod endpoints;
mod error;
mod transfers;

pub use attachments::{Addon, AppReference, DatabaseAttachment};
pub use client::{Account, App, Heroku, Timing};
pub use config_vars::ConfigVars;
pub use credentials::{CredentialSources, Credentials, find_credentials};
pub use endpoints::Endpoints;
pub use error::HerokuError;
pub use transfers::{
    LogLine, SignedUrl, Transfer, TransferState, Verbosity, backup_named, newest_completed,
};
