//! Tests a staging that is closed before the run, and dynos that start while it is closed: bcops
//! assumes no answers, and no message claims more than was observed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::heroku::world::{client, quick, staging_destination};
use crate::reset_staging::fault_cases::{runs, wait_for_step};
use crate::reset_staging::run::arguments;
use crate::reset_staging::world::{Trouble, World};
use crate::support::wait;
use crate::whole_site::STAGING;

/// A person turns maintenance on.
fn close(world: &World) {
    let real = client(&world.whole.heroku, quick());
    world.runtime().block_on(async {
        let app = real.destination_app(&staging_destination()).await.expect("staging");
        real.set_maintenance(&app, true).await.expect("on");
    });
}

/// The message to the client.
fn to_the_client(world: &World) -> String {
    let messages =
        world.bcops.state_directory().join("runs").join(world.newest_run()).join("messages.md");
    let text = std::fs::read_to_string(messages).expect("the messages");
    text.split_once("# For the client").expect("the client's").1.to_owned()
}

#[test]
fn maintenance_before_a_run_is_a_question() {
    let world = World::new();
    close(&world);
    let writes = world.whole.heroku.writes(STAGING).len();
    let refused = world.bcops(&arguments(&[])).fails(5, &["no terminal", "--open yes|no"]);
    assert!(runs(&world).is_empty(), "{}", refused.printed());
    assert_eq!(world.whole.heroku.writes(STAGING).len(), writes);
    let planned = world.bcops(&["reset-staging", "--dry-run"]).exits(0);
    assert!(planned.stdout.contains("staging is in maintenance"), "{}", planned.printed());
    assert!(planned.stdout.contains("open it at the end?"), "{}", planned.printed());

    let run = world.bcops(&arguments(&["--open", "no"])).exits(0);
    run.says(&["staging stays in maintenance", "heroku maintenance:off"]);
    let state = world.staging();
    assert!(state.maintenance && state.is_deployed);
    let told = to_the_client(&world);
    assert!(told.contains("still closed") && !told.contains("now shows"), "{told}");

    world.bcops(&arguments(&["--open", "yes"])).exits(0);
    assert!(!world.staging().maintenance);
    let told = to_the_client(&world);
    assert!(told.contains("now shows the content of the live site"), "{told}");
    // An open staging needs no question.
    world.bcops(&arguments(&["--open", "no"])).exits(0);
    assert!(!world.staging().maintenance);
    world.assert_production_untouched();
}

#[test]
fn no_web_dyno_before_a_run_is_a_question() {
    let world = World::new();
    world.whole.heroku.set_formation(STAGING, &[("web", 0, "Standard-1X")]);
    world.bcops(&arguments(&[])).fails(5, &["--open yes|no"]);
    world.bcops(&arguments(&["--open", "yes"])).exits(0);
    let state = world.staging();
    assert_eq!(state.formation, [("web".to_owned(), 1, "Standard-1X".to_owned())]);
    assert!(!state.maintenance);
}

#[test]
fn at_a_terminal_the_question_is_repeated_until_answered() {
    let world = World::new();
    close(&world);
    let flags = ["reset-staging", "--attest", "agreed", "--branches", "none"];
    let flags = [&flags[..], &["--recreate-users", "none", "--media", "none"]].concat();
    let mut terminal = world.bcops.start_on_terminal(&flags);
    terminal.wait_for("staging is in maintenance now; open it at the end?");
    terminal.type_line("perhaps");
    terminal.wait_for("write yes or no");
    terminal.type_line("yes");
    terminal.wait_for("the run opens it at the end with web=1:Standard-1X");
    terminal.type_line(STAGING);
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(!world.staging().maintenance);
}

#[test]
fn maintenance_that_someone_turns_on_meanwhile_is_asked_about_at_the_end() {
    let world = World::new();
    let running = world.start(&arguments(&["--media", "none"]));
    wait_for_step(&world, "backup");
    close(&world);
    let run = running.finish().fails(11, &["--open yes|no"]);
    assert!(world.staging().maintenance, "{}", run.printed());
    let id = &runs(&world)[0];
    world.bcops(&["runs", "resume", id]).fails(11, &["--open yes|no"]);
    world.bcops(&["runs", "resume", id, "--open", "yes"]).exits(0);
    assert!(!world.staging().maintenance);
}

#[test]
fn without_media_no_message_mentions_images_of_the_live_site() {
    for more in [&["--media", "none"][..], &["--skip", "media"]] {
        let world = World::new();
        world.bcops(&arguments(more)).exits(0);
        let told = to_the_client(&world);
        assert!(told.contains("images and documents were not copied"), "{told}");
        assert!(!told.contains("come from the live site;"), "{told}");
    }
}

#[test]
fn the_messages_state_what_was_done() {
    let world = World::new();
    let branches = "feature/footer,feature/clashing-header,feature/old-map";
    let mut flags = arguments(&["--on-conflict", "skip"]);
    let at = flags.iter().position(|word| *word == "--branches").expect("a flag");
    flags[at + 1] = branches;
    world.bcops(&flags).exits(0);
    let told = to_the_client(&world);
    for text in [
        "documents were not copied",
        "1 change in progress could not be included",
        "2 accounts that existed only on the staging site are still there",
        "we have kept a backup",
    ] {
        assert!(told.contains(text), "`{text}` is not in {told}");
    }
    let world = World::new();
    world
        .bcops(&arguments(&["--skip", "database", "--skip", "media", "--skip", "cleanup"]))
        .exits(0);
    let told = to_the_client(&world);
    assert!(told.contains("Its content was not replaced"), "{told}");
    for claim in ["now shows", "no longer there", "personal data", "images"] {
        assert!(!told.contains(claim), "`{claim}` is claimed in {told}");
    }
}

/// Starts a one-off dyno as a scheduler does, for any formation.
fn start_dyno(world: &World) {
    let heroku = &world.whole.heroku;
    let place = heroku.url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(place).expect("the stand-in");
    let body = r#"{"command":"sleep 600","type":"scheduler","attach":false}"#;
    let request = format!(
        "POST /apps/{STAGING}/dynos HTTP/1.1\r\nHost: {place}\r\nAuthorization: Bearer {}\r\n\
         Accept: application/vnd.heroku+json; version=3\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        heroku.token(),
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains(" 201 "), "{answer}");
}

#[test]
fn a_dyno_that_a_scheduler_starts_after_the_verification_is_stopped() {
    let world = World::new();
    world.whole.heroku.add_addon(STAGING, "scheduler:standard", "SCHEDULER", ("SCHEDULER", "x"));
    let planned = world.bcops(&["reset-staging", "--dry-run"]).exits(0);
    assert!(planned.stdout.contains("(scheduler) starts one-off dynos"), "{}", planned.printed());
    world.make(Trouble::CommandHangs("makemigrations"));
    let running = world.start(&arguments(&["--media", "none"]));
    wait_for_step(&world, "makemigrations");
    start_dyno(&world);
    let commands = || world.staging().one_off_commands;
    wait::within(Duration::from_secs(30), "the foreign command is stopped", || {
        !commands().iter().any(|command| command.contains("sleep 600"))
    });
    // The runbook's own command continues.
    assert!(commands().iter().any(|command| command.contains("makemigrations")));
    running.interrupt();
    let run = running.finish();
    let said = |line: &str| line.contains("the one-off dyno run.") && line.contains("was stopped");
    assert!(run.stderr.lines().any(said), "{}", run.printed());
}

#[test]
fn a_gitlab_that_does_not_answer_is_a_warning() {
    let mut world = World::new();
    world.bcops.set("GITLAB_URL", "http://127.0.0.1:1");
    world.bcops.set("GITLAB_TOKEN", "glpat-planted");
    let run = world.bcops(&arguments(&["--media", "none"])).exits(0);
    run.says(&["cannot read the pipeline"]);
    assert!(!world.staging().maintenance);
    world.assert_not_in_files("glpat-planted");
}
