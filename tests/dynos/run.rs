//! Tests `bcops run`: a command on a one-off dyno behaves as if it ran here.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::heroku::world::{PRODUCTION, PRODUCTION_URL, STAGING, count};
use crate::pull_data::world::World;
use crate::standins::heroku::{Fault, Options, Rendezvous, Rule, Stack};
use crate::support::wait;

/// The council's apps, and a dyno of staging in a folder of its own.
pub fn dyno_world() -> World {
    let mut world = World::empty(Options::default());
    let authority = world.bcops.write("authority.pem", &world.standin.authority_pem);
    world.bcops.set("SSL_CERT_FILE", authority.to_str().expect("a path"));
    let folder = world.bcops.directory().join("slug");
    fs::create_dir(&folder).expect("a folder");
    world.standin.run_commands_in(STAGING, &folder);
    world
}

fn started(world: &World) -> usize {
    count(&world.standin, "POST", "/dynos")
}

#[test]
fn output_and_exit_code_are_the_commands_own() {
    let world = dyno_world();
    world.standin.set_config_var(STAGING, "SITE", "a site");
    let run = world.bcops.run(&["run", "staging", "--", "echo \"$SITE\"; echo wrong >&2; exit 3"]);
    let run = run.exits(3).says(&["one-off dyno", STAGING]);
    // A dyno has one output, which becomes standard output here.
    assert_eq!(run.stdout, "a site\nwrong\n");
    let run = world.bcops.run(&["run", "staging", "--", "printf", "[%s]", "it's", "$HOME", ""]);
    assert_eq!(run.exits(0).stdout, "[it's][$HOME][]");
    for (command, code) in [("kill -KILL $$", 137), ("exit 255", 255), ("no-such-command", 127)] {
        let run = world.bcops.run(&["run", "staging", "--", "sh", "-c", command]).exits(code);
        assert!(!run.stderr.contains("error: "), "{}", run.printed());
    }
    assert_eq!(world.bcops.run(&["--quiet", "run", "staging", "--", "true"]).exits(0).stderr, "");
}

#[test]
fn the_dyno_is_as_requested() {
    let world = dyno_world();
    let more = ["--size", "standard-2x", "--env", "GREETING=good day", "--time-limit", "2h"];
    let run = [&["run", "staging"], &more[..], &["--", "echo $GREETING $TERM"]].concat();
    assert_eq!(world.bcops.run(&run).exits(0).stdout, "good day dumb\n");
    let body = world.standin.writes(STAGING).pop().expect("a write").json();
    assert_eq!((&body["size"], &body["force_no_tty"]), (&"standard-2x".into(), &true.into()));
    assert_eq!(body["time_to_live"], 7210);
    for wrong in [["--env", "GREETING"], ["--time-limit", "3d"], ["--time-limit", "soon"]] {
        let run = [&["run", "staging"], &wrong[..], &["--", "true"]].concat();
        world.bcops.run(&run).exits(2);
    }
    world.bcops.run(&["run", "staging"]).exits(2);
}

/// Byte 4 ends the input of a dyno without a terminal, but a file may hold it.
#[test]
fn every_byte_of_a_file_arrives() {
    let world = dyno_world();
    let bytes: Vec<u8> = (0..60_000_u32).flat_map(|one| (one % 7919).to_le_bytes()).collect();
    let input = world.bcops.directory().join("input");
    fs::write(&input, &bytes).expect("a file");
    let save = ["run", "staging", "--", "cat > saved; wc -c < saved"];
    let run = world.bcops.run_reading(&save, &input).exits(0);
    assert_eq!(run.stdout.trim(), bytes.len().to_string());
    let saved = fs::read(world.bcops.directory().join("slug/saved")).expect("a file");
    assert!(saved == bytes, "other bytes");
    let run = world.bcops.run_reading(&["run", "staging", "--", "exit 5"], &input).exits(5);
    assert_eq!(run.stdout, "");
}

#[test]
fn as_a_document() {
    let world = dyno_world();
    let run = ["--json", "run", "staging", "--", "echo out; exit 3"];
    let document = world.bcops.run(&run).exits(3).json();
    assert_eq!((&document["command"], &document["status"]), (&"run".into(), &"failed".into()));
    let result = &document["result"];
    assert_eq!((&result["exit_status"], &result["output"]), (&3.into(), &"out\n".into()));
    assert_eq!((&result["dyno"], &result["app"]), (&"run.1001".into(), &STAGING.into()));
    let run = ["--json", "run", "staging", "--", "head -c 2000000 /dev/zero | tr '\\0' x"];
    let document = world.bcops.run(&run).exits(0).json();
    assert_eq!(document["result"]["output_left_out"], 2_000_000 - (1 << 20));
}

#[test]
fn a_dry_run_starts_nothing() {
    let world = dyno_world();
    let dry = ["run", "staging", "--dry-run", "--env", "TOKEN=s3-secret-key", "--", "make", "a b"];
    let run = world.bcops.run(&dry).exits(0);
    for text in ["make 'a b'", STAGING, "TOKEN", "no dyno was started"] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
    let document = world.bcops.run(&["--json", "shell", "staging", "--dry-run"]).exits(0).json();
    assert_eq!(document["result"]["command"], "bash");
    world.bcops.write("bcops.toml", "[commands]\nshell = \"ash -l\"\n");
    let run = world.bcops.run(&["staging-shell", "--dry-run"]).exits(0);
    assert!(run.stdout.contains("`ash -l`"), "{}", run.stdout);
    let run = world.bcops.run(&["shell", "staging", "--django", "--dry-run"]).exits(0);
    assert!(run.stdout.contains("`python manage.py shell`"), "{}", run.stdout);
    assert_eq!(started(&world), 0);
}

#[test]
fn production_is_refused_by_name_and_by_what_it_is() {
    let world = dyno_world();
    let text = format!("heroku run --exit-code --app {PRODUCTION} -- ls -l");
    world
        .bcops
        .run(&["run", "production", "--", "ls", "-l"])
        .fails(4, &["production", "is protected", "nothing was run", &text]);
    for shell in [&["shell", "production"][..], &["production-shell"]] {
        let text = format!("heroku run --app {PRODUCTION} -- bash");
        world.bcops.run(shell).fails(4, &["is protected", &text]);
    }
    assert!(world.standin.requests().is_empty(), "nothing was even asked");

    // Staging in name, production in fact: its app, its database in a config var or on the line.
    let run = ["run", "staging", "--", "true"];
    let app = format!("app = \"{PRODUCTION}\"");
    world.bcops.describe_the_council("app = \"buckinghamshire-staging\"", &app);
    world.bcops.run(&run).fails(4, &["app", "protected"]);
    world.bcops.write("bcops.toml", "");
    let url = PRODUCTION_URL.replace("/production", &format!("/{PRODUCTION}"));
    let given = format!("DATABASE_URL={url}");
    world
        .bcops
        .run(&["run", "staging", "--env", &given, "--", "true"])
        .fails(4, &["database", "protected"]);
    // Also the cache and the search cluster that a command would write to.
    for (variable, url, what) in [
        ("REDIS_URL", "redis://:secret@redis.example:6379", "Redis"),
        ("BONSAI_URL", "https://user:secret@bonsai.example", "search cluster"),
    ] {
        world.standin.set_config_var(PRODUCTION, variable, url);
        let given = format!("{variable}={url}");
        world
            .bcops
            .run(&["run", "staging", "--env", &given, "--", "true"])
            .fails(4, &[what, "protected"]);
        world.standin.set_config_var(STAGING, variable, url);
        world.bcops.run(&run).fails(4, &[what, "protected"]);
        world.standin.set_config_var(STAGING, variable, "");
    }
    world.standin.set_config_var(STAGING, "DATABASE_URL", &url);
    world.bcops.run(&run).fails(4, &["database", "protected"]);
    assert_eq!(started(&world), 0);
}

#[test]
fn failures_are_reported() {
    let mut world = dyno_world();
    let run = ["run", "staging", "--", "echo said; sleep 1; echo more"];
    world.standin.plan_rendezvous(Rendezvous::CutAfter(5));
    let cut = world.bcops.run(&run).fails(8, &["exit status", "is unknown", "heroku logs --dyno"]);
    assert_eq!(cut.stdout, "said\n");
    for (how, said) in [
        (Rendezvous::Refused, "cannot reach the rendezvous"),
        (Rendezvous::ClosedEarly, "closed before"),
    ] {
        world.standin.plan_rendezvous(how);
        world.bcops.run(&run).fails(8, &[said]);
    }
    world.standin.plan_rendezvous(Rendezvous::Orderly);
    let slow = ["run", "staging", "--time-limit", "1s", "--", "sleep 60"];
    world.bcops.run(&slow).fails(8, &["too long", "asked the dyno to stop", "--time-limit"]);
    world.standin.misbehave(Rule::once("/dynos", Fault::Forbidden).on("POST"));
    world.bcops.run(&run).fails(3, &["lacks permission"]);
    world.bcops.run(&["run", "nowhere", "--", "true"]).fails(2, &["unknown environment"]);
    world.bcops.set("HEROKU_API_KEY", "");
    world.bcops.run(&run).fails(3, &["cannot find a Heroku token", "heroku login"]);
}

#[test]
fn ctrl_c_stops_the_dyno_too() {
    let world = dyno_world();
    let file = world.bcops.directory().join("slug/began");
    let run = world.bcops.start(&["run", "staging", "--", "touch began; sleep 600"]);
    wait::until("the dyno's command begins", || file.exists());
    run.interrupt();
    run.finish().fails(130, &["interrupted", "asked the dyno to stop"]);
    assert_eq!(count(&world.standin, "POST", "/actions/stop"), 1);
}

/// An open pipe delays nothing, and its bytes arrive at once.
#[test]
fn a_pipe_is_forwarded_at_once() {
    let world = dyno_world();
    let command = "read a; echo \"got $a\"; read b; echo \"got $b\"; exit 9";
    let mut program = Command::new(env!("CARGO_BIN_EXE_bcops"));
    let program = world.bcops.in_its_surroundings(&mut program);
    program.args(["run", "staging", "--", command]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = program.spawn().expect("the program");
    let mut pipe = running.stdin.take().expect("a pipe");
    let mut output = BufReader::new(running.stdout.take().expect("a pipe"));
    let mut answer = |said: &str| {
        pipe.write_all(format!("{said}\n").as_bytes()).expect("written");
        let mut line = String::new();
        output.read_line(&mut line).expect("an answer");
        line
    };
    assert_eq!(answer("first"), "got first\n");
    assert_eq!(answer("second"), "got second\n");
    assert_eq!(running.wait().expect("an end").code(), Some(9));
    drop(pipe);
}

/// Apps of Heroku's Fir generation are in private spaces.
#[test]
fn an_app_without_a_rendezvous_is_named_with_herokus_own_command() {
    let world = dyno_world();
    world.standin.set_stack(STAGING, Stack::CloudNative);
    world.standin.plan_rendezvous(Rendezvous::PrivateSpace);
    let run = world.bcops.run(&["run", "staging", "--", "true"]);
    let own = format!("heroku run --app {STAGING}");
    run.fails(8, &["offers no rendezvous", "asked the dyno to stop", &own]);
    assert_eq!(count(&world.standin, "POST", "/actions/stop"), 1);
}
