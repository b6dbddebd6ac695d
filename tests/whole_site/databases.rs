//! Creates the databases of the site on one Postgres server: templates that are made once, and
//! copies of them, each owned by a role with the rights of a Heroku role.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};

use super::blueprint::{Blueprint, Sample};
use super::history::NewMigrations;
use crate::support::postgres::Cluster;
use crate::support::site;

/// The suffix of the owners' names. They are not superusers, and create neither databases nor
/// roles.
const OWNERS: [&str; 3] = ["production", "staging", "content_prep"];

/// The password of all roles. The server on loopback does not ask for it, but no run may print it.
const PASSWORD: &str = "db-password";

/// What every world is copied from.
pub struct Templates {
    production: String,
    staging: String,
    /// One for all tests, because it is only read.
    pub content_prep: String,
    /// The prefix of the owners' names.
    name: String,
    /// A backup of production, as Heroku makes them.
    pub backup: PathBuf,
    /// A backup of staging.
    pub staging_backup: PathBuf,
    /// The empty database of a new app.
    pub empty_backup: PathBuf,
    /// Production's applied migrations of the apps with code, as in the sample.
    pub migrations: Vec<(String, String)>,
    /// The hosts of production's Site records, in the order of their ids.
    pub hosts: Vec<String>,
}

impl Templates {
    /// The council's templates, on the first server that needs them.
    #[track_caller]
    pub fn of(cluster: &Cluster) -> &'static Templates {
        Templates::of_site(cluster, &Blueprint::council())
    }

    /// A site's templates, on the first server that needs them.
    #[track_caller]
    pub fn of_site(cluster: &Cluster, blueprint: &Blueprint) -> &'static Templates {
        static MADE: Mutex<BTreeMap<String, &'static Templates>> = Mutex::new(BTreeMap::new());
        let mut made = MADE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        made.entry(blueprint.name.clone()).or_insert_with(|| {
            let templates = Templates::make(cluster, blueprint);
            Box::leak(Box::new(templates.unwrap_or_else(|error| panic!("{error:#}"))))
        })
    }

    fn make(cluster: &Cluster, blueprint: &Blueprint) -> Result<Templates> {
        let name = blueprint.name.clone();
        let [owner, staging_owner, other_owner] = OWNERS.map(|end| format!("{name}_{end}"));
        for role in [&owner, &staging_owner, &other_owner] {
            let attributes = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE";
            let sql = format!("CREATE ROLE {role} {attributes} PASSWORD '{PASSWORD}'");
            cluster.try_psql("postgres", &sql)?;
        }
        let [production, staging, content_prep] =
            OWNERS.map(|end| format!("whole_site_{name}_{end}"));
        create(cluster, &content_prep, "template0", &other_owner)?;
        create(cluster, &production, "template0", &owner)?;
        let archive = sample(cluster, blueprint)?;
        load(cluster, &production, &owner, &archive)?;
        let apps =
            blueprint.apps.iter().map(|app| format!("'{app}'")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT app, name FROM django_migrations WHERE app IN ({apps}) \
             ORDER BY app COLLATE \"C\", name COLLATE \"C\""
        );
        let rows = cluster.try_psql(&production, &sql)?;
        let pair = |line: &str| line.split_once('|').map(|(a, b)| (a.to_owned(), b.to_owned()));
        let migrations: Vec<(String, String)> = rows.lines().filter_map(pair).collect();
        let new = NewMigrations::after(&migrations, &blueprint.apps);
        apply(cluster, &production, &owner, &new.master)?;

        create(cluster, &staging, &production, &staging_owner)?;
        // This also drops databases, so it must run before any other database of this role exists.
        cluster.try_psql(&staging, &format!("REASSIGN OWNED BY {owner} TO {staging_owner}"))?;
        let sql = format!("ALTER DATABASE {production} OWNER TO {owner}");
        cluster.try_psql("postgres", &sql)?;
        for migration in [&new.second_leaf, &new.merge, &new.search_page] {
            apply(cluster, &staging, &staging_owner, migration)?;
        }
        run(cluster, &staging, &staging_owner, &blueprint.staging_script(), &[])?;

        let backup = cluster.socket_dir().join(format!("{name}.dump"));
        site::back_up(cluster, &production, &backup)?;
        let staging_backup = cluster.socket_dir().join(format!("{name}-staging.dump"));
        site::back_up(cluster, &staging, &staging_backup)?;
        let empty_backup = cluster.socket_dir().join(format!("{name}-empty.dump"));
        site::back_up(cluster, &content_prep, &empty_backup)?;
        let hosts = cluster
            .try_psql(&production, "SELECT hostname FROM wagtailcore_site ORDER BY id")?
            .lines()
            .map(str::to_owned)
            .collect();
        Ok(Templates {
            production,
            staging,
            content_prep,
            name,
            backup,
            staging_backup,
            empty_backup,
            migrations,
            hosts,
        })
    }
}

impl Templates {
    /// The role that owns the database of this part.
    fn owner(&self, part: &str) -> String {
        format!("{}_{part}", self.name)
    }
}

fn create(cluster: &Cluster, name: &str, template: &str, owner: &str) -> Result<()> {
    let sql = format!("CREATE DATABASE {name} TEMPLATE {template} OWNER {owner}");
    cluster.try_psql("postgres", &sql)?;
    // On Heroku no app can connect to the database of another.
    let sql = format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC");
    cluster.try_psql("postgres", &sql).map(drop)
}

/// The first backup: for the council the real site's schema with made-up rows if the fixtures
/// exist, else the result of the blueprint's script.
fn sample(cluster: &Cluster, blueprint: &Blueprint) -> Result<PathBuf> {
    let fixture = env::var_os("BCOPS_FIXTURES")
        .map(|folder| PathBuf::from(folder).join("bc-small.dump"))
        .filter(|dump| dump.is_file());
    let name = &blueprint.name;
    let database = format!("whole_site_{name}_sample");
    let create = format!("CREATE DATABASE {database} TEMPLATE template0");
    match (&blueprint.sample, fixture) {
        (Sample::Council, Some(fixture)) => return Ok(fixture),
        (Sample::Council, None) => {
            cluster.try_psql("postgres", &create)?;
            site::load(cluster, &database)?;
        }
        (Sample::Folder(folder), _) => {
            cluster.try_psql("postgres", &create)?;
            cluster.run_script(&database, &folder.join("site.sql"))?;
        }
    }
    let archive = cluster.socket_dir().join(format!("{name}-sample.dump"));
    site::back_up(cluster, &database, &archive)?;
    cluster.try_psql("postgres", &format!("DROP DATABASE {database}"))?;
    Ok(archive)
}

/// Fills an empty database as the role that owns it. Objects that only a superuser can create are
/// made before, as on Heroku.
fn load(cluster: &Cluster, database: &str, role: &str, archive: &Path) -> Result<()> {
    let listed = cluster.tool("pg_restore").arg("--list").arg(archive).output()?;
    let listed = String::from_utf8(listed.stdout)?;
    cluster.try_psql(
        database,
        &format!("CREATE SCHEMA heroku_ext; GRANT USAGE ON SCHEMA heroku_ext TO {role}"),
    )?;
    if listed.contains(" EXTENSION - pg_stat_statements") {
        let sql = "CREATE EXTENSION pg_stat_statements WITH SCHEMA heroku_ext";
        cluster.try_psql(database, sql)?;
    }
    let needed = |line: &&str| !line.contains(" EXTENSION ") && !line.contains(" ACL ");
    let list = tempfile::NamedTempFile::new()?;
    fs::write(list.path(), listed.lines().filter(needed).collect::<Vec<_>>().join("\n"))?;
    let mut restore = cluster.tool("pg_restore");
    restore.env("PGUSER", role).args(["--no-owner", "--no-acl", "--exit-on-error", "-d", database]);
    let output = restore.arg("-L").arg(list.path()).arg(archive).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "pg_restore of {}: {said}", archive.display());
    Ok(())
}

/// Marks a migration as applied, and creates its mark: a view, because a table would need a class.
fn apply(
    cluster: &Cluster,
    database: &str,
    role: &str,
    (app, name): &(String, String),
) -> Result<()> {
    let table = format!("migrated_{app}_{name}");
    let variables = [("app", app.as_str()), ("name", name.as_str()), ("table", table.as_str())];
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole_site/settle.sql");
    run(cluster, database, role, &script, &variables)
}

fn run(
    cluster: &Cluster,
    database: &str,
    role: &str,
    script: &Path,
    variables: &[(&str, &str)],
) -> Result<()> {
    let mut psql = cluster.tool("psql");
    psql.env("PGUSER", role).args(["-qX", "--single-transaction", "-v", "ON_ERROR_STOP=1"]);
    for (name, value) in variables {
        psql.arg("-v").arg(format!("{name}={value}"));
    }
    let output = psql.args(["-d", database, "-f"]).arg(script).stdout(Stdio::null()).output();
    let output = output.with_context(|| format!("running {}", script.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", script.display());
    Ok(())
}

/// A database that is dropped after its last use.
struct Owned {
    cluster: &'static Cluster,
    name: String,
}

impl Drop for Owned {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = self.cluster.try_psql("postgres", &sql);
    }
}

/// Production's database, for reuse by another world.
#[derive(Clone)]
pub struct Production(Arc<Owned>);

/// The databases of one world, dropped with it.
pub struct Databases {
    pub production: String,
    pub staging: String,
    pub content_prep: String,
    pub templates: &'static Templates,
    production_owner: Production,
    staging_owner: Owned,
}

impl Databases {
    /// Copies of the templates. `ports` are those of staging's hosts, in the order of the Sites.
    /// Production's may come from an earlier world, if it is unchanged.
    pub fn new(
        cluster: &'static Cluster,
        templates: &'static Templates,
        ports: &[u16],
        production: Option<Production>,
    ) -> Result<Databases> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let production = match production {
            Some(production) => production,
            None => {
                let name = format!("world_{number:04}_production");
                create(cluster, &name, &templates.production, &templates.owner("production"))?;
                Production(Arc::new(Owned { cluster, name }))
            }
        };
        let staging = format!("world_{number:04}_staging");
        create(cluster, &staging, &templates.staging, &templates.owner("staging"))?;
        let databases = Databases {
            production: production.0.name.clone(),
            staging: staging.clone(),
            content_prep: templates.content_prep.clone(),
            templates,
            production_owner: production,
            staging_owner: Owned { cluster, name: staging },
        };
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let sql = format!(
            "UPDATE wagtailcore_site s SET hostname = '127.0.0.1', port = p.port \
               FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM wagtailcore_site) n \
               JOIN unnest(ARRAY[{}]) WITH ORDINALITY p (port, number) USING (number) \
              WHERE s.id = n.id",
            ports.join(", ")
        );
        cluster.try_psql(&databases.staging, &sql)?;
        Ok(databases)
    }

    /// What an app's `DATABASE_URL` says, with the role that owns the database. Other apps have an
    /// empty database.
    pub fn url(&self, part: &str) -> String {
        let (owner, database) = match part {
            "production" => ("production", &self.production),
            "staging" => ("staging", &self.staging),
            _ => ("content_prep", &self.content_prep),
        };
        let role = self.templates.owner(owner);
        let port = self.cluster().port();
        format!("postgres://{role}:{PASSWORD}@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// Makes staging's database a plain copy of production's, of staging's role. It is restored,
    /// because changing the owner of a copy's objects would briefly affect all databases of
    /// production's role, including those of other tests.
    #[track_caller]
    pub fn restore_production_into_staging(&self) {
        let (cluster, name) = (self.cluster(), &self.staging);
        let role = self.templates.owner("staging");
        cluster.psql("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
        create(cluster, name, "template0", &role)
            .and_then(|()| load(cluster, name, &role, &self.templates.backup))
            .unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Whether production has a table.
    pub fn has_table(&self, table: &str) -> bool {
        self.production(&format!("SELECT to_regclass('public.{table}') IS NOT NULL")) == "t"
    }

    /// SQL on staging's database, as a superuser.
    #[track_caller]
    pub fn staging(&self, sql: &str) -> String {
        self.cluster().psql(&self.staging, sql)
    }

    /// SQL on production's database, as a superuser.
    #[track_caller]
    pub fn production(&self, sql: &str) -> String {
        self.cluster().psql(&self.production, sql)
    }

    pub fn cluster(&self) -> &'static Cluster {
        self.staging_owner.cluster
    }

    /// Keeps production's database for another world.
    pub fn keep_production(&self) -> Production {
        self.production_owner.clone()
    }
}
