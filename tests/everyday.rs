//! Tests the small commands: `addons`, `config`, `completions`, `man`, and bcops alone.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::command::Bcops;
use crate::heroku::world::PRODUCTION;
use crate::pull_data::world::World;

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
    // A password in an unexpected place is hidden too.
    bcops.write("bcops.toml", "media.endpoint = \"https://me:db-password@s3.example\"\n");
    let shown = bcops.run(&["config", "show"]).exits(0).stdout;
    assert!(shown.contains("me:[secret]@s3.example"), "{shown}");
    bcops.run(&["config", "show", "--json"]).exits(0);
    bcops.run(&["config", "trust", "--yes"]).exits(0).says(&["me:[secret]@s3.example"]);
    assert!(bcops.run(&["config", "path"]).exits(0).stdout.contains("bcops.toml"));
}

#[test]
fn a_new_file_changes_nothing_until_it_is_filled_in() {
    let bcops = Bcops::new();
    bcops.run(&["config", "init", "--dry-run"]).exits(0);
    assert!(!bcops.directory().join("work/bcops.toml").exists());
    let before = bcops.run(&["config", "show", "--json"]).exits(0).json();
    bcops.run(&["config", "init"]).exits(0);
    assert_eq!(
        bcops.run(&["config", "show", "--json"]).exits(0).json()["result"],
        before["result"]
    );
    bcops.run(&["config", "init"]).fails(4, &["exists already", "another file"]);

    // Without the comment marks it is a valid file with known keys.
    let path = bcops.directory().join("work/bcops.toml");
    let text = fs::read_to_string(&path).expect("the file");
    let setting =
        |line: &&str| line.starts_with("# [") || line.contains(" = ") && !line.ends_with("= \"\"");
    let lines = text.lines().filter(setting).filter_map(|line| line.strip_prefix("# "));
    let lines: Vec<&str> = lines.filter(|line| line.parse::<toml::Table>().is_ok()).collect();
    fs::write(&path, lines.join("\n")).expect("the file");
    bcops.run(&["config", "show"]).exits(0);
}

/// What a person types, a line for each question.
fn answer(bcops: &Bcops, arguments: &[&str], answers: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut terminal = bcops.start_on_terminal(arguments);
    for (question, answer) in answers {
        terminal.wait_for(question);
        terminal.type_line(answer);
    }
    terminal.finish()
}

#[test]
fn another_site_is_asked_for_on_a_terminal() {
    let bcops = Bcops::new();
    let answers = [
        ("data comes from", "Live"),
        ("lower-case letters", "live"),
        ("app of live", "library-live"),
        ("deployed to live", ""),
        ("URL of live", "https://www.library.example"),
        ("is reset to it", "live"),
        ("that is the other one", "preview"),
        ("app of preview", ""),
        ("deployed to preview", "preview"),
        ("URL of preview", "https://preview.library.example"),
        ("on GitLab", "library/website"),
        ("GitLab server", ""),
        ("database on this machine", "postgres://me:db-password@127.0.0.1/library"),
        ("leave the password out", "postgres:///library"),
        ("Django's users", ""),
        ("media folder", ""),
        ("bucket's name", "S3_BUCKET"),
        ("id of its keys", ""),
        ("secret of its keys", ""),
    ];
    let (code, screen) = answer(&bcops, &["config", "init"], &answers);
    assert_eq!(code, Some(0), "{screen}");
    let document = bcops.run(&["config", "show", "--json"]).exits(0).json();
    let settings = document["result"]["settings"].as_array().expect("a list").clone();
    let value = |key: &str| {
        let found = settings.iter().find(|one| one["key"] == key);
        found.unwrap_or_else(|| panic!("no {key}"))["value"].clone()
    };
    assert_eq!(value("environments.live.app"), "library-live");
    assert_eq!(value("environments.live.branch"), "main");
    assert_eq!(value("environments.live.protected"), true);
    assert_eq!(value("environments.preview.app"), "work-preview");
    assert_eq!(value("environments.preview.protected"), false);
    assert_eq!(value("environments.preview.config_vars.bucket"), "S3_BUCKET");
    assert_eq!(value("gitlab.project"), "library/website");
    assert_eq!(value("gitlab.url"), "https://gitlab.com");
    assert_eq!(value("local.users_table"), "auth_user");
    assert_eq!(value("reset.hosts"), json!(["www.library.example=preview.library.example"]));
    assert!(!settings.iter().any(|one| one["key"] == "environments.production.app"));
    let text = fs::read_to_string(bcops.directory().join("work/bcops.toml")).expect("the file");
    assert!(!text.contains("db-password"), "{text}");
    // The site's manifest is there, in force and trusted.
    let manifest = fs::read_to_string(bcops.directory().join("work/scrub.toml")).expect("the file");
    assert!(manifest.contains("extends = \"built-in\""), "{manifest}");
    assert!(value("scrub.manifest").as_str().is_some_and(|path| path.ends_with("scrub.toml")));
}

#[test]
fn an_existing_file_stays_and_incomplete_answers_write_none() {
    let bcops = Bcops::new();
    let mut terminal = bcops.start_on_terminal(&["config", "init"]);
    terminal.wait_for("data comes from");
    terminal.type_line("");
    terminal.wait_for("app of production");
    // The end of the input, as with Ctrl-D.
    terminal.press(b"\x04");
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(5), "{screen}");
    assert!(!bcops.directory().join("work/bcops.toml").exists());

    let path = bcops.write("bcops.toml", "backup_max_age = \"7d\"\n");
    let (code, screen) = bcops.start_on_terminal(&["config", "init"]).finish();
    assert_eq!(code, Some(4), "{screen}");
    assert_eq!(fs::read_to_string(path).expect("the file"), "backup_max_age = \"7d\"\n");
    // A file further up is reported, because it applies until then.
    fs::create_dir(bcops.directory().join("work/inner")).expect("a folder");
    let inner = bcops.run(&["config", "init", "inner/bcops.toml"]).exits(0);
    assert!(inner.stderr.contains("work/bcops.toml is in force here"), "{}", inner.stderr);
    bcops.run(&["config", "init", "no/such/folder.toml"]).fails(3, &["cannot write"]);
}

#[test]
fn default_values_are_shown_too() {
    let bcops = Bcops::new();
    let shown = bcops.run(&["config", "show"]).exits(0).stdout;
    assert!(shown.parse::<toml::Table>().is_ok(), "{shown}");
    for (key, value) in [
        ("cache.table", "\"database_cache\""),
        ("heroku.host", "\"https://api.heroku.com\""),
        ("environments.dev.config_vars.bucket", "\"AWS_STORAGE_BUCKET_NAME\""),
        ("state_dir", "BCOPS_STATE_DIR"),
        ("# media.acl", "not set"),
    ] {
        let line = shown.lines().find(|line| line.starts_with(key));
        assert!(line.is_some_and(|line| line.contains(value)), "{key}: {shown}");
    }
    let document = bcops.run(&["config", "show", "--json"]).exits(0).json();
    let settings = document["result"]["settings"].as_array().expect("a list").clone();
    let acl = settings.iter().find(|one| one["key"] == "media.acl").expect("a setting");
    assert!(acl["value"].is_null() && acl["origin"] == "not set", "{acl}");
}

#[test]
fn completions_and_manuals_know_every_command() {
    let bcops = Bcops::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = bcops.run(&["completions", shell]).exits(0).stdout;
        // The script asks for the offers each time: see tests/completions.rs.
        assert!(script.contains("BCOPS_COMPLETE"), "{shell}: {script}");
    }
    bcops.run(&["completions", "cmd"]).exits(2);
    let page = bcops.run(&["man"]).exits(0).stdout;
    assert!(page.contains(".TH bcops 1") && page.contains("pull\\-data"), "{page}");
    let page = bcops.run(&["man", "scrub-pii"]).exits(0).stdout;
    assert!(page.contains("scrub\\-pii") && page.contains("\\-\\-check"), "{page}");
    let page = bcops.run(&["man", "runs", "resume"]).exits(0).stdout;
    assert!(page.contains(".TH bcops-runs-resume 1") && page.contains("\\-\\-attest"), "{page}");
    let page = bcops.run(&["man", "pull-production-data"]).exits(0).stdout;
    assert!(page.contains("pull\\-data production"), "{page}");
    bcops.run(&["man", "no-such"]).fails(2, &["no command no-such", "bcops --help"]);
    bcops.run(&["man", "doctr"]).fails(2, &["did you mean doctor?"]);
    bcops.run(&["man", "runs", "resum"]).fails(2, &["did you mean resume?"]);
}

#[test]
fn alone_it_shows_where_to_start() {
    let bcops = Bcops::new();
    let run = bcops.run(&[]).exits(2);
    assert_eq!(run.stderr, "");
    assert!(run.stdout.ends_with("\nstart here: bcops doctor\n"), "{}", run.printed());
    assert!(run.stdout.lines().count() <= 30, "{}", run.printed());
    for line in run.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    // Broken settings are no obstacle.
    bcops.write("bcops.toml", "colour = 1\n");
    assert_eq!(bcops.run(&[]).exits(2).stdout, run.stdout);
}

/// The files below a folder, by their paths from there.
fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            files.extend(files_below(&entry.path()).iter().map(|file| format!("{name}/{file}")));
        } else {
            files.push(name);
        }
    }
    files.sort();
    files
}

#[test]
fn completions_and_manuals_are_installed_into_the_users_folders() {
    let mut bcops = Bcops::new();
    let home = bcops.directory().join("home");
    let install = ["completions", "--install"];
    bcops.run(&install).fails(2, &["SHELL is not set", "--shell bash"]);
    bcops.set("SHELL", "/bin/tcsh");
    bcops.run(&install).fails(2, &["SHELL names tcsh", "--shell bash"]);
    bcops.set("SHELL", "/usr/bin/bash");
    let dry_run = bcops.run(&[&install[..], &["--dry-run"]].concat()).exits(0);
    assert!(dry_run.stdout.contains("nothing was changed"), "{}", dry_run.printed());
    assert!(files_below(&home).is_empty(), "a dry run changes nothing");

    let run = bcops.run(&install).exits(0);
    let files = files_below(&home);
    for file in [
        ".local/share/bash-completion/completions/bcops",
        ".local/share/man/man1/bcops.1",
        ".local/share/man/man1/bcops-pull-data.1",
        ".local/share/man/man1/bcops-runs-resume.1",
    ] {
        assert!(files.iter().any(|one| one == file), "{file}: {files:?}");
    }
    assert!(!files.iter().any(|file| file.ends_with(".new")), "{files:?}");
    assert!(run.stdout.contains("bash-completion/completions/bcops"), "{}", run.printed());
    assert!(run.stdout.contains("bash-completion is installed"), "{}", run.printed());
    let text = |file: &str| fs::read_to_string(home.join(file)).expect("the file");
    assert!(text(".local/share/bash-completion/completions/bcops").contains("BCOPS_COMPLETE"));
    // Once more changes nothing.
    let before: Vec<String> = files.iter().map(|file| text(file)).collect();
    bcops.run(&install).exits(0);
    assert_eq!(files_below(&home), files);
    assert_eq!(files.iter().map(|file| text(file)).collect::<Vec<_>>(), before);

    let run = bcops.run(&[&install[..], &["--shell", "zsh", "--json"]].concat()).exits(0);
    let result = run.json()["result"].clone();
    let line = result["line_to_add"].as_str().expect("a line");
    assert!(line.starts_with("source ") && line.ends_with("bcops/completions.zsh"), "{line}");
    assert_eq!(result["shell"], "zsh");
    bcops.set("XDG_CONFIG_HOME", home.join("elsewhere").to_str().expect("a path"));
    bcops.run(&[&install[..], &["--shell", "fish"]].concat()).exits(0);
    assert!(home.join("elsewhere/fish/completions/bcops.fish").is_file());
}

#[test]
fn a_file_of_someone_else_is_not_replaced() {
    let mut bcops = Bcops::new();
    bcops.set("SHELL", "/usr/bin/bash");
    let data = bcops.directory().join("data");
    bcops.set("XDG_DATA_HOME", data.to_str().expect("a path"));
    let install = ["completions", "--install"];
    let page = data.join("man/man1/bcops-run.1");
    fs::create_dir_all(page.parent().expect("a folder")).expect("a folder");
    fs::write(&page, "of someone else").expect("a file");
    bcops.run(&install).fails(4, &["bcops-run.1", "hint: move it away: mv "]);
    assert_eq!(files_below(&data), ["man/man1/bcops-run.1"], "nothing is installed by half");
    // A link leads to a file that is not bcops' own.
    fs::remove_file(&page).expect("removed");
    let target = bcops.write("target", "BCOPS_COMPLETE");
    std::os::unix::fs::symlink(&target, &page).expect("a link");
    bcops.run(&install).fails(4, &["bcops-run.1"]);
    assert_eq!(fs::read_to_string(&target).expect("the file"), "BCOPS_COMPLETE");
    fs::remove_file(&page).expect("removed");
    // A script of the user's own may ask bcops as well.
    let own = data.join("bash-completion/completions/bcops");
    fs::create_dir_all(own.parent().expect("a folder")).expect("a folder");
    fs::write(&own, "alias b=bcops\nsource <(BCOPS_COMPLETE=bash bcops)\n").expect("a file");
    bcops.run(&install).fails(4, &["completions/bcops", "hint: move it away: mv "]);
    // A script that was printed into its place is bcops' own.
    let script = data.join("bash-completion/completions/bcops");
    fs::create_dir_all(script.parent().expect("a folder")).expect("a folder");
    fs::write(&script, bcops.run(&["completions", "bash"]).exits(0).stdout).expect("a file");
    bcops.run(&install).exits(0);
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
