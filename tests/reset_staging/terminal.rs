//! Tests `reset-staging` with a person at a terminal, who answers its questions or not.

use crate::reset_staging::world::{StagingState, World};
use crate::support::terminal::Terminal;
use crate::whole_site::{STAGING, history};

const SHOW_CURSOR: &str = "\u{1b}[?25h";
const HIDE_CURSOR: &str = "\u{1b}[?25l";

/// The end of input, as with Ctrl-D on an empty line.
const END_OF_INPUT: &str = "\u{4}";

const QUESTIONS: [&str; 4] = [
    "Merge which of them? (all, none, or names with commas)",
    "Put back which of them? (all, none, or e-mail addresses)",
    "Do the client and the other developers know, and agree?",
    "Type buckinghamshire-staging to continue: ",
];
const ANSWERS: [&str; 4] = ["feature/footer, feature/search-page", "all", "yes", STAGING];

/// A terminal must not be left without its cursor.
#[track_caller]
fn assert_cursor_is_shown(screen: &str) {
    assert!(screen.rfind(SHOW_CURSOR) >= screen.rfind(HIDE_CURSOR), "{screen:?}");
}

/// Answers this many questions, and waits for the next one.
fn at_question(world: &World, number: usize) -> Terminal {
    let mut terminal = world.bcops.start_on_terminal(&["reset-staging"]);
    for (question, answer) in QUESTIONS.iter().zip(ANSWERS).take(number) {
        terminal.wait_for(question);
        terminal.type_line(answer);
    }
    terminal.wait_for(QUESTIONS[number]);
    terminal
}

#[track_caller]
fn assert_untouched(world: &World, before: &StagingState) {
    assert_eq!(&world.staging(), before);
    let writes = world.whole.heroku.writes(STAGING);
    assert!(writes.is_empty(), "{writes:?}");
    assert!(!world.bcops.state_directory().join("runs").exists(), "a run was begun");
    world.assert_production_untouched();
}

#[test]
fn answering_every_question_makes_a_new_staging() {
    let world = World::new();
    let clone = world.clone_state();
    let mut terminal = at_question(&world, 3);
    let screen = terminal.plain_text();
    for told in [
        "from  production (buckinghamshire-production)",
        "to    staging (buckinghamshire-staging)",
        "backup    b003",
        "bucket    bc-production",
        "A page of staging only",
        "Draft of a leaflet",
        "staging.tester@torchbox.example",
        "2 accounts that only staging has",
        "quarantine  maintenance",
        ", stale)",
        "objects to copy",
    ] {
        assert!(screen.contains(told), "`{told}` is not told before the question:\n{screen}");
    }
    // No question is asked after the first effect, and no effect comes before the last answer.
    assert!(world.whole.heroku.writes(STAGING).is_empty());
    terminal.type_line(ANSWERS[3]);
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(0), "{screen}");
    assert_cursor_is_shown(&screen);
    for told in ["staging is reset", "--- for colleagues", "--- for the client", "to go back:"] {
        assert!(screen.contains(told), "`{told}` is not told:\n{screen}");
    }
    let state = world.staging();
    assert!(state.is_deployed && !state.maintenance);
    assert!(state.branch.message.contains(history::SEARCH_PAGE), "{:?}", state.branch);
    assert!(state.users.iter().any(|user| user.starts_with("trainee|")));
    assert_eq!(world.clone_state(), clone);
    world.assert_production_untouched();
}

#[test]
fn a_name_that_is_not_exactly_staging_s_changes_nothing() {
    let world = World::new();
    let before = world.staging();
    for wrong in ["buckinghamshire-production", "y", "", "staging"] {
        let mut terminal = at_question(&world, 3);
        terminal.type_line(wrong);
        let (code, screen) = terminal.finish();
        assert_eq!(code, Some(5), "{wrong:?}: {screen}");
        assert!(screen.contains("not confirmed; nothing was changed"), "{screen}");
        assert_cursor_is_shown(&screen);
    }
    assert_untouched(&world, &before);
}

/// A typing error is asked again. Three errors mean no.
#[test]
fn a_typing_error_in_the_name_is_asked_again() {
    let world = World::new();
    let before = world.staging();
    let mut terminal = at_question(&world, 3);
    for (number, slip) in
        ["buckinghamshire-stagign", "BUCKINGHAMSHIRE-STAGING", "buckinghamshire-staging "]
            .iter()
            .enumerate()
    {
        terminal.wait_for_nth(QUESTIONS[3], number + 1);
        terminal.type_line(slip);
    }
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(5), "{screen}");
    assert!(screen.contains("that is not exactly buckinghamshire-staging; try again"), "{screen}");
    assert_cursor_is_shown(&screen);
    assert_untouched(&world, &before);
}

#[test]
fn a_no_changes_nothing() {
    let world = World::new();
    let before = world.staging();
    for answer in ["no", ""] {
        let mut terminal = at_question(&world, 2);
        terminal.type_line(answer);
        let (ended, screen) = terminal.finish();
        assert_eq!(ended, Some(5), "{answer:?}: {screen}");
        assert!(screen.contains("declined; nothing was changed"), "{screen}");
    }
    assert_untouched(&world, &before);
}

/// An invalid answer is asked again with the reason. Three mean no.
#[test]
fn an_invalid_answer_is_asked_again() {
    let world = World::new();
    let before = world.staging();
    let mut terminal = at_question(&world, 0);
    terminal.type_line("feature/none");
    terminal.wait_for("cannot use that answer: the origin has no branch feature/none");
    terminal.wait_for_nth(QUESTIONS[0], 2);
    terminal.type_line("none");
    terminal.wait_for(QUESTIONS[1]);
    terminal.type_line("nobody@council.example");
    terminal.wait_for("nobody@council.example");
    terminal.wait_for_nth(QUESTIONS[1], 2);
    terminal.type_line("none");
    terminal.wait_for(QUESTIONS[2]);
    terminal.type_line("perhaps");
    terminal.wait_for("type yes or no");
    terminal.wait_for_nth(QUESTIONS[2], 2);
    terminal.type_line("no");
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(5), "{screen}");

    let mut terminal = at_question(&world, 0);
    for number in 1..=3 {
        terminal.wait_for_nth(QUESTIONS[0], number);
        terminal.type_line("feature/none");
    }
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(5), "{screen}");
    assert!(screen.contains("the origin has no branch feature/none; nothing was"), "{screen}");
    assert_untouched(&world, &before);
}

/// A conflict is found before any decision, and decided at once.
#[test]
fn a_conflict_is_asked_about() {
    let world = World::new();
    let before = world.staging();
    let flags = [
        "reset-staging",
        "--attest",
        "agreed",
        "--branches",
        "feature/clashing-header,feature/footer",
        "--recreate-users",
        "none",
    ];
    const QUESTION: &str = "Skip feature/clashing-header and merge the others?";
    for answer in ["no", "yes"] {
        let mut terminal = world.bcops.start_on_terminal(&flags);
        terminal.wait_for("bc/templates/header.html");
        terminal.wait_for(QUESTION);
        terminal.type_line(answer);
        if answer == "yes" {
            terminal.wait_for("without feature/clashing-header");
            terminal.wait_for(QUESTIONS[3]);
            assert_untouched(&world, &before);
            terminal.type_line(STAGING);
        }
        let (code, screen) = terminal.finish();
        assert_eq!(code, Some(if answer == "yes" { 0 } else { 5 }), "{screen}");
    }
    assert!(world.staging().branch.message.contains(history::FOOTER));
}

#[test]
fn ctrl_c_and_the_end_of_input_at_any_question_change_nothing() {
    let world = World::new();
    let (before, clone) = (world.staging(), world.clone_state());
    for number in 0..QUESTIONS.len() {
        let terminal = at_question(&world, number);
        terminal.interrupt();
        let (code, screen) = terminal.finish();
        assert_eq!(code, Some(130), "{screen}");
        assert_cursor_is_shown(&screen);

        let mut terminal = at_question(&world, number);
        terminal.press(END_OF_INPUT.as_bytes());
        let (code, screen) = terminal.finish();
        assert_eq!(code, Some(5), "{screen}");
        assert_cursor_is_shown(&screen);
    }
    assert_untouched(&world, &before);
    assert_eq!(world.clone_state(), clone);
}

#[test]
fn flags_answer_their_questions_and_the_rest_is_asked() {
    let world = World::new();
    let flags = ["reset-staging", "--attest", "agreed", "--branches", "none"];
    let mut terminal = world.bcops.start_on_terminal(&flags);
    terminal.wait_for(QUESTIONS[1]);
    terminal.type_line("none");
    terminal.wait_for(QUESTIONS[3]);
    let screen = terminal.text();
    assert!(!screen.contains(QUESTIONS[0]) && !screen.contains(QUESTIONS[2]), "{screen}");
    terminal.type_line(STAGING);
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(0), "{screen}");
    let master = world.whole.code.origin_tip("refs/heads/master");
    assert_eq!(world.whole.code.origin_tip("refs/heads/staging"), master);
}

#[test]
fn an_old_backup_is_asked_about() {
    let world = World::new();
    world.configure(&format!("backup_max_age = \"2h\"\n{}", world.config()));
    let before = world.staging();
    let mut terminal = world.bcops.start_on_terminal(&["reset-staging", "--branches", "none"]);
    terminal.wait_for("backup b003 of production is 5 h");
    terminal.wait_for(" old. Use it? [yes/no]: ");
    terminal.type_line("no");
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(5), "{screen}");
    assert_untouched(&world, &before);
}

/// The list to pick from shows who wrote each branch and how old it is, and marks conflicts.
#[test]
fn branches_can_be_picked_from_a_list_that_typed_words_narrow() {
    let world = World::new();
    let before = world.staging();
    let mut terminal = at_question(&world, 0);
    assert!(terminal.text().contains("CONFLICTS with master)"), "{}", terminal.text());
    // A slip in a name is answered with the name that is near.
    terminal.type_line("feature/foter");
    terminal.wait_for("did you mean feature/footer?");
    terminal.wait_for_nth(QUESTIONS[0], 2);
    // A word that is a part of names shows those branches only.
    terminal.type_line("foot");
    terminal.wait_for("[ ] feature/footer");
    assert!(!terminal.text().contains("[ ] feature/search-page"), "{}", terminal.text());
    terminal.press(b"\x1b");
    terminal.wait_for("nothing was picked");
    // Enter alone shows all that can be merged.
    terminal.wait_for_nth(QUESTIONS[0], 3);
    terminal.type_line("");
    terminal.wait_for("[ ] feature/search-page");
    terminal.press(b" ");
    terminal.wait_for("[x] ");
    terminal.press(b"\r");
    terminal.wait_for(QUESTIONS[1]);
    terminal.interrupt();
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(130), "{screen}");
    assert_cursor_is_shown(&screen);

    // Ctrl-C at the list changes nothing, and gives the terminal back.
    let mut terminal = at_question(&world, 0);
    terminal.type_line("");
    terminal.wait_for("[ ] feature/search-page");
    terminal.press(b"\x03");
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(130), "{screen}");
    assert_cursor_is_shown(&screen);
    assert_untouched(&world, &before);
}
