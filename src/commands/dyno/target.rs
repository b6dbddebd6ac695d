//! The app whose dyno it will be, compared with everything that is protected: a command on it reaches
//! whatever its config vars name.

use crate::adapters::heroku::{DestinationApp, Heroku};
use crate::commands::Context;
use crate::commands::environments::Values;
use crate::commands::guards::Protected;
use crate::commands::heroku::log_in;
use crate::commands::media::buckets;
use crate::error::CommandError;
use crate::secret::Secret;
use crate::settings::Destination;

/// Where the command will run.
pub struct Target {
    pub heroku: Heroku,
    pub app: DestinationApp,
    pub destination: Destination,
}

/// Looks everything up. `variables` are what the dyno is given besides the app's own config vars.
///
/// # Errors
/// A refusal where the app, its database, bucket, Redis or search cluster is a protected
/// environment's, or cannot be compared.
pub async fn prepare(
    context: &Context,
    destination: &Destination,
    variables: &[(String, String)],
) -> Result<Target, CommandError> {
    let logged_in = Ok(log_in(context).await?);
    // What this process's variables say instead of config vars, a dyno does not know.
    let given = variables.iter().map(|(name, value)| (name.clone(), Secret::new(value.as_str())));
    let (own, protected) = futures_util::future::join(
        Values::of(context, &logged_in, destination),
        Protected::look(context, &logged_in, destination),
    )
    .await;
    // That it is a protected environment's app is the news, whatever else is wrong.
    let protected = protected?;
    let values = Values { own: own?.own, overrides: given.collect() };
    if values.get(&destination.database_url_variable).is_some() {
        protected.check_database(&values.database(context, destination)?)?;
    }
    let vars = values.in_force();
    if buckets::has_one(destination, &vars) {
        protected.check_bucket(&buckets::settings(context, destination, &vars)?)?;
    }
    protected.check_stores(destination, &vars)?;
    let heroku = logged_in?.heroku;
    let app = heroku.destination_app(destination).await?;
    Ok(Target { heroku, app, destination: destination.clone() })
}
