//! Tests `bcops shell`, and `run` on a terminal: keys, signals, and that the terminal is always
//! restored.

use std::fs;

use crate::dynos::run::dyno_world;
use crate::heroku::world::{STAGING, count};
use crate::standins::heroku::Rendezvous;
use crate::support::terminal::Terminal;
use crate::support::wait;

/// Reads keys one by one without an echo, as an editor does, and prints them.
const EDITOR: &str = "import os, sys, termios, tty\n\
    before = termios.tcgetattr(0)\n\
    tty.setraw(0)\n\
    os.write(1, b'ready\\r\\n')\n\
    while True:\n    \
        key = os.read(0, 1)\n    \
        os.write(1, b'<%d>' % key[0])\n    \
        if key == b'q':\n        \
            break\n\
    termios.tcsetattr(0, termios.TCSADRAIN, before)\n\
    sys.exit(17)\n";

/// Waits for the end, and checks the terminal's state.
#[track_caller]
fn assert_given_back(mut terminal: Terminal, before: [u64; 3], code: i32) -> String {
    assert_eq!(terminal.wait_for_end(), Some(code), "{}", terminal.text());
    assert_eq!(terminal.settings(), before, "{}", terminal.text());
    terminal.finish().1
}

#[test]
fn a_shell_with_a_terminal_of_its_own() {
    let mut world = dyno_world();
    world.bcops.set("TERM", "xterm-256color");
    world.bcops.write("bcops.toml", "[commands]\nshell = \"sh\"\n");
    let mut terminal = world.bcops.start_on_terminal(&["shell", "staging"]);
    let before = terminal.settings();
    terminal.wait_for("leaves it");
    wait::until("raw mode", || terminal.is_raw());
    // The output differs from the typed text, so the echo is not mistaken for it.
    terminal.type_line("test -t 0 && echo a${NOTHING}terminal $TERM $COLUMNS $LINES");
    terminal.wait_for("aterminal xterm-256color 400 40");
    // Ctrl-C ends what runs on the dyno, and neither its shell nor bcops. (One process that owns
    // the terminal before it prints, because a key between two processes would end neither.)
    terminal.type_line("sh -c 'echo be${NOTHING}gan; exec sleep 600'");
    terminal.wait_for("began");
    terminal.press(b"\x03");
    terminal.type_line("echo af${NOTHING}ter");
    terminal.wait_for("after");
    terminal.type_line("exit 6");
    assert_given_back(terminal, before, 6);
    let body = world.standin.writes(STAGING).pop().expect("a write").json();
    assert_eq!(body["force_no_tty"], serde_json::Value::Null);
}

#[test]
fn the_end_of_input_ends_the_shell() {
    let world = dyno_world();
    world.bcops.write("bcops.toml", "[commands]\nshell = \"sh\"\n");
    let mut terminal = world.bcops.start_on_terminal(&["staging-shell"]);
    let before = terminal.settings();
    wait::until("raw mode", || terminal.is_raw());
    terminal.type_line("echo re${NOTHING}ady; (exit 4)");
    terminal.wait_for("ready");
    terminal.press(b"\x04");
    assert_given_back(terminal, before, 4);
}

#[test]
fn an_editor_gets_every_key() {
    let world = dyno_world();
    fs::write(world.bcops.directory().join("slug/editor.py"), EDITOR).expect("a file");
    let run = ["run", "staging", "--", "python3 editor.py"];
    let mut terminal = world.bcops.start_on_terminal(&run);
    let before = terminal.settings();
    terminal.wait_for("ready");
    for (keys, read) in [
        (&b"\x03"[..], "<3>"),
        (b"\x04\x1a\x1c", "<4><26><28>"),
        (b"\x1b[A", "<27><91><65>"),
        ("é".as_bytes(), "<195><169>"),
        (b"\r~~", "<13><126>"),
        (b"x~.", "<120><126><46>"),
    ] {
        terminal.press(keys);
        terminal.wait_for(read);
    }
    terminal.press(b"q");
    assert_given_back(terminal, before, 17);
}

#[test]
fn a_signal_restores_the_terminal_and_stops_the_dyno() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let world = dyno_world();
        let run = ["run", "staging", "--", "printf '\\033[?25l'; sleep 600"];
        let hidden = "\x1b[?25l";
        let terminal = world.bcops.start_on_terminal(&run);
        let before = terminal.settings();
        terminal.wait_for(hidden);
        wait::until("raw mode", || terminal.is_raw());
        terminal.signal(signal);
        let screen = assert_given_back(terminal, before, 130);
        assert!(screen.contains("asked the dyno to stop"), "{screen}");
        let cursor = screen.rfind("\x1b[?25h").expect("the cursor");
        assert!(screen.rfind(hidden).is_some_and(|hidden| hidden < cursor), "{screen}");
        assert_eq!(count(&world.standin, "POST", "/actions/stop"), 1, "{signal}");
    }
}

#[test]
fn a_lost_connection_restores_the_terminal() {
    let world = dyno_world();
    world.standin.plan_rendezvous(Rendezvous::CutAfter(12));
    let run = ["run", "staging", "--", "echo began; sleep 3; echo more"];
    let terminal = world.bcops.start_on_terminal(&run);
    let before = terminal.settings();
    let screen = assert_given_back(terminal, before, 8);
    assert!(screen.contains("is unknown"), "{screen}");
}

#[test]
fn a_dyno_that_hangs_can_be_left() {
    let world = dyno_world();
    let run = ["run", "staging", "--", "echo be'gan'; stty raw; sleep 600"];
    let mut terminal = world.bcops.start_on_terminal(&run);
    let before = terminal.settings();
    terminal.wait_for("began");
    terminal.press(b"\r~.");
    assert_given_back(terminal, before, 130);
    assert_eq!(count(&world.standin, "POST", "/actions/stop"), 1);
}

/// Until the dyno is connected, the keys go to bcops.
#[test]
fn ctrl_c_while_the_dyno_starts() {
    let world = dyno_world();
    world.standin.plan_rendezvous(Rendezvous::Silent);
    let terminal = world.bcops.start_on_terminal(&["run", "staging", "--", "true"]);
    let before = terminal.settings();
    wait::until("the dyno", || count(&world.standin, "POST", "/dynos") > 0);
    assert!(!terminal.is_raw());
    terminal.interrupt();
    let screen = assert_given_back(terminal, before, 130);
    assert!(screen.contains("interrupted"), "{screen}");
}

#[test]
fn a_script_on_standard_input() {
    let world = dyno_world();
    world.bcops.write("bcops.toml", "[commands]\nshell = \"sh\"\n");
    let script = world.bcops.write("script", "echo from a file\nexit 3\n");
    let run = world.bcops.run_reading(&["shell", "staging"], &script).exits(3);
    assert_eq!(run.stdout, "from a file\n");
}

#[test]
fn no_terminal_if_none_is_wanted() {
    let world = dyno_world();
    let run = ["run", "staging", "--no-tty", "--", "test -t 0 || echo none; exit 2"];
    let terminal = world.bcops.start_on_terminal(&run);
    let before = terminal.settings();
    let screen = assert_given_back(terminal, before, 2);
    assert!(screen.contains("none"), "{screen}");
}
