//! Proves that an app or a database may be written to. No such proof exists for a protected
//! environment.

use super::attachments::{AppReference, DatabaseAttachment};
use super::client::Heroku;
use super::error::HerokuError;
use crate::settings::Destination;

/// The stack of Heroku's Fir generation. A launcher must start its commands, and its logs are streams
/// without earlier lines.
const CLOUD_NATIVE: &str = "cnb";

/// The app of an unprotected environment. Every request that changes an app takes this type, and
/// only [`Heroku::destination_app`] makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationApp {
    app: AppReference,
    is_fir: bool,
}

/// A database that a [`DestinationApp`] owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationDatabase(DatabaseAttachment);

impl DestinationApp {
    pub fn id(&self) -> &str {
        &self.app.id
    }

    pub fn name(&self) -> &str {
        &self.app.name
    }

    /// Whether the app belongs to Heroku's Fir generation.
    pub fn is_fir(&self) -> bool {
        self.is_fir
    }
}

impl DestinationDatabase {
    pub fn attachment(&self) -> &DatabaseAttachment {
        &self.0
    }
}

impl Heroku {
    /// Takes the proof that the environment may be written to, and reads its app from Heroku.
    ///
    /// Heroku still answers under the old name of a renamed app, so an answer about an app of
    /// another name is refused.
    pub async fn destination_app(
        &self,
        destination: &Destination,
    ) -> Result<DestinationApp, HerokuError> {
        let asked = &destination.environment().app.value;
        let app = self.app(asked).await?;
        if app.name != *asked && app.id != *asked {
            return Err(HerokuError::AnotherApp { asked: asked.clone(), answered: app.name });
        }
        let is_fir = app.stack.is_some_and(|stack| stack.name == CLOUD_NATIVE);
        let app = AppReference { id: app.id, name: app.name };
        Ok(DestinationApp { app, is_fir })
    }

    /// The database that `name` means on the app, if the app owns it. A database that is only
    /// attached, for example production's, is refused.
    pub async fn destination_database(
        &self,
        app: &DestinationApp,
        name: &str,
    ) -> Result<DestinationDatabase, HerokuError> {
        let attachment = self.resolve_database(app.name(), name).await?;
        if attachment.app.id != app.id() || attachment.billing_app.id != app.id() {
            return Err(HerokuError::ForeignDatabase {
                database: attachment.addon_name,
                owner: attachment.billing_app.name,
                app: app.name().to_owned(),
            });
        }
        Ok(DestinationDatabase(attachment))
    }
}
