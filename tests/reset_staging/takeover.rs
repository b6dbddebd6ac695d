//! Tests a killed run that another person continues with a fresh clone and an empty state folder:
//! by a rollback from the lock only, or by a takeover. Both succeed from every transition.

use crate::command::Bcops;
use crate::reset_staging::calm::{calm, deployed, differences, reset_by};
use crate::reset_staging::kills::in_worlds;
use crate::reset_staging::kills_rollback::{as_before, sample};
use crate::reset_staging::world::{World, visit};
use crate::support::wait;
use crate::whole_site::STAGING;

/// The faults of a staging that should be open and new.
fn is_open(world: &World) -> Result<(), String> {
    let state = world.staging();
    let calm = &calm("stream").state;
    let tip = world.whole.code.origin_tip("refs/heads/staging").map(|tip| tip.to_string());
    let mut wrong = Vec::new();
    if state.maintenance {
        wrong.push("in maintenance".to_owned());
    }
    if state.formation != calm.formation {
        wrong.push(format!("{:?} dynos", state.formation));
    }
    if deployed(world) != tip {
        wrong.push(format!("{:?} is deployed, the tip is {tip:?}", deployed(world)));
    }
    if (&state.users, &state.sites) != (&calm.users, &calm.sites) {
        wrong.push(format!("{:?} {:?}", state.users, state.sites));
    }
    if world.holds_unscrubbed_rows() {
        wrong.push("unscrubbed rows".to_owned());
    }
    let is_left = |line: &&String| line.contains("refs/bcops/lock") || line.contains("unfinished");
    wrong.extend(state.other_references.iter().filter(is_left).cloned());
    for (_, url) in world.whole.hosts() {
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let answer = visit(port).unwrap_or_default();
        if !answer.starts_with("HTTP/1.1 200") {
            wrong.push(format!("{url} answers {}", answer.lines().next().unwrap_or("nothing")));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// Removes the lock, if the run had taken one, and resets staging.
fn take_over(world: &World, other: &Bcops, way: &'static str) -> Result<(), String> {
    if let Some(run) = world.run_on_disk() {
        let unlocked = other.run(&["runs", "unlock", &run, "--confirm", &run, "--force"]);
        if !matches!(unlocked.code, Some(0 | 2)) {
            return Err(unlocked.printed());
        }
    }
    let reset = other.run(&reset_by(way));
    match reset.code {
        Some(0) => is_open(world),
        _ => Err(reset.printed()),
    }
}

#[test]
fn a_killed_run_is_taken_over_by_a_fresh_clone() {
    let mut cases = Vec::new();
    for (way, offset) in [("stream", 41), ("heroku", 23)] {
        cases.extend(sample(calm(way).lines(), 48, offset).into_iter().map(|line| (way, line)));
    }
    in_worlds(&cases, |world, &(way, line)| {
        let visitors = world.send_visitors();
        world.kill_at_line(&reset_by(way), line);
        let other = world.another_operator();
        take_over(world, &other, way)?;
        let exposed = visitors.exposed().len();
        match (exposed, world.production_untouched()) {
            (0, true) => Ok(()),
            (seen, untouched) => Err(format!("{seen} exposed, production untouched: {untouched}")),
        }
    });
}

/// The run that takes over is killed too, and a third one continues.
#[test]
fn a_takeover_that_is_killed_is_taken_over() {
    let line = calm("heroku").line_of(&["\"step_started\"", "\"scrub\""]);
    in_worlds(&[line], |world, &line| {
        world.kill_at_line(&reset_by("heroku"), line);
        let run = world.run_on_disk().expect("a run");
        let unlock = ["runs", "unlock", &run, "--confirm", &run, "--force"];
        world.another_operator().run(&unlock).exits(0);
        // Killed before it has seen that the first run closed staging.
        let told = world.bcops(&["runs", "list"]).exits(0).stdout;
        if !told.contains(&run) || !told.contains("staging is in maintenance") {
            return Err(told);
        }
        let line = calm("heroku").line_of(&["\"step_finished\"", "\"push\""]);
        let mut running = world.start(&reset_by("heroku"));
        let is_another = || world.run_on_disk() != Some(run.clone()) || !running.is_running();
        wait::until("another run begins", is_another);
        world.wait_for_line(&mut running, line);
        running.kill();
        take_over(world, &world.another_operator(), "heroku")
    });
}

#[test]
fn a_killed_run_is_rolled_back_from_its_lock_only() {
    let mut cases = Vec::new();
    for (way, offset) in [("stream", 38), ("heroku", 55)] {
        cases.extend(sample(calm(way).lines(), 60, offset).into_iter().map(|line| (way, line)));
    }
    in_worlds(&cases, |world, &(way, line)| {
        let before = as_before(world);
        let visitors = world.send_visitors();
        world.kill_at_line(&reset_by(way), line);
        let other = world.another_operator();
        let is_locked = |line: &String| line.contains("refs/bcops/lock");
        if let Some(run) = world.run_on_disk()
            && world.staging().other_references.iter().any(is_locked)
        {
            let back = other.run(&["runs", "rollback", &run, "--confirm", STAGING]);
            if back.code != Some(0) {
                return Err(back.printed());
            }
        }
        let now = as_before(world);
        if now != before {
            return Err(format!(
                "{:?}, was {:?}: {}",
                now.1,
                before.1,
                differences(&now.0, &before.0)
            ));
        }
        match visitors.exposed().len() {
            0 => Ok(()),
            seen => Err(format!("unverified rows were reachable {seen} times")),
        }
    });
}

/// The lock's content for a person, without the journal's personal data.
#[test]
fn the_lock_names_the_state_from_before() {
    let world = World::new();
    let tip = world.whole.code.tips["staging"].to_string();
    let line = calm("stream").line_of(&["\"step_started\"", "\"load\""]);
    world.kill_at_line(&reset_by("stream"), line + 1);
    let origin = world.whole.code.origin();
    let text = world.whole.code.git(&origin, &["show", "refs/bcops/lock/staging:lock.json"]);
    let lock: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(lock["run"], world.run_on_disk().expect("a run"));
    assert!(lock["host"].is_string() && lock["since"].is_string(), "{lock:#}");
    let before = &lock["before"];
    assert_eq!(before["tip"], tip);
    assert_eq!(before["app"], STAGING);
    assert_eq!(before["maintenance"], false);
    assert_eq!(before["formation"]["web"]["quantity"], 1);
    assert!(before["backup"]["uuid"].is_string() && before["backup"]["name"].is_string());
    assert!(before["release"]["version"].is_number(), "{before:#}");
    for secret in ["trainee", "@council.example", "HRKU-", "db-password"] {
        assert!(!text.contains(secret), "{secret}");
    }
}
