//! Names and types the values that one step hands to later steps.

use std::marker::PhantomData;

/// The name and the type of a value. Both sides use one constant, such as
/// `const BACKUP: ValueKey<String> = ValueKey::new("backup")`.
///
/// A [`Secret`](crate::secret::Secret) cannot be serialised, so it cannot be a value. A step that
/// needs a secret reads it again.
pub struct ValueKey<T> {
    name: &'static str,
    holds: PhantomData<fn() -> T>,
}

impl<T> ValueKey<T> {
    pub const fn new(name: &'static str) -> Self {
        ValueKey { name, holds: PhantomData }
    }

    pub const fn name(&self) -> &'static str {
        self.name
    }
}
