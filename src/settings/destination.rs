//! Decides which environments may be written to.

use std::ops::Deref;

use super::{Environment, SettingsError};
use crate::failure::EnvironmentName;

/// An unprotected environment of a configuration that protects at least one other. Everything that
/// writes takes this type, and only `try_from` makes it, so a protected environment cannot become a
/// destination.
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
        environment.check_something_is_protected()?;
        Ok(Destination(environment.clone()))
    }
}

impl Environment {
    /// The name for hints.
    pub fn named(&self) -> EnvironmentName {
        EnvironmentName { name: self.name.clone(), app: self.app.value.clone() }
    }

    /// Refuses a protected environment.
    pub fn as_destination(&self) -> Result<Destination, SettingsError> {
        Destination::try_from(self)
    }

    /// Fails if no environment is protected. For changes that are allowed even to a protected
    /// environment on request.
    pub fn check_something_is_protected(&self) -> Result<(), SettingsError> {
        match self.something_is_protected {
            true => Ok(()),
            false => Err(SettingsError::NothingProtected {
                environment: self.name.clone(),
                app: self.app.value.clone(),
            }),
        }
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
