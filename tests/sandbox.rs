//! The sandbox behind `make rehearse`: a council's whole site on this machine, for practising.
//!
//! It starts two Postgres servers (one plays Heroku's, one is "this machine's"), fills production
//! with the sample site, starts the Heroku stand-in with finished and failed backups made by the
//! real `pg_dump`, and then runs a command in an environment that knows only these. When the
//! command ends, it shows what changed, ends everything and removes it.
//!
//! ```text
//! cargo run --example sandbox -- [--config FILE] -- COMMAND...
//! ```
//!
//! `SANDBOX_KEEP=1` waits for Enter before the end, so that one can look around.

#[allow(unused_imports, reason = "the sandbox needs no faults")]
mod standins;
mod support;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use standins::heroku::{HerokuStandIn, Options as HerokuOptions, Outcome};
use standins::s3::{S3StandIn, council};
use support::postgres::{Cluster, Options as ClusterOptions};
use support::site;

const LOCAL_DATABASE: &str = "bc";
const HOUR: Duration = Duration::from_secs(3600);

/// Whose tables the tour after the command counts, before and after.
const TOUR_TABLES: [&str; 9] = [
    "wagtailcore_page",
    "images_customimage",
    "users_user",
    "wagtailcore_revision",
    "wagtailforms_formsubmission",
    "recruitment_jobalertsubscription",
    "feedback_feedbackcomment",
    "django_session",
    "wagtailsearchpromotions_query",
];

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sandbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<ExitCode> {
    let command = Arguments::parse(env::args_os().skip(1))?;
    let sandbox = Sandbox::start().await?;
    eprintln!("\n$ {}\n", command.shown());
    let status = sandbox.run(&command).await?;
    eprintln!();
    sandbox.tour()?;
    if env::var_os("SANDBOX_KEEP").is_some_and(|value| !value.is_empty() && value != "0") {
        sandbox.keep()?;
    }
    Ok(exit_code(status))
}

/// The command to run, and the configuration file that `bcops` is to read.
struct Arguments {
    config: Option<OsString>,
    command: Vec<OsString>,
}

impl Arguments {
    fn parse(mut given: impl Iterator<Item = OsString>) -> Result<Arguments> {
        let usage = "usage: sandbox [--config FILE] -- COMMAND [ARGUMENT...]";
        let mut config = None;
        while let Some(argument) = given.next() {
            match argument.to_str() {
                Some("--config") => config = Some(given.next().context(usage)?),
                Some("--") => break,
                _ => bail!("{usage}"),
            }
        }
        let command: Vec<OsString> = given.collect();
        if command.is_empty() {
            bail!("{usage}");
        }
        Ok(Arguments { config, command })
    }

    /// Program and arguments, with `--config` where it belongs.
    fn words(&self) -> Vec<OsString> {
        let mut words = self.command.clone();
        if let Some(config) = &self.config {
            words.splice(1..1, [OsString::from("--config"), config.clone()]);
        }
        words
    }

    fn shown(&self) -> String {
        let words: Vec<String> =
            self.words().iter().map(|word| word.to_string_lossy().into_owned()).collect();
        words.join(" ")
    }
}

struct Sandbox {
    heroku_postgres: Cluster,
    local_postgres: Cluster,
    /// Holds the home folder, the state folder and the file of the environment.
    directory: tempfile::TempDir,
    heroku: HerokuStandIn,
    s3: S3StandIn,
}

impl Sandbox {
    async fn start() -> Result<Sandbox> {
        eprintln!("sandbox: starting two Postgres servers (Heroku's and this machine's)");
        let heroku_postgres = Cluster::start(&ClusterOptions::for_tests())?;
        let local_postgres = Cluster::start(&ClusterOptions::for_tests())?;
        for database in ["production", "staging", "content_prep"] {
            heroku_postgres.try_psql("postgres", &format!("CREATE DATABASE {database}"))?;
        }
        eprintln!("sandbox: making up production's site, with personal data that can be told");
        site::load(&heroku_postgres, "production")?;
        local_postgres.try_psql("postgres", &format!("CREATE DATABASE {LOCAL_DATABASE}"))?;
        local_postgres.try_psql(
            LOCAL_DATABASE,
            "CREATE TABLE note AS SELECT 'the local database from before' AS text",
        )?;

        let directory = tempfile::Builder::new().prefix("bcops-sandbox-").tempdir()?;
        for folder in ["home", "state"] {
            fs::create_dir(directory.path().join(folder))?;
        }
        eprintln!("sandbox: backing production up with pg_dump, starting the Heroku stand-in");
        let archive = directory.path().join("backup.dump");
        site::back_up(&heroku_postgres, "production", &archive)?;
        eprintln!("sandbox: starting S3 with a bucket for each environment");
        let s3 = council::start().await;
        let heroku = start_heroku(&heroku_postgres, &archive, &s3).await;
        let sandbox = Sandbox { heroku_postgres, local_postgres, directory, heroku, s3 };
        sandbox.write_environment_file()?;
        Ok(sandbox)
    }

    /// What the command's environment has besides the machine's own.
    fn environment(&self) -> Result<Vec<(&'static str, OsString)>> {
        let programs = env::current_exe().context("finding the programs of this build")?;
        let programs = programs.ancestors().nth(2).context("finding the folder of bcops")?;
        let mut path = vec![programs.to_owned(), self.local_postgres.programs().to_owned()];
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        Ok(vec![
            ("PATH", env::join_paths(path)?),
            ("HOME", self.directory.path().join("home").into()),
            ("BCOPS_STATE_DIR", self.directory.path().join("state").into()),
            ("BCOPS_MEDIA_FOLDER", self.directory.path().join("media").into()),
            ("BCOPS_LOCAL_DATABASE_URL", self.local_postgres.url(LOCAL_DATABASE).into()),
            ("HEROKU_HOST", self.heroku.url.clone().into()),
            ("HEROKU_DATA_HOST", self.heroku.url.clone().into()),
            ("HEROKU_API_KEY", self.heroku.token().into()),
            // For a person who looks around with psql; bcops does not read these.
            ("PGHOST", "127.0.0.1".into()),
            ("PGPORT", self.local_postgres.port().to_string().into()),
            ("PGUSER", "postgres".into()),
        ])
    }

    fn environment_file(&self) -> PathBuf {
        self.directory.path().join("environment.sh")
    }

    fn write_environment_file(&self) -> Result<()> {
        let lines: Vec<String> = self
            .environment()?
            .into_iter()
            .map(|(name, value)| {
                format!("export {name}='{}'\n", value.to_string_lossy().replace('\'', r"'\''"))
            })
            .collect();
        fs::write(self.environment_file(), lines.concat()).context("writing the environment file")
    }

    async fn run(&self, arguments: &Arguments) -> Result<ExitStatus> {
        let words = arguments.words();
        let (program, rest) = words.split_first().context("no command was given")?;
        let mut command = Command::new(program);
        command.args(rest);
        for (name, _) in env::vars_os() {
            if is_foreign(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command.envs(self.environment()?);
        let mut child =
            command.spawn().with_context(|| format!("starting {}", program.to_string_lossy()))?;
        // Ctrl-C reaches the command as well, by way of the terminal: the sandbox waits for it to
        // end, and puts itself away after that.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        loop {
            tokio::select! {
                status = child.wait() => return status.context("waiting for the command"),
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {
                    // The standard library only knows the kill that cannot be caught.
                    let child = child.id().map(|id| id.to_string());
                    Command::new("kill").arg("-TERM").args(child).status().await?;
                }
            }
        }
    }

    /// Shows what the command left on "this machine".
    fn tour(&self) -> Result<()> {
        eprintln!("sandbox: media now:");
        for bucket in ["bc-production", "bc-staging"] {
            eprintln!("  {bucket}, {} objects", self.s3.objects(bucket).len());
        }
        eprintln!("  on this machine, {} files", files_below(&self.directory.path().join("media")));
        eprintln!("sandbox: the databases on this machine now:");
        let sql = "SELECT datname || ', ' || pg_size_pretty(pg_database_size(oid)) \
                     FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1";
        for line in self.local_postgres.try_psql("postgres", sql)?.lines() {
            eprintln!("  {line}");
        }
        let sql = "SELECT to_regclass('public.users_user') IS NOT NULL";
        if self.local_postgres.try_psql(LOCAL_DATABASE, sql).is_ok_and(|answer| answer == "t") {
            self.compare()?;
        }
        Ok(())
    }

    fn compare(&self) -> Result<()> {
        eprintln!("\n  {:36}{:>12}{:>12}", "rows", "production", "local");
        for table in TOUR_TABLES {
            let sql = format!("SELECT count(*) FROM {table}");
            let before = self.heroku_postgres.try_psql("production", &sql)?;
            let after = self.local_postgres.try_psql(LOCAL_DATABASE, &sql)?;
            eprintln!("  {table:36}{before:>12}{after:>12}");
        }
        let before = site::marked_columns(&self.heroku_postgres, "production").len();
        let after = site::marked_columns(&self.local_postgres, LOCAL_DATABASE);
        let label = "columns with personal data";
        eprintln!("  {label:36}{before:>12}{:>12}", after.len());
        for column in after {
            eprintln!("    left: {column}");
        }
        let sql = "SELECT username || ' <' || email || '>' FROM users_user WHERE id = 3";
        eprintln!(
            "\n  a user in production: {}",
            self.heroku_postgres.try_psql("production", sql)?
        );
        eprintln!("  the same one locally: {}", self.local_postgres.try_psql(LOCAL_DATABASE, sql)?);
        Ok(())
    }

    fn keep(&self) -> Result<()> {
        eprintln!("\nsandbox: kept until you press Enter. In another terminal:");
        eprintln!("  . {}", self.environment_file().display());
        eprintln!("  bcops --help, psql {LOCAL_DATABASE}");
        eprintln!("  production is {}", self.heroku_postgres.url("production"));
        io::stdin().read_line(&mut String::new())?;
        Ok(())
    }
}

/// The council's apps, and backups of production as they lie about on a normal day.
async fn start_heroku(postgres: &Cluster, archive: &Path, s3: &S3StandIn) -> HerokuStandIn {
    let pg_dump = postgres.programs().join("pg_dump");
    let heroku = HerokuStandIn::start(HerokuOptions { pg_dump, ..HerokuOptions::default() }).await;
    for (app, database) in [
        ("buckinghamshire-production", "production"),
        ("buckinghamshire-staging", "staging"),
        ("buckinghamshire-content-prep", "content_prep"),
    ] {
        heroku.add_app(app, &[("SECRET_KEY", "sandbox-secret-key")]);
        let environment = app.trim_start_matches("buckinghamshire-");
        for (name, value) in council::config_vars(s3, environment) {
            heroku.set_config_var(app, name, &value);
        }
        heroku.add_database(app, "DATABASE", &postgres.url(database));
    }
    let production = "buckinghamshire-production";
    let completed = Outcome::Completed { warnings: 0 };
    heroku.add_backup(production, archive, 53 * HOUR, completed);
    heroku.add_backup(production, archive, 29 * HOUR, completed);
    heroku.add_backup(production, archive, 5 * HOUR, completed);
    heroku.add_backup(production, archive, HOUR, Outcome::Failed);
    heroku
}

fn files_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

/// Variables by which the command could reach something real.
fn is_foreign(name: &str) -> bool {
    let prefixes =
        ["PG", "HEROKU_", "BCOPS_", "AWS_", "CLOUDFLARE_", "GITLAB_", "SLACK_", "XDG_", "REDIS_"];
    name == "DATABASE_URL" || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
