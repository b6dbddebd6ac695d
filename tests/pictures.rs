//! Tests the two pictures at the top of the README, `docs/pictures/*.svg`. They show the terminal output
//! of a pull and of a reset in the sandbox. `make pictures` draws them, and the test compares them with
//! a new run. Whatever differs from run to run (times, ids, commits) is replaced with fixed values.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

use crate::support::terminal::Terminal;

const COLUMNS: u16 = 110;
/// More lines than any run prints, so that nothing scrolls out of view.
const ROWS: u16 = 400;

/// What differs between two runs, and what the pictures show instead.
const FIXED_VALUES: [(&str, &str); 11] = [
    (r"r\d{8}-\d{6}-[0-9a-f]{4}", "r20261123-070719-cfba"),
    (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-23T02:07:18Z"),
    (r"\b20\d\d-\d\d-\d\d \d\d:\d\d", "2026-11-23 02:07"),
    (r"\b[0-9a-f]{64}\b", "f488240e98be9d0e7109fc8a8b20773d329d8f147bf32f83511e6d10559a4df4"),
    (r"\b[0-9a-f]{10}\b", "cf637c766e"),
    (r"-fitting-\d{5}\b", "-fitting-00019"),
    (r"\b\d+(\.\d+)? (ms|s)\b", "1.6 s"),
    (r"\b\d+(\.\d+)? (kB|MB)\b", "1.6 MB"),
    (r"\b127\.0\.0\.1:\d+", "127.0.0.1:5432"),
    (r"/\S*/bcops-sandbox-[^/\s]+", "~"),
    (r"\b1 min( \d+\.?\d* s)?\b", "1.6 s"),
];

#[test]
fn the_pictures_of_the_readme_are_what_a_terminal_shows() {
    for (name, picture) in [("pull", pull as fn() -> String), ("reset", reset)] {
        let picture = picture();
        let path = folder().join(format!("{name}.svg"));
        if std::env::var_os("BCOPS_DRAW_PICTURES").is_some() {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(&path, &picture).unwrap();
        }
        let drawn = std::fs::read_to_string(&path).expect("the picture: run `make pictures`");
        let changed = changed_lines(&drawn, &picture);
        assert!(
            drawn == picture,
            "{} is of an older bcops: run `make pictures`\n{changed}",
            path.display()
        );
    }
}

/// The lines that only one of the two has.
fn changed_lines(drawn: &str, picture: &str) -> String {
    let only = |mark: &str, one: &str, other: &str| -> String {
        let missing = one.lines().filter(|line| !other.contains(line));
        missing.map(|line| format!("{mark} {line}\n")).collect()
    };
    only("-", drawn, picture) + &only("+", picture, drawn)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures")
}

fn pull() -> String {
    let lines = run(&["pull-production-data"]);
    // Keeps enough of the tables to see what they show.
    draw(&without_middle(&lines, 18, 14))
}

fn reset() -> String {
    let branches = "feature/footer,feature/search-page";
    let answers = ["--attest", "agreed", "--branches", branches, "--recreate-users", "all"];
    let lines = run(&[&["reset-staging"][..], &answers].concat());
    // The plan is long: what is decided stands at its end, directly above the question.
    let decision =
        lines.iter().position(|line| plain(line).starts_with("from ")).expect("the plan's end");
    let shown = [&lines[..1], &["…".to_owned()], &lines[decision..]].concat();
    draw(&without_middle(&shown, 52, 3))
}

/// Runs a command in the sandbox, and returns the coloured lines of the terminal from the prompt on.
fn run(arguments: &[&str]) -> Vec<String> {
    // The examples are beside the folder of this test's own binary.
    let sandbox =
        std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/sandbox");
    assert!(sandbox.is_file(), "no sandbox: run `cargo build --example sandbox`");
    let mut command = Command::new(sandbox);
    command.args(["--", "bcops"]).args(arguments);
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("SANDBOX_KEEP");
    // The pictures show the small site that everybody has.
    command.env_remove("BCOPS_FIXTURES");
    let mut terminal = Terminal::start_with_columns(&mut command, COLUMNS);
    terminal.wait_for("\nType ");
    let name = Regex::new(r"\nType (\S+) ").unwrap();
    let text = terminal.plain_text();
    terminal.type_line(&name.captures(&text).expect("what to type")[1]);
    let (code, text) = terminal.finish();
    assert_eq!(code, Some(0), "{text}");
    let mut screen = vt100::Parser::new(size(ROWS), size(COLUMNS), 0);
    screen.process(text.as_bytes());
    let lines: Vec<String> = (0..ROWS).map(|row| line(screen.screen(), row)).collect();
    let first =
        lines.iter().position(|line| plain(line).starts_with("$ bcops")).expect("the prompt");
    let end = lines.iter().skip(first).position(|line| plain(line).starts_with("sandbox:"));
    let mut shown = lines[first..first + end.expect("the end")].to_vec();
    while shown.last().is_some_and(|line| plain(line).is_empty()) {
        shown.pop();
    }
    shown
}

fn plain(line: &str) -> String {
    console::strip_ansi_codes(line).trim().to_owned()
}

fn size(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}

/// Returns one line of the screen with its colours. Replaces what differs from run to run.
fn line(screen: &vt100::Screen, row: u16) -> String {
    let mut text = String::new();
    let mut before = String::new();
    for column in 0..COLUMNS {
        let Some(cell) = screen.cell(row, column).filter(|cell| !cell.is_wide_continuation())
        else {
            continue;
        };
        let style = style(cell);
        if style != before {
            text.push_str("\x1b[0m");
            text.push_str(&style);
            before = style;
        }
        text.push_str(if cell.has_contents() { cell.contents() } else { " " });
    }
    text.push_str("\x1b[0m");
    let blanks = Regex::new(r"[ ]+(\x1b\[0m)$").unwrap();
    let mut text = blanks.replace(&text, "$1").into_owned();
    for (what, shown) in FIXED_VALUES {
        text = Regex::new(what).unwrap().replace_all(&text, shown).into_owned();
    }
    text
}

fn style(cell: &vt100::Cell) -> String {
    let mut style = String::new();
    if cell.bold() {
        style.push_str("\x1b[1m");
    }
    if cell.dim() {
        style.push_str("\x1b[2m");
    }
    match cell.fgcolor() {
        vt100::Color::Idx(number @ 0..=7) => style.push_str(&format!("\x1b[{}m", 30 + number)),
        vt100::Color::Idx(number) => style.push_str(&format!("\x1b[38;5;{number}m")),
        _ => {}
    }
    style
}

/// Returns the first and the last lines, with a mark in between if lines were left out.
fn without_middle(lines: &[String], first: usize, last: usize) -> Vec<String> {
    if lines.len() <= first + last + 1 {
        return lines.to_vec();
    }
    let (head, tail) = (&lines[..first], &lines[lines.len() - last..]);
    [head, &["…".to_owned()], tail].concat()
}

fn draw(lines: &[String]) -> String {
    anstyle_svg::Term::new().render_svg(&lines.join("\n"))
}
