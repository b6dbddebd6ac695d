//! Tests endless steps and late failures: `reset-staging` stops or closes staging again, can be
//! resumed or rolled back, and never shows an unverified row.

use std::fs;
use std::time::Duration;

use crate::command::Run;
use crate::reset_staging::fault_cases::{CHOSEN, HEROKU, as_it_was, reset, runs, wait_for_step};
use crate::reset_staging::world::{Trouble, World};
use crate::standins::heroku::CapturePlan;
use crate::whole_site::STAGING;

/// Presses Ctrl-C some time after an endless step has begun.
fn interrupted_in(world: &World, step: &str, flags: &[&str]) -> Run {
    let first =
        ["reset-staging", "--attest", "agreed", "--recreate-users", "all", "--confirm", STAGING];
    let running = world.start(&[&first, flags].concat());
    wait_for_step(world, step);
    // While the step waits.
    std::thread::sleep(Duration::from_secs(2));
    running.interrupt();
    running.finish()
}

#[test]
fn an_endless_step_can_be_stopped() {
    let mut world = World::new();
    let before = world.staging().without_history();
    world.make(Trouble::CaptureNeverEnds);
    let run = interrupted_in(&world, "backup", CHOSEN);
    run.fails(130, &["this continues by itself", "a backup b", "bcops runs resume"]);
    let mut now = world.staging().without_history();
    now.other_references.clear();
    assert_eq!(now, before);

    for (trouble, step, flags) in [
        (Trouble::RestoreNeverEnds, "restore", HEROKU),
        (Trouble::CommandHangs("makemigrations"), "makemigrations", CHOSEN),
    ] {
        world.reset();
        let was = as_it_was(world.staging(), &world);
        let visitors = world.send_visitors();
        let ends_at_heroku = matches!(trouble, Trouble::RestoreNeverEnds);
        world.make(trouble);
        let run = interrupted_in(&world, step, flags).fails(130, &["bcops runs rollback"]);
        assert!(world.staging().maintenance, "{}", run.printed());
        let run = &runs(&world)[0];
        if ends_at_heroku {
            // Two restores at once would break each other, so the run's own is cancelled first.
            world.whole.heroku.plan_restores(CapturePlan::default());
        }
        let back = world.bcops(&["runs", "rollback", run, "--confirm", STAGING]).exits(0);
        assert_eq!(back.stderr.contains("cancelling "), ends_at_heroku);
        assert_eq!(as_it_was(world.staging(), &world), was);
        assert!(visitors.exposed().is_empty());
        world.assert_production_untouched();
    }
}

#[test]
fn a_site_that_answers_500_goes_back_into_quarantine() {
    let world = World::new();
    let was = as_it_was(world.staging(), &world);
    let visitors = world.send_visitors();
    let first =
        ["reset-staging", "--attest", "agreed", "--recreate-users", "all", "--confirm", STAGING];
    let running = world.start(&[&first, CHOSEN].concat());
    wait_for_step(&world, "maintenance");
    world.make(Trouble::HostBroken);
    let run = running
        .finish()
        .fails(11, &["back in quarantine", "heroku logs --app", "bcops runs resume"]);
    let now = world.staging();
    assert!(now.maintenance && now.formation.iter().all(|one| one.1 == 0), "{}", run.printed());
    let id = &runs(&world)[0];
    world.whole.site.mend_hosts();
    world.bcops(&["runs", "resume", id]).exits(0);
    assert!(!world.staging().maintenance);
    world.bcops(&["runs", "rollback", id, "--confirm", STAGING]).exits(0);
    assert_eq!(as_it_was(world.staging(), &world), was);
    assert!(visitors.exposed().is_empty());
    world.assert_production_untouched();
}

/// A manifest that wrongly classifies form submissions as free of personal data.
fn careless_manifest() -> String {
    "schema_version = 1\nextends = \"built-in\"\n[tables.wagtailforms_formsubmission]\n\
     class = \"operational\"\noperational = [\"form_data\"]\n"
        .to_owned()
}

#[test]
fn personal_data_that_remains_keeps_staging_closed() {
    let mut world = World::new();
    for flags in [CHOSEN, HEROKU] {
        let was = as_it_was(world.staging(), &world);
        let path = world.bcops.directory().join("manifest.toml");
        fs::write(&path, careless_manifest()).expect("written");
        world.bcops.set("BCOPS_SCRUB_MANIFEST", path.to_str().expect("a path"));
        let visitors = world.send_visitors();
        let run = reset(&world, flags)
            .fails(9, &["personal data", "wagtailforms_formsubmission", "bcops runs rollback"]);
        let now = world.staging();
        assert!(now.maintenance, "{}", run.printed());
        assert!(now.formation.iter().all(|one| one.1 == 0), "{:?}", now.formation);
        let id = &runs(&world)[0];
        // Resuming does not help, and opens nothing.
        world.bcops(&["runs", "resume", id]).fails(9, &["personal data"]);
        assert!(world.staging().maintenance);
        world.bcops(&["runs", "rollback", id, "--confirm", STAGING]).exits(0);
        assert_eq!(as_it_was(world.staging(), &world), was);
        assert!(visitors.exposed().is_empty(), "an unverified database was reachable");
        world.assert_production_untouched();
        world.reset();
    }
}
