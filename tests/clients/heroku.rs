//! Proves the Heroku stand-in: Heroku's own CLI works with it.
//!
//! `BCOPS_HEROKU_CLI` names the executable, which `tests/install-heroku-cli.sh` installs. Without
//! it these tests print that they are skipped.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bcops::adapters::heroku::{CredentialSources, find_credentials, newest_completed};

use crate::heroku::world::{PRODUCTION, World, world_with};
use crate::standins::heroku::{CapturePlan, Fault, Options, Outcome, Rule};

const DUMP: &[u8] = b"PGDMP and so on";

/// The CLI with a home of its own, against a stand-in with one backup.
pub struct Cli {
    executable: PathBuf,
    pub world: World,
    pub home: tempfile::TempDir,
}

pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// Method and path of every request, in order.
    pub requests: Vec<String>,
}

impl Cli {
    pub async fn new() -> Option<Cli> {
        Cli::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Option<Cli> {
        let Some(executable) = std::env::var_os("BCOPS_HEROKU_CLI").map(PathBuf::from) else {
            eprintln!("skipped: BCOPS_HEROKU_CLI is not set, so there is no Heroku CLI to run");
            return None;
        };
        let world = world_with(options).await;
        let home = tempfile::tempdir().expect("a directory");
        let cache = home.path().join(".cache/heroku");
        std::fs::create_dir_all(&cache).expect("a directory");
        // Marks the CLI's terms of service as shown.
        std::fs::write(cache.join("terms-of-service"), "").expect("written");
        std::fs::write(home.path().join("ca.pem"), &world.standin.authority_pem).expect("written");
        let dump = home.path().join("stored.dump");
        std::fs::write(&dump, DUMP).expect("written");
        let outcome = Outcome::Completed { warnings: 0 };
        let hour = Duration::from_secs(3600);
        world.standin.add_backup(PRODUCTION, &dump, hour, outcome);
        world.standin.sign_urls_for(&world.standin.https_url);
        world.standin.plan_captures(CapturePlan { dump: Some(dump), ..CapturePlan::default() });
        Some(Cli { executable, world, home })
    }

    /// The folder of the CLI's modules, its plugins among them.
    pub fn modules(&self) -> PathBuf {
        let bin = self.executable.parent().expect("a folder");
        bin.parent().expect("a folder").to_owned()
    }

    pub async fn run(&self, arguments: &[&str]) -> Said {
        self.world.standin.forget_requests();
        let standin = &self.world.standin;
        let command = tokio::process::Command::new(&self.executable)
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .envs([("TERM", "dumb"), ("NO_COLOR", "1"), ("DISABLE_TELEMETRY", "true")])
            .envs([("HEROKU_DISABLE_AUTOUPDATE", "1"), ("HEROKU_SKIP_NEW_VERSION_CHECK", "1")])
            .env("HEROKU_HOST", &standin.url)
            // The CLI takes scheme and port from HEROKU_HOST.
            .env("HEROKU_DATA_HOST", "127.0.0.1")
            .env("HEROKU_PARTICLEBOARD_URL", &standin.url)
            .env("HEROKU_API_KEY", standin.token())
            .env("NODE_EXTRA_CA_CERTS", self.home.path().join("ca.pem"))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(Duration::from_secs(90), command).await;
        let output = output.expect("an end in time").expect("the CLI can be run");
        let requests = standin.requests();
        Said {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            requests: requests.iter().map(|one| format!("{} {}", one.method, one.path)).collect(),
        }
    }

    pub async fn succeed(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments).await;
        let (code, stdout, stderr) = (said.code, &said.stdout, &said.stderr);
        assert_eq!(code, Some(0), "{arguments:?}\n{stdout}\n{stderr}");
        said
    }
}

fn transfers(rest: &str) -> String {
    format!("/client/v11/apps/{PRODUCTION}/transfers{rest}")
}

#[tokio::test]
async fn the_cli_reads_account_and_config_vars() {
    let Some(cli) = Cli::new().await else { return };
    let said = cli.succeed(&["auth:whoami"]).await;
    assert_eq!(said.stdout.trim(), "operator@stand-in.test");
    let said = cli.succeed(&["config:get", "SECRET_KEY", "--app", PRODUCTION]).await;
    assert_eq!(said.stdout.trim(), "django-secret");
    assert_eq!(said.requests, [format!("GET /apps/{PRODUCTION}/config-vars")]);
    let said = cli.succeed(&["maintenance", "--app", PRODUCTION]).await;
    assert_eq!(said.stdout.trim(), "off");
}

#[tokio::test]
async fn the_clis_own_token_is_found() {
    let Some(cli) = Cli::new().await else { return };
    let machine = cli.world.standin.url.replace("http://", "");
    let netrc = format!("machine {machine}\n  login operator\n  password from-the-cli\n");
    std::fs::write(cli.home.path().join(".netrc"), netrc).expect("written");
    let folder = cli.executable.parent().expect("a folder");
    let inherited = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{inherited}", folder.display());
    let host = cli.world.standin.url.clone();
    let environment = move |name: &str| match name {
        "PATH" => Some(path.clone()),
        "HEROKU_HOST" => Some(host.clone()),
        _ => None,
    };
    // bcops itself finds no entry under this name, and asks the CLI.
    let netrc_machine = "nowhere.test";
    let home = Some(cli.home.path());
    let sources = CredentialSources { environment: &environment, home, netrc_machine };
    let found = find_credentials(&sources).await.expect("found");
    assert_eq!(found.token.expose(), "from-the-cli");
    assert_eq!(found.origin, "`heroku auth:token`");
}

#[tokio::test]
async fn the_cli_changes_maintenance_and_formation() {
    let Some(cli) = Cli::new().await else { return };
    cli.succeed(&["maintenance:on", "--app", PRODUCTION]).await;
    assert!(cli.world.heroku.app(PRODUCTION).await.expect("the app").maintenance);
    let said = cli.succeed(&["ps:scale", "web=0", "--app", PRODUCTION]).await;
    assert!(said.stderr.contains("web at 0:Standard-1X"), "{}", said.stderr);
    let said = cli.succeed(&["addons", "--app", PRODUCTION]).await;
    assert!(said.stdout.contains("heroku-postgresql"), "{}", said.stdout);
}

#[tokio::test]
async fn the_cli_lists_and_shows_backups() {
    let Some(cli) = Cli::new().await else { return };
    let said = cli.succeed(&["pg:backups", "--app", PRODUCTION]).await;
    assert!(said.stdout.contains("b001") && said.stdout.contains("Completed"), "{}", said.stdout);
    assert_eq!(said.requests, [format!("GET {}", transfers(""))]);
    let said = cli.succeed(&["pg:backups:info", "b001", "--app", PRODUCTION]).await;
    for part in ["Backup b001", "DATABASE", "Completed", "Backup completed"] {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
    assert_eq!(said.requests, [format!("GET {}", transfers("/1?verbose=true"))]);
    let said = cli.succeed(&["pg:info", "--app", PRODUCTION]).await;
    assert!(said.stdout.contains("Standard 0"), "{}", said.stdout);
}

#[tokio::test]
async fn the_cli_downloads_through_a_signed_url() {
    let Some(cli) = Cli::new().await else { return };
    let said = cli.succeed(&["pg:backups:url", "b001", "--app", PRODUCTION]).await;
    let url = format!("{}/store/", cli.world.standin.https_url);
    assert!(said.stdout.starts_with(&url), "{}", said.stdout);
    assert_eq!(said.requests, [format!("POST {}", transfers("/1/actions/public-url"))]);
    let target = cli.home.path().join("got.dump");
    let path = target.to_str().expect("a path in UTF-8");
    let download = ["pg:backups:download", "b001", "--output", path, "--app", PRODUCTION];
    cli.succeed(&download).await;
    assert_eq!(std::fs::read(target).expect("downloaded"), DUMP);
}

#[tokio::test]
async fn the_cli_captures() {
    let Some(cli) = Cli::new().await else { return };
    let said = cli.succeed(&["pg:backups:capture", "--app", PRODUCTION]).await;
    assert!(said.stderr.contains("done"), "{}", said.stderr);
    let database = &cli.world.database_id;
    let expected = [
        "POST /actions/addon-attachments/resolve".to_owned(),
        format!("GET /client/v11/databases/{database}"),
        format!("POST /client/v11/databases/{database}/backups"),
    ];
    assert_eq!(said.requests[..3], expected);
    let polls = transfers("/5ca1ab1e-");
    let polled = said.requests[3..].iter().all(|one| one.starts_with(&format!("GET {polls}")));
    assert!(polled && said.requests.len() >= 5, "{:?}", said.requests);
    let all = cli.world.heroku.transfers(PRODUCTION).await.expect("transfers");
    assert_eq!(newest_completed(&all).map(|one| one.name()).as_deref(), Some("b002"));
}

#[tokio::test]
async fn the_cli_sees_a_capture_fail_and_shows_its_log() {
    let Some(cli) = Cli::new().await else { return };
    let plan = CapturePlan { outcome: Outcome::Failed, ..CapturePlan::default() };
    cli.world.standin.plan_captures(plan);
    let said = cli.run(&["pg:backups:capture", "--app", PRODUCTION]).await;
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("Backup failed"), "{}", said.stderr);
    let said = cli.run(&["pg:backups:url", "b002", "--app", PRODUCTION]).await;
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("has not been completed"), "{}", said.stderr);
}

#[tokio::test]
async fn the_cli_understands_the_stand_ins_errors() {
    let Some(cli) = Cli::new().await else { return };
    let cases = [
        (Fault::NotFound, 2, "Couldn't find that app"),
        (Fault::RateLimited(1), 2, "rate_limit"),
        (Fault::HtmlUnavailable, 1, "503"),
        (Fault::Unauthorized, 1, "HEROKU_API_KEY"),
    ];
    for (fault, code, words) in cases {
        cli.world.standin.misbehave(Rule::once("/config-vars", fault.clone()));
        let said = cli.run(&["config:get", "X", "--app", PRODUCTION]).await;
        assert_eq!(said.code, Some(code), "{fault:?}: {}", said.stderr);
        // The CLI wraps its words at 80 columns with marks at the edge.
        let text = said.stderr.replace(['›', '\n'], " ");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(words), "{fault:?}: {text}");
    }
}
