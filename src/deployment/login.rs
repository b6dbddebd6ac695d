//! Logs in to Heroku with the credentials of this machine.

use super::Deployments;
use crate::adapters::heroku::{
    CredentialSources, Endpoints, Heroku, HerokuError, Timing, find_credentials,
};
use crate::secret::Secret;

/// A client, and where its token comes from.
pub struct LoggedIn {
    pub heroku: Heroku,
    pub token_origin: String,
    /// The token for git, which gets it in the environment of a single process.
    pub token: Secret,
}

/// A login, or why there is none. Variables of this process can make a login unnecessary.
pub type LogIn = Result<LoggedIn, HerokuError>;

impl Deployments<'_> {
    pub async fn log_in(&self) -> LogIn {
        let settings = self.settings;
        let endpoints = Endpoints::resolve(
            settings.heroku_host.as_ref().map(|found| found.value.as_str()),
            settings.heroku_data_host.as_ref().map(|found| found.value.as_str()),
        )?;
        let sources = CredentialSources {
            environment: &|name| std::env::var(name).ok(),
            home: self.home,
            netrc_machine: &endpoints.netrc_machine(),
        };
        let credentials = find_credentials(&sources).await?;
        let token_origin = credentials.origin;
        let token = credentials.token;
        let timing = Timing::default().limited(settings.network_timeout);
        let heroku = Heroku::with_timing(endpoints, token.clone(), timing)?;
        Ok(LoggedIn { heroku, token_origin, token })
    }
}
