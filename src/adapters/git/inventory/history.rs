//! Finds the commits that lead to a set of tips.

use std::collections::HashSet;

use git2::{Oid, Repository};

/// All commits that lead to the tips, except those in `without`. For each of its commits `without`
/// must also hold all ancestors, because the walk stops there.
///
/// The walk follows parents and ignores dates, because a wrong clock makes dates wrong.
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
