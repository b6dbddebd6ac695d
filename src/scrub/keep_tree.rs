//! Holds the members of a JSON document that may stay, as a tree that is walked together with the
//! document.

use std::collections::HashMap;

use super::rules::Step;

/// What may stay of one value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeepTree {
    /// The whole value.
    whole: bool,
    named: HashMap<Vec<u8>, KeepTree>,
    /// For every member and every element.
    any: Option<Box<KeepTree>>,
}

impl KeepTree {
    pub(super) fn new<'a>(paths: impl IntoIterator<Item = &'a [Step]>) -> Self {
        let mut tree = KeepTree::default();
        paths.into_iter().for_each(|path| tree.add(path));
        tree
    }

    /// Recursion is safe: a path is as long as the manifest writes it.
    fn add(&mut self, path: &[Step]) {
        let Some((step, rest)) = path.split_first() else {
            self.whole = true;
            return;
        };
        match step {
            Step::Any => self.any.get_or_insert_default().add(rest),
            Step::Member(name) => {
                self.named.entry(name.clone().into_bytes()).or_default().add(rest)
            }
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether the value at the path may stay.
    pub(super) fn keeps(&self, path: &[Step]) -> bool {
        let Some((step, rest)) = path.split_first() else { return self.whole };
        let name = match step {
            Step::Member(name) => Some(name.as_bytes()),
            Step::Any => None,
        };
        self.whole || self.below(name).any(|tree| tree.keeps(rest))
    }

    /// What may stay of a member, or of an element, which has no name.
    pub(super) fn below<'t>(&'t self, name: Option<&[u8]>) -> impl Iterator<Item = &'t KeepTree> {
        let named = name.and_then(|name| self.named.get(name));
        named.into_iter().chain(self.any.as_deref())
    }
}
