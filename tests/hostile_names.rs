//! Tests that foreign names and texts are only shown and passed on: they run in no shell, send no
//! requests, do not clear the screen, and do not change the direction of text.

use std::fs;

use crate::reset_staging::world::World;
use crate::whole_site::{STAGING, history};

/// All of this is allowed in a branch name.
const BRANCH: &str =
    "feature/\u{202e}gnp.<!channel>`touch${IFS}pwned`$(touch${IFS}pwned);|'\"\u{2066}";
const SHOWN: &str = "feature/gnp.<!channel>`touch${IFS}pwned`$(touch${IFS}pwned);|'\"";

/// Pages that only staging has are listed with their titles.
const TITLES: &str =
    r"UPDATE wagtailcore_page SET title = E'\u001b[2J\u009b2Jhostile \u202etitle | # `x`'";

#[track_caller]
fn assert_harmless(place: &str, text: &str) {
    let acts = |c: &char| {
        c.is_control() && *c != '\n'
            || matches!(*c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let found: Vec<char> = text.chars().filter(acts).collect();
    assert!(found.is_empty(), "{found:?} in {place}: {}", text.escape_debug());
}

#[test]
fn a_branch_and_a_page_with_hostile_names_are_only_shown() {
    let world = World::new();
    let origin = world.whole.code.origin();
    world.whole.code.git(&origin, &["branch", "-m", history::FOOTER, BRANCH]);
    world.whole.databases.staging(TITLES);

    let chosen = ["--branches", BRANCH, "--recreate-users", "none"];
    let planned = world.bcops(&[&["reset-staging", "--dry-run"], &chosen[..]].concat()).exits(0);
    assert_harmless("the plan", &planned.printed());
    assert!(planned.printed().contains(SHOWN), "{}", planned.printed());

    let agreed = ["reset-staging", "--attest", "agreed", "--confirm", STAGING];
    let done = world.bcops(&[&agreed[..], &chosen].concat()).exits(0);
    assert_eq!(world.outcome("merge"), "done");
    assert_harmless("the output", &done.printed());
    for how in [&[][..], &["--markdown"], &["--html"]] {
        let shown = world.bcops(&[&["runs", "show"], how].concat()).exits(0);
        assert_harmless("runs show", &shown.printed());
        if !how.is_empty() {
            assert!(shown.printed().contains("[2J2Jhostile title"), "{}", shown.printed());
        }
    }

    let files = world.files_of_runs();
    let pages: Vec<_> =
        files.iter().filter(|(path, _)| path.extension().is_some_and(|one| one == "md")).collect();
    assert!(pages.len() >= 2, "{pages:?}");
    for (path, content) in pages {
        assert_harmless(&path.display().to_string(), &String::from_utf8_lossy(content));
    }
    let mut folders = vec![world.bcops.directory().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            assert_ne!(entry.file_name(), "pwned", "{}", entry.path().display());
            if entry.file_type().expect("a type").is_dir() {
                folders.push(entry.path());
            }
        }
    }
    world.assert_production_untouched();
}
