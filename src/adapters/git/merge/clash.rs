//! Finds the branches on both sides of a conflict, so that a person knows whom to ask.

use std::path::Path;

use git2::{Oid, Repository as Library};

use super::{Assembled, Assembly, Choice, Conflict};
use crate::adapters::git::error::GitError;
use crate::adapters::git::repository::Repository;

impl Repository {
    /// Adds the names of the branches to conflicts.
    pub(super) fn name_sides(
        &self,
        assembly: &Assembly,
        so_far: &Assembled,
        choice: &Choice,
        conflicts: Vec<Conflict>,
    ) -> Result<Vec<Conflict>, GitError> {
        let failed = || GitError::library(format!("the conflicts of {}", choice.name));
        let library = self.library()?;
        let mut before = Vec::new();
        for merged in so_far.merged() {
            before.push((
                merged.name.clone(),
                sides(&library, assembly.base, merged.commit).map_err(failed())?,
            ));
        }
        Ok(conflicts
            .into_iter()
            .map(|conflict| {
                let path = Path::new(&conflict.path);
                let changed = before.iter().filter(|(_, sides)| sides.differ_at(path));
                let mut ours: Vec<String> = changed.map(|(name, _)| name.clone()).collect();
                if ours.is_empty() {
                    ours.push(assembly.base_name.clone());
                }
                Conflict { ours, theirs: choice.name.clone(), ..conflict }
            })
            .collect())
    }
}

/// A branch now, and at the point where it left the base.
struct Sides<'a> {
    before: git2::Tree<'a>,
    after: git2::Tree<'a>,
}

impl Sides<'_> {
    fn differ_at(&self, path: &Path) -> bool {
        let entry = |tree: &git2::Tree<'_>| {
            tree.get_path(path).ok().map(|entry| (entry.id(), entry.filemode()))
        };
        entry(&self.before) != entry(&self.after)
    }
}

fn sides(library: &Library, base: Oid, branch: Oid) -> Result<Sides<'_>, git2::Error> {
    let fork = library.merge_base(base, branch)?;
    Ok(Sides {
        before: library.find_commit(fork)?.tree()?,
        after: library.find_commit(branch)?.tree()?,
    })
}
