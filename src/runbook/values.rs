//! Typed values that one step hands to later ones.

use std::marker::PhantomData;

/// The name and the type of a value. Both sides use one constant, such as
/// `const BACKUP: ValueKey<String> = ValueKey::new("backup")`.
///
/// A [`Secret`](crate::secret::Secret) is not serialisable and can therefore be no value; it is read
/// again by the step that needs it.
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
