//! What a person sees: a first line at once, colours only where they are wanted, and whole screens on
//! terminals of several widths.

mod terminals;

use std::time::{Duration, Instant};

use crate::command::Bcops;
use crate::doctor::good_world;
use crate::standins::heroku::{Fault, Rule};

const ASKING: [(&[&str], &str); 6] = [
    (&["backups", "list", "production"], "Asking Heroku about production…"),
    (&["addons", "staging"], "Asking Heroku about staging…"),
    (
        &["search", "status", "staging"],
        "Asking Heroku, the search cluster and the database of staging…",
    ),
    (&["check", "staging"], "Asking Heroku and the sites of staging…"),
    (&["doctor", "staging"], "Asking this machine, git, Heroku and GitLab…"),
    (&["purge-cache", "staging", "--backend", "--dry-run"], "Asking Heroku about staging…"),
];

/// Longer than any start of the program on a busy machine. No test waits for it.
const SLOW: Duration = Duration::from_secs(60);

#[test]
fn the_first_line_comes_before_a_slow_answer() {
    let world = good_world();
    world.standin.misbehave(Rule::always("", Fault::Slow(SLOW)));
    for (command, line) in ASKING {
        let started = Instant::now();
        let mut running = world.bcops.start(command);
        assert!(running.wait_for(line), "{command:?} says nothing");
        assert!(started.elapsed() < SLOW, "{command:?} waits for the answer");
        running.kill();
    }
    let list = ["backups", "list", "production"];
    let terminal = world.bcops.start_on_narrow_terminal(80, &list);
    terminal.wait_for("Asking Heroku about production…");
    terminal.interrupt();
    assert_eq!(terminal.finish().0, Some(130));
}

#[test]
fn quiet_and_json_readers_see_no_progress() {
    let world = good_world();
    let listed = world.bcops.run(&["backups", "list", "production", "--quiet"]).exits(0);
    assert_eq!(listed.stderr, "");
    let doctor = world.bcops.run(&["doctor", "staging", "--quiet"]).exits(0);
    assert_eq!(doctor.stderr, "");
    world.bcops.run(&["doctor", "staging", "--json"]).exits(0).json();
}

#[test]
fn each_service_has_a_line_when_it_has_answered() {
    let world = good_world();
    let run = world.bcops.run(&["doctor", "staging"]).exits(0);
    run.says(&["local database: 2 checks", "git: 1 check", "staging: ", "GitLab: 1 check"]);
}

#[test]
fn colours_come_only_where_they_are_wanted() {
    let coloured = |set: &[(&str, &str)], more: &[&str]| {
        let mut bcops = Bcops::new();
        set.iter().for_each(|(name, value)| bcops.set(name, value));
        let words = [&["runs", "show"], more].concat();
        bcops.run(&words).exits(2).stderr.contains("\u{1b}[31m")
    };
    assert!(!coloured(&[], &[]), "no terminal");
    assert!(coloured(&[], &["--color", "always"]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")], &[]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "0")], &[]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1")], &["--color", "never"]));
}

#[test]
fn a_terminal_that_knows_links_gets_them() {
    let mut bcops = Bcops::new();
    bcops.set("TERM", "xterm-256color");
    bcops.set("FORCE_HYPERLINK", "1");
    let show = ["config", "show"];
    let (_, screen) = bcops.start_on_terminal(&show).finish();
    let link = "\u{1b}]8;;https://api.heroku.com\u{1b}\\https://api.heroku.com\u{1b}]8;;\u{1b}\\";
    assert!(screen.contains(link), "{screen}");
    assert!(!bcops.run(&show).exits(0).stdout.contains('\u{1b}'));
}
