//! Sorts the entries of a backup into those that run before the rows, after the rows, and last.
//!
//! [`super::omissions`] decides which entries are skipped.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::adapters::postgres::quote_literal;
use crate::archive::{DumpId, Section, Toc, TocEntry};
use crate::schema::{TableName, quote_identifier};

use super::RestoreError;
use super::omissions::{Loss, Omissions};
use super::site_path::SitePath;

/// The order in which the entries of an archive run. An entry is named by its index in the TOC.
#[derive(Debug)]
pub struct RestorePlan {
    pub toc: Arc<Toc>,
    /// Run one after the other, in TOC order.
    pub pre_data: Vec<usize>,
    pub post_data: Vec<PostDataEntry>,
    /// The blocks of each partitioned table, by the id that stands for all of them in `needs`.
    pub families: HashMap<DumpId, Vec<DumpId>>,
    /// `REFRESH MATERIALIZED VIEW`, run last and in order because the views may read any table.
    pub refreshes: Vec<usize>,
    /// Whether the SQL names schemas. It does in archives that have a SEARCHPATH entry.
    qualified: bool,
    with_large_objects: bool,
    pub omissions: Omissions,
    /// Where the site's own functions find names without a schema.
    pub site_path: SitePath,
}

/// An entry that runs once the entries it needs are done.
#[derive(Debug)]
pub struct PostDataEntry {
    pub index: usize,
    /// The blocks, families of blocks and post-data entries that must be done first.
    pub needs: HashSet<DumpId>,
    /// Whether the rows of every table must be loaded first.
    pub needs_all_rows: bool,
    /// The tables that this entry's statement locks.
    pub locks: Vec<DumpId>,
    /// Whether the locks exclude other entries. `CREATE INDEX` shares its table with other indexes.
    pub exclusive: bool,
}

impl RestorePlan {
    /// `with_large_objects` is false if the scrub deletes large objects.
    pub fn new(toc: &Arc<Toc>, with_large_objects: bool) -> RestorePlan {
        RestorePlan::decide(toc, with_large_objects, &HashSet::new())
    }

    /// The same plan without these extensions, which the server refuses, and without everything
    /// that needs them.
    pub fn without(&self, extensions: &HashSet<String>) -> RestorePlan {
        RestorePlan::decide(&self.toc, self.with_large_objects, extensions)
    }

    fn decide(toc: &Arc<Toc>, with_large_objects: bool, refused: &HashSet<String>) -> RestorePlan {
        let omissions = Omissions::decide(toc, refused);
        let mut sorter =
            Sorter { with_large_objects, omissions: &omissions, post_data_ids: HashSet::new() };
        let mut pre_data = Vec::new();
        let mut post_data = Vec::new();
        let mut refreshes = Vec::new();
        for (index, entry) in toc.entries().iter().enumerate() {
            match sorter.place(entry) {
                Place::PreData => pre_data.push(index),
                Place::PostData => {
                    sorter.post_data_ids.insert(entry.id);
                    post_data.push(index);
                }
                Place::Refresh => refreshes.push(index),
                Place::Nowhere => {}
            }
        }
        let needs = Needs::new(toc, &sorter.post_data_ids);
        let post_data = post_data
            .into_iter()
            .filter_map(|index| toc.entries().get(index).map(|entry| needs.entry(index, entry)))
            .collect();
        let qualified = toc.entries().iter().any(|entry| entry.entry_type == "SEARCHPATH");
        RestorePlan {
            toc: toc.clone(),
            pre_data,
            post_data,
            families: needs.families,
            refreshes,
            qualified,
            with_large_objects,
            site_path: SitePath::of(toc),
            omissions,
        }
    }

    /// Rows that would be lost, and objects that guard rows. `has_rows` says whether a table has
    /// rows to load.
    pub fn losses(&self, has_rows: impl Fn(&TableName) -> bool) -> Vec<Loss> {
        self.omissions.losses(&self.toc, has_rows)
    }

    /// The SQL of an entry, ready to run. SQL of archives up to 1.12 does not name schemas, so it
    /// gets the entry's own schema as the search path.
    pub fn statement<'a>(&self, entry: &'a TocEntry) -> Cow<'a, str> {
        self.as_archived(entry, entry.definition.as_deref().unwrap_or_default())
    }

    /// The same for SQL that replaces the entry's own.
    pub fn as_archived<'a>(&self, entry: &TocEntry, sql: &'a str) -> Cow<'a, str> {
        match &entry.namespace {
            Some(namespace) if !self.qualified => {
                let path = quote_literal(&format!("{}, pg_catalog", quote_identifier(namespace)));
                Cow::Owned(format!(
                    "SELECT pg_catalog.set_config('search_path', {path}, false);\n{sql}"
                ))
            }
            _ => Cow::Borrowed(sql),
        }
    }

    /// SQL of an entry with the site's own search path. Send it as one message: the path is set for
    /// the transaction of that message only.
    pub fn with_site_path(&self, entry: &TocEntry, sql: &str) -> String {
        let namespace = entry.namespace.as_deref().filter(|_| !self.qualified);
        format!("{}{sql}", self.site_path.set_local(namespace))
    }

    /// Refuses an archive whose entries wait for each other, before anything is loaded.
    pub fn check_order(&self) -> Result<(), RestoreError> {
        let id_of = |entry: &PostDataEntry| self.entry(entry.index).map(|found| found.id);
        let own: HashSet<DumpId> = self.post_data.iter().filter_map(id_of).collect();
        let mut dependents: HashMap<DumpId, Vec<&PostDataEntry>> = HashMap::new();
        let mut open_needs: HashMap<usize, usize> = HashMap::new();
        let mut ready = Vec::new();
        for entry in &self.post_data {
            let needs: Vec<DumpId> =
                entry.needs.iter().filter(|id| own.contains(id)).copied().collect();
            if needs.is_empty() {
                ready.push(entry);
            } else {
                open_needs.insert(entry.index, needs.len());
            }
            for need in needs {
                dependents.entry(need).or_default().push(entry);
            }
        }
        while let Some(done) = ready.pop() {
            for entry in id_of(done).and_then(|id| dependents.remove(&id)).unwrap_or_default() {
                let Some(open) = open_needs.get_mut(&entry.index) else { continue };
                *open -= 1;
                if *open == 0 {
                    open_needs.remove(&entry.index);
                    ready.push(entry);
                }
            }
        }
        let mut stuck: Vec<usize> = open_needs.into_keys().collect();
        stuck.sort_unstable();
        let mut names = stuck.iter().filter_map(|index| self.entry(*index)).map(TocEntry::describe);
        match names.next() {
            None => Ok(()),
            Some(entry) => Err(RestoreError::Cycle { entry, chain: names.take(3).collect() }),
        }
    }

    pub fn entry(&self, index: usize) -> Option<&TocEntry> {
        self.toc.entries().get(index)
    }

    /// The extensions that the archive creates, with their schemas.
    pub fn extensions(&self) -> impl Iterator<Item = &TocEntry> {
        self.pre_data
            .iter()
            .filter_map(|index| self.entry(*index))
            .filter(|entry| entry.entry_type == "EXTENSION")
    }
}

enum Place {
    PreData,
    PostData,
    Refresh,
    Nowhere,
}

struct Sorter<'a> {
    with_large_objects: bool,
    omissions: &'a Omissions,
    post_data_ids: HashSet<DumpId>,
}

impl Sorter<'_> {
    fn place(&self, entry: &TocEntry) -> Place {
        if self.omissions.skips(entry.id) {
            return Place::Nowhere;
        }
        match entry.entry_type.as_str() {
            "ENCODING"
            | "STDSTRINGS"
            | "SEARCHPATH"
            | "DATABASE"
            | "DATABASE PROPERTIES"
            | "WARNING"
            | "<Init>"
            | "BLOB COMMENTS"
            | "BLOBS"
            | "TABLE DATA" => Place::Nowhere,
            "COMMENT" if entry.tag.starts_with("DATABASE ") => Place::Nowhere,
            // A new database has the schema and the language already.
            "SCHEMA" if entry.tag == "public" => Place::Nowhere,
            "PROCEDURAL LANGUAGE" if entry.tag == "plpgsql" => Place::Nowhere,
            "BLOB" | "BLOB METADATA" if self.with_large_objects => Place::PreData,
            "BLOB" | "BLOB METADATA" => Place::Nowhere,
            "COMMENT" if entry.tag.starts_with("LARGE OBJECT") && !self.with_large_objects => {
                Place::Nowhere
            }
            "MATERIALIZED VIEW DATA" => Place::Refresh,
            _ if entry.definition.as_deref().is_none_or(is_only_a_comment) => Place::Nowhere,
            "SEQUENCE SET" => Place::PostData,
            _ => match entry.section {
                Section::PostData | Section::Data => Place::PostData,
                Section::PreData => Place::PreData,
                Section::None
                    if entry.dependencies.iter().any(|id| self.post_data_ids.contains(id)) =>
                {
                    Place::PostData
                }
                Section::None => Place::PreData,
            },
        }
    }
}

/// Some entries hold only a line such as `-- *not* creating schema, since initdb creates it`.
fn is_only_a_comment(sql: &str) -> bool {
    sql.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with("--"))
}

/// The lock of `INDEX ATTACH`. Indexes on several levels of partitions are attached one at a time: an
/// index becomes valid with its last part, and two sessions that attach parts on two levels at once
/// can leave it invalid for ever. A foreign key to such a table then fails.
const ATTACHING: DumpId = DumpId(i32::MIN);

/// Finds what each post-data entry waits for.
struct Needs<'a> {
    toc: &'a Toc,
    post_data: &'a HashSet<DumpId>,
    /// The block with each table's rows. For a table with partitions it is the id of its family.
    data_of_table: HashMap<DumpId, Option<DumpId>>,
    families: HashMap<DumpId, Vec<DumpId>>,
}

impl<'a> Needs<'a> {
    fn new(toc: &'a Toc, post_data: &'a HashSet<DumpId>) -> Self {
        let tables: HashMap<TableName, DumpId> = toc
            .entries()
            .iter()
            .filter(|entry| entry.entry_type == "TABLE")
            .map(|entry| (entry.table_name(), entry.id))
            .collect();
        let mut partitions: HashMap<DumpId, Vec<DumpId>> = HashMap::new();
        for attach in toc.entries().iter().filter(|entry| entry.entry_type == "TABLE ATTACH") {
            let Some(child) = tables.get(&attach.table_name()).copied() else { continue };
            for parent in attach.dependencies.iter().filter(|id| **id != child) {
                partitions.entry(*parent).or_default().push(child);
            }
        }
        let own_data: HashMap<DumpId, DumpId> = toc
            .table_data()
            .filter_map(|entry| Some((*tables.get(&entry.table_name())?, entry.id)))
            .collect();
        // Thousands of entries may need the rows of one table with thousands of partitions, so its
        // blocks share one id. It is negative, because ids in archives are above zero.
        let mut families = HashMap::new();
        let mut data_of_table = HashMap::new();
        for table in tables.values().copied() {
            let blocks: Vec<DumpId> = family(table, &partitions)
                .iter()
                .filter_map(|id| own_data.get(id).copied())
                .collect();
            let need = match blocks.as_slice() {
                [] => None,
                [block] => Some(*block),
                _ => {
                    let id = DumpId(-table.0);
                    families.insert(id, blocks);
                    Some(id)
                }
            };
            data_of_table.insert(table, need);
        }
        Needs { toc, post_data, data_of_table, families }
    }

    fn entry(&self, index: usize, entry: &TocEntry) -> PostDataEntry {
        let mut needs = HashSet::new();
        let mut locks = Vec::new();
        for id in &entry.dependencies {
            if let Some(blocks) = self.data_of_table.get(id) {
                needs.extend(*blocks);
                locks.push(*id);
            } else if self.post_data.contains(id)
                || self.toc.get(*id).is_some_and(|found| found.has_data)
            {
                needs.insert(*id);
            }
        }
        // A constraint of a domain depends on no table, and applies to rows of any table.
        let leads_nowhere = needs.is_empty() && locks.is_empty();
        let leads_nowhere = leads_nowhere && entry.entry_type != "SEQUENCE SET";
        let needs_all_rows = leads_nowhere || self.calls_functions(entry);
        needs.remove(&entry.id);
        if entry.entry_type == "INDEX ATTACH" {
            locks.push(ATTACHING);
        }
        PostDataEntry {
            index,
            needs,
            needs_all_rows,
            locks,
            exclusive: entry.entry_type != "INDEX",
        }
    }
}

impl Needs<'_> {
    /// Whether building the entry calls a function of the archive, which may read any table.
    fn calls_functions(&self, entry: &TocEntry) -> bool {
        let is_function = |id: &DumpId| {
            self.toc.get(*id).is_some_and(|one| {
                matches!(one.entry_type.as_str(), "FUNCTION" | "AGGREGATE" | "OPERATOR")
            })
        };
        matches!(entry.entry_type.as_str(), "INDEX" | "CONSTRAINT" | "CHECK CONSTRAINT")
            && entry.dependencies.iter().any(is_function)
    }
}

/// More levels of partitions than any database has.
const PARTITION_LEVELS: usize = 64;

/// A table and all partitions below it. It ends even in a malicious archive whose partitions form a
/// circle or a very deep tree.
fn family(table: DumpId, partitions: &HashMap<DumpId, Vec<DumpId>>) -> HashSet<DumpId> {
    let mut family = HashSet::from([table]);
    let mut level = vec![table];
    for _ in 0..PARTITION_LEVELS {
        let below = level.iter().filter_map(|id| partitions.get(id)).flatten().copied();
        level = below.filter(|id| family.insert(*id)).collect();
        if level.is_empty() {
            break;
        }
    }
    family
}
