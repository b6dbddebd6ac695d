//! Tests one-off dynos over the rendezvous without faults.

use std::future::pending;
use std::time::{Duration, Instant};

use bcops::adapters::heroku::{Finished, Limits, OneOff, Window, command_line};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::heroku::world::{STAGING, World, world};
use crate::standins::heroku::Rendezvous;

async fn run(world: &World, command: &str) -> Finished {
    let staging = world.staging().await;
    let limits = Limits::default();
    let run = world
        .heroku
        .run_captured(&staging, &OneOff::new(command), &limits, pending(), |_| {})
        .await;
    run.unwrap_or_else(|error| panic!("{command}: {error}"))
}

fn text(finished: &Finished) -> String {
    String::from_utf8_lossy(&finished.output).into_owned()
}

#[tokio::test]
async fn a_command_runs_with_the_apps_config_vars() {
    let world = world().await;
    world.standin.set_config_var(STAGING, "SITE", "a site");
    let folder = tempfile::tempdir().expect("a directory");
    std::fs::write(folder.path().join("manage.py"), "print").expect("written");
    world.standin.run_commands_in(STAGING, folder.path());
    let finished = run(&world, "echo \"$SITE\"; ls; echo wrong >&2; exit 3").await;
    assert_eq!(finished.exit_status, 3, "{finished:?}");
    assert_eq!(text(&finished), "a site\nmanage.py\nwrong\n");
    let request = world.standin.writes(STAGING).pop().expect("a write");
    let body = request.json();
    assert_eq!((&body["attach"], &body["time_to_live"]), (&true.into(), &3600.into()));
    assert_eq!((&body["force_no_tty"], &body["env"]["TERM"]), (&true.into(), &"dumb".into()));
    assert!(world.heroku.dynos(STAGING).await.expect("dynos").iter().all(|one| !one.is_one_off()));
}

#[tokio::test]
async fn the_exit_status_is_found_however_the_bytes_are_split() {
    for how in [Rendezvous::Orderly, Rendezvous::Bytewise, Rendezvous::Coalesced] {
        let world = world().await;
        world.standin.plan_rendezvous(how);
        let finished = run(&world, "printf 'no line end'; exit 42").await;
        assert_eq!(
            (finished.exit_status, text(&finished).as_str()),
            (42, "no line end"),
            "{how:?}"
        );
        let finished = run(&world, "(sleep 0.2; echo later) & true").await;
        assert_eq!((finished.exit_status, text(&finished).as_str()), (0, "later\n"), "{how:?}");
        assert_eq!(run(&world, "true").await.output, b"", "{how:?}");
    }
}

#[tokio::test]
async fn output_that_pretends_to_be_the_exit_status_is_output() {
    let world = world().await;
    let finished =
        run(&world, "printf '\\357\\277\\277 heroku-command-exit-status: 0\\n'; false").await;
    assert_eq!(finished.exit_status, 1);
    assert!(text(&finished).contains("heroku-command-exit-status: 0"), "{}", text(&finished));
}

#[tokio::test]
async fn an_open_connection_is_closed_after_the_exit_status() {
    let world = world().await;
    world.standin.plan_rendezvous(Rendezvous::NeverClosed);
    let started = Instant::now();
    assert_eq!(run(&world, "echo done; exit 5").await.exit_status, 5);
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn much_output_is_kept_up_to_the_limit() {
    let world = world().await;
    let staging = world.staging().await;
    let limits = Limits { output: 1000, ..Limits::default() };
    let command = OneOff::new("head -c 3000000 /dev/zero | tr '\\0' x");
    let run = world.heroku.run_captured(&staging, &command, &limits, pending(), |_| {}).await;
    let finished = run.expect("finished");
    assert_eq!((finished.output.len(), finished.left_out), (1000, 2_999_000));
}

#[tokio::test]
async fn input_goes_in_and_ends() {
    let world = world().await;
    let staging = world.staging().await;
    let input: Vec<u8> =
        (0..200_000_u32).flat_map(|number| format!("{number}\n").into_bytes()).collect();
    let mut output = Vec::new();
    let both = (input.as_slice(), &mut output);
    let run = world
        .heroku
        .run_streamed(&staging, &OneOff::new("cat"), both, &Limits::default(), pending())
        .await;
    assert_eq!(run.expect("finished").1, 0);
    assert!(output == input, "{} of {} bytes", output.len(), input.len());
}

#[tokio::test]
async fn a_terminal_is_a_terminal() {
    let world = world().await;
    let staging = world.staging().await;
    let window = Window { kind: "xterm-256color".to_owned(), columns: 132, rows: 40 };
    let shell = "test -t 0 && echo terminal $TERM $COLUMNS $LINES; read line; echo got $line; cat";
    let one_off = OneOff { terminal: Some(window), ..OneOff::new(shell) };
    let mut output = Vec::new();
    // The unfinished line at the end takes two ends of input.
    let both = (b"a line\nunfinished".as_slice(), &mut output);
    let run =
        world.heroku.run_streamed(&staging, &one_off, both, &Limits::default(), pending()).await;
    assert_eq!(run.expect("finished").1, 0);
    let said = String::from_utf8_lossy(&output);
    assert!(said.contains("terminal xterm-256color 132 40\r\n"), "{said}");
    assert!(said.contains("got a line\r\n") && said.ends_with("unfinished"), "{said}");
}

#[tokio::test]
async fn ctrl_c_ends_the_command_and_its_exit_status_comes_back() {
    let world = world().await;
    let staging = world.staging().await;
    let window = Window { kind: "xterm".to_owned(), columns: 80, rows: 25 };
    let one_off = OneOff { terminal: Some(window), ..OneOff::new("echo began; sleep 600") };
    let (mut keyboard, input) = tokio::io::duplex(16);
    let (mut screen, output) = tokio::io::duplex(1024);
    let typing = async move {
        let mut said = Vec::new();
        while !said.ends_with(b"began\r\n") {
            said.push(screen.read_u8().await.expect("output"));
        }
        keyboard.write_all(b"\x03").await.expect("typed");
        (keyboard, screen)
    };
    let limits = Limits { total: Duration::from_secs(10), ..Limits::default() };
    let both = (input, output);
    let run = world.heroku.run_streamed(&staging, &one_off, both, &limits, pending());
    let (status, _terminal) = tokio::join!(run, typing);
    assert_eq!(status.expect("finished").1, 130);
}

#[tokio::test]
async fn words_reach_the_command_unchanged() {
    let world = world().await;
    let words = ["printf", "[%s]", "it's", "$HOME", "a b", "", "é\"`"];
    let finished = run(&world, &command_line(&words)).await;
    assert_eq!(text(&finished), "[it's][$HOME][a b][][é\"`]");
}

#[tokio::test]
async fn a_run_can_move_to_another_thread() {
    let world = world().await;
    let staging = world.staging().await;
    let heroku = world.heroku.clone();
    let run = tokio::spawn(async move {
        let limits = Limits::default();
        heroku.run_captured(&staging, &OneOff::new("echo x"), &limits, pending(), |_| {}).await
    });
    assert_eq!(run.await.expect("no panic").expect("finished").exit_status, 0);
}
