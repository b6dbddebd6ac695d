//! Runs the sandbox behind `make rehearse`: a whole site on this machine, for practice. It is the
//! council's site, or the site of a configuration file with its own apps, environments and rows.
//!
//! It starts two Postgres servers (Heroku's and "this machine's") and the whole site: apps with
//! databases, backups and repositories that build pushes, an origin with branches, buckets,
//! websites, Cloudflare, Redis, search and GitLab. Then it runs a command in an operator's clone,
//! in an environment with only these services. When the command ends, it shows the changes, stops
//! everything and removes it.
//!
//! ```text
//! cargo run --example sandbox -- [--config FILE] -- COMMAND...
//! ```
//!
//! `SANDBOX_KEEP=1` waits for Enter before the end, for inspection.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends where something is not as it has to be"
)]

#[allow(dead_code, reason = "the sandbox needs the writing of repositories only")]
mod sandbox_tour;
#[allow(unused_imports, reason = "the sandbox needs no faults")]
mod standins;
mod support;
mod whole_site;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf, absolute};
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use support::postgres::{Cluster, Options as ClusterOptions};
use whole_site::blueprint::Blueprint;
use whole_site::services::Services;
use whole_site::{Pace, WholeSite, configuration, media};

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
    let mut command = Arguments::parse(env::args_os().skip(1))?;
    let sandbox = Sandbox::start(command.config.as_deref().map(Path::new)).await?;
    if command.config.is_some() {
        command.config = Some(sandbox.configuration().into_os_string());
    }
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
                // The command runs in another folder.
                Some("--config") => {
                    config = Some(absolute(given.next().context(usage)?)?.into_os_string());
                }
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

    /// Program and arguments, with `--config` in its place.
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
    local_postgres: Cluster,
    /// Holds the home folder, the state folder, the operator's clone and the environment's file.
    directory: tempfile::TempDir,
    services: Services,
    whole: WholeSite,
    /// The name of the database on this machine.
    local: String,
    before: sandbox_tour::Staging,
}

impl Sandbox {
    /// The site of a configuration file, or the built-in one.
    async fn start(config: Option<&Path>) -> Result<Sandbox> {
        let blueprint = match config {
            Some(path) => Blueprint::of_file(path)?,
            None => Blueprint::built_in()?,
        };
        eprintln!("sandbox: starting two Postgres servers (Heroku's and this machine's)");
        let start = || Cluster::start(&ClusterOptions::for_tests());
        let (heroku_postgres, local_postgres) =
            tokio::join!(tokio::task::spawn_blocking(start), tokio::task::spawn_blocking(start));
        // The keeper stops the server when this process ends.
        let heroku_postgres: &'static Cluster = Box::leak(Box::new(heroku_postgres??));
        let local_postgres = local_postgres??;
        let local = blueprint.settings.local.database_url.as_ref();
        let local = local_name(local.map_or("postgres:///site", |found| found.value.expose()));
        local_postgres.try_psql("postgres", &format!("CREATE DATABASE \"{local}\""))?;
        local_postgres.try_psql(
            &local,
            "CREATE TABLE note AS SELECT 'the local database from before' AS text",
        )?;
        let names: Vec<&str> = blueprint.environments().map(|one| one.name.as_str()).collect();
        eprintln!("sandbox: making up the site, with personal data that can be told:");
        eprintln!("  apps for {}, with databases and backups,", names.join(", "));
        let [main, staging] = blueprint.branches();
        eprintln!("  a git origin with {main}, {staging} and features, Heroku's repositories,");
        eprintln!("  S3 with a bucket for each environment, websites, and around them");
        eprintln!("  Cloudflare, search clusters, GitLab, and Redis where it is installed");
        let pace = Pace::of_a_rehearsal();
        let whole = WholeSite::start_site(heroku_postgres, pace, blueprint).await?;
        whole.complete();
        media::fill_more(&whole.s3, &whole.blueprint);
        let services = Services::start(&whole).await;

        let directory = tempfile::Builder::new().prefix("bcops-sandbox-").tempdir()?;
        for folder in ["home/.config/bcops", "state", "work"] {
            fs::create_dir_all(directory.path().join(folder))?;
        }
        let home = directory.path().join("home");
        match config {
            Some(path) => {
                let adapted = configuration::adapted(path, &whole)?;
                fs::write(directory.path().join("bcops.toml"), adapted)?;
            }
            None => fs::write(home.join(".config/bcops/config.toml"), whole.config())?,
        }
        let identity = "[user]\n\tname = Operator\n\temail = operator@example.test\n";
        fs::write(home.join(".gitconfig"), identity)?;
        whole.code.clone_into(&directory.path().join("work"));
        let before = sandbox_tour::Staging::of(&whole);
        let sandbox = Sandbox { local_postgres, directory, services, whole, local, before };
        sandbox.write_environment_file()?;
        Ok(sandbox)
    }

    /// The given configuration with the addresses of the sandbox.
    fn configuration(&self) -> PathBuf {
        self.directory.path().join("bcops.toml")
    }

    /// The variables that the command gets in addition to the machine's own.
    fn environment(&self) -> Result<Vec<(&'static str, OsString)>> {
        let programs = env::current_exe().context("finding the programs of this build")?;
        let programs = programs.ancestors().nth(2).context("finding the folder of bcops")?;
        let mut path = vec![programs.to_owned(), self.local_postgres.programs().to_owned()];
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let mut variables: Vec<(&'static str, OsString)> =
            self.whole.variables().into_iter().map(|(name, value)| (name, value.into())).collect();
        let services = self.services.variables();
        variables.extend(services.into_iter().map(|(name, value)| (name, value.into())));
        variables.extend([
            ("PATH", env::join_paths(path)?),
            ("HOME", self.directory.path().join("home").into()),
            ("BCOPS_STATE_DIR", self.directory.path().join("state").into()),
            ("BCOPS_MEDIA_FOLDER", self.directory.path().join("media").into()),
            ("BCOPS_LOCAL_DATABASE_URL", self.local_postgres.url(&self.local).into()),
            // For a person who uses psql. bcops does not read these.
            ("PGHOST", "127.0.0.1".into()),
            ("PGPORT", self.local_postgres.port().to_string().into()),
            ("PGUSER", "postgres".into()),
        ]);
        Ok(variables)
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
        command.envs(self.environment()?).current_dir(self.directory.path().join("work"));
        let mut child =
            command.spawn().with_context(|| format!("starting {}", program.to_string_lossy()))?;
        // The terminal sends Ctrl-C to the command too: the sandbox waits for its end, and then
        // cleans up.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        loop {
            tokio::select! {
                status = child.wait() => return status.context("waiting for the command"),
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {
                    // The standard library can only send SIGKILL, which cannot be caught.
                    let child = child.id().map(|id| id.to_string());
                    Command::new("kill").arg("-TERM").args(child).status().await?;
                }
            }
        }
    }

    /// Shows the command's changes.
    fn tour(&self) -> Result<()> {
        let media = self.directory.path().join("media");
        sandbox_tour::media(&self.whole, &media);
        sandbox_tour::local(&self.whole, &self.local_postgres, &self.local)?;
        sandbox_tour::services(&self.services);
        sandbox_tour::staging(&self.whole, &self.before)
    }

    fn keep(&self) -> Result<()> {
        eprintln!("\nsandbox: kept until you press Enter. In another terminal:");
        eprintln!("  . {}", self.environment_file().display());
        eprintln!("  bcops --help, psql {}", self.local);
        let (cluster, databases) = (self.whole.databases.cluster(), &self.whole.databases);
        eprintln!("  production is {}", cluster.url(&databases.production));
        eprintln!("  staging is {}", cluster.url(&databases.staging));
        let work = self.directory.path().join("work");
        eprintln!("  the operator's clone is {}", work.display());
        io::stdin().read_line(&mut String::new())?;
        Ok(())
    }
}

/// The database of a URL, which a rehearsal needs.
fn local_name(url: &str) -> String {
    let path = url.split('?').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    if name.is_empty() { "site".to_owned() } else { name.replace('"', "") }
}

/// Variables through which the command could reach real services.
fn is_foreign(name: &str) -> bool {
    let prefixes = [
        "PG",
        "HEROKU_",
        "BCOPS_",
        "AWS_",
        "CLOUDFLARE_",
        "GITLAB_",
        "SLACK_",
        "XDG_",
        "REDIS_",
        "GIT_",
        "BONSAI_",
    ];
    name == "DATABASE_URL" || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
