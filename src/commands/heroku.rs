//! The Heroku client of a command.

use crate::adapters::heroku::{
    CredentialSources, Endpoints, Heroku, HerokuError, Timing, find_credentials,
};
use crate::commands::Context;
use crate::secret::Secret;

/// A client, and where its token came from.
pub struct LoggedIn {
    pub heroku: Heroku,
    pub token_origin: String,
    /// For git, which is given it in the environment of one process.
    pub token: Secret,
}

pub async fn log_in(context: &Context) -> Result<LoggedIn, HerokuError> {
    let settings = &context.settings;
    let endpoints = Endpoints::resolve(
        settings.heroku_host.as_ref().map(|found| found.value.as_str()),
        settings.heroku_data_host.as_ref().map(|found| found.value.as_str()),
    )?;
    let sources = CredentialSources {
        environment: &|name| std::env::var(name).ok(),
        home: context.home.as_deref(),
        netrc_machine: &endpoints.netrc_machine(),
    };
    let credentials = find_credentials(&sources).await?;
    let token_origin = credentials.origin;
    let token = credentials.token;
    let timing = Timing::default().limited(settings.network_timeout);
    let heroku = Heroku::with_timing(endpoints, token.clone(), timing)?;
    Ok(LoggedIn { heroku, token_origin, token })
}
