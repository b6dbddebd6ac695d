//! Compares whole screens with `tests/snapshots/`. Words replace values that differ between runs
//! (times, ports, ids). `INSTA_UPDATE=always` accepts new screens: see docs/testing.md.

use crate::command::Bcops;

/// Patterns of differing values, and the words that replace them.
const REDACTIONS: [(&str, &str); 13] = [
    (r"\S*/bcops-test-[^/\s]+", "FOLDER"),
    (r"r\d{8}-\d{6}-[0-9a-f]{4}", "RUN"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"\b([0-9a-f]{40}|[0-9a-f]{10})\b", "COMMIT"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z)?", "TIME"),
    (r"\b\d{4}-\d\d-\d\d\b", "DAY"),
    (r"\b(127\.0\.0\.1|localhost|[a-z.-]+\.(?:example|test)):\d+", "$1:PORT"),
    // Padding in columns depends on the length of the value.
    (r" +(\d+ (d|h|min|s) )+ago +", "  AGE ago  "),
    (r" +\d+(\.\d+)? (B|kB|MB|GB)\b", "  SIZE"),
    (r"\b\d+(\.\d+)? (ms|s|min)\b", "SOME $2"),
    (r"Postgre(s|SQL) \d+(\.\d+)*( \([^)]*\))?", "Postgre$1 VERSION"),
    (r"\b(of_doctor)_\d+\b", "${1}_NUMBER"),
    (r" +\n", "\n"),
];

/// Compares a text with the snapshot of this name.
#[track_caller]
pub fn assert_screen(name: &str, text: &str) {
    settings().bind(|| insta::assert_snapshot!(name, text));
}

/// Further differences in the report of a reset.
const OF_REPORTS: [(&str, &str); 6] = [
    (r"(- by: .*) on \S+", "$1 on HOST"),
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"file://\S*/heroku/", "file://FOLDER/heroku/"),
    (r"world_\d+_", "world_N_"),
    (r"(SOME min )?SOME (min|ms|s)\b", "SOME TIME"),
    (r"\b\d[\d,.]*\b", "N"),
];

/// The same for the report of a reset. Its tables and numbers depend on the site's schema, and its
/// app's stack on the test run.
#[track_caller]
pub fn assert_report(name: &str, text: &str) {
    if std::env::var_os("BCOPS_TEST_STACK").is_some() {
        return;
    }
    let mut settings = settings();
    for (what, word) in OF_REPORTS {
        settings.add_filter(what, word);
    }
    let is_of_schema = |line: &&str| line.starts_with("| public.");
    let lines: Vec<&str> = text.lines().filter(|line| !is_of_schema(line)).collect();
    settings.bind(|| insta::assert_snapshot!(name, lines.join("\n")));
}

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (what, word) in REDACTIONS {
        settings.add_filter(what, word);
    }
    settings
}

/// The short help of each command. `docs/commands.md` holds the long one.
#[test]
fn help_matches_the_snapshots() {
    let bcops = Bcops::new();
    assert_screen("help", &bcops.run(&["--help"]).exits(0).stdout);
    assert_help(&bcops, &bcops::cli::command(&[]), &[]);
}

fn assert_help(bcops: &Bcops, command: &clap::Command, words: &[&str]) {
    for inner in command.get_subcommands() {
        let words = [words, &[inner.get_name()]].concat();
        let run = bcops.run(&[&words[..], &["-h"]].concat()).exits(0);
        assert_screen(&format!("help {}", words.join(" ")), &own_part(&run.stdout));
        assert_help(bcops, inner, &words);
    }
}

/// A command's help without the options of every command, which the program's own has.
fn own_part(help: &str) -> String {
    let (before, rest) = help.split_once("Options of every command:\n").expect("the section");
    let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
    format!("{before}{after}")
}

/// A person's mistakes before any request to a server.
#[test]
fn errors_match_the_snapshot() {
    let bcops = Bcops::new();
    bcops.write("odd.toml", "colour = \"blue\"\n");
    let wrong: [&[&str]; 11] = [
        &["pul-data", "production"],
        &["pull-data", "nowhere"],
        &["pull-data", "production", "--no-scrub"],
        &["push-media", "production"],
        &["reset-staging", "--media", "some"],
        &["purge-cache", "staging"],
        &["scrub-pii", "--dump", "in.dump"],
        &["runs", "show", "r2026"],
        &["backups", "list", "production"],
        &["doctor", "nowhere"],
        &["config", "show", "--config", "odd.toml"],
    ];
    let mut told = String::new();
    for words in wrong {
        let run = bcops.run(words);
        assert_eq!(run.stdout, "", "{words:?}");
        told += &format!("$ bcops {}\n{}exit {:?}\n\n", words.join(" "), run.stderr, run.code);
    }
    assert_screen("errors", &told);
}
