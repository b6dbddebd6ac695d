//! Tests that `bcops pull-data` recognizes a database that was loaded without a scrub, asks about
//! it, and restores it only with a reason.

use std::fs;

use crate::pull_data::world::World;

const RAW: [&str; 4] = ["--yes", "--no-scrub", "--i-need-personal-data", "a bug in form 12"];
const NAMES: &str = "SELECT count(*) FROM users_user WHERE first_name <> 'User'";

fn undo(world: &World, more: &[&str]) -> crate::command::Run {
    world.bcops.run(&[&["pull-data", "--undo"], more].concat())
}

fn journal(world: &World) -> String {
    fs::read_to_string(world.bcops.state_directory().join("journal.jsonl")).expect("a journal")
}

/// An unscrubbed pull of production, and a scrubbed pull over it.
fn pulled_over_personal_data() -> World {
    let world = World::small();
    world.pull(&RAW).exits(0);
    let run = world.pull(&["--yes"]).exits(0);
    run.says(&[&world.previous(), "holds personal data", "bcops pull-data --drop-previous"]);
    world
}

#[test]
fn the_next_pull_says_what_it_keeps_and_there_is_a_command_that_drops_it() {
    let world = World::small();
    let first = world.pull(&[&RAW[..], &["--json"]].concat()).exits(0).json();
    assert_eq!(first["result"]["previous_holds_personal_data"], false);
    assert_ne!(world.psql(NAMES), "0");
    let second = world.pull(&["--yes", "--json"]).exits(0).json();
    assert_eq!(second["result"]["previous_holds_personal_data"], true);
    let warnings = second["warnings"].to_string();
    assert!(warnings.contains("--drop-previous"), "{warnings}");
    assert_eq!(world.psql(NAMES), "0");

    let drop = ["pull-data", "--drop-previous"];
    world.bcops.run(&drop).fails(5, &["no terminal", "--yes"]);
    world.bcops.run(&[&drop[..], &["--dry-run"]].concat()).exits(0);
    assert_eq!(world.database_names().len(), 2);
    world.bcops.run(&[&drop[..], &["--confirm", &world.target]].concat()).exits(5);
    world.bcops.run(&[&drop[..], &["--confirm", &world.previous()]].concat()).exits(0);
    assert_eq!(world.database_names(), [world.target.as_str()]);
    world.bcops.run(&[&drop[..], &["--yes"]].concat()).fails(4, &["there is no such database"]);

    // A scrubbed old database behind a scrubbed one needs no warning.
    let third = world.pull(&["--yes", "--json"]).exits(0).json();
    assert_eq!(third["result"]["previous_holds_personal_data"], false);
    assert!(!third["warnings"].to_string().contains("personal data"), "{third}");
}

#[test]
fn a_person_is_asked_whether_to_drop_it() {
    for (answer, left) in [("no", 2), ("", 2), ("yes", 1)] {
        let world = World::small();
        world.pull(&RAW).exits(0);
        let mut terminal = world.bcops.start_on_terminal(&["pull-data", "production"]);
        terminal.wait_for("to continue: ");
        assert!(terminal.text().contains("the old one holds personal data"));
        terminal.type_line(&world.target);
        terminal.wait_for("Drop it for good? [yes/no]: ");
        terminal.type_line(answer);
        let (code, screen) = terminal.finish();
        assert_eq!(code, Some(0), "{screen}");
        assert_eq!(world.database_names().len(), left, "{screen}");
        assert_eq!(screen.contains("--drop-previous"), left == 2, "{screen}");
        assert_eq!(world.psql(NAMES), "0");
    }
}

#[test]
fn going_back_to_it_needs_the_reason_again() {
    let world = pulled_over_personal_data();
    let before = world.databases();
    undo(&world, &["--yes"]).fails(5, &["needs a reason", "--i-need-personal-data REASON"]);
    undo(&world, &["--yes", "--i-need-personal-data", " "]).exits(2);
    undo(&world, &["--yes", "--i-need-personal-data", "\u{200b}"]).exits(2);
    assert_eq!(world.databases(), before);
    undo(&world, &["--yes", "--i-need-personal-data", "compare form 12"]).exits(0);
    assert_ne!(world.psql(NAMES), "0");
    assert!(journal(&world).contains("compare form 12"));
    // Back to the scrubbed database without a reason. The kept database is named.
    undo(&world, &["--yes"]).exits(0).says(&["holds personal data"]);
    assert_eq!(world.psql(NAMES), "0");

    // At a terminal the reason is asked for.
    for (reason, code) in [("", 5), ("\u{3000}", 5), ("compare once more", 0)] {
        let mut terminal = world.bcops.start_on_terminal(&["pull-data", "--undo", "--yes"]);
        terminal.wait_for("Why do you need personal data: ");
        terminal.type_line(reason);
        let (ended, screen) = terminal.finish();
        assert_eq!(ended, Some(code), "{screen}");
    }
    assert!(journal(&world).contains("compare once more"));
}

#[test]
fn either_record_is_enough() {
    // The state folder is lost.
    let world = pulled_over_personal_data();
    fs::remove_dir_all(world.bcops.state_directory()).expect("the folder");
    undo(&world, &["--yes"]).exits(5);
    // The comment is lost.
    let world = pulled_over_personal_data();
    let previous = world.previous();
    world.cluster.psql("postgres", &format!("COMMENT ON DATABASE {previous} IS 'mine'"));
    undo(&world, &["--yes"]).exits(5);
    undo(&world, &["--yes", "--i-need-personal-data", "a test"]).exits(0);
    // Scrubbing the local database ends it.
    let raw = world.databases();
    world.bcops.run(&["scrub-pii", "--yes"]).exits(0);
    assert_eq!(world.databases(), raw);
    undo(&world, &["--yes"]).exits(0);
    undo(&world, &["--yes"]).exits(0);
    assert_eq!(world.psql(NAMES), "0");
}

#[test]
fn a_blank_reason_is_not_a_reason() {
    let world = World::small();
    for blank in ["", " ", "\t", "\u{a0}", "\u{200b}\u{feff}", "\u{3164}", "\u{2800}", "."] {
        world.pull(&["--yes", "--no-scrub", "--i-need-personal-data", blank]).exits(2);
        let words = ["backups", "download", "production", "out.dump", "--no-scrub"];
        let words = [&words[..], &["--i-need-personal-data", blank]].concat();
        world.bcops.run(&words).exits(2);
        let words = ["backups", "url", "production", "--i-need-personal-data", blank];
        world.bcops.run(&words).exits(2);
    }
    assert!(world.standin.requests().is_empty());
    assert_eq!(world.databases(), "");
}
