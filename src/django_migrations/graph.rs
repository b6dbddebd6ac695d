//! Builds Django's graph of migrations as its loader does, from the files alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Origins;
use super::literal::Value;
use super::module::Migration;
use super::report::{Broken, Conflict, Leaf, Report};

/// A migration by its app's label and its own name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub app: String,
    pub name: String,
}

impl Key {
    pub fn new(app: &str, name: &str) -> Key {
        Key { app: app.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.app, self.name)
    }
}

/// A migration and the file that it was read from.
pub struct Node {
    pub path: String,
    pub migration: Migration,
}

/// Finds conflicts, and problems that keep Django from loading the graph. `apps` are the labels of
/// all apps with a migrations package, even an empty one.
pub fn check(
    nodes: &BTreeMap<Key, Node>,
    apps: &BTreeSet<&str>,
    origins: &Origins,
    report: &mut Report,
) {
    let (graph, squashed) = build(nodes, apps, None);
    let unclear = apps_with_unreadable_files(report);
    let findings = Findings { nodes, origins, unclear: &unclear };
    findings.overlapping(&squashed, report);
    findings.missing(&graph, report);
    findings.cycle(&graph, report);
    findings.conflicts(&graph, report);
}

/// The graph, and the squashed migrations in it. `user_app` is the app of the site's users, if it is
/// known.
pub(super) fn build<'a>(
    nodes: &'a BTreeMap<Key, Node>,
    apps: &BTreeSet<&str>,
    user_app: Option<&str>,
) -> (Graph, BTreeMap<&'a Key, BTreeSet<Key>>) {
    let mut graph = Graph::default();
    for key in nodes.keys() {
        graph.parents.entry(key.clone()).or_default();
    }
    graph.add_internal(nodes);
    graph.add_external(nodes, apps);
    if let Some(user_app) = user_app.filter(|app| apps.contains(app)) {
        graph.add_swappable(nodes, user_app);
    }
    let squashed = squashed(nodes);
    for (key, replaced) in &squashed {
        graph.replace(key, replaced);
    }
    (graph, squashed)
}

fn as_key(value: &Value) -> Option<Key> {
    match value {
        Value::Pair(app, name) => Some(Key::new(app, name)),
        Value::Swappable => None,
    }
}

/// The squashed migrations, each with the migrations that it replaces.
fn squashed(nodes: &BTreeMap<Key, Node>) -> BTreeMap<&Key, BTreeSet<Key>> {
    let replaced = |node: &Node| node.migration.replaces.iter().filter_map(as_key).collect();
    let squashed = nodes.iter().filter(|(_, node)| !node.migration.replaces.is_empty());
    squashed.map(|(key, node)| (key, replaced(node))).collect()
}

/// The folders with an unreadable file. Nothing else is reported about them.
fn apps_with_unreadable_files(report: &Report) -> BTreeSet<String> {
    let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    report.unreadable.iter().filter_map(|file| folder(&file.path)).collect()
}

/// The dependencies of each migration. A name that is not a node is missing.
#[derive(Default)]
pub(super) struct Graph {
    pub parents: BTreeMap<Key, BTreeSet<Key>>,
}

impl Graph {
    fn depend(&mut self, child: &Key, parent: &Key) {
        self.parents.entry(child.clone()).or_default().insert(parent.clone());
    }

    /// Adds dependencies within an app. There `__first__` has no meaning, and everything else is a
    /// name.
    fn add_internal(&mut self, nodes: &BTreeMap<Key, Node>) {
        for (key, node) in nodes {
            let parents = node.migration.dependencies.iter().filter_map(as_key);
            for parent in parents.filter(|own| own.app == key.app && own.name != "__first__") {
                self.depend(key, &parent);
            }
        }
    }

    /// Adds dependencies between apps of the tree. Other apps are installed packages, which cannot
    /// cause or resolve a conflict here.
    fn add_external(&mut self, nodes: &BTreeMap<Key, Node>, apps: &BTreeSet<&str>) {
        for (key, node) in nodes {
            let known = |other: &Key| apps.contains(other.app.as_str());
            let dependencies = node.migration.dependencies.iter().filter_map(as_key);
            for parent in dependencies.filter(|other| other.app != key.app && known(other)) {
                if let Some(parent) = self.meant(&parent, key, nodes) {
                    self.depend(key, &parent);
                }
            }
            for child in node.migration.run_before.iter().filter_map(as_key).filter(known) {
                if let Some(child) = self.meant(&child, key, nodes) {
                    self.depend(&child, key);
                }
            }
        }
    }

    /// Lets migrations with a swappable dependency wait for the app of the site's users.
    fn add_swappable(&mut self, nodes: &BTreeMap<Key, Node>, user_app: &str) {
        let first = Key::new(user_app, "__first__");
        for (key, node) in nodes.iter().filter(|(key, _)| key.app != user_app) {
            if node.migration.dependencies.contains(&Value::Swappable)
                && let Some(parent) = self.meant(&first, key, nodes)
            {
                self.depend(key, &parent);
            }
        }
    }

    /// Resolves `__first__` and `__latest__`.
    fn meant(&self, key: &Key, from: &Key, nodes: &BTreeMap<Key, Node>) -> Option<Key> {
        let latest = match key.name.as_str() {
            "__first__" => false,
            "__latest__" => true,
            _ => return Some(key.clone()),
        };
        if key.app == from.app {
            return None;
        }
        let own = nodes.keys().filter(|node| node.app == key.app);
        let ends = |node: &&Key| if latest { self.is_leaf(node) } else { self.is_root(node) };
        // If the app has no migrations, the name stays and is reported as missing.
        own.filter(ends).min().cloned().or_else(|| Some(key.clone()))
    }

    fn is_root(&self, key: &Key) -> bool {
        self.parents.get(key).is_none_or(|parents| parents.iter().all(|one| one.app != key.app))
    }

    fn is_leaf(&self, key: &Key) -> bool {
        !self.parents.iter().any(|(child, parents)| child.app == key.app && parents.contains(key))
    }

    /// Puts a squashed migration in the place of those that it replaces. The check assumes that
    /// none of them is applied.
    fn replace(&mut self, replacement: &Key, replaced: &BTreeSet<Key>) {
        let mut inherited = BTreeSet::new();
        for key in replaced {
            inherited.extend(self.parents.remove(key).unwrap_or_default());
        }
        inherited.retain(|parent| !replaced.contains(parent));
        for parents in self.parents.values_mut() {
            let before = parents.len();
            parents.retain(|parent| !replaced.contains(parent));
            if parents.len() < before {
                parents.insert(replacement.clone());
            }
        }
        self.parents.entry(replacement.clone()).or_default().extend(inherited);
    }
}

struct Findings<'a> {
    nodes: &'a BTreeMap<Key, Node>,
    origins: &'a Origins,
    /// Folders with an unreadable file.
    unclear: &'a BTreeSet<String>,
}

impl Findings<'_> {
    fn brought_by(&self, path: &str) -> Vec<String> {
        self.origins.get(path).into_iter().flatten().cloned().collect()
    }

    fn is_unclear(&self, app: &str) -> bool {
        let mut own = self.nodes.iter().filter(|(key, _)| key.app == app);
        own.any(|(_, node)| {
            node.path.rsplit_once('/').is_some_and(|(folder, _)| self.unclear.contains(folder))
        })
    }

    fn broken(&self, key: &Key, reason: String) -> Option<Broken> {
        let path = self.nodes.get(key)?.path.clone();
        Some(Broken { brought_by: self.brought_by(&path), path, reason })
    }

    /// Reports squashed migrations that replace each other or the same migrations. Django processes
    /// them in no fixed order, so loading them succeeds only sometimes.
    fn overlapping(&self, squashed: &BTreeMap<&Key, BTreeSet<Key>>, report: &mut Report) {
        for (key, replaced) in squashed {
            let mut others = squashed.iter().filter(|(other, _)| *other != key);
            if others.any(|(other, theirs)| {
                theirs.contains(*key) || replaced.contains(*other) || !theirs.is_disjoint(replaced)
            }) {
                let reason = "overlaps with another squashed migration".to_owned();
                report.broken.extend(self.broken(key, reason));
            }
        }
    }

    /// Reports missing dependencies, with which Django refuses to load the graph.
    fn missing(&self, graph: &Graph, report: &mut Report) {
        let edges = graph
            .parents
            .iter()
            .flat_map(|(child, parents)| parents.iter().map(move |parent| (child, parent)));
        for (child, parent) in edges {
            let absent = |key: &Key| !graph.parents.contains_key(key) && !self.is_unclear(&key.app);
            if absent(parent) {
                let reason = format!("depends on {parent}, which is missing");
                report.broken.extend(self.broken(child, reason));
            }
        }
        // A child that only `run_before` names is in the graph without a file.
        for (child, parents) in &graph.parents {
            if !self.nodes.contains_key(child) && !self.is_unclear(&child.app) {
                let reason = format!("must run before {child}, which is missing");
                report.broken.extend(
                    parents.iter().filter_map(|parent| self.broken(parent, reason.clone())),
                );
            }
        }
    }

    /// Reports a cycle: removes migrations without remaining dependencies until only cycles remain.
    fn cycle(&self, graph: &Graph, report: &mut Report) {
        let mut left = graph.parents.clone();
        loop {
            let free: Vec<Key> = left
                .iter()
                .filter(|(_, parents)| !parents.iter().any(|parent| left.contains_key(parent)))
                .map(|(key, _)| key.clone())
                .collect();
            if free.is_empty() {
                break;
            }
            for key in free {
                left.remove(&key);
            }
        }
        for key in circle(&left) {
            let reason = "depends on itself through other migrations".to_owned();
            report.broken.extend(self.broken(key, reason));
        }
    }

    fn conflicts(&self, graph: &Graph, report: &mut Report) {
        let mut leaves: BTreeMap<&str, Vec<Leaf>> = BTreeMap::new();
        let dependents: BTreeSet<&Key> = graph
            .parents
            .iter()
            .flat_map(|(child, parents)| parents.iter().filter(|one| one.app == child.app))
            .collect();
        for key in graph.parents.keys().filter(|key| !dependents.contains(key)) {
            let Some(node) = self.nodes.get(key) else { continue };
            leaves.entry(&key.app).or_default().push(Leaf {
                name: key.name.clone(),
                path: node.path.clone(),
                brought_by: self.brought_by(&node.path),
            });
        }
        for (app, leaves) in leaves.into_iter().filter(|(_, leaves)| leaves.len() > 1) {
            if !self.is_unclear(app) {
                report.conflicts.push(Conflict { app: app.to_owned(), leaves });
            }
        }
    }
}

/// Finds one cycle among keys that each depend on another of them.
fn circle(left: &BTreeMap<Key, BTreeSet<Key>>) -> Vec<&Key> {
    let mut way: Vec<&Key> = Vec::new();
    let mut next = left.keys().next();
    while let Some(key) = next {
        if let Some(start) = way.iter().position(|seen| *seen == key) {
            return way.split_off(start);
        }
        way.push(key);
        next = left.get(key).and_then(|parents| {
            parents.iter().find_map(|parent| left.get_key_value(parent).map(|(key, _)| key))
        });
    }
    Vec::new()
}
