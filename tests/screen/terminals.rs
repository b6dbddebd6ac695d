//! Whole screens on terminals of 50, 80 and 120 columns, with and without colours, as
//! `tests/snapshots/screen …` has them.
//!
//! What the terminal shows in the end is kept, not what was written to it: lines that the terminal
//! itself broke are joined again.

use std::fmt::Write;
use std::num::NonZero;

use regex::Regex;

use crate::check::world::World as CheckWorld;
use crate::command::Bcops;
use crate::doctor::reading;
use crate::pull_data::world::World as PullWorld;
use crate::reset_staging::calm::reset_by;
use crate::reset_staging::run::arguments;
use crate::reset_staging::world::World as ResetWorld;
use crate::screens::assert_screen;
use crate::search::world::SearchWorld;
use crate::support::terminal::Terminal;

const WIDTHS: [u16; 3] = [50, 80, 120];

/// Higher than any screen, so that nothing scrolls away.
const ROWS: u16 = 600;

fn size(number: u16) -> NonZero<u16> {
    NonZero::new(number).expect("a size")
}

/// The lines of the screen, as a person sees them, each colour as `<31>`.
fn lines(written: &str, columns: u16, colors: bool) -> Vec<String> {
    let mut parser = vt100::Parser::new(size(ROWS), size(columns), 0);
    parser.process(written.as_bytes());
    let screen = parser.screen();
    let plain: Vec<String> = screen.rows(0, columns).collect();
    let rows: Vec<String> = match colors {
        false => plain.clone(),
        true => {
            let rows = screen.rows_formatted(0, columns);
            rows.map(|row| shown_colors(&row)).collect()
        }
    };
    let mut lines: Vec<String> = Vec::new();
    let mut continues = false;
    for ((at, mut row), plain) in (0..ROWS).zip(rows).zip(plain) {
        if screen.row_wrapped(at) {
            // The screen does not say where a row ends in blanks.
            let blanks = usize::from(columns).saturating_sub(plain.chars().count());
            row.push_str(&" ".repeat(blanks));
        }
        match lines.last_mut().filter(|_| continues) {
            Some(line) => line.push_str(&row),
            None => lines.push(row),
        }
        continues = screen.row_wrapped(at);
    }
    lines.iter_mut().for_each(|line| line.truncate(line.trim_end().len()));
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

/// `<1;31>` in the place of the escape sequence; other sequences only move the cursor.
fn shown_colors(row: &str) -> String {
    let color = Regex::new("\u{1b}\\[([0-9;]*)m").expect("a pattern");
    let other = Regex::new("\u{1b}\\[[0-9;?]*[A-Za-z]").expect("a pattern");
    let row = color.replace_all(row, "<$1>");
    other.replace_all(&row, " ").trim_end().to_owned()
}

/// The screen after a command, at each width.
#[track_caller]
fn assert_screens(
    name: &str,
    bcops: &Bcops,
    command: &[&str],
    code: i32,
    clean: impl Fn(Vec<String>) -> Vec<String>,
) {
    for colors in [false, true] {
        let choice = if colors { "always" } else { "never" };
        let mut all = String::new();
        for columns in WIDTHS {
            let command = [command, &["--color", choice]].concat();
            let mut terminal = bcops.start_on_narrow_terminal(columns, &command);
            answer(&mut terminal);
            let (ended, written) = terminal.finish();
            assert_eq!(ended, Some(code), "{written}");
            let lines = clean(lines(&written, columns, colors)).join("\n");
            writeln!(all, "{columns} columns\n\n{}\n", constant(&lines)).expect("a text");
        }
        let colors = if colors { " in colour" } else { "" };
        assert_screen(&format!("screen {name}{colors}"), &all);
    }
}

/// Says no to the one question that may come.
fn answer(terminal: &mut Terminal) {
    while terminal.is_running() {
        if terminal.plain_text().contains("to continue: ") {
            terminal.type_line("no");
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// What differs on the screens besides: numbers of databases, names of machines, how long it took.
fn constant(text: &str) -> String {
    let differing = [
        (r"(world|pulled|screen)_\d+", "${1}_N"),
        (r"(by +Op Erator) on \S+", "$1 on HOST"),
        (r"\btook\s+\d.*(\n +(min|s|\d).*)?", "took TIME"),
        (r"\b[0-9a-f]{64}\b", "DIGEST"),
    ];
    let mut text = text.to_owned();
    for (what, word) in differing {
        let pattern = Regex::new(what).expect("a pattern");
        text = pattern.replace_all(&text, word).into_owned();
    }
    text
}

/// Lines of services that answer at the same time come in any order.
fn sorted(lines: Vec<String>) -> Vec<String> {
    let is_service = |line: &&String| {
        let line = line.trim_start_matches("<32>").trim_start_matches("<31>");
        line.starts_with('✓') || line.starts_with('✗')
    };
    let mut services: Vec<String> = lines.iter().filter(is_service).cloned().collect();
    services.sort();
    services.extend(lines.iter().filter(|line| !is_service(line)).cloned());
    services
}

/// Leaves out the rows whose length differs from run to run, with what was wrapped of them.
fn without(lines: Vec<String>, parts: &[&str]) -> Vec<String> {
    let mut left_out = false;
    let kept = lines.into_iter().filter(|line| {
        if !line.starts_with("      ") {
            left_out = parts.iter().any(|part| line.contains(part));
        }
        !left_out
    });
    kept.collect()
}

#[test]
fn pull() {
    let world = PullWorld::small();
    let pull = ["pull-data", "production", "--yes", "--no-keep-previous", "--target", "screen"];
    let plan = ["pull-data", "production", "--dry-run", "--target", "screen"];
    // Each of the others replaces it.
    world.bcops.run(&pull).exits(0);
    assert_screens("pull dry-run", &world.bcops, &plan, 0, |lines| lines);
    assert_screens("pull", &world.bcops, &pull, 0, |lines| lines);
    world.cluster.psql("postgres", "DROP DATABASE IF EXISTS screen");
}

#[test]
fn reset_rollback_and_runs() {
    let world = ResetWorld::new();
    let mut asked = arguments(&[]);
    let at = asked.iter().position(|word| *word == "--confirm").expect("the flag");
    asked.drain(at..=at + 1);
    assert_screens("reset", &world.bcops, &asked, 5, |lines| lines);
    world.bcops(&reset_by("stream")).exits(0);
    let run = world.run_on_disk().expect("a run");
    assert_screens("rollback", &world.bcops, &["runs", "rollback", &run], 5, |lines| lines);
    // Its age has a number of digits that depends on the machine.
    world.make_older(&run);
    assert_screens("runs show", &world.bcops, &["runs", "show"], 0, |lines| lines);
    assert_screens("runs list", &world.bcops, &["runs", "list"], 0, |lines| lines);
}

/// Checks that name a version, a folder or a number of this machine.
const OF_THE_MACHINE: [&str; 6] =
    [" database ", "local role", "git  ", "git origin", "configuration  ", "state folder"];

#[test]
fn doctor() {
    let world = reading::world();
    let clean = |lines| without(sorted(lines), &OF_THE_MACHINE);
    assert_screens("doctor", &world.bcops, &["doctor", "staging"], 0, clean);
}

#[test]
fn check() {
    let world = CheckWorld::new();
    let clean = |lines| without(sorted(lines), &["http  ", "site  ", "pipeline  "]);
    assert_screens("check", &world.bcops, &["check", "staging"], 0, clean);
}

#[test]
fn search() {
    let world = SearchWorld::new();
    let bcops = &world.world.bcops;
    assert_screens("search status", bcops, &["search", "status", "staging"], 0, |lines| lines);
    assert_screens("search reindex", bcops, &["search", "reindex", "staging"], 5, |lines| lines);
}
