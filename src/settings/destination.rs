//! Environments that may be written to.

use std::ops::Deref;

use super::{Environment, SettingsError};
use crate::failure::EnvironmentName;

/// An environment that is not protected, beside one that is. What writes to an environment asks for one of these, and
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
        environment.check_something_is_protected()?;
        Ok(Destination(environment.clone()))
    }
}

impl Environment {
    /// As hints name it.
    pub fn named(&self) -> EnvironmentName {
        EnvironmentName { name: self.name.clone(), app: self.app.value.clone() }
    }

    /// Refuses a protected environment.
    pub fn as_destination(&self) -> Result<Destination, SettingsError> {
        Destination::try_from(self)
    }

    /// Refuses where no environment is protected: for what may be done to a protected environment on
    /// request, and changes something all the same.
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
