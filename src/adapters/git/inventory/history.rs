//! Which commits lead to which.

use std::collections::HashSet;

use git2::{Oid, Repository};

/// All commits that lead to the tips, but for those that are left out with all that led to them.
/// `without` must be complete in this sense, so that the walk can end where it begins.
///
/// The walk follows parents and trusts no dates, which a clock set wrong has made lie.
pub fn reachable(
    repository: &Repository,
    tips: impl IntoIterator<Item = Oid>,
    without: &HashSet<Oid>,
) -> Result<HashSet<Oid>, git2::Error> {
    let mut found = HashSet::new();
    let mut waiting: Vec<Oid> = tips.into_iter().collect();
    while let Some(id) = waiting.pop() {
        if !without.contains(&id) && found.insert(id) {
            waiting.extend(repository.find_commit(id)?.parent_ids());
        }
    }
    Ok(found)
}
