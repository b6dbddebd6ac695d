//! Builds the world for tests of `pull-data` and `doctor`: the sample site's backup in a stand-in
//! for Heroku, a separate target on the shared server, and the program in a clean environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};
use tokio::runtime::Runtime;

use crate::command::{Bcops, Run};
use crate::heroku::world::{PRODUCTION, PRODUCTION_URL, STAGING};
use crate::standins::heroku::{HerokuStandIn, Options, Outcome};
use crate::support::postgres::Cluster;
use crate::support::site::{self, Canary};

pub const CONTENT_PREP: &str = "buckinghamshire-content-prep";
pub const DEV: &str = "buckinghamshire-dev";
pub const HOUR: Duration = Duration::from_secs(3600);
pub const COMPLETED: Outcome = Outcome::Completed { warnings: 0 };

/// The tables of the small backup, which refer only to each other.
const SMALL: [&str; 8] = [
    "users_user",
    "django_session",
    "database_cache",
    "auth_group",
    "django_content_type",
    "django_migrations",
    "recruitment_jobcategory",
    "wagtailcore_modellogentry",
];

/// The sample site as production has it, and its backups. Made once for all tests. The files are
/// beside the server's own, and are removed with them.
pub struct Sample {
    pub database: String,
    pub archive: PathBuf,
    /// A few tables of it, for tests that need many runs.
    pub small: PathBuf,
    pub canaries: Vec<Canary>,
}

pub fn sample() -> &'static Sample {
    static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
        let cluster = Cluster::shared();
        let database = site::create("sample");
        let archive = cluster.socket_dir().join("sample.dump");
        site::back_up(cluster, &database, &archive).expect("a backup");
        let tables = SMALL.map(|table| format!("--table={table}"));
        let small = cluster.socket_dir().join("small.dump");
        let mut dump = cluster.tool("pg_dump");
        dump.args(["-Fc", "-d", &database]).args(tables);
        let dumped = dump.output().expect("pg_dump");
        assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
        fs::write(&small, dumped.stdout).expect("a file");
        let canaries = site::canaries(cluster, &database);
        Sample { database, archive, small, canaries }
    });
    &SAMPLE
}

pub struct World {
    pub standin: HerokuStandIn,
    pub bcops: Bcops,
    /// The database to replace, which does not exist yet.
    pub target: String,
    pub cluster: &'static Cluster,
    _runtime: Runtime,
}

impl World {
    /// Production has the sample site's backup, five hours old.
    pub fn site() -> World {
        World::with_backup(&sample().archive)
    }

    /// Production has the small backup.
    pub fn small() -> World {
        World::with_backup(&sample().small)
    }

    pub fn with_backup(archive: &Path) -> World {
        let world = World::empty(Options::default());
        world.standin.add_backup(PRODUCTION, archive, 5 * HOUR, COMPLETED);
        world
    }

    /// The council's apps, without a backup.
    pub fn empty(options: Options) -> World {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let runtime = Runtime::new().expect("a runtime");
        let standin = runtime.block_on(HerokuStandIn::start(options));
        for app in [PRODUCTION, STAGING, CONTENT_PREP, DEV] {
            standin.add_app(app, &[("SECRET_KEY", "django-secret")]);
            let url = PRODUCTION_URL.replace("/production", &format!("/{app}"));
            standin.add_database(app, "DATABASE", &url);
        }
        let cluster = Cluster::shared();
        // All names have one length, so that no name begins with another.
        let target = format!("pulled_{:04}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut bcops = Bcops::new();
        bcops.set("HEROKU_HOST", &standin.url);
        bcops.set("HEROKU_DATA_HOST", &standin.url);
        bcops.set("HEROKU_API_KEY", standin.token());
        bcops.set("BCOPS_LOCAL_DATABASE_URL", &cluster.url(&target));
        World { standin, bcops, target, cluster, _runtime: runtime }
    }

    /// Creates an existing target, with a note in it.
    pub fn with_target(self) -> World {
        self.cluster.psql("postgres", &format!("CREATE DATABASE {}", self.target));
        self.cluster.psql(&self.target, "CREATE TABLE note AS SELECT 'from before' AS text");
        self
    }

    pub fn pull(&self, arguments: &[&str]) -> Run {
        self.bcops.run(&[&["pull-data", "production"], arguments].concat())
    }

    pub fn psql(&self, sql: &str) -> String {
        self.cluster.psql(&self.target, sql)
    }

    pub fn previous(&self) -> String {
        format!("{}_previous", self.target)
    }

    /// Every database of this target, by name and identity: equal lists before and after mean that
    /// nothing was replaced or left behind.
    pub fn databases(&self) -> String {
        let sql = format!(
            "SELECT datname, oid FROM pg_database WHERE starts_with(datname, '{}') ORDER BY 1",
            self.target
        );
        self.cluster.psql("postgres", &sql)
    }

    pub fn database_names(&self) -> Vec<String> {
        let databases = self.databases();
        databases.lines().filter_map(|line| Some(line.split_once('|')?.0.to_owned())).collect()
    }

    /// Checks that the target is still the one of [`World::with_target`], and the only database.
    #[track_caller]
    pub fn assert_untouched(&self) {
        assert_eq!(self.database_names(), [self.target.as_str()]);
        assert_eq!(self.psql("SELECT text FROM note"), "from before");
    }

    /// Whether the store was asked for a backup's bytes.
    pub fn fetched(&self) -> bool {
        self.standin.requests().iter().any(|request| request.path.contains("/store/"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            for name in self.database_names() {
                let drop = format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
                let _ = self.cluster.try_psql("postgres", &drop);
            }
        }
    }
}

/// For every table: its name, the number of its rows, and a sum over their hashes. Partitions are
/// counted with their table, because the partition of a row can depend on the database.
#[track_caller]
pub fn digest(cluster: &Cluster, database: &str) -> Vec<String> {
    let query = cluster.psql(
        database,
        r"SELECT string_agg(format(
                'SELECT %L, count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM %s t',
                c.oid::regclass, c.oid::regclass), ' UNION ALL ')
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')",
    );
    let mut lines: Vec<String> =
        cluster.psql(database, &query).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Every sequence with its last value, and whether that value was used. Excludes the sequence of
/// the scrub's own mark.
#[track_caller]
pub fn sequences(cluster: &Cluster, database: &str) -> Vec<String> {
    let query = cluster.psql(
        database,
        r"SELECT string_agg(format('SELECT %L, last_value, is_called FROM %s', c.oid::regclass,
                                   c.oid::regclass), ' UNION ALL ')
            FROM pg_class c WHERE c.relkind = 'S' AND c.relname <> 'birdbath_execution_id_seq'",
    );
    let mut lines: Vec<String> =
        cluster.psql(database, &query).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// A search for many values at once, ignoring the case of ASCII letters.
pub struct Needles(Regex);

impl Needles {
    pub fn new<'a>(values: impl Iterator<Item = &'a str>) -> Needles {
        let mut values: Vec<String> =
            values.map(|value| regex::escape(&value.trim().to_ascii_lowercase())).collect();
        values.sort();
        values.dedup();
        assert!(!values.is_empty() && values.iter().all(|value| value.len() > 3), "{values:?}");
        let regex = RegexBuilder::new(&values.join("|")).unicode(false).size_limit(1 << 30).build();
        Needles(regex.expect("a pattern"))
    }

    /// The values of the sample site of these kinds, or of all kinds if none is given.
    pub fn of_sample(wanted: impl Fn(&Canary) -> bool) -> Needles {
        let canaries = sample().canaries.iter().filter(|canary| wanted(canary));
        Needles::new(canaries.map(|canary| canary.value.as_str()))
    }

    /// The first few that are found.
    pub fn find(&self, bytes: &[u8]) -> Vec<String> {
        let bytes = bytes.to_ascii_lowercase();
        let found = self.0.find_iter(&bytes).take(5);
        found.map(|found| String::from_utf8_lossy(found.as_bytes()).into_owned()).collect()
    }

    /// The files below a folder that hold such values, with the values.
    pub fn find_in_files(&self, folder: &Path) -> Vec<(PathBuf, Vec<String>)> {
        let mut found = Vec::new();
        // A file may be deleted between listing and reading.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => found.extend(self.find_in_files(&path)),
                Ok(kind) if kind.is_file() => {
                    let values = self.find(&fs::read(&path).unwrap_or_default());
                    if !values.is_empty() {
                        found.push((path, values));
                    }
                }
                _ => {}
            }
        }
        found
    }
}
