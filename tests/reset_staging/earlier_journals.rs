//! Tests that this bcops resumes and rolls back runs of an earlier bcops.
//!
//! A run is killed at a step in its own world. The earlier bcops's lines up to that step then
//! replace the run's own lines, with the names and numbers of this world. The files were written by
//! `record_the_journals_of_an_earlier_bcops`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::reset_staging::calm::{calm, reset_by};
use crate::reset_staging::kills::{self, in_worlds, soaks};
use crate::reset_staging::kills_rollback::{self, as_before};
use crate::reset_staging::world::World;

/// A placeholder in a file for values that differ in each world: ports, identifiers, times,
/// commits.
const HERE: &str = "<of this world>";

fn file(way: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reset_staging/earlier_journals")
        .join(format!("{way}.jsonl"))
}

fn written_earlier(way: &str) -> Vec<Value> {
    let text = fs::read_to_string(file(way)).expect("a journal");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn parsed(journal: &[String]) -> Vec<Value> {
    journal.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The key of a line in its journal: the event, its subject, and the number of such lines before
/// it.
type Key = (Vec<String>, usize);

fn with_keys(lines: Vec<Value>) -> Vec<(Key, Value)> {
    let mut counts: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let key = |line: Value| {
        let about = ["event", "step", "name", "key"];
        let words: Vec<String> =
            about.iter().map(|name| line[name].as_str().unwrap_or_default().to_owned()).collect();
        let count = counts.entry(words.clone()).or_default();
        *count += 1;
        ((words, *count), line)
    };
    lines.into_iter().map(key).collect()
}

/// The earlier line with the values of this world.
fn in_this_world(earlier: &Value, own: &Value) -> Value {
    match (earlier, own) {
        (Value::String(text), own) if text == HERE => {
            assert!(!own.is_object() && !own.is_array(), "another form: {own}");
            own.clone()
        }
        (Value::Object(fields), own) => fields
            .iter()
            .map(|(name, value)| (name.clone(), in_this_world(value, &own[name])))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        (Value::Array(items), own) => items
            .iter()
            .enumerate()
            .map(|(index, value)| in_this_world(value, &own[index]))
            .collect::<Vec<_>>()
            .into(),
        (value, _) => value.clone(),
    }
}

/// Replaces the run's own lines with those of the earlier bcops, up to the run's last step.
fn take_the_earlier_lines(world: &World, way: &str) {
    let own: BTreeMap<Key, Value> = with_keys(parsed(&world.journal())).into_iter().collect();
    let earlier = with_keys(written_earlier(way));
    let reached = earlier.into_iter().map_while(|(key, line)| Some((line, own.get(&key)?)));
    let mut text = String::new();
    for (sequence, (line, own)) in (1_u64..).zip(reached) {
        let mut line = in_this_world(&line, own);
        line["sequence"] = sequence.into();
        text.push_str(&format!("{line}\n"));
    }
    assert!(!text.contains(HERE) && text.lines().count() > 20, "{text}");
    fs::write(world.run_folder().expect("a run").join("journal.jsonl"), text).expect("written");
}

type Case = (&'static str, &'static [&'static str]);

/// Where the runs are killed: all of these with `BCOPS_SOAK`, else every other one.
fn cases(offset: usize) -> Vec<Case> {
    let all: [Case; 8] = [
        ("stream", &["\"step_finished\"", "\"keep-tip\""]),
        ("stream", &["\"step_started\"", "\"load\""]),
        ("heroku", &["\"external\"", "\"deploy\""]),
        ("heroku", &["\"external\"", "\"restore\""]),
        ("stream", &["\"step_finished\"", "\"migrate\""]),
        ("heroku", &["\"step_finished\"", "\"sites\""]),
        ("stream", &["\"step_finished\"", "\"open\""]),
        ("stream", &["\"run_finished\""]),
    ];
    let every = if soaks() { 1 } else { 2 };
    all.into_iter().skip(if soaks() { 0 } else { offset }).step_by(every).collect()
}

fn killed_at(world: &World, &(way, entry): &Case) {
    let mut running = world.start(&reset_by(way));
    assert!(world.wait_for_entry(&mut running, entry), "{entry:?} was not reached");
    running.kill();
    take_the_earlier_lines(world, way);
}

#[test]
fn a_run_of_an_earlier_bcops_is_resumed() {
    in_worlds(&cases(0), |world, case| {
        killed_at(world, case);
        kills::check(world, case.0)?;
        // The earlier bcops's lines are reported as written.
        match kind_of_keep_tip(&world.report()) {
            kind if kind == "wait" => Ok(()),
            kind => Err(format!("the step keep-tip is {kind}")),
        }
    });
}

fn kind_of_keep_tip(report: &Value) -> Value {
    let steps = report["steps"].as_array().expect("steps");
    steps.iter().find(|step| step["id"] == "keep-tip").expect("the step")["kind"].clone()
}

/// It pushes a ref, so the guard checks first.
#[test]
fn the_guard_checks_before_the_tip_is_kept() {
    let calm = calm("stream");
    let guarded = calm.line_of(&["\"guarded\"", "\"keep-tip\""]);
    assert!(guarded < calm.line_of(&["\"step_started\"", "\"keep-tip\""]));
}

#[test]
fn a_run_of_an_earlier_bcops_is_rolled_back() {
    in_worlds(&cases(1), |world, case| {
        let before = as_before(world);
        killed_at(world, case);
        kills_rollback::check(world, &before)
    });
}

/// Rewrites the files with the bcops that `BCOPS_TEST_FIRST_PROGRAM` names. Values that differ
/// between two worlds, or name this machine or a commit, become placeholders.
#[test]
#[ignore = "writes into the source"]
fn record_the_journals_of_an_earlier_bcops() {
    for way in ["stream", "heroku"] {
        let [one, other] = [(); 2].map(|()| {
            let world = World::new();
            world.bcops(&reset_by(way)).exits(0);
            with_keys(parsed(&world.journal()))
        });
        assert_eq!(one.len(), other.len(), "another number of lines");
        let lines = one.iter().zip(&other).map(|((key, line), (other_key, other))| {
            assert_eq!(key, other_key);
            format!("{}\n", without_this_world(line, other))
        });
        fs::write(file(way), lines.collect::<String>()).expect("written");
    }
}

/// Long tables are truncated, because no decision depends on them.
const LONGEST_TABLE: usize = 3;

fn without_this_world(line: &Value, other: &Value) -> Value {
    match (line, other) {
        (Value::Object(fields), other) => fields
            .iter()
            .map(|(name, value)| {
                let value = match (name.as_str(), value) {
                    ("host" | "beginning", Value::String(_)) => HERE.into(),
                    ("rows", Value::Array(rows)) => {
                        let first = rows.iter().take(LONGEST_TABLE);
                        let rows = first.zip(other[name].as_array().into_iter().flatten());
                        rows.map(|(row, other)| without_this_world(row, other)).collect()
                    }
                    _ => without_this_world(value, &other[name]),
                };
                (name.clone(), value)
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            items.iter().zip(others).map(|(item, other)| without_this_world(item, other)).collect()
        }
        (Value::String(text), _) if names_something_of_here(text) => HERE.into(),
        (value, other) if value != other => HERE.into(),
        (value, _) => value.clone(),
    }
}

/// A full or abbreviated commit, or an id of Heroku.
fn names_something_of_here(text: &str) -> bool {
    let words = text.split(|one: char| !one.is_ascii_hexdigit() && one != '-');
    words.into_iter().any(|word| matches!(word.len(), 10 | 36 | 40))
}
