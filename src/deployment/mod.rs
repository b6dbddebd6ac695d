//! Opens environments: their apps, their config vars and the servers behind these. No other module
//! does.
//!
//! [`Deployments::reading`] opens an environment for reading. [`Deployments::writing`] opens one
//! for changes, and compares it with every protected environment. A [`Writing`] hands out a
//! database, a bucket or a cache only if one of two proofs succeeds and neither contradicts: Heroku
//! says that the resource is an add-on of the destination's own app, or the servers say that it is
//! not the protected one. Names are compared first, and are not enough.

pub mod backups;
mod bucket_settings;
mod conclusion;
mod fingerprint;
mod front_end;
pub mod gitlab;
mod known;
pub mod known_backups;
pub mod local;
mod login;
pub mod manifest;
mod marks;
mod ownership;
mod protected;
mod prove;
mod resources;
mod search;
mod strays;
mod survey;
mod values;
mod writing;

use std::path::Path;

pub use bucket_settings::{has_bucket, settings as bucket_settings};
pub use fingerprint::Fingerprint;
pub use front_end::{Zone, check_hosts, find as find_front_end};
pub use login::{LogIn, LoggedIn};
pub use marks::Marks;
pub use search::cluster_address;
pub use values::Values;
pub use writing::Writing;

use crate::adapters::postgres::{DatabaseUrl, Defaults, PostgresError, SslMode};
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::secret::Secret;
use crate::settings::{Destination, Environment, Settings};

/// The configured environments, as this process reaches them.
#[derive(Clone, Copy)]
pub struct Deployments<'a> {
    pub settings: &'a Settings,
    pub reporter: &'a dyn Reporter,
    pub home: Option<&'a Path>,
}

/// An environment that is read. It may be protected.
pub struct Reading<'a> {
    pub environment: &'a Environment,
    pub logged_in: LogIn,
    pub values: Values,
}

impl<'a> Deployments<'a> {
    /// Opens an environment for reading.
    ///
    /// # Errors
    /// If neither Heroku nor this process's variables give its config vars.
    pub async fn reading(&self, environment: &'a Environment) -> Result<Reading<'a>, CommandError> {
        self.asks_heroku_about(&environment.name);
        let logged_in = self.log_in().await;
        let values = Values::of(&logged_in, environment).await?;
        Ok(Reading { environment, logged_in, values })
    }

    /// Shows that Heroku is asked now, because its answer may take a while.
    pub fn asks_heroku_about(&self, environment: &str) {
        self.reporter.emit(Event::Asking(format!("Asking Heroku about {environment}")));
    }

    /// Opens an environment for changes, and compares it with every protected environment.
    ///
    /// # Errors
    /// A refusal if the app is protected, or if one of its config vars leads to a resource of a
    /// protected environment.
    pub async fn writing(&self, destination: &Destination) -> Result<Writing<'a>, CommandError> {
        Writing::open(*self, destination, None).await
    }

    /// Opens an environment for a command on a dyno. The dyno has the app's own config vars and the
    /// given variables. Overrides of config vars in this process do not reach it.
    ///
    /// # Errors
    /// As [`Deployments::writing`].
    pub async fn writing_of_a_dyno(
        &self,
        destination: &Destination,
        variables: &[(String, String)],
    ) -> Result<Writing<'a>, CommandError> {
        Writing::open(*self, destination, Some(variables)).await
    }
}

/// Reads a database URL from a config var. The variables of this machine do not add defaults.
///
/// # Errors
/// If it is not a database's URL, or has a parameter that bcops does not support.
pub fn remote_database(url: &Secret) -> Result<DatabaseUrl, PostgresError> {
    let defaults = Defaults { variable: &|_| None, home: None, ssl_mode: SslMode::Require };
    DatabaseUrl::parse(url.expose(), &defaults)
}
