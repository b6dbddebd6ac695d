//! Describes production and staging from outside. Two equal states are indistinguishable. Random
//! times, ports and ids are excluded.

use std::collections::BTreeMap;
use std::path::Path;

use crate::pull_data::world::{digest, sequences};
use crate::standins::heroku::Glance;
use crate::support::postgres::Cluster;
use crate::whole_site::{PRODUCTION, STAGING, WholeSite, media};

/// Everything of production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductionState {
    pub rows: Vec<String>,
    pub sequences: Vec<String>,
    /// Each key with the entity tag and a checksum of the bytes.
    pub objects: Vec<String>,
    pub app: Glance,
    /// The refs of the app's repository, and of the origin the branch that production is.
    pub references: Vec<String>,
    pub master: Option<String>,
}

impl ProductionState {
    pub fn of(whole: &WholeSite) -> ProductionState {
        let cluster = whole.databases.cluster();
        let database = &whole.databases.production;
        ProductionState {
            rows: digest(cluster, database),
            sequences: sequences(cluster, database),
            objects: objects(whole, media::PRODUCTION),
            app: whole.heroku.glance(PRODUCTION),
            references: whole.code.references(&whole.code.app_repository(PRODUCTION)),
            master: whole.code.origin_tip("refs/heads/master").map(|tip| tip.to_string()),
        }
    }
}

/// A commit by its content and its parents, because its id depends on the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    pub tree: String,
    pub message: String,
    pub parents: Vec<BranchParent>,
}

/// A parent: an old commit by its id, a new one by its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BranchParent {
    Known(String),
    New(Box<Branch>),
}

/// The final state of staging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagingState {
    /// The branch on the origin, and in the app's repository.
    pub branch: Branch,
    pub app_branch: Branch,
    /// Whether the dynos run the code of the app's repository.
    pub is_deployed: bool,
    /// Rows by table, without those below.
    pub rows: Vec<String>,
    pub sequences: Vec<String>,
    /// App and name of each applied migration.
    pub migrations: Vec<String>,
    /// The number of scrubs that the database records.
    pub scrub_marks: u64,
    /// Each Site: id, host (one of the site stand-in by its name), whether it is the default.
    pub sites: Vec<String>,
    /// Names and addresses of the accounts.
    pub users: Vec<String>,
    pub objects: Vec<String>,
    pub maintenance: bool,
    pub formation: Vec<(String, i64, String)>,
    pub config_vars: BTreeMap<String, String>,
    pub one_off_commands: Vec<String>,
    pub releases: Vec<&'static str>,
    pub builds: Vec<&'static str>,
    pub backups: Vec<&'static str>,
    pub restores: Vec<&'static str>,
    /// The refs of the origin that are neither branches nor tags: locks and backups.
    pub other_references: Vec<String>,
}

/// Listed separately, because their rows hold a time or a port.
const APART: [&str; 5] = [
    "birdbath_execution",
    "django_migrations",
    "wagtailcore_site",
    "database_cache",
    "django_session",
];

impl StagingState {
    pub fn of(whole: &WholeSite) -> StagingState {
        let cluster = whole.databases.cluster();
        let database = whole.databases.staging.as_str();
        let glance = whole.heroku.glance(STAGING);
        let app_tip = whole.code.app_tip(STAGING).map(|tip| tip.to_string());
        StagingState {
            branch: branch(whole, "refs/heads/staging", &whole.code.origin()),
            app_branch: branch(whole, "refs/heads/master", &whole.code.app_repository(STAGING)),
            is_deployed: glance.deployed_commit == app_tip,
            rows: rows(cluster, database),
            sequences: sequences_of_data(cluster, database),
            migrations: lines(
                cluster,
                database,
                "SELECT app, name FROM django_migrations ORDER BY 1, 2",
            ),
            scrub_marks: lines(cluster, database, "SELECT count(*) FROM birdbath_execution")
                .first()
                .and_then(|count| count.parse().ok())
                .unwrap_or(0),
            sites: sites(whole),
            users: lines(cluster, database, "SELECT username, email FROM users_user ORDER BY 1, 2"),
            objects: objects(whole, media::STAGING),
            maintenance: glance.maintenance,
            formation: glance.formation,
            config_vars: without_ports(glance.config_vars),
            one_off_commands: glance.one_off_commands,
            releases: glance.releases,
            builds: glance.builds,
            backups: glance.backups,
            restores: glance.restores,
            other_references: other_references(whole),
        }
    }

    /// The same without counts of jobs, which may be higher after a kill, and without refs that
    /// hold a run's id.
    pub fn without_history(mut self) -> StagingState {
        self.releases.clear();
        self.builds.clear();
        self.backups.clear();
        self.restores.clear();
        self.other_references.clear();
        self
    }
}

/// A database in the middle of a reset has no tables, and so no lines.
fn lines(cluster: &Cluster, database: &str, sql: &str) -> Vec<String> {
    let printed = cluster.try_psql(database, sql).unwrap_or_default();
    printed.lines().map(str::to_owned).collect()
}

fn table_of(line: &str) -> &str {
    let name = line.split('|').next().unwrap_or_default();
    name.strip_prefix("public.").unwrap_or(name)
}

fn is_empty(cluster: &Cluster, database: &str, kind: char) -> bool {
    let sql = format!(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
          WHERE c.relkind = '{kind}' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
    );
    cluster.psql(database, &sql) == "0"
}

fn rows(cluster: &Cluster, database: &str) -> Vec<String> {
    if is_empty(cluster, database, 'r') {
        return Vec::new();
    }
    let mut rows = digest(cluster, database);
    rows.retain(|line| !APART.contains(&table_of(line)));
    rows
}

fn sequences_of_data(cluster: &Cluster, database: &str) -> Vec<String> {
    if is_empty(cluster, database, 'S') {
        return Vec::new();
    }
    sequences(cluster, database)
}

fn sites(whole: &WholeSite) -> Vec<String> {
    let sql = "SELECT id, is_default_site, hostname, port FROM wagtailcore_site ORDER BY id";
    let rows = lines(whole.databases.cluster(), &whole.databases.staging, sql);
    rows.iter()
        .map(|row| {
            let port = row.rsplit('|').next().and_then(|port| port.parse().ok());
            match port.and_then(|port| whole.site.name_of(port)) {
                Some(name) => {
                    row.replacen(&format!("|{}", port.unwrap_or(0)), &format!("|{name}"), 1)
                }
                None => row.clone(),
            }
        })
        .collect()
}

fn objects(whole: &WholeSite, bucket: &str) -> Vec<String> {
    let objects = whole.s3.objects(bucket).into_iter();
    let line = |(key, body): (String, bytes::Bytes)| {
        let object = whole.s3.object(bucket, &key).expect("just listed");
        let sum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &body);
        format!("{key} {} {sum:016x}", object.etag)
    };
    objects.map(line).collect()
}

/// The URLs in config vars name ports and databases of one world.
fn without_ports(vars: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let without = |value: String| if value.contains("://") { String::new() } else { value };
    vars.into_iter().map(|(name, value)| (name, without(value))).collect()
}

fn branch(whole: &WholeSite, reference: &str, repository: &std::path::Path) -> Branch {
    Branch::of(repository, reference, &whole.code.tips)
}

impl Branch {
    /// `tips` are those from the beginning.
    pub fn of(repository: &Path, reference: &str, tips: &BTreeMap<String, git2::Oid>) -> Branch {
        let repository = git2::Repository::open(repository).expect("a repository");
        let tip = repository.refname_to_id(reference).expect("the branch");
        let known: Vec<String> = tips.values().map(ToString::to_string).collect();
        describe(&repository, tip, &known)
    }
}

fn describe(repository: &git2::Repository, commit: git2::Oid, known: &[String]) -> Branch {
    let commit = repository.find_commit(commit).expect("a commit");
    let parents = commit.parent_ids().map(|parent| {
        let is_old = known.iter().any(|tip| {
            let tip = git2::Oid::from_str(tip).expect("an id");
            tip == parent || repository.graph_descendant_of(tip, parent).unwrap_or(false)
        });
        if is_old {
            BranchParent::Known(parent.to_string())
        } else {
            BranchParent::New(Box::new(describe(repository, parent, known)))
        }
    });
    Branch {
        tree: commit.tree_id().to_string(),
        message: String::from_utf8_lossy(commit.message_bytes()).into_owned(),
        parents: parents.collect(),
    }
}

fn other_references(whole: &WholeSite) -> Vec<String> {
    let references = whole.code.references(&whole.code.origin());
    let usual = |line: &String| line.starts_with("refs/heads/") || line.starts_with("refs/tags/");
    references.into_iter().filter(|line| !usual(line)).collect()
}
