//! Chooses the app of a one-off dyno, and compares it with everything that is protected: a command
//! on the dyno reaches all that its config vars name.

use crate::adapters::heroku::{DestinationApp, Heroku};
use crate::commands::Context;
use crate::failure::CommandError;
use crate::settings::Destination;

/// The app on which the command runs.
pub struct DynoTarget {
    pub heroku: Heroku,
    pub app: DestinationApp,
    pub destination: Destination,
}

/// Looks everything up. `variables` come on top of the app's own config vars.
///
/// # Errors
/// The app, its database, bucket, Redis or search cluster belongs to a protected environment, or
/// cannot be compared.
pub async fn prepare(
    context: &Context,
    destination: &Destination,
    variables: &[(String, String)],
) -> Result<DynoTarget, CommandError> {
    let deployments = context.deployments();
    deployments.asks_heroku_about(&destination.name);
    deployments.log_in().await?;
    let writing = deployments.writing_of_a_dyno(destination, variables).await?;
    writing.all_of_a_dyno()?;
    let app = writing.app().await?;
    let (logged_in, _) = writing.heroku()?;
    Ok(DynoTarget { heroku: logged_in.heroku, app, destination: destination.clone() })
}
