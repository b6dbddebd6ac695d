//! The one door to an environment: what its app, its config vars and the servers behind them are.
//!
//! [`Deployments::reading`] opens an environment to be read. [`Deployments::writing`] opens one to
//! be changed, and compares it with everything that is protected: a [`Writing`] gives out a
//! database, a bucket or a cache only once one of two proofs has succeeded and neither contradicts.
//! Either Heroku says that the resource is an add-on of the destination's own app, or the servers
//! say that it is not the protected one. Names are only the first look.

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

/// The environments of the configuration, as this process reaches them.
#[derive(Clone, Copy)]
pub struct Deployments<'a> {
    pub settings: &'a Settings,
    pub reporter: &'a dyn Reporter,
    pub home: Option<&'a Path>,
}

/// An environment that is read. It may be a protected one.
pub struct Reading<'a> {
    pub environment: &'a Environment,
    pub logged_in: LogIn,
    pub values: Values,
}

impl<'a> Deployments<'a> {
    /// Opens an environment to be read.
    ///
    /// # Errors
    /// Where its config vars cannot be had, from Heroku or from this process's variables.
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

    /// Opens an environment to be changed, and compares it with everything that is protected.
    ///
    /// # Errors
    /// A refusal where the app is a protected one, or one of its config vars leads to what belongs
    /// to a protected environment.
    pub async fn writing(&self, destination: &Destination) -> Result<Writing<'a>, CommandError> {
        Writing::open(*self, destination, None).await
    }

    /// The same for a command on a dyno. It knows the app's own config vars and the variables that
    /// it is given, and nothing of what stands in for config vars in this process.
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

/// Reads a URL from a config var. The variables of this machine say nothing about it.
///
/// # Errors
/// Where it is not a database's URL, or has a parameter that bcops does not support.
pub fn remote_database(url: &Secret) -> Result<DatabaseUrl, PostgresError> {
    let defaults = Defaults { variable: &|_| None, home: None, ssl_mode: SslMode::Require };
    DatabaseUrl::parse(url.expose(), &defaults)
}
