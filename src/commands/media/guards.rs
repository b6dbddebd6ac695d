//! Refuses a copy of a bucket onto itself.

use crate::adapters::s3::{BucketAddress, BucketIdentity, BucketSettings};
use crate::failure::{CommandError, FailureKind};
use crate::settings::Environment;

/// Compares the environments by name and by bucket.
pub fn not_onto_itself(
    source: (&Environment, &BucketSettings),
    destination: (&Environment, &BucketSettings),
) -> Result<(), CommandError> {
    let of = |settings: &BucketSettings| -> Result<(BucketAddress, BucketIdentity), CommandError> {
        let address = BucketAddress::new(settings)?;
        let identity = BucketIdentity::of(&address, &settings.credentials);
        Ok((address, identity))
    };
    let (from, to) = (of(source.1)?, of(destination.1)?);
    if source.0.name != destination.0.name && !from.1.may_be(&to.1) {
        return Ok(());
    }
    Err(CommandError::new(
        FailureKind::Refused,
        format!(
            "the bucket of {} ({}) and that of {} ({}) are the same; nothing was changed",
            source.0.name,
            from.0.place(),
            destination.0.name,
            to.0.place()
        ),
    )
    .hint("name another environment with --from"))
}
