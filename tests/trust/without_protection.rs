//! Tests that a configuration without protected environments writes to nothing remote.

use crate::pull_data::world::World;

const OPEN: &str = "inherit = false\n[environments.staging]\napp = \"buckinghamshire-staging\"\n\
    branch = \"staging\"\nprotected = false\n[environments.dev]\napp = \"buckinghamshire-dev\"\nprotected = false\n";

#[test]
fn nothing_remote_is_written_without_a_protected_environment() {
    let world = World::small();
    world.bcops.write("bcops.toml", OPEN);
    let app = "buckinghamshire-staging";
    let commands: [&[&str]; 10] = [
        &["push-media", "staging", "--confirm", app],
        &["push-media", "staging", "--from", "dev", "--confirm", app],
        &["scrub-pii", "staging", "--confirm", app],
        &["purge-cache", "staging", "--everything", "--confirm", app],
        &["purge-cache", "staging", "--backend", "--confirm", app],
        &["search", "reindex", "staging", "--confirm", app],
        &["reset-staging", "--from", "dev", "--attest", "agreed", "--confirm", app],
        &["run", "staging", "--", "id"],
        &["shell", "staging"],
        &["backups", "capture", "staging", "--confirm", app],
    ];
    for command in commands {
        let words = ["no environment is protected", "protected = true"];
        world.bcops.run(command).fails(3, &words);
    }
    let writes = world.standin.requests().into_iter().filter(|one| one.method != "GET");
    assert_eq!(writes.count(), 0);
    // Reading needs no protection.
    world.bcops.run(&["addons", "staging"]).exits(0);
}

/// What is confirmed depends on where the configuration comes from.
#[test]
fn the_origin_of_the_configuration_is_printed_above_the_question() {
    let world = World::small().with_target();
    world
        .bcops
        .write("bcops.toml", "backup_max_age = \"900d\"\n[scrub]\nmanifest = \"scrub.toml\"\n");
    world.bcops.write("scrub.toml", "schema_version = 1\nextends = \"built-in\"\n");
    let mut terminal = world.bcops.start_on_terminal(&["pull-data", "production"]);
    terminal.wait_for("to continue:");
    terminal.type_line("no");
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(5), "{screen}");
    let question = screen.find("to continue:");
    for origin in ["bcops.toml (named)", "scrub.toml"] {
        let place = screen.find(origin);
        assert!(place.is_some() && place < question, "{origin}: {screen}");
    }
}
