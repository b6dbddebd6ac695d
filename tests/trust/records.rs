//! Tests trust: given after the content is shown, kept outside any clone, lost with every change.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::clone_with;

const OWN_SITE: &str = "inherit = false\n[environments.live]\napp = \"library-live\"\n\
    [slack]\nwebhook_url = \"https://hooks.example/db-password\"\n";

fn shows_live(bcops: &crate::command::Bcops) -> bool {
    let run = bcops.run(&["config", "show"]).exits(0);
    run.stdout.lines().any(|line| line.starts_with("environments.live.app"))
}

#[test]
fn a_file_is_trusted_as_it_was_shown() {
    let bcops = clone_with(OWN_SITE);
    assert!(!shows_live(&bcops));
    // Without a terminal nothing is recorded.
    let run = bcops.run(&["config", "trust"]).fails(5, &["--yes", "environments.live.app"]);
    assert!(run.stderr.contains("[secret]"), "{}", run.printed());
    let folder = bcops.directory().join("home/.config/bcops/trusted");
    assert!(!folder.exists());
    bcops.run(&["config", "trust", "--dry-run"]).exits(0).says(&["library-live"]);
    assert!(!folder.exists());
    let document = bcops.run(&["config", "trust", "--yes", "--json"]).exits(0).json();
    assert_eq!(document["result"]["trusted"], true, "{document}");
    assert!(shows_live(&bcops));
    let mode =
        |path: &std::path::Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let records: Vec<_> = fs::read_dir(&folder).expect("a folder").flatten().collect();
    assert_eq!(records.len(), 1);
    assert_eq!(mode(&records[0].path()), 0o600);
    let record = fs::read_to_string(records[0].path()).expect("a record");
    assert!(!record.contains("db-password"), "{record}");
    assert!(bcops.run(&["config", "trust"]).exits(0).stdout.contains("is already trusted"));
    assert!(bcops.run(&["config", "path"]).exits(0).stdout.contains("# trusted"));

    bcops.write("bcops.toml", &format!("{OWN_SITE}[git]\nremote = \"evil\"\n"));
    let words = ["changed after you trusted it", "`git.remote`", "bcops config trust"];
    bcops.run(&["check", "live"]).fails(3, &words);
    bcops.write("bcops.toml", OWN_SITE);
    assert!(shows_live(&bcops));
    bcops.run(&["config", "untrust"]).exits(0);
    bcops.run(&["check", "live"]).fails(3, &["you have not trusted it"]);
    assert!(bcops.run(&["config", "untrust"]).exits(0).stdout.contains("was not trusted"));
}

#[test]
fn a_person_is_asked_below_what_the_file_sets() {
    let bcops = clone_with(OWN_SITE);
    for (answer, code) in [("no", 5), ("", 5), ("yes", 0)] {
        let mut terminal = bcops.start_on_terminal(&["config", "trust"]);
        terminal.wait_for("[yes/no]");
        terminal.type_line(answer);
        let (found, screen) = terminal.finish();
        assert_eq!(found, Some(code), "{screen}");
        let (settings, question) = (screen.find("library-live"), screen.find("[yes/no]"));
        assert!(settings.is_some() && settings < question, "{screen}");
        assert!(!screen.contains("db-password"), "{screen}");
        assert_eq!(shows_live(&bcops), code == 0);
    }
}

#[test]
fn files_that_the_file_names_are_covered() {
    let bcops = clone_with("[scrub]\nmanifest = \"scrub.toml\"\n[git]\nremote = \"origin\"\n");
    let manifest = "schema_version = 1\nextends = \"built-in\"\n";
    bcops.write("scrub.toml", manifest);
    let run = bcops.run(&["config", "trust", "--yes"]).exits(0);
    assert!(run.stderr.contains("scrub.toml"), "{}", run.printed());
    bcops.run(&["config", "path"]).exits(0);
    bcops.write("scrub.toml", &format!("{manifest}[audit]\nallow = {{ email = [\"*\"] }}\n"));
    bcops.run(&["runs", "list"]).fails(3, &["changed after you trusted it", "`git.remote`"]);
    fs::remove_file(bcops.directory().join("work/scrub.toml")).expect("removed");
    bcops.run(&["runs", "list"]).fails(3, &["changed after you trusted it"]);
    bcops.write("scrub.toml", manifest);
    bcops.run(&["runs", "list"]).exits(0);
}

#[test]
fn no_trust_is_kept_or_accepted_in_a_working_tree() {
    let mut bcops = clone_with(OWN_SITE);
    bcops.run(&["config", "trust", "--yes"]).exits(0);
    let record = bcops.directory().join("home/.config/bcops");
    // The record comes with the clone, written by its author.
    let clone = bcops.directory().join("work");
    fs::create_dir_all(clone.join(".git")).expect("a folder");
    fs::create_dir_all(clone.join("inner/bcops")).expect("a folder");
    let copied = clone.join("inner/bcops/trusted");
    fs::rename(record.join("trusted"), &copied).expect("moved");
    let inner = clone.join("inner").display().to_string();
    bcops.set("XDG_CONFIG_HOME", &inner);
    bcops.set("BCOPS_STATE_DIR", &inner);
    bcops.run(&["check", "live"]).fails(3, &["bcops config trust", "git working tree"]);
    bcops.run(&["config", "trust", "--yes"]).fails(3, &["git working tree", "XDG_CONFIG_HOME"]);
    // Also through a link.
    let link = bcops.directory().join("link");
    symlink(clone.join("inner"), &link).expect("a link");
    bcops.set("XDG_CONFIG_HOME", &link.display().to_string());
    bcops.run(&["check", "live"]).fails(3, &["git working tree"]);
    // A relative folder would be inside the clone.
    bcops.set("XDG_CONFIG_HOME", "inner");
    bcops.run(&["check", "live"]).fails(3, &["you have not trusted it"]);
    bcops.set("HOME", "inner");
    bcops.run(&["check", "live"]).fails(3, &["you have not trusted it"]);
    bcops.unset("HOME");
    bcops.run(&["config", "trust", "--yes"]).fails(3, &["HOME"]);
    // Naming the file needs no record.
    bcops.set("BCOPS_CONFIG", "bcops.toml");
    assert!(shows_live(&bcops));
    bcops.unset("BCOPS_CONFIG");
    assert!(
        bcops
            .run(&["--config", "bcops.toml", "config", "path"])
            .exits(0)
            .stdout
            .contains("# named")
    );
}

#[test]
fn a_file_of_another_user_is_used_if_named() {
    let mut bcops = clone_with("backup_max_age = \"7d\"\n");
    let path = bcops.directory().join("work/bcops.toml");
    if std::os::unix::fs::chown(&path, Some(12_345), None).is_err() {
        // Only root can give a file away.
        return;
    }
    bcops.run(&["runs", "list"]).fails(3, &["belongs to the user 12345", "--config"]);
    bcops.run(&["config", "trust", "--yes"]).fails(3, &["belongs to the user 12345"]);
    assert!(bcops.run(&["config", "path"]).exits(0).stdout.contains("not in force"));
    bcops.run(&["--config", "bcops.toml", "runs", "list"]).exits(0);
    bcops.set("BCOPS_CONFIG", "bcops.toml");
    bcops.run(&["runs", "list"]).exits(0);
    // The user's own file must belong to the user.
    let own = bcops.directory().join("home/.config/bcops");
    fs::create_dir_all(&own).expect("a folder");
    fs::write(own.join("config.toml"), "backup_max_age = \"7d\"\n").expect("written");
    bcops.run(&["runs", "list"]).exits(0);
    std::os::unix::fs::chown(own.join("config.toml"), Some(12_345), None).expect("given away");
    bcops.run(&["runs", "list"]).fails(3, &["config.toml", "belongs to the user 12345"]);
}

#[test]
fn help_and_everything_about_the_configuration_work_without_trust() {
    let bcops = clone_with(OWN_SITE);
    bcops.run(&["--help"]).exits(0);
    assert!(bcops.run(&["pull-live-data", "--help"]).exits(0).stdout.contains("live"));
    bcops.run(&["completions", "bash"]).exits(0);
    bcops.run(&["man"]).exits(0);
    let shown =
        bcops.run(&["config", "show"]).exits(0).says(&["bcops.toml", "none of its settings"]);
    assert!(shown.stdout.contains("# not in force: environments.live.app"), "{}", shown.stdout);
    assert!(shown.stdout.contains("environments.production.app"), "{}", shown.stdout);
    assert!(shown.stdout.parse::<toml::Table>().is_ok(), "{}", shown.stdout);
    let paths = bcops.run(&["config", "path"]).exits(0).stdout;
    assert!(paths.contains("not in force") && paths.contains("`environments.live.app`"), "{paths}");
    let doctor = bcops.run(&["doctor"]).exits(3).stdout;
    assert!(
        doctor.contains("fail    configuration") && doctor.contains("bcops config trust"),
        "{doctor}"
    );
    bcops.write("bcops.toml", "colour = 1\n");
    bcops.run(&["--help"]).exits(0);
    bcops.run(&["completions", "bash"]).exits(0);
    bcops.run(&["config", "path"]).exits(0);
    bcops.run(&["config", "trust", "--yes"]).fails(3, &["`colour`"]);
}

/// A file of comments needs no trust, and the user has answered the questions of the other kind.
#[test]
fn a_file_that_was_just_written_is_trusted() {
    let bcops = clone_with("");
    fs::remove_file(bcops.directory().join("work/bcops.toml")).expect("removed");
    let mut terminal = bcops.start_on_terminal(&["config", "init"]);
    for (question, answer) in [
        ("data comes from", "live"),
        ("app of live", "library-live"),
        ("deployed to live", ""),
        ("URL of live", ""),
        ("is reset to it", "preview"),
        ("app of preview", "library-preview"),
        ("deployed to preview", "preview"),
        ("URL of preview", ""),
        ("on GitLab", "library/website"),
        ("GitLab server", ""),
        ("database on this machine", ""),
        ("Django's users", ""),
        ("media folder", ""),
        ("bucket's name", ""),
        ("id of its keys", ""),
        ("secret of its keys", ""),
    ] {
        terminal.wait_for(question);
        terminal.type_line(answer);
    }
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("wrote and trusted"), "{screen}");
    assert!(shows_live(&bcops));
}

/// What follows `--` is the dyno's command, with flags of its own.
#[test]
fn a_flag_of_the_dynos_command_names_no_file() {
    let bcops = clone_with(OWN_SITE);
    let run = ["run", "live", "--", "manage.py", "--config", "bcops.toml"];
    bcops.run(&run).fails(3, &["bcops config trust"]);
}
