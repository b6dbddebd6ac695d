//! Prints what a cluster holds, for people and for programs.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::elasticsearch::HealthStatus;
use crate::json;
use crate::search::{Difference, IndexStatus, Role, Status};
use crate::settings::Environment;
use crate::ui::table::{Column, Table};
use crate::words;

const COLUMNS: [Column; 6] = [
    Column::text("INDEX"),
    Column::number("DOCUMENTS"),
    Column::number("ROWS"),
    Column::number("SIZE"),
    Column::word("HEALTH"),
    Column::text("NOTE"),
];

/// What the cluster holds.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    environment: &'a str,
    app: &'a str,
    /// The cluster's address.
    host: &'a str,
    cluster: &'a str,
    /// For example `elasticsearch` or `opensearch`.
    distribution: &'a str,
    version: &'a str,
    health: HealthStatus,
    nodes: u64,
    /// The add-on's, where Heroku reports it.
    plan: Option<&'a str>,
    shards: Shards<'a>,
    /// The beginning of the names of the site's indices, as configured or as seen in the cluster.
    index_prefix: &'a str,
    compared_with_database: bool,
    indices: Vec<Index<'a>>,
    /// Indices that differ from the database.
    differences: &'a [Difference],
    #[serde(skip)]
    fix: String,
}

#[derive(Serialize, JsonSchema)]
struct Shards<'a> {
    used: u64,
    unassigned: u64,
    /// How many the plan allows, where bcops knows it.
    limit: Option<u64>,
    /// Where the limit comes from.
    limit_source: Option<&'a str>,
    /// The most that exist during the next rebuild.
    rebuild: u64,
}

#[derive(Serialize, JsonSchema)]
struct Index<'a> {
    name: &'a str,
    aliases: &'a [String],
    health: Option<HealthStatus>,
    /// `null` for a closed index, an index of others, and an index that cannot be counted.
    documents: Option<u64>,
    /// Why it cannot be counted.
    problem: Option<&'a str>,
    /// In the database, where its table exists.
    rows: Option<u64>,
    /// Which rows the index holds.
    rows_of: Option<String>,
    bytes: Option<u64>,
    shards: u64,
    /// `in-use`, `system`, `left-over` (the site never searches in it again) or `unused`.
    #[serde(rename = "use")]
    used_as: &'static str,
    unused_because: Option<&'static str>,
}

/// What a person should look at. The result itself shows what is broken.
pub fn warnings(environment: &Environment, status: &Status) -> Vec<String> {
    let mut warnings: Vec<String> = status.differences.iter().map(Difference::to_string).collect();
    if let Some(why) = &status.without_aliases {
        warnings.push(format!("cannot read the aliases of the indices: {why}"));
    }
    if status.is_over_limit()
        && let Some(limit) = &status.shard_limit
    {
        warnings.push(format!(
            "{}: the plan allows {}, so the provider will block changes",
            words::plural(status.shards, "shard"),
            limit.shards
        ));
    } else {
        warnings.extend(no_room(status));
    }
    if status.has_earlier_names {
        warnings.push(format!(
            "the database is of Wagtail 7.4 or newer, but the index has the names of 7.1; \
             rebuild the index: {}",
            fix(environment)
        ));
    }
    warnings.extend(left_over(environment, &status.left_over()));
    warnings
}

/// The warning before a rebuild that the plan has no shards for.
pub fn no_room(status: &Status) -> Option<String> {
    let limit = status.shard_limit.as_ref().filter(|_| status.has_no_room())?;
    Some(format!(
        "a rebuild needs up to {} for a moment, and the plan allows {}; the provider may refuse it",
        words::plural(status.shards_of_rebuild, "shard"),
        limit.shards
    ))
}

/// The warning about left-over indices, with the way to delete them. A rebuild by bcops deletes them
/// afterwards.
fn left_over(environment: &Environment, names: &[&str]) -> Option<String> {
    let name = &environment.name;
    let what = "left-over indices keep old content, personal data included";
    match (names, environment.protected) {
        ([], _) => None,
        (_, true) => Some(format!(
            "{what}; delete them in the console of bcops search open {name}: `DELETE /{}`",
            names.join(",")
        )),
        (_, false) => {
            Some(format!("{what}: {}; delete them: bcops search reindex {name}", names.join(", ")))
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({}): {}", self.environment, self.app, self.host)?;
        writeln!(
            f,
            "{} {}, {}, {}",
            self.distribution,
            self.version,
            json::name(self.health),
            words::plural(self.nodes, "node")
        )?;
        f.write_str(&self.shards.line(self.plan))?;
        if !self.indices.is_empty() {
            let mut table = Table::new(COLUMNS);
            self.indices.iter().for_each(|index| table.row(index.cells()));
            write!(f, "\n{table}")?;
        }
        for difference in self.differences.iter().filter(|one| one.lacks_rows()) {
            write!(f, "\nwrong: {difference}")?;
        }
        let is_uncounted = self.indices.iter().any(|index| index.problem.is_some());
        if is_uncounted || self.differences.iter().any(Difference::lacks_rows) {
            write!(f, "\nfix: {}", self.fix)?;
        }
        Ok(())
    }
}

/// The command that rebuilds the indices. bcops never writes to a protected environment.
fn fix(environment: &Environment) -> String {
    if environment.protected {
        format!("`python manage.py update_index` on {}", environment.app.value)
    } else {
        format!("bcops search reindex {}", environment.name)
    }
}

impl Shards<'_> {
    fn line(&self, plan: Option<&str>) -> String {
        let used = words::plural(self.used, "shard");
        let plan = plan.map_or_else(|| "the plan".to_owned(), |plan| format!("the plan {plan}"));
        match self.limit.zip(self.limit_source) {
            Some((limit, source)) => format!("{used} of {limit} that {plan} allows ({source})"),
            None => format!(
                "{used}; bcops does not know the limit of {plan}: set search.shard_limit in bcops.toml"
            ),
        }
    }
}

impl Index<'_> {
    fn cells(&self) -> [String; 6] {
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), words::count);
        let size = self.bytes.map_or_else(|| "-".to_owned(), words::bytes);
        let health = self.health.map_or_else(|| "-".to_owned(), json::name);
        let mut notes = Vec::new();
        if !self.aliases.is_empty() {
            notes.push(format!("alias {}", self.aliases.join(", ")));
        }
        if let Some(problem) = self.problem {
            notes.push(problem.to_owned());
        }
        if self.documents.is_none() && self.problem.is_none() && self.used_as == "in-use" {
            notes.push("closed".to_owned());
        }
        match self.unused_because {
            Some(why) if self.used_as == "left-over" => notes.push(why.to_owned()),
            Some(why) => notes.push(format!("unused: {why}")),
            None if self.used_as == "system" => notes.push("the cluster's own".to_owned()),
            None => {}
        }
        let (documents, rows) = (number(self.documents), number(self.rows));
        [self.name.to_owned(), documents, rows, size, health, notes.join("; ")]
    }
}

impl<'a> Report<'a> {
    pub fn new(
        environment: &'a Environment,
        place: &'a str,
        plan: Option<&'a str>,
        status: &'a Status,
        compared_with_database: bool,
    ) -> Report<'a> {
        let limit = status.shard_limit.as_ref();
        Report {
            environment: &environment.name,
            app: &environment.app.value,
            host: place,
            cluster: &status.info.cluster_name,
            distribution: &status.info.distribution,
            version: &status.info.version,
            health: status.health.status,
            nodes: status.health.number_of_nodes,
            plan,
            shards: Shards {
                used: status.shards,
                unassigned: status.health.unassigned_shards,
                limit: limit.map(|limit| limit.shards),
                limit_source: limit.map(|limit| limit.source.as_str()),
                rebuild: status.shards_of_rebuild,
            },
            index_prefix: &status.index_prefix,
            compared_with_database,
            indices: status.indices.iter().map(Index::from).collect(),
            differences: &status.differences,
            fix: fix(environment),
        }
    }
}

impl<'a> From<&'a IndexStatus> for Index<'a> {
    fn from(index: &'a IndexStatus) -> Self {
        let (used_as, unused_because) = match index.role {
            Role::InUse => ("in-use", None),
            Role::System => ("system", None),
            Role::LeftOver(why) => ("left-over", Some(why.reason())),
            Role::Unused(why) => ("unused", Some(why)),
        };
        Index {
            name: &index.name,
            aliases: &index.aliases,
            health: index.health,
            documents: index.documents,
            problem: index.problem.as_deref(),
            rows: index.rows,
            rows_of: index.rule.as_ref().map(ToString::to_string),
            bytes: index.bytes,
            shards: index.shards,
            used_as,
            unused_because,
        }
    }
}
