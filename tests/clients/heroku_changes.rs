//! Proves the Heroku stand-in's changes to apps: Heroku's own CLI works with it.

use std::time::Duration;

use bcops::adapters::heroku::CodeId;

use crate::clients::heroku::Cli;
use crate::heroku::world::{PRODUCTION, STAGING};
use crate::standins::heroku::{CapturePlan, Deploy, Options, Rendezvous, Stack};
use crate::support::postgres::Cluster;

#[tokio::test]
async fn the_cli_restarts_dynos_and_sets_config_vars() {
    let Some(cli) = Cli::new().await else { return };
    let said = cli.succeed(&["ps", "--app", STAGING]).await;
    assert!(said.stdout.contains("web.1: up"), "{}", said.stdout);
    cli.succeed(&["ps:restart", "--app", STAGING]).await;
    cli.succeed(&["ps:restart", "--dyno-name", "web.1", "--app", STAGING]).await;
    cli.succeed(&["ps:stop", "--dyno-name", "web.1", "--app", STAGING]).await;
    cli.succeed(&["config:set", "X=hello", "--app", STAGING]).await;
    let said = cli.succeed(&["config:get", "X", "--app", STAGING]).await;
    assert_eq!(said.stdout.trim(), "hello");
    assert!(cli.world.standin.writes(PRODUCTION).is_empty());
}

#[tokio::test]
async fn the_cli_rolls_back_and_lists_releases_of_both_stacks() {
    let Some(cli) = Cli::new().await else { return };
    for stack in [Stack::Slug, Stack::Container] {
        cli.world.standin.set_stack(STAGING, stack);
        for commit in ["aaaaaaaaaa", "bbbbbbbbbb"] {
            cli.world.standin.deploy_to_the_end(STAGING, commit, Deploy::default()).await;
        }
        let releases = cli.world.heroku.newest_releases(STAGING).await.expect("releases");
        let old = format!("v{}", releases[1].version);
        cli.succeed(&["releases:rollback", &old, "--app", STAGING]).await;
        let said = cli.succeed(&["releases", "--app", STAGING]).await;
        assert!(said.stdout.contains(&format!("Rollback to {old}")), "{}", said.stdout);
        let releases = cli.world.heroku.releases(STAGING).await.expect("releases");
        let now = releases.current().expect("a release");
        assert_eq!(releases.code(now).map(CodeId::as_str), Some("aaaaaaaaaa"), "{stack:?}");
    }
}

#[tokio::test]
async fn the_cli_builds_from_source() {
    let Some(cli) = Cli::new().await else { return };
    let modules = cli.modules();
    let archive = cli.home.path().join("source.tar.gz");
    std::fs::write(&archive, crate::heroku::builds::archive()).expect("written");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/heroku_builds.js");
    let commit = "5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e";
    let standin = &cli.world.standin;
    let built = tokio::process::Command::new("node")
        .arg(script)
        .args([modules.as_os_str(), STAGING.as_ref(), archive.as_os_str(), commit.as_ref()])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", cli.home.path())
        .env("HEROKU_HOST", &standin.url)
        .env("HEROKU_API_KEY", standin.token())
        .output()
        .await
        .expect("node runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let releases = cli.world.heroku.releases(STAGING).await.expect("releases");
    assert!(releases.runs(releases.current().expect("a release"), commit));
}

#[tokio::test]
async fn the_cli_finds_a_console() {
    let Some(cli) = Cli::new().await else { return };
    let url = ("BONSAI_URL", "https://k:s@bonsai.test");
    cli.world.standin.add_addon(STAGING, "bonsai:standard", "BONSAI", url);
    let said = cli.succeed(&["addons:open", "bonsai", "--show-url", "--app", STAGING]).await;
    let ours = cli.world.heroku.addon_console(STAGING, "bonsai").await.expect("a console");
    assert!(said.stdout.contains(ours.url.expose()), "{}", said.stdout);
}

#[tokio::test]
async fn the_cli_resets_restores_and_cancels() {
    let cluster = Cluster::shared();
    let pg_dump = cluster.programs().join("pg_dump");
    let options = Options { pg_dump, ..Options::default() };
    let Some(cli) = Cli::with(options).await else { return };
    let target = cluster.create_database("cli_restore");
    cluster.psql(&target, "CREATE TABLE page (id int); INSERT INTO page VALUES (1)");
    let dump = cli.home.path().join("real.dump");
    let path = dump.to_str().expect("UTF-8");
    cluster.run_tool("pg_dump", &["-Fc", "-f", path, &cluster.url(&target)]);
    cli.world.standin.add_database(STAGING, "DATABASE", &cluster.url(&target));
    cli.world.standin.plan_restores(CapturePlan { dump: Some(dump), ..CapturePlan::default() });

    let there = "SELECT to_regclass('page') IS NOT NULL";
    cli.succeed(&["pg:reset", "DATABASE_URL", "--confirm", STAGING, "--app", STAGING]).await;
    assert_eq!(cluster.psql(&target, there), "f");
    let source = format!("{PRODUCTION}::b001");
    let restore = ["pg:backups:restore", &source, "DATABASE_URL", "--confirm", STAGING];
    let said = cli.succeed(&[&restore[..], &["--app", STAGING]].concat()).await;
    assert!(said.stderr.contains("done"), "{}", said.stderr);
    assert_eq!(cluster.psql(&target, there), "t");

    let forever = Duration::from_secs(3600);
    cli.world.standin.plan_restores(CapturePlan { pending: forever, ..CapturePlan::default() });
    let app = cli.world.staging().await;
    let database = cli.world.heroku.destination_database(&app, "DATABASE_URL").await.expect("one");
    let source = cli.world.heroku.backup_source(PRODUCTION, "b001").await.expect("a backup");
    cli.world.heroku.start_restore(&database, &source, &[]).await.expect("started");
    cli.succeed(&["pg:backups:cancel", "r002", "--app", STAGING]).await;
    let said = cli.succeed(&["pg:backups:info", "r002", "--app", STAGING]).await;
    assert!(said.stdout.contains("Canceled"), "{}", said.stdout);
}

#[tokio::test]
async fn the_cli_shows_and_rolls_back_releases() {
    let Some(cli) = Cli::new().await else { return };
    let plan = Deploy { release_command: Some("echo migrated".to_owned()), ..Deploy::default() };
    for commit in ["aaaaaaaaaa", "bbbbbbbbbb"] {
        cli.world.standin.deploy_to_the_end(STAGING, commit, plan.clone()).await;
    }
    let said = cli.succeed(&["releases", "--app", STAGING]).await;
    assert!(said.stdout.contains("Deploy bbbbbbbb"), "{}", said.stdout);
    let said = cli.succeed(&["releases:output", "--app", STAGING]).await;
    assert!(said.stdout.contains("migrated"), "{}", said.stdout);
    let newest = cli.world.heroku.newest_releases(STAGING).await.expect("releases");
    let old = format!("v{}", newest[1].version);
    cli.succeed(&["releases:rollback", &old, "--app", STAGING]).await;
    let newest = cli.world.heroku.newest_releases(STAGING).await.expect("releases");
    assert_eq!(newest[0].description, format!("Rollback to {old}"));
}

#[tokio::test]
async fn the_cli_runs_commands() {
    let Some(cli) = Cli::new().await else { return };
    cli.world.standin.set_config_var(STAGING, "SITE", "a site");
    cli.world.standin.plan_rendezvous(Rendezvous::Orderly);
    let run = ["run", "--exit-code", "--app", STAGING, "--", "echo \"$SITE\"; (exit 3)"];
    let said = cli.run(&run).await;
    assert_eq!((said.code, said.stdout.trim()), (Some(3), "a site"), "{}", said.stderr);
    let run = ["run", "--exit-code", "--no-tty", "--app", STAGING, "--", "echo", "two words"];
    assert_eq!(cli.succeed(&run).await.stdout.trim(), "two words");
}

#[tokio::test]
async fn the_cli_runs_commands_detached_and_reads_their_log() {
    let Some(cli) = Cli::new().await else { return };
    let run = ["run:detached", "--app", STAGING, "--", "echo by itself"];
    cli.succeed(&run).await;
    for left in (0..20).rev() {
        let said = cli.succeed(&["logs", "--num", "100", "--app", STAGING]).await;
        if said.stdout.contains("app[run.1001]: by itself") {
            break;
        }
        assert!(left > 0, "{}", said.stdout);
    }
}
