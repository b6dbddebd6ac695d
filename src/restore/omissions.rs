//! Decides which entries of an archive are skipped: some kinds, refused extensions, and everything
//! that needs either. An entry is never skipped if rows would be lost.
//!
//! Owners and grants name roles that exist only where the backup was made. Event triggers,
//! publications, subscriptions and foreign servers need a superuser, and a copy of a site's data
//! does not need them. It does not need the functions in Heroku's own schema either, which only
//! Heroku's event triggers call. The decision is made once for all entries of all sections.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::archive::{DumpId, Toc, TocEntry};
use crate::schema::TableName;

/// The schema of the functions that Heroku's event triggers call.
pub const HEROKUS_OWN: &str = "_heroku";

/// Kinds that neither hold nor guard rows, so they can be skipped with an object that they need. An
/// entry of any other kind that needs a skipped object stops the load.
const HOLD_NO_ROWS: [&str; 35] = [
    "ACL",
    "AGGREGATE",
    "CAST",
    "COLLATION",
    "COMMENT",
    "CONVERSION",
    "DEFAULT ACL",
    "DOMAIN",
    "EVENT TRIGGER",
    "EXTENSION",
    "FOREIGN DATA WRAPPER",
    "FOREIGN TABLE",
    "FUNCTION",
    "INDEX",
    "INDEX ATTACH",
    "MATERIALIZED VIEW",
    "MATERIALIZED VIEW DATA",
    "OPERATOR",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "POLICY",
    "PROCEDURE",
    "ROW SECURITY",
    "RULE",
    "SEQUENCE OWNED BY",
    "SERVER",
    "SHELL TYPE",
    "STATISTICS",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TRANSFORM",
    "TRIGGER",
    "TYPE",
    "USER MAPPING",
    "VIEW",
];

/// Kinds that belong to one relation, whose name their tag begins with. They are skipped with that
/// relation. If only another object that they need is skipped, they stop the load.
const BELONG_TO_A_RELATION: [&str; 4] =
    ["DEFAULT", "CONSTRAINT", "CHECK CONSTRAINT", "FK CONSTRAINT"];

/// More than the length of any real chain of dependencies.
const LONGEST_CHAIN: usize = 64;

/// How many skipped objects are listed by name.
const NAMED: usize = 20;

/// Which entries are skipped, and why.
#[derive(Debug, Default)]
pub struct Omissions {
    /// The skipped entries. An entry that is skipped only because it needs a skipped entry names
    /// that one.
    reasons: HashMap<DumpId, Option<DumpId>>,
    /// How many entries were skipped because of their kind, by kind.
    pub kinds: BTreeMap<&'static str, usize>,
    /// Entries that must not be skipped, each with the skipped entry that it needs.
    needed: Vec<(DumpId, DumpId)>,
}

/// Rows, or an object that guards rows, that would be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The entry in words, with the chain of entries that it needs.
    pub entry: String,
    /// The table, if only its rows would be lost because the archive does not create the table.
    pub rows_of: Option<TableName>,
    /// The extension at the end of the chain, if there is one.
    pub extension: Option<String>,
}

impl Omissions {
    /// `refused` names the extensions that the server refuses to create.
    pub fn decide(toc: &Toc, refused: &HashSet<String>) -> Omissions {
        let mut omissions = Omissions::default();
        let mut open = Vec::new();
        for entry in toc.entries() {
            let kind = kind_skipped(entry);
            if let Some(kind) = kind {
                *omissions.kinds.entry(kind).or_default() += 1;
            }
            let is_refused = entry.entry_type == "EXTENSION" && refused.contains(&entry.tag);
            if kind.is_some() || is_refused {
                omissions.reasons.insert(entry.id, None);
                open.push(entry.id);
            }
        }
        omissions.follow(toc, open);
        omissions
    }

    fn follow(&mut self, toc: &Toc, mut open: Vec<DumpId>) {
        let mut dependents: HashMap<DumpId, Vec<&TocEntry>> = HashMap::new();
        for entry in toc.entries() {
            for need in &entry.dependencies {
                dependents.entry(*need).or_default().push(entry);
            }
        }
        // The rows of an extension's table do not name the extension.
        for rows in toc.rows_of_extensions() {
            if let Some(extension) = toc.extension_of(rows) {
                dependents.entry(extension.id).or_default().push(rows);
            }
        }
        while let Some(skipped) = open.pop() {
            for entry in dependents.remove(&skipped).unwrap_or_default() {
                if self.skips(entry.id) {
                    continue;
                }
                if self.may_go(toc, entry) {
                    self.reasons.insert(entry.id, Some(skipped));
                    open.push(entry.id);
                } else {
                    self.needed.push((entry.id, skipped));
                }
            }
        }
        // A column's default is skipped with its relation, which may have been found later.
        let reasons = &self.reasons;
        self.needed.retain(|(id, _)| !reasons.contains_key(id));
    }

    fn may_go(&self, toc: &Toc, entry: &TocEntry) -> bool {
        let kind = entry.entry_type.as_str();
        let skipped = entry.dependencies.iter().filter(|id| self.skips(**id));
        let mut relations = skipped.filter_map(|id| toc.get(*id));
        match kind {
            _ if HOLD_NO_ROWS.contains(&kind) => true,
            // A partition that is a foreign table holds no rows in this database.
            "TABLE ATTACH" => relations.any(|one| is_relation(one) && one.tag == entry.tag),
            _ if BELONG_TO_A_RELATION.contains(&kind) => {
                relations.any(|one| is_relation(one) && belongs_to(entry, one))
            }
            _ => false,
        }
    }

    pub fn skips(&self, id: DumpId) -> bool {
        self.reasons.contains_key(&id)
    }

    /// What would be lost. `has_rows` says whether a table has rows to load.
    pub fn losses(&self, toc: &Toc, has_rows: impl Fn(&TableName) -> bool) -> Vec<Loss> {
        let mut losses = Vec::new();
        for (id, on) in &self.needed {
            let Some(entry) = toc.get(*id) else { continue };
            let rows_of = (entry.entry_type == "TABLE DATA").then(|| entry.table_name());
            if rows_of.as_ref().is_some_and(|table| !has_rows(table)) {
                continue;
            }
            let (chain, root) = self.chain(toc, *on);
            let extension =
                root.filter(|entry| entry.entry_type == "EXTENSION").map(|entry| entry.tag.clone());
            losses.push(Loss { entry: format!("{}{chain}", entry.describe()), rows_of, extension });
        }
        losses
    }

    /// One line for each object that is skipped because it needs a skipped object.
    pub fn warnings(&self, toc: &Toc) -> Vec<String> {
        let is_told = |kind: &str| !matches!(kind, "COMMENT" | "ACL" | "MATERIALIZED VIEW DATA");
        let skipped: Vec<String> = toc
            .entries()
            .iter()
            .filter(|entry| is_told(&entry.entry_type))
            .filter_map(|entry| {
                let on = (*self.reasons.get(&entry.id)?)?;
                Some(format!("skipped: {}{}", entry.describe(), self.chain(toc, on).0))
            })
            .collect();
        let more = skipped.len().saturating_sub(NAMED) as u64;
        let mut warnings: Vec<String> = skipped.into_iter().take(NAMED).collect();
        if more > 0 {
            let objects = crate::words::plural(more, "more object");
            warnings.push(format!("skipped: {objects} for the same reasons"));
        }
        warnings
    }

    /// The chain of entries that an entry needs, in words, and the last of them.
    fn chain<'a>(&self, toc: &'a Toc, first: DumpId) -> (String, Option<&'a TocEntry>) {
        let next = |id: &DumpId| self.reasons.get(id).copied().flatten();
        let links = std::iter::successors(Some(first), next).take(LONGEST_CHAIN);
        let links: Vec<&TocEntry> = links.filter_map(|id| toc.get(id)).collect();
        let text = links.iter().map(|link| format!(", which needs {}", link.describe())).collect();
        (text, links.last().copied())
    }
}

fn is_relation(entry: &TocEntry) -> bool {
    matches!(entry.entry_type.as_str(), "FOREIGN TABLE" | "VIEW" | "MATERIALIZED VIEW")
}

/// Whether the entry's tag has the form `RELATION NAME` with this relation.
fn belongs_to(entry: &TocEntry, relation: &TocEntry) -> bool {
    let rest = entry.tag.strip_prefix(&relation.tag);
    entry.namespace == relation.namespace && rest.is_some_and(|rest| rest.starts_with(' '))
}

fn kind_skipped(entry: &TocEntry) -> Option<&'static str> {
    match entry.entry_type.as_str() {
        "ACL" | "DEFAULT ACL" => Some("grants"),
        "SECURITY LABEL" => Some("security labels"),
        "EVENT TRIGGER" => Some("event triggers"),
        "PUBLICATION" | "PUBLICATION TABLE" | "PUBLICATION TABLES IN SCHEMA" => {
            Some("publications")
        }
        "SUBSCRIPTION" | "SUBSCRIPTION TABLE" => Some("subscriptions"),
        "FOREIGN DATA WRAPPER" | "SERVER" | "USER MAPPING" => Some("foreign servers"),
        "FOREIGN TABLE" => Some("foreign tables"),
        "STATISTICS DATA" => Some("planner statistics"),
        _ if is_herokus_own(entry) => Some("Heroku's own functions"),
        _ => None,
    }
}

/// Whether the entry is Heroku's own schema or a function in it. Any other object there needs the
/// schema, and stops the load if it holds rows.
fn is_herokus_own(entry: &TocEntry) -> bool {
    match entry.entry_type.as_str() {
        "SCHEMA" => entry.tag == HEROKUS_OWN,
        "FUNCTION" => entry.namespace.as_deref() == Some(HEROKUS_OWN),
        _ => false,
    }
}
