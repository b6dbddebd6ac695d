//! Orders migrations as `migrate` applies them.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{self, Key, Node};

/// The migrations in the order in which `migrate` applies them to an empty database. Those of a
/// cycle come last.
pub fn order(
    nodes: &BTreeMap<Key, Node>,
    apps: &BTreeSet<&str>,
    user_app: Option<&str>,
) -> Vec<Key> {
    let (graph, _) = graph::build(nodes, apps, user_app);
    let mut waiting: BTreeMap<&Key, usize> = BTreeMap::new();
    let mut children: BTreeMap<&Key, Vec<&Key>> = BTreeMap::new();
    for (child, parents) in graph.parents.iter().filter(|(key, _)| nodes.contains_key(*key)) {
        let known = parents.iter().filter(|parent| graph.parents.contains_key(*parent));
        let known: Vec<&Key> = known.filter(|parent| nodes.contains_key(*parent)).collect();
        waiting.insert(child, known.len());
        for parent in known {
            children.entry(parent).or_default().push(child);
        }
    }
    let mut order = Vec::new();
    let free = waiting.iter().filter(|(_, parents)| **parents == 0).map(|(key, _)| *key);
    let mut free: BTreeSet<&Key> = free.collect();
    while let Some(key) = free.pop_first() {
        waiting.remove(key);
        order.push(key.clone());
        for child in children.remove(key).unwrap_or_default() {
            if let Some(parents) = waiting.get_mut(child) {
                *parents -= 1;
                if *parents == 0 {
                    free.insert(child);
                }
            }
        }
    }
    order.extend(waiting.into_keys().cloned());
    order
}
