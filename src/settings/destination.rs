//! The proof that an environment may be written to.

use super::{Environment, SettingsError};

/// An environment that is not protected. There is no other way to one than
/// [`Environment::as_destination`], so that a function that asks for it cannot be given production.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a>(&'a Environment);

impl<'a> Destination<'a> {
    pub fn environment(&self) -> &'a Environment {
        self.0
    }
}

impl Environment {
    /// Refuses a protected environment.
    pub fn as_destination(&self) -> Result<Destination<'_>, SettingsError> {
        if self.protected {
            return Err(SettingsError::Protected { environment: self.name.clone() });
        }
        Ok(Destination(self))
    }
}
