//! Environments that may be written to.

use std::ops::Deref;

use super::{Environment, SettingsError};

/// An environment that is not protected. What writes to an environment asks for one of these, and
/// there is no other way to make it, so that a protected environment cannot become a destination.
#[derive(Debug, Clone)]
pub struct Destination(Environment);

impl TryFrom<&Environment> for Destination {
    type Error = SettingsError;

    fn try_from(environment: &Environment) -> Result<Self, SettingsError> {
        if environment.protected {
            return Err(SettingsError::Protected {
                environment: environment.name.clone(),
                app: environment.app.value.clone(),
            });
        }
        Ok(Destination(environment.clone()))
    }
}

impl Environment {
    /// Refuses a protected environment.
    pub fn as_destination(&self) -> Result<Destination, SettingsError> {
        Destination::try_from(self)
    }
}

impl Destination {
    pub fn environment(&self) -> &Environment {
        &self.0
    }
}

impl Deref for Destination {
    type Target = Environment;

    fn deref(&self) -> &Environment {
        &self.0
    }
}
