//! Tests the checks of a rollback before any change: later runs, the branch, the old backup, and
//! what is lost. Also tests the order of its steps.

use crate::command::Run;
use crate::reset_staging::calm::{deployed, reset_by};
use crate::reset_staging::kills_rollback::as_before;
use crate::reset_staging::world::World;
use crate::whole_site::STAGING;

fn reset(world: &World) -> String {
    world.bcops(&reset_by("stream")).exits(0);
    world.run_on_disk().expect("a run")
}

fn roll_back(world: &World, run: &str, more: &[&str]) -> Run {
    world.bcops(&[&["runs", "rollback", run, "--confirm", STAGING], more].concat())
}

/// Refused, and nothing has changed.
#[track_caller]
fn refuses(world: &World, run: &str, texts: &[&str]) {
    let (state, commit) = (world.staging(), deployed(world));
    let texts = [&["nothing was changed"], texts].concat();
    roll_back(world, run, &[]).fails(4, &texts);
    world.bcops(&["runs", "rollback", run, "--dry-run"]).fails(4, &texts);
    assert_eq!((world.staging(), deployed(world)), (state, commit));
}

#[test]
fn a_later_run_is_named_and_abandoned_only_on_request() {
    let world = World::new();
    let before = as_before(&world);
    let first = reset(&world);
    let second = reset(&world);
    assert!(second > first);
    refuses(&world, &first, &[&second, "--past-later-runs"]);
    // Another machine learns of it from the tip that it keeps on the origin.
    let tip = world.whole.code.tips["staging"].to_string();
    let later = "r29991231-000000-0000";
    let origin = world.whole.code.origin();
    let kept = format!("refs/bcops/backup/{later}");
    world.whole.code.git(&origin, &["update-ref", &kept, &tip]);
    refuses(&world, &second, &[later, "--past-later-runs"]);
    world.whole.code.git(&origin, &["update-ref", "-d", &kept]);
    roll_back(&world, &first, &["--past-later-runs"]).exits(0);
    let now = as_before(&world);
    assert_eq!(now, before);
    assert_eq!(world.litter(), Vec::<String>::new());
}

#[test]
fn commits_that_came_after_the_run_are_named() {
    let world = World::new();
    let before = as_before(&world);
    let run = reset(&world);
    let pushed = world.whole.code.somebody_pushes("staging").to_string();
    refuses(&world, &run, &["has later commits", &pushed[..10], "--past-later-runs"]);
    roll_back(&world, &run, &["--past-later-runs"]).exits(0).says(&[&pushed[..10]]);
    assert_eq!(as_before(&world), before);
}

#[test]
fn a_missing_backup_is_noticed_before_any_change() {
    let world = World::new();
    let run = reset(&world);
    let journal = world.journal();
    let is_backup = |line: &&String| line.contains("\"staging_backup\"");
    let line = journal.iter().find(is_backup).expect("a backup");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let number = line["value"]["num"].as_u64().expect("a number");
    world.whole.heroku.lose_backup(STAGING, number);
    let name = format!("b{number:03}");
    refuses(&world, &run, &[&name, "bcops backups list staging"]);
}

#[test]
fn lost_data_is_listed_and_backed_up_first() {
    let world = World::new();
    let before = as_before(&world);
    let run = reset(&world);
    let databases = &world.whole.databases;
    databases.staging(
        "UPDATE wagtailcore_page SET title = 'A week of work', \
           latest_revision_created_at = now() + interval '1 hour' \
         WHERE id = (SELECT max(id) FROM wagtailcore_page)",
    );
    databases.staging(
        "INSERT INTO users_user (password, is_superuser, username, first_name, last_name, email, \
           is_staff, is_active, date_joined) \
         VALUES ('x', false, 'new.starter', 'N', 'S', 'new.starter@council.example', true, true, \
           now() + interval '1 hour')",
    );
    let (state, requests) = (world.staging(), world.whole.heroku.writes(STAGING).len());
    let lost = ["A week of work", "new.starter", "users_user", "is backed up as it is now", "lost"];
    let looked = world.bcops(&["runs", "rollback", &run, "--dry-run"]).exits(0);
    assert!(lost.iter().all(|text| looked.stdout.contains(text)), "{}", looked.printed());
    let document = world.bcops(&["runs", "rollback", &run, "--dry-run", "--json"]).exits(0).json();
    assert_eq!(document["result"]["backs_up_the_present"], true);
    assert!(document["result"]["losses"].to_string().contains("A week of work"), "{document:#}");
    world.bcops(&["runs", "rollback", &run]).fails(5, &[STAGING]);
    assert_eq!(world.staging(), state);
    assert_eq!(world.whole.heroku.writes(STAGING).len(), requests);
    roll_back(&world, &run, &[]).exits(0).says(&lost);
    assert_eq!(as_before(&world), before);
    assert_eq!(world.staging().backups.len(), state.backups.len() + 1);
    let journal = world.journal().join("\n");
    assert!(journal.contains("\"present_backup\""));
    for name in ["new.starter", "A week of work"] {
        assert!(!journal.contains(name), "{name} is in the journal");
    }
}

/// Maintenance on, dynos down, database, code, and only then open: the public never meets the new
/// code with the old database.
#[test]
fn a_rollback_closes_first_and_opens_last() {
    let world = World::new();
    let run = reset(&world);
    let begun = world.journal().len();
    roll_back(&world, &run, &[]).exits(0);
    let journal = world.journal();
    let at = |event: &str, step: &str| {
        let (event, step) = (format!("\"event\":\"{event}\""), format!("\"step\":\"{step}\""));
        let holds = |line: &String| line.contains(&event) && line.contains(&step);
        let found = journal[begun..].iter().position(holds);
        found.unwrap_or_else(|| panic!("{event} {step} in {:#?}", &journal[begun..]))
    };
    let order = [
        at("step_finished", "present-backup"),
        at("step_finished", "maintenance"),
        at("step_finished", "dynos"),
        at("undo_started", "load"),
        at("step_undone", "load"),
        at("undo_started", "deploy"),
        at("step_undone", "deploy"),
        at("step_undone", "push"),
        at("undo_started", "dynos"),
        at("undo_started", "maintenance"),
    ];
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn a_site_that_does_not_answer_after_a_rollback_is_reported() {
    use crate::reset_staging::world::Trouble;
    let world = World::new();
    let run = reset(&world);
    world.make(Trouble::HostBroken);
    let back = roll_back(&world, &run, &[]);
    back.fails(11, &["500", "staging is open", "bcops check staging"]);
    assert!(!world.staging().maintenance);
    world.whole.site.mend_hosts();
    roll_back(&world, &run, &[]).exits(0);
    assert_eq!(world.litter(), Vec::<String>::new());
}
