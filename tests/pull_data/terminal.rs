//! Tests `bcops pull-data` with a person at a terminal: questions, answers, bars, Ctrl-C.

use std::fs;

use crate::heroku::world::{PRODUCTION, count};
use crate::pull_data::world::{COMPLETED, HOUR, World, sample};
use crate::standins::heroku::{CapturePlan, Options, Rule, StoreFault};

const USERS: &str = "SELECT count(*) FROM users_user";
const SHOW_CURSOR: &str = "\u{1b}[?25h";
const HIDE_CURSOR: &str = "\u{1b}[?25l";

/// A terminal must not be left without its cursor.
#[track_caller]
fn assert_cursor_is_shown(screen: &str) {
    assert!(screen.rfind(SHOW_CURSOR) >= screen.rfind(HIDE_CURSOR), "{screen:?}");
}

#[test]
fn typing_the_name_replaces_the_database() {
    let world = World::small().with_target();
    let question = format!("Type {} to continue: ", world.target);
    for wrong in ["y", "yes", "", "another"] {
        let mut terminal = world.bcops.start_on_terminal(&["pull-data", "production"]);
        terminal.wait_for(&question);
        let screen = terminal.plain_text();
        for told in ["from  production", "backup b001", "which is replaced", "rewritten"] {
            assert!(screen.contains(told), "`{told}` is not told before the question:\n{screen}");
        }
        terminal.type_line(wrong);
        let (code, screen) = terminal.finish();
        assert_eq!(code, Some(5), "{screen}");
        assert!(screen.contains("not confirmed; nothing was changed"), "{screen}");
        world.assert_untouched();
    }
    // Typing errors are asked again, and only the exact name is a yes.
    let mut terminal = world.bcops.start_on_terminal(&["pull-data", "production"]);
    let slips = [world.target.to_uppercase(), format!("{} ", world.target)];
    for (number, slip) in slips.iter().enumerate() {
        terminal.wait_for_nth(&question, number + 1);
        terminal.type_line(slip);
        world.assert_untouched();
    }
    terminal.wait_for_nth(&question, 3);
    terminal.type_line(&world.target);
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("is ready"), "{screen}");
    assert_cursor_is_shown(&screen);
    assert_eq!(world.psql(USERS), "60");
}

#[test]
fn ctrl_c_at_a_question_restores_the_terminal() {
    let world = World::small().with_target();
    let terminal = world.bcops.start_on_terminal(&["pull-data", "production"]);
    terminal.wait_for("to continue: ");
    terminal.interrupt();
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(130), "{screen}");
    assert_cursor_is_shown(&screen);
    world.assert_untouched();
}

#[test]
fn ctrl_c_during_the_pull_restores_the_terminal() {
    let world = World::small();
    let length = fs::metadata(&sample().small).expect("the backup").len();
    world.standin.misbehave(Rule::always("/store/", StoreFault::StallAfter(length - 500)));
    let terminal = world.bcops.start_on_terminal(&["pull-data", "production"]);
    terminal.wait_for("Created the schema");
    terminal.interrupt();
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(130), "{screen}");
    assert!(screen.contains("interrupted"), "{screen}");
    assert_cursor_is_shown(&screen);
    assert_eq!(world.databases(), "");
}

#[test]
fn an_old_backup_and_a_capture_are_asked_about() {
    let mut world = World::empty(Options::default());
    world.standin.add_backup(PRODUCTION, &sample().small, 50 * HOUR, COMPLETED);
    for (answer, code) in [("n", 5), ("", 5), ("yes", 0)] {
        let mut terminal = world.bcops.start_on_terminal(&["pull-data", "production", "--yes"]);
        terminal.wait_for("Use it? [yes/no]: ");
        terminal.type_line(answer);
        let (ended, screen) = terminal.finish();
        assert_eq!(ended, Some(code), "`{answer}`: {screen}");
    }
    let small = Some(sample().small.clone());
    world.standin.plan_captures(CapturePlan { dump: small, ..CapturePlan::default() });
    let capture = ["pull-data", "production", "--yes", "--capture"];
    world.bcops.set("TERM", "xterm-256color");
    for (answer, code, captures) in [("production", 5, 0), (PRODUCTION, 0, 1)] {
        let mut terminal = world.bcops.start_on_terminal(&capture);
        // What is protected is red.
        terminal.wait_for(&format!("Type \u{1b}[31m\u{1b}[1m{PRODUCTION}\u{1b}[0m to continue: "));
        terminal.type_line(answer);
        let (ended, screen) = terminal.finish();
        assert_eq!(ended, Some(code), "`{answer}`: {screen}");
        assert_eq!(count(&world.standin, "POST", "/backups"), captures);
    }
    let asked = world.bcops.start_on_terminal(&[&capture[..], &["--no-input"]].concat());
    let (ended, screen) = asked.finish();
    assert_eq!(ended, Some(5), "{screen}");
}

#[test]
fn a_password_is_asked_for_twice_and_not_shown() {
    let world = World::small();
    let pull = ["pull-data", "production", "--set-password"];
    let mut terminal = world.bcops.start_on_terminal(&pull);
    terminal.wait_for("A password for the superusers");
    terminal.type_hidden_line("let-me-in-please");
    terminal.wait_for("Type it again");
    terminal.type_hidden_line("let-me-in-please");
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(!screen.contains("let-me-in"), "{screen}");
    let set = "SELECT count(*) FROM users_user WHERE password LIKE 'pbkdf2_sha256$%'";
    assert_eq!(world.psql(set), "5");
}

#[test]
fn colour_is_only_for_terminals_that_support_it() {
    let mut world = World::small().with_target();
    let coloured = |world: &World, arguments: &[&str]| {
        let arguments = [&["pull-data", "nowhere"], arguments].concat();
        let (code, screen) = world.bcops.start_on_terminal(&arguments).finish();
        assert_eq!(code, Some(2), "{screen}");
        screen.contains("\u{1b}[31m")
    };
    world.bcops.set("TERM", "xterm-256color");
    assert!(coloured(&world, &[]));
    assert!(!coloured(&world, &["--color", "never"]));
    world.bcops.set("NO_COLOR", "1");
    assert!(!coloured(&world, &[]));
    assert!(coloured(&world, &["--color", "always"]));
    world.bcops.unset("NO_COLOR");
    world.bcops.set("TERM", "dumb");
    assert!(!coloured(&world, &[]));
    let (code, screen) =
        world.bcops.start_on_terminal(&["pull-data", "production", "--yes"]).finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(!screen.contains('\u{1b}'), "no bars on a dumb terminal: {screen:?}");
}
