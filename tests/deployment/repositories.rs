//! Tests where a git push really goes, and branches that are never force-pushed.

use crate::reset_staging::world::World;
use crate::whole_site::{PRODUCTION, STAGING};

/// A reset of staging without any question.
pub const RESET: [&str; 9] = [
    "reset-staging",
    "--attest",
    "agreed",
    "--branches",
    "none",
    "--recreate-users",
    "none",
    "--confirm",
    STAGING,
];

fn refused(world: &World, words: &[&str]) {
    let origin = world.whole.code.references(&world.whole.code.origin());
    let theirs = world.whole.code.app_repository(PRODUCTION);
    let before = world.whole.code.references(&theirs);
    world.bcops(&RESET).fails(4, &[&["nothing was changed"], words].concat());
    assert_eq!(world.whole.code.references(&world.whole.code.origin()), origin);
    assert_eq!(world.whole.code.references(&theirs), before);
}

#[test]
fn a_url_that_git_rewrites_to_productions_repository_is_refused() {
    let world = World::new();
    let work = world.bcops.directory().join("work");
    let code = &world.whole.code;
    let theirs = code.app_repository(PRODUCTION).display().to_string();
    let mine = code.app_repository(STAGING).display().to_string();
    let own = format!("file://{mine}");
    for key in ["insteadOf", "pushInsteadOf"] {
        for base in [
            theirs.clone(),
            format!("file://{theirs}"),
            format!("file://{}", theirs.replace("production", "%70roduction")),
        ] {
            let section = format!("url.{base}.{key}");
            code.git(&work, &["config", &section, &own]);
            refused(&world, &["git pushes to"]);
            code.git(&work, &["config", "--unset-all", &section]);
        }
    }
    // The origin too.
    let origin = code.origin().display().to_string();
    let section = format!("url.{theirs}.pushInsteadOf");
    code.git(&work, &["config", &section, &origin]);
    refused(&world, &[PRODUCTION]);
    code.git(&work, &["config", "--unset-all", &section]);
    // Another spelling of the same repository is allowed.
    let section = format!("url.{mine}.pushInsteadOf");
    code.git(&work, &["config", &section, &own]);
    world
        .bcops(&["reset-staging", "--branches", "none", "--recreate-users", "none", "--dry-run"])
        .exits(0);
}

#[test]
fn the_default_branch_and_other_environments_branches_never_move() {
    let world = World::new();
    let origin = world.whole.code.origin();
    let code = &world.whole.code;
    code.git(&origin, &["symbolic-ref", "HEAD", "refs/heads/staging"]);
    refused(&world, &["default branch"]);
    code.git(&origin, &["symbolic-ref", "HEAD", "refs/heads/master"]);
    world
        .bcops(&["reset-staging", "--branches", "none", "--recreate-users", "none", "--dry-run"])
        .exits(0);
}
