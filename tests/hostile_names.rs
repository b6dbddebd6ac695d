//! What others named is shown to the operator and does nothing else: it runs in no shell, and neither
//! clears the screen nor turns the direction of what is read.

use std::fs;

use crate::reset_world::World;
use crate::whole_site::history;

/// All of it is allowed in a branch's name.
const BRANCH: &str =
    "feature/\u{202e}gnp.<!channel>`touch${IFS}pwned`$(touch${IFS}pwned);|'\"\u{2066}";
const SHOWN: &str = "feature/gnp.<!channel>`touch${IFS}pwned`$(touch${IFS}pwned);|'\"";

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
fn a_plan_only_shows_a_branch_with_a_hostile_name() {
    let world = World::new();
    let origin = world.whole.code.origin();
    world.whole.code.git(&origin, &["branch", "-m", history::FOOTER, BRANCH]);

    let chosen = ["--branches", BRANCH, "--recreate-users", "none"];
    let planned = world.bcops(&[&["reset-staging", "--dry-run"], &chosen[..]].concat()).exits(0);
    assert_harmless("the plan", &planned.printed());
    assert!(planned.printed().contains(SHOWN), "{}", planned.printed());
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
