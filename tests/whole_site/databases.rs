//! The databases of the made-up site on one Postgres server: templates that are made once, and
//! copies of them, each owned by a role that can do what a role of Heroku's can.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, ensure};

use super::history::{APPS, NewMigrations};
use crate::support::postgres::Cluster;
use crate::support::site;

/// Owners of databases: no superusers, and they create neither databases nor roles.
const ROLES: [&str; 3] = ["bc_production", "bc_staging", "bc_content_prep"];

/// Of all roles. The server on loopback does not ask for it, but no run may print it.
const PASSWORD: &str = "db-password";

/// What every world is copied from.
pub struct Templates {
    production: String,
    staging: String,
    /// One for all: it is only ever looked at.
    pub content_prep: String,
    /// A backup of production, as Heroku makes them.
    pub backup: PathBuf,
    /// One of staging, as it was left.
    pub staging_backup: PathBuf,
    /// What production has applied of the apps whose code there is, as it was in the sample.
    pub migrations: Vec<(String, String)>,
    /// The hosts of production's Site records, in the order of their ids.
    pub hosts: Vec<String>,
}

impl Templates {
    /// Those of the first server that asks.
    #[track_caller]
    pub fn of(cluster: &Cluster) -> &'static Templates {
        static TEMPLATES: OnceLock<Result<Templates>> = OnceLock::new();
        let made = TEMPLATES.get_or_init(|| Templates::make(cluster));
        made.as_ref().unwrap_or_else(|error| panic!("{error:#}"))
    }

    fn make(cluster: &Cluster) -> Result<Templates> {
        for role in ROLES {
            let attributes = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE";
            let sql = format!("CREATE ROLE {role} {attributes} PASSWORD '{PASSWORD}'");
            cluster.try_psql("postgres", &sql)?;
        }
        let [production, staging, content_prep] =
            ["whole_site_production", "whole_site_staging", "whole_site_content_prep"]
                .map(str::to_owned);
        create(cluster, &content_prep, "template0", "bc_content_prep")?;
        create(cluster, &production, "template0", "bc_production")?;
        let archive = sample(cluster)?;
        load(cluster, &production, "bc_production", &archive)?;
        let apps = APPS.map(|app| format!("'{app}'")).join(", ");
        let sql = format!(
            "SELECT app, name FROM django_migrations WHERE app IN ({apps}) \
             ORDER BY app COLLATE \"C\", name COLLATE \"C\""
        );
        let rows = cluster.try_psql(&production, &sql)?;
        let pair = |line: &str| line.split_once('|').map(|(a, b)| (a.to_owned(), b.to_owned()));
        let migrations: Vec<(String, String)> = rows.lines().filter_map(pair).collect();
        let new = NewMigrations::after(&migrations);
        apply(cluster, &production, "bc_production", &new.master)?;

        create(cluster, &staging, &production, "bc_staging")?;
        // This takes databases along, wherever it is said.
        cluster.try_psql(&staging, "REASSIGN OWNED BY bc_production TO bc_staging")?;
        let sql = format!("ALTER DATABASE {production} OWNER TO bc_production");
        cluster.try_psql("postgres", &sql)?;
        for migration in [&new.second_leaf, &new.merge, &new.search_page] {
            apply(cluster, &staging, "bc_staging", migration)?;
        }
        run(cluster, &staging, "bc_staging", "staging.sql", &[])?;

        let backup = cluster.socket_dir().join("whole-site.dump");
        site::back_up(cluster, &production, &backup)?;
        let staging_backup = cluster.socket_dir().join("whole-site-staging.dump");
        site::back_up(cluster, &staging, &staging_backup)?;
        let hosts = cluster
            .try_psql(&production, "SELECT hostname FROM wagtailcore_site ORDER BY id")?
            .lines()
            .map(str::to_owned)
            .collect();
        Ok(Templates {
            production,
            staging,
            content_prep,
            backup,
            staging_backup,
            migrations,
            hosts,
        })
    }
}

fn create(cluster: &Cluster, name: &str, template: &str, owner: &str) -> Result<()> {
    let sql = format!("CREATE DATABASE {name} TEMPLATE {template} OWNER {owner}");
    cluster.try_psql("postgres", &sql)?;
    // On Heroku nobody gets into the database of another app.
    let sql = format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC");
    cluster.try_psql("postgres", &sql).map(drop)
}

/// The backup that everything begins with: the real site's schema with made-up rows where the
/// fixtures are, else the sample site.
fn sample(cluster: &Cluster) -> Result<PathBuf> {
    let fixture = env::var_os("BCOPS_FIXTURES")
        .map(|folder| PathBuf::from(folder).join("bc-small.dump"))
        .filter(|dump| dump.is_file());
    if let Some(fixture) = fixture {
        return Ok(fixture);
    }
    let database = "whole_site_sample";
    cluster.try_psql("postgres", &format!("CREATE DATABASE {database} TEMPLATE template0"))?;
    site::load(cluster, database)?;
    let archive = cluster.socket_dir().join("whole-site-sample.dump");
    site::back_up(cluster, database, &archive)?;
    cluster.try_psql("postgres", &format!("DROP DATABASE {database}"))?;
    Ok(archive)
}

/// Fills an empty database as the role that owns it. What only a superuser can make, as Heroku
/// does, is made before.
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

/// Enters a migration as applied, and makes its table.
fn apply(
    cluster: &Cluster,
    database: &str,
    role: &str,
    (app, name): &(String, String),
) -> Result<()> {
    let table = format!("migrated_{app}_{name}");
    let variables = [("app", app.as_str()), ("name", name.as_str()), ("table", table.as_str())];
    run(cluster, database, role, "settle.sql", &variables)
}

fn run(
    cluster: &Cluster,
    database: &str,
    role: &str,
    script: &str,
    variables: &[(&str, &str)],
) -> Result<()> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/whole_site").join(script);
    let mut psql = cluster.tool("psql");
    psql.env("PGUSER", role).args(["-qX", "--single-transaction", "-v", "ON_ERROR_STOP=1"]);
    for (name, value) in variables {
        psql.arg("-v").arg(format!("{name}={value}"));
    }
    let output = psql.args(["-d", database, "-f"]).arg(path).stdout(Stdio::null()).output();
    let output = output.with_context(|| format!("running {script}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{script}: {said}");
    Ok(())
}

/// A database that goes when nobody needs it any longer.
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

/// Production's database, to be used once more by another world.
#[derive(Clone)]
pub struct Production(Arc<Owned>);

/// The databases of one world. They go with it.
pub struct Databases {
    pub production: String,
    pub staging: String,
    pub content_prep: String,
    production_owner: Production,
    staging_owner: Owned,
}

impl Databases {
    /// Copies of the templates. `ports` are those of staging's hosts, in the order of the Sites.
    /// Production's may be that of a world before, if it is as it was.
    pub fn new(
        cluster: &'static Cluster,
        ports: &[u16],
        production: Option<Production>,
    ) -> Result<Databases> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let templates = Templates::of(cluster);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let production = match production {
            Some(production) => production,
            None => {
                let name = format!("world_{number:04}_production");
                create(cluster, &name, &templates.production, "bc_production")?;
                Production(Arc::new(Owned { cluster, name }))
            }
        };
        let staging = format!("world_{number:04}_staging");
        create(cluster, &staging, &templates.staging, "bc_staging")?;
        let databases = Databases {
            production: production.0.name.clone(),
            staging: staging.clone(),
            content_prep: templates.content_prep.clone(),
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

    /// What an app's `DATABASE_URL` says, with the role that owns the database.
    pub fn url(&self, environment: &str) -> String {
        let (role, database) = match environment {
            "production" => ("bc_production", &self.production),
            "staging" => ("bc_staging", &self.staging),
            _ => ("bc_content_prep", &self.content_prep),
        };
        let port = self.cluster().port();
        format!("postgres://{role}:{PASSWORD}@127.0.0.1:{port}/{database}?sslmode=disable")
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
