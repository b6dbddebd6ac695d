//! The small commands: `addons`, `config`, `completions`, `man`.

use std::fs;

use crate::command::Bcops;
use crate::heroku_world::PRODUCTION;
use crate::pull_world::World;

#[test]
fn the_configuration_is_shown_with_its_origins_and_without_secrets() {
    let mut bcops = Bcops::new();
    bcops.write("bcops.toml", "backup_max_age = \"7d\"\n");
    bcops.set("BCOPS_LOCAL_DATABASE_URL", "postgres://me:db-password@127.0.0.1/bc");
    let shown = bcops.run(&["config", "show"]).exits(0).stdout;
    let line =
        |key: &str| shown.lines().find(|line| line.starts_with(key)).expect("a line").to_owned();
    assert!(
        line("backup_max_age").contains("\"7d\"")
            && line("backup_max_age").contains("bcops.toml:1")
    );
    assert!(line("local.database_url").contains("[secret]"));
    assert!(line("local.database_url").contains("BCOPS_LOCAL_DATABASE_URL"));
    assert!(line("environments.production.protected").contains("built-in default"));
    let document = bcops.run(&["config", "show", "--json"]).exits(0).json();
    let settings = document["result"]["settings"].as_array().expect("a list").clone();
    assert!(settings.iter().any(|one| one["key"] == "environments.staging.app"));
    assert!(bcops.run(&["config", "path"]).exits(0).stdout.contains("bcops.toml"));
}

#[test]
fn a_file_to_begin_with_changes_nothing_until_it_is_filled_in() {
    let bcops = Bcops::new();
    bcops.run(&["config", "init", "--dry-run"]).exits(0);
    assert!(!bcops.directory().join("work/bcops.toml").exists());
    let before = bcops.run(&["config", "show", "--json"]).exits(0).json();
    bcops.run(&["config", "init"]).exits(0);
    assert_eq!(
        bcops.run(&["config", "show", "--json"]).exits(0).json()["result"],
        before["result"]
    );
    bcops.run(&["config", "init"]).fails(4, &["exists already", "--force"]);
    bcops.run(&["config", "init", "--force"]).exits(0);

    // Without its comments it is a file that is read, every key of it known.
    let path = bcops.directory().join("work/bcops.toml");
    let text = fs::read_to_string(&path).expect("the file");
    let setting =
        |line: &&str| line.starts_with("# [") || line.contains(" = ") && !line.ends_with("= \"\"");
    let lines = text.lines().filter(setting).filter_map(|line| line.strip_prefix("# "));
    let lines: Vec<&str> = lines.filter(|line| line.parse::<toml::Table>().is_ok()).collect();
    fs::write(&path, lines.join("\n")).expect("the file");
    bcops.run(&["config", "show"]).exits(0);
}

#[test]
fn completions_and_manuals_know_every_command() {
    let bcops = Bcops::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = bcops.run(&["completions", shell]).exits(0).stdout;
        // What is offered, the script asks each time: tests/completions.rs.
        assert!(script.contains("BCOPS_COMPLETE"), "{shell}: {script}");
    }
    bcops.run(&["completions", "cmd"]).exits(2);
    let page = bcops.run(&["man"]).exits(0).stdout;
    assert!(page.contains(".TH bcops 1") && page.contains("pull\\-data"), "{page}");
    let page = bcops.run(&["man", "scrub-pii"]).exits(0).stdout;
    assert!(page.contains("scrub\\-pii") && page.contains("\\-\\-check"), "{page}");
    bcops.run(&["man", "no-such"]).fails(2, &["no command no-such"]);
}

#[test]
fn addons_are_listed_with_their_plans() {
    let world = World::site();
    let run = world.bcops.run(&["addons", "production"]).exits(0);
    assert!(run.stdout.contains("heroku-postgresql:"), "{}", run.stdout);
    let document = world.bcops.run(&["addons", "production", "--json"]).exits(0).json();
    assert_eq!(document["result"]["app"], PRODUCTION);
    assert!(!document["result"]["addons"].as_array().expect("a list").is_empty());
    world.bcops.run(&["addons", "nowhere"]).fails(2, &["unknown environment"]);
}
